"""Shared documents: a person's profile and a space's page, edited by many hands.

An edit carries one Automerge change; the document is the fold of its admissible edits. A profile is edited only by
its own person, on any of their devices; the page by every member. A document's id says which it is, so no change has
to create it, and two people who begin at once begin the same one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, ClassVar, NamedTuple

from crdt.change import EDIT
from crdt.document import Document
from identity.errors import Malformed
from node.domain.area import Fact, register, require, well_formed

DOCUMENT_ID_BYTES = 32
MAX_EDIT_BYTES = 200 * 1024
MAX_NAME_CHARS = 60
PROFILE_FIELDS = ("name", "pronouns", "about", "contact")
PAGE_TEXTS = ("body",)


@dataclass(frozen=True, slots=True)
class EditDocument:
    """Change a shared document by one Automerge change."""

    document: bytes
    edit: bytes
    kind: ClassVar[str] = "doc.edit"
    klass: ClassVar[int] = EDIT

    def check(self) -> None:
        """Raise Malformed unless it names a document and the edit is small enough; the guard looks inside."""
        well_formed(len(self.document) == DOCUMENT_ID_BYTES, "an edit names no document")
        well_formed(0 < len(self.edit) <= MAX_EDIT_BYTES, "an edit is empty, or too large")


class DocumentRow(NamedTuple):
    """The row of a document. `owner` is the person of a profile, empty for a page; `number` the latest edit's."""

    space: int
    id: bytes
    owner: bytes
    title: str
    body: str
    number: int
    edits: int
    time: int


def profile_id(person: bytes) -> bytes:
    """Return the id of a person's profile."""
    return blake2b(person, person=b"commons/profile", digest_size=DOCUMENT_ID_BYTES).digest()


def page_id() -> bytes:
    """Return the id of a space's page."""
    return blake2b(b"", person=b"commons/page", digest_size=DOCUMENT_ID_BYTES).digest()


def blank(document: bytes, actor: bytes | None = None) -> Document:
    """Return a document nobody has edited; with an `actor`, a device's key, it can be edited here."""
    return Document(document, PAGE_TEXTS if document == page_id() else (), actor)


def may_edit(fact: Fact) -> bool:
    """Everybody edits the page; a profile only its own person."""
    return fact.command.document in (page_id(), profile_id(fact.person))


def fold_edits(document: Document, facts: Iterable[Fact]) -> dict[bytes, Fact]:
    """Admit every admissible edit, in whatever order they come; returns which fact brought which, by hash."""
    waiting = sorted((fact for fact in facts if may_edit(fact)), key=lambda fact: (fact.depth, fact.id))
    brought: dict[bytes, Fact] = {}
    while waiting:
        later = []
        for fact in waiting:
            try:
                if document.missing(fact.command.edit):
                    later.append(fact)
                    continue
                admitted = document.admit(fact.command.edit, fact.author)
            except Malformed:
                continue
            if admitted is not None:
                brought[admitted.hash] = fact
        if len(later) == len(waiting):
            break
        waiting = later
    return brought


def fold_document(facts: Sequence[Fact]) -> DocumentRow | None:
    """Fold all edits of a document into its row; None while none is admissible."""
    edits = [fact for fact in facts if isinstance(fact.command, EditDocument)]
    document = blank(edits[0].command.document)
    brought = fold_edits(document, edits)
    return row_of(document, edits[0].command.document, list(brought.values()))


def row_of(document: Document, id_: bytes, facts: Sequence[Fact]) -> DocumentRow | None:
    """Return a document's row."""
    if not facts:
        return None
    last = max(facts, key=lambda fact: (fact.depth, fact.id))
    fields = document.read()
    is_page = id_ == page_id()
    title = str(fields.get("title" if is_page else "name") or "")
    body = document.text("body") if is_page else str(fields.get("about") or "")
    return DocumentRow(
        last.space, id_, b"" if is_page else last.person, title, body, last.number, len(facts), last.time
    )


def allow_profile(fields: dict[str, str]) -> None:
    """A profile has a name of one line."""
    name = fields.get("name", "")
    require(name.strip(), "Please say what people may call you.")
    require(len(name) <= MAX_NAME_CHARS, f"A name can hold {MAX_NAME_CHARS} characters; this has {len(name)}.")
    require("\n" not in name, "A name is one line.")
    require(set(fields) <= set(PROFILE_FIELDS), "A profile has no such field.")


def _document(command: Any) -> bytes | None:
    return command.document  # type: ignore[no-any-return]


register(EditDocument, ((bytes,), (bytes,)), _document, fold_document)
