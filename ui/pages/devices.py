"""One's own devices in all one's spaces: adding one, ending one, taking a place, and where one's offices lie."""

from aiohttp import web

from identity.errors import BadSignature, Malformed, Refused
from identity.keys import to_did
from identity.links import spell
from identity.tickets import Offer
from node.domain.law.records import Grant
from node.domain.law.view import View
from node.ingest import belonging, places
from node.ingest.spaces import Space
from node.recovering import be_added, needs_place, waits_to_be_added
from ui.node_views import DeviceOffer
from ui.operations import perform
from ui.pages.frame import page
from ui.pages.visit import NOT_DONE, Book, Visit, clean_name, sentence, space_url, status_of
from ui.recovery_views import DeviceLine, DutyView
from ui.templating import qr_drawing
from ui.views import FormView
from ui.whom import key_named

HERE = "/settings/devices"
EVERYWHERE = "all"
WRONG_LINK = (Malformed, BadSignature, Refused)
DEVICE_LINK_MS = 10 * 60 * 1000


def add_devices(book: Book) -> None:
    """Add the pages."""
    book.someone("GET", HERE, devices)
    book.someone("POST", HERE, add_device)
    book.someone("POST", f"{HERE}/again", add_again)
    book.someone("GET", f"{HERE}/{{device}}/end", ask_end)
    book.someone("POST", f"{HERE}/{{device}}/end", end)
    book.someone("GET", f"{HERE}/{{device}}/place", ask_place)
    book.someone("POST", f"{HERE}/{{device}}/place", take_place)


def member_spaces(visit: Visit) -> list[Space]:
    """Return the spaces that this person belongs to."""
    return [space for space in visit.node.road.spaces.values() if space.state == "member"]


# -- the list --------------------------------------------------------------------------------------------------------


async def devices(visit: Visit) -> web.Response:
    """List one's own devices."""
    return await _show(visit, None)


async def add_device(visit: Visit) -> web.Response:
    """Make a link that adds another laptop to this person, and show it on this one answer."""
    node, space = visit.node, visit.here
    places.free_slot(node.road, node.me.person)
    expires = node.clock_ms() + DEVICE_LINK_MS
    offer = Offer(
        space.id, space.name, await node.name(), expires, space.secrets.discovery,
        purpose="device", addresses=tuple(node.addresses),
    )  # fmt: skip
    _, link = await belonging.invite(node.road, space, offer)
    drawing = qr_drawing(spell(link, grouped=False), visit.gettext("QR code for the new device"))
    return await _show(visit, DeviceOffer(link, drawing, expires))


async def add_again(visit: Visit) -> web.Response:
    """Knock, from a laptop that came from a copy, with the link that another laptop of this person shows."""
    link = (await visit.form()).get("link", "")
    try:
        space = await be_added(visit.node, link)
    except WRONG_LINK as error:
        return await _show(visit, None, FormView(f"{HERE}/again", {"link": link}, {"link": sentence(error)}))
    return visit.go(space_url(space, "/waiting"))


async def _show(visit: Visit, offer: DeviceOffer | None, wrong: FormView | None = None) -> web.Response:
    node = visit.node
    again = FormView(f"{HERE}/again") if waits_to_be_added(node) else None
    lines = device_lines(visit)
    here = visit.space if visit.space is not None and visit.space.state == "member" else None
    stands = here is not None and here.law.person_of(node.road.device.public) is not None
    is_full = places.next_slot(node.road, node.me.person) is None
    context = {
        "devices": tuple(line for line in lines if line.ended_ms is None),
        "ended": tuple(line for line in lines if line.ended_ms is not None),
        "duties": duties(visit),
        "add_url": HERE if stands and node.me.root is not None and not is_full else "",
        "offer": offer,
        "is_full": is_full,
        "needs_place": needs_place(node),
        "again": wrong or again,
        "holds_key": node.me.root is not None,
        "words_url": "/settings#recovery",
        "trusted_url": space_url(here, "/trusted") if here is not None else "",
    }
    return await page(visit, "settings", "devices.html", context, 422 if wrong is not None else 200)


def device_lines(visit: Visit) -> list[DeviceLine]:
    """Return this person's devices in all their spaces: this one first, then by when they were heard of last."""
    spaces = member_spaces(visit)
    granted: dict[bytes, list[tuple[Space, Grant]]] = {}
    for space in spaces:
        for grant in space.law.grants_of(visit.node.me.person):
            granted.setdefault(grant.device, []).append((space, grant))
    lines = [_line(visit, device, known, len(spaces)) for device, known in granted.items()]
    return sorted(lines, key=lambda line: (not line.is_this, -(line.last_seen_ms or line.added_ms), line.key))


def _line(visit: Visit, device: bytes, known: list[tuple[Space, Grant]], count: int) -> DeviceLine:
    standing = [space for space, _ in known if space.law.person_of(device) is not None]
    endings = [ending for space, _ in known for ending in space.law.present().endings(device)]
    first = min(endings, key=lambda ending: ending.act.time, default=None)
    is_this = device == visit.node.road.device.public
    address = f"{HERE}/{to_did(device)}"
    is_over = not standing and first is not None
    return DeviceLine(
        name=device_name(visit, known[0][1]),
        key=to_did(device),
        added_ms=min(grant.since_ms for _, grant in known),
        last_seen_ms=_last_seen(visit, device, [space for space, _ in known]),
        is_this=is_this,
        spaces=tuple(clean_name(space.name, 80) for space in standing) if len(standing) < count else (),
        seals=tuple(clean_name(s.name, 80) for s in standing if s.law.present().is_duty_device(device)),
        ended_ms=first.act.time if first is not None and is_over else None,
        ended_by=_name_of(visit, first.act.device) if first is not None and is_over else "",
        end_url=f"{address}/end" if standing and not is_this and not needs_place(visit.node) else "",
        place_url=f"{address}/place" if standing and needs_place(visit.node) else "",
    )


