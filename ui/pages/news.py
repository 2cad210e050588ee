"""What the feed tells one person alone: say hello, greet who is new, see who mentioned you."""

from collections.abc import Sequence

from identity.keys import to_did
from node.domain.law.records import Grant
from node.domain.law.view import WELCOMER, View
from node.ingest.consents import may_mention
from node.store import people as store
from node.store import queries
from ui.pages.rows import mentioned, post_place, waiting_posts
from ui.pages.visit import Visit, clean_name
from ui.people_views import Newcomer, News
from ui.views import NavItem

NEW_MS = 14 * 86_400_000
MAX_NEWCOMERS = 5
MAX_LOOKED_AT = 50
MAX_NAMED = 3


async def news_for(visit: Visit, after: int) -> News:
    """Return what is for the reader alone; mentions count while they are stored after a change."""
    if not visit.may_write:
        return News()
    return News(await own_welcome(visit), await newcomers(visit), await named_in(visit, after))


async def has_said_hello(visit: Visit) -> bool:
    """Tell whether the reader has written here, or is about to."""
    no, me = visit.here.index.no, visit.node.me.person
    hello = await visit.node.database.read(lambda db: store.hello_of(db, no, me))
    return hello.post is not None or bool(await waiting_posts(visit, None))


async def newcomers(visit: Visit) -> tuple[Newcomer, ...]:
    """Return whom nobody has greeted yet, for a reader who welcomes newcomers; to answer their post is to greet."""
    view, now = visit.here.law.present(), visit.node.clock_ms()
    if not view.has_role(visit.node.me.person, WELCOMER, now):
        return ()
    fresh = _new_people(view, now)
    found: list[Newcomer] = []
    no, names = visit.here.index.no, (await visit.pages.roster(visit.here)).names
    for person in reversed(fresh[-MAX_LOOKED_AT:]):
        if len(found) == MAX_NEWCOMERS:
            break
        hello = await visit.node.database.read(lambda db, person=person: store.hello_of(db, no, person))  # type: ignore[misc]
        if hello.is_greeted or visit.node.road.is_me(person):
            continue
        ref = visit.person(person, names)
        url = post_place(visit, hello.thread, hello.post) if hello.post and hello.thread else ref.url
        found.append(Newcomer(ref, url, hello.post is not None))
    return tuple(found)


def _new_people(view: View, now_ms: int) -> list[bytes]:
    """Return who came in lately and belongs, in order of admission; who has long belonged is not looked at closely."""
    granted = (grant for grants in view.law.grants.values() for grant in grants)
    lately = dict.fromkeys(grant.person for grant in granted if now_ms - grant.since_ms < NEW_MS)
    fresh = [person for person in lately if _is_new(view.law.grants_of(person), now_ms) and view.is_member(person)]
    return sorted(fresh, key=lambda person: view.law.grants_of(person)[0].number)


def _is_new(grants: Sequence[Grant], now_ms: int) -> bool:
    """Tell whether somebody came in lately by somebody else: a second device makes nobody new."""
    first = min(grants, key=lambda grant: grant.number, default=None)
    return first is not None and first.inviter is not None and now_ms - first.since_ms < NEW_MS


async def own_welcome(visit: Visit) -> str:
    """Return the address of the welcome page for a newcomer who has not said hello; empty for everybody else."""
    is_new = _is_new(visit.here.law.grants_of(visit.node.me.person), visit.node.clock_ms())
    return visit.url("/welcome") if is_new and not await has_said_hello(visit) else ""


async def named_in(visit: Visit, after: int) -> tuple[NavItem, ...]:
    """Return the posts stored after a change that mention the reader, while they let their authors do so."""
    me, no = visit.node.me.person, visit.here.index.no
    did = to_did(me)
    lines = await visit.node.database.read(
        lambda db: queries.posts_by_number(db, store.naming(db, no, did, after, 4 * MAX_NAMED))
    )
    found = []
    for line in reversed(lines):
        named = any(one.did == did for one in mentioned(visit, line.text, line.person))
        if named and line.person != me and may_mention(visit.known().consents, me, line.person):
            author = visit.person(line.person, {line.person: clean_name(line.name or "")}).name
            found.append(NavItem(author, post_place(visit, line.thread or line.id, line.id)))
    return tuple(found[:MAX_NAMED])
