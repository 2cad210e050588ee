"""The people one trusts with one's key, and what they see when somebody asks for it."""

from collections.abc import Mapping, Sequence

from aiohttp import web

from identity.keys import to_did
from node.ingest import recovery
from node.ingest.recovery import Asking
from ui.operations import perform
from ui.pages.frame import page, space_head
from ui.pages.notices import concerns
from ui.pages.visit import NOT_DONE, Book, Visit, clean_name, sentence, space_url, status_of
from ui.recovery_views import AskedView, Keeper, TrustView
from ui.views import FormView, NavItem, PersonRef

TRUSTED, ASKED, COME_BACK = "/trusted", "/asked", "/come-back"
MAX_CHOICES = 200
PICK = "pick-"


def add_trusted(book: Book) -> None:
    """Add the pages."""
    book.member("GET", TRUSTED, trusted)
    book.member("POST", TRUSTED, share)
    book.member("GET", f"{ASKED}/{{asking}}", asked)
    book.member("POST", f"{ASKED}/{{asking}}", give)
    book.member("POST", f"{ASKED}/{{asking}}/decline", decline)


# -- whom one trusts -------------------------------------------------------------------------------------------------


async def trusted(visit: Visit) -> web.Response:
    """Show whom one trusts, and the form that chooses them."""
    return await _show(visit)


async def share(visit: Visit) -> web.Response:
    """Share one's key among the chosen."""
    sent = await visit.form()
    picked = [name.removeprefix(PICK) for name in sent if name.startswith(PICK)]
    needed = sent.get("needed", "")
    try:
        given = {"trusted": picked, "needed": int(needed) if needed.isascii() and needed.isdecimal() else 0}
        await perform(visit.node, "share_key", {"space": visit.here.id.hex(), **given})
    except NOT_DONE as error:
        form = FormView(visit.url(TRUSTED), {"needed": needed, **dict.fromkeys(picked, "1")}, {"": sentence(error)})
        return await _show(visit, form, status_of(error))
    words = visit.ngettext(
        "Each of them has a share. %(needed)s of %(num)s together can let you in again.",
        "Each of them has a share. %(needed)s of %(num)s together can let you in again.",
        len(picked),
    )
    return visit.go(visit.url(TRUSTED), words % {"needed": given["needed"], "num": len(picked)})


async def _show(visit: Visit, form: FormView | None = None, status: int = 200) -> web.Response:
    names = (await visit.pages.roster(visit.here)).names
    known = await visit.pages.recovering(visit.here)
    sharing, space = known.sharing, visit.here
    holders = [part[0] for part in sharing.parts] if sharing is not None else []
    still = set(recovery.still_trusted(space, sharing)) if sharing is not None else set()
    ticked = {to_did(person): "1" for person in still}
    view = TrustView(
        keepers=tuple(Keeper(visit.person(one, names), "holds" if one in still else "gone") for one in holders),
        needed=sharing.needed if sharing is not None else 0,
        is_short=sharing is not None and recovery.is_short(space, sharing),
        holds_key=visit.node.me.root is not None,
        askings=tuple(asked_view(visit, one, names) for one in known.askings if concerns(visit, one)),
        words_url="/settings#recovery",
        come_back_url=visit.url(COME_BACK),
        elsewhere=tuple(_elsewhere(visit)),
    )
    context = {
        "space": await space_head(visit, ""),
        "trust": view,
        "form": form or FormView(visit.url(TRUSTED), {"needed": str(max(view.needed, 2)), **ticked}),
        "people": _choices(visit, names, still),
        "pick": PICK,
        "may_choose": view.holds_key and visit.may_write,
    }
    return await page(visit, "settings", "trusted.html", context, status)


