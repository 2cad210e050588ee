"""Whom an opening leaves out: members of whom its opener had not heard, or did not want to have heard.

What its past holds is what its opener chose, and so is its date; neither tells whether somebody belonged when a vote
was opened. What tells is how they came in: if whoever let them in knew of the opening, they came later. If neither knew
of the other, nobody can say who was first: who was left out may object, and the vote is opened anew; ballots stay.
"""

from collections.abc import Iterable

from node.domain.law.records import Act, Opening
from node.domain.law.view import View


def came_unaware(opening: Opening, person: bytes, view: View) -> int | None:
    """Return when somebody came in by what neither knew of an opening nor was known to it; None if nothing is so.

    It is the least of the times claimed, in ms.
    """
    law = view.law
    ways = [(grant.number, grant.since_ms) for grant in law.grants_of(person) if view.holds(grant)]
    ways += _readmissions(person, view)
    pasts, opened = law.pasts, opening.change
    known = (pasts.includes(opened.past, number) or pasts.knows(number, opened.number) for number, _ in ways)
    apart = (time for (_, time), is_known in zip(ways, known, strict=True) if not is_known)
    return min(apart, default=None)


def _readmissions(person: bytes, view: View) -> list[tuple[int, int]]:
    """Return the seals of decisions by which somebody who had been removed came back, with their times."""
    law = view.law
    if person not in view.sealed.cuts:
        return []
    back = (id_ for id_ in view.sealed.finals if ["readmit", person] in law.proposals[id_].change.command.effects)
    seals = (law.seals.get(view.sealed.finals[id_].seal) for id_ in back)
    return [(seal.change.number, seal.change.time) for seal in seals if seal is not None]


def left_out(opening: Opening, view: View, people: Iterable[bytes] | None = None) -> set[bytes]:
    """Return whom of some people, or of all members, an opening leaves out by all that is known of its date.

    Its opener claims a date; what counts is from when on others said something that rests on it. Who came in unaware of
    it after that came later, by a member who had not heard of it.
    """
    among = view.electorate() if people is None else people
    came = {person: came_unaware(opening, person, view) for person in set(among) - opening.electorate}
    if all(time is None for time in came.values()):
        return set()
    known = min((act.time for act in _witnesses(opening, view)), default=None)
    return {person for person, time in came.items() if time is not None and (known is None or time <= known)}


def _witnesses(opening: Opening, view: View) -> list[Act]:
    """Return what others than its opener said that rests on an opening, as far as it counts."""
    law = view.law
    ballots = law.proposals[opening.change.command.proposal].ballots
    said = [act for act, _ in opening.cosigners] + [one.act for one in opening.closings.values()]
    said += [ballot.act for ballot in ballots if law.pasts.knows(ballot.act.number, opening.change.number)]
    return [act for act in said if act.person != opening.opener.person and view.counts(act)]
