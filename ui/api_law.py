"""Operations on a space's law: its charter, who may do what, knocks, proposals and votes, roles, leaving."""

from datetime import UTC, datetime

from identity.keys import to_did
from node.domain.area import require
from node.domain.law.ballots import cast
from node.domain.law.charter import RULES, TEMPLATES, Charter
from node.domain.law.deciding import present_opening
from node.domain.law.holons import binds
from node.domain.law.membership import LeaveSpace, SuspendMember, VouchFor
from node.domain.law.powers import POWERS
from node.domain.law.records import Final, Join, Proposal
from node.domain.law.view import View
from node.ingest import deciding, holons
from node.ingest.spaces import Space
from node.runtime import Node
from node.store import queries
from ui import effects as effects_of
from ui.api_spaces import SPACE, need_space
from ui.operations import Data, Param, operation
from ui.whom import Names, id_among, names_in

PROPOSAL = Param("proposal", "path", "the proposal's id, or how it begins")
PERSON = Param("person", "path", "a member, by name or did:key")


@operation("GET", "/charters", needs_someone=False)
async def charters(_node: Node, _given: Data) -> Data:
    """Show the templates that a space can be founded with, rule by rule in words."""
    return {
        "templates": [{"name": name, "rules": _sentences(Charter(rules))} for name, rules in TEMPLATES.items()],
        "rules": [{"name": rule.name, "values": rule.values.words} for rule in RULES.values()],
    }


@operation("GET", "/spaces/{space}/charter", SPACE)
async def charter(node: Node, given: Data) -> Data:
    """Show the rules of a space in words, with who audits it."""
    space = need_space(node, given["space"])
    sealed, names = space.law.present().sealed, await names_in(node, space)
    return {
        "version": sealed.charter.version,
        "rules": _sentences(sealed.charter),
        "auditors": [to_did(person) for person in sorted(sealed.auditors)],
        "auditor_names": [names[person] for person in sorted(sealed.auditors)],
        "needed": sealed.k,
        "law_version": sealed.version,
    }


def _sentences(rules: Charter) -> list[Data]:
    return [{"name": name, "value": effects_of.plain(rules[name]), "words": words} for name, words in rules.sentences()]


@operation("GET", "/spaces/{space}/powers", SPACE)
async def powers(node: Node, given: Data) -> Data:
    """Show who may do what in a space, in words, and what you may."""
    space, now = need_space(node, given["space"]), node.clock_ms()
    view, names = space.law.present(), await names_in(node, space)
    return {
        "powers": [
            {
                "name": power.name,
                "words": power.words,
                "who": power.who(view),
                "me": power.holds(view, node.me.person, now),
            }
            for power in POWERS
        ],
        "roles": [_role_data(view, names, person, now) for person in view.members() if view.roles(person, now)],
    }


def _role_data(view: View, names: Names, person: bytes, now_ms: int) -> Data:
    roles = [
        {"role": role.role, "scope": role.scope, "until": role.until_ms if role.proposal else None}
        for role in view.roles(person, now_ms)
    ]
    return {"person": to_did(person), "name": names[person], "roles": roles}


# -- coming and going -------------------------------------------------------------------------------------------


@operation("GET", "/spaces/{space}/knocks", SPACE)
async def knocks(node: Node, given: Data) -> Data:
    """List who knocked and waits to be let in, with who vouched."""
    space = need_space(node, given["space"])
    view = space.law.present()
    names = await names_in(node, space)
    waiting = [join for join in space.law.joins.values() if not join.admitted and join.terms.purpose == "member"]
    needed = view.at_most_all(view.sealed.charter["vouchers"])
    return {"needed": needed, "knocks": [_knock_data(join, view, names) for join in waiting]}


