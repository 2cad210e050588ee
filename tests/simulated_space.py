"""A simulated disk, and one space in memory: a second, small implementation of node.ingest.spaces and intake."""

import functools
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from crdt.acceptance import judge
from crdt.batch import Batch
from crdt.change import EDIT, LAW, TALK, Change, Header, open_change
from crdt.history import Accepted, History, Parent, Verdict
from node.domain.area import Erased, Fact, kind_of, read_command
from node.domain.documents import DocumentRow
from node.domain.law.fold import Law, LawChange
from node.domain.law.membership import FoundSpace
from node.domain.posts import RetractPost

NO_KEYS = b"\x00" * 8
Kept = tuple[Change, Change | None]  # a change, and what erased its body


class Disk:
    """What survives a crash: transactions whose fsync has passed, and perhaps some that were on their way."""

    def __init__(self) -> None:
        self.synced: list[Kept] = []
        self.pending: list[list[Kept]] = []
        self.seqs: dict[bytes, int] = {}  # of each log, how far it is synced

    def sync(self) -> None:
        """Make everything written durable."""
        self.crash(len(self.pending))

    def crash(self, survive: int) -> None:
        """Lose what was not synced, but for the first `survive` transactions."""
        for transaction in self.pending[:survive]:
            self.synced += transaction
            self.seqs.update((change.header.author, change.header.seq) for change, _ in transaction)
        self.pending.clear()


