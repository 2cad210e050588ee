"""Operations on a space's law: its charter, who may do what, knocks, proposals and votes, roles, leaving."""

from typing import Any

from identity.errors import Refused
from identity.keys import from_did, to_did
from node.domain.area import require
from node.domain.law.charter import TEMPLATES, Charter
from node.domain.law.deciding import present_opening
from node.domain.law.membership import LeaveSpace, RevokeDevice, SuspendMember, VouchFor
from node.domain.law.powers import POWERS
from node.domain.law.records import Final, Join, Proposal
from node.domain.law.view import View
from node.ingest import deciding
from node.ingest.spaces import Space
from node.runtime import Node
from node.store import queries
from ui.api_spaces import SPACE, need_space
from ui.operations import Data, Param, as_id, operation

PROPOSAL = Param("proposal", "path", "the proposal's id")
PERSON = Param("person", "path", "a member, as did:key")
DAY_MS = 86_400_000


@operation("GET", "/charters", needs_someone=False)
async def charters(_node: Node, _given: Data) -> Data:
    """Show the templates that a space can be founded with, rule by rule in words."""
    return {
        "templates": [{"name": name, "rules": _sentences(Charter(rules))} for name, rules in TEMPLATES.items()],
    }


@operation("GET", "/spaces/{space}/charter", SPACE)
async def charter(node: Node, given: Data) -> Data:
    """Show the rules of a space in words, with who audits it."""
    sealed = need_space(node, given["space"]).law.present().sealed
    return {
        "version": sealed.charter.version,
        "rules": _sentences(sealed.charter),
        "auditors": [to_did(person) for person in sorted(sealed.auditors)],
        "needed": sealed.k,
        "law_version": sealed.version,
    }


def _sentences(rules: Charter) -> list[Data]:
    return [{"name": name, "value": _plain(rules[name]), "words": words} for name, words in rules.sentences()]


def _plain(value: Any) -> Any:
    """Return a rule's value as JSON holds it: ids as hex."""
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return value.hex() if isinstance(value, bytes) else value


@operation("GET", "/spaces/{space}/powers", SPACE)
async def powers(node: Node, given: Data) -> Data:
    """Show who may do what in a space, in words, and what you may."""
    space, now = need_space(node, given["space"]), node.clock_ms()
    view = space.law.present()
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
        "roles": [_role_data(view, person, now) for person in view.members() if view.roles(person, now)],
    }


def _role_data(view: View, person: bytes, now_ms: int) -> Data:
    roles = [
        {"role": role.role, "scope": role.scope, "until": role.until_ms if role.proposal else None}
        for role in view.roles(person, now_ms)
    ]
    return {"person": to_did(person), "roles": roles}


# -- coming and going -------------------------------------------------------------------------------------------


@operation("GET", "/spaces/{space}/knocks", SPACE)
async def knocks(node: Node, given: Data) -> Data:
    """List who knocked and waits to be let in, with who vouched."""
    space = need_space(node, given["space"])
    view = space.law.present()
    names = await node.database.read(lambda db: queries.names(db, space.index.no))
    waiting = [join for join in space.law.joins.values() if not join.admitted and join.terms.purpose == "member"]
    return {"needed": view.sealed.charter["vouchers"], "knocks": [_knock_data(join, view, names) for join in waiting]}


def _knock_data(join: Join, view: View, names: dict[bytes, str]) -> Data:
    inviter = view.person_of(join.terms.inviter)
    return {
        "id": join.change.id.hex(),
        "person": to_did(join.change.command.person),
        "time": join.change.time,
        "invited_by": names.get(inviter, "") if inviter else "",
        "vouched": [to_did(act.person) for act in join.vouches if view.counts(act)],
    }


@operation("POST", "/spaces/{space}/knocks/{knock}/vouch", SPACE, Param("knock", "path", "the knock's id"))
async def vouch(node: Node, given: Data) -> Data:
    """Vouch for somebody who knocked."""
    space = need_space(node, given["space"])
    change = await deciding.submit(node.road, space, VouchFor(as_id(given["knock"], "knock")))
    return {"change": change.id.hex()}


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
    person = _person(given["person"])
    change = await deciding.submit(node.road, space, SuspendMember(person))
    until = space.law.present().suspended_until(person, node.clock_ms())
    return {"change": change.id.hex(), "until": until}


@operation(
    "DELETE", "/spaces/{space}/devices/{device}", SPACE, Param("device", "path", "a device of yours, as did:key")
)
async def revoke(node: Node, given: Data) -> Data:
    """End one of your devices: what it said so far stays, what it says from now on is void."""
    space = need_space(node, given["space"])
    device = _person(given["device"])
    require(device != node.road.device.public, "This is the device you are using: end it from another one.")
    log = space.history.logs.get(device)
    change = await deciding.submit(node.road, space, RevokeDevice(device, log.seq if log else 0))
    return {"change": change.id.hex()}


def _person(text: str) -> bytes:
    try:
        return from_did(text)
    except Exception as error:
        raise Refused("This is not a did:key.") from error


# -- deciding ------------------------------------------------------------------------------------------------------


