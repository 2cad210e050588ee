"""Take a space along in an archive, take one in, and publish the log of a space's law."""

from pathlib import Path

from aiohttp import web

from identity import keyring
from ui.operations import perform
from ui.pages.frame import page, space_head
from ui.pages.visit import NOT_DONE, Book, Visit, clean_name, sentence, space_url, status_of
from ui.views import FormView

UNPACK = "/unpack"


def add_moving(book: Book) -> None:
    """Add the pages about archives and published logs."""
    book.member("GET", "/archive", ask)
    book.someone("POST", "/s/{space}/archive", write)  # whoever has left takes everything along all the same
    book.member("POST", "/public-log", publish)
    book.anyone("GET", UNPACK, ask_unpack)
    book.anyone("POST", UNPACK, take_in)


def suggested(visit: Visit, ending: str) -> str:
    """Return where a file of this space may be written."""
    name = "".join(letter if letter.isalnum() else "-" for letter in visit.here.name.lower()).strip("-") or "space"
    return str(Path.home() / f"{name}{ending}")


async def ask(visit: Visit) -> web.Response:
    """Ask where to write the archive, and which keys go with it."""
    return await _show(visit)


async def write(visit: Visit) -> web.Response:
    """Write the archive."""
    sent = await visit.form()
    values = {"path": sent.get("path", "").strip(), "keys": sent.get("keys", "none")}
    form = FormView(visit.url("/archive"), values)
    if values["keys"] != "none" and sent.get("passphrase", "") != sent.get("again", ""):
        words = visit.gettext("The two are not the same. Type the passphrase once more, in both fields.")
        return await _show(visit, FormView(form.action, values, {"passphrase": words}), status=422)
    given = {"space": visit.here.id.hex(), **values, "passphrase": sent.get("passphrase", "")}
    try:
        done = await perform(visit.node, "pack_archive", given)
    except NOT_DONE as error:
        field = "passphrase" if "passphrase" in str(error) else "path"
        return await _show(visit, FormView(form.action, values, {field: sentence(error)}), status=status_of(error))
    words = visit.ngettext("%(num)s post is in %(path)s.", "%(num)s posts are in %(path)s.", done["posts"])
    return visit.go(visit.url("/archive"), words % {"num": done["posts"], "path": done["path"]})


async def publish(visit: Visit) -> web.Response:
    """Write the public log."""
    path = (await visit.form()).get("log_path", "").strip()
    try:
        done = await perform(visit.node, "publish_log", {"space": visit.here.id.hex(), "path": path})
    except NOT_DONE as error:
        log = FormView(visit.url("/public-log"), {"log_path": path}, {"log_path": sentence(error)})
        return await _show(visit, log=log, status=status_of(error))
    words = visit.gettext("The log is in %(path)s, and a page for people in %(page)s. Put both wherever you like.")
    return visit.go(visit.url("/archive"), words % {"path": done["path"], "page": done["page"]})


async def _show(
    visit: Visit, form: FormView | None = None, log: FormView | None = None, status: int = 200
) -> web.Response:
    charter = visit.here.law.present().sealed.charter
    blank = FormView(visit.url("/archive"), {"path": suggested(visit, ".commons"), "keys": "none"})
    keys = [
        ("none", visit.gettext("None")),
        ("space", visit.gettext("The space’s keys")),
    ]
    if visit.node.me.root is not None:
        keys.append(("identity", visit.gettext("The space’s keys and my own")))
    context = {
        "space": await space_head(visit, ""),
        "form": form or blank,
        "keys": keys,
        "log": log or FormView(visit.url("/public-log"), {"log_path": suggested(visit, "-log.jsonl")}),
        "is_public": bool(charter["publish_log"]) and visit.may_write,
        "export_url": visit.url("/export"),
        "unpack_url": UNPACK,
    }
    return await page(visit, "settings", "archive.html", context, status)


# -- taking in --------------------------------------------------------------------------------------------------------


async def ask_unpack(visit: Visit) -> web.Response:
    """Ask which archive to take in."""
    if not visit.node.is_ready and keyring.exists(visit.node.folder):
        return visit.go("/unlock")
    return _show_unpack(visit, FormView(UNPACK))


async def take_in(visit: Visit) -> web.Response:
    """Take an archive in; who is nobody here yet becomes its person."""
    sent = await visit.form()
    path = sent.get("path", "").strip()
    if not visit.node.is_ready and keyring.exists(visit.node.folder):
        return visit.go("/unlock")
    async with visit.pages.opening:
        was_ready = visit.node.is_ready
        try:
            given = {"path": path, "passphrase": sent.get("passphrase", "")}
            done = await perform(visit.node, "unpack_archive", given)
        except NOT_DONE as error:
            field = "passphrase" if "passphrase" in str(error) else "path"
            form = FormView(UNPACK, {"path": path}, {field: sentence(error)})
            return _show_unpack(visit, form, status_of(error))
    if not was_ready:
        visit.pages.hub.attach()
    space = visit.node.road.spaces[bytes.fromhex(done["id"])]
    words = visit.ngettext(
        "%(num)s change of %(space)s was taken in.", "%(num)s changes of %(space)s were taken in.", done["new_changes"]
    )
    return visit.go(space_url(space), words % {"num": done["new_changes"], "space": clean_name(space.name, 80)})


def _show_unpack(visit: Visit, form: FormView, status: int = 200) -> web.Response:
    context = {"form": form, "back_url": "/", "is_somebody": visit.node.is_ready}
    return visit.render("unpack.html", context, status)