def device_name(visit: Visit, grant: Grant) -> str:
    """Return what a device is called: by the place that it has among its person's."""
    return visit.gettext("Device %(number)s") % {"number": grant.slot + 1}


def _name_of(visit: Visit, device: bytes) -> str:
    grants = (grant for space in member_spaces(visit) for grant in space.law.grants.get(device, ()))
    grant = next(grants, None)
    return device_name(visit, grant) if grant is not None else ""


def _last_seen(visit: Visit, device: bytes, spaces: list[Space]) -> int | None:
    """Return when something was heard from a device: what it signed last, or a meeting of this run of the node."""
    logs = (space.history.logs.get(device) for space in spaces)
    heard = [log.time for log in logs if log is not None]
    met = visit.node.keeper.met.get(device)
    return max([*heard, *([int(met * 1000)] if met is not None else [])], default=None)


def duties(visit: Visit) -> tuple[DutyView, ...]:
    """Return where this person seals decisions from a device that is not this one, or from none."""
    found = []
    for space in member_spaces(visit):
        view = space.law.present()
        named = view.sealed.auditors.get(visit.node.me.person)
        if named is None or view.is_duty_device(visit.node.road.device.public):
            continue
        found.append(_duty(visit, space, view, view.duty_device(named)))
    return tuple(found)


def _duty(visit: Visit, space: Space, view: View, device: bytes | None) -> DutyView:
    stands = device is not None and view.grant_of(device) is not None
    here = view.grant_of(visit.node.road.device.public) is not None
    return DutyView(
        space_name=clean_name(space.name, 80),
        device_name=_name_of(visit, device) if device is not None else "",
        end_url=f"{HERE}/{to_did(device)}/end" if device is not None and stands and here else "",
        decide_url=space_url(space, "/decisions/new/auditors"),
    )


# -- ending ----------------------------------------------------------------------------------------------------------


async def ask_end(visit: Visit) -> web.Response:
    """Say what it means that a device ends."""
    return await _show_end(visit, "end")


async def end(visit: Visit) -> web.Response:
    """End a device, in one space or in all."""
    sent = await visit.form()
    if not sent.get("sure"):
        return await _show_end(visit, "end", _not_sure(visit), sent.get("where", ""))
    line, where = _asked(visit), sent.get("where", EVERYWHERE)
    try:
        if where == EVERYWHERE:
            await perform(visit.node, "revoke_everywhere", {"device": line.key})
        else:
            await perform(visit.node, "revoke", {"device": line.key, "space": where})
    except NOT_DONE as error:
        return await _show_end(visit, "end", sentence(error), where, status_of(error))
    words = visit.gettext("%(device)s has ended. What it says from now on counts for nothing.")
    return visit.go(HERE, words % {"device": line.name})


async def ask_place(visit: Visit) -> web.Response:
    """Say what it means that this device takes the place of another."""
    return await _show_end(visit, "place")


async def take_place(visit: Visit) -> web.Response:
    """Let this device take the place of another, which ends."""
    if not (await visit.form()).get("sure"):
        return await _show_end(visit, "place", _not_sure(visit))
    line = _asked(visit)
    try:
        await perform(visit.node, "take_a_place", {"device": line.key})
    except NOT_DONE as error:
        return await _show_end(visit, "place", sentence(error), status=status_of(error))
    words = visit.gettext("This laptop has the place of %(device)s now. You can write again.")
    return visit.go(HERE, words % {"device": line.name})


def _not_sure(visit: Visit) -> str:
    return visit.gettext("Say that you are sure: nobody can take it back for you.")


def _asked(visit: Visit) -> DeviceLine:
    """Return the device that the address names: one of this person's, and not this one."""
    try:
        did = to_did(key_named(visit.request.match_info["device"]))
    except Refused as error:
        raise web.HTTPNotFound from error
    line = next((line for line in device_lines(visit) if line.key == did and not line.is_this), None)
    if line is None:
        raise web.HTTPNotFound
    return line


async def _show_end(
    visit: Visit, act: str, error: str = "", where: str = EVERYWHERE, status: int = 422
) -> web.Response:
    line = _asked(visit)
    if not (line.end_url if act == "end" else line.place_url):
        return visit.go(HERE)
    device = key_named(line.key)
    spaces = [space for space in member_spaces(visit) if space.law.person_of(device) is not None]
    context = {
        "device": line,
        "act": act,
        "action": f"{HERE}/{line.key}/{act}",
        "back_url": HERE,
        "spaces": tuple((space.id.hex(), clean_name(space.name, 80)) for space in spaces),
        "where": where,
        "holds_key": visit.node.me.root is not None,
        "words_url": "/settings#recovery",
        "error": error,
    }
    return await page(visit, "settings", "device_end.html", context, status if error else 200)
