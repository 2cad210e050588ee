"""The law of a space worked out from changes alone: no store, no node, nothing that was known before.

Whoever holds the changes of a log, even with the bodies of talk left out, comes to the same law: every change names
what it rests on by hashes, so its past is what it signed, not what somebody says it was.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from crdt.change import BINDING, Change, verify_change
from crdt.history import ROOTLESS, History, Log, Parent
from crdt.pasts import EMPTY_PAST
from identity.errors import BadSignature, Malformed
from node.domain.law.fold import Ends, Law
from node.domain.law.records import LawChange

_UNREAD = "its body cannot be read here"


class _Held(NamedTuple):
    author: bytes
    seq: int
    parent: Parent


class Replay:
    """Changes folded one after another, parents first; `law` is what they amount to."""

    def __init__(self, space: bytes) -> None:
        self.space = space
        self.history = History()
        self.law = Law(self.history.pasts, space)
        self.law.latest = self._latest
        self.numbers: dict[bytes, int] = {}
        self._held: dict[bytes, _Held] = {}
        self._places: dict[tuple[bytes, int], bytes] = {}
        self._unsigned: dict[bytes, bytes] = {}

    def take(self, change: Change, command: Any = None) -> None:
        """Take the next change; a law change whose command is not known has no effect.

        Raises:
            Malformed: if it belongs elsewhere, is here already, or rests on something that is not.
        """
        header = change.header
        if (header.space or change.id) != self.space or bool(header.space) == (change.id == self.space):
            raise Malformed("a change belongs to another space")
        if change.id in self._held:
            raise Malformed("a change is there twice")
        parent = self._connect(change)
        number, depth, past = parent
        if header.klass <= BINDING:
            self.history.pasts.add_law(number, past)
            self._judge(change, command, parent)
            past = self.history.pasts.intern((number,))
        self._held[change.id] = _Held(header.author, header.seq, Parent(number, depth, past))
        self.numbers[change.id] = number
        self._note(change)

    def _connect(self, change: Change) -> Parent:
        header = change.header
        names = (*header.deps, header.prev) if header.prev else header.deps
        missing = next((name for name in names if name not in self._held), None)
        if missing is not None:
            raise Malformed(f"a change rests on {missing.hex()[:8]}, which does not come before it")
        if header.prev:
            before = self._held[header.prev]
            if (before.author, before.seq) != (header.author, header.seq - 1):
                raise Malformed("a change does not follow the one before it in its log")
        parents = [self._held[name].parent for name in names] or [ROOTLESS]
        past = self.history.pasts.join([parent.past for parent in parents]) if names else EMPTY_PAST
        return Parent(len(self._held) + 1, max(parent.depth for parent in parents) + 1, past)

    def _latest(self) -> Ends:
        forked = self.law.forked
        held = self._held.values()
        return [(h.author, h.seq, h.parent.past) for h in held if h.seq < forked.get(h.author, h.seq + 1)]

    def _judge(self, change: Change, command: Any, parent: Parent) -> None:
        if command is None:
            self.law.refused[parent.number] = _UNREAD
            return
        header = change.header
        place = (change.id, parent.number, header.author, header.seq, header.time, parent.past)
        self.law.judge(LawChange(*place, command, parent.depth))

    def _note(self, change: Change) -> None:
        """Keep the head of each log, where logs are forked, and which ends are not well signed."""
        header = change.header
        other = self._places.setdefault((header.author, header.seq), change.id)
        if other != change.id:
            self._fork(header.author, header.seq)
        log = self.history.logs.get(header.author)
        if log is None:
            log = self.history.add_log(Log(header.author, len(self.history.logs) + 1))
        log.forked = self.law.forked.get(header.author)
        if header.seq > log.seq:
            log.seq, log.head, log.time = header.seq, change.id, header.time
        self.history.touch(log)
        self.history.size += 1
        self._unsigned.pop(header.prev, None)  # a good signature vouches for the run before it
        try:
            verify_change(change)
        except BadSignature:
            self._unsigned[change.id] = header.author

    def take_proof(self, one: Change, other: Change) -> None:
        """Take two changes for one place in a log: from there on it is void, whichever of them came here.

        Raises:
            Malformed, BadSignature: if they prove nothing.
        """
        place, beside = one.header, other.header
        if one.id == other.id or (place.author, place.seq) != (beside.author, beside.seq):
            raise Malformed("two changes that prove no fork")
        if place.space != self.space or beside.space != self.space:
            raise Malformed("a change belongs to another space")
        verify_change(one)
        verify_change(other)
        self._fork(place.author, place.seq)

    def _fork(self, author: bytes, seq: int) -> None:
        self.law.forked[author] = min(seq, self.law.forked.get(author, seq))
        log = self.history.logs.get(author)
        if log is not None:
            log.forked = self.law.forked[author]
            self.history.touch(log)

    def unsigned(self) -> Iterator[bytes]:
        """Yield the changes that neither their own signature nor a later one vouches for."""
        return iter(self._unsigned)
