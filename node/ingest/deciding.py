"""Deciding, as a node does it for its member: proposing, voting, and an auditor's standing duties.

What an office asks for happens by itself: openings are confirmed, votes closed, sealed and supported as soon as
their conditions hold, with the auditor's standing consent. A duty that cannot be done is left for the next time.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from typing import Any

from crdt.change import Change
from identity.errors import Malformed, Refused
from node.domain.area import need, require
from node.domain.law.ballots import countable, root_of
from node.domain.law.charter import DAY_MS, HOUR_MS
from node.domain.law.deciding import older_candidate, opening_holds, present_opening
from node.domain.law.decisions import (
    YES,
    CastBallot,
    CloseVote,
    ContestOpening,
    CosignOpening,
    OpenVote,
    Propose,
    SealVote,
    Sponsor,
    SupportSeal,
    TakeOver,
)
from node.domain.law.openings import left_out
from node.domain.law.powers import may_confirm
from node.domain.law.records import Opening, Proposal
from node.domain.law.view import View, electorate_root
from node.domain.posts import WritePost
from node.ingest.road import Road
from node.ingest.spaces import Space
from node.ingest.writing import post_command

PATIENCE_MS = 10 * 60_000  # how long an auditor leaves sealing to the one whose turn it is
SHORTEST_MS = 1_000


async def propose(road: Road, space: Space, effects: Sequence[Any], days: int = 0, text: str = "") -> Change:
    """Propose something binding; the vote lasts as long as the rules say, or `days` if that is longer.

    Why, in the proposer's words, is a post that the proposal names by its id: law holds no free text.

    Raises:
        Refused: with the rule that stands against it.
    """
    charter = space.law.present().sealed.charter
    lasts = max(charter["voting_days"] * DAY_MS, days * DAY_MS, SHORTEST_MS)
    deadline, grace = road.now_ms() + lasts + SHORTEST_MS, charter["grace_hours"] * HOUR_MS
    command = Propose([list(effect) for effect in effects], deadline, grace, b"")
    allowed(road, space, command)
    if text.strip():
        why = await post_command(road, space, text, None)
        change = (await road.submit_all(space, _with_why(road, space.id, why, command)))[-1]
    else:
        change = await road.submit(space, command)
    await open_ready(road, road.spaces[space.id])
    return change


def _with_why(road: Road, space: bytes, why: WritePost, command: Propose) -> Generator[Any, Change, None]:
    """Yield a proposal behind the post that says why; if the rules refuse it by now, neither is signed."""
    said = yield why
    command = replace(command, text_hash=said.id)
    allowed(road, road.spaces[space], command)
    yield command


async def sponsor(road: Road, space: Space, proposal: bytes) -> Change:
    """Support that a proposal is voted on; the vote opens once enough do."""
    found = known_proposal(space, proposal)
    behind = {act.person for act in (found.proposer, *found.sponsors)}
    require(road.me not in behind, "You support this already.")
    change = await submit(road, space, Sponsor(proposal))
    await open_ready(road, road.spaces[space.id])
    return change


async def vote(road: Road, space: Space, proposal: bytes, choice: str) -> Change:
    """Cast this person's ballot; the last one counts."""
    law = space.law
    opening = need(present_opening(law, known_proposal(space, proposal), law.present()), "This vote is not open.")
    return await submit(road, space, CastBallot(opening.change.id, choice))


async def take_over(road: Road, space: Space, proposal: bytes) -> Change:
    """Hand over to the auditors that a proposal names, with the other members, because the old ones are gone.

    Raises:
        Refused: with the rule that stands against it.
    """
    found = known_proposal(space, proposal)
    require(found.openings, "This vote is not open.")
    device, now = road.device.public, road.now_ms()
    commands = [TakeOver(id_) for id_ in found.openings]
    may = [command for command in commands if space.law.would_refuse(device, now, command) is None]
    return await submit(road, space, (may or commands)[0])


