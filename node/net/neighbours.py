"""The peers a node knows: who is near, what was exchanged, whom to call again and when."""

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from identity.errors import CommonsError, Malformed, NetworkError
from identity.keys import short
from node.net.addresses import parse
from node.net.ports import Link
from node.net.syncer import Syncer

logger = logging.getLogger(__name__)

MAX_KNOWN = 2_000
MAX_ADDRESSES = 8
MAX_CALLS = 8
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 120.0
STRANGER_PAUSE_S = 600.0
TICK_S = 2.0
ENOUGH_LINKS = 6  # members connected, by whoever dialled: beyond that every post only travels more often
WANDER_S = 60.0  # how often one more is visited all the same, so that two well-linked circles find each other
VISIT_S = 10.0


class Caller(Protocol):
    """What dials: the transport."""

    async def dial(self, address: str) -> Link:
        """Connect and open a sync stream."""


@dataclass(slots=True)
class Neighbour:
    """A peer by its device key. Times are ms since the epoch; `pause_s` is how long to wait before the next call.

    `asked` is set for those whom the member named, by an invite or an address: they are called in any case.
    """

    device: bytes
    addresses: list[str] = field(default_factory=list)
    seen_ms: int | None = None
    exchanged: int = 0
    failed_ms: int | None = None
    error: str | None = None
    connected: bool = False
    calling: bool = False
    asked: bool = False
    pause_s: float = FIRST_PAUSE_S
    next_call: float = 0.0


