"""Operations on spaces within spaces: the tree, parts, communities that share one, and one that continues another."""

from typing import Any

from identity.keys import to_did
from identity.tickets import MAX_USES, Offer
from node.domain.area import require
from node.domain.law.charter import TEMPLATES
from node.domain.law.holons import Branch, binds, outline
from node.domain.law.view import STEWARD
from node.ingest import belonging, continuing, deciding, holons, writing
from node.ingest.spaces import Space
from node.runtime import Node
from node.store import queries
from ui.api_law import proposal_data
from ui.api_spaces import SPACE, need_space, space_data
from ui.effects import read_rules
from ui.operations import Data, Param, operation
from ui.whom import names_in

DAY_MS = 86_400_000
INVITED_DAYS = 30


@operation("GET", "/tree")
async def tree(node: Node, _given: Data) -> Data:
    """Show how your spaces lie within each other, and how many people are in both of two."""
    above: list[bytes] = []
    lines = []
    for branch in outline(holons.known(node.road)):
        del above[branch.depth :]
        lines.append(branch_data(node, branch, above[-1] if above else None))
        above.append(branch.space)
    return {"spaces": lines}


def branch_data(node: Node, branch: Branch, above: bytes | None) -> Data:
    """Return a line of the tree; of a space that this node is no member of, only its id."""
    space = node.road.spaces.get(branch.space)
    line: Data = {
        "id": branch.space.hex(), "depth": branch.depth, "again": branch.is_again, "loop": branch.is_loop,
        "name": None, "members": None, "parents": [], "layer": None, "binds": [], "in_both": None,
    }  # fmt: skip
    if space is None or space.state != "member":
        return line
    charter = space.law.present().sealed.charter
    return {
        **line, "name": space.name, "members": len(space.law.members()),
        "parents": [parent.hex() for parent in holons.parents_of(space)], "layer": charter["layer"],
        "binds": binds(charter), "in_both": in_both(node, space, above),
    }  # fmt: skip


def in_both(node: Node, space: Space, above: bytes | None) -> int | None:
    """Return how many people are in a space and in the one above it; None where this node does not see that one."""
    parent = node.road.spaces.get(above) if above is not None else None
    if parent is None or parent.state != "member":
        return None
    return len(space.law.members().keys() & parent.law.members().keys())


@operation("POST", "/spaces/{space}/parts", SPACE, Param("name", "body", "the name of the new part"),
           Param("template", "body", "circle, neighbourhood, cooperative or network", required=False),
           Param("rules", "body", "rules by name, where they differ from it", "object", required=False))  # fmt: skip
async def found_part(node: Node, given: Data) -> Data:
    """Found a space that is part of another one."""
    parent = need_space(node, given["space"])
    require(parent.state == "member", "Only a member founds a part of a space.")
    template = given.get("template") or "circle"
    require(template in TEMPLATES, f"There is no such template; there are {', '.join(TEMPLATES)}.")
    rules = {"parents": [parent.id], **TEMPLATES[template], **read_rules(given.get("rules", {}))}
    require(parent.id in rules["parents"], "This part names other parents than the space it is founded in.")
    return space_data(node, await node.found(given["name"], rules))


@operation("POST", "/spaces/{space}/share", SPACE,
           Param("community", "body", "another space of yours, whose people shall come in too"),
           Param("days", "body", "how long you speak for it (365)", "integer", required=False))  # fmt: skip
async def share_space(node: Node, given: Data) -> Data:
    """Propose that another community of yours shares a space: its people come in by you, as its steward here."""
    space, community = need_space(node, given["space"]), need_space(node, given["community"])
    require(community is not space and community.state == "member", "Name another space that you are a member of.")
    parents = holons.parents_of(space)
    require(community.id not in parents, "This community shares the space already.")
    charter = space.law.present().sealed.charter
    days = max(1, min(given.get("days", 365), charter["role_days"]))
    until = node.clock_ms() + days * DAY_MS
    effects = [
        ["rule", "parents", [*parents, community.id]],
        ["rule", "members_of_parent", True],
        ["rule", "inviters", "stewards"],
        ["role", node.me.person, "steward", holons.scope_of(community.id), until],
        *_for_those_here(node, space, parents, until),
    ]
    change = await deciding.propose(node.road, space, effects)
    here = node.road.spaces[space.id]
    return proposal_data(node, here, here.law.proposals[change.id], await names_in(node, here))


