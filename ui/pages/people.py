"""The people of a space, and one of them: who they are here, how to be sure of their key, what they wrote."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b

from aiohttp import web

from identity.errors import CommonsError
from identity.keys import from_did, to_did
from identity.phrase import write_phrase
from node.domain.law.fold import Grant
from node.ingest import holons
from node.ingest.profiles import fields_of
from node.ingest.spaces import Space
from node.store import queries
from node.store.queries import PostLine
from ui.api_posts import read_cursor, write_cursor
from ui.law_words import role_words
from ui.markup import rendered
from ui.pages.acting import acts_on
from ui.pages.consents import ask_url
from ui.pages.frame import page, space_head
from ui.pages.knocks import waiting
from ui.pages.profile import lines_about
from ui.pages.rows import post_view
from ui.pages.visit import Book, Visit, clean_name
from ui.views import DeviceView, FeedView, Nearness, PersonView

MAX_POSTS = 30
MAX_PEOPLE = 100
SPOKEN_WORDS = 8
"""Of the 24 words that a key's hash gives: 88 bits are far too many to be matched by trying."""


def add_people(book: Book) -> None:
    """Add the pages of people."""
    book.member("GET", "/people", people)
    book.member("GET", "/people/{person}", person)


async def people(visit: Visit) -> web.Response:
    """Show who belongs to the space: who is near first, then by name, a hundred at a time."""
    space = visit.here
    names = (await visit.pages.roster(space)).names
    near = connected_people(visit, space)
    members = space.law.members()
    start = min(_number(visit.request.query.get("from")), max(0, len(members) - 1)) // MAX_PEOPLE * MAX_PEOPLE

    def place(person: bytes) -> tuple[bool, str, bytes]:
        return person not in near and not visit.node.road.is_me(person), names.get(person, "").casefold(), person

    shown = sorted(members, key=place)[start : start + MAX_PEOPLE]
    here = visit.url("/people")
    context = {
        "space": await space_head(visit, "people"),
        "people": tuple(person_view(visit, person, members[person], names, near) for person in shown),
        "before_url": f"{here}?from={start - MAX_PEOPLE}" if start else "",
        "more_url": f"{here}?from={start + MAX_PEOPLE}" if start + MAX_PEOPLE < len(members) else "",
        "waiting": len(waiting(space.law.present())),
        "knocks_url": visit.url("/knocks"),
        "powers_url": visit.url("/powers"),
    }
    return await page(visit, "people", "people.html", context)


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 9 else 0


def connected_people(visit: Visit, space: Space) -> set[bytes]:
    """Return whose laptops are connected now."""
    connected = (space.law.person_of(neighbour.device) for neighbour in visit.node.neighbours.connected())
    return {person for person in connected if person is not None}


def person_view(
    visit: Visit, person: bytes, grants: list[Grant], names: Mapping[bytes, str], near: set[bytes]
) -> PersonView:
    """Return a member as pages show them, without what only their own page says."""
    space = visit.here
    nearness: Nearness = "here" if visit.node.road.is_me(person) else "connected" if person in near else "away"
    inviter = grants[0].inviter
    logs = (space.history.logs.get(grant.device) for grant in grants)
    law, now = space.law.present(), visit.node.clock_ms()
    return PersonView(
        ref=visit.person(person, names),
        nearness=nearness,
        joined_ms=grants[0].since_ms,
        last_seen_ms=max((log.time for log in logs if log is not None), default=None),
        invited_by=visit.person(inviter, names) if inviter else None,
        is_founder=inviter is None and _founded(space, grants),
        belongs=_belongs(visit, person),
        roles=tuple(role_words(visit, role.role, role.scope) for role in law.roles(person, now)),
        paused_until_ms=law.suspended_until(person, now),
        is_former=not law.is_member(person),
    )


