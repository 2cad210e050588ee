"""Connections: whose laptops are near, what was exchanged with them, what went wrong, and reaching one by address."""

import ipaddress

from aiohttp import web

from identity.errors import Malformed
from identity.keys import to_did
from node.net.addresses import parse
from node.net.neighbours import Neighbour
from ui.node_views import PeerView
from ui.pages.frame import find_person, page
from ui.pages.visit import Book, Visit, sentence
from ui.troubles import plain
from ui.views import FormView, PersonRef

MAX_SHOWN = 100


def add_connections(book: Book) -> None:
    """Add the page of connections."""
    book.someone("GET", "/connections", connections)
    book.someone("POST", "/connections", dial)
    book.someone("POST", "/connections/again", again)


async def connections(visit: Visit) -> web.Response:
    """Show the laptops this one exchanges with."""
    return await _show(visit, FormView("/connections"))


async def dial(visit: Visit) -> web.Response:
    """Take in an address at which a laptop may be found."""
    text = (await visit.form()).get("address", "").strip()
    try:
        peer = parse(text).peer
        wrong = ""
    except Malformed as error:
        peer, wrong = None, sentence(error)
    if not wrong and peer is None:
        wrong = visit.gettext("An address ends in /p2p/ and the name of the laptop: copy all of it.")
    if peer == visit.node.road.device.public:
        wrong = visit.gettext("This is the address of this laptop. Type one of the other laptop’s.")
    if wrong:
        return await _show(visit, FormView("/connections", {"address": text}, {"address": wrong}))
    visit.node.neighbours.learn([text])
    return visit.go("/connections", visit.gettext("It is being called. If it answers, it appears here by itself."))


async def again(visit: Visit) -> web.Response:
    """Call everybody again."""
    visit.node.neighbours.try_again()
    return visit.go("/connections", visit.gettext("Everybody is being called again."))


async def _show(visit: Visit, form: FormView) -> web.Response:
    known = sorted(visit.node.neighbours.known.values(), key=lambda one: (not one.connected, -(one.seen_ms or 0)))
    context = {
        "peers": tuple([await _peer_view(visit, one) for one in known[:MAX_SHOWN]]),
        "own_addresses": tuple(visit.node.addresses),
        "form": form,
        "lan_is_on": visit.node.config.discovery,
    }
    return await page(visit, "connections", "connections.html", context, 422 if form.errors else 200)


async def _peer_view(visit: Visit, one: Neighbour) -> PeerView:
    keeper = visit.node.keeper
    found = find_person(visit, one.device)
    if found is None:
        person = PersonRef(_stranger(visit, one.device), to_did(one.device), "")
    else:
        space, key = found
        person = visit.person(key, (await visit.pages.roster(space)).names, space)
    met = keeper.met.get(one.device)
    return PeerView(
        person=person,
        device_name=visit.gettext("Device …%(end)s") % {"end": to_did(one.device)[-6:]},
        nearness="connected" if one.connected else "away",
        way=_way(visit, one.addresses[0]) if one.addresses else "",
        last_exchange_ms=int(met * 1000) if met is not None else one.seen_ms,
        received=visit.pages.hub.received.get(one.device, 0),
        sent=sum(seq for (_, device), seq in keeper.reach.items() if device == one.device),
        last_error=_error(visit, one),
        retry_url="" if one.connected else "/connections/again",
    )


def _stranger(visit: Visit, device: bytes) -> str:
    """Return what to call a laptop whose person is not known: the one that invited has no name yet, but is none."""
    knocks = (join for space in visit.node.road.spaces.values() for join in space.law.joins.values())
    if any(join.terms.inviter == device for join in knocks):
        return visit.gettext("The laptop that invited you")
    return visit.gettext("A laptop of none of your spaces")


def _error(visit: Visit, one: Neighbour) -> str:
    if not one.error or one.connected:
        return ""
    return visit.gettext(plain(one.error))


def _way(visit: Visit, text: str) -> str:
    """Return how a laptop is reached, in words with its address."""
    try:
        address = parse(text)
        near = ipaddress.ip_address(address.host).is_private
    except (Malformed, ValueError):
        return text
    words = visit.gettext("Near, %(host)s, port %(port)s") if near else visit.gettext("Far, %(host)s, port %(port)s")
    return words % {"host": address.host, "port": address.port}
