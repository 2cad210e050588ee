"""The space's page, which every member may change: read it, edit it, see its versions, bring one back."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from aiohttp import web

from crdt.document import Document
from crdt.guard import AdmittedEdit
from node.domain.area import Fact
from node.domain.documents import page_id
from node.ingest import writing
from ui.markup import Difference, differences, rendered
from ui.operations import perform
from ui.pages.frame import page, space_head
from ui.pages.visit import NOT_DONE, Book, Visit, clean_name, sentence, status_of
from ui.views import FormView, PageView, RevisionView

SAME_SAVE_MS = 250
"""Edits of one person that lie closer together came of one press of the button."""


def add_space_page(book: Book) -> None:
    """Add the faces of the space's page."""
    book.member("GET", "/page", view)
    book.member("GET", "/page/edit", edit)
    book.member("POST", "/page/edit", save)
    book.member("GET", "/page/versions", versions)
    book.member("GET", "/page/versions/{version}", compare)
    book.member("POST", "/page/versions/{version}/restore", restore)


class Revision(NamedTuple):
    """What one press of the button changed: its edits, oldest first, and who made them when."""

    edits: tuple[AdmittedEdit, ...]
    fact: Fact

    @property
    def name(self) -> str:
        """What stands for it in addresses: the hash of its last edit."""
        return self.edits[-1].hash.hex()


def revisions_of(document: Document, brought: Mapping[bytes, Fact]) -> list[Revision]:
    """Return what was saved, oldest first."""
    found: list[Revision] = []
    for edit_ in document.history():
        fact = brought[edit_.hash]
        last = found[-1] if found else None
        if (
            last is not None
            and last.fact.person == fact.person
            and list(edit_.deps) == [last.edits[-1].hash]
            and 0 <= fact.time - last.fact.time < SAME_SAVE_MS
        ):
            found[-1] = Revision((*last.edits, edit_), last.fact)
        else:
            found.append(Revision((edit_,), fact))
    return found


def text_at(document: Document, heads: Sequence[bytes]) -> str:
    """Return the whole page at a version, as one text: its sentence, then its words."""
    fields = document.read_at(*heads)
    return f"{fields.get('title', '')}\n\n{document.text_at('body', *heads)}".strip("\n")


async def view(visit: Visit) -> web.Response:
    """Show the page."""
    return await _show(visit, "view")


async def edit(visit: Visit) -> web.Response:
    """Show the form that changes the page."""
    document, _ = await writing.open_document(visit.node.road, visit.here, page_id())
    base = ",".join(head.hex() for head in document.heads())
    values = {"title": document.read().get("title", ""), "text": document.text("body"), "base": base}
    return await _show(visit, "edit", FormView(visit.url("/page/edit"), values))


async def save(visit: Visit) -> web.Response:
    """Change the page; what others changed while it was typed stays."""
    sent = await visit.form()
    values = {name: sent.get(name, "") for name in ("title", "text", "base")}
    given = {"space": visit.here.id.hex(), "title": values["title"], "body": values["text"], "heads": values["base"]}
    try:
        done = await perform(visit.node, "edit_page", given)
    except NOT_DONE as error:
        form = FormView(visit.url("/page/edit"), values, {"": sentence(error)})
        return await _show(visit, "edit", form, status_of(error))
    visit.pages.flash(visit.session).shared = draft_place(visit)
    saved = visit.gettext("The page is saved. Its earlier versions stay.")
    return visit.go(visit.url("/page"), saved if done["edits"] else visit.gettext("Nothing was changed."))


def draft_place(visit: Visit) -> str:
    """Return the name of the draft of this page's words."""
    return f"page:{visit.here.id.hex()[:16]}"


async def versions(visit: Visit) -> web.Response:
    """List what was saved, newest first."""
    return await _show(visit, "history")


async def compare(visit: Visit) -> web.Response:
    """Show what one version changed."""
    return await _show(visit, "compare")


async def restore(visit: Visit) -> web.Response:
    """Bring an earlier version back, as a new one."""
    given = {"space": visit.here.id.hex(), "version": visit.request.match_info["version"]}
    done = await perform(visit.node, "restore_page", given)
    words = visit.gettext("That version is back. The one before it stays among the versions.")
    return visit.go(visit.url("/page"), words if done["edits"] else visit.gettext("It says that already."))


async def _show(
    visit: Visit, face: Literal["view", "edit", "history", "compare"], form: FormView | None = None, status: int = 200
) -> web.Response:
    document, brought = await writing.open_document(visit.node.road, visit.here, page_id())
    saved = revisions_of(document, brought)
    names = (await visit.pages.roster(visit.here)).names
    listed = [_revision_view(visit, one, names, is_current=one is saved[-1]) for one in saved]
    at = _wanted(visit, saved) if face == "compare" else None
    body = document.text("body")
    context = {
        "space": await space_head(visit, "page"),
        "page": PageView(
            face=face,
            title=visit.gettext("Page of %(space)s") % {"space": clean_name(visit.here.name, 80)},
            url=visit.url("/page"),
            edit_url=visit.url("/page/edit"),
            history_url=visit.url("/page/versions"),
            body_html=rendered(body, heading_base=2) if body.strip() else rendered(""),
            form=form,
            revisions=tuple(reversed(listed)),
            compared=listed[at] if at is not None else None,
            differences=_changed(document, saved[at]) if at is not None else (),
            draft=draft_place(visit),
        ),
    }
    return await page(visit, "page", "page.html", context, status)


def _wanted(visit: Visit, saved: Sequence[Revision]) -> int:
    name = visit.request.match_info["version"]
    at = next((place for place, one in enumerate(saved) if one.name == name), None)
    if at is None:
        raise web.HTTPNotFound
    return at


def _changed(document: Document, one: Revision) -> tuple[Difference, ...]:
    return differences(text_at(document, one.edits[0].deps), text_at(document, [one.edits[-1].hash]))


def _revision_view(visit: Visit, one: Revision, names: Mapping[bytes, str], *, is_current: bool) -> RevisionView:
    address = visit.url(f"/page/versions/{one.name}")
    author = visit.person(one.fact.person, names)
    return RevisionView(author, one.fact.time, address, "" if is_current else f"{address}/restore", is_current)
