"""A document that many hands edit: the fold of its admitted edits. The only file that imports the engine.

An *edit* is one Automerge change as raw bytes. `Document.admit` takes other people's; `put_fields`, `splice_text`
and `restore` make one's own, which go the same way and count in this object at once. What they return is to be
signed and kept; if it cannot be kept, drop the object and fold the log again.

Every document begins with the same change on every node, computed from its id, which makes its texts. So two people
who write the first words of a page at once write into one text, and neither's words vanish. This first change is
never sent, and never appears among deps, heads or history.

The engine never sees bytes that `guard` has not passed, and is never asked to write: its transactions are slow in
texts with much deleted from them, and crash on some values. Should it still fail, it is thrown away and built again
from the edits admitted before.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from hashlib import blake2b
from typing import Self, TypeVar

from automerge import core

from crdt import chunk
from crdt.columns import read_uleb, write_uleb
from crdt.guard import MAX_FIELD_BYTES, MAX_NAME_BYTES, AdmittedEdit, Guard
from crdt.textdiff import changed_spans
from identity.errors import CommonsError, LocalProtocolError, Malformed, Refused

MAX_TEXT_CHARS = 200_000
MAX_FIELDS = 500
MAX_FIELDS_BYTES = 128 * 1024
_FIRST_ACTOR_CONTEXT = b"commons/doc/1"
# The engine wants an actor; it never commits, so this one is in no edit.
_ENGINE_ACTOR = bytes(chunk.ACTOR_BYTES)
# A version-2 sync message with no heads, needs or bloom filters: the engine's only door for single changes.
_SYNC_MESSAGE = b"\x43\x00\x00\x00\x01"

T = TypeVar("T")


class Document:
    """One document, blank until edits are admitted or made.

    `texts` names its texts and belongs to the kind of document: all nodes must give the same. `actor` is this
    device's public key, or None for a reader, who never commits.
    """

    def __init__(self, document_id: bytes, texts: Sequence[str] = ("body",), actor: bytes | None = None) -> None:
        self.document_id = document_id
        self.texts = tuple(sorted(set(texts)))
        self.actor = actor
        first = _first_change(document_id, self.texts)
        self._guard = Guard(chunk.decode(first) if first else None)
        self._log = [first] if first else []
        self._engine = _Engine(self._log)

    def fold(self, raws: Iterable[bytes]) -> Self:
        """Return a fresh document of the same id, texts and actor that holds just these edits.

        They may repeat, and must come in causal order; whose they are was judged before.

        Raises:
            Malformed: at the first that is not admissible.
        """
        document = type(self)(self.document_id, self.texts, self.actor)
        document._fold(raws)
        return document

    def _fold(self, raws: Iterable[bytes]) -> None:
        for raw in raws:
            draft = self._guard.check(raw, chunk.decode_header(raw)[1].actor)
            if draft:
                self._guard.admit(draft)
                self._log.append(raw)
        self._engine.build(self._guard.heads)

    # Other people's edits

    def missing(self, raw: bytes) -> list[bytes]:
        """Return the hashes of edits that this one builds on and that are not here.

        Raises:
            Malformed: if its header cannot be read.
        """
        return self._guard.missing(raw)

    def admit(self, raw: bytes, author: bytes) -> AdmittedEdit | None:
        """Take in one edit of a device; None if it is here already.

        Raises:
            Malformed: if it is no edit of this author, breaks a rule of `guard`, or the engine does not take it.
        """
        draft = self._guard.check(raw, author)
        if draft is None:
            return None
        self._engine.apply(raw, draft.chunk.hash)
        self._log.append(raw)
        return self._guard.admit(draft)

    # One's own edits

    def put_fields(self, fields: Mapping[str, str | None]) -> bytes | None:
        """Set fields, or clear those given as None; None if all of them stand like this, undisputed.

        Raises:
            Refused: if a name or a value is too long, or is not text.
        """
        _check_fields(fields, self.texts)
        changed = {name: value for name, value in fields.items() if self._guard.values(name) != _as_list(value)}
        if not changed:
            return None
        ops = []
        for name, value in sorted(changed.items()):
            action = chunk.DELETE if value is None else chunk.SET
            ops.append(chunk.Op(action, None, name, False, value, self._guard.standing(name)))
        return self._commit(ops)

    def splice_text(self, field: str, text: str) -> list[bytes]:
        """Make a text read like this, by as few characters as can be; several edits if they are many.

        Line ends become LF.

        Raises:
            Refused: if it is too long, or not text.
        """
        text = text.replace("\r\n", "\n")
        if len(text) > MAX_TEXT_CHARS:
            raise Refused(f"a text holds at most {MAX_TEXT_CHARS} characters; this one has {len(text)}")
        _check_encodable(text)
        ops = self._text_ops(field, text)
        return [self._commit(ops[at : at + chunk.MAX_OPS]) for at in range(0, len(ops), chunk.MAX_OPS)]

    def restore(self, version: bytes) -> list[bytes]:
        """Bring fields and texts back to what they were right after an edit, by new edits.

        Raises:
            Refused: if that edit is not here.
        """
        past = self.read_at(version)
        fields = {name: past.get(name) for name in {*self.read(), *past} if name not in self.texts}
        made = [self.put_fields(batch) for batch in _batches(fields)]
        edits = [edit for edit in made if edit]
        for name in self.texts:
            edits += self.splice_text(name, past[name])
        return edits

    def _text_ops(self, field: str, new: str) -> list[chunk.Op]:
        """Return what turns a text into a new one, to be numbered on without a gap."""
        old, text = self.text(field), self._guard.text_id(field)
        header = self._header()
        ops: list[chunk.Op] = []
        for span in changed_spans(old, new):
            before, *gone = self._engine.characters(field, range(span.start - 1, span.end))
            for character in new[span.new_start : span.new_end]:
                ops.append(chunk.Op(chunk.SET, text, before, True, character, ()))
                before = (header.start_op + len(ops) - 1, header.actor)
            ops += [chunk.Op(chunk.DELETE, text, character, False, None, (character,)) for character in gone]
        return ops

    def _header(self) -> chunk.Header:
        if self.actor is None:
            raise LocalProtocolError("a reader's document was edited")
        return self._guard.next_header(self.actor)

    def _commit(self, ops: Sequence[chunk.Op]) -> bytes:
        header = self._header()
        raw = chunk.encode(header, ops)
        try:
            self.admit(raw, header.actor)
        except Malformed as error:
            raise LocalProtocolError(f"an edit of this device breaks the rules: {error}") from error
        return raw

    # Reading

    def read(self) -> dict[str, str]:
        """Return every field and every text as they stand; of a disputed field the value that all nodes show."""
        return self._read(None)

    def read_at(self, *heads: bytes) -> dict[str, str]:
        """Return what the document was right after these edits and all they build on; blank for none.

        Raises:
            Refused: if one of them is not here.
        """
        return self._read(self._engine_heads(heads))

    def text(self, field: str) -> str:
        """Return a text as it stands."""
        return self._text(field, None)

    def text_at(self, field: str, *heads: bytes) -> str:
        """Return a text as it was right after these edits and all they build on.

        Raises:
            Refused: if one of them is not here.
        """
        return self._text(field, self._engine_heads(heads))

    def conflicts(self, field: str) -> list[str]:
        """Return the different values people set at once, the shown one first; empty if there is no dispute."""
        values = self._guard.values(field)
        return values if len(values) > 1 else []

    def heads(self) -> list[bytes]:
        """Return the hashes of the edits that no other builds on, sorted; empty while blank."""
        return sorted(self._guard.heads & self._guard.edits.keys())

    def history(self) -> list[AdmittedEdit]:
        """Return all edits, each after those it builds on, in the same order on every node."""
        return sorted(self._guard.edits.values(), key=lambda edit: (edit.order, edit.hash))

    def raws(self) -> list[bytes]:
        """Return all edits as admitted, in causal order: what `fold` takes."""
        return self._log[1:] if self.texts else list(self._log)

    def _read(self, heads: list[bytes] | None) -> dict[str, str]:
        fields = self._engine.fields(heads)
        return fields | {name: self._engine.text(name, heads) for name in self.texts}

    def _text(self, field: str, heads: list[bytes] | None) -> str:
        if field not in self.texts:
            raise Refused(f"this document has no text named {field}")
        return self._engine.text(field, heads)

    def _engine_heads(self, heads: Sequence[bytes]) -> list[bytes]:
        if any(head not in self._guard.edits for head in heads):
            raise Refused("that version is not on this device")
        root = self._guard.first
        return list(heads) or ([root.hash] if root else [])


class _Engine:
    """Automerge behind a small interface; when anything goes wrong in it, it is built again from the log."""

    def __init__(self, log: list[bytes]) -> None:
        self._log = log
        self.build()

    def build(self, heads: Set[bytes] | None = None) -> None:
        """Start afresh from the log, which only ever holds what the guard has passed.

        Raises:
            Malformed: if it does not come out at the heads that are given.
        """
        self._document = core.Document(_ENGINE_ACTOR)
        self._text_ids: dict[str, bytes] = {}
        if not self._log:
            return
        try:
            self._receive(b"".join(self._log))
        except BaseException as error:
            _reraise_if_ours(error)
            raise Malformed("the engine does not take these edits") from error
        if heads is not None and set(self._document.get_heads()) != heads:
            raise Malformed("the engine does not take these edits")

    def apply(self, raw: bytes, digest: bytes) -> None:
        """Apply one change, or raise Malformed and be as before."""
        refusal = Malformed("the engine does not take this edit")
        self._run(lambda: self._receive(raw), refusal)
        if digest not in self._document.get_heads():
            # It fails silently, and may hold back what it did not apply.
            self.build()
            raise refusal

    def heads(self) -> set[bytes]:
        """Return the hashes of the changes that no other builds on."""
        return set(self._document.get_heads())

    def text_id(self, name: str) -> bytes:
        """Return the engine's name for a text that the document's first change made."""
        if name not in self._text_ids:
            self._text_ids[name] = self._document.get(core.ROOT, name)[1]
        return self._text_ids[name]

    def text(self, name: str, heads: list[bytes] | None) -> str:
        """Return a text, now or at some heads."""
        text_id = self.text_id(name)
        return self._read(lambda: str(self._document.text(text_id, heads)))

    def characters(self, name: str, positions: Iterable[int]) -> list[chunk.OpId]:
        """Return which operations inserted the characters at some positions; HEAD for -1."""
        return self._read(lambda: [self._character(name, at) for at in positions])

    def fields(self, heads: list[bytes] | None) -> dict[str, str]:
        """Return the map's strings by name, now or at some heads."""
        return self._read(lambda: dict(self._strings(heads)))

    def _strings(self, heads: list[bytes] | None) -> Iterator[tuple[str, str]]:
        for name in self._document.keys(core.ROOT, heads):
            value = self._document.get(core.ROOT, name, heads)[0]
            # A scalar is a pair of type and value; an object, here a text, is its type alone.
            if isinstance(value, tuple):
                yield name, value[1]

    def _character(self, name: str, at: int) -> chunk.OpId:
        if at < 0:
            return chunk.HEAD
        # The engine's object ids: a version byte, the actor with its length, a hint, the counter.
        name_in_engine: bytes = self._document.get(self.text_id(name), at)[1]
        end = 2 + chunk.ACTOR_BYTES
        _, at = read_uleb(name_in_engine, end)
        return read_uleb(name_in_engine, at)[0], name_in_engine[2:end]

    def _receive(self, raw: bytes) -> None:
        message = _SYNC_MESSAGE + write_uleb(len(raw)) + raw
        self._document.receive_sync_message(core.SyncState(), core.Message.decode(message))

    def _read(self, call: Callable[[], T]) -> T:
        return self._run(call, LocalProtocolError("the engine failed at reading a document"))

    def _run(self, call: Callable[[], T], failure: CommonsError) -> T:
        try:
            return call()
        except BaseException as error:
            # A panic is a BaseException and poisons the document.
            self.build()
            _reraise_if_ours(error)
            raise failure from error


