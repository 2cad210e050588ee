"""Examples of the pages about one's own devices, and about coming back by those one trusts, for /patterns."""

from collections.abc import Callable
from typing import Any

from ui.node_views import DeviceOffer
from ui.pattern_examples import AMINA, BOLA, DAY_MS, HOUR_MS, LINK, ME, MINUTE_MS, TOMAS, person, space
from ui.recovery_views import AskedView, ComeBackView, DeviceLine, DutyView, Keeper, TrustView
from ui.templating import qr_drawing
from ui.views import FormView, NavItem

Context = Callable[[int], dict[str, Any]]
SURE = "Say that you are sure: nobody can take it back for you."
DIGITS = "407193528816"


def own_devices(now: int) -> tuple[DeviceLine, ...]:
    """Return this device, one with an office, one that stands in one space only, and one that ended."""
    return (
        DeviceLine("Device 1", "did:key:kitchen", now - 200 * DAY_MS, now - MINUTE_MS, is_this=True),
        DeviceLine(
            "Device 2",
            "did:key:workshop",
            now - 90 * DAY_MS,
            now - 3 * DAY_MS,
            seals=("Community garden",),
            end_url="/patterns/device_end",
        ),
        DeviceLine("Device 4", "did:key:old", now - DAY_MS, spaces=("Seed library",), end_url="/patterns/device_end"),
        DeviceLine(
            "Device 3",
            "did:key:netbook",
            now - 700 * DAY_MS,
            now - 300 * DAY_MS,
            ended_ms=now - 20 * DAY_MS,
            ended_by="Device 1",
        ),
    )


def _devices(now: int, **more: Any) -> dict[str, Any]:
    lines = own_devices(now)
    around = {
        "devices": lines[:3],
        "ended": lines[3:],
        "duties": (),
        "add_url": "/patterns/devices_add",
        "offer": None,
        "is_full": False,
        "needs_place": False,
        "again": None,
        "holds_key": True,
        "words_url": "/patterns/settings_phrase",
        "trusted_url": "/patterns/trusted",
    }
    return around | more


def _duties() -> tuple[DutyView, ...]:
    return (
        DutyView("Community garden", "Device 2", "/patterns/device_end", "/patterns/propose"),
        DutyView("Seed library", "", "", "/patterns/propose"),
    )


def _full(now: int) -> dict[str, Any]:
    lines = tuple(line._replace(end_url="", place_url="/patterns/device_place") for line in own_devices(now)[1:3])
    return _devices(now, devices=lines, ended=(), is_full=True, needs_place=True)


def _end(now: int, **more: Any) -> dict[str, Any]:
    around = {
        "device": own_devices(now)[1],
        "act": "end",
        "action": "/patterns/device_end",
        "back_url": "/patterns/devices",
        "words_url": "/patterns/settings_phrase",
        "spaces": (("a1", "Community garden"), ("b2", "Seed library")),
        "where": "all",
        "holds_key": False,
        "error": SURE,
    }
    return around | more


def keepers() -> tuple[Keeper, ...]:
    """Return who holds a share, in each state of an asking."""
    gone = person("Chidi Eze")
    return Keeper(BOLA, "gave"), Keeper(ME, "waits"), Keeper(TOMAS, "declined"), Keeper(gone, "gone")


def _asked(now: int, **more: Any) -> AskedView:
    by = AMINA._replace(name="Amina (new laptop)", url="")
    shown = AskedView(
        AMINA, by, now - HOUR_MS, keepers(), 2, 1, "keeper", "", False, "/patterns/asked", "/patterns/asked"
    )
    return shown._replace(**more)


def _asked_page(now: int, form: FormView | None = None, **more: Any) -> dict[str, Any]:
    around = {"form": form or FormView("/patterns/asked"), "back_url": "/patterns/trusted", "devices_url": "#"}
    return {"space": space(), "asked": _asked(now, **more)} | around


def _trusted(now: int, *, short: bool = False, none: bool = False) -> dict[str, Any]:
    held = (Keeper(AMINA), Keeper(BOLA, "gone" if short else "holds"), Keeper(TOMAS, "gone" if short else "holds"))
    asks = (_asked(now, who=BOLA), _asked(now, who=ME, role="owner"))
    trust = TrustView(
        keepers=() if none else held,
        needed=0 if none else 2,
        is_short=short,
        holds_key=True,
        askings=() if none or short else asks,
        words_url="/patterns/settings_phrase",
        come_back_url="/patterns/come_back",
        elsewhere=(NavItem("Seed library", "#"),),
    )
    wrong = {"": "Trust 2 to 32 members, of whom at least 2 are needed."} if short else {}
    form = FormView("/patterns/trusted", {"needed": "2", AMINA.key: "1"}, wrong)
    people = (AMINA, BOLA, TOMAS)
    return {"space": space(), "trust": trust, "form": form, "people": people, "pick": "pick-", "may_choose": True}


