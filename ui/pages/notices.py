"""What a person should know on any page about their devices and about keys asked for: nearly always nothing."""

from node.domain.law.charter import DAY_MS
from node.ingest.recovery import Asking, is_short
from node.ingest.spaces import Space
from node.recovering import needs_place, waits_to_be_added
from node.store import queries
from ui.pages.visit import Visit, clean_name, space_url
from ui.views import Notice

DEVICES = "/settings/devices"
COMING_BACK = "coming back"
"""The setting that holds in which space somebody waits to become themself again, as its id in hex."""

ASKED_MS = 30 * DAY_MS
"""An asking is on everybody's mind for so long; it can be answered later too."""


def concerns(visit: Visit, asking: Asking) -> bool:
    """Tell whether an asking is for the reader to know of: they hold a share, or it is their own key."""
    me = visit.node.me.person
    return asking.by != me and (me == asking.person or me in asking.trusted)


async def standing(visit: Visit) -> Notice | None:
    """Return what is most urgent."""
    own = _about_this_device(visit)
    if own is not None:
        return own
    spaces = [one for one in visit.node.road.spaces.values() if one.state == "member"]
    for space in sorted(spaces, key=lambda space: space is not visit.space):
        found = await _about_asking(visit, space) or await _about_trust(visit, space)
        if found is not None:
            return found
    return await _about_coming_back(visit)


def _about_this_device(visit: Visit) -> Notice | None:
    _ = visit.gettext
    if visit.request.path.startswith(DEVICES):
        return None
    if waits_to_be_added(visit.node):
        words = _(
            "This laptop came from a copy, so your other laptop has to add it again. Until then you can only read."
        )
        return Notice("warning", words, f"{DEVICES}#again", _("Add it again"))
    if needs_place(visit.node):
        words = _("This laptop has no place among your devices yet, so you can read, but not write.")
        return Notice("warning", words, DEVICES, _("Choose a device that gives way"))
    space = visit.space
    if space is not None and space.law.present().is_revoked(visit.node.road.device.public):
        words = _(
            "This laptop was ended in %(space)s from another device of yours. What is here can be read; what it says"
            " counts for nothing, and nothing new comes. If that was not you, tell the people of the space."
        )
        return Notice("warning", words % {"space": clean_name(space.name, 80)}, DEVICES, _("Your devices"))
    return None


async def _about_asking(visit: Visit, space: Space) -> Notice | None:
    me, since = visit.node.me.person, visit.node.clock_ms() - ASKED_MS
    path = visit.request.path
    known = await visit.pages.recovering(space)
    fresh = (one for one in known.askings if concerns(visit, one) and one.time > since and not one.is_denied)
    for asking in fresh:
        url = space_url(space, f"/asked/{asking.id.hex()}")
        if me in asking.given | asking.declined or path.startswith(url):
            continue
        if me == asking.person:
            words = visit.gettext("Somebody asks the people you trust for your key, as if you had lost your laptop.")
            return Notice("warning", words, url, visit.gettext("Look at it now"))
        name = visit.person(asking.person, (await visit.pages.roster(space)).names, space).name
        words = visit.gettext("Somebody says to be %(name)s, on a new laptop, and asks for the share that you hold.")
        return Notice("note", words % {"name": name}, url, visit.gettext("See what to do"))
    return None


async def _about_trust(visit: Visit, space: Space) -> Notice | None:
    sharing = (await visit.pages.recovering(space)).sharing
    url = space_url(space, "/trusted")
    if sharing is None or not is_short(space, sharing) or visit.request.path == url:
        return None
    words = visit.gettext("Too few of the people you trust with your key are still in %(space)s to let you in again.")
    words %= {"space": clean_name(space.name, 80)}
    return Notice("warning", words, url, visit.gettext("Choose others"))


async def _about_coming_back(visit: Visit) -> Notice | None:
    wanted = await visit.node.database.read(lambda db: queries.setting(db, COMING_BACK))
    space = next((one for one in visit.node.road.spaces.values() if one.id.hex() == wanted), None)
    if space is None or space.state != "member":
        return None
    words = visit.gettext("You came in by a new name, to get your own back from the people you trust.")
    return Notice("note", words, space_url(space, "/come-back"), visit.gettext("Go on with that"))
