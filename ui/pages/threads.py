"""A thread with its replies, and what an author may do with a post: edit it, see its versions, take it back."""

from itertools import pairwise
from typing import Any

from aiohttp import web

from identity.errors import CommonsError, Refused
from node.domain.mentions import without_links
from node.ingest import writing
from node.store import queries
from node.store.queries import PostLine
from ui.live import thread_place
from ui.markup import Difference, differences, tame
from ui.operations import as_id, perform
from ui.pages.feed import myself, say
from ui.pages.frame import page, space_head
from ui.pages.reading import LAST, Window, reading_order, window_of
from ui.pages.rows import composer, nested, post_place, post_url, post_view, waiting_posts, waiting_view
from ui.pages.visit import NOT_DONE, Book, Visit, sentence, status_of
from ui.views import FormView, NavItem, PostView, RevisionView, ThreadView


def add_threads(book: Book) -> None:
    """Add the pages of single posts."""
    book.member("GET", "/posts/{post}", thread)
    book.member("POST", "/posts/{post}", reply)
    book.member("GET", "/posts/{post}/edit", edit)
    book.member("POST", "/posts/{post}/edit", save)
    book.member("GET", "/posts/{post}/retract", ask_to_retract)
    book.member("POST", "/posts/{post}/retract", retract)
    book.member("GET", "/posts/{post}/history", history)


async def wanted(visit: Visit) -> PostLine:
    """Return the post that the address names, if it is in this space."""
    try:
        line = await writing.need_post(visit.node.road, as_id(visit.request.match_info["post"], "post"))
    except Refused as error:
        raise web.HTTPNotFound from error
    if line.log not in visit.here.index.authors:
        raise web.HTTPNotFound
    return line


async def thread(visit: Visit) -> web.Response:
    """Show a post with everything that answers it; an answer's own address answers that answer."""
    return await show_thread(visit, await wanted(visit))


async def reply(visit: Visit) -> web.Response:
    """Take an answer; it is signed when the time to undo is over."""
    line = await wanted(visit)
    text = (await visit.form()).get("text", "")
    try:
        await say(visit, text, line.id)
    except NOT_DONE as error:
        return await show_thread(visit, line, typed=text, error=error)
    visit.pages.flash(visit.session).shared = thread_place(line.thread or line.id)
    at = line.id.hex() if line.thread is not None else LAST
    return visit.go(visit.url(f"/posts/{(line.thread or line.id).hex()}?at={at}"))


async def show_thread(
    visit: Visit, line: PostLine, typed: str | None = None, error: CommonsError | None = None
) -> web.Response:
    """Answer with the thread that a post is in: the page of it that holds the post, or what the address says."""
    first = line
    if line.thread is not None:
        held = await visit.node.database.read(lambda db: queries.post(db, line.thread or b""))
        first = held or line
    places = reading_order(first.id, await visit.node.database.read(lambda db: queries.outline(db, first.id)))
    window = window_of(places, _wished(visit) or line.id)
    read_until = (await visit.pages.seen(visit.here)).before
    posts = [post_view(visit, first, read_until), *await nested(visit, window.places, read_until)]
    posts += await _waiting(visit, first, window)
    action = visit.url(f"/posts/{line.id.hex()}")
    view = ThreadView(
        place=thread_place(first.id),
        fragment_url=visit.url("/fragment/{id}"),
        posts=tuple(posts),
        composer=None
        if line.retracted or not visit.may_write
        else await composer(visit, thread_place(first.id), action, typed, error),
        answering=post_view(visit, line).author if line is not first else None,
        whole_url=visit.url(f"/posts/{first.id.hex()}"),
        earlier=_beside(visit, first, window.earlier, window.before),
        later=_beside(visit, first, window.later, window.behind),
        goes_on=await _goes_on(visit, first, window),
    )
    context = {"space": await space_head(visit, ""), "thread": view}
    return await page(visit, "thread", "thread.html", context, status_of(error))


def _wished(visit: Visit) -> bytes | str | None:
    """Return the post whose page of the thread is wanted, if the address says; nonsense says nothing."""
    at = visit.request.query.get("at", "")
    if at == LAST:
        return LAST
    try:
        return as_id(at, "post")
    except Refused:
        return None


