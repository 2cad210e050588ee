"""What of a batch is accepted into a history.

Acceptance never depends on time, on the order of arrival or on local policy. Changes come in *runs* of one log,
consecutive by `prev` from what is held, every dep held or earlier in the batch, and the last one's signature good:
through the chain it vouches for the run. Of a log that is known to be forked, only what is wanted by id is taken from
the forked place on: what another's change has in its past.
"""

from collections.abc import Mapping, Sequence, Set

from crdt.change import Change, verify_change
from crdt.history import EMPTY_PAST, ROOTLESS, Accepted, Gap, History, Parent, Verdict
from identity.errors import BadSignature


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
    limits: set[bytes] = set()
    gaps: list[Gap] = []
    while True:
        history.pasts.forget_from(first_number)  # what an earlier attempt, or an earlier batch, only tried
        verdict = Acceptance(history, held, first_number, wanted).take(changes, limits)
        cut = _unsigned_ends(verdict.accepted, last)
        if not cut:
            verdict.gaps += gaps
            return verdict
        gaps += (gap for gap in verdict.gaps if gap.author in cut)
        # One cut may lead to the next, as often as a hostile sender likes: then every log with a bad signature waits.
        limits |= cut if not limits else cut.union(_badly_signed(changes))


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


class Acceptance:
    """One batch being connected to a history."""

    def __init__(self, history: History, held: Mapping[bytes, Parent], number: int, wanted: Set[bytes]) -> None:
        self.history = history
        self.held = held
        self.number = number
        self.wanted = wanted
        self.verdict = Verdict()
        self._fresh: dict[bytes, Parent] = {}
        self._heads: dict[bytes, tuple[int, bytes, Parent]] = {}
        self._stopped: set[bytes] = set()

    def take(self, changes: Sequence[Change], limits: Set[bytes]) -> Verdict:
        """Connect changes in order, leaving out the logs in `limits`."""
        for change in changes:
            author = change.header.author
            if change.id in self.held:
                self.verdict.known += 1
            elif self.history.is_branch(change):
                self._take_branch(change)
            elif author not in limits and author not in self._stopped and self._follows(change):
                self._take_next(change)
        return self.verdict

    def _head(self, author: bytes) -> tuple[int, bytes, Parent]:
        found = self._heads.get(author)
        if found is not None:
            return found
        log = self.history.logs.get(author)
        return (log.seq, log.head, log.parent) if log else (0, b"", ROOTLESS)

    def _follows(self, change: Change) -> bool:
        """Tell whether a change continues its log; notes a gap or a fork where it does not."""
        header = change.header
        seq, head, _ = self._head(header.author)
        if header.seq == seq + 1 and header.prev == head:
            return True
        if header.seq <= seq + 1:
            self.verdict.forks.append(change)
        else:
            self.verdict.gaps.append(Gap(header.author, seq + 1, ()))
        return False

    def _take_next(self, change: Change) -> None:
        header = change.header
        missing = self._missing(header.deps)
        if missing:
            self.verdict.gaps.append(Gap(header.author, header.seq, missing))
            self._stopped.add(header.author)
            return
        parents = [self._parent(dep) for dep in header.deps]
        if header.prev:
            parents.append(self._head(header.author)[2])
        self._heads[header.author] = (header.seq, change.id, self._accept(change, parents))

    def _take_branch(self, change: Change) -> None:
        """Take a change of a forked log if it is wanted by id, and its parents are there."""
        header = change.header
        if change.id not in self.wanted:
            self.verdict.forks.append(change)
            return
        names = (*header.deps, header.prev) if header.prev else header.deps
        missing = self._missing(names)
        if missing:
            self.verdict.gaps.append(Gap(header.author, header.seq, missing))
        else:
            self._accept(change, [self._parent(name) for name in names])

    def _missing(self, names: Sequence[bytes]) -> tuple[bytes, ...]:
        fresh, held = self._fresh, self.held
        return tuple([name for name in names if name not in fresh and name not in held])

    def _parent(self, name: bytes) -> Parent:
        return self._fresh.get(name) or self.held[name]

    def _accept(self, change: Change, parents: Sequence[Parent]) -> Parent:
        depth, past, mixed = 0, parents[0].past if parents else EMPTY_PAST, False
        for parent in parents:
            depth = max(depth, parent.depth)
            mixed = mixed or parent.past != past
        if mixed:
            past = self.history.pasts.join([parent.past for parent in parents])
        entry = Accepted(change, self.number, depth + 1, past, tuple([parent.number for parent in parents]))
        self.verdict.accepted.append(entry)
        self.number += 1
        mine = self._fresh[change.id] = self.history.as_parent(entry)
        return mine
