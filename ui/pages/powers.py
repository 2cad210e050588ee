"""Who may do what: one page, computed from the conditions by which the law judges."""

from typing import NamedTuple

from aiohttp import web

from node.domain.law.powers import POWERS
from node.domain.law.records import RoleGrant
from node.domain.law.view import View
from ui.law_words import role_words
from ui.pages.charter import people_of
from ui.pages.frame import page, space_head
from ui.pages.visit import Book, Visit
from ui.views import PersonRef


class PowerView(NamedTuple):
    """Something that can be done, who may, and whether the reader may now."""

    words: str
    who: str
    mine: bool


class RoleView(NamedTuple):
    """A role that somebody holds; `until_ms` is None for one without a term, `url` its decision, if one gave it."""

    person: PersonRef
    words: str
    until_ms: int | None
    url: str
    end_url: str = ""


def add_powers(book: Book) -> None:
    """Add the page."""
    book.member("GET", "/powers", powers)


async def powers(visit: Visit) -> web.Response:
    """Show who may do what, which of it the reader may, and who holds which role until when."""
    view, now = visit.here.law.present(), visit.node.clock_ms()
    context = {
        "space": await space_head(visit, "charter"),
        "powers": tuple(
            PowerView(power.words, power.who(view), power.holds(view, visit.node.me.person, now)) for power in POWERS
        ),
        "roles": await roles_of(visit, view),
        "charter_url": visit.url("/charter"),
        "give_url": visit.url("/decisions/new/role") if visit.may_write else "",
    }
    return await page(visit, "charter", "powers.html", context)


async def roles_of(visit: Visit, view: View) -> tuple[RoleView, ...]:
    """Return every role that somebody holds now."""
    now = visit.node.clock_ms()
    held = {role.person for role in view.sealed.roles} | view.sealed.auditors.keys()
    people = await people_of(visit, sorted(held))
    found = [
        role_view(visit, ref, role)
        for person, ref in zip(sorted(held), people, strict=True)
        for role in view.roles(person, now)
    ]
    return tuple(sorted(found, key=lambda role: (role.person.name.casefold(), role.words)))


def role_view(visit: Visit, person: PersonRef, role: RoleGrant) -> RoleView:
    """Return one role as pages show it."""
    return RoleView(
        person,
        role_words(visit, role.role, role.scope),
        role.until_ms if role.proposal else None,
        visit.url(f"/decisions/{role.proposal.hex()}") if role.proposal else "",
    )