@operation("GET", "/spaces/{space}/proposals", SPACE)
async def proposals(node: Node, given: Data) -> Data:
    """List the proposals of a space, the newest first."""
    space = need_space(node, given["space"])
    found = sorted(space.law.proposals.values(), key=lambda p: (p.change.time, p.change.id), reverse=True)
    return {"proposals": [proposal_data(node, space, proposal) for proposal in found]}


@operation("GET", "/spaces/{space}/proposals/{proposal}", SPACE, PROPOSAL)
async def proposal(node: Node, given: Data) -> Data:
    """Show one proposal: what it would change, how far it is, and how it ended."""
    space = need_space(node, given["space"])
    found = deciding.known_proposal(space, as_id(given["proposal"], "proposal"))
    return proposal_data(node, space, found)


@operation("POST", "/spaces/{space}/proposals", SPACE,
           Param("effects", "body", "what follows from a yes: lists such as [\"rule\", \"vouchers\", 3]", "array"),
           Param("days", "body", "how long the vote lasts, if longer than the rules say", "integer", required=False),
           Param("text", "body", "why, in Markdown; it is posted beside the proposal", required=False))  # fmt: skip
async def propose(node: Node, given: Data) -> Data:
    """Propose something binding: a rule, a role, a removal, other auditors."""
    space = need_space(node, given["space"])
    effects = [_effect(effect) for effect in given["effects"]]
    change = await deciding.propose(node.road, space, effects, given.get("days", 0))
    return proposal_data(node, node.road.spaces[space.id], node.road.spaces[space.id].law.proposals[change.id])


@operation("POST", "/spaces/{space}/proposals/{proposal}/support", SPACE, PROPOSAL)
async def support(node: Node, given: Data) -> Data:
    """Support that a proposal is voted on."""
    space = need_space(node, given["space"])
    id_ = as_id(given["proposal"], "proposal")
    await deciding.sponsor(node.road, space, id_)
    return proposal_data(node, node.road.spaces[space.id], node.road.spaces[space.id].law.proposals[id_])


@operation("POST", "/spaces/{space}/proposals/{proposal}/ballot", SPACE, PROPOSAL,
           Param("choice", "body", "yes, no or abstain"))  # fmt: skip
async def ballot(node: Node, given: Data) -> Data:
    """Vote; your last ballot before the end counts."""
    space = need_space(node, given["space"])
    require(given["choice"] in ("yes", "no", "abstain"), "Vote yes, no or abstain.")
    id_ = as_id(given["proposal"], "proposal")
    await deciding.vote(node.road, space, id_, given["choice"])
    return proposal_data(node, node.road.spaces[space.id], node.road.spaces[space.id].law.proposals[id_])


_KEYS_FIRST = ("remove", "readmit", "resume", "role", "unrole")


def _effect(effect: Any) -> list[Any]:
    """Read an effect from JSON: people as did:key, ids as hex."""
    require(
        isinstance(effect, list) and effect and isinstance(effect[0], str),
        "An effect is a list that begins with a word.",
    )
    name, *args = effect
    if name in (*_KEYS_FIRST, "admit") and args:
        return [name, _person(args[0]), *args[1:]]
    if name == "auditors" and len(args) == 2 and isinstance(args[0], list):
        return [name, sorted([_person(person), _person(device)] for person, device in args[0]), args[1]]
    if name == "rule" and len(args) == 2 and args[0] == "parents":
        return [name, "parents", [as_id(one, "space") for one in args[1]]]
    return [name, *args]


def proposal_data(node: Node, space: Space, found: Proposal) -> Data:
    """Return a proposal as the API shows it."""
    view = space.law.present()
    opening = present_opening(space.law, found, view)
    final = view.sealed.finals.get(found.change.id)
    command = found.change.command
    mine = [b.choice for b in opening.ballots if b.act.person == node.me.person] if opening else []
    return {
        "id": found.change.id.hex(),
        "by": to_did(found.proposer.person),
        "time": found.change.time,
        "deadline": command.deadline,
        "end": command.deadline + command.grace,
        "effects": [_shown(effect) for effect in command.effects],
        "supported_by": [to_did(act.person) for act in (found.proposer, *found.sponsors)],
        "state": _state(final, opening is not None, node.clock_ms(), command.deadline),
        "electorate": len(opening.electorate) if opening else None,
        "voted": len({b.act.person for b in opening.ballots}) if opening else 0,
        "mine": mine[-1] if mine else None,
        "result": _result(final),
    }


def _state(final: Final | None, is_open: bool, now_ms: int, deadline: int) -> str:
    if final is not None:
        return "sealed" if final.outcome else "contested"
    if not is_open:
        return "proposed"
    return "voting" if now_ms <= deadline else "closing"


def _result(final: Final | None) -> Data | None:
    if final is None:
        return None
    if final.outcome is None:
        return {"winner": None, "forkers": [to_did(person) for person in sorted(final.forkers)]}
    return {"winner": final.outcome.winner, "tally": dict(final.outcome.tally), "seal": final.seal.hex()}


def _shown(effect: list[Any]) -> list[Any]:
    """Return an effect for JSON: people as did:key, ids as hex."""
    name, *args = effect
    if name in (*_KEYS_FIRST, "admit"):
        return [name, to_did(args[0]), *args[1:]]
    if name == "auditors":
        return [name, [[to_did(person), to_did(device)] for person, device in args[0]], args[1]]
    return [name, *(_plain(arg) for arg in args)]
