"""The rules of deciding: from a proposal to its seal, each step judged in the view of its own past.

S1 one root per auditor, proposal and epoch. S2 never seal again what is sealed. S3 who supports a hand-over to new
auditors is barred from the old epoch. S4 a new epoch adopts the candidate of the old one in its past. Because more
than half of the auditors seal, two complete seals that contradict each other need somebody who signed both.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from node.domain.area import need, require
from node.domain.law.admitting import Effect, LawRule, act_of, member
from node.domain.law.ballots import countable, outcome_of, root_of
from node.domain.law.charter import DAY_MS, HOUR_MS
from node.domain.law.decisions import (
    CastBallot,
    CloseVote,
    ContestOpening,
    CosignOpening,
    OpenVote,
    Propose,
    SealVote,
    Sponsor,
    SupportSeal,
)
from node.domain.law.openings import came_unaware
from node.domain.law.powers import may_confirm
from node.domain.law.records import Act, Ballot, Closing, LawChange, Opening, Outcome, Proposal, Seal
from node.domain.law.sealed import decide
from node.domain.law.view import AUDITOR, STEWARD, View, electorate_root

if TYPE_CHECKING:  # the fold that these rules belong to
    from node.domain.law.fold import Law

STEWARDS_NEEDED = 2
S = TypeVar("S", Proposal, Opening, Seal)


def propose(law: "Law", change: LawChange, view: View) -> Effect:
    """A member proposes; the vote has to last as long as the rules say."""
    me = member(view, change)
    command: Propose = change.command
    charter = view.sealed.charter
    require(
        command.deadline >= change.time + charter["voting_days"] * DAY_MS,
        "the vote would be shorter than the rules say",
    )
    require(command.grace >= charter["grace_hours"] * HOUR_MS, "ballots would be waited for less than the rules say")
    for each in command.effects:
        _check_effect(view, command, each)

    def effect() -> None:
        law.proposals[change.id] = Proposal(change, me)

    return effect


def _check_effect(view: View, command: Propose, effect: list[Any]) -> None:
    name, args = effect[0], effect[1:]
    if name == "remove":
        hands_over = any(other[0] == "auditors" for other in command.effects)
        require(view.is_member(args[0]), "this person is not a member")
        require(args[0] not in view.sealed.auditors or hands_over, "an auditor is removed together with a hand-over")
    elif name == "auditors":
        well = all(view.person_of(device) == person for person, device in args[0])
        require(well, "an auditor is a member, with a device of their own")
    elif name == "role":
        longest = command.deadline + view.sealed.charter["role_days"] * DAY_MS
        require(view.is_member(args[0]), "a role is given to a member")
        require(command.deadline < args[3] <= longest, "this role's term is longer than the rules say, or over")


def sponsor(law: "Law", change: LawChange, view: View) -> Effect:
    """A member supports that a proposal is voted on."""
    me = member(view, change)
    proposal = seen_proposal(law, change.command.proposal, view)
    return lambda: proposal.sponsors.append(me)


def open_vote(law: "Law", change: LawChange, view: View) -> Effect:
    """A member opens the vote, for everybody who is a member in this change's past."""
    me = member(view, change)
    proposal = seen_proposal(law, change.command.proposal, view)
    behind = {act.person for act in (proposal.proposer, *proposal.sponsors) if view.counts(act)}
    enough = view.at_most_all(view.sealed.charter["sponsors"])  # or a founder alone could change nothing
    require(len(behind) >= enough, "not enough members support this proposal yet")
    require(change.time <= proposal.change.command.deadline, "this vote's time is over")
    opened_once(law, proposal, view)
    voters = view.electorate()
    require(change.command.electorate == electorate_root(voters), "this opening names other voters than its past shows")
    trusted = me.person in view.sealed.auditors

    def effect() -> None:
        same = law.electorates.setdefault(change.command.electorate, voters)  # or each opening would hold all members
        law.openings[change.id] = Opening(change, me, same, trusted)
        proposal.openings.append(change.id)

    return effect


def cosign(law: "Law", change: LawChange, view: View) -> Effect:
    """An auditor, or one of two stewards, confirms that an opening leaves nobody out."""
    me = member(view, change)
    opening = seen_opening(law, change.command.opening, view)
    require(may_confirm(view, me.person, change.time), "only auditors and stewards confirm this")
    opened_once(law, law.proposals[opening.change.command.proposal], view, opening)
    role = AUDITOR if me.person in view.sealed.auditors else STEWARD
    return lambda: opening.cosigners.append((me, role))


def contest(law: "Law", change: LawChange, view: View) -> Effect:
    """Somebody who became a member unaware of an opening, and whom it leaves out, objects."""
    me = member(view, change)
    opening = seen_opening(law, change.command.opening, view)
    require(me.person not in opening.electorate, "you can vote here")
    unaware = came_unaware(opening, me.person, view) is not None
    require(unaware, "you became a member after this vote was opened")
    return lambda: opening.contests.append(me)


