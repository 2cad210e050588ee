"""When the auditors are gone: after the charter's long pause, more than half of all members hand over together.

A vote on new auditors that nobody sealed is decided by acts of members, each judged in its own past like every law:
the pause is over there, nothing is sealed, and the opening leaves out nobody that the past knows. As soon as acts of
more than half of the whole electorate lie in a past, the new auditors hold there. Who takes part and is an auditor
seals nothing more with the auditors of before (S3). Auditors who only were cut off may have sealed otherwise meanwhile:
then the result is contested, with nobody to name.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from node.domain.area import require
from node.domain.law.admitting import Effect, LawRule, member
from node.domain.law.charter import DAY_MS
from node.domain.law.deciding import seen_opening
from node.domain.law.decisions import TakeOver
from node.domain.law.openings import left_out
from node.domain.law.records import LawChange, Opening, Proposal, Takeover
from node.domain.law.sealed import decide
from node.domain.law.view import View

if TYPE_CHECKING:  # the fold that this rule belongs to
    from node.domain.law.fold import Law


def take_over(law: "Law", change: LawChange, view: View) -> Effect:
    """A member hands over to new auditors, with the others, because the old ones are gone."""
    me = member(view, change)
    opening = seen_opening(law, change.command.opening, view)
    proposal = law.proposals[opening.change.command.proposal]
    only_auditors(proposal)
    require(me.person in opening.electorate, "you became a member after this vote was opened")
    pause_is_over(law, opening, proposal, change)
    require(decide(law, proposal, view.bits) is None, "this vote is sealed already")
    leaves_out_nobody(opening, view)
    require(me.person not in _already(proposal, opening, view), "you have handed over already")
    act = Takeover(change.id, me, change.command.opening, view.sealed.epoch)

    def effect() -> None:
        proposal.takeovers.append(act)
        law.handed_over.setdefault(me.person, []).append(act)
        law.seal_bits[law.pasts.place(change.number)] = proposal.change.id

    return effect


def only_auditors(proposal: Proposal) -> None:
    """In an emergency members change who audits, and nothing else."""
    only = all(effect[0] == "auditors" for effect in proposal.change.command.effects)
    require(only, "only a change of auditors can be decided without auditors")


def pause_is_over(law: "Law", opening: Opening, proposal: Proposal, change: LawChange) -> None:
    """The auditors have had the charter's long pause, after the end of the vote, to seal it."""
    command = proposal.change.command
    pause = law.view_of(opening.change).sealed.charter["emergency_days"] * DAY_MS
    require(change.time >= command.deadline + command.grace + pause, "the auditors may still seal this vote")


def leaves_out_nobody(opening: Opening, view: View) -> None:
    """Nobody confirms this opening for the others, so each sees for themselves that it leaves out nobody."""
    objects = any(view.counts(act) for act in opening.contests)
    require(not objects and not left_out(opening, view), "this opening leaves out members")


def _already(proposal: Proposal, opening: Opening, view: View) -> set[bytes]:
    acts = (one.act for one in proposal.takeovers if one.opening == opening.change.id)
    return {act.person for act in acts if view.includes(act.number)}


RULES: Mapping[type[Any], LawRule] = {TakeOver: take_over}