def _knock_data(join: Join, view: View, names: Names) -> Data:
    inviter = view.person_of(join.terms.inviter)
    return {
        "id": join.change.id.hex(),
        "person": to_did(join.change.command.person),
        "time": join.change.time,
        "invited_by": names.known.get(inviter, "") if inviter else "",
        "vouched": [to_did(act.person) for act in join.vouches if view.counts(act)],
        "vouched_names": [names[act.person] for act in join.vouches if view.counts(act)],
    }


@operation(
    "POST", "/spaces/{space}/knocks/{knock}/vouch", SPACE, Param("knock", "path", "the knock's id, or how it begins")
)
async def vouch(node: Node, given: Data) -> Data:
    """Vouch for somebody who knocked."""
    space = need_space(node, given["space"])
    knock = id_among(space.law.joins, given["knock"], "knock")
    change = await deciding.submit(node.road, space, VouchFor(knock))
    await node.duties.look(space.id)
    return {"change": change.id.hex(), "let_in": node.road.spaces[space.id].law.joins[knock].admitted}


@operation("POST", "/spaces/{space}/leave", SPACE)
async def leave(node: Node, given: Data) -> Data:
    """Leave a space, at once; export it first if you want to take it along."""
    space = need_space(node, given["space"])
    change = await deciding.submit(node.road, space, LeaveSpace())
    return {"change": change.id.hex(), "space": space.name}


@operation("POST", "/spaces/{space}/people/{person}/pause", SPACE, PERSON)
async def pause(node: Node, given: Data) -> Data:
    """Ask, as a moderator, that somebody's posting is paused for the days of the rules."""
    space = need_space(node, given["space"])
    person = (await names_in(node, space)).person(given["person"])
    change = await deciding.submit(node.road, space, SuspendMember(person))
    until = node.road.spaces[space.id].law.present().suspended_until(person, node.clock_ms())
    return {"change": change.id.hex(), "until": until}


# -- deciding ------------------------------------------------------------------------------------------------------


@operation("GET", "/spaces/{space}/proposals", SPACE)
async def proposals(node: Node, given: Data) -> Data:
    """List the proposals of a space, the newest first."""
    space = need_space(node, given["space"])
    found = sorted(space.law.proposals.values(), key=lambda p: (p.change.time, p.change.id), reverse=True)
    names = await names_in(node, space)
    return {"proposals": [proposal_data(node, space, proposal, names) for proposal in found]}


@operation("GET", "/spaces/{space}/proposals/{proposal}", SPACE, PROPOSAL)
async def proposal(node: Node, given: Data) -> Data:
    """Show one proposal: what it would change, how far it is, and how it ended."""
    space = need_space(node, given["space"])
    return await _told(node, space, id_among(space.law.proposals, given["proposal"], "proposal"))


@operation("POST", "/spaces/{space}/proposals", SPACE,
           Param("effects", "body", "a yes means: [\"rule\", \"vouchers\", 3], [\"remove\", \"Bo\"]", "array"),
           Param("days", "body", "how long the vote lasts, if longer than the rules say", "integer", required=False),
           Param("text", "body", "why, in Markdown; it is posted beside the proposal", required=False))  # fmt: skip
async def propose(node: Node, given: Data) -> Data:
    """Propose something binding: a rule, a role, a removal, other auditors."""
    space = need_space(node, given["space"])
    names = await names_in(node, space)
    effects = effects_of.read_effects(given["effects"], names, space.law.present())
    change = await deciding.propose(node.road, space, effects, given.get("days", 0), given.get("text", ""))
    return {**await _told(node, space, change.id), "bound_by": _bound_by(node, space)}


def _bound_by(node: Node, space: Space) -> list[Data]:
    """Return about what each parent that this node knows decides for a space, which is free in all else."""
    parents = holons.known_parents(node.road, space)
    found = ((parent, binds(parent.law.present().sealed.charter)) for parent in parents)
    return [{"space": parent.id.hex(), "name": parent.name, "about": about} for parent, about in found if about]


