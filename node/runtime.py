"""A running node: opens its folder, starts its network, keeps both alive, and stops them cleanly."""

import asyncio
import gc
import logging
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

from crdt.change import LAW
from crdt.history import Accepted
from identity import keyring
from identity.errors import CommonsError, Refused
from identity.keyfile import new_device, new_person, same_person
from identity.keyring import Keyring
from identity.links import read_link
from node.config import Config
from node.connecting import Network
from node.domain.area import require
from node.errands import Errands
from node.importing.jobs import Imports
from node.ingest import belonging, holons, places
from node.ingest.belonging import Self, found_space, knock
from node.ingest.duties import Duties
from node.ingest.hints import Hints
from node.ingest.intake import Arrival
from node.ingest.keeper import Keeper
from node.ingest.profiles import introduce, is_nameless
from node.ingest.road import Road
from node.ingest.spaces import Space
from node.net.neighbours import Neighbours
from node.net.syncer import Syncer
from node.saying import Saying
from node.store import queries, readmodel
from node.store.database import Database
from node.store.peers import read_peers, write_peers
from node.store.pending import PendingRow
from node.store.vault import Vault

logger = logging.getLogger(__name__)
NAME_SETTING = "my name"
PORT_SETTING = "p2p port"


def now_ms() -> int:
    """Return the time in ms since the epoch."""
    return int(time.time() * 1000)