async def submit(road: Road, space: Space, command: Any) -> Change:
    """Sign a command of law unless the rules refuse it, in their words, before anything is signed.

    Raises:
        Refused: with the rule's sentence.
    """
    allowed(road, space, command)
    return await road.submit(space, command)


def allowed(road: Road, space: Space, command: Any) -> None:
    """Raise Refused if the rules refuse a command of this device, or if it is not well formed, in words."""
    try:
        command.check()
    except Malformed as error:
        raise Refused(str(error)) from error
    why = space.law.would_refuse(road.device.public, road.now_ms(), command)
    require(why is None, why or "")


def known_proposal(space: Space, id_: bytes) -> Proposal:
    """Return a proposal.

    Raises:
        Refused: if there is none of that id.
    """
    return need(space.law.proposals.get(id_), "There is no such proposal here.")


# -- duties ----------------------------------------------------------------------------------------------------------


async def open_ready(road: Road, space: Space) -> None:
    """Open the votes that enough members support, where this person is one of these."""
    for command in list(_to_open(road, space, space.law.present())):
        await road.submit(space, command)


def _to_open(road: Road, space: Space, view: View) -> Iterator[OpenVote]:
    enough = view.at_most_all(view.sealed.charter["sponsors"])
    for proposal in space.law.proposals.values():
        behind = {act.person for act in (proposal.proposer, *proposal.sponsors) if view.counts(act)}
        over = road.now_ms() > proposal.change.command.deadline
        if road.me in behind and len(behind) >= enough and not over and not _is_open(proposal, view):
            yield OpenVote(proposal.change.id, electorate_root(view.electorate()))


def _is_open(proposal: Proposal, view: View) -> bool:
    """Tell whether a vote has an opening that holds, or may come to: one that nobody confirms waits for nothing."""
    openings = (view.law.openings[id_] for id_ in proposal.openings)
    return any(not one.contests and (opening_holds(one, view) or not left_out(one, view)) for one in openings)


async def do_duties(road: Road, space: Space) -> None:
    """Do whatever this device's offices ask for now, one thing after another until nothing is left."""
    for _ in range(64):
        space = road.spaces[space.id]
        view = space.law.present()
        if view.person_of(road.device.public) is None:
            return
        device, now = road.device.public, road.now_ms()
        due = (command for command in _due(road, space, view) if space.law.would_refuse(device, now, command) is None)
        command = next(due, None)
        if command is None:
            return
        await road.submit(space, command)


def next_duty_ms(space: Space, now_ms: int) -> int | None:
    """Return when a duty may be due next: the next end of a vote."""
    finals = space.law.present().sealed.finals
    pause = space.law.present().sealed.charter["emergency_days"] * DAY_MS
    ends = [
        p.change.command.deadline + p.change.command.grace
        for id_, p in space.law.proposals.items()
        if id_ not in finals
    ]
    return min((end for end in (*ends, *(end + pause for end in ends)) if end > now_ms), default=None)


def _due(road: Road, space: Space, view: View) -> Iterator[Any]:
    """Yield what this device has to say now."""
    yield from _to_open(road, space, view)
    yield from _to_review(road, space, view)
    for proposal in space.law.proposals.values():
        if proposal.change.id in view.sealed.finals:
            continue
        for id_ in proposal.openings:
            yield from _about_opening(road, space.law.openings[id_], view)
        if road.now_ms() >= proposal.change.command.deadline + proposal.change.command.grace:
            yield from _about_end(road, space, proposal, view)
            yield from _to_take_over(road, proposal)