class SimSpace:
    """One space in memory: what crdt.effects.SpaceView asks for, and the road's judgement and folding."""

    def __init__(self, id_: bytes, me: bytes) -> None:
        self.id = id_
        self.me = me
        self.history = History()
        self.law = Law(self.history.pasts, id_)
        self.knock: bytes | None = None
        self.rows: dict[int, Accepted] = {}
        self.places: dict[bytes, list[int]] = {}  # of each log, the number of each change
        self.numbers: dict[bytes, int] = {}
        self.parents: dict[bytes, Parent] = {}
        self.erasers: dict[bytes, Change] = {}
        self.facts: dict[bytes, dict[bytes, Fact]] = {}
        self.retractions: dict[bytes, list[Change]] = {}
        self.standing: set[bytes] = set()
        self.hidden: set[bytes] = set()
        self._next_number = 1

    # -- crdt.effects.SpaceView -------------------------------------------------------------------------------------

    def discovery_key(self) -> bytes:
        return blake2b(self.id, digest_size=32).digest()

    def is_open(self) -> bool:
        return self.me in self.law.grants

    def has_left(self) -> bool:
        return False

    def in_standing(self, device: bytes) -> bool:
        return device in self.law.grants

    def my_knock(self) -> bytes | None:
        return self.knock

    def inviter_of(self, device: bytes) -> bytes | None:
        return next((join.terms.inviter for join in self.law.joins.values() if join.change.author == device), None)

    def keys_digest(self) -> bytes:
        return NO_KEYS

    def keys_for(self, device: bytes) -> bytes:
        return device

    def keys_missed(self) -> set[bytes]:
        return set()

    # -- taking in ----------------------------------------------------------------------------------------------------

    def judge(self, batch: Batch) -> tuple[list[Accepted], Verdict]:
        """Return what of a batch is kept: what its history accepts, without strangers and what rests on them."""
        changes = [change for change in batch.changes if change.header.author not in self.hidden]
        verdict = judge(self.history, changes, self.parents, self._next_number)
        self._next_number += len(verdict.accepted)
        kept: list[Accepted] = []
        left_out: set[int] = set()
        for entry in verdict.accepted:
            if left_out.isdisjoint(entry.parents) and self._belongs(entry):
                kept.append(entry)
            else:
                left_out.add(entry.number)
        return kept, verdict

    def _belongs(self, entry: Accepted) -> bool:
        author, command = entry.change.header.author, _command(entry.change)
        if author not in self.standing and self.law.in_standing(author, entry.past):
            self.standing.add(author)
        if entry.change.header.klass == LAW and command is not None:
            header = entry.change.header
            place = (entry.change.id, entry.number, author, header.seq, header.time, entry.past)
            if self.law.judge(LawChange(*place, command)) and isinstance(command, FoundSpace):
                self.standing.add(author)
        return author in self.standing or (entry.change.header.seq == 1 and entry.change.id in self.law.joins)

    def keep(self, kept: Sequence[Accepted], erasers: dict[bytes, Change]) -> None:
        """Take over what is on disk now, and fold it."""
        authors = {entry.change.header.author for entry in kept}
        fresh = sorted(authors - self.history.logs.keys())
        self.history.apply(kept, {author: len(self.history.logs) + at for at, author in enumerate(fresh)})
        for entry in kept:
            change = entry.change
            self.rows[entry.number] = entry
            self.places.setdefault(change.header.author, []).append(entry.number)
            self.numbers[change.id] = entry.number
            self.parents[change.id] = self.history.as_parent(entry)
            self._gather(entry, erasers.get(change.id))
            for retraction in self.retractions.get(change.id, ()):
                self._erase(change.id, retraction)

    def _gather(self, entry: Accepted, eraser: Change | None) -> None:
        change = entry.change
        command: Any = _command(change)
        if change.body is None:
            assert eraser is not None
            retract = _command(eraser)
            assert isinstance(retract, RetractPost)
            assert change.id in retract.erases()
            self.erasers[change.id] = eraser
            command = Erased()
        kind = kind_of(command.kind) if command is not None else None
        subject = (kind.subject(command) if kind else None) or change.id
        if command is not None and TALK <= change.header.klass <= EDIT:
            self.facts.setdefault(subject, {})[change.id] = self._fact(entry, command)
        if isinstance(command, RetractPost):
            for target in command.erases():
                self.retractions.setdefault(target, []).append(change)
                self._erase(target, change)

    def _fact(self, entry: Accepted, command: Any) -> Fact:
        author = entry.change.header.author
        person = self.law.person_of(author) or author
        place = (entry.change.id, entry.number, entry.depth, entry.change.header.time, 0, 0)
        return Fact(*place, author=author, person=person, command=command)

    def _erase(self, id_: bytes, retraction: Change) -> None:
        entry = self.rows.get(self.numbers.get(id_, 0))
        if entry is None or entry.change.body is None or entry.change.header.klass < TALK:
            return
        if self.law.person_of(entry.change.header.author) != self.law.person_of(retraction.header.author):
            return
        self.rows[entry.number] = entry._replace(change=entry.change._replace(body=None))
        self.erasers[id_] = retraction
        for facts in self.facts.values() if entry.change.header.klass != TALK else [self._subject(entry.change)]:
            if id_ in facts:
                facts[id_] = facts[id_]._replace(command=Erased())

    def _subject(self, change: Change) -> dict[bytes, Fact]:
        command: Any = _command(change)
        kind = kind_of(command.kind) if command is not None else None
        return self.facts.get((kind.subject(command) if kind else None) or change.id, {})

    # -- what it amounts to -------------------------------------------------------------------------------------------

    def digest(self) -> bytes:
        """Return a digest of everything folded, free of this node's own numbers."""
        hasher = blake2b(digest_size=16)
        for subject, facts in sorted(self.facts.items()):
            fold = next((kind.fold for fact in facts.values() if (kind := kind_of(fact.command.kind))), None)
            itself = self.rows.get(self.numbers.get(subject, 0))
            own = [] if itself is None else [self._fact(itself, _command(itself.change) or Erased())]
            row = fold(list({fact.id: fact for fact in (*own, *facts.values())}.values())) if fold else None
            if isinstance(row, DocumentRow):
                hasher.update(repr(row._replace(space=0, number=0)).encode())
            elif row is not None:
                hasher.update(repr((subject, row[3:])).encode())
        for device, grants in sorted(self.law.grants.items()):
            hasher.update(repr((device, [(grant.person, grant.slot, grant.inviter) for grant in grants])).encode())
        joins = sorted((id_, join.admitted) for id_, join in self.law.joins.items())
        refused = sorted((self.rows[number].change.id, why) for number, why in self.law.refused.items())
        hasher.update(repr((joins, refused)).encode())
        return hasher.digest()


def _command(change: Change) -> Any:
    return None if change.body is None else _read(change.id, change.header, change.body)


@functools.lru_cache(maxsize=1 << 14)
def _read(id_: bytes, header: Header, body: bytes) -> Any:
    """Read a body once for all nodes of this thread: most of the time would go into the same certificates."""
    return read_command(open_change(Change(id_, b"", header, body), None))
