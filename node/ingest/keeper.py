"""What sync sessions ask of the node: store this, find that, hand it out well signed."""

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from crdt.batch import MAX_BATCH_BYTES, MAX_BATCH_CHANGES, decode_batch, encode_batch, fitting
from crdt.change import ID_BYTES, LAW, Change, verify_change
from crdt.effects import DeliverBlob
from crdt.history import Accepted
from crdt.sync import News
from identity.errors import BadSignature, Malformed, Refused
from identity.tickets import read_terms
from node.domain.area import require
from node.domain.law.membership import JoinSpace
from node.ingest import holons
from node.ingest.files import Files
from node.ingest.forks import take_proof
from node.ingest.guests import Words, word_for
from node.ingest.intake import Arrival
from node.ingest.papers import believed, own_papers
from node.ingest.road import Road
from node.ingest.spaces import Space
from node.ingest.telling import Part
from node.net.ports import Stored
from node.net.syncer import Syncer
from node.store import log as store_log
from node.store import queries
from node.store.forks import branch_until, read_fork

PORTION_CHANGES = 768
PORTION_BYTES = 448 * 1024
MAX_PUSHED = 64
MAX_PUSHED_BYTES = 512 * 1024
MUCH = 100
MAX_UNKNOWN = 32  # knocks with tickets of devices that this node has not heard of: anybody can make such out
BUSY_DOOR = "Many have knocked here with invitations of people whom nobody here knows yet. Try again later."
BUSY_TICKET = "As many as this invitation is for have knocked already."


class Arriving(NamedTuple):
    """How many changes of a space are here, and of how many in all, about."""

    here: int
    whole: int


