"""The history of one space: logs, heads, tips, and what of a batch is accepted.

Pure: it is told what a batch brings and what the store holds of the parents, and answers what to store. Acceptance
never depends on time, on the order of arrival or on local policy. Changes come in *runs* of one log, consecutive
by `prev` from what is held, every dep held or earlier in the batch, and the last one's signature good: through the
chain it vouches for the run.

A *past* is kept as the set of latest law and binding changes that a change has seen, interned: nearly all talk
shares one, so judging costs nothing on the common path (see crdt.pasts, node.domain.law).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

from crdt.change import BINDING, Change
from crdt.pasts import EMPTY_PAST, Pasts

_new = tuple.__new__  # as in crdt.batch
BUCKETS = 256
ROOT_BYTES = 16


class Parent(NamedTuple):
    """What a change inherits from one that is held: its number in the store, its depth (λ), its past."""

    number: int
    depth: int
    past: int


ROOTLESS = Parent(0, 0, EMPTY_PAST)


class Accepted(NamedTuple):
    """A change to store, numbered in order of acceptance."""

    change: Change
    number: int
    depth: int
    past: int
    parents: tuple[int, ...]


class Gap(NamedTuple):
    """What is missing before a log can go on: changes by id, or the log from a sequence number on."""

    author: bytes
    seq: int
    missing: tuple[bytes, ...]


@dataclass(slots=True)
class Log:
    """One device's log as it is held. `forked` is the sequence number from which two branches are known."""

    author: bytes
    number: int
    seq: int = 0
    head: bytes = b""
    parent: Parent = ROOTLESS
    time: int = 0
    forked: int | None = None
    standing: bool = False

    def leaf(self) -> bytes:
        """Return what stands for this log in the space's digest."""
        mark = b"forked" if self.forked is not None else b""
        return blake2b(self.author + self.seq.to_bytes(8, "big") + self.head + mark, digest_size=16).digest()


@dataclass(slots=True)
class Verdict:
    """What of a batch is new, what is known already, what lacks a parent, and what contradicts a log."""

    accepted: list[Accepted] = field(default_factory=list)
    known: int = 0
    gaps: list[Gap] = field(default_factory=list)
    forks: list[Change] = field(default_factory=list)


class History:
    """All logs of one space, in memory: heads, tips and digests; the changes themselves are in the store."""

    def __init__(self) -> None:
        self.logs: dict[bytes, Log] = {}
        self.tips: dict[bytes, Parent] = {}
        self.pasts = Pasts()
        self._buckets: list[bytes | None] = [None] * BUCKETS
        self._members: list[list[Log]] = [[] for _ in range(BUCKETS)]
        self._root: bytes | None = None
        self.size = 0

    # -- digests ------------------------------------------------------------------------------------------------

    def bucket(self, index: int) -> bytes:
        """Return the 8-byte digest of the logs whose author's key starts with this byte."""
        found = self._buckets[index]
        if found is None:
            leaves = sorted(log.leaf() for log in self._members[index] if log.seq or log.forked is not None)
            found = self._buckets[index] = blake2b(b"".join(leaves), digest_size=8).digest() if leaves else bytes(8)
        return found

    def buckets(self) -> bytes:
        """Return all bucket digests, one after another."""
        return b"".join(self.bucket(index) for index in range(BUCKETS))

    def root(self) -> bytes:
        """Return the 16-byte digest of everything held: equal on two nodes if and only if they hold the same."""
        if self._root is None:
            self._root = blake2b(self.buckets(), digest_size=ROOT_BYTES).digest()
        return self._root

    def in_bucket(self, index: int) -> list[Log]:
        """Return the logs of one bucket that hold anything."""
        return [log for log in self._members[index] if log.seq or log.forked is not None]

    def touch(self, log: Log) -> None:
        """Forget the digests that a log is part of; call it after changing the log."""
        self._buckets[log.author[0]] = None
        self._root = None

    def add_log(self, log: Log) -> Log:
        """Begin to keep a log."""
        self.logs[log.author] = log
        self._members[log.author[0]].append(log)
        self.touch(log)
        return log

    # -- acceptance ------------------------------------------------------------------------------------------------

    def as_parent(self, entry: Accepted) -> Parent:
        """Return what a change hands on: its own past, and itself where it is law or binding."""
        change, number, depth, past, _ = entry
        if change.header.klass <= BINDING:
            if not self.pasts.has(number):
                self.pasts.add_law(number, past)
            past = self.pasts.intern((number,))
        return _new(Parent, (number, depth, past))

    def is_branch(self, change: Change) -> bool:
        """Tell whether a change belongs to the forked part of its log."""
        log = self.logs.get(change.header.author)
        return log is not None and log.forked is not None and change.header.seq >= log.forked

    def onward(self, accepted: Sequence[Accepted]) -> Sequence[Accepted]:
        """Return what goes on with its log: all but changes of forked parts."""
        logs = self.logs
        known = {entry.change.header.author for entry in accepted} & logs.keys()
        if all(logs[author].forked is None for author in known):
            return accepted
        return [entry for entry in accepted if not self.is_branch(entry.change)]

    def apply(self, accepted: Sequence[Accepted], new_log: Mapping[bytes, int]) -> None:
        """Take over what was stored; `new_log` numbers the logs that begin here."""
        onward = self.onward(accepted)
        named = {dep for entry in onward for dep in entry.change.header.deps}
        named.update(entry.change.header.prev for entry in onward)
        for id_ in named & self.tips.keys():
            del self.tips[id_]
        self.tips.update((entry.change.id, self.as_parent(entry)) for entry in onward if entry.change.id not in named)
        for entry in {entry.change.header.author: entry for entry in onward}.values():
            header = entry.change.header
            log = self.logs.get(header.author)
            if log is None:
                log = self.add_log(Log(header.author, new_log[header.author]))
            log.seq, log.head, log.time = header.seq, entry.change.id, header.time
            log.parent = self.as_parent(entry)
            self.touch(log)
        self.size += len(accepted)

    def next_deps(self, author: bytes, most: int) -> tuple[bytes, ...]:
        """Return what a new change of this author names: the tips of other logs, oldest first."""
        log = self.logs.get(author)
        own = log.head if log else b""
        others = [(parent.depth, tip) for tip, parent in self.tips.items() if tip != own]
        return tuple(tip for _, tip in sorted(others)[:most])