class Node:
    """One member's node. Until somebody has said their name there is a folder and a database, but nobody to act."""

    def __init__(self, folder: Path, config: Config, clock_ms: Callable[[], int] = now_ms) -> None:
        self.folder = folder
        self.config = config
        self.clock_ms = clock_ms
        self.database = Database(folder)
        self.keyring: Keyring | None = None
        self.road: Road
        self.keeper: Keeper
        self.syncer: Syncer[Arrival]
        self.hints: Hints
        self.duties: Duties
        self.neighbours: Neighbours
        self.network: Network | None = None
        self.wants_network = False
        self.saying: Saying
        self._signing: asyncio.Task[None]
        self.imports = Imports()
        self._closed = False
        self.listeners: list[Callable[[Space, Sequence[Accepted]], None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._after = Errands(self._keep, self._after_law)
        self._answering = asyncio.Lock()
        self._introducing = asyncio.Lock()

    # -- opening and closing -----------------------------------------------------------------------------------------

    async def open(self, passphrase: str | None = None) -> None:
        """Lock and open the folder, and the keys where they need no passphrase, or it is given.

        Raises:
            StoreError: if the folder cannot be opened.
            Refused: if the passphrase is wrong.
        """
        gc.freeze()  # what was imported stays; collecting garbage need not look at it
        gc.set_threshold(20_000, 20, 50)
        await self.database.open()
        try:
            await self.database.writer.run(readmodel.create_tables)
            if keyring.exists(self.folder) and (passphrase is not None or not keyring.needs_passphrase(self.folder)):
                await self.unlock(passphrase)
        except BaseException:
            await self.database.close()
            raise

    async def unlock(self, passphrase: str | None) -> None:
        """Open the keys and everything that needs them.

        A folder that turns out to be a restored backup, or a copy, becomes a new device before it writes anything.
        """
        ring = keyring.open_keyring(self.folder, passphrase)
        device = ring.keys.device.public
        heads = await self.database.read(lambda db: queries.own_heads(db, device))
        forked = await self.database.read(lambda db: queries.has_forked(db, device))
        reason = "its log was forked" if forked else keyring.why_restored(self.folder, device, heads)
        if reason is not None:
            logger.warning("folder was restored or copied, the device key is renewed reason=%s", reason)
            ring.renew_device(await self._free_slot(ring), self.clock_ms())
        else:
            keyring.begin(self.folder, device, heads)
        await self.begin(ring)

    async def _free_slot(self, ring: Keyring) -> int | None:
        """Return the slot of this person's next device; None if all are taken, and one of theirs has to end first."""
        road = await self._open_road(ring)
        return places.next_slot(road, road.me)

    async def _open_road(self, ring: Keyring) -> Road:
        keys = ring.keys
        person = keys.person or keys.device.public
        road = Road(self.database, Vault(keys.device, keys.retired), keys.device, person, self.clock_ms)
        road.certificate = keys.certificate
        await road.open()
        return road

    async def begin(self, ring: Keyring) -> None:
        """Let whoever these keys are of act here."""
        self.road = await self._open_road(ring)
        keys = ring.keys
        self.keeper = Keeper(self.road)
        await self.keeper.load_reach()
        self.syncer = Syncer(keys.device.public, self.keeper, time.monotonic)
        self.keeper.syncer = self.syncer
        self.syncer.trusted = self._trust
        self.hints = Hints(self.road, self.syncer)
        self.neighbours = Neighbours(self.syncer, self.clock_ms, time.monotonic)
        self.neighbours.restore(await self.database.read(read_peers))
        self.syncer.learnt = lambda addresses: self.neighbours.learn(addresses, asked=False)
        self.road.heard.append(self._heard)
        self.duties = Duties(self.road, keys.root, self._follow_topics)
        self.keyring = ring  # from here on there is somebody, with everything they need
        self.saying = Saying(self.road, self.config.undo_s)
        self._signing = self._keep(self.saying.run())
        for space in list(self.road.spaces.values()):
            if space.state == "member":
                await belonging.enter(self.road, self.me, space)
                self._keep(self._introduce_again(space))
        self._keep(self.duties.run())
        if self.wants_network:
            await self.start_network()

    async def _follow_topics(self) -> None:
        if self.network is not None:
            await self.network.follow_topics()

    @property
    def is_ready(self) -> bool:
        """Tell whether somebody acts here: they said their name, and the keys are open."""
        return self.keyring is not None

    @property
    def me(self) -> Self:
        """Return who acts here.

        Raises:
            Refused: if nobody does yet.
        """
        if self.keyring is None:
            raise Refused("Nobody has said their name here yet: run `commons init`, or open the first page.")
        keys = self.keyring.keys
        return Self(keys.person or keys.device.public, keys.certificate or b"", keys.root)

    async def name_yourself(
        self, name: str, passphrase: str | None = None, seed: bytes | None = None, slot: int | None = None
    ) -> None:
        """Make this person's keys; with a recovery phrase's seed, those of a new device (in a slot known as free)."""
        if self.keyring is not None or keyring.exists(self.folder):
            raise Refused("Somebody has said their name here already.")
        now = self.clock_ms()
        keys = new_person(now) if seed is None else same_person(now, seed, slot)
        await self.database.transaction(lambda db: queries.keep_setting(db, NAME_SETTING, name))
        await self.begin(keyring.create(self.folder, keys, passphrase))

    async def name(self) -> str:
        """Return what this person wants to be called."""
        return await self.database.read(lambda db: queries.setting(db, NAME_SETTING)) or ""

    async def close(self) -> None:
        """Stop everything; what was acknowledged is on disk."""
        await self.imports.close()
        if self._closed:
            return
        self._closed = True
        await self.stop_network()
        await self.end_tasks()
        if self.keyring is not None:
            await self.keeper.files.close()
            await self.road.work.settle()
            await self.keeper.save_reach()
            await self.save_peers()
            device = self.road.device.public
            heads = await self.database.read(lambda db: queries.own_heads(db, device))
            keyring.note_heads(self.folder, heads)
        await self.database.close()

    async def end_tasks(self) -> None:
        """End what runs beside."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- spaces ----------------------------------------------------------------------------------------------------

    async def found(self, name: str, rules: Mapping[str, Any] | None = None) -> Space:
        """Found a space, under rules that differ from what holds by default, and introduce oneself in it."""
        space = await found_space(self.road, self.me, name, rules)
        await self._introduce(space)
        self.neighbours.try_again()
        return space

    async def join(self, link: str) -> Space:
        """Knock at a space with an invitation; admission follows when its inviter hears of it."""
        space, addresses = await knock(self.road, self.me, link)
        self.neighbours.learn(addresses)
        await self._new_space()
        return space

    async def _new_space(self) -> None:
        """Say hello anew to whoever is connected: there is one more space to have in common."""
        for running in list(self.syncer.running.values()):
            await running.link.close()
        self.neighbours.try_again()

    async def _introduce(self, space: Space) -> None:
        async with self._introducing:  # one after another: the second finds that it is said
            if name := await self.name():
                await introduce(self.road, space, name)

    async def _introduce_again(self, space: Space) -> None:
        if await is_nameless(self.road, space):  # an earlier version kept it otherwise, or they wrote at once
            await self._introduce(space)

    async def _heard(self, space: Space, accepted: Sequence[Accepted], _origin: bytes | None) -> None:
        for listener in self.listeners:
            listener(space, accepted)
        if space.law.has_moved():
            if all(entry.change.header.klass != LAW for entry in accepted):  # else whoever passed it on said so
                await self.syncer.law_changed(space.id)  # who waits at the door hears who vouched
            self._after.stir(space.id)

    async def _after_law(self, id_: bytes) -> None:
        """Do what the law asks of this device: let in who knocked; introduce oneself once let in."""
        space = self.road.spaces[id_]
        self._adopt_certificate(space)
        await self.saying.law_changed(space)
        if space.state == "member":
            await belonging.enter(self.road, self.me, space)
        await self._follow_topics()
        async with self._answering:  # one after another, or a knock would be answered twice
            space = self.road.spaces[space.id]
            if await belonging.answer_knocks(self.road, self.me, space) and self.me.root is not None:
                await belonging.certify_elsewhere(self.road, space)
            for part in holons.parts_here(self.road, space):  # who came in here may have waited there
                await belonging.answer_knocks(self.road, self.me, part)
        if await belonging.follow(self.road, self.road.elsewhere) or self.keeper.has_come_in(space):
            await self._new_space()
        self.road.elsewhere.clear()
        await self.duties.look(space.id)
        if self.road.device.public in space.law.grants and len(space.law.devices_of(self.road.me)) == 1:
            await self._introduce_again(space)  # also where something else was said first

    def _adopt_certificate(self, space: Space) -> None:
        """Take over the certificate that one's other device made for this one."""
        granted = space.law.grants.get(self.road.device.public)
        if self.keyring is not None and self.keyring.keys.certificate is None and granted:
            self.keyring.adopt_certificate(granted[0].certificate)
            self.road.me = granted[0].person

    async def add_to_person(self, link: str, passphrase: str | None = None) -> Space:
        """Make this device one of a person's, by the link that their other device shows."""
        if self.keyring is not None or keyring.exists(self.folder):
            raise Refused("Somebody has said their name here already.")
        invitation = read_link(link)
        require(
            invitation.ticket.purpose == "device", "This link invites a person, not a device: join with it instead."
        )
        await self.begin(keyring.create(self.folder, new_device(self.clock_ms()), passphrase))
        name = invitation.ticket.inviter_name
        await self.database.transaction(lambda db: queries.keep_setting(db, NAME_SETTING, name))
        return await self.join(link)

    # -- saying ----------------------------------------------------------------------------------------------------

    async def say_later(self, space: Space, command: Any) -> int:
        """Keep a command for the undo time before it is signed; returns its number."""
        return await self.saying.later(space, command)

    async def undo(self, number: int) -> list[Any] | None:
        """Take back what was not signed yet; returns its body, None if it is too late."""
        return await self.saying.undo(number)

    async def pending(self) -> list[PendingRow]:
        """Return what waits to be signed."""
        return await self.saying.waiting()

    async def stop_saying(self) -> None:
        """Sign nothing more that waits; it is kept for the next start."""
        self._signing.cancel()
        await asyncio.gather(self._signing, return_exceptions=True)

    # -- network ----------------------------------------------------------------------------------------------------

    async def start_network(self) -> None:
        """Listen, look for neighbours, dial."""
        assert self.keyring is not None  # noqa: S101 - there is somebody by now
        before = await self.database.read(lambda db: queries.setting(db, PORT_SETTING))
        self.network = Network(self.keyring.keys.device.seed, self.neighbours, self.hints)
        await self.network.start(self.config, before or "0")
        port = str(self.network.port)
        await self.database.transaction(lambda db: queries.keep_setting(db, PORT_SETTING, port))

    async def start_network_when_ready(self) -> None:
        """Start the network now, or as soon as somebody has said their name."""
        if self.is_ready:
            await self.start_network()
        else:
            self.wants_network = True

    def _trust(self, peer: bytes) -> list[str]:
        """Let a peer that turned out to belong take part in gossip; returns where others may be found, to tell it."""
        if self.network is not None:
            self.network.trust(peer)
        return [*self.addresses, *self.neighbours.addresses_of_members(but=peer)]

    async def save_peers(self) -> None:
        """Keep where neighbours may be found."""
        rows = self.neighbours.rows()
        await self.database.transaction(lambda db: write_peers(db, rows))

    async def stop_network(self) -> None:
        """Leave the network."""
        if self.network is not None:
            await self.network.stop()
            self.network = None

    @property
    def addresses(self) -> list[str]:
        """Where this node can be dialled; empty while it has no network."""
        return self.network.addresses if self.network is not None else []

    # -- tasks ----------------------------------------------------------------------------------------------------

    def _keep(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, CommonsError):
            logger.warning("task failed error=%s", error)
        elif error is not None:
            logger.error("task failed", exc_info=error)