def _for_those_here(node: Node, space: Space, parents: list[bytes], until: int) -> list[list[Any]]:
    """Return what lets the present stewards speak for the one community whose space it was until now."""
    if len(parents) != 1:
        return []
    view, now = space.law.present(), node.clock_ms()
    stewards = (person for person in view.members() if view.has_role(person, STEWARD, now) and person != node.me.person)
    return [["role", person, STEWARD, holons.scope_of(parents[0]), until] for person in stewards]


@operation("GET", "/spaces/{space}/communities", SPACE)
async def communities(node: Node, given: Data) -> Data:
    """Say of everybody in a space by which of its parents they came, and to which they belong, as far as is known."""
    space = need_space(node, given["space"])
    parents = [(parent, node.road.spaces.get(parent)) for parent in holons.parents_of(space)]
    names = {parent: held.name for parent, held in parents if held is not None}
    names_here = await node.database.read(lambda db: queries.names(db, space.index.no))
    people = []
    for person in space.law.members():
        found = holons.belonging(node.road, space, person)
        people.append({
            "person": to_did(person), "name": names_here.get(person, ""),
            "member_of": [parent.hex() for parent in found.member_of], "left": [parent.hex() for parent in found.left],
            "came_by": found.came_by.hex() if found.came_by is not None else None,
        })  # fmt: skip
    known = [{"id": parent.hex(), "name": names.get(parent)} for parent, _ in parents]
    return {"parents": known, "people": sorted(people, key=lambda entry: str(entry["name"]).casefold())}


# -- continuing --------------------------------------------------------------------------------------------------------


@operation("POST", "/spaces/{space}/continue", SPACE, Param("name", "body", "the name of the new space"),
           Param("invite", "body", "also invite the people of the old space by a post with a link", "boolean",
                 required=False),
           Param("text", "body", "what that post says before the link", required=False))  # fmt: skip
async def continue_space(node: Node, given: Data) -> Data:
    """Found a space that continues another one: it begins with the same rules, and its history can be read on in it."""
    old = need_space(node, given["space"])
    name = belonging.allow_name(given["name"])
    rules = continuing.rules_of(old)
    wants_post = given.get("invite", False)
    require(not wants_post or old.state == "member", "You have left this space, so you cannot post in it.")
    new = await node.found(name, rules)
    posted = await _invite_over(node, old, new, given.get("text", "")) if wants_post else None
    return {**space_data(node, new), "continues": old.id.hex(), "invitation": posted}


async def _invite_over(node: Node, old: Space, new: Space, text: str) -> str:
    """Post a link to the new space in the old one; returns the post's id."""
    uses = max(1, min(MAX_USES, len(old.law.members()) - 1))
    expires = node.clock_ms() + INVITED_DAYS * DAY_MS
    addresses = tuple(node.addresses[:8])
    offer = Offer(new.id, new.name, await node.name(), expires, new.secrets.discovery, uses=uses, addresses=addresses)
    _, link = await belonging.invite(node.road, new, offer)
    words = text.strip() or f"{new.name} continues {old.name}. Whoever wants to come along:"
    command = await writing.post_command(node.road, old, f"{words}\n\n`{link}`", None)
    return (await node.road.submit(old, command)).id.hex()


@operation("POST", "/spaces/{space}/carry-over", SPACE)
async def carry_over(node: Node, given: Data) -> Data:
    """Say your own posts of the continued space again in this one, each once, with the dates they had."""
    return {"carried": await continuing.carry_over(node.road, need_space(node, given["space"]))}