def opening_holds(opening: Opening, view: View) -> bool:
    """Tell whether an opening stands in a past: confirmed, and contested by nobody it left out."""
    if not view.includes(opening.change.number) or any(view.counts(act) for act in opening.contests):
        return False
    counted = [(act.person, role) for act, role in opening.cosigners if view.counts(act)]
    stewards = {person for person, role in counted if role == STEWARD} - {opening.opener.person}
    trusted = opening.trusted and view.counts(opening.opener)
    return trusted or any(role == AUDITOR for _, role in counted) or len(stewards) >= STEWARDS_NEEDED


def present_opening(law: "Law", proposal: Proposal, view: View) -> Opening | None:
    """Return the opening of a proposal that holds in a past: the earliest, by time and id."""
    openings = (law.openings[id_] for id_ in proposal.openings)
    holding = [opening for opening in openings if opening_holds(opening, view)]
    return min(holding, key=lambda opening: (opening.change.time, opening.change.id), default=None)


def opened_once(law: "Law", proposal: Proposal, view: View, opening: Opening | None = None) -> None:
    """A vote is opened once: another opening, with an earlier date, would void the ballots that were cast.

    Raises:
        Refused: if another opening than this holds.
    """
    require(present_opening(law, proposal, view) in (None, opening), "this vote is open already")


def cast_ballot(law: "Law", change: LawChange, view: View) -> Effect:
    """A member of the electorate votes, in time, before any closing they have heard of."""
    me = member(view, change)
    opening = seen_opening(law, change.command.opening, view)
    proposal = law.proposals[opening.change.command.proposal]
    require(me.person in opening.electorate, "you became a member after this vote was opened")
    require(change.time <= proposal.change.command.deadline, "this vote is over")
    require(not is_closed(law, proposal, view), "this vote is closed")
    return lambda: proposal.ballots.append(Ballot(change.id, me, change.command.choice))


def is_closed(law: "Law", proposal: Proposal, view: View) -> bool:
    """Tell whether an auditor closed a vote in this past, by whichever of its openings."""
    closings = (closing for id_ in proposal.openings for closing in law.openings[id_].closings.values())
    return any(view.includes(closing.act.number) for closing in closings)


def close_vote(law: "Law", change: LawChange, view: View) -> Effect:
    """An auditor's duty device closes a vote, once its deadline and grace are over."""
    opening = seen_opening(law, change.command.opening, view)
    proposal = law.proposals[opening.change.command.proposal]
    me = _auditor(view, change)
    _is_over(proposal, change)
    require(opening_holds(opening, view), "this opening does not hold")

    def effect() -> None:
        opening.closings[change.id] = Closing(me, view.sealed.epoch, change.past)

    return effect


def seal_vote(law: "Law", change: LawChange, view: View) -> Effect:
    """An auditor seals exactly the countable ballots in the joint past of k closings."""
    command: SealVote = change.command
    opening = seen_opening(law, command.opening, view)
    proposal = law.proposals[opening.change.command.proposal]
    me = _auditor(view, change)
    _is_over(proposal, change)
    require(present_opening(law, proposal, view) is opening, "another opening of this vote holds")
    final = decide(law, proposal, view.bits)
    require(final is None, "this vote is sealed already")
    require(command.state == view.sealed.digest(), "this seal was made by a program that reads the law otherwise")
    older = older_candidate(law, proposal, view)
    require(command.adopts == (older.change.id if older else b""), "earlier auditors' seal has to be upheld")
    outcome = older.outcome if older else _counted(law, opening, proposal, command, view)
    hands_over = any(effect[0] == "auditors" for effect in proposal.change.command.effects)
    seal = Seal(change, command.opening, proposal.change.id, view.sealed.epoch, view.sealed.k, outcome, [], hands_over)
    _may_support(law, seal, me, view)

    def effect() -> None:
        law.seals[change.id] = seal
        proposal.seals.append(change.id)
        _support(law, seal, me)

    return effect


def _counted(law: "Law", opening: Opening, proposal: Proposal, command: SealVote, view: View) -> Outcome:
    """Count what a seal seals, and require that it named exactly that."""
    closings = [opening.closings[id_] for id_ in command.closings if id_ in opening.closings]
    known = len(closings) == len(command.closings) and all(view.includes(closing.act.number) for closing in closings)
    require(known, "this seal names a closing that is not there")
    people = {closing.act.person for closing in closings if closing.epoch == view.sealed.epoch}
    require(
        len(people) >= view.sealed.k and people <= view.sealed.auditors.keys(), "too few auditors have closed this vote"
    )
    joint = 0
    for closing in closings:
        joint |= law.pasts.bits(closing.past)
    ballots = countable(opening, joint, view)
    names_all(command, root_of(opening, ballots))
    charter = law.view_of(opening.change).sealed.charter
    return outcome_of(opening, ballots, charter, proposal.change.command.effects)


