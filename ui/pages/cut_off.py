"""What of one's own posts a fork cut off: offered to be published again, or left."""

from aiohttp import web

from node.domain.posts import RetractPost
from node.ingest import cut_off as cutting
from node.ingest.cut_off import CutOff
from node.ingest.spaces import Space
from ui.node_views import CutOffView
from ui.pages.frame import CUT_OFF, page, space_head
from ui.pages.rows import shown
from ui.pages.visit import Book, Visit, clean_name
from ui.views import NavItem

MAX_SHOWN = 100


def add_cut_off(book: Book) -> None:
    """Add the page of what was cut off."""
    book.member("GET", CUT_OFF, offer)
    book.member("POST", f"{CUT_OFF}/publish", publish)
    book.member("POST", f"{CUT_OFF}/leave", leave)


async def offer(visit: Visit) -> web.Response:
    """Show what was cut off, to choose what becomes of it."""
    missing = await cutting.cut_off(visit.node.road, visit.here)
    context = {
        "space": await space_head(visit, "feed"),
        "lost": tuple(_view(visit, each) for each in missing[:MAX_SHOWN]),
        "count": len(missing),
        "publish_url": visit.url(f"{CUT_OFF}/publish"),
        "leave_url": visit.url(f"{CUT_OFF}/leave"),
        "elsewhere": tuple([_link(visit, space) for space in _others(visit) if await _has_lost(visit, space)]),
    }
    return await page(visit, "feed", "cut_off.html", context)


def _view(visit: Visit, each: CutOff) -> CutOffView:
    command = each.command
    if isinstance(command, RetractPost):
        return CutOffView(each.time, visit.gettext("You took back an older post"))
    what = visit.gettext("Post") if hasattr(command, "published") else visit.gettext("A new text for an older post")
    return CutOffView(getattr(command, "published", each.time), what, shown(command.text))


def _others(visit: Visit) -> list[Space]:
    return [one for one in visit.node.road.spaces.values() if one is not visit.here and one.state == "member"]


async def _has_lost(visit: Visit, space: Space) -> bool:
    return bool(await cutting.cut_off(visit.node.road, space))


def _link(visit: Visit, space: Space) -> NavItem:
    return NavItem(clean_name(space.name, 80), visit.url(CUT_OFF, space))


async def publish(visit: Visit) -> web.Response:
    """Publish everything again."""
    count = await cutting.publish_again(visit.node.road, visit.here)
    words = visit.ngettext("%(num)s is published again.", "%(num)s are published again.", count) % {"num": count}
    return visit.go(visit.url(), words)


async def leave(visit: Visit) -> web.Response:
    """Leave everything as it is."""
    await cutting.leave(visit.node.road, visit.here)
    return visit.go(visit.url(), visit.gettext("They stay cut off. They are still in your folder."))
