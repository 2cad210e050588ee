"""One's own profile in a space: what it says, to whom, and the form that changes one field of it."""

import secrets
from collections.abc import Iterable

from aiohttp import web

from identity.errors import CommonsError
from identity.keys import from_did, to_did
from node.domain.profiles import FIELDS, NAME, OWN, PUBLIC, SOME, SPACE, is_field
from node.ingest.profiles import ME, PEOPLE, Field, Wish, fields_of, set_fields
from ui.markup import tame
from ui.pages.frame import page, space_head
from ui.pages.visit import NOT_DONE, Book, Visit, clean_name, sentence, status_of
from ui.people_views import FieldLine, Reader
from ui.views import FormView

MAX_LISTED = 500
LONG = ("about", "skills", "interests", "needs", "offers", "availability")


def add_profile(book: Book) -> None:
    """Add the pages of one's own profile."""
    book.member("GET", "/profile", profile)
    book.member("GET", "/profile/{field}", change)
    book.member("POST", "/profile/{field}", save)


def labels(visit: Visit) -> dict[str, str]:
    """Return what the fields of a profile are called."""
    _ = visit.gettext
    return {
        NAME: _("Name"),
        "pronouns": _("How to speak of you"),
        "about": _("About you"),
        "contact": _("How to reach you"),
        "skills": _("What you can do"),
        "interests": _("What interests you"),
        "needs": _("What you need"),
        "offers": _("What you offer"),
        "availability": _("When you have time"),
    }


def others_labels(visit: Visit) -> dict[str, str]:
    """Return what the fields of somebody else's profile are called."""
    _ = visit.gettext
    return {
        "contact": _("How to reach them"),
        "skills": _("Can do"),
        "interests": _("Interested in"),
        "needs": _("Needs"),
        "offers": _("Offers"),
        "availability": _("Has time"),
    }


def audiences(visit: Visit) -> dict[str, str]:
    """Return whom a field may be for, in words."""
    return {
        ME: visit.gettext("Only me"),
        PEOPLE: visit.gettext("People I choose"),
        SPACE: visit.gettext("Everybody in %(space)s") % {"space": clean_name(visit.here.name, 80)},
        PUBLIC: visit.gettext("Everybody, also outside"),
    }


async def profile(visit: Visit) -> web.Response:
    """Show what one's profile says, and to whom."""
    said = {field.name: field for field in await fields_of(visit.node.road, visit.here, visit.node.me.person)}
    own = [name for name in said if name.startswith(OWN)]
    words, called = audiences(visit), labels(visit)
    lines = [_own_line(visit, name, said.get(name), called.get(name, ""), words) for name in (*FIELDS, *own)]
    context = {
        "space": await space_head(visit, ""),
        "fields": tuple(lines),
        "add_url": visit.url(f"/profile/{OWN}{secrets.token_hex(8)}") if visit.may_write else "",
        "consents_url": visit.url("/consents"),
        "me_url": visit.url(f"/people/{to_did(visit.node.me.person)}"),
    }
    return await page(visit, "profile", "profile.html", context)


def _own_line(visit: Visit, name: str, field: Field | None, label: str, words: dict[str, str]) -> FieldLine:
    url = visit.url(f"/profile/{name}") if visit.may_write else ""
    if field is None:
        return FieldLine(label, "", "", url)
    meant = words[field.audience]
    if field.audience == PEOPLE:
        names = visit.known().names
        meant = ", ".join(visit.person(person, names).name for person in field.people)
    is_sealed = field.audience in (ME, PEOPLE)
    return FieldLine(clean_name(field.label) or label, tame(field.value), meant, url, is_sealed)


async def change(visit: Visit) -> web.Response:
    """Show the form of one field."""
    name = _wanted(visit)
    said = {field.name: field for field in await fields_of(visit.node.road, visit.here, visit.node.me.person)}
    field = said.get(name, Field(name, "", "", SPACE))
    values = {"value": field.value, "label": field.label, "audience": field.audience}
    return await _show(visit, FormView(_action(visit, name), values), set(field.people))


async def save(visit: Visit) -> web.Response:
    """Say a field, to whom it is meant for."""
    name = _wanted(visit)
    sent = await visit.request.post()
    chosen = _chosen(sent.getall("people", []))
    form = await visit.form()
    values = {part: form.get(part, "").strip() for part in ("value", "label", "audience")}
    if name == NAME:
        values["value"] = " ".join(values["value"].split())
    try:
        wish = Wish(name, values["value"], values["audience"], sorted(chosen), " ".join(values["label"].split()))
        await set_fields(visit.node.road, visit.here, [wish])
    except NOT_DONE as error:
        wrong = FormView(_action(visit, name), values, {"value": sentence(error)})
        return await _show(visit, wrong, chosen, status_of(error))
    return visit.go(visit.url("/profile"), visit.gettext("Saved."))


def _wanted(visit: Visit) -> str:
    name = visit.request.match_info["field"]
    if not is_field(name):
        raise web.HTTPNotFound
    return name


def _action(visit: Visit, name: str) -> str:
    return visit.url(f"/profile/{name}")


def _chosen(sent: Iterable[object]) -> set[bytes]:
    """Return who was chosen in a form; what is no key is nobody."""
    found = set()
    for did in sent:
        try:
            found.add(from_did(str(did)))
        except CommonsError:
            continue
    return found


async def _show(visit: Visit, form: FormView, chosen: set[bytes], status: int = 200) -> web.Response:
    name = form.action.rpartition("/")[2]
    names = (await visit.pages.roster(visit.here)).names
    others = [person for person in visit.here.law.members() if not visit.node.road.is_me(person)]
    readers = [Reader(visit.person(person, names), person in chosen) for person in others]
    readers.sort(key=lambda reader: (not reader.is_chosen, reader.person.name.casefold()))
    offered = audiences(visit)
    if name == NAME:
        offered = {audience: words for audience, words in offered.items() if audience in (SPACE, PUBLIC)}
    context = {
        "space": await space_head(visit, ""),
        "form": form,
        "label": labels(visit).get(name, visit.gettext("A field of your own")),
        "is_own": name.startswith(OWN),
        "is_long": name in LONG or name.startswith(OWN),
        "audiences": tuple(offered.items()),
        "readers": tuple(readers[:MAX_LISTED]) if PEOPLE in offered else (),
        "back_url": visit.url("/profile"),
    }
    return await page(visit, "profile", "profile_field.html", context, status)


def lines_about(visit: Visit, fields: list[Field]) -> tuple[FieldLine, ...]:
    """Return what somebody's own page lists of them, beside their name, pronouns and words about themselves."""
    called = others_labels(visit)
    some = visit.gettext("Only some people see this, you among them.")
    mine = {audience: words for audience, words in audiences(visit).items() if audience in (ME, PEOPLE)}
    return tuple(
        FieldLine(
            clean_name(field.label) or called[field.name],
            tame(field.value),
            some if field.audience == SOME else mine.get(field.audience, ""),
            is_sealed=field.audience not in (SPACE, PUBLIC),
        )
        for field in fields
        if field.name in called or field.label
    )