def names_all(command: SealVote, root: bytes) -> None:
    """A seal counts exactly the countable ballots in its closings' joint past."""
    require(command.root == root, "this seal leaves out ballots, or counts others")


def older_candidate(law: "Law", proposal: Proposal, view: View) -> Seal | None:
    """Return the seal of an earlier epoch that a new one has to uphold (S4)."""
    seals = (law.seals[id_] for id_ in proposal.seals)
    older = [seal for seal in seals if seal.epoch < view.sealed.epoch and view.includes(seal.change.number)]

    def weight(seal: Seal) -> tuple[int, bytes]:
        return len({act.person for act in seal.supporters if view.includes(act.number)}), seal.change.id

    return max(older, key=weight, default=None)


def support_seal(law: "Law", change: LawChange, view: View) -> Effect:
    """An auditor supports another's seal."""
    seal = _seen(law.seals.get(change.command.seal), view, "this supports a seal that is not there")
    _is_over(law.proposals[seal.proposal], change)
    auditors = law.view_of(seal.change).sealed.auditors
    me = act_of(change, need(view.audits_for(change.author, auditors), "only the auditors' own devices seal"))
    _may_support(law, seal, me, view)
    return lambda: _support(law, seal, me)


def _may_support(law: "Law", seal: Seal, me: Act, view: View) -> None:
    """An auditor supports a seal unless they bound themselves otherwise before (S1, S3).

    Raises:
        Refused: if they did.
    """
    for number, id_ in sorted(law.supports.get(me.person, ()), key=lambda support: support[1]):
        earlier = law.seals[id_]
        if id_ == seal.change.id or not view.includes(number):
            continue
        one_root_each(seal, earlier)
        barred_after_hand_over(seal, earlier)
    barred_after_takeover(law, seal, me, view)


def _support(law: "Law", seal: Seal, me: Act) -> None:
    seal.supporters.append(me)
    law.supports.setdefault(me.person, []).append((me.number, seal.change.id))
    law.seal_bits[law.pasts.place(me.number)] = seal.proposal


def one_root_each(seal: Seal, earlier: Seal) -> None:
    """An auditor supports one result of a vote in an epoch (S1); seals that crossed may bear the same one."""
    same = earlier.proposal == seal.proposal and earlier.epoch == seal.epoch
    require(not same or says_alike(seal, earlier), "this auditor supports another result of this vote")


def says_alike(seal: Seal, other: Seal) -> bool:
    """Tell whether two seals of one opening count the same ballots to the same effect."""
    one, two = seal.change.command, other.change.command
    return (one.opening, one.root, one.adopts) == (two.opening, two.root, two.adopts)


def barred_after_hand_over(seal: Seal, earlier: Seal) -> None:
    """Who supports a hand-over seals nothing more with the auditors of before (S3)."""
    require(not (earlier.hands_over and earlier.epoch >= seal.epoch), "this auditor has handed over to others")


def barred_after_takeover(law: "Law", seal: Seal, me: Act, view: View) -> None:
    """Likewise who took part in a hand-over by members (S3)."""
    parts = law.handed_over.get(me.person, ())
    barred = any(view.includes(one.act.number) and one.epoch >= seal.epoch for one in parts)
    require(not barred, "this auditor has handed over to others")


def _auditor(view: View, change: LawChange) -> Act:
    """Return the auditor who acts, by the device that their office names.

    Raises:
        Refused: if it is another device, or no auditor.
    """
    return act_of(change, need(view.audits_for(change.author), "only the auditors' own devices close and seal"))


def _is_over(proposal: Proposal, change: LawChange) -> None:
    end = proposal.change.command.deadline + proposal.change.command.grace
    require(change.time >= end, "this vote is not over yet")


def seen_proposal(law: "Law", id_: bytes, view: View) -> Proposal:
    """Return a proposal that lies in this past.

    Raises:
        Refused: if there is none.
    """
    return _seen(law.proposals.get(id_), view, "this names a proposal that is not there")


def seen_opening(law: "Law", id_: bytes, view: View) -> Opening:
    """Return an opening that lies in this past.

    Raises:
        Refused: if there is none.
    """
    return _seen(law.openings.get(id_), view, "this names a vote that is not open")


def _seen(found: S | None, view: View, words: str) -> S:
    seen = found if found is not None and view.includes(found.change.number) else None
    return need(seen, words)


RULES: Mapping[type[Any], LawRule] = {
    Propose: propose,
    Sponsor: sponsor,
    OpenVote: open_vote,
    CosignOpening: cosign,
    ContestOpening: contest,
    CastBallot: cast_ballot,
    CloseVote: close_vote,
    SealVote: seal_vote,
    SupportSeal: support_seal,
}
