"""What of a batch is accepted into a history.

Acceptance never depends on time, on the order of arrival or on local policy. Changes come in *runs* of one log,
consecutive by `prev` from what is held, every dep held or earlier in the batch, and the last one's signature good:
through the chain it vouches for the run. Of a log that is known to be forked, only what is wanted by id is taken from
the forked place on: what another's change has in its past.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from crdt.change import Change, verify_change
from crdt.history import ROOTLESS, Accepted, Gap, History, Parent, Verdict
from crdt.pasts import EMPTY_PAST
from identity.errors import BadSignature

_new = tuple.__new__  # as in crdt.batch


def judge(
    history: History,
    changes: Sequence[Change],
    held: Mapping[bytes, Parent],
    first_number: int,
    wanted: Set[bytes] = frozenset(),
) -> Verdict:
    """Tell what of a batch is to be stored; changes nothing yet (see `History.apply`).

    `held` maps the ids, among the batch's own and those it names, that the store holds already.

    Raises:
        BadSignature: if the last change of a log in the batch is not signed by its author.
    """
    last = {change.header.author: change for change in changes}
    for change in last.values():
        if change.id not in held:
            verify_change(change)
    with_earlier = _with_earlier(changes, wanted) if wanted else wanted
    limits: set[bytes] = set()
    gaps: list[Gap] = []
    while True:
        history.pasts.forget_from(first_number)  # what an earlier attempt, or an earlier batch, only tried
        verdict = Acceptance(history, held, first_number, with_earlier).take(changes, limits)
        cut = _unsigned_ends(verdict.accepted, last)
        if not cut:
            verdict.gaps += gaps
            return verdict
        gaps += (gap for gap in verdict.gaps if gap.author in cut)
        # One cut may lead to the next, as often as a hostile sender likes: then every log with a bad signature waits.
        limits |= cut if not limits else cut.union(_badly_signed(changes))


def _with_earlier(changes: Sequence[Change], wanted: Set[bytes]) -> Set[bytes]:
    """Return what is wanted with what comes before it in its own log: without that it cannot be taken."""
    every = set(wanted)
    for change in reversed(changes):
        if change.id in every:
            every.add(change.header.prev)
    return every


def _badly_signed(changes: Sequence[Change]) -> set[bytes]:
    return {change.header.author for change in changes if not _is_signed(change)}


def _is_signed(change: Change) -> bool:
    try:
        verify_change(change)
    except BadSignature:
        return False
    return True


def _unsigned_ends(accepted: Sequence[Accepted], last: Mapping[bytes, Change]) -> set[bytes]:
    """Return the logs whose run was cut short at a change that is not well signed.

    Nothing of such a run can be told to be its author's, so nothing of it is taken.
    """
    ends = {entry.change.header.author: entry.change for entry in accepted}
    return {author for author, change in ends.items() if change is not last[author] and not _is_signed(change)}


@dataclass(slots=True)
class Place:
    """Where a log stands while a batch is connected to it: its last change, and from where on it is forked."""

    seq: int
    head: bytes
    parent: Parent
    forked: int | None
    stopped: bool = False


class Acceptance:
    """One batch being connected to a history."""

    def __init__(self, history: History, held: Mapping[bytes, Parent], number: int, wanted: Set[bytes]) -> None:
        self.history = history
        self.held = held
        self.number = number
        self.wanted = wanted
        self.verdict = Verdict()
        self._fresh: dict[bytes, Parent] = {}
        self._places: dict[bytes, Place] = {}

    def take(self, changes: Sequence[Change], limits: Set[bytes]) -> Verdict:
        """Connect changes in order, leaving out the logs in `limits`."""
        for change in changes:
            header = change.header
            place = self._places.get(header.author) or self._begin(header.author, limits)
            if change.id in self.held:
                self.verdict.known += 1
            elif place.forked is not None and header.seq >= place.forked:
                self._take_branch(change)
            elif not place.stopped and self._follows(change, place):
                self._take_next(change, place)
        return self.verdict

    def _begin(self, author: bytes, limits: Set[bytes]) -> Place:
        log = self.history.logs.get(author)
        stopped = author in limits
        place = Place(log.seq, log.head, log.parent, log.forked, stopped) if log else None
        self._places[author] = place = place or Place(0, b"", ROOTLESS, None, stopped)
        return place

    def _follows(self, change: Change, place: Place) -> bool:
        """Tell whether a change continues its log; notes a gap or a fork where it does not."""
        header = change.header
        if header.seq == place.seq + 1 and header.prev == place.head:
            return True
        if header.seq <= place.seq + 1:
            self.verdict.forks.append(change)
        else:
            self.verdict.gaps.append(Gap(header.author, place.seq + 1, ()))
        return False

    def _take_next(self, change: Change, place: Place) -> None:
        header = change.header
        parents = self._parents(header.deps)
        if parents is None:
            self.verdict.gaps.append(Gap(header.author, header.seq, self._missing(header.deps)))
            place.stopped = True
            return
        if header.prev:
            parents.append(place.parent)
        place.parent = self._accept(change, parents)
        place.seq = header.seq
        place.head = change.id

    def _take_branch(self, change: Change) -> None:
        """Take a change of a forked log if it is wanted by id, and its parents are there."""
        header = change.header
        if change.id not in self.wanted:
            self.verdict.forks.append(change)
            return
        names = (*header.deps, header.prev) if header.prev else header.deps
        parents = self._parents(names)
        if parents is None:
            self.verdict.gaps.append(Gap(header.author, header.seq, self._missing(names)))
        else:
            self._accept(change, parents)

    def _missing(self, names: Sequence[bytes]) -> tuple[bytes, ...]:
        fresh, held = self._fresh, self.held
        return tuple([name for name in names if name not in fresh and name not in held])

    def _parents(self, names: Sequence[bytes]) -> list[Parent] | None:
        """Return the parents of these names; None if one is not there."""
        fresh, held = self._fresh, self.held
        parents = []
        for name in names:
            parent = fresh.get(name) or held.get(name)
            if parent is None:
                return None
            parents.append(parent)
        return parents

    def _accept(self, change: Change, parents: Sequence[Parent]) -> Parent:
        deepest, past, mixed = 0, parents[0].past if parents else EMPTY_PAST, False
        numbers = []
        for number, depth, seen in parents:
            numbers.append(number)
            if depth > deepest:
                deepest = depth
            if seen != past:
                mixed = True
        if mixed:
            past = self.history.pasts.join([parent.past for parent in parents])
        entry = _new(Accepted, (change, self.number, deepest + 1, past, tuple(numbers)))
        self.verdict.accepted.append(entry)
        self.number += 1
        mine = self._fresh[change.id] = self.history.as_parent(entry)
        return mine