def _belongs(visit: Visit, person: bytes) -> tuple[str, ...]:
    """Say by which of the communities that share this space somebody came, and to which they belong."""
    road = visit.node.road
    if not holons.parents_of(visit.here):
        return ()
    found = holons.belonging(road, visit.here, person)

    def named(parent: bytes) -> str:
        held = road.spaces.get(parent)
        return clean_name(held.name, 80) if held is not None else parent.hex()[:8]

    told = [(visit.gettext("Member of %(space)s"), parent) for parent in found.member_of]
    told += [(visit.gettext("Has left %(space)s, and is still here"), parent) for parent in found.left]
    if found.came_by is not None and found.came_by not in (*found.member_of, *found.left):
        told.append((visit.gettext("Came by %(space)s"), found.came_by))
    return tuple(words % {"space": named(parent)} for words, parent in told)


def _founded(space: Space, grants: list[Grant]) -> bool:
    return space.law.founding is not None and any(grant.device == space.law.founding.author for grant in grants)


async def person(visit: Visit) -> web.Response:
    """Show one person."""
    space = visit.here
    try:
        key = from_did(visit.request.match_info["person"])
    except CommonsError as error:
        raise web.HTTPNotFound from error
    grants = space.law.members().get(key) or space.law.grants_of(key)
    if not grants:
        raise web.HTTPNotFound
    names = (await visit.pages.roster(space)).names
    seen = await visit.pages.seen(space)
    before = read_cursor(visit.request.query.get("before"))
    lines = await visit.node.database.read(lambda db: queries.by_person(db, space.index.no, key, MAX_POSTS, before))
    view = person_view(visit, key, grants, names, connected_people(visit, space))
    said = await fields_of(visit.node.road, space, key)
    fields = {field.name: field.value for field in said}
    context = {
        "space": await space_head(visit, ""),
        "person": PersonView(
            ref=view.ref,
            nearness=view.nearness,
            joined_ms=view.joined_ms,
            last_seen_ms=view.last_seen_ms,
            invited_by=view.invited_by,
            about_html=rendered(fields.get("about", "")),
            words=spoken(key),
            devices=tuple(device_view(visit, grant) for grant in grants),
            is_founder=view.is_founder,
            roles=view.roles,
            paused_until_ms=view.paused_until_ms,
            is_former=view.is_former,
            pronouns=clean_name(fields.get("pronouns", "")),
            edit_url=visit.url("/profile") if view.ref.is_me and visit.may_write else "",
        ),
        "acts": acts_on(visit, key),
        "lines": lines_about(visit, said),
        "ask_url": ask_url(visit, key),
        "posts": _posts_view(visit, key, lines, seen.before, is_first_page=before is None),
    }
    return await page(visit, "person", "person.html", context)


def _posts_view(
    visit: Visit, key: bytes, lines: Sequence[PostLine], read_until: int, *, is_first_page: bool
) -> FeedView:
    here = visit.url(f"/people/{to_did(key)}")
    return FeedView(
        place="",
        fragment_url="",
        posts=tuple(post_view(visit, line, read_until) for line in lines),
        older_url=f"{here}?before={write_cursor(lines[-1])}" if len(lines) == MAX_POSTS else "",
        newest_url="" if is_first_page else here,
    )


def spoken(key: bytes) -> tuple[str, ...]:
    """Return the words that two people read to each other to be sure of a key."""
    hashed = blake2b(key, digest_size=32, person=b"commons/spoken/1").digest()
    return tuple(write_phrase(hashed).split()[:SPOKEN_WORDS])


def device_view(visit: Visit, grant: Grant) -> DeviceView:
    """Return one of a person's devices."""
    log = visit.here.history.logs.get(grant.device)
    name = visit.gettext("Device %(number)s") % {"number": grant.slot + 1}
    return DeviceView(
        name=name,
        key=to_did(grant.device),
        added_ms=grant.since_ms,
        last_seen_ms=log.time if log is not None else None,
        is_this=grant.device == visit.node.road.device.public,
    )
