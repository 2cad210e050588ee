"""Which ballots count, and what they come to."""

from collections.abc import Iterable
from hashlib import blake2b
from typing import TYPE_CHECKING

from node.domain.law.charter import Charter
from node.domain.law.decisions import ABSTAIN, CHOICES, GRAVE_EFFECTS, NO, YES
from node.domain.law.records import Ballot, Opening, Outcome
from node.domain.law.view import View

if TYPE_CHECKING:  # the fold that all this is about
    from node.domain.law.fold import Law

NO_QUORUM = "no quorum"


def cast(opening: Opening, law: "Law") -> list[Ballot]:
    """Return the ballots of those who may vote by an opening, cast on it or on another opening of the same proposal.

    Two members may open a vote unaware of each other, and one that left somebody out is opened anew: what was said to
    the same question stays said. Who may vote is what the opening's own past shows, whatever else was opened.
    """
    proposal = law.proposals[opening.change.command.proposal]
    return [ballot for ballot in proposal.ballots if ballot.act.person in opening.electorate]


def countable(opening: Opening, joint: int, view: View) -> list[Ballot]:
    """Return the one ballot of each voter that counts: cast in the closings' joint past, the last by causality.

    `view` is the seal's own past: what forks and cuts it shows take a ballot out. Where two devices of one person
    cast ballots that do not know of each other, neither counts.
    """
    pasts = view.law.pasts
    by_person: dict[bytes, list[Ballot]] = {}
    for ballot in cast(opening, view.law):
        if joint >> pasts.place(ballot.act.number) & 1 and view.counts(ballot.act):
            by_person.setdefault(ballot.act.person, []).append(ballot)
    found = []
    for said in by_person.values():
        if len(said) == 1:
            found += said
            continue
        known = 0
        for ballot in said:
            known |= pasts.covers(ballot.act.number) ^ (1 << pasts.place(ballot.act.number))
        last = [ballot for ballot in said if not known >> pasts.place(ballot.act.number) & 1]
        if len(last) == 1:
            found.append(last[0])
    return found


def root_of(opening: Opening, ballots: Iterable[Ballot]) -> bytes:
    """Return the hash of a set of ballots, as a seal names it."""
    ids = b"".join(sorted(ballot.id for ballot in ballots))
    return blake2b(opening.change.id + ids, digest_size=32, person=b"commons/ballots/").digest()


def outcome_of(opening: Opening, ballots: Iterable[Ballot], charter: Charter, effects: list[list[object]]) -> Outcome:
    """Count: the quorum is a share of the electorate, the threshold a share of yes and no that yes must exceed.

    Where the threshold is all, one no stands against it.
    """
    said = [ballot.choice for ballot in ballots]
    tally = {choice: said.count(choice) for choice in CHOICES}
    part, of = charter["quorum"]
    size = len(opening.electorate)
    counted = tuple((choice, tally[choice]) for choice in (YES, NO, ABSTAIN))
    if len(said) * of < size * part:
        return Outcome(NO_QUORUM, counted, size)
    grave = any(effect[0] in GRAVE_EFFECTS for effect in effects)
    part, of = charter["grave_threshold" if grave else "threshold"]
    passed = tally[YES] * of > (tally[YES] + tally[NO]) * part
    if part == of:  # more than all cannot be: all of yes and no is meant
        passed = tally[YES] > 0 and not tally[NO]
    return Outcome(YES if passed else NO, counted, size)
