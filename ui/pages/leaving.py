"""Leaving a space: what happens, taking everything along first, and going at once."""

from aiohttp import web

from ui.operations import perform
from ui.pages.frame import page, space_head
from ui.pages.visit import Book, Visit, clean_name


def add_leaving(book: Book) -> None:
    """Add the page."""
    book.member("GET", "/leave", ask)
    book.member("POST", "/leave", leave)


async def ask(visit: Visit) -> web.Response:
    """Say what leaving means."""
    return await _show(visit, is_sure=True)


async def _show(visit: Visit, *, is_sure: bool) -> web.Response:
    if not visit.may_write:
        return visit.go(visit.url())
    view = visit.here.law.present()
    auditors, people = view.sealed.auditors, view.members()
    context = {
        "space": await space_head(visit, ""),
        "action": visit.url("/leave"),
        "export_url": visit.url("/archive"),
        "is_alone": len(people) == 1,
        "is_needed": visit.node.me.person in auditors and len(auditors) <= view.sealed.k and len(people) > 1,
        "auditors_url": visit.url("/decisions/new/auditors"),
        "error": "" if is_sure else visit.gettext("Say that you are sure: nobody can take it back for you."),
    }
    return await page(visit, "settings", "leave.html", context, 200 if is_sure else 422)


async def leave(visit: Visit) -> web.Response:
    """Leave, at once."""
    if not (await visit.form()).get("sure"):
        return await _show(visit, is_sure=False)
    name = clean_name(visit.here.name, 80)
    await perform(visit.node, "leave", {"space": visit.here.id.hex()})
    words = visit.gettext("You have left %(space)s. What reached this laptop until now stays here to be read.")
    return visit.go(visit.url(), words % {"space": name})