@operation("POST", "/spaces/{space}/proposals/{proposal}/support", SPACE, PROPOSAL)
async def support(node: Node, given: Data) -> Data:
    """Support that a proposal is voted on."""
    space = need_space(node, given["space"])
    id_ = id_among(space.law.proposals, given["proposal"], "proposal")
    await deciding.sponsor(node.road, space, id_)
    return await _told(node, space, id_)


@operation("POST", "/spaces/{space}/proposals/{proposal}/ballot", SPACE, PROPOSAL,
           Param("choice", "body", "yes, no or abstain"))  # fmt: skip
async def ballot(node: Node, given: Data) -> Data:
    """Vote; your last ballot before the end counts."""
    space = need_space(node, given["space"])
    require(given["choice"] in ("yes", "no", "abstain"), "Vote yes, no or abstain.")
    id_ = id_among(space.law.proposals, given["proposal"], "proposal")
    await deciding.vote(node.road, space, id_, given["choice"])
    return await _told(node, space, id_)


@operation("POST", "/spaces/{space}/proposals/{proposal}/take-over", SPACE, PROPOSAL)
async def take_over(node: Node, given: Data) -> Data:
    """Hand over to new auditors with more than half of all members, because the old ones are gone."""
    space = need_space(node, given["space"])
    id_ = id_among(space.law.proposals, given["proposal"], "proposal")
    await deciding.take_over(node.road, space, id_)
    return await _told(node, space, id_)


async def _told(node: Node, space: Space, id_: bytes) -> Data:
    """Return a proposal as it stands now, with why its proposer proposes it."""
    space = node.road.spaces[space.id]
    found = space.law.proposals[id_]
    text = found.change.command.text_hash
    why = await node.database.read(lambda db: queries.post(db, text)) if text else None
    data = proposal_data(node, space, found, await names_in(node, space))
    return {**data, "text": why.text if why is not None and why.person == found.proposer.person else ""}


def proposal_data(node: Node, space: Space, found: Proposal, names: Names) -> Data:
    """Return a proposal as the API shows it."""
    view = space.law.present()
    opening = present_opening(space.law, found, view)
    final = view.sealed.finals.get(found.change.id)
    command = found.change.command
    mine = [b.choice for b in found.ballots if b.act.person == node.me.person]
    return {
        "id": found.change.id.hex(),
        "by": to_did(found.proposer.person),
        "name": names[found.proposer.person],
        "time": found.change.time,
        "deadline": command.deadline,
        "end": command.deadline + command.grace,
        "effects": [effects_of.shown(effect) for effect in command.effects],
        "words": [effects_of.in_words(effect, names, _day) for effect in command.effects],
        "post": command.text_hash.hex() or None,
        "supported_by": [to_did(act.person) for act in (found.proposer, *found.sponsors)],
        "state": _state(final, opening is not None, node.clock_ms(), command.deadline),
        "electorate": len(opening.electorate) if opening else None,
        "voted": len({b.act.person for b in cast(opening, space.law)}) if opening else 0,
        "mine": mine[-1] if mine else None,
        "handed_over_by": sorted({to_did(one.act.person) for one in found.takeovers}),
        "result": _result(final, names),
    }


def _day(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d")


def _state(final: Final | None, is_open: bool, now_ms: int, deadline: int) -> str:
    if final is not None:
        return "sealed" if final.outcome else "contested"
    if not is_open:
        return "proposed" if now_ms <= deadline else "expired"
    return "voting" if now_ms <= deadline else "closing"


def _result(final: Final | None, names: Names) -> Data | None:
    if final is None:
        return None
    if final.outcome is None:
        forkers = sorted(final.forkers)
        return {
            "winner": None, "forkers": [to_did(person) for person in forkers],
            "forker_names": [names[person] for person in forkers],
        }  # fmt: skip
    return {"winner": final.outcome.winner, "tally": dict(final.outcome.tally), "seal": final.seal.hex()}
