"""A node with everything real but its disk and its wires: a second, small implementation of the road and the keeper.

History, law, the fold of posts, signatures and sync sessions are the program's own; only SQLite and sealing are left
out (bodies are public). What is written is lost in a crash until an fsync has passed.
"""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from simulated_space import Disk, SimSpace

from crdt.batch import Batch, decode_batch, encode_batch, unbroken
from crdt.change import (
    LAW,
    MAX_DEPS,
    MAX_LAW_DEPS,
    Change,
    Header,
    decode_change,
    encode_body,
    encode_change,
    make,
)
from crdt.history import Accepted, History, Verdict
from crdt.sync import News
from identity.certificates import SLOTS, certify
from identity.errors import NetworkError, Refused
from identity.keys import SigningKey
from identity.tickets import Invitation, Offer, draw_up, prove
from node.domain.area import wire_fields
from node.domain.documents import EditDocument, blank, fold_edits, page_id
from node.domain.law.fold import Join
from node.domain.law.membership import LAW_VERSION, AdmitMember, CertifyDevice, FoundSpace, JoinSpace
from node.net.ports import Stored
from node.net.syncer import Syncer

EPOCH_MS = 1_790_000_000_000
DAY_MS = 86_400_000
PORTION_CHANGES = 24
MAX_PUSHED = 8  # few, so that hints in the place of pushes are common here


@dataclass(frozen=True, slots=True)
class Self:
    """Who a node is: its person's root key, its device's key, the device's certificate."""

    root: SigningKey
    device: SigningKey
    certificate: bytes

    @classmethod
    def draw(cls, rng: random.Random, root: SigningKey | None = None) -> "Self":
        """Return somebody new, or another device of a person."""
        slot = 0 if root is None else rng.randrange(1, SLOTS)
        root = root or SigningKey(rng.randbytes(32))
        device = SigningKey(rng.randbytes(32))
        return cls(root, device, certify(root, device.public, slot, EPOCH_MS))


@dataclass
class Incoming:
    """A decoded batch; `writing` is set once it is on its way to the disk."""

    batch: Batch
    writing: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Surroundings:
    """What the simulation gives a node: its clock, its luck, and who hears what became durable."""

    rng: random.Random
    clock: Callable[[], float]
    durable: Callable[[Change], None]
    acknowledged: Callable[[bytes, bytes, int], None]  # author, by whom, up to which seq
    fsync_s: float = 0.02


