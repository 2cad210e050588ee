"""Decisions: which there are, how far each is, what would change, supporting and voting, and how it ended."""

from collections.abc import Sequence
from typing import NamedTuple

from aiohttp import web
from markupsafe import Markup

from identity.errors import Refused
from node.domain.law.ballots import cast, countable, outcome_of
from node.domain.law.charter import Charter
from node.domain.law.deciding import present_opening
from node.domain.law.decisions import ABSTAIN, CHOICES, GRAVE_EFFECTS, NO, YES, TakeOver
from node.domain.law.records import Final, Opening, Outcome, Proposal
from node.domain.law.sealed import ended_ms
from node.domain.law.view import View
from node.store import queries
from ui.law_words import Telling, effect_words, rule_sentence
from ui.operations import as_id, perform
from ui.pages.frame import page, space_head
from ui.pages.rows import shown
from ui.pages.telling import telling, title_of
from ui.pages.visit import Book, Visit
from ui.views import NOTHING, NavItem, PersonRef

ENDED_SHOWN = 30
OPEN_STATES = ("voting", "proposed", "closing", "contested")


class DecisionLine(NamedTuple):
    """A proposal on the list. `state` is proposed, voting, closing, sealed, contested or expired."""

    title: str
    state: str
    by: PersonRef
    time_ms: int
    deadline_ms: int
    url: str
    electorate: int = 0
    voted: int = 0
    mine: str = ""
    winner: str = ""
    wants_me: bool = False


class Tally(NamedTuple):
    """How many said what, of how many who could; `winner` is yes, no or no quorum."""

    winner: str
    yes: int
    no: int
    abstain: int
    electorate: int
    is_provisional: bool


class EffectView(NamedTuple):
    """What a yes changes, and what a rule says until then."""

    words: str
    before: str = ""
    name: str = ""


class WhyView(NamedTuple):
    """The post in which the proposer says why, beside the proposal."""

    html: Markup
    url: str
    replies: int


class DecisionView(NamedTuple):
    """One proposal with all that is known of it."""

    line: DecisionLine
    effects: tuple[EffectView, ...]
    end_ms: int
    supporters: tuple[PersonRef, ...]
    support_needed: int
    support_url: str
    quorum: str
    threshold: str
    ballot_url: str
    tally: Tally | None
    forkers: tuple[PersonRef, ...]
    sealed_ms: int
    handed_over: tuple[PersonRef, ...]
    take_over_url: str
    objectors: tuple[PersonRef, ...]
    why: WhyView | None
    signed: tuple[NavItem, ...]
    is_outside: bool


def add_decisions(book: Book) -> None:
    """Add the pages of decisions."""
    book.member("GET", "/decisions", decisions)
    book.member("GET", "/decisions/{proposal}", decision)
    book.member("POST", "/decisions/{proposal}/support", support)
    book.member("GET", "/decisions/{proposal}/vote/{choice}", confirm)
    book.member("POST", "/decisions/{proposal}/ballot", ballot)
    book.member("POST", "/decisions/{proposal}/take-over", take_over)


# -- what a proposal is like ---------------------------------------------------------------------------------------


def state_of(final: Final | None, opening: Opening | None, proposal: Proposal, now_ms: int) -> str:
    """Return how far a proposal is."""
    over = now_ms > proposal.change.command.deadline
    if final is not None:
        return "sealed" if final.outcome else "contested"
    if opening is None:
        return "expired" if over else "proposed"
    return "closing" if over else "voting"


def line_of(visit: Visit, tell: Telling, view: View, proposal: Proposal) -> DecisionLine:
    """Return a proposal as lists show it."""
    me = visit.node.me.person
    opening = present_opening(view.law, proposal, view)
    final = view.sealed.finals.get(proposal.change.id)
    state = state_of(final, opening, proposal, visit.node.clock_ms())
    mine = my_ballot(proposal, me)
    votes = opening is not None and me in opening.electorate and state == "voting"
    return DecisionLine(
        title=title_of(tell, proposal),
        state=state,
        by=person_ref(visit, tell, proposal.proposer.person),
        time_ms=proposal.change.time,
        deadline_ms=proposal.change.command.deadline,
        url=visit.url(f"/decisions/{proposal.change.id.hex()}"),
        electorate=len(opening.electorate) if opening else 0,
        voted=len({one.act.person for one in cast(opening, view.law) if view.counts(one.act)}) if opening else 0,
        mine=mine,
        winner=final.outcome.winner if final and final.outcome else "",
        wants_me=votes and not mine and visit.may_write,
    )


def person_ref(visit: Visit, tell: Telling, person: bytes) -> PersonRef:
    """Return a person as pages name them."""
    return visit.person(person, {person: tell.name(person)})


def my_ballot(proposal: Proposal, me: bytes) -> str:
    """Return what a person voted last; empty if they have not."""
    said = [ballot.choice for ballot in proposal.ballots if ballot.act.person == me]
    return said[-1] if said else ""


