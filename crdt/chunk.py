"""The bytes of one Automerge change, read and written in pure Python.

Only what the commons' documents use exists here: a flat map of strings, and texts whose elements are single
characters. Everything else (counters, lists, nested maps, marks, times, messages, unknown columns,
compression) is refused while reading, so that the engine never meets it. After reading, the change is written
again and must give the same bytes: each change has one spelling only, and every number, run and order is
checked by that.

Format: Automerge binary format, chunk type 1 (https://automerge.org/automerge-binary-format-spec).
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

from crdt.columns import (
    read_deltas,
    read_flags,
    read_runs,
    read_text,
    read_uleb,
    utf8,
    write_deltas,
    write_flags,
    write_runs,
    write_text,
    write_uleb,
)
from identity.errors import Malformed

MAX_CHUNK_BYTES = 256 * 1024
MAX_OPS = 2_000
MAX_PREDECESSORS = 2 * MAX_OPS
MAX_DEPS = 1_024
MAX_ACTORS = 1_024
MAX_COUNTER = 2**31 - 1
ACTOR_BYTES = 32
HASH_BYTES = 32

SET, DELETE, MAKE_TEXT = 1, 3, 4
_ACTIONS = (SET, DELETE, MAKE_TEXT)

OpId = tuple[int, bytes]
"""A counter from 1, and the actor whose operation it is; tuples order as Automerge orders them."""

HEAD: OpId = (0, b"")
"""Stands for "before the first character" where an element is named."""

_MAGIC = bytes.fromhex("856f4a83")
_TYPE_NULL, _TYPE_STRING = 0, 6
_OBJECT_ACTOR, _OBJECT_COUNTER, _KEY_ACTOR, _KEY_COUNTER, _KEY_STRING = 1, 2, 17, 19, 21
_INSERT, _ACTION, _VALUE_META, _VALUE = 52, 66, 86, 87
_PRED_COUNT, _PRED_ACTOR, _PRED_COUNTER = 112, 113, 115
_COLUMNS = frozenset((1, 2, 17, 19, 21, 52, 66, 86, 87, 112, 113, 115))


class Op(NamedTuple):
    """One operation. In the map `object` is None and `key` a name; in a text both are operation ids."""

    action: int
    object: OpId | None
    key: str | OpId
    insert: bool
    value: str | None
    preds: tuple[OpId, ...]


class Header(NamedTuple):
    """Where a change stands: `start_op` is the counter of its first operation, `deps` are hashes."""

    actor: bytes
    seq: int
    start_op: int
    deps: tuple[bytes, ...]


class Chunk(NamedTuple):
    """A change that was read whole: its SHA-256 hash, its header, its operations in order."""

    hash: bytes
    header: Header
    ops: tuple[Op, ...]


def encode(header: Header, ops: Sequence[Op]) -> bytes:
    """Write a change as its one canonical chunk."""
    named = {reference[1] for op in ops for reference in _references(op)}
    actors = [header.actor, *sorted(named - {header.actor})]
    columns = _write_columns(ops, {actor: index for index, actor in enumerate(actors)})
    body = b"".join(
        (
            _write_header(header, actors[1:]),
            write_uleb(len(columns)),
            *(write_uleb(column) + write_uleb(len(data)) for column, data in columns),
            *(data for _, data in columns),
        )
    )
    return wrap(body)


def wrap(body: bytes) -> bytes:
    """Put magic, checksum, type 1 and length before a body."""
    inner = b"\x01" + write_uleb(len(body)) + body
    return _MAGIC + sha256(inner).digest()[:4] + inner


def unwrap(raw: bytes) -> tuple[bytes, bytes]:
    """Return the 32-byte hash and the body of a chunk.

    Raises:
        Malformed: if it is too large, not exactly one chunk of type 1, or its checksum does not fit.
    """
    if len(raw) > MAX_CHUNK_BYTES:
        raise Malformed(f"an edit has {len(raw)} bytes; at most {MAX_CHUNK_BYTES} are taken")
    if raw[:4] != _MAGIC or raw[8:9] != b"\x01":
        raise Malformed("this is not an uncompressed Automerge change")
    length, start = read_uleb(raw, 9)
    if start + length != len(raw):
        raise Malformed("an edit's length is not what it says")
    digest = sha256(raw[8:]).digest()
    if digest[:4] != raw[4:8]:
        raise Malformed("an edit's checksum does not fit")
    return digest, raw[start:]


def decode_header(raw: bytes) -> tuple[bytes, Header]:
    """Return the hash and the header of a chunk, without reading its operations.

    Raises:
        Malformed: as `unwrap`, or if the header is not well formed.
    """
    digest, body = unwrap(raw)
    return digest, _read_header(body)[0]


def decode(raw: bytes) -> Chunk:
    """Read one chunk whole. Work and memory are bounded by the limits above, whatever the bytes say.

    Raises:
        Malformed: if it is not the canonical spelling of a change of this module's kinds.
    """
    digest, body = unwrap(raw)
    header, others, at = _read_header(body)
    ops = _read_ops(_split_columns(body, at), [header.actor, *others])
    if encode(header, ops) != raw:
        raise Malformed("an edit is not spelled in the one canonical way")
    return Chunk(digest, header, ops)


# Header


def _write_header(header: Header, others: Sequence[bytes]) -> bytes:
    deps = sorted(set(header.deps))
    parts = [write_uleb(len(deps)), *deps, write_uleb(len(header.actor)), header.actor]
    # The two zeros: no time, no message.
    parts += [write_uleb(header.seq), write_uleb(header.start_op), b"\x00\x00", write_uleb(len(others))]
    for other in others:
        parts += [write_uleb(len(other)), other]
    return b"".join(parts)


def _read_header(body: bytes) -> tuple[Header, list[bytes], int]:
    count, at = read_uleb(body, 0)
    if count > MAX_DEPS or at + count * HASH_BYTES > len(body):
        raise Malformed("an edit names too many parents")
    deps = tuple(body[i : i + HASH_BYTES] for i in range(at, at + count * HASH_BYTES, HASH_BYTES))
    actor, at = _read_actor(body, at + count * HASH_BYTES)
    seq, at = read_uleb(body, at)
    start_op, at = read_uleb(body, at)
    if not (0 < seq <= MAX_COUNTER and 0 < start_op <= MAX_COUNTER - MAX_OPS):
        raise Malformed("an edit's counters are out of range")
    if body[at : at + 2] != b"\x00\x00":
        raise Malformed("an edit carries a time or a message of its own")
    count, at = read_uleb(body, at + 2)
    if count > MAX_ACTORS:
        raise Malformed("an edit names too many actors")
    others = []
    for _ in range(count):
        other, at = _read_actor(body, at)
        others.append(other)
    return Header(actor, seq, start_op, deps), others, at


def _read_actor(body: bytes, at: int) -> tuple[bytes, int]:
    length, at = read_uleb(body, at)
    if length != ACTOR_BYTES or at + length > len(body):
        raise Malformed("an edit's actor is not a device key")
    return body[at : at + length], at + length


# Columns, written


def _references(op: Op) -> Iterable[OpId]:
    if op.object is not None:
        yield op.object
    if isinstance(op.key, tuple) and op.key != HEAD:
        yield op.key
    yield from op.preds


def _write_columns(ops: Sequence[Op], index: dict[bytes, int]) -> list[tuple[int, bytes]]:
    elements = [op.key if isinstance(op.key, tuple) else None for op in ops]
    values = [None if op.value is None else op.value.encode() for op in ops]
    named = [None if key == HEAD else key for key in elements]
    before = [op.preds if len(op.preds) < 2 else sorted(set(op.preds)) for op in ops]
    preds = [pred for group in before for pred in group]
    columns = [
        (_OBJECT_ACTOR, write_runs([op.object and index[op.object[1]] for op in ops], write_uleb)),
        (_OBJECT_COUNTER, write_runs([op.object and op.object[0] for op in ops], write_uleb)),
        (_KEY_ACTOR, write_runs([key and index[key[1]] for key in named], write_uleb)),
        (_KEY_COUNTER, write_deltas([key[0] if key else None for key in elements])),
        (_KEY_STRING, write_runs([op.key if isinstance(op.key, str) else None for op in ops], write_text)),
        (_INSERT, write_flags([op.insert for op in ops])),
        (_ACTION, write_runs([op.action for op in ops], write_uleb)),
        (_VALUE_META, write_runs([_meta(value) for value in values], write_uleb)),
        (_VALUE, b"".join(value for value in values if value)),
        (_PRED_COUNT, write_runs([len(group) for group in before], write_uleb)),
        (_PRED_ACTOR, write_runs([index[pred[1]] for pred in preds], write_uleb)),
        (_PRED_COUNTER, write_deltas([pred[0] for pred in preds])),
    ]
    return [(column, data) for column, data in columns if data]


def _meta(value: bytes | None) -> int:
    return _TYPE_NULL if value is None else len(value) << 4 | _TYPE_STRING


# Columns, read


def _split_columns(body: bytes, at: int) -> dict[int, bytes]:
    count, at = read_uleb(body, at)
    if count > len(_COLUMNS):
        raise Malformed("an edit has more columns than there are")
    sizes: dict[int, int] = {}
    for _ in range(count):
        column, at = read_uleb(body, at)
        sizes[column], at = read_uleb(body, at)
    if not sizes.keys() <= _COLUMNS or at + sum(sizes.values()) != len(body):
        raise Malformed("an edit has columns that documents here do not use")
    columns = {}
    for column, size in sizes.items():
        columns[column] = body[at : at + size]
        at += size
    return columns


def _read_ops(columns: dict[int, bytes], actors: list[bytes]) -> tuple[Op, ...]:
    get = columns.get
    actions = read_runs(get(_ACTION, b""), read_uleb, MAX_OPS)
    count = len(actions)
    if not count or not set(actions) <= set(_ACTIONS):
        raise Malformed("an edit does nothing, or something that documents here do not know")
    objects = _read_ids(get(_OBJECT_ACTOR, b""), read_runs(get(_OBJECT_COUNTER, b""), read_uleb, count), actors)
    if HEAD in objects:
        raise Malformed("an edit changes something that it does not name")
    elements = _read_ids(get(_KEY_ACTOR, b""), read_deltas(get(_KEY_COUNTER, b""), count), actors)
    names = read_runs(get(_KEY_STRING, b""), read_text, count)
    preds = _read_preds(columns, count, actors)
    values = _read_values(columns, count)
    inserts = read_flags(get(_INSERT, b""), count)
    for column in (objects, elements, names):
        # A column of nulls only is left out; one that is cut short is told by the canonical spelling.
        column.extend([None] * (count - len(column)))
    return tuple(
        Op(action or 0, where, _key(name, element), insert, value, before)
        for action, where, name, element, insert, value, before in zip(
            actions, objects, names, elements, inserts, values, preds, strict=True
        )
    )


def _key(name: str | None, element: OpId | None) -> str | OpId:
    key = element if name is None else name
    if key is None:
        raise Malformed("an edit changes something that it does not name")
    return key


def _read_ids(indexes: bytes, counters: list[int | None], actors: list[bytes]) -> list[OpId | None]:
    """Join a column of actor indexes and one of counters; an actorless 0 is the head of a text."""
    which = read_runs(indexes, read_uleb, len(counters))
    which.extend([None] * (len(counters) - len(which)))
    return [_id(index, counter, actors) for index, counter in zip(which, counters, strict=True)]


def _id(index: int | None, counter: int | None, actors: list[bytes]) -> OpId | None:
    if index is None and counter == 0:
        return HEAD
    if index is None and counter is None:
        return None
    if index is None or counter is None or index >= len(actors) or not 0 < counter <= MAX_COUNTER:
        raise Malformed("an edit names an operation that cannot be")
    return counter, actors[index]


def _read_preds(columns: dict[int, bytes], count: int, actors: list[bytes]) -> list[tuple[OpId, ...]]:
    counts = [number or 0 for number in read_runs(columns.get(_PRED_COUNT, b""), read_uleb, count)]
    if len(counts) != count or sum(counts) > MAX_PREDECESSORS:
        raise Malformed("an edit names too many predecessors, or not those of each operation")
    counters = read_deltas(columns.get(_PRED_COUNTER, b""), sum(counts))
    ids = [pred for pred in _read_ids(columns.get(_PRED_ACTOR, b""), counters, actors) if pred not in (None, HEAD)]
    if len(ids) != sum(counts):
        raise Malformed("an edit's predecessors are cut short")
    out, at = [], 0
    for number in counts:
        out.append(tuple(pred for pred in ids[at : at + number] if pred is not None))
        at += number
    return out


def _read_values(columns: dict[int, bytes], count: int) -> list[str | None]:
    metas = read_runs(columns.get(_VALUE_META, b""), read_uleb, count)
    data, at = columns.get(_VALUE, b""), 0
    if len(metas) != count:
        raise Malformed("an edit's values are cut short")
    out: list[str | None] = []
    for meta in metas:
        size, kind = divmod(meta or 0, 16)
        if size > len(data) - at or kind not in (_TYPE_NULL, _TYPE_STRING):
            raise Malformed("an edit sets a value that documents here do not use")
        out.append(utf8(data[at : at + size]) if kind == _TYPE_STRING else None)
        at += size
    return out
