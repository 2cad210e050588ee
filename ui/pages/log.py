"""The public log: every change that this laptop holds, refused ones with their reason, each with its own address."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, NamedTuple
from urllib.parse import urlencode

from aiohttp import web

from identity.errors import CommonsError, Refused
from identity.keys import from_did, to_did
from node.domain.law.decisions import Propose
from node.ingest.spaces import Opened, Space
from node.store import log as store_log
from node.store import queries
from node.store.log import Stored
from node.store.queries import ChangeLine
from ui.api_upkeep import CLASSES
from ui.law_words import change_words
from ui.markup import tame
from ui.node_views import ChangeView, LogRow
from ui.operations import as_id
from ui.pages.frame import page, space_head
from ui.pages.log_words import GROUPS, groups, labels, proposal_of, summary
from ui.pages.telling import telling_with
from ui.pages.visit import Book, Visit, space_url
from ui.views import FormView, NavItem, PersonRef

PAGE_SIZE = 50
SCAN_SIZE = 250
MAX_SCANNED = 2_000
MAX_WORDS_CHARS = 200
MAX_VALUE_CHARS = 2_000
ID_BYTES = 32


def add_log(book: Book) -> None:
    """Add the public log."""
    book.member("GET", "/log", log)
    book.member("GET", "/log/{change}", change)


class Wish(NamedTuple):
    """What of the log is wanted: refused changes only, one group of kinds, one person's, with these words in them."""

    only_refused: bool
    group: str
    person: bytes | None
    words: str

    @property
    def is_narrow(self) -> bool:
        """Whether lines have to be looked at one by one."""
        return bool(self.group or self.words or self.person)

    def asked(self) -> dict[str, str]:
        """Return it as the fields of the form that asks for it."""
        return {"kind": self.group, "who": to_did(self.person) if self.person else "", "q": self.words}

    def address(self, here: str, **more: str) -> str:
        """Return the address of the log as it is wanted, or a part of it."""
        show = "refused" if self.only_refused else ""
        given = {name: value for name, value in {"show": show, **self.asked(), **more}.items() if value}
        return f"{here}?{urlencode(given)}" if given else here


def _wish(visit: Visit) -> Wish:
    query = visit.request.query
    try:
        person = from_did(query.get("who", "")) if query.get("who") else None
    except CommonsError:
        person = None
    group = query.get("kind", "")
    words = " ".join(query.get("q", "").split())[:MAX_WORDS_CHARS]
    return Wish(query.get("show") == "refused", group if group in GROUPS else "", person, words)


async def log(visit: Visit) -> web.Response:
    """Show a page of the log, narrowed down to what is wanted."""
    space, wish = visit.here, _wish(visit)
    before = _before(visit.request.query.get("before", ""))
    names = (await visit.pages.roster(space)).names
    rows, last = await _rows(visit, wish, before, names)
    refused = await visit.node.database.read(lambda db: queries.count_refused(db, space.index.no))
    here = visit.url("/log")
    context = {
        "space": await space_head(visit, ""),
        "rows": rows,
        "digest": grouped(space.history.root().hex()),
        "total": space.history.size,
        "refused": refused,
        "only_refused": wish.only_refused,
        "is_narrow": wish.is_narrow,
        "all_url": here,
        "refused_url": f"{here}?show=refused",
        "older_url": wish.address(here, before=str(last)) if last is not None else "",
        "newest_url": wish.address(here) if before is not None else "",
        "form": FormView(
            here, {"q": wish.words, "kind": wish.group, "who": to_did(wish.person) if wish.person else ""}
        ),
        "groups": tuple(groups(visit).items()),
        "people": _people(visit, names),
    }
    return await page(visit, "log", "log.html", context)


def _people(visit: Visit, names: Mapping[bytes, str]) -> tuple[tuple[str, str], ...]:
    people = ((to_did(person), visit.person(person, names).name) for person in visit.here.law.members())
    return tuple(sorted(people, key=lambda one: one[1].casefold()))


async def _rows(
    visit: Visit, wish: Wish, before: int | None, names: Mapping[bytes, str]
) -> tuple[tuple[LogRow, ...], int | None]:
    """Return the newest lines that are wanted, and the number behind which older ones may lie.

    A narrow wish is looked for among so many lines at most: what lies further back is on the next page.
    """
    rows: list[LogRow] = []
    for _chunk in range(MAX_SCANNED // SCAN_SIZE if wish.is_narrow else 1):
        size = SCAN_SIZE if wish.is_narrow else PAGE_SIZE
        lines, stored = await _read(visit, wish, before, size)
        for line in lines:
            before = line.number
            if line.number in stored:
                row = _row(visit, line, stored[line.number], names)
                rows += [row] if _wanted(row, wish) else []
            if len(rows) == PAGE_SIZE:
                return tuple(rows), before
        if len(lines) < size:
            return tuple(rows), None
    return tuple(rows), before


async def _read(visit: Visit, wish: Wish, before: int | None, size: int) -> tuple[list[ChangeLine], dict[int, Stored]]:
    """Return lines of the log, with the changes of those that may be wanted."""
    space = visit.here
    query = queries.refused_changes if wish.only_refused else queries.changes

    def read(db: Any) -> tuple[list[ChangeLine], dict[int, Stored]]:
        lines = query(db, space.index.no, before, size)
        numbers = sorted(line.number for line in lines if wish.person in (None, line.person))
        return lines, {one.number: one for one in store_log.read_changes(db, space.index, numbers)}

    return await visit.node.database.read(read)


def _wanted(row: LogRow, wish: Wish) -> bool:
    if wish.group and not row.kind.startswith(GROUPS[wish.group]):
        return False
    said = f"{row.author.name} {row.summary} {row.reason} {row.id}".casefold()
    return all(word in said for word in wish.words.casefold().split())


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
        summary=summary(visit, opened, names),
        seq=line.seq,
        size_bytes=stored.change.header.body_size,
        reason=line.reason or "",
        url=visit.url(f"/log/{line.id.hex()}"),
    )


def _kind(line: ChangeLine, opened: Opened) -> str:
    if opened.command is not None:
        return str(opened.command.kind)
    return tame(str(opened.body[0]))[:40] if opened.body else CLASSES[line.klass]


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
            decision_url=_decision_url(visit, line, opened),
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


def _decision_url(visit: Visit, line: ChangeLine, opened: Opened) -> str:
    """Return the page of the decision that a change is part of."""
    if opened.command is None or not str(opened.command.kind).startswith(GROUPS["deciding"]):
        return ""
    id_ = line.id if line.id in visit.here.law.proposals else proposal_of(visit.here, opened.command)
    return visit.url(f"/decisions/{id_.hex()}") if id_ in visit.here.law.proposals and id_ else ""


def _fields(visit: Visit, opened: Opened, names: Mapping[bytes, str]) -> tuple[tuple[str, str], ...]:
    command = opened.command
    if command is None:
        return ()
    called = labels(visit)
    values = [(called.get(one.name, one.name), getattr(command, one.name)) for one in fields(command)]
    if isinstance(command, Propose):
        said = change_words(telling_with(visit, names), command.effects)
        values = [(label, said if value is command.effects else value) for label, value in values]
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