# -- the list ------------------------------------------------------------------------------------------------------


async def decisions(visit: Visit) -> web.Response:
    """List the proposals: those that wait for somebody first, then those that ended, newest first."""
    view, tell = visit.here.law.present(), await telling(visit)
    found = sorted(view.law.proposals.values(), key=lambda one: (one.change.time, one.change.id), reverse=True)
    lines = [line_of(visit, tell, view, one) for one in found]
    ended = [line for line in lines if line.state not in OPEN_STATES]
    first = _first(visit.request.query.get("from", ""))
    here = visit.url("/decisions")
    context = {
        "space": await space_head(visit, "decisions"),
        "open": tuple(line for state in OPEN_STATES for line in lines if line.state == state and not first),
        "ended": tuple(ended[first : first + ENDED_SHOWN]),
        "new_url": visit.url("/decisions/new") if visit.may_write else "",
        "older_url": f"{here}?from={first + ENDED_SHOWN}" if len(ended) > first + ENDED_SHOWN else "",
        "newest_url": here if first else "",
    }
    return await page(visit, "decisions", "decisions.html", context)


def _first(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else 0


# -- one decision ----------------------------------------------------------------------------------------------------


def wanted(visit: Visit) -> Proposal:
    """Return the proposal that the address names."""
    try:
        id_ = as_id(visit.request.match_info["proposal"], "proposal")
    except Refused as error:
        raise web.HTTPNotFound from error
    found = visit.here.law.proposals.get(id_)
    if found is None:
        raise web.HTTPNotFound
    return found


async def decision(visit: Visit) -> web.Response:
    """Show one decision."""
    proposal, view, tell = wanted(visit), visit.here.law.present(), await telling(visit)
    context = {"space": await space_head(visit, "decisions"), "decision": await _view(visit, tell, view, proposal)}
    return await page(visit, "decisions", "decision.html", context)


async def _view(visit: Visit, tell: Telling, view: View, proposal: Proposal) -> DecisionView:
    line = line_of(visit, tell, view, proposal)
    opening = present_opening(view.law, proposal, view)
    final = view.sealed.finals.get(proposal.change.id)
    command, me = proposal.change.command, visit.node.me.person
    charter = (view.law.view_of(opening.change) if opening else view).sealed.charter
    behind = list(dict.fromkeys(act.person for act in (proposal.proposer, *proposal.sponsors) if view.counts(act)))
    open_to_support = line.state == "proposed" and me not in behind and visit.may_write
    objectors = {act.person for id_ in proposal.openings for act in view.law.openings[id_].contests}
    return DecisionView(
        line=line,
        effects=_effects(visit, tell, view, command.effects),
        end_ms=command.deadline + command.grace,
        supporters=tuple(person_ref(visit, tell, person) for person in behind),
        support_needed=max(0, view.at_most_all(view.sealed.charter["sponsors"]) - len(behind)),
        support_url=f"{line.url}/support" if open_to_support else "",
        quorum=rule_sentence(visit, "quorum", charter["quorum"]),
        threshold=_threshold(visit, charter, command.effects),
        ballot_url=f"{line.url}/vote" if line.wants_me or (line.state == "voting" and line.mine) else "",
        tally=_tally(view, opening, final, charter, proposal),
        forkers=tuple(person_ref(visit, tell, one) for one in sorted(final.forkers)) if final else (),
        sealed_ms=ended_ms(view.law, proposal, final) if final else 0,
        handed_over=_handed_over(visit, tell, view, proposal),
        take_over_url=f"{line.url}/take-over" if _may_take_over(visit, proposal) else "",
        objectors=tuple(person_ref(visit, tell, person) for person in sorted(objectors)),
        why=await _why(visit, proposal),
        signed=_signed(visit, tell, view, proposal),
        is_outside=opening is not None and me not in opening.electorate,
    )


def _may_take_over(visit: Visit, proposal: Proposal) -> bool:
    """Tell whether this member could hand over to other auditors now, without those who are gone."""
    device, now, law = visit.node.road.device.public, visit.node.clock_ms(), visit.here.law
    return any(law.would_refuse(device, now, TakeOver(id_)) is None for id_ in proposal.openings)


def _handed_over(visit: Visit, tell: Telling, view: View, proposal: Proposal) -> tuple[PersonRef, ...]:
    people = dict.fromkeys(one.act.person for one in proposal.takeovers if view.includes(one.act.number))
    return tuple(person_ref(visit, tell, person) for person in people)


def _effects(visit: Visit, tell: Telling, view: View, effects: Sequence[Sequence[object]]) -> tuple[EffectView, ...]:
    """Return what a yes changes; of a rule also what it says now."""
    found = []
    for effect in effects:
        name, words, before = str(effect[0]), effect_words(tell, effect), ""
        if name == "rule":
            before = rule_sentence(visit, str(effect[1]), view.sealed.charter[str(effect[1])])
        found.append(EffectView(words, before if before != words else "", name))
    return tuple(found)


def _threshold(visit: Visit, charter: Charter, effects: Sequence[Sequence[object]]) -> str:
    rule = "grave_threshold" if any(effect[0] in GRAVE_EFFECTS for effect in effects) else "threshold"
    return rule_sentence(visit, rule, charter[rule])


def _tally(
    view: View, opening: Opening | None, final: Final | None, charter: Charter, proposal: Proposal
) -> Tally | None:
    """Return the result: sealed, or as it stands after the end; while one can vote, ballots are not counted out."""
    if final is not None and final.outcome is not None:
        return _tallied(final.outcome, is_provisional=False)
    if opening is None or not opening.closings:
        return None
    ballots = countable(opening, view.bits, view)
    outcome = outcome_of(opening, ballots, charter, proposal.change.command.effects)
    return _tallied(outcome, is_provisional=True)


def _tallied(outcome: Outcome, *, is_provisional: bool) -> Tally:
    said = dict(outcome.tally)
    return Tally(outcome.winner, said[YES], said[NO], said[ABSTAIN], outcome.electorate, is_provisional)


async def _why(visit: Visit, proposal: Proposal) -> WhyView | None:
    """Return the post that a proposal names, if its proposer wrote it here and it was not taken back."""
    id_ = proposal.change.command.text_hash
    line = await visit.node.database.read(lambda db: queries.post(db, id_)) if id_ else None
    well = line is not None and line.person == proposal.proposer.person and line.log in visit.here.index.authors
    if line is None or not well:
        return None
    html = NOTHING if line.retracted else shown(line.text)
    return WhyView(html, visit.url(f"/posts/{line.id.hex()}"), line.replies)


def _signed(visit: Visit, tell: Telling, view: View, proposal: Proposal) -> tuple[NavItem, ...]:
    """Return where the signed changes of a decision stand in the public log."""
    law, gettext = view.law, visit.gettext
    found = [(gettext("The proposal"), proposal.change.id)]
    for id_ in proposal.openings:
        opening = law.openings[id_]
        found.append((gettext("Opened by %(name)s") % {"name": tell.name(opening.opener.person)}, id_))
        found += [
            (gettext("Closed by %(name)s") % {"name": tell.name(closing.act.person)}, closing_id)
            for closing_id, closing in opening.closings.items()
        ]
    for id_ in proposal.seals:
        found.append((gettext("Sealed by %(name)s") % {"name": tell.name(law.seals[id_].supporters[0].person)}, id_))
    return tuple(NavItem(label, visit.url(f"/log/{id_.hex()}")) for label, id_ in found)


# -- supporting and voting ---------------------------------------------------------------------------------------------


def _given(visit: Visit, proposal: Proposal) -> dict[str, str]:
    return {"space": visit.here.id.hex(), "proposal": proposal.change.id.hex()}


async def support(visit: Visit) -> web.Response:
    """Support that a proposal is voted on."""
    proposal = wanted(visit)
    await perform(visit.node, "support", _given(visit, proposal))
    is_open = bool(visit.node.road.spaces[visit.here.id].law.proposals[proposal.change.id].openings)
    words = visit.gettext("The vote is open.") if is_open else visit.gettext("You support it now.")
    return visit.go(visit.url(f"/decisions/{proposal.change.id.hex()}"), words)


async def take_over(visit: Visit) -> web.Response:
    """Hand over to new auditors with the others, because the old ones are gone."""
    proposal = wanted(visit)
    await perform(visit.node, "take_over", _given(visit, proposal))
    is_done = proposal.change.id in visit.node.road.spaces[visit.here.id].law.present().sealed.finals
    words = (
        visit.gettext("New auditors are in office.") if is_done else visit.gettext("You hand over, with the others.")
    )
    return visit.go(visit.url(f"/decisions/{proposal.change.id.hex()}"), words)


async def confirm(visit: Visit) -> web.Response:
    """Say once more what one is about to vote for, before the ballot is signed."""
    proposal, view, tell = wanted(visit), visit.here.law.present(), await telling(visit)
    choice = visit.request.match_info["choice"]
    if choice not in CHOICES:
        raise web.HTTPNotFound
    line = line_of(visit, tell, view, proposal)
    if line.state != "voting":
        return visit.go(line.url, visit.gettext("This vote is not open."))
    context = {
        "space": await space_head(visit, "decisions"),
        "line": line,
        "choice": choice,
        "effects": _effects(visit, tell, view, proposal.change.command.effects),
        "action": f"{line.url}/ballot",
    }
    return await page(visit, "decisions", "vote.html", context)


async def ballot(visit: Visit) -> web.Response:
    """Cast a ballot; the last one before the end counts."""
    proposal = wanted(visit)
    choice = (await visit.form()).get("choice", "")
    await perform(visit.node, "ballot", {**_given(visit, proposal), "choice": choice})
    words = visit.gettext("Your ballot is signed. You can change it until the vote ends.")
    return visit.go(visit.url(f"/decisions/{proposal.change.id.hex()}"), words)