def _reraise_if_ours(error: BaseException) -> None:
    """Let through what is not the engine's doing."""
    if isinstance(error, (KeyboardInterrupt, SystemExit, MemoryError)):
        raise error


def _first_change(document_id: bytes, texts: Sequence[str]) -> bytes | None:
    """Return the change that makes a document's texts: the same bytes on every node."""
    if not texts:
        return None
    actor = blake2b(document_id, person=_FIRST_ACTOR_CONTEXT, digest_size=chunk.ACTOR_BYTES).digest()
    ops = [chunk.Op(chunk.MAKE_TEXT, None, name, False, None, ()) for name in texts]
    return chunk.encode(chunk.Header(actor, 1, 1, ()), ops)


def _check_fields(fields: Mapping[str, str | None], texts: Sequence[str]) -> None:
    for name, value in fields.items():
        _check_encodable(name + (value or ""))
        if not 0 < len(name.encode()) <= MAX_NAME_BYTES or name in texts:
            raise Refused(f"no field can be named {name[:40]!r}")
        if len((value or "").encode()) > MAX_FIELD_BYTES:
            raise Refused(f"{name} is too long: at most {MAX_FIELD_BYTES} bytes")
    if len(fields) > MAX_FIELDS or _size_bytes(fields) > MAX_FIELDS_BYTES:
        raise Refused("this is too much to change at once")


def _size_bytes(fields: Mapping[str, str | None]) -> int:
    return sum(len(value.encode()) for value in fields.values() if value)


def _batches(fields: Mapping[str, str | None]) -> Iterator[dict[str, str | None]]:
    """Share fields out to as few edits as hold them, in order of their names."""
    batch: dict[str, str | None] = {}
    for name in sorted(fields):
        if len(batch) == MAX_FIELDS or _size_bytes(batch) > MAX_FIELDS_BYTES - MAX_FIELD_BYTES:
            yield batch
            batch = {}
        batch[name] = fields[name]
    yield batch


def _check_encodable(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Refused("this text holds half of a character; please type it again") from error


def _as_list(value: str | None) -> list[str]:
    return [] if value is None else [value]
