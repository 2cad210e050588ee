"""Shared documents: a space's page, edited by many hands.

An edit carries one Automerge change; the document is the fold of its admissible edits. The page is edited by every
member. A document's id says which it is, so no change has to create it, and two people who begin at once begin the
same one. Profiles were documents once (`profile_id`); what they said is said as fields now.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, ClassVar, NamedTuple

from crdt.change import EDIT
from crdt.document import Document
from identity.errors import Malformed
from node.domain.area import Fact, register, well_formed

DOCUMENT_ID_BYTES = 32
MAX_EDIT_BYTES = 200 * 1024
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
    """The row of a document; `number` is the latest edit's."""

    space: int
    id: bytes
    title: str
    body: str
    number: int
    edits: int
    time: int


def profile_id(person: bytes) -> bytes:
    """Return the id that a person's profile had while profiles were documents."""
    return blake2b(person, person=b"commons/profile", digest_size=DOCUMENT_ID_BYTES).digest()


def page_id() -> bytes:
    """Return the id of a space's page."""
    return blake2b(b"", person=b"commons/page", digest_size=DOCUMENT_ID_BYTES).digest()


def blank(document: bytes, actor: bytes | None = None) -> Document:
    """Return a document nobody has edited; with an `actor`, a device's key, it can be edited here."""
    return Document(document, PAGE_TEXTS if document == page_id() else (), actor)


def may_edit(fact: Fact) -> bool:
    """Everybody edits the page; what a profile once was, only its own person."""
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
    """Fold all edits of a page into its row; None while none is admissible."""
    edits = [fact for fact in facts if isinstance(fact.command, EditDocument)]
    if not edits or edits[0].command.document != page_id():
        return None
    document = blank(edits[0].command.document)
    brought = fold_edits(document, edits)
    return row_of(document, edits[0].command.document, list(brought.values()))


def row_of(document: Document, id_: bytes, facts: Sequence[Fact]) -> DocumentRow | None:
    """Return a document's row."""
    if not facts:
        return None
    last = max(facts, key=lambda fact: (fact.depth, fact.id))
    title = str(document.read().get("title") or "")
    return DocumentRow(last.space, id_, title, document.text("body"), last.number, len(facts), last.time)


def _document(command: Any) -> bytes | None:
    return command.document  # type: ignore[no-any-return]


register(EditDocument, ((bytes,), (bytes,)), _document, fold_document)
