"""Every page and the live stream, added to the application of one node."""

from aiohttp import web

from node.runtime import Node
from ui.live import Hub, serve_live
from ui.pages.acting import add_acting
from ui.pages.charter import add_charter
from ui.pages.coming_back import add_coming_back
from ui.pages.connections import add_connections
from ui.pages.consents import add_consents
from ui.pages.cut_off import add_cut_off
from ui.pages.data import add_data
from ui.pages.decisions import add_decisions
from ui.pages.deep import add_deep
from ui.pages.devices import add_devices
from ui.pages.feed import add_feed
from ui.pages.founding import add_founding
from ui.pages.invites import add_invites
from ui.pages.knocks import add_knocks
from ui.pages.leaving import add_leaving
from ui.pages.log import add_log
from ui.pages.moving import add_moving
from ui.pages.opening import add_opening
from ui.pages.page import add_space_page
from ui.pages.parts import add_parts
from ui.pages.people import add_people
from ui.pages.powers import add_powers
from ui.pages.profile import add_profile
from ui.pages.proposing import add_proposing
from ui.pages.search import add_search
from ui.pages.settings import add_settings
from ui.pages.threads import add_threads
from ui.pages.trusted import add_trusted
from ui.pages.visit import Book, Pages
from ui.pages.waiting import add_waiting
from ui.pages.welcome import add_welcome
from ui.session import Gate
from ui.templating import Templates

PARTS = (
    add_opening,
    add_waiting,
    add_founding,
    add_feed,
    add_deep,
    add_parts,
    add_moving,
    add_threads,
    add_people,
    add_profile,
    add_consents,
    add_welcome,
    add_space_page,
    add_invites,
    add_connections,
    add_log,
    add_charter,
    add_powers,
    add_proposing,
    add_decisions,
    add_knocks,
    add_acting,
    add_leaving,
    add_devices,
    add_trusted,
    add_coming_back,
    add_settings,
    add_search,
    add_data,
    add_cut_off,
)


def serve_pages(app: web.Application, node: Node, templates: Templates, gate: Gate) -> Pages:
    """Answer every page of a node, and its live stream."""
    hub = Hub(node)
    hub.attach()
    pages = Pages(node, templates, gate, hub)
    book = Book(app, pages)
    for add in PARTS:
        add(book)
    serve_live(app, hub)
    return pages
