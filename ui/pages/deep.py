"""The deep view of a space: its posts, those of its parts, and of what it continues, together by date."""

from dataclasses import replace

from aiohttp import web

from node.ingest import holons
from node.ingest.spaces import Space
from node.store import queries
from node.store.queries import PostLine
from ui.api_posts import read_cursor, space_of, write_cursor
from ui.pages.frame import page, space_head
from ui.pages.rows import post_view
from ui.pages.visit import Book, Visit, clean_name, space_url
from ui.views import FeedView, NavItem, PostActions, PostView

PAGE_SIZE = 30


def add_deep(book: Book) -> None:
    """Add the deep view."""
    book.member("GET", "/deep", deep)


def deep_url(visit: Visit, space: Space) -> str:
    """Return where the deep view is; nothing for a space that has neither parts here nor a past elsewhere."""
    return visit.url("/deep") if len(holons.deep(visit.node.road, space)) > 1 else ""


async def deep(visit: Visit) -> web.Response:
    """Show the newest posts of the space and all its parts."""
    space, node = visit.here, visit.node
    before = read_cursor(visit.request.query.get("before"))
    spaces = holons.deep(node.road, space)
    lines = await node.database.read(lambda db: queries.deep_feed(db, spaces, before, PAGE_SIZE))
    here = visit.url("/deep")
    for one in {space_of(node, line).id for line in lines}:
        await visit.pages.roster(node.road.spaces[one])
    posts = tuple(_post(visit, line, spaces) for line in lines)
    older = f"{here}?before={write_cursor(lines[-1])}" if len(lines) == PAGE_SIZE else ""
    view = FeedView(place="", fragment_url="", posts=posts, older_url=older, newest_url="" if before is None else here)
    context = {
        "space": await space_head(visit, "feed"), "feed": view, "shallow_url": visit.url(), "deep_url": here,
        "parts": len(holons.parts_here(node.road, space)),
    }  # fmt: skip
    return await page(visit, "feed", "deep.html", context)


def _post(visit: Visit, line: PostLine, spaces: dict[int, int | None]) -> PostView:
    """Return a post with the space it is in; one of a continued space is only read."""
    space = space_of(visit.node, line)
    view = post_view(replace(visit, space=space), line)
    where = NavItem(clean_name(space.name, 80) or space.id.hex()[:8], space_url(space))
    actions = view.actions if spaces.get(space.index.no) is None else PostActions()
    return view._replace(space=where, actions=actions)