def _come_back(mine: ComeBackView | None = None, **more: Any) -> dict[str, Any]:
    around = {
        "space_name": "Community garden",
        "space_key": "did:key:garden",
        "mine": mine,
        "people": (AMINA, BOLA),
        "action": "/patterns/come_back",
        "again_url": "/patterns/come_back",
        "stop_url": "/patterns/feed",
        "feed_url": "/patterns/feed",
        "trouble": "",
        "arriving": None,
        "live_url": "",
    }
    return around | more


def _mine(**more: Any) -> ComeBackView:
    return ComeBackView(AMINA, DIGITS, keepers(), 2, 1, False, "")._replace(**more)


def _lost(_now: int, form: FormView | None = None) -> dict[str, Any]:
    return {"form": form or FormView("/patterns/lost"), "back_url": "/patterns/first_open", "words_url": "#"}


def _done(_now: int) -> dict[str, Any]:
    urls = {"devices_url": "/patterns/devices", "words_url": "#", "trusted_url": "/patterns/trusted", "join_url": "#"}
    return {"space_name": "Community garden", "key": AMINA.key, "feed_url": "#", "holds_key": True, **urls}


WRONG_CODE = FormView(
    "/patterns/asked",
    {"code": "407 194"},
    {"code": "This is not the code that their device shows. Call them, and compare."},
)
WRONG_AGAIN = FormView(
    "/patterns/devices_again",
    {"link": "hello"},
    {"link": "There is no invite in this text: it would begin with commons:."},
)
WRONG_LOST = FormView(
    "/patterns/lost", {"name": "Amina", "invite": "hello"}, {"invite": "There is no invite in this text."}
)

PAGES: dict[str, tuple[str, str, Context]] = {
    "devices": ("Devices", "devices.html", lambda now: _devices(now, duties=_duties())),
    "devices_add": (
        "Devices, adding one",
        "devices.html",
        lambda now: _devices(
            now,
            devices=own_devices(now)[:1],
            ended=(),
            offer=DeviceOffer(LINK, qr_drawing(LINK, "QR code for the new device"), now + 10 * MINUTE_MS),
        ),
    ),
    "devices_full": ("Devices, no place for this one", "devices.html", _full),
    "devices_again": (
        "Devices, this one to be added again",
        "devices.html",
        lambda now: _devices(now, devices=(), ended=(), again=WRONG_AGAIN, holds_key=False),
    ),
    "device_end": ("End a device", "device_end.html", _end),
    "device_place": (
        "Take the place of a device",
        "device_end.html",
        lambda now: _end(now, act="place", holds_key=True, error=""),
    ),
    "trusted": ("People one trusts, and who asks", "trusted.html", _trusted),
    "trusted_none": ("People one trusts: nobody yet", "trusted.html", lambda now: _trusted(now, none=True)),
    "trusted_short": ("People one trusts: too few left", "trusted.html", lambda now: _trusted(now, short=True)),
    "asked": ("Asked for a share", "asked.html", _asked_page),
    "asked_wrong": ("Asked for a share: other digits", "asked.html", lambda now: _asked_page(now, WRONG_CODE)),
    "asked_given": ("Asked for a share: given", "asked.html", lambda now: _asked_page(now, did="gave")),
    "asked_denied": ("Asked for a share: it is not them", "asked.html", lambda now: _asked_page(now, is_denied=True)),
    "asked_owner": ("Somebody asks for one’s own key", "asked.html", lambda now: _asked_page(now, role="owner")),
    "lost": ("Lost every laptop", "lost.html", _lost),
    "lost_error": ("Lost every laptop: no invitation", "lost.html", lambda now: _lost(now, WRONG_LOST)),
    "come_back": ("Coming back: who one is", "come_back.html", lambda _: _come_back()),
    "come_back_nobody": (
        "Coming back: nobody shared a key",
        "come_back.html",
        lambda _: _come_back(people=(), trouble="You are this person here already."),
    ),
    "come_back_wait": ("Coming back: waiting", "come_back.html", lambda _: _come_back(_mine())),
    "come_back_enough": (
        "Coming back: enough have given",
        "come_back.html",
        lambda _: _come_back(_mine(given=2, finish_url="/patterns/come_back_done")),
    ),
    "come_back_denied": (
        "Coming back: said not to be them",
        "come_back.html",
        lambda _: _come_back(_mine(is_denied=True)),
    ),
    "come_back_done": ("Coming back: done", "come_back_done.html", _done),
}