@dataclass
class SimNode:
    """A node: node.net.syncer.Keeper over a simulated disk."""

    me: Self
    around: Surroundings
    disk: Disk = field(default_factory=Disk)
    skew_ms: int = 0
    jumps: bool = False
    spaces: dict[bytes, SimSpace] = field(default_factory=dict)
    reach: dict[bytes, int] = field(default_factory=dict)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    answering: bool = False

    def __post_init__(self) -> None:
        self.syncer = Syncer(self.me.device.public, self, self.around.clock)

    @property
    def key(self) -> bytes:
        """The device's key."""
        return self.me.device.public

    @property
    def space(self) -> SimSpace:
        """The one space of the simulation."""
        return next(iter(self.spaces.values()))

    def now_ms(self) -> int:
        """Return what this node's clock shows."""
        jump = self.around.rng.randrange(-DAY_MS, DAY_MS) if self.jumps else 0
        return EPOCH_MS + int(self.around.clock() * 1000) + self.skew_ms + jump

    # -- the road -----------------------------------------------------------------------------------------------------

    async def submit(self, command: Any) -> Change:
        """Sign a command and store it; durable when this returns."""
        async with self.lock:
            change = self._sign(command)
            space = self.space if self.spaces else self._begin(change.id)
            kept, _ = space.judge(Batch([change], {}))
            assert kept, "an own change was not accepted"
            await self._store(space, kept, {})
        self.around.durable(change)
        await self._tell(space, kept, None)
        return change

    async def receive(
        self, space: SimSpace, batch: Batch, peer: bytes, writing: asyncio.Event | None = None
    ) -> Verdict:
        """Take in what a peer sent; durable when this returns."""
        async with self.lock:
            kept, verdict = space.judge(batch)
            if writing is not None:
                writing.set()
            if kept:
                await self._store(space, kept, batch.erasers)
        if kept:
            await self._tell(space, kept, peer)
        return verdict

    async def _store(self, space: SimSpace, kept: Sequence[Accepted], erasers: dict[bytes, Change]) -> None:
        self.disk.pending.append([(entry.change, erasers.get(entry.change.id)) for entry in kept])
        try:
            await asyncio.sleep(self.around.rng.random() * self.around.fsync_s)
        except asyncio.CancelledError:  # its link ended: the disk goes on by itself, what memory held is read anew
            self.disk.sync()
            self.load()
            raise
        self.disk.sync()
        space.keep(kept, erasers)

    async def _tell(self, space: SimSpace, kept: Sequence[Accepted], origin: bytes | None) -> None:
        law = any(entry.change.header.klass == LAW for entry in kept)
        if len(kept) > MAX_PUSHED or any(entry.change.body is None for entry in kept):
            if law:
                await self.syncer.law_changed(space.id)
        else:
            last = {entry.change.header.author: entry.change.header.seq for entry in kept}
            data = encode_batch([entry.change for entry in kept])
            try:
                await self.syncer.push(News(space.id, last, data, law), origin)
            except NetworkError as error:
                raise AssertionError("one broken link stops what goes to the others") from error
        if law:
            await self.answer_knocks()

    async def edit_page(self, title: str | None, change: Callable[[str], str]) -> None:
        """Edit the space's page as it stands here; one edit after another, for each builds on the last."""
        async with self.writing:
            document = blank(page_id(), self.key)
            fold_edits(document, self.space.facts.get(page_id(), {}).values())
            field = document.put_fields({"title": title}) if title else None
            for edit in [*([field] if field else []), *document.splice_text("body", change(document.text("body")))]:
                await self.submit(EditDocument(page_id(), edit))

    def _sign(self, command: Any) -> Change:
        founding = isinstance(command, FoundSpace)
        history = History() if founding else self.space.history
        log = history.logs.get(self.key)
        deps = history.next_deps(self.key, MAX_LAW_DEPS if command.klass == LAW else MAX_DEPS)
        place = (log.seq + 1, log.head) if log else (1, b"")
        time = max(self.now_ms(), log.time if log else 0)
        space = b"" if founding else self.space.id
        header = Header(space, self.key, *place, deps, time, command.klass, b"", b"", 0)
        return make(header, encode_body(command.kind, wire_fields(command)), self.me.device, None)

    def _begin(self, id_: bytes) -> SimSpace:
        space = self.spaces[id_] = SimSpace(id_, self.key)
        return space

    def load(self) -> None:
        """Read everything anew from the disk, as after a crash."""
        if not self.disk.synced:
            return
        first = self.disk.synced[0][0]
        space = self._begin(first.header.space or first.id)
        erasers = {change.id: eraser for change, eraser in self.disk.synced if eraser is not None}
        kept, _ = space.judge(Batch([change for change, _ in self.disk.synced], erasers))
        space.keep(kept, erasers)
        mine = space.rows[space.numbers[first.id]].change
        space.knock = encode_change(mine) if mine.header.author == self.key and mine.header.space else None

    # -- belonging ---------------------------------------------------------------------------------------------------

    async def found(self) -> Change:
        """Found the space."""
        return await self.submit(FoundSpace(LAW_VERSION, self.me.certificate, [], []))

    def invite(self, purpose: Any, uses: int = 1) -> Invitation:
        """Make out a ticket by this node's own clock."""
        one_time = SigningKey(self.around.rng.randbytes(32))
        offer = Offer(self.space.id, "space", "inviter", self.now_ms() + 30 * DAY_MS, bytes(32), uses, purpose)
        return draw_up(self.me.device, offer, one_time)

    async def knock(self, invitation: Invitation) -> None:
        """Begin to join a space."""
        space = self._begin(invitation.ticket.space)
        person = self.me.root.public
        certificate = self.me.certificate if invitation.ticket.purpose == "member" else b""
        proof = prove(invitation, self.key, person)
        command = JoinSpace(invitation.terms, invitation.signature, proof, person, certificate)
        space.knock = encode_change(await self.submit(command))

    async def answer_knocks(self) -> None:
        """Let in whoever proved a ticket of this device's that still holds."""
        if self.answering:
            return
        self.answering = True
        try:
            while (join := self._next_knock()) is not None:
                await self.submit(self._answer(self.space, join))
        finally:
            self.answering = False

    def _next_knock(self) -> Join | None:
        for join in self.space.law.waiting(self.key):
            try:
                self.space.law.ticket_holds(join.terms, self.now_ms())
            except Refused:
                continue
            return join
        return None

    def _answer(self, space: SimSpace, join: Join) -> Any:
        if join.terms.purpose == "member":
            return AdmitMember(join.change.id, [])
        person = self.me.root.public
        slots = {grant.slot for grants in space.law.grants.values() for grant in grants if grant.person == person}
        slot = next(slot for slot in range(SLOTS) if slot not in slots)
        return CertifyDevice(join.change.id, certify(self.me.root, join.change.author, slot, self.now_ms()), [])

    # -- node.net.syncer.Keeper --------------------------------------------------------------------------------------

    def prepare(self, space: bytes, data: bytes) -> Incoming:
        return Incoming(decode_batch(data, space))

    async def deliver(self, space: bytes, incoming: Incoming, peer: bytes) -> Stored:
        batch = incoming.batch
        verdict = await self.receive(self.spaces[space], batch, peer, incoming.writing)
        assert not verdict.forks, "an honest log shows as forked"
        shown = {change.header.author: change.header.seq for change in batch.changes}
        whole = len(verdict.accepted) + verdict.known == len(batch.changes)
        return Stored(shown, verdict.gaps, fresh=bool(verdict.accepted), whole=whole)

    async def deliver_knock(self, space: bytes, change: bytes, peer: bytes) -> None:
        knock = decode_change(change)
        assert knock.header.author == peer
        await self.receive(self.spaces[space], Batch([knock], {}), peer)

    async def papers(self, _space: bytes) -> list[bytes]:
        return []

    async def check_papers(self, space: bytes, papers: list[bytes], peer: bytes) -> None:
        raise AssertionError(f"nobody here shows papers: {papers!r} of {peer!r} in {space!r}")

    async def word(self, space: bytes, peer: bytes) -> bytes:
        return peer if space in self.spaces else b""

    async def take_proof(self, space: bytes, one: bytes, other: bytes) -> bool:
        raise AssertionError(f"an honest log shows as forked: {one!r} {other!r} in {space!r}")

    async def proof(self, _space: bytes, _author: bytes) -> tuple[bytes, bytes] | None:
        return None

    async def unlock(self, space: bytes, sealed: bytes, peer: bytes) -> bool:
        assert (space in self.spaces, sealed, peer != self.key) == (True, self.key, True)
        return False

    async def find(self, space: bytes, ranges: Sequence[tuple[bytes, int, int]], ids: Sequence[bytes]) -> list[int]:
        held = self.spaces[space]
        places = (held.places.get(author, [])[first - 1 : last] for author, first, last in ranges)
        named = {held.numbers[id_] for id_ in ids if id_ in held.numbers}
        return sorted(named.union(*places))

    async def portion(self, space: bytes, numbers: Sequence[int]) -> tuple[bytes | None, int]:
        held = self.spaces[space]
        part = unbroken([held.rows[number].change for number in numbers[:PORTION_CHANGES]])
        return encode_batch(part, held.erasers), len(part)

    def reached(self, _space: bytes, peer: bytes, seq: int) -> None:
        self.reach[peer] = max(seq, self.reach.get(peer, 0))
        self.around.acknowledged(self.key, peer, seq)

    def note_shown(self, _space: bytes, peer: bytes, last_seqs: Mapping[bytes, int]) -> None:
        assert (peer != self.key, bool(last_seqs)) == (True, True)

    def in_sync(self, space: bytes, peer: bytes) -> None:
        log = self.spaces[space].history.logs.get(self.key)
        self.reached(space, peer, log.seq if log else 0)

    def waiting(self, _space: bytes, peer: bytes, inviter: bytes, word: bytes) -> None:
        assert (inviter != self.key, peer != self.key, word) == (True, True, self.key)
