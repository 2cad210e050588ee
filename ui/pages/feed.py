"""A space's feed: what is new, where it ends, and where one writes; and single posts for open pages to put in."""

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from identity.errors import CommonsError, Refused
from node.domain.media import ending_of
from node.domain.mentions import without_links
from node.domain.posts import WritePost
from node.ingest import writing
from node.store import blobs, queries
from node.store.queries import PostLine
from ui.api_posts import read_cursor, write_cursor
from ui.guards import attachment_headers
from ui.live import feed_place
from ui.operations import as_id
from ui.pages.deep import deep_url
from ui.pages.frame import page, space_head
from ui.pages.news import news_for
from ui.pages.rows import composer, place_of, post_view, waiting_posts, waiting_view, what_arrives
from ui.pages.visit import NOT_DONE, Book, Seen, Visit, status_of
from ui.views import FeedView, PersonRef, PersonView, PostView

PAGE_SIZE = 30
DAY_MS = 86_400_000
MAX_HERE = 12


def add_feed(book: Book) -> None:
    """Add the feed's pages."""
    book.member("GET", "", feed)
    book.member("POST", "", share)
    book.member("POST", "/undo/{number}", undo)
    book.member("GET", "/fragment/{id}", fragment)
    book.member("GET", "/media/{hash}", media)


async def feed(visit: Visit) -> web.Response:
    """Show the newest posts, or a page of older ones."""
    return await show_feed(visit)


async def share(visit: Visit) -> web.Response:
    """Take a post; it is signed when the time to undo is over."""
    form = await visit.form()
    text = form.get("text", "")
    try:
        await say(visit, text, None)
    except NOT_DONE as error:
        return await show_feed(visit, typed=text, error=error)
    visit.pages.flash(visit.session).shared = feed_place(visit.here)
    return visit.go(visit.url())


async def say(visit: Visit, text: str, parent: bytes | None) -> int:
    """Keep a post for the time in which it can be undone; returns its number.

    Raises:
        Refused: in the member's words.
    """
    command = await writing.post_command(visit.node.road, visit.here, text, parent)
    number = await visit.node.say_later(visit.here, command)
    visit.pages.hub.expect(number, command)
    return number


async def undo(visit: Visit) -> web.Response:
    """Take back what was not signed yet; its words go back to where they were written."""
    number = visit.request.match_info["number"]
    body = await visit.node.undo(int(number)) if number.isdecimal() and len(number) < 17 else None
    if body is None:
        words = visit.gettext("It was too late to undo: the post is signed. You can retract it instead.")
        return visit.go(visit.url(), words)
    text, thread, parent = without_links(body[1]), body[2], body[3]
    place = place_of(WritePost(text, thread, parent, []), feed_place(visit.here))
    visit.pages.hub.taken_back(int(number), place)
    visit.pages.flash(visit.session).returned = (place, text)
    onward = visit.url() if parent is None else visit.url(f"/posts/{parent.hex()}")
    return visit.go(onward, visit.gettext("Taken back. Nobody has seen it, and the words are in the field again."))


async def show_feed(visit: Visit, typed: str | None = None, error: CommonsError | None = None) -> web.Response:
    """Answer with the feed; with an error it is the form come back."""
    space = visit.here
    before = read_cursor(visit.request.query.get("before"))
    newest, lines = await visit.node.database.read(
        lambda db: (queries.newest_change(db), queries.feed(db, space.index.no, before, PAGE_SIZE))
    )
    seen = await _seen(visit, newest, is_first_page=before is None)
    view = await _feed_view(visit, lines, seen, is_first_page=before is None)
    context: dict[str, Any] = {
        "space": await space_head(visit, "feed"),
        "composer": await composer(visit, feed_place(space), visit.url(), typed, error) if visit.may_write else None,
        "feed": view,
        "here": await who_is_here(visit),
        "arrived": await what_arrived(visit),
        "arriving": what_arrives(visit),
        "news": await news_for(visit, seen.before),
    }
    return await page(visit, "feed", "feed.html", context, status_of(error))


