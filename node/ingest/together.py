"""Small batches that arrive while a transaction is under way go together in the next: one commit for all of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from crdt.batch import Batch
from crdt.change import BINDING, Change
from crdt.history import Accepted, Gap
from identity.errors import CommonsError
from node.ingest.intake import Arrival

SMALL = 64
MOST = 256


@dataclass(slots=True)
class Outcome:
    """What became of a batch: what was stored, what was known, what is missing, what was turned away.

    `branches` are places (author, first, last) where a peer's log may have left the one that is held; `lacking` names
    the secrets that were not there to read with.
    """

    accepted: Sequence[Accepted] = ()
    known: int = 0
    gaps: list[Gap] = field(default_factory=list)
    branches: list[tuple[bytes, int, int]] = field(default_factory=list)
    strangers: int = 0
    lacking: frozenset[bytes] = frozenset()


@dataclass(slots=True)
class Given:
    """A batch that a peer sent, and what became of it."""

    arrival: Arrival
    peer: bytes
    outcome: Outcome | CommonsError | None = None

    def is_small(self) -> bool:
        """Tell whether it may go with others: a few changes with their bodies, none of law or binding."""
        batch = self.arrival.batch
        talk = all(change.header.klass > BINDING for change in batch.changes)
        return talk and len(batch.changes) <= SMALL and not batch.erasers


@dataclass(slots=True)
class Group:
    """Batches that go together; of each log they bring one run, or a forged change would stand for a real one."""

    given: list[Given] = field(default_factory=list)
    ids: set[bytes] = field(default_factory=set)
    heads: dict[bytes, bytes] = field(default_factory=dict)
    size: int = 0

    def takes(self, one: Given) -> bool:
        """Take a batch if it fits; the first always does."""
        changes = one.arrival.batch.changes
        few = self.size + len(changes) <= MOST
        fits = not self.given or (few and one.is_small() and self.given[-1].is_small())
        heads = self._heads_after(changes) if fits else None
        if heads is None:
            return False
        self.given.append(one)
        self.ids.update(change.id for change in changes)
        self.heads = heads
        self.size += len(changes)
        return True

    def _heads_after(self, changes: Sequence[Change]) -> dict[bytes, bytes] | None:
        """Return how the logs end with more changes; None if these do not go on with them."""
        heads = dict(self.heads)
        for change in changes:
            author, prev = change.header.author, change.header.prev
            if change.id not in self.ids:
                if self.given and heads.get(author, prev) != prev:
                    return None
                heads[author] = change.id
        return heads


def groups(given: Sequence[Given]) -> Iterator[list[Given]]:
    """Cut what was given into what goes together, in order."""
    group = Group()
    for one in given:
        if not group.takes(one):
            yield group.given
            group = Group()
            group.takes(one)
    if group.given:
        yield group.given


def joined(together: Sequence[Given]) -> Arrival:
    """Return several batches as one; each change once."""
    if len(together) == 1:
        return together[0].arrival
    changes = {change.id: change for one in together for change in one.arrival.batch.changes}
    opened = {id_: found for one in together for id_, found in one.arrival.opened.items()}
    return Arrival(Batch(list(changes.values()), {}), opened)


def share(outcome: Outcome, together: Sequence[Given]) -> None:
    """Tell each batch what became of it; what came in two counts as accepted in the first, as known in the second."""
    if len(together) == 1:
        together[0].outcome = outcome
        return
    accepted = {entry.change.id: entry for entry in outcome.accepted}
    fresh = set(accepted)
    for one in together:
        changes = one.arrival.batch.changes
        authors = {change.header.author for change in changes}
        gaps = [gap for gap in outcome.gaps if gap.author in authors]
        branches = [place for place in outcome.branches if place[0] in authors]
        mine = [accepted[change.id] for change in changes if change.id in fresh]
        here = sum(change.id in accepted for change in changes)
        fresh.difference_update(entry.change.id for entry in mine)
        one.outcome = Outcome(mine, here - len(mine), gaps, branches, lacking=outcome.lacking)


def parts_of(together: Sequence[Given]) -> list[tuple[Sequence[Accepted], bytes | None]]:
    """Return what came in of each batch, and from whom; of those that brought nothing, nothing."""
    outcomes = [(one.outcome, one.peer) for one in together]
    return [(outcome.accepted, peer) for outcome, peer in outcomes if isinstance(outcome, Outcome) and outcome.accepted]
