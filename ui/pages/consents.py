"""The consent centre: all that one agreed to, withdrew or was asked for, in one list, and what one asked of others."""

from collections.abc import Sequence
from typing import Literal

from aiohttp import web

from identity.errors import CommonsError
from identity.keys import from_did, to_did
from node.domain.consents import ANYBODY, BRIDGE, CHARTER, DELEGATE, MAP, MENTION, PIN, TAG, ConsentRow, holds, is_open
from node.ingest import consents as consenting
from node.store import people as store
from ui.pages.frame import page, space_head
from ui.pages.visit import NOT_DONE, Book, Visit, sentence
from ui.people_views import ConsentLine

OFFERED = (MENTION,)
"""What can be agreed to before anybody asks: the uses that this version honours."""


def add_consents(book: Book) -> None:
    """Add the consent centre, and asking."""
    book.member("GET", "/consents", consents)
    book.member("POST", "/consents", answer)
    book.member("POST", "/people/{person}/ask", ask)


def uses(visit: Visit) -> dict[str, str]:
    """Return what can be consented to, in words."""
    _ = visit.gettext
    return {
        MENTION: _("Being mentioned by @name: you hear of it, and others find your page"),
        PIN: _("Seeing your posts pinned to the top"),
        TAG: _("Being named on a picture or a card"),
        DELEGATE: _("Being handed somebody’s vote"),
        MAP: _("Being shown on the map of the network"),
        BRIDGE: _("Having your posts carried out of the space"),
    }


async def consents(visit: Visit) -> web.Response:
    """Show one's consents."""
    no, me = visit.here.index.no, visit.node.me.person
    own = await visit.node.database.read(lambda db: store.consents_of(db, no, me))
    asked = await visit.node.database.read(lambda db: store.consents_asked_by(db, no, me))
    lines = _lines(visit, own)
    context = {
        "space": await space_head(visit, ""),
        "asks": tuple(line for line in lines if line.state == "asked"),
        "mine": tuple(line for line in lines if line.state != "asked"),
        "others": tuple(_of_another(visit, row) for row in asked),
        "charter": next((row for row in own if row.use == CHARTER), None),
        "action": visit.url("/consents") if visit.may_write else "",
        "charter_url": visit.url("/charter"),
        "leave_url": visit.url("/leave"),
    }
    return await page(visit, "consents", "consents.html", context)


def _lines(visit: Visit, rows: Sequence[ConsentRow]) -> list[ConsentLine]:
    words, names = uses(visit), visit.known().names
    members = visit.here.law.present()
    lines = []
    for row in sorted(rows, key=lambda row: (-row.time, row.id)):
        same = {other.by: other for other in rows if other.use == row.use}
        is_void = row.given is None and not (is_open(same, row.by) and members.is_member(row.by))
        if row.use not in words or is_void:
            continue
        towards = visit.person(row.by, names) if row.by else None
        by = to_did(row.by) if row.by else ""
        lines.append(ConsentLine(row.use, words[row.use], towards, by, _state(row), row.time))
    known = {line.use for line in lines if not line.by}
    return lines + [ConsentLine(use, words[use], None, "", "open", None) for use in OFFERED if use not in known]


def _state(row: ConsentRow) -> Literal["asked", "given", "withdrawn"]:
    if row.given is None:
        return "asked"
    return "given" if row.given else "withdrawn"


def _of_another(visit: Visit, row: ConsentRow) -> ConsentLine:
    subject = visit.person(row.person, visit.known().names)
    return ConsentLine(row.use, uses(visit).get(row.use, row.use), subject, "", _state(row), row.time)


async def answer(visit: Visit) -> web.Response:
    """Give or withdraw a consent, answer an ask."""
    sent = await visit.form()
    here = visit.url("/consents")
    given = sent.get("given") == "yes"
    try:
        by = from_did(sent["by"]) if sent.get("by") else ANYBODY
        await consenting.answer(visit.node.road, visit.here, sent.get("use", ""), by, given=given)
    except NOT_DONE as error:
        return visit.go(here, sentence(error))
    except CommonsError as error:
        raise web.HTTPNotFound from error
    yes = visit.gettext("You said yes. You can withdraw it here at any time.")
    no = visit.gettext("You said no. It holds on every laptop that hears of it, and nobody asks you again.")
    return visit.go(here, yes if given else no)


async def ask(visit: Visit) -> web.Response:
    """Ask somebody to let one mention them."""
    did = visit.request.match_info["person"]
    try:
        await consenting.ask(visit.node.road, visit.here, from_did(did), MENTION)
    except NOT_DONE as error:
        return visit.go(visit.url(f"/people/{did}"), sentence(error))
    except CommonsError as error:
        raise web.HTTPNotFound from error
    return visit.go(visit.url(f"/people/{did}"), visit.gettext("Asked. The answer is theirs to give."))


def ask_url(visit: Visit, person: bytes) -> str:
    """Return where one asks somebody to be mentioned; empty where there is nothing to ask."""
    rows = visit.known().consents.get(person, {})
    me = visit.node.me.person
    nothing = person == me or not visit.may_write or holds(rows, MENTION, me)
    answered = any(row.given is not None for by, row in rows.items() if by in (me, ANYBODY))
    return "" if nothing or answered or me in rows else visit.url(f"/people/{to_did(person)}/ask")