async def _waiting(visit: Visit, first: PostLine, window: Window) -> list[PostView]:
    """Return what waits to be signed and will stand on this page."""
    here = {place.answer.id for place in window.places} | ({first.id} if not window.behind else set())
    waiting = [one for one in await waiting_posts(visit, first.id) if one.command.parent in here]
    me = await myself(visit) if waiting else None
    return [waiting_view(visit, one, me) for one in reversed(waiting) if me is not None]


def _beside(visit: Visit, first: PostLine, at: bytes | None, count: int) -> NavItem | None:
    return NavItem("", post_place(visit, first.id, at), count=count) if at is not None else None


async def _goes_on(visit: Visit, first: PostLine, window: Window) -> NavItem | None:
    """Return the reply on an earlier page that the first one here answers."""
    parent = window.places[0].answer.parent if window.before and window.places[0].depth > 1 else None
    held = await visit.node.database.read(lambda db: queries.post(db, parent)) if parent is not None else None
    return NavItem(post_view(visit, held).author.name, post_place(visit, first.id, held.id)) if held else None


# -- editing ----------------------------------------------------------------------------------------------------------


async def edit(visit: Visit) -> web.Response:
    """Show the form that changes a post of one's own."""
    line = await wanted(visit)
    if not visit.node.road.is_me(line.person) or line.retracted:
        raise Refused(visit.gettext("Only its author can edit a post, and only while it is there."))
    return await _show_edit(visit, line, without_links(line.text))


async def _show_edit(visit: Visit, line: PostLine, text: str, error: CommonsError | None = None) -> web.Response:
    errors = {"text": sentence(error)} if error else {}
    context: dict[str, Any] = {
        "space": await space_head(visit, ""),
        "form": FormView(visit.url(f"/posts/{line.id.hex()}/edit"), {"text": text}, errors),
        "draft": f"edit:{line.id.hex()}",
        "back_url": post_url(visit, line),
    }
    return await page(visit, "edit", "edit.html", context, status_of(error))


async def save(visit: Visit) -> web.Response:
    """Sign the new text of a post."""
    line = await wanted(visit)
    text = (await visit.form()).get("text", "")
    try:
        await perform(visit.node, "edit", {"post": line.id.hex(), "text": text})
    except NOT_DONE as error:
        return await _show_edit(visit, line, text, error)
    visit.pages.flash(visit.session).shared = f"edit:{line.id.hex()}"
    return visit.go(post_url(visit, line), visit.gettext("The change is saved. The earlier words stay in its history."))


async def ask_to_retract(visit: Visit) -> web.Response:
    """Say what taking a post back does, before it is done."""
    line = await wanted(visit)
    if not visit.node.road.is_me(line.person) or line.retracted:
        raise Refused(visit.gettext("Only its author can take a post back, and only once."))
    context = {
        "space": await space_head(visit, ""),
        "post": post_view(visit, line),
        "action": visit.url(f"/posts/{line.id.hex()}/retract"),
        "back_url": post_url(visit, line),
    }
    return await page(visit, "retract", "retract.html", context)


async def retract(visit: Visit) -> web.Response:
    """Take a post back."""
    line = await wanted(visit)
    await perform(visit.node, "retract", {"post": line.id.hex()})
    words = visit.gettext("It is retracted. Its words are erased here, and wherever this is heard of.")
    onward = post_url(visit, line) if line.thread or line.replies else visit.url()
    return visit.go(onward, words)


def _all_added(text: str) -> tuple[Difference, ...]:
    """Return a text as it stood when there was nothing before it."""
    return tuple(Difference("added", line) for line in tame(text).split("\n"))


async def history(visit: Visit) -> web.Response:
    """Show what a post said before, and what each change did, newest first."""
    line = await wanted(visit)
    author = post_view(visit, line).author
    texts = await writing.history_of(visit.node.road, visit.here, line.id)
    steps = [
        (RevisionView(author, now.time, ""), differences(without_links(before.text), without_links(now.text)), False)
        for before, now in pairwise(texts)
    ]
    if texts:
        steps.insert(0, (RevisionView(author, texts[0].time, ""), _all_added(texts[0].text), True))
    context = {
        "space": await space_head(visit, ""),
        "post_url": post_url(visit, line),
        "steps": tuple(reversed(steps)),
    }
    return await page(visit, "history", "history.html", context)