def _to_review(road: Road, space: Space, view: View) -> Iterator[Propose]:
    """Who asked for a pause of somebody's posting puts it to the members whether it ends: one of those who asked."""
    charter, now = view.sealed.charter, road.now_ms()
    for person in space.law.suspensions:
        asked = [act for act in view.pausing(person, now) if view.is_member(act.person)]
        if not asked or view.suspended_until(person, now) is None:
            continue
        since = min(act.time for act in asked)
        proposals = space.law.proposals.values()
        reviewed = any(p.change.time >= since and ["resume", person] in p.change.command.effects for p in proposals)
        if not reviewed and min(act.person for act in asked) == road.me:
            lasts = max(charter["voting_days"] * DAY_MS, SHORTEST_MS) + SHORTEST_MS
            yield Propose([["resume", person]], now + lasts, charter["grace_hours"] * HOUR_MS, b"")


def _to_take_over(road: Road, proposal: Proposal) -> Iterator[TakeOver]:
    """Who voted yes to other auditors hands over to them with the others, once the charter's long pause is over."""
    mine = [ballot for ballot in proposal.ballots if ballot.act.person == road.me]
    if mine and mine[-1].choice == YES and all(effect[0] == "auditors" for effect in _effects(proposal)):
        yield from map(TakeOver, proposal.openings)


def _effects(proposal: Proposal) -> list[list[Any]]:
    effects: list[list[Any]] = proposal.change.command.effects
    return effects


def _about_opening(road: Road, opening: Opening, view: View) -> Iterator[Any]:
    """An auditor or steward confirms an opening that leaves out nobody; who was left out objects."""
    me = road.me
    if me not in {act.person for act in opening.contests} and left_out(opening, view, [me]):
        yield ContestOpening(opening.change.id)
    said = me in {act.person for act, _ in opening.cosigners}
    settled = said or opening.contests or opening_holds(opening, view)
    if not settled and may_confirm(view, me, road.now_ms()) and not left_out(opening, view):
        yield CosignOpening(opening.change.id)


def _about_end(road: Road, space: Space, proposal: Proposal, view: View) -> Iterator[Any]:
    """An auditor closes a vote that is over, seals it when it is their turn, and supports the seal of another."""
    if not view.is_duty_device(road.device.public):
        return
    opening = present_opening(space.law, proposal, view)
    if opening is None:
        return
    closings = {c.act.person: id_ for id_, c in opening.closings.items() if c.epoch == view.sealed.epoch}
    if road.me not in closings:
        yield CloseVote(opening.change.id)
        return
    mine = {id_ for _, id_ in space.law.supports.get(road.me, ())}
    seals = [space.law.seals[id_] for id_ in proposal.seals]
    here = [seal for seal in seals if seal.epoch == view.sealed.epoch]
    here.sort(key=lambda seal: (-len(seal.supporters), seal.change.id))
    if any(seal.change.id in mine for seal in here):
        here = here[:1]  # seals that crossed meet in one
    for seal in here:
        if seal.change.id not in mine:
            yield SupportSeal(seal.change.id)
    if len(closings) >= view.sealed.k and not here and _my_turn(road, opening, closings, view):
        yield _seal(space, proposal, opening, sorted(closings.values()))


def _my_turn(road: Road, opening: Opening, closings: dict[bytes, bytes], view: View) -> bool:
    """Tell whether it is for this auditor to seal: they take turns, by who closed, so that seals do not cross."""
    order = sorted(set(closings) & view.sealed.auditors.keys())
    last = max(opening.closings[id_].act.time for id_ in closings.values())
    waits = order.index(road.me) if road.me in order else len(order)
    return road.now_ms() >= last + waits * PATIENCE_MS


def _seal(space: Space, proposal: Proposal, opening: Opening, closings: list[bytes]) -> SealVote:
    """Return the seal of a vote, over everything that these closings saw."""
    law = space.law
    view = law.present()
    joint = 0
    for id_ in closings:
        joint |= law.pasts.bits(opening.closings[id_].past)
    older = older_candidate(law, proposal, view)
    root = root_of(opening, countable(opening, joint, view))
    adopts = older.change.id if older else b""
    return SealVote(opening.change.id, sorted(closings), root, view.sealed.digest(), adopts)
