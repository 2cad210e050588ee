"""Somebody who lost every laptop comes back by the people they trust: in by any name, asking, themself again."""

from collections.abc import Sequence

from aiohttp import web

from identity import keyring
from identity.errors import BadSignature, Malformed, Refused
from identity.keys import to_did
from identity.links import read_link
from identity.tickets import check_expiry
from node.domain.recovery import recovery_id
from node.ingest import recovery
from node.ingest.recovery import Asking
from node.store import queries, readmodel
from ui.live import PATH as LIVE_PATH
from ui.operations import perform
from ui.pages.notices import COMING_BACK
from ui.pages.opening import LOST, WELCOME, differing, lock
from ui.pages.rows import what_arrives
from ui.pages.trusted import COME_BACK, keepers
from ui.pages.visit import NOT_DONE, Book, Visit, clean_name, sentence, space_url, status_of
from ui.recovery_views import ComeBackView
from ui.views import FormView, PersonRef

WRONG_LINK = (Malformed, BadSignature, Refused)


def add_coming_back(book: Book) -> None:
    """Add the pages."""
    book.anyone("GET", LOST, ask_for_help)
    book.anyone("POST", LOST, come_in)
    book.member("GET", COME_BACK, come_back)
    book.member("POST", COME_BACK, ask)
    book.member("POST", f"{COME_BACK}/finish", finish)
    book.member("POST", f"{COME_BACK}/stop", stop)
    book.member("GET", f"{COME_BACK}/done", done)


# -- coming in -------------------------------------------------------------------------------------------------------


async def ask_for_help(visit: Visit) -> web.Response:
    """Say calmly how this goes, and ask for a name and an invitation."""
    if visit.node.is_ready or keyring.exists(visit.node.folder):
        return visit.go("/")
    return _show_lost(visit, FormView(LOST))


def _show_lost(visit: Visit, form: FormView) -> web.Response:
    context = {"form": form, "back_url": WELCOME, "words_url": "/words"}
    return visit.render("lost.html", context, 422 if form.errors else 200)


async def come_in(visit: Visit) -> web.Response:
    """Make somebody of this laptop, for the time being, and knock with the invitation."""
    sent = await visit.form()
    name, invite = sent.get("name", ""), sent.get("invite", "")
    wrong = differing(visit, sent)
    async with visit.pages.opening:
        if visit.node.is_ready:
            return visit.go("/")
        try:
            ticket = read_link(invite).ticket
            check_expiry(ticket, visit.node.clock_ms())
            if ticket.purpose != "member":
                wrong["invite"] = visit.gettext("This link adds a device. Ask for an invitation for people.")
        except WRONG_LINK as error:
            wrong["invite"] = sentence(error)
        try:
            if not wrong:
                await perform(visit.node, "init", {"name": name, **lock(sent)})
        except Refused as refusal:
            wrong["name"] = sentence(refusal)
        if wrong:
            return _show_lost(visit, FormView(LOST, {"name": name, "invite": invite}, wrong))
        space = await visit.node.join(invite)
    await _keep(visit, space.id.hex())
    visit.pages.hub.attach()
    return visit.go(space_url(space, "/waiting"))


async def _keep(visit: Visit, value: str) -> None:
    await visit.node.database.transaction(lambda db: queries.keep_setting(db, COMING_BACK, value))


# -- asking, and waiting -----------------------------------------------------------------------------------------------


async def come_back(visit: Visit) -> web.Response:
    """Show how far one's asking has come, or ask who one is."""
    return await _show(visit)


async def ask(visit: Visit) -> web.Response:
    """Ask the people whom the chosen person trusts."""
    person = (await visit.form()).get("person", "")
    try:
        await perform(visit.node, "ask_recovery", {"space": visit.here.id.hex(), "person": person})
    except NOT_DONE as error:
        return await _show(visit, sentence(error), status_of(error))
    await _keep(visit, visit.here.id.hex())
    return visit.go(visit.url(COME_BACK))


async def finish(visit: Visit) -> web.Response:
    """Become oneself again, once enough have given."""
    asking = await _own(visit)
    if asking is None:
        return visit.go(visit.url(COME_BACK))
    try:
        await perform(visit.node, "recover_me", {"space": visit.here.id.hex(), "person": to_did(asking.person)})
    except NOT_DONE as error:
        return await _show(visit, sentence(error), status_of(error))
    await _keep(visit, "")
    visit.pages.begin_anew()
    return visit.go(visit.url(f"{COME_BACK}/done"))


async def stop(visit: Visit) -> web.Response:
    """Be reminded no more; what was asked can still be answered."""
    await _keep(visit, "")
    return visit.go(visit.url())


async def done(visit: Visit) -> web.Response:
    """Say what to do first, now that one is oneself again."""
    context = {
        "space_name": clean_name(visit.here.name, 80),
        "key": to_did(visit.node.me.person),
        "devices_url": "/settings/devices",
        "words_url": "/settings#recovery",
        "trusted_url": visit.url("/trusted"),
        "join_url": "/join",
        "feed_url": visit.url(),
        "holds_key": visit.node.me.root is not None,
    }
    return visit.render("come_back_done.html", context)


async def _own(visit: Visit) -> Asking | None:
    """Return what this device asked for last."""
    askings: Sequence[Asking] = (await visit.pages.recovering(visit.here)).askings
    return next((one for one in askings if one.device == visit.node.road.device.public), None)


async def _show(visit: Visit, trouble: str = "", status: int = 200) -> web.Response:
    asking = await _own(visit)
    names = (await visit.pages.roster(visit.here)).names
    again = "again" in visit.request.query
    view = None
    if asking is not None and not again:
        view = ComeBackView(
            who=visit.person(asking.person, names),
            code=asking.code,
            keepers=keepers(visit, asking, names),
            needed=asking.needed,
            given=len(asking.given),
            is_denied=asking.is_denied,
            finish_url=visit.url(f"{COME_BACK}/finish") if len(asking.given) >= asking.needed else "",
            trouble=trouble,
        )
    context = {
        "space_name": clean_name(visit.here.name, 80),
        "space_key": to_did(visit.here.id),
        "mine": view,
        "people": await _who(visit) if view is None else (),
        "action": visit.url(COME_BACK),
        "again_url": visit.url(f"{COME_BACK}?again"),
        "stop_url": visit.url(f"{COME_BACK}/stop"),
        "feed_url": visit.url(),
        "trouble": trouble,
        "arriving": what_arrives(visit),
        "live_url": LIVE_PATH,
    }
    return visit.render("come_back.html", context, status)


async def _who(visit: Visit) -> tuple[PersonRef, ...]:
    """Return the members who have shared their key in this space: whoever comes back is one of them."""
    node, space = visit.node, visit.here
    by_subject = {recovery_id(person): person for person in space.law.members() if person != node.me.person}
    said = await node.database.read(lambda db: readmodel.subjects_among(db, space.index.no, by_subject))
    names = (await visit.pages.roster(space)).names
    shared = [by_subject[one] for one in said if await recovery.sharing_of(node.road, space, by_subject[one])]
    return tuple(sorted((visit.person(one, names) for one in shared), key=lambda ref: ref.name.casefold()))
