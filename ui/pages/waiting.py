"""Waiting to be let in: who is near, how far one's coming in is, and whose word that is."""

from aiohttp import web

from identity.keys import to_did
from node.domain.law.charter import Charter
from node.domain.law.guests import VOTING
from node.ingest.guests import Told
from node.store import queries
from ui.law_words import sentences
from ui.live import PATH as LIVE_PATH
from ui.node_views import GuestView, WaitingView
from ui.pages.founding import BEGIN, JOIN
from ui.pages.notices import COMING_BACK
from ui.pages.rows import what_arrives
from ui.pages.visit import Book, Visit, clean_name, space_url
from ui.troubles import plain, turned_away
from ui.views import NavItem


def add_waiting(book: Book) -> None:
    """Add the page."""
    book.someone("GET", "/s/{space}/waiting", waiting)


async def waiting(visit: Visit) -> web.Response:
    """Say what is still to happen before one is let in; looks again by itself."""
    space = visit.here
    node = visit.node
    if space.state != "waiting":
        wanted = await node.database.read(lambda db: queries.setting(db, COMING_BACK))
        return visit.go(visit.url("/come-back" if wanted == space.id.hex() else "/hello"))
    tried = [one for one in node.neighbours.known.values() if one.addresses]
    others = [one for one in node.road.spaces.values() if one is not space]
    view = WaitingView(
        space_name=clean_name(space.name, 80),
        space_key=to_did(space.id),
        neighbours=len(node.neighbours.connected()),
        is_near_inviter=space.id in node.keeper.words.inviters,
        troubles=tuple(sorted({visit.gettext(plain(one.error)) for one in tried if one.error and not one.connected})),
        lan_is_on=node.config.discovery,
        refusal=visit.gettext(turned_away(words)) if (words := node.keeper.refusals.get(space.id)) else "",
        join_url=JOIN,
        guest=guest_view(visit),
        ways=tuple(NavItem(clean_name(one.name, 80), space_url(one)) for one in others),
    )
    links = {"live_url": LIVE_PATH, "connections_url": "/connections", "begin_url": BEGIN}
    context = {"waiting": view, "arriving": what_arrives(visit), **links}
    return visit.render("waiting.html", context)


def guest_view(visit: Visit) -> GuestView | None:
    """Return what was told of this person's knock: by the laptop that invited them, or by another if that is newer."""
    words = visit.node.keeper.words
    mine, others = words.by_inviter.get(visit.here.id), words.by_another.get(visit.here.id)
    told = mine or others
    if told is None:
        return None
    later = others if mine and others and others.time_ms >= mine.time_ms and _differs(mine, others) else None
    word, now = told.word, visit.node.clock_ms()
    return GuestView(
        admission=word.admission,
        needed=word.needed,
        vouched=word.vouched,
        names=word.names,
        vote="over" if word.vote == VOTING and word.ends_ms < now else word.vote,
        ends_ms=word.ends_ms,
        is_inviters=mine is not None,
        time_ms=told.time_ms,
        others_say=later.word.vouched if later else None,
        rules=_rules(visit, mine),
    )


def _differs(one: Told, other: Told) -> bool:
    return one.word.vouched != other.word.vouched


def _rules(visit: Visit, told: Told | None) -> tuple[str, ...]:
    if told is None:
        return ()
    said = Charter(dict(told.word.rules))
    return tuple(words for name, words in sentences(visit, said) if name not in ("parents", "continues"))