def _choices(visit: Visit, names: Mapping[bytes, str], first: set[bytes]) -> tuple[PersonRef, ...]:
    """Return whom one can choose: those who are trusted already first, then by name; this person not."""
    others = [person for person in visit.here.law.members() if not visit.node.road.is_me(person)]
    others.sort(key=lambda person: (person not in first, names.get(person, "").casefold(), person))
    return tuple(visit.person(person, names) for person in others[:MAX_CHOICES])


def _elsewhere(visit: Visit) -> list[NavItem]:
    spaces = [one for one in visit.node.road.spaces.values() if one.state == "member" and one is not visit.here]
    return [NavItem(clean_name(space.name, 80), space_url(space, TRUSTED)) for space in spaces]


# -- being asked -----------------------------------------------------------------------------------------------------


def asked_view(visit: Visit, asking: Asking, names: Mapping[bytes, str]) -> AskedView:
    """Return an asking as pages show it to who is asked."""
    me, address = visit.node.me.person, visit.url(f"{ASKED}/{asking.id.hex()}")
    return AskedView(
        who=visit.person(asking.person, names),
        by=visit.person(asking.by, names),
        time_ms=asking.time,
        keepers=keepers(visit, asking, names),
        needed=asking.needed,
        given=len(asking.given),
        role="owner" if me == asking.person else "keeper" if me in asking.trusted else "other",
        did="gave" if me in asking.given else "declined" if me in asking.declined else "",
        is_denied=asking.is_denied,
        url=address,
        decline_url=f"{address}/decline" if me not in asking.given | asking.declined else "",
    )


def keepers(visit: Visit, asking: Asking, names: Mapping[bytes, str]) -> tuple[Keeper, ...]:
    """Return who holds a share of the key that is asked for, and what each of them has done about it."""
    view = visit.here.law.present()

    def line(person: bytes) -> Keeper:
        ref = visit.person(person, names)
        if person in asking.given:
            return Keeper(ref, "gave")
        if person in asking.declined:
            return Keeper(ref, "declined")
        return Keeper(ref, "waits" if view.is_member(person) else "gone")

    return tuple(line(person) for person in asking.trusted)


async def asked(visit: Visit) -> web.Response:
    """Show somebody's asking to who holds a share."""
    return await _show_asked(visit, await _need(visit))


async def give(visit: Visit) -> web.Response:
    """Hand one's share on, if the digits are those that were read out."""
    asking, code = await _need(visit), (await visit.form()).get("code", "").strip()
    try:
        given = {"space": visit.here.id.hex(), "asking": asking.id.hex(), "code": code}
        await perform(visit.node, "give_share", given)
    except NOT_DONE as error:
        form = FormView(visit.request.path, {"code": code}, {"code": sentence(error)})
        return await _show_asked(visit, asking, form, status_of(error))
    return visit.go(visit.request.path, visit.gettext("Your share is on its way to their new laptop."))


async def decline(visit: Visit) -> web.Response:
    """Hand nothing on."""
    asking = await _need(visit)
    await perform(visit.node, "decline_share", {"space": visit.here.id.hex(), "asking": asking.id.hex()})
    return visit.go(visit.url(f"{ASKED}/{asking.id.hex()}"), visit.gettext("You give nothing, and the others see it."))


async def _need(visit: Visit) -> Asking:
    name = visit.request.match_info["asking"]
    askings: Sequence[Asking] = (await visit.pages.recovering(visit.here)).askings
    found = next((one for one in askings if one.id.hex() == name and concerns(visit, one)), None)
    if found is None:
        raise web.HTTPNotFound
    return found


async def _show_asked(visit: Visit, asking: Asking, form: FormView | None = None, status: int = 200) -> web.Response:
    names = (await visit.pages.roster(visit.here)).names
    context = {
        "space": await space_head(visit, ""),
        "asked": asked_view(visit, asking, names),
        "form": form or FormView(visit.url(f"{ASKED}/{asking.id.hex()}")),
        "back_url": visit.url(TRUSTED),
        "devices_url": "/settings/devices",
    }
    return await page(visit, "settings", "asked.html", context, status)
