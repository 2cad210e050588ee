"""Invitations: make one, show it as a link and a QR code, print it, withdraw it; and the page for a workshop's wall."""

from functools import lru_cache
from typing import Any

from aiohttp import web
from markupsafe import Markup

from identity.errors import Refused
from identity.links import spell
from node.domain.law.charter import VOTE, VOUCH
from ui.law_words import rule_sentence
from ui.node_views import InviteView
from ui.operations import perform
from ui.pages.feed import what_arrived, who_is_here
from ui.pages.frame import page, space_head
from ui.pages.visit import Book, Visit, sentence
from ui.templating import qr_drawing
from ui.views import NOTHING, FormView

DEFAULT_USES, DEFAULT_DAYS = "1", "7"
WORKSHOP_USES, WORKSHOP_DAYS = "30", "1"


def add_invites(book: Book) -> None:
    """Add the pages of invitations."""
    book.member("GET", "/invite", invitations)
    book.member("POST", "/invite", make)
    book.member("POST", "/invite/{key}/withdraw", withdraw)
    book.member("GET", "/workshop", workshop)


@lru_cache(8)
def code_of(link: str, title: str) -> Markup:
    """Return the QR code of an invitation; its spelled form makes the smaller drawing."""
    return qr_drawing(spell(link, grouped=False), title)


async def invitations(visit: Visit) -> web.Response:
    """Show the newest invitation that still lets somebody in, and all that were made."""
    return await _show(visit, FormView(visit.url("/invite"), {"uses": DEFAULT_USES, "days": DEFAULT_DAYS}))


async def make(visit: Visit) -> web.Response:
    """Make an invitation."""
    sent = await visit.form()
    values = {"uses": sent.get("uses", "").strip(), "days": sent.get("days", DEFAULT_DAYS)}
    to_workshop = sent.get("next") == "workshop"
    try:
        numbers = {name: _number(visit, value) for name, value in values.items()}
        await perform(visit.node, "invite", {"space": visit.here.id.hex(), **numbers})
    except Refused as refusal:
        return await _show(visit, FormView(visit.url("/invite"), values, {"uses": sentence(refusal)}))
    onward = visit.url("/workshop" if to_workshop else "/invite")
    return visit.go(onward, visit.gettext("The invitation is ready."))


def _number(visit: Visit, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 7):
        raise Refused(visit.gettext("Give a whole number, such as 5."))
    return int(text)


async def withdraw(visit: Visit) -> web.Response:
    """Withdraw an invitation."""
    given = {"space": visit.here.id.hex(), "key": visit.request.match_info["key"]}
    await perform(visit.node, "withdraw", given)
    words = visit.gettext("The invitation is withdrawn. Nobody can join with it any more.")
    return visit.go(visit.url("/invite"), words)


async def _all(visit: Visit) -> list[dict[str, Any]]:
    found = await perform(visit.node, "invitations", {"space": visit.here.id.hex()})
    listed: list[dict[str, Any]] = found["invitations"]
    return listed


def _view(visit: Visit, data: dict[str, Any], *, with_code: bool = False) -> InviteView:
    is_open = data["state"] == "open"
    return InviteView(
        link=data["link"],
        qr=code_of(data["link"], visit.gettext("QR code of the invitation")) if with_code else NOTHING,
        made_ms=data["made"],
        expires_ms=data["expires"],
        uses=data["uses"],
        used=data["used"],
        withdraw_url=visit.url(f"/invite/{data['key']}/withdraw") if is_open else "",
        is_withdrawn=data["state"] == "withdrawn",
        is_over=data["state"] in ("used up", "expired"),
    )


async def _show(visit: Visit, form: FormView) -> web.Response:
    made = await _all(visit)
    current = next((one for one in made if one["state"] == "open"), None)
    context = {
        "space": await space_head(visit, ""),
        "current": _view(visit, current, with_code=True) if current else None,
        "invites": tuple(_view(visit, one) for one in made),
        "form": form,
        "here": await who_is_here(visit),
        "arrived": await what_arrived(visit),
        "has_addresses": bool(visit.node.addresses),
        "workshop_url": visit.url("/workshop"),
        "guests_until": _guests_until(visit),
    }
    return await page(visit, "invite", "invite.html", context, 422 if form.errors else 200)


def _guests_until(visit: Visit) -> str:
    """Return by what a guest becomes a member here; empty where who has an invitation is let in at once."""
    view = visit.here.law.present()
    admission = view.sealed.charter["admission"]
    if admission == VOTE:
        return rule_sentence(visit, "admission", admission)
    needed = view.at_most_all(view.sealed.charter["vouchers"])
    words = visit.ngettext(
        "They are a member as soon as %(num)s member has vouched for them.",
        "They are a member as soon as %(num)s members have vouched for them.",
        needed,
    )
    return words % {"num": needed} if admission == VOUCH else ""


async def workshop(visit: Visit) -> web.Response:
    """Show one large code for a room to scan, who is here and what has arrived; it keeps itself up to date."""
    made = await _all(visit)
    best = max((one for one in made if one["state"] == "open"), key=lambda one: one["uses"] - one["used"], default=None)
    context = {
        "space": await space_head(visit, "workshop"),
        "current": _view(visit, best, with_code=True) if best else None,
        "form": FormView(visit.url("/invite"), {"uses": WORKSHOP_USES, "days": WORKSHOP_DAYS}),
        "here": await who_is_here(visit),
        "arrived": await what_arrived(visit),
    }
    return await page(visit, "workshop", "workshop.html", context)
