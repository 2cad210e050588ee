"""What the feed tells one person alone: say hello, greet who is new, see who mentioned you."""

from identity.keys import to_did
from node.domain.law.records import Grant
from node.domain.law.view import WELCOMER
from node.ingest.consents import may_mention
from node.store import people as store
from node.store import queries
from ui.pages.rows import mentioned, post_place, waiting_posts
from ui.pages.visit import Visit, clean_name
from ui.people_views import Newcomer, News
from ui.views import NavItem

NEW_MS = 14 * 86_400_000
MAX_NEWCOMERS = 5
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
    fresh = [person for person, grants in view.members().items() if _is_new(grants, now)]
    found: list[Newcomer] = []
    no, names = visit.here.index.no, (await visit.pages.roster(visit.here)).names
    for person in fresh[-MAX_NEWCOMERS:]:
        hello = await visit.node.database.read(lambda db, person=person: store.hello_of(db, no, person))  # type: ignore[misc]
        if hello.is_greeted or visit.node.road.is_me(person):
            continue
        ref = visit.person(person, names)
        url = post_place(visit, hello.thread, hello.post) if hello.post and hello.thread else ref.url
        found.append(Newcomer(ref, url, hello.post is not None))
    return tuple(found)


def _is_new(grants: list[Grant], now_ms: int) -> bool:
    return grants[0].inviter is not None and now_ms - grants[0].since_ms < NEW_MS


async def own_welcome(visit: Visit) -> str:
    """Return the address of the welcome page for a newcomer who has not said hello; empty for everybody else."""
    grants = visit.here.law.members().get(visit.node.me.person)
    if not grants or not _is_new(grants, visit.node.clock_ms()) or await has_said_hello(visit):
        return ""
    return visit.url("/welcome")


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