class Keeper:
    """The road and the store, as sync sessions see them."""

    def __init__(self, road: Road) -> None:
        self.road = road
        self.syncer: Syncer[Arrival] | None = None
        self.reach: dict[tuple[bytes, bytes], int] = {}
        self.same_until: dict[tuple[bytes, bytes], int] = {}
        self.shown: dict[tuple[bytes, bytes], dict[bytes, int]] = {}
        self.met: dict[bytes, float] = {}
        self.in_sync_spaces: set[bytes] = set()
        self.words = Words(road)
        self.refusals: dict[bytes, str] = {}
        self._refused_to: dict[bytes, set[bytes]] = {}
        self.files = Files(road)
        self.told: Callable[[bytes], None] = lambda _space: None
        road.telling.pass_on = self.pass_on

    @property
    def spaces(self) -> Mapping[bytes, Space]:
        """The spaces of this node."""
        return self.road.spaces

    # -- in ---------------------------------------------------------------------------------------------------------

    def prepare(self, space: bytes, data: bytes) -> Arrival:
        """Decode a batch and open its bodies: all that can be done while an earlier one is being stored.

        Raises:
            Malformed: if it is none.
        """
        batch = decode_batch(data, space)
        view = self.spaces[space]
        pairs = zip(batch.changes, batch.headers, strict=True)
        fresh = ((change, encoded) for change, encoded in pairs if change.id not in view.recent)
        return Arrival(batch, {change.id: view.open(change, encoded) for change, encoded in fresh})

    async def deliver(self, space: bytes, prepared: Arrival, peer: bytes) -> Stored:
        """Store a batch that a peer sent.

        Raises:
            BadSignature, Malformed: if the peer is at fault.
            StoreError: if it could not be stored.
        """
        batch = prepared.batch
        shown = batch.last_seqs()
        recent = self.spaces[space].recent
        if all(change.id in recent for change in batch.changes):  # most pushes: other neighbours were faster
            self.note_shown(space, peer, shown)
            return Stored(shown, (), fresh=False, whole=True)
        before = dict(self.spaces[space].law.forked)
        outcome = await self.road.receive(self.spaces[space], prepared, peer)
        self.note_shown(space, peer, shown)
        forked = self.spaces[space].law.forked
        proven = [author for author in forked if forked[author] != before.get(author)]
        whole = len(outcome.accepted) + outcome.known == len(batch.changes)
        return Stored(shown, outcome.gaps, outcome.branches, proven, bool(outcome.accepted), whole, outcome.lacking)

    async def deliver_knock(self, space: bytes, knocks: bytes, peer: bytes) -> str | None:
        """Store a newcomer's knocks, which have to be the peer's own; returns why they are turned away, if they are.

        A door takes no more knocks than its ticket still lets in, so one ticket cannot fill the members' disks.
        """
        view = self.spaces[space]
        batch = decode_batch(knocks, space)
        if not batch.changes or any(change.header.author != peer for change in batch.changes):
            raise Malformed("a peer knocks with somebody else's change")
        command = view.open(batch.changes[-1]).command
        if not isinstance(command, JoinSpace):
            raise Malformed("a peer knocks with something else")
        terms = read_terms(command.terms, command.terms_signature)
        if batch.changes[-1].id not in view.law.joins:
            try:
                view.law.ticket_holds(terms, self.road.now_ms())
                if terms.purpose == "member" and terms.inviter == self.road.device.public:
                    holons.allow_newcomer(self.road, view, command.person)
                require(view.law.uses_of(terms) + view.law.pending(terms) < terms.uses, BUSY_TICKET)
                known = view.law.person_of(terms.inviter) is not None
                require(known or view.law.pending_unknown() < MAX_UNKNOWN, BUSY_DOOR)
            except Refused as refusal:
                return str(refusal)
        await self.road.receive(view, batch, peer)
        return None

    async def papers(self, space: bytes) -> list[bytes]:
        """Return the changes of law by which this device belongs, each standing alone."""
        return await own_papers(self.road, self.spaces[space])

    async def check_papers(self, space: bytes, papers: list[bytes], peer: bytes) -> None:
        """Open the door to a peer whose papers lead to it from somebody who belongs.

        Raises:
            BadSignature, Malformed: if they are not what their authors signed.
        """
        by = believed(self.spaces[space], papers, peer)
        if by is not None:
            self.spaces[space].believed[peer] = by

    async def word(self, space: bytes, peer: bytes) -> bytes:
        """Return what to tell a peer who knocked and waits."""
        return await word_for(self.road, self.spaces[space], peer)

    async def take_proof(self, space: bytes, one: bytes, other: bytes) -> bool:
        """Take in a proof that a log is forked; tell whether it was news.

        Raises:
            BadSignature, Malformed: if it proves nothing.
        """
        return await take_proof(self.road, self.spaces[space], one, other)

    async def proof(self, space: bytes, author: bytes) -> tuple[bytes, bytes] | None:
        """Return the proof that a log is forked."""
        no = self.spaces[space].index.no
        fork = await self.road.database.read(lambda db: read_fork(db, no, author))
        return (fork.one, fork.other) if fork else None

    async def blob_piece(self, space: bytes, hash_: bytes, offset: int) -> DeliverBlob:
        """Return a piece of a file that belongs to a post of the space."""
        return await self.files.piece(self.spaces[space], hash_, offset)

    async def deliver_blob(self, piece: DeliverBlob, peer: bytes) -> None:
        """Take in a piece of a file, and ask for what comes next."""
        await self.files.take(self.spaces[piece.space], piece, peer)

    async def unlock(self, space: bytes, sealed: bytes, peer: bytes) -> bool:
        """Take in secrets that a peer sealed to this device; tell whether any was new."""
        return await self.road.unlock(self.spaces[space], sealed, peer)

    # -- out --------------------------------------------------------------------------------------------------------

    async def find(self, space: bytes, ranges: Sequence[tuple[bytes, int, int]], ids: Sequence[bytes]) -> list[int]:
        """Return the numbers of what a peer wants, in causal order."""
        index = self.spaces[space].index
        places = [(index.logs[author], first, last) for author, first, last in ranges if author in index.logs]

        def read(connection: Any) -> list[int]:
            named = (store_log.number_of(connection, id_) for id_ in ids if len(id_) == ID_BYTES)
            runs = (branch_until(connection, index, number) for number in named if number)
            return sorted({*store_log.numbers_in(connection, places), *itertools.chain.from_iterable(runs)})

        return await self.road.database.read(read)

    async def portion(self, space: bytes, numbers: Sequence[int]) -> tuple[bytes | None, int]:
        """Return an encoded batch of the first of these numbers, ended where every log's last change is well signed.

        Where the usual size holds no such end, by an author's own doing, it is as large as a batch may be: this node
        has accepted the run from one batch, too. A log that has no end even then is left out.
        """
        index = self.spaces[space].index
        part: list[Change] = []
        for count, size in ((PORTION_CHANGES, PORTION_BYTES), (MAX_BATCH_CHANGES, MAX_BATCH_BYTES)):
            first = numbers[:count]
            changes, erasers = await self.road.database.read(
                lambda db, first=first: store_log.read_with_erasers(db, index, first)  # type: ignore[misc]
            )
            part = fitting(changes, size)
            if ended := _well_ended(part):
                return encode_batch(ended, erasers), len(ended)
        ended = _each_well_ended(part)
        return encode_batch(ended, erasers) if ended else None, len(part) or len(numbers)

    async def pass_on(self, space: Space, parts: Sequence[Part]) -> None:
        """Pass on what one commit stored: the changes where they are few, a hint where they are many."""
        if self.syncer is None:
            return
        self.files.look(space, self.syncer)
        for accepted, origin in together(parts):
            await self._pass_on(self.syncer, space, accepted, origin)

    async def _pass_on(
        self, syncer: Syncer[Arrival], space: Space, accepted: Sequence[Accepted], origin: bytes | None
    ) -> None:
        law = any(entry.change.header.klass == LAW for entry in accepted)
        if not _may_push(accepted):
            if law:
                await syncer.law_changed(space.id)
            await syncer.look_again(space.id, but=origin)
            return
        last = {entry.change.header.author: entry.change.header.seq for entry in accepted}
        data = encode_batch([entry.change for entry in accepted])
        await syncer.push(News(space.id, last, data, law), origin)

    # -- what was learnt of peers -----------------------------------------------------------------------------------

    def reached(self, space: bytes, peer: bytes, seq: int) -> None:
        """Note how far a peer holds this node's own log."""
        key = (space, peer)
        self.reach[key] = max(seq, self.reach.get(key, 0))

    def reached_by(self, space: bytes, device: bytes, seq: int, number: int = 0) -> int:
        """Return how many neighbours are known to hold a change, by its place in a log and its number in the store.

        Of this device's own log every neighbour tells how far they hold it. What others wrote is with whoever sent it,
        and with whoever held the same as this node since it came; of the time before this start nothing is known.
        """
        if device == self.road.device.public:
            return sum(held >= seq for (where, _), held in self.reach.items() if where == space)
        same = {peer for (where, peer), until in self.same_until.items() if where == space and until >= number > 0}
        sent = {peer for (where, peer), seqs in self.shown.items() if where == space and seqs.get(device, 0) >= seq}
        return len(same | sent)

    def note_shown(self, space: bytes, peer: bytes, seqs: Mapping[bytes, int]) -> None:
        """Note how far a peer holds others' logs: it sent them."""
        known = self.shown.setdefault((space, peer), {})
        for author, seq in seqs.items():
            known[author] = max(seq, known.get(author, 0))

    def arriving(self, space: bytes) -> Arriving | None:
        """Return how much of a space is here, while much more of it is on its way."""
        history = self.spaces[space].history
        coming = self.syncer.coming(space) if self.syncer is not None else {}
        held = {author: history.logs[author].seq for author in coming if author in history.logs}
        missing = sum(max(0, seq - held.get(author, 0)) for author, seq in coming.items())
        return Arriving(history.size, history.size + missing) if missing >= MUCH else None

    async def load_reach(self) -> None:
        """Read how far own posts had travelled before."""
        me = self.road.device.public
        self.reach = await self.road.database.read(lambda db: queries.reach(db, me))

    async def save_reach(self) -> None:
        """Write down how far own posts have travelled."""
        me = self.road.device.public
        rows = [
            (self.spaces[space].index.no, device, self.spaces[space].index.logs[me], seq)
            for (space, device), seq in self.reach.items()
            if me in self.spaces[space].index.logs
        ]
        await self.road.database.transaction(lambda db: queries.keep_reach(db, rows))

    def in_sync(self, space: bytes, peer: bytes) -> None:
        """Note that a peer holds the same as this node: its own log too."""
        self.met[peer] = time.time()
        self.in_sync_spaces.add(space)
        tips = self.spaces[space].history.tips.values()
        self.same_until[space, peer] = max((tip.number for tip in tips), default=0)
        self.shown.pop((space, peer), None)
        self.spaces[space].secrets.note_law_of(peer)
        if self.syncer is not None:
            self.files.look(self.spaces[space], self.syncer)
        log = self.spaces[space].history.logs.get(self.road.device.public)
        if log is not None:
            self.reached(space, peer, log.seq)

    def turned_away(self, space: bytes, words: str) -> None:
        """Note why a member's node did not take this node's knock, and where one belonged by then."""
        self.refusals[space] = words
        self._refused_to[space] = {id_ for id_, view in self.spaces.items() if view.state == "member"}
        self.told(space)

    def has_come_in(self, space: Space) -> bool:
        """Tell, once, whether one came into a space after one was turned away elsewhere: that door may be open now."""
        if space.state != "member":
            return False
        shut = [self._refused_to[door] for door in self.refusals if space.id not in self._refused_to[door]]
        for belonged in shut:
            belonged.add(space.id)
        return bool(shut)

    def waiting(self, space: bytes, peer: bytes, inviter: bytes, word: bytes) -> None:
        """Note whose device has to let this node in, and how far that is, as a peer says.

        Raises:
            Malformed: if the peer says nothing of the kind.
        """
        news = self.words.take(self.spaces[space], peer, inviter, word)
        if self.refusals.pop(space, None) or news:  # a later knock was taken
            self.told(space)


