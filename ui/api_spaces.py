"""Operations on spaces: found, invite, join, who belongs."""

from typing import Any

from identity.keys import to_did
from identity.phrase import read_phrase
from identity.tickets import MAX_USES, Offer
from node.domain.area import require
from node.domain.documents import page_id
from node.domain.law.charter import TEMPLATES
from node.ingest import belonging, writing
from node.ingest.spaces import Space
from node.runtime import Node
from node.store import queries
from node.store.spaces import read_tickets
from ui.effects import read_rules
from ui.operations import Data, Param, as_id, operation

DAY_MS = 86_400_000
SPACE = Param("space", "path", "the space, by id or by a name that only one space has")


def need_space(node: Node, wish: str | None) -> Space:
    """Return the space that is meant: by id, by the start of its id, by name; the only one if none is named.

    Raises:
        Refused: if there is none, or more than one.
    """
    spaces = list(node.road.spaces.values())
    if wish in (None, "", "-"):
        found = spaces
    else:
        assert wish is not None  # noqa: S101
        found = [space for space in spaces if space.name == wish] or [
            space for space in spaces if len(wish) >= 4 and space.id.hex().startswith(wish.lower())
        ]
    require(found, "There is no such space here." if spaces else "You are in no space yet: found one, or join one.")
    require(len(found) == 1, "Say which space: " + ", ".join(f"{space.name} ({space.id.hex()[:8]})" for space in found))
    return found[0]


def space_data(node: Node, space: Space) -> Data:
    """Return a space as the API shows it."""
    members = space.law.members()
    inviter = node.keeper.words.inviters.get(space.id)
    arriving = node.keeper.arriving(space.id)
    return {
        "id": space.id.hex(),
        "name": space.name,
        "state": space.state,
        "members": len(members),
        "changes": space.history.size,
        "digest": space.history.root().hex(),
        "arriving": arriving._asdict() if arriving is not None else None,
        "turned_away": node.keeper.refusals.get(space.id) if space.state == "waiting" else None,
        "waiting_for": to_did(inviter) if inviter and space.state == "waiting" else None,
        "waiting": _told(node, space) if space.state == "waiting" else None,
    }


def _told(node: Node, space: Space) -> Data | None:
    """Return what was told of this node's knock; nobody but the laptop that invited it can be told apart."""
    words = node.keeper.words
    told = words.by_inviter.get(space.id) or words.by_another.get(space.id)
    if told is None:
        return None
    said = told.word
    return {
        "said_by_inviter": space.id in words.by_inviter,
        "time": told.time_ms,
        "admission": said.admission,
        "needed": said.needed,
        "vouched": said.vouched,
        "names": list(said.names),
        "vote": said.vote or None,
        "ends": said.ends_ms or None,
    }


@operation("POST", "/identity", Param("name", "body", "what people may call you"),
           Param("passphrase", "body", "seals the key file; without one the file is only private", required=False),
           Param("phrase", "body", "your 24 words: makes this a new device of the same person", required=False),
           needs_someone=False)  # fmt: skip
async def init(node: Node, given: Data) -> Data:
    """Say your name: make your keys in this folder."""
    name = " ".join(given["name"].split())
    require(0 < len(name) <= 60, "A name has 1 to 60 characters.")
    seed = read_phrase(given["phrase"]) if given.get("phrase") is not None else None
    await node.name_yourself(name, given.get("passphrase"), seed)
    return {"person": to_did(node.me.person), "device": to_did(node.road.device.public), "name": name}


@operation("GET", "/spaces")
async def spaces(node: Node, _given: Data) -> Data:
    """List your spaces."""
    return {"spaces": [space_data(node, space) for space in node.road.spaces.values()]}


@operation("POST", "/spaces", Param("name", "body", "the name of the space"),
           Param("template", "body", "circle, neighbourhood, cooperative or network", required=False),
           Param("rules", "body", "rules by name, where they differ from it", "object", required=False))  # fmt: skip
async def found(node: Node, given: Data) -> Data:
    """Found a space, under the rules of a template or your own."""
    template = given.get("template") or "circle"
    require(template in TEMPLATES, f"There is no such template; there are {', '.join(TEMPLATES)}.")
    rules = {**TEMPLATES[template], **read_rules(given.get("rules", {}))}
    return space_data(node, await node.found(given["name"], rules))


@operation("POST", "/join", Param("link", "body", "the invite link"))
async def join(node: Node, given: Data) -> Data:
    """Join a space by an invite link."""
    return space_data(node, await node.join(given["link"]))


@operation("POST", "/spaces/{space}/invitations", SPACE,
           Param("uses", "body", "how many people it lets in (1)", "integer", required=False),
           Param("days", "body", "how many days it lasts (7)", "integer", required=False))  # fmt: skip