class Neighbours:
    """Dials who is known, serves who comes, and remembers how it went."""

    def __init__(self, syncer: Syncer[Any], now_ms: Callable[[], int], clock: Callable[[], float]) -> None:
        self.syncer = syncer
        self.now_ms = now_ms
        self.clock = clock
        self.known: dict[bytes, Neighbour] = {}
        self.changed: Callable[[], None] = lambda: None
        self._caller: Caller | None = None
        self._wake = asyncio.Event()
        self._next_visit = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop_task: asyncio.Task[None] | None = None

    def start(self, caller: Caller) -> None:
        """Begin to dial."""
        self._caller = caller
        self._loop_task = asyncio.get_running_loop().create_task(self._run(), name="neighbours")

    async def stop(self) -> None:
        """End all calls and sessions."""
        tasks = [*self._tasks, *([self._loop_task] if self._loop_task else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._caller = None

    def learn(self, addresses: Iterable[str], *, asked: bool = True) -> None:
        """Take in addresses, from an invite, the local network or another peer; nonsense is passed over.

        `asked` is False for those that nobody named: they are called while there are few links.
        """
        for text in addresses:
            try:
                device = parse(text).peer
            except Malformed:
                continue
            if device is None or device == self.syncer.me:
                continue
            found = self._find(device)
            if found is not None:
                found.asked = found.asked or asked
            if found is not None and text not in found.addresses:
                found.addresses = [text, *found.addresses][:MAX_ADDRESSES]
                found.next_call, found.pause_s = 0.0, FIRST_PAUSE_S
                self._wake.set()

    def restore(self, rows: Sequence[tuple[bytes, list[str], int | None]]) -> None:
        """Take back who was known before: device, addresses, when last seen."""
        for device, addresses, seen_ms in rows[:MAX_KNOWN]:
            self.known.setdefault(device, Neighbour(device, addresses[:MAX_ADDRESSES], seen_ms))

    def rows(self) -> list[tuple[bytes, list[str], int | None]]:
        """Return who is worth remembering: everybody who was ever reached."""
        return [(n.device, n.addresses, n.seen_ms) for n in self.known.values() if n.addresses and n.seen_ms]

    def addresses_of_members(self, but: bytes) -> list[str]:
        """Return where connected members may be found, to tell another member."""
        trusted = {running.link.peer for running in self.syncer.running.values() if running.trusted}
        return [n.addresses[0] for n in self.known.values() if n.device in trusted - {but} and n.addresses]

    def try_again(self) -> None:
        """Call everybody soon: the network changed, or there is a new space to have in common."""
        for neighbour in self.known.values():
            neighbour.next_call, neighbour.pause_s = 0.0, FIRST_PAUSE_S
        self._wake.set()

    def connected(self) -> list[Neighbour]:
        """Return who is connected now."""
        return [neighbour for neighbour in self.known.values() if neighbour.connected]

    def _find(self, device: bytes) -> Neighbour | None:
        if device not in self.known and len(self.known) >= MAX_KNOWN and not self._forget_one():
            return None
        return self.known.setdefault(device, Neighbour(device))

    def _forget_one(self) -> bool:
        """Make room: a stranger goes first, else who was not seen for longest; tell whether anybody could go."""
        strangers = self.syncer.strangers
        idle = [n for n in self.known.values() if not (n.connected or n.calling or n.asked)]
        gone = min(idle, key=lambda n: (n.device not in strangers, bool(n.addresses), n.seen_ms or 0), default=None)
        if gone is None:
            return False
        del self.known[gone.device]
        strangers.discard(gone.device)
        return True

    async def _run(self) -> None:
        while True:
            await self.syncer.tick()
            self._call_who_is_due()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._until_next()):
                    await self._wake.wait()
            self._wake.clear()

    def _call_who_is_due(self) -> None:
        now = self.clock()
        calling = sum(neighbour.calling for neighbour in self.known.values())
        due = [n for n in self.known.values() if n.addresses and not (n.connected or n.calling) and now >= n.next_call]
        links = sum(running.trusted for running in self.syncer.running.values()) + calling
        for neighbour in due:
            if calling < MAX_CALLS and (neighbour.asked or links < ENOUGH_LINKS):
                calling, links, neighbour.calling = calling + 1, links + 1, True
                self._start(self._call(neighbour))
        rest = [neighbour for neighbour in due if not neighbour.calling]
        if rest and now >= self._next_visit:
            self._next_visit = now + WANDER_S * random.uniform(0.75, 1.25)  # noqa: S311 - only jitter
            guest = random.choice(rest)  # noqa: S311 - likewise
            guest.calling = True
            self._start(self._visit(guest))

    async def _visit(self, neighbour: Neighbour) -> None:
        """Call one more for a moment: enough to exchange what differs."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(VISIT_S):
                await self._call(neighbour)

    def _until_next(self) -> float:
        """Return how long to rest: until somebody is due for a call, at most the tick."""
        now = self.clock()
        idle = (
            n for n in self.known.values() if n.addresses and not n.connected and not n.calling and n.next_call > now
        )
        soonest = min((n.next_call for n in idle), default=self.clock() + TICK_S)
        return min(TICK_S, max(0.05, soonest - self.clock()))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _call(self, neighbour: Neighbour) -> None:
        link = None
        try:
            for address in list(neighbour.addresses):
                try:
                    link = await self._dial(address)
                    break
                except (NetworkError, Malformed) as error:
                    self._note(neighbour, str(error))
        finally:
            neighbour.calling = False
            self._pause(neighbour)
        if link is not None:
            await self.serve(link)

    async def _dial(self, address: str) -> Link:
        if self._caller is None:
            raise NetworkError("the network is not running")
        return await self._caller.dial(address)

    def _pause(self, neighbour: Neighbour) -> None:
        """Wait longer after each call, with jitter, so that a room of laptops does not call in step."""
        neighbour.next_call = self.clock() + neighbour.pause_s * random.uniform(0.75, 1.25)  # noqa: S311 - only jitter
        neighbour.pause_s = min(LONGEST_PAUSE_S, neighbour.pause_s * 2)

    def _note(self, neighbour: Neighbour, error: str | None) -> None:
        neighbour.error = error
        neighbour.failed_ms = self.now_ms() if error else neighbour.failed_ms
        self.changed()

    async def serve(self, link: Link) -> None:
        """Run a session with a peer until it ends, and note how it went."""
        neighbour = self._find(link.peer)
        if neighbour is None:
            await link.close()
            return
        neighbour.connected, neighbour.seen_ms, neighbour.error = True, self.now_ms(), None
        self.changed()
        began = self.clock()
        try:
            await self.syncer.serve(link)
        except NetworkError as error:
            logger.debug("link ended peer=%s error=%s", short(link.peer), error)
        except CommonsError as error:
            logger.info("session ended peer=%s error=%s", short(link.peer), error)
            self._note(neighbour, str(error))
        finally:
            neighbour.connected = link.peer in self.syncer.running
            neighbour.seen_ms = self.now_ms()
            if self.clock() - began > FIRST_PAUSE_S * 4:
                neighbour.pause_s = FIRST_PAUSE_S
            if link.peer in self.syncer.strangers:
                neighbour.pause_s = STRANGER_PAUSE_S
            self._pause(neighbour)
            self.changed()
