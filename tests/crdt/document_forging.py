"""Two people's edits of one page, and the means to forge edits byte by byte; used by several tests."""

import pytest

from crdt import chunk
from crdt.chunk import HEAD, SET, Header, Op
from crdt.columns import read_uleb, write_uleb
from crdt.document import Document
from identity.errors import Malformed

ANN, BEN, EVE = b"\xaa" * 32, b"\xbb" * 32, b"\xee" * 32
PAGE = b"page of the garden"
TEXTS = ("body", "notes")


def page(actor: bytes | None = None) -> Document:
    return Document(PAGE, TEXTS, actor)


def exchange(*documents: Document) -> None:
    """Give every document what the others have."""
    for document in documents:
        for other in documents:
            for raw in other.raws():
                document.admit(raw, actor_of(raw))


def actor_of(raw: bytes) -> bytes:
    return chunk.decode_header(raw)[1].actor


def first_hash(document: Document) -> bytes:
    """Return the hash of the change that every document of this id begins with."""
    writer = Document(document.document_id, document.texts, EVE)
    raw = writer.put_fields({"any": "thing"})
    assert raw is not None
    return chunk.decode_header(raw)[1].deps[0]


def a_shared_past() -> list[bytes]:
    """Return edits with everything in them: typing, deleting, fields set at once, chosen, cleared, a restore."""
    ann, ben = page(ANN), page(BEN)
    ann.splice_text("body", "Seeds on Monday.\nTools on Friday.\n")
    ben.splice_text("notes", "naïve 😀 notes")
    for turn in range(5):
        ann.put_fields({"title": f"Ann {turn}", "about": "x" * turn or None})
        ben.put_fields({"title": f"Ben {turn}", "lang": "de"})
        ann.splice_text("body", ann.text("body").replace("Monday", f"day {turn}"))
        exchange(ann, ben)
        ben.splice_text("body", ben.text("body")[4:] + f"Line {turn}\n")
        ann.put_fields({"lang": None, "title": "both"})
        ann.splice_text("notes", ann.text("notes") + "!" * 20)
    exchange(ann, ben)
    ann.restore(ann.history()[3].hash)
    exchange(ben, ann)
    return ben.raws()


def dissect(raw: bytes) -> tuple[bytes, dict[int, bytes]]:
    """Split a chunk into its header's bytes and its columns."""
    body = chunk.unwrap(raw)[1]
    header, others, _ = chunk._read_header(body)
    start = len(chunk._write_header(header, others))
    count, at = read_uleb(body, start)
    sizes = []
    for _ in range(count):
        column, at = read_uleb(body, at)
        size, at = read_uleb(body, at)
        sizes.append((column, size))
    columns = {}
    for column, size in sizes:
        columns[column] = body[at : at + size]
        at += size
    return body[:start], columns


def assemble(header: bytes, columns: dict[int, bytes]) -> bytes:
    """Put a chunk together again, with a checksum that fits, whatever it holds."""
    meta = b"".join(write_uleb(column) + write_uleb(len(data)) for column, data in columns.items())
    return chunk.wrap(header + write_uleb(len(columns)) + meta + b"".join(columns.values()))


def forge(raw: bytes, **header: object) -> bytes:
    """Rewrite a change with other header fields, or other operations as `ops`."""
    read = chunk.decode(raw)
    ops = header.pop("ops", read.ops)
    return chunk.encode(read.header._replace(**header), ops)  # type: ignore[arg-type]


def typed(text: str = "hello") -> bytes:
    return page(ANN).splice_text("body", text)[0]


def titled(actor: bytes = ANN, **fields: str | None) -> bytes:
    return page(actor).put_fields(fields or {"title": "Garden"})


def an_edit(*ops: Op, start_op: int = 3, seq: int = 1) -> bytes:
    """Return Ann's change of these operations on the blank page, perfectly spelled."""
    return chunk.encode(Header(ANN, seq, start_op, (first_hash(page()),)), ops)


FIRST_BODY = (1, chunk.decode(page(ANN).splice_text("body", "x")[0]).ops[0].object[1])
FIRST_NOTES = (2, FIRST_BODY[1])


def put(name: str = "title", value: str | None = "x", **other: object) -> Op:
    return Op(SET, None, name, False, value, ())._replace(**other)


def letter(value: str = "x", **other: object) -> Op:
    return Op(SET, FIRST_BODY, HEAD, True, value, ())._replace(**other)


def refused(raw: bytes, author: bytes = ANN, past: Document | None = None) -> str:
    """Return why a document refuses an edit, having seen that nothing of it stays."""
    document = past or page()
    before = document.read(), document.heads()
    with pytest.raises(Malformed) as refusal:
        document.admit(raw, author)
    assert (document.read(), document.heads()) == before
    return str(refusal.value)