async def invite(node: Node, given: Data) -> Data:
    """Make an invite link."""
    space = need_space(node, given["space"])
    uses, days = given.get("uses", 1), given.get("days", 7)
    require(1 <= uses <= MAX_USES, f"An invitation is for 1 to {MAX_USES} people.")
    require(1 <= days <= 365, "An invitation lasts 1 to 365 days.")
    expires = node.clock_ms() + days * DAY_MS
    names = await node.database.read(lambda db: queries.names(db, space.index.no))
    mine = names.get(node.me.person) or await node.name()
    offer = Offer(
        space.id, space.name, mine, expires, space.secrets.discovery, uses=uses, addresses=tuple(node.addresses[:8])
    )
    ticket, link = await belonging.invite(node.road, space, offer)
    return {
        "link": link,
        "key": ticket.key.hex(),
        "expires": ticket.expires_ms,
        "uses": ticket.uses,
        "space": space.name,
    }


@operation("GET", "/spaces/{space}/invitations", SPACE)
async def invitations(node: Node, given: Data) -> Data:
    """List the invitations you made."""
    space = need_space(node, given["space"])
    rows = await node.database.read(lambda db: read_tickets(db, node.road.vault, space.index.no))
    return {"invitations": [_ticket_data(node, space, row) for row in rows]}


def _ticket_data(node: Node, space: Space, row: Any) -> Data:
    from identity.links import read_link

    ticket = read_link(row.link).ticket
    used = space.law.uses_of(ticket)
    if space.law.is_withdrawn(ticket):
        state = "withdrawn"
    elif used >= ticket.uses:
        state = "used up"
    else:
        state = "expired" if node.clock_ms() > ticket.expires_ms else "open"
    return {
        "key": row.key.hex(), "link": row.link, "expires": ticket.expires_ms, "uses": ticket.uses, "used": used,
        "state": state, "made": row.made,
    }  # fmt: skip


@operation("DELETE", "/spaces/{space}/invitations/{key}", SPACE, Param("key", "path", "the invitation's key"))
async def withdraw(node: Node, given: Data) -> Data:
    """Withdraw an invitation."""
    space = need_space(node, given["space"])
    await belonging.withdraw(node.road, space, as_id(given["key"], "invitation"))
    return {"withdrawn": given["key"]}


@operation("GET", "/spaces/{space}/people", SPACE)
async def people(node: Node, given: Data) -> Data:
    """List who belongs to a space."""
    space = need_space(node, given["space"])
    lines = {line.person: line for line in await node.database.read(lambda db: queries.people(db, space.index.no))}
    out = []
    for person, grants in space.law.members().items():
        line = lines.get(person)
        out.append({
            "person": to_did(person), "name": line.name if line else "", "about": line.about if line else "",
            "posts": line.posts if line else 0, "last": line.last if line else None,
            "devices": [to_did(grant.device) for grant in grants], "is_me": node.road.is_me(person),
            "invited_by": to_did(inviter) if (inviter := grants[0].inviter) else None,
        })  # fmt: skip
    return {"people": sorted(out, key=lambda entry: str(entry["name"]).casefold())}


@operation("GET", "/spaces/{space}/page", SPACE)
async def page(node: Node, given: Data) -> Data:
    """Show the space's page with its history."""
    space = need_space(node, given["space"])
    document, brought = await writing.open_document(node.road, space, page_id())
    versions = [
        {"version": edit.hash.hex(), "person": to_did(brought[edit.hash].person), "time": brought[edit.hash].time}
        for edit in document.history()
    ]
    fields = document.read()
    heads = [head.hex() for head in document.heads()]
    return {"title": fields.get("title") or "", "body": document.text("body"), "heads": heads, "history": versions}


@operation("PATCH", "/spaces/{space}/page", SPACE, Param("title", "body", "the page's title"),
           Param("body", "body", "the page's text, in Markdown"),
           Param("heads", "body", "the version that was edited, joined by commas", required=False))  # fmt: skip
async def edit_page(node: Node, given: Data) -> Data:
    """Change the space's page; what others changed meanwhile is kept."""
    space = need_space(node, given["space"])
    seen = [as_id(head, "version") for head in given.get("heads", "").split(",") if head]
    return {"edits": await writing.edit_page(node.road, space, given["title"], given["body"], seen)}


@operation("POST", "/spaces/{space}/page/restore", SPACE, Param("version", "body", "the version to bring back"))
async def restore_page(node: Node, given: Data) -> Data:
    """Bring the space's page back to an earlier version."""
    space = need_space(node, given["space"])
    return {"edits": await writing.restore_page(node.road, space, as_id(given["version"], "version"))}