def together(parts: Sequence[Part]) -> list[Part]:
    """Return what was stored in one commit as one part, if one push holds it."""
    every = [entry for accepted, _ in parts for entry in accepted]
    origins = {origin for _, origin in parts}
    return [(every, origins.pop() if len(origins) == 1 else None)] if _may_push(every) else list(parts)


def _may_push(accepted: Sequence[Accepted]) -> bool:
    """Tell whether changes are few enough to be pushed, and all with their bodies."""
    size = sum(len(entry.change.body or b"") for entry in accepted)
    whole = all(entry.change.body is not None for entry in accepted)
    return whole and len(accepted) <= MAX_PUSHED and size <= MAX_PUSHED_BYTES


def _well_ended(changes: list[Change]) -> list[Change]:
    """Drop changes from the end until the last of every log is well signed.

    A signature inside a run may be bad, by its author's own doing; the run was accepted for the good one behind it.
    """
    ends = {change.header.author: change for change in changes}
    if all(_signed(change) for change in ends.values()):
        return changes
    unsigned: set[bytes] = set()
    length = 0
    for position, change in enumerate(changes, 1):
        (unsigned.discard if _signed(change) else unsigned.add)(change.header.author)
        length = length if unsigned else position
    return changes[:length]


def _each_well_ended(changes: list[Change]) -> list[Change]:
    """Drop from every log what comes after its last well signed change."""
    last = {change.header.author: change.header.seq for change in changes if _signed(change)}
    return [change for change in changes if change.header.seq <= last.get(change.header.author, 0)]


def _signed(change: Change) -> bool:
    try:
        verify_change(change)
    except BadSignature:
        return False
    return True
