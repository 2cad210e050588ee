"""Settings: who one is here, how the pages look, the recovery phrase, the passphrase, devices, taking things along."""

import asyncio
from collections.abc import Mapping

from aiohttp import web
from babel import Locale

from identity.keys import to_did
from identity.phrase import write_phrase
from node.domain.profiles import NAME, allow_name
from node.ingest import profiles
from node.ingest.spaces import Space
from node.store import queries
from ui.locales import languages
from ui.node_views import Safety
from ui.pages.frame import page
from ui.pages.people import connected_people, person_view
from ui.pages.visit import NOT_DONE, Book, Visit, clean_name, sentence, status_of
from ui.version import VERSION
from ui.views import FormView, PersonRef, PersonView

HERE = "/settings"
THEMES = ("", "light", "dark")
LOCK = f"{HERE}/passphrase#passphrase"


def add_settings(book: Book) -> None:
    """Add the settings."""
    book.someone("GET", HERE, settings)
    book.someone("POST", f"{HERE}/identity", identity)
    book.someone("POST", f"{HERE}/look", look)
    book.someone("POST", f"{HERE}/phrase", phrase)
    book.someone("POST", f"{HERE}/passphrase", passphrase)
    book.someone("GET", f"{HERE}/{{form}}", back)


async def settings(visit: Visit) -> web.Response:
    """Show the settings."""
    return await _show(visit)


async def back(visit: Visit) -> web.Response:
    """Go back to the settings from the address of one of their forms: it was reloaded, or kept as a bookmark."""
    return visit.go(HERE)


def _spaces(visit: Visit) -> list[Space]:
    return [space for space in visit.node.road.spaces.values() if space.state == "member"]


async def _show(visit: Visit, *, shown: bool = False, wrong: FormView | None = None, status: int = 200) -> web.Response:
    """Answer with the settings; a form that was refused stands in the place of its own."""
    keyring = visit.node.keyring
    is_locked = keyring is not None and keyring.is_locked
    root = visit.node.me.root
    mine = wrong if wrong is not None and wrong.action == f"{HERE}/identity" else await _identity(visit)
    lock = wrong if wrong is not None and wrong.action == LOCK else FormView(LOCK)
    known = tuple((tag, _own_name(tag)) for tag in languages())
    wishes = visit.preferences
    look_values = {"theme": wishes["theme"], "language": wishes["language"]}
    if wishes["shortcuts"] != "off":
        look_values["shortcuts"] = "1"
    context = {
        "me": await _me(visit),
        "identity": mine,
        "profile_url": _in_space(visit, "/profile"),
        "consents_url": _in_space(visit, "/consents"),
        "look": FormView(f"{HERE}/look", look_values),
        "languages": (("", visit.gettext("As this browser is set")), *known),
        "devices_url": f"{HERE}/devices",
        "trusted_url": _in_space(visit, "/trusted"),
        "import_url": _in_space(visit, "/import"),
        "export_url": _in_space(visit, "/archive"),
        "safety": Safety(
            passphrase=lock,
            key_is_locked=is_locked,
            show_url=f"{HERE}/phrase#recovery" if root is not None else "",
            hide_url=f"{HERE}#recovery",
            words=tuple(write_phrase(root.seed).split()) if shown and root is not None else (),
            shown=shown,
        ),
        "folder": str(visit.node.folder),
        "version": VERSION,
    }
    return await page(visit, "settings", "settings.html", context, status)


def _in_space(visit: Visit, path: str) -> str:
    """Return the address of a page of the present space, or "" while one is in none."""
    return visit.url(path) if visit.space is not None and visit.space.state == "member" else ""


def _own_name(tag: str) -> str:
    return str(Locale.parse(tag).get_display_name(tag) or tag).capitalize()


async def _me(visit: Visit) -> PersonView:
    node = visit.node
    person = node.me.person
    space = visit.space
    if space is not None and space.state == "member" and (grants := space.law.members().get(person)):
        names = (await visit.pages.roster(space)).names
        return person_view(visit, person, grants, names, connected_people(visit, space))
    return PersonView(PersonRef(clean_name(await node.name()), to_did(person), HERE, True), "here", node.clock_ms())


async def _identity(visit: Visit) -> FormView:
    return FormView(f"{HERE}/identity", {NAME: (await _me(visit)).ref.name})


async def identity(visit: Visit) -> web.Response:
    """Change what one is called, in every space."""
    values = {NAME: " ".join((await visit.form()).get(NAME, "").split())}
    try:
        allow_name(values[NAME])
        await visit.node.database.transaction(lambda db: queries.keep_setting(db, "my name", values[NAME]))
        for space in _spaces(visit):
            await profiles.edit_profile(visit.node.road, space, values)
    except NOT_DONE as error:
        wrong = FormView(f"{HERE}/identity", values, {"name": sentence(error)})
        return await _show(visit, wrong=wrong, status=status_of(error))
    return visit.go(HERE, visit.gettext("Saved. The people of your spaces will see it."))


async def look(visit: Visit) -> web.Response:
    """Change how the pages look and answer to keys."""
    sent = await visit.form()
    theme, language = sent.get("theme", ""), sent.get("language", "")
    wishes: Mapping[str, str] = {
        "theme": theme if theme in THEMES else "",
        "language": language if language in languages() else "",
        "shortcuts": "" if sent.get("shortcuts") else "off",
    }
    await visit.pages.prefer(wishes)
    visit.language = wishes["language"] or visit.language
    return visit.go(HERE, visit.gettext("Saved."))


async def phrase(visit: Visit) -> web.Response:
    """Show the recovery phrase, on this one answer."""
    return await _show(visit, shown=True)


async def passphrase(visit: Visit) -> web.Response:
    """Lock the key file with a passphrase, change it, or take the lock away."""
    sent = await visit.form()
    new, again, old = sent.get("passphrase", ""), sent.get("again", ""), sent.get("old", "")
    keyring = visit.node.keyring
    if keyring is None or new != again:
        words = visit.gettext("The two are not the same. Type the passphrase once more, in both fields.")
        return await _show(visit, wrong=FormView(LOCK, {}, {"again": words}), status=422)
    try:
        await asyncio.to_thread(keyring.change_passphrase, old if keyring.is_locked else None, new or None)
    except NOT_DONE as error:
        # What is typed into these fields is never sent back.
        wrong = FormView(LOCK, {}, {"": sentence(error)})
        return await _show(visit, wrong=wrong, status=status_of(error))
    if not new:
        return visit.go(HERE, visit.gettext("The lock is gone. Your key file is only private now."))
    return visit.go(
        f"{HERE}#passphrase", visit.gettext("Your key is locked. The passphrase is asked for at every start.")
    )
