"""The public log: every change that this laptop holds, refused ones with their reason, each with its own address."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from aiohttp import web

from identity.errors import Refused
from identity.keys import to_did
from node.domain.consents import CHARTER, SetConsent
from node.domain.documents import EditDocument, page_id
from node.domain.law.membership import AdmitMember
from node.ingest.spaces import Opened, Space
from node.store import log as store_log
from node.store import queries
from node.store.log import Stored
from node.store.queries import ChangeLine
from ui.api_upkeep import CLASSES
from ui.markup import tame
from ui.node_views import ChangeView, LogRow
from ui.operations import as_id
from ui.pages.frame import page, space_head
from ui.pages.visit import Book, Visit, space_url
from ui.views import NavItem, PersonRef

PAGE_SIZE = 50
MAX_VALUE_CHARS = 2_000
ID_BYTES = 32


def add_log(book: Book) -> None:
    """Add the public log."""
    book.member("GET", "/log", log)
    book.member("GET", "/log/{change}", change)


def summaries(visit: Visit) -> dict[str, str]:
    """Return what each kind of change does, in words that follow a name."""
    _ = visit.gettext
    return {
        "space.found": _("founded this space"),
        "space.join": _("knocked with an invitation"),
        "member.admit": _("let somebody in"),
        "device.certify": _("added a device of their own"),
        "ticket.withdraw": _("withdrew an invitation"),
        "post.write": _("wrote a post"),
        "post.import": _("brought a post from elsewhere"),
        "post.edit": _("edited a post"),
        "post.retract": _("took a post back"),
        "doc.edit": _("changed a document"),
        "profile.set": _("changed their profile"),
        "profile.seal": _("sealed a part of their profile anew"),
        "consent.ask": _("asked for a consent"),
    }


def labels(visit: Visit) -> dict[str, str]:
    """Return what the fields of changes are called."""
    _ = visit.gettext
    return {
        "text": _("Words"),
        "thread": _("In the thread of"),
        "parent": _("Answers"),
        "media": _("Pictures and files"),
        "published": _("First published"),
        "address": _("First published at"),
        "source": _("Mark of its source"),
        "post": _("About the post"),
        "edits": _("Edits erased with it"),
        "document": _("Document"),
        "edit": _("What was changed"),
        "law_version": _("Version of the rules"),
        "certificate": _("Certificate of the device"),
        "admission": _("Way in"),
        "wraps": _("Keys handed on to"),
        "terms": _("Terms of the invitation"),
        "terms_signature": _("Signature of the terms"),
        "proof": _("Proof of the invitation"),
        "person": _("Person"),
        "join": _("Answers the knock"),
        "ticket": _("Invitation"),
    }


async def log(visit: Visit) -> web.Response:
    """Show a page of the log."""
    space = visit.here
    only_refused = visit.request.query.get("show") == "refused"
    before = _before(visit.request.query.get("before", ""))
    query = queries.refused_changes if only_refused else queries.changes

    def read(db: Any) -> tuple[list[ChangeLine], dict[int, Stored], int]:
        lines = query(db, space.index.no, before, PAGE_SIZE)
        stored = store_log.read_changes(db, space.index, sorted(line.number for line in lines))
        return lines, {one.number: one for one in stored}, queries.count_refused(db, space.index.no)

    lines, stored, refused = await visit.node.database.read(read)
    names = (await visit.pages.roster(space)).names
    rows = tuple(_row(visit, line, stored[line.number], names) for line in lines)
    here = visit.url("/log")
    mark = "&show=refused" if only_refused else ""
    context = {
        "space": await space_head(visit, ""),
        "rows": rows,
        "digest": grouped(space.history.root().hex()),
        "total": space.history.size,
        "refused": refused,
        "only_refused": only_refused,
        "all_url": here,
        "refused_url": f"{here}?show=refused",
        "older_url": f"{here}?before={lines[-1].number}{mark}" if len(lines) == PAGE_SIZE else "",
        "newest_url": f"{here}?{mark.lstrip('&')}" if before is not None else "",
    }
    return await page(visit, "log", "log.html", context)


def _before(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 17 else None


def grouped(digest: str) -> str:
    """Return a digest in groups of four, for eyes and voices."""
    return " ".join(digest[at : at + 4] for at in range(0, len(digest), 4))


def _author(visit: Visit, line: ChangeLine, names: Mapping[bytes, str]) -> PersonRef:
    if line.person is not None and visit.here.law.person_of(line.author) is not None:
        return visit.person(line.person, names)
    return PersonRef(visit.gettext("A newcomer"), to_did(line.person or line.author), "")


def _row(visit: Visit, line: ChangeLine, stored: Stored, names: Mapping[bytes, str]) -> LogRow:
    opened = visit.here.open(stored.change)
    return LogRow(
        id=line.id.hex(),
        time_ms=line.time,
        author=_author(visit, line, names),
        kind=_kind(line, opened),
        summary=_summary(visit, opened, names),
        seq=line.seq,
        size_bytes=stored.change.header.body_size,
        reason=line.reason or "",
        url=visit.url(f"/log/{line.id.hex()}"),
    )


def _kind(line: ChangeLine, opened: Opened) -> str:
    if opened.command is not None:
        return str(opened.command.kind)
    return tame(str(opened.body[0]))[:40] if opened.body else CLASSES[line.klass]


def _summary(visit: Visit, opened: Opened, names: Mapping[bytes, str]) -> str:
    if opened.erased:
        return visit.gettext("wrote something that was taken back since")
    if opened.locked:
        return visit.gettext("said something that this laptop has no key for")
    command = opened.command
    if command is None:
        return visit.gettext("did something that this version of commons does not know")
    if isinstance(command, EditDocument):
        is_page = command.document == page_id()
        return visit.gettext("changed the page") if is_page else visit.gettext("changed their profile")
    if isinstance(command, SetConsent):
        return _consented(visit, command)
    if isinstance(command, AdmitMember) and (let_in := _let_in(visit.here, command.join)):
        return visit.gettext("let %(name)s in") % {"name": visit.person(let_in, names).name}
    if command.kind == "post.write" and command.thread is not None:
        return visit.gettext("answered a post")
    return summaries(visit).get(str(command.kind), str(command.kind))


def _consented(visit: Visit, command: SetConsent) -> str:
    if command.use == CHARTER:
        return visit.gettext("agreed to the rules")
    return visit.gettext("gave a consent") if command.given else visit.gettext("withdrew a consent")


def _let_in(space: Space, knock: bytes) -> bytes | None:
    join = space.law.joins.get(knock)
    person: bytes | None = join.change.command.person if join is not None else None
    return person


# -- one change -------------------------------------------------------------------------------------------------------


async def change(visit: Visit) -> web.Response:
    """Show one change: who signed it, what it says field by field, and whether it has effect."""
    space = visit.here
    try:
        id_ = as_id(visit.request.match_info["change"], "change")
    except Refused as error:
        raise web.HTTPNotFound from error

    def read(db: Any) -> tuple[ChangeLine, Stored] | None:
        line = queries.change_line(db, space.index.no, id_)
        return (line, store_log.read_changes(db, space.index, [line.number])[0]) if line else None

    found = await visit.node.database.read(read)
    if found is None:
        raise web.HTTPNotFound
    line, stored = found
    names = (await visit.pages.roster(space)).names
    opened = space.open(stored.change)
    context = {
        "space": await space_head(visit, ""),
        "change": ChangeView(
            row=_row(visit, line, stored, names),
            klass=CLASSES[line.klass],
            device=to_did(line.author),
            signature=stored.change.signature.hex(),
            before=_links(space, [stored.change.header.prev] if stored.change.header.prev else []),
            rests_on=_links(space, stored.change.header.deps),
            fields=_fields(visit, opened, names),
            post_url=_post_url(visit, line, opened),
            log_url=visit.url("/log"),
        ),
    }
    return await page(visit, "log", "change.html", context)


def _links(space: Space, ids: Sequence[bytes]) -> tuple[NavItem, ...]:
    return tuple(NavItem(id_.hex()[:8], space_url(space, f"/log/{id_.hex()}")) for id_ in ids)


def _post_url(visit: Visit, line: ChangeLine, opened: Opened) -> str:
    kind = opened.command.kind if opened.command is not None else ""
    if kind in ("post.write", "post.import") or (opened.erased and line.klass == CLASSES.index("talk")):
        return visit.url(f"/posts/{line.id.hex()}")
    return visit.url(f"/posts/{opened.command.post.hex()}") if kind in ("post.edit", "post.retract") else ""


def _fields(visit: Visit, opened: Opened, names: Mapping[bytes, str]) -> tuple[tuple[str, str], ...]:
    command = opened.command
    if command is None:
        return ()
    called = labels(visit)
    values = ((called.get(one.name, one.name), getattr(command, one.name)) for one in fields(command))
    return tuple((label, words) for label, value in values if (words := _in_words(visit, value, names)))


def _in_words(visit: Visit, value: Any, names: Mapping[bytes, str]) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return tame(value if len(value) <= MAX_VALUE_CHARS else value[:MAX_VALUE_CHARS] + " …")
    if isinstance(value, bytes):
        if value in names:
            return f"{names[value]} ({to_did(value)})"
        whole = value.hex() if len(value) <= ID_BYTES else value[:ID_BYTES].hex() + " …"
        return visit.gettext("%(hex)s (%(bytes)s bytes)") % {"hex": whole, "bytes": len(value)} if value else ""
    if isinstance(value, list):
        words = visit.ngettext("%(num)s entry", "%(num)s entries", len(value)) % {"num": len(value)}
        return words if value else ""
    return str(value)