async def _seen(visit: Visit, newest: int, *, is_first_page: bool) -> Seen:
    if visit.is_live or not is_first_page:
        return await visit.pages.seen(visit.here)
    return await visit.pages.look(visit.here, newest)


async def _feed_view(visit: Visit, lines: Sequence[PostLine], seen: Seen, *, is_first_page: bool) -> FeedView:
    space = visit.here
    posts: list[PostView] = []
    fresh = 0
    if is_first_page:
        me = await myself(visit)
        posts += [waiting_view(visit, one, me) for one in await waiting_posts(visit, None)]
        own = space.index.logs.get(visit.node.road.device.public, 0)
        fresh = await visit.node.database.read(lambda db: queries.count_fresh(db, space.index.no, seen.before, own))
    posts += [post_view(visit, line, seen.before) for line in lines]
    older = f"{visit.url()}?before={write_cursor(lines[-1])}" if len(lines) == PAGE_SIZE else ""
    return FeedView(
        place=feed_place(space) if is_first_page else "",
        fragment_url=visit.url("/fragment/{id}"),
        posts=tuple(posts),
        new_count=fresh,
        new_since_ms=seen.before_ms if fresh else None,
        older_url=older,
        newest_url="" if is_first_page else visit.url(),
        deep_url=deep_url(visit, space),
    )


async def myself(visit: Visit) -> PersonRef:
    """Return the reader as named in this space."""
    return visit.person(visit.node.me.person, (await visit.pages.roster(visit.here)).names)


async def who_is_here(visit: Visit) -> tuple[PersonView, ...]:
    """Return the people of this space whose laptops are connected now."""
    space = visit.here
    names = (await visit.pages.roster(space)).names
    grants = space.law.grants
    connected = (near.device for near in visit.node.neighbours.connected())
    near = {grants[device][0].person: grants[device][0] for device in connected if device in grants}
    return tuple(
        PersonView(visit.person(person, names), "connected", grant.since_ms)
        for person, grant in list(near.items())[:MAX_HERE]
        if not visit.node.road.is_me(person)
    )


async def what_arrived(visit: Visit) -> tuple[tuple[str, int], ...]:
    """Return what came in since yesterday, in words with numbers."""
    space, since = visit.here, visit.node.clock_ms() - DAY_MS
    posts, brought = await visit.node.database.read(
        lambda db: (queries.count_since(db, space.index.no, since), queries.count_brought(db, space.index.no, since))
    )
    members = space.law.members().items()
    people = sum(grants[0].since_ms >= since for person, grants in members if not visit.node.road.is_me(person))
    told = (
        (visit.gettext("Posts since yesterday"), posts),
        (visit.gettext("Brought from elsewhere"), brought),
        (visit.gettext("New people"), people),
    )
    return tuple((words, count) for words, count in told if count)


async def fragment(visit: Visit) -> web.Response:
    """Answer with one post alone, as it stands in the feed or, with `?in=thread`, in its thread."""
    wanted = visit.request.match_info["id"]
    if wanted.startswith("pending-"):
        raise web.HTTPNotFound
    try:
        line = await writing.need_post(visit.node.road, as_id(wanted, "post"))
    except Refused as error:
        raise web.HTTPNotFound from error
    if line.log not in visit.here.index.authors:
        raise web.HTTPNotFound
    seen = await visit.pages.seen(visit.here)
    depth = (1 if line.parent == line.thread else 2) if line.thread else 0
    view = post_view(visit, line, seen.before, depth)
    return visit.render("fragments/post.html", {"post": view})


async def media(visit: Visit) -> web.Response:
    """Answer with a picture or file of a post: to be shown within a page or saved, never as a page of its own."""
    try:
        wanted = as_id(visit.request.match_info["hash"], "file")
    except Refused as error:
        raise web.HTTPNotFound from error
    blob = await visit.node.database.read(lambda db: blobs.get_blob(db, wanted))
    if blob is None:
        raise web.HTTPNotFound
    name = f"{wanted.hex()[:16]}.{ending_of(blob.media_type)}"
    return web.Response(body=blob.data, content_type=blob.media_type, headers=attachment_headers(name))
