"""A batch: changes of one space in causal order, with what the receiver can compute left out.

Column by column, so that 5,000 changes cost little more than their bodies: the place in the log, the previous id,
the space and the body's hash are rebuilt, ids of other changes in the same batch travel as distances. Rebuilding
hashes every header again, so an altered byte anywhere changes the ids behind it and the log's last signature,
the one that is checked (crdt.history), no longer fits.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgpack

from crdt.change import (
    EDIT,
    ID_BYTES,
    MAX_BODY_BYTES,
    MAX_DEPS,
    MAX_LAW_DEPS,
    MAX_SEQ,
    VERSION,
    Change,
    Header,
    change_id,
    check_limits,
    decode_change,
    digest,
    encode_change,
    encode_header,
)
from identity.errors import Malformed

MAX_BATCH_BYTES = 1024 * 1024
MAX_BATCH_CHANGES = 4096
_FOUNDING = 0x80

_pack = msgpack.Packer(use_bin_type=True, autoreset=True).pack
_new = tuple.__new__  # half the price of a NamedTuple's own constructor, where thousands are made


class Columns(NamedTuple):
    """The wire form. `logs` holds [author, first seq, previous id]; `who` indexes it, two bytes a change."""

    version: int
    logs: list[list[Any]]
    who: bytes
    signatures: bytes
    times: list[int]
    classes: bytes
    epochs: list[bytes]
    epoch_of: bytes
    deps: list[Any]
    bodies: list[Any]


class Batch(NamedTuple):
    """Decoded changes in causal order, and for each erased body the change that erased it.

    `headers` are the encoded headers, where they are at hand.
    """

    changes: list[Change]
    erasers: dict[bytes, Change]
    headers: Sequence[bytes] = ()

    def last_seqs(self) -> dict[bytes, int]:
        """Return how far each log goes that is in it, by author."""
        return {change.header.author: change.header.seq for change in self.changes}


def unbroken(changes: Sequence[Change]) -> list[Change]:
    """Return the changes up to the first that leaves a gap in its log: what one batch can hold."""
    seqs: dict[bytes, int] = {}
    for position, change in enumerate(changes):
        header = change.header
        if seqs.setdefault(header.author, header.seq) != header.seq:
            return list(changes[:position])
        seqs[header.author] = header.seq + 1
    return list(changes)


def fitting(changes: Sequence[Change], most_bytes: int) -> list[Change]:
    """Return as many changes as go into one batch of about so many bytes, one at least."""
    size = 0
    part: list[Change] = []
    for change in unbroken(changes):
        size += 400 + ID_BYTES * len(change.header.deps) + len(change.body or b"")
        if part and size > most_bytes:
            break
        part.append(change)
    return part


def encode_batch(changes: Sequence[Change], erasers: Mapping[bytes, Change] | None = None) -> bytes:
    """Return the wire form of changes in causal order; of each author they must be consecutive (see `unbroken`)."""
    logs: dict[bytes, int] = {}
    epochs: dict[bytes, int] = {}
    index: dict[bytes, int] = {}
    rows: list[list[Any]] = []
    classes, epoch_of = bytearray(), bytearray()
    who: list[int] = []
    times: list[int] = []
    deps: list[Any] = []
    last_time = 0
    for position, (id_, _, header, _) in enumerate(changes):
        author = header.author
        number = logs.get(author)
        if number is None:
            number = logs[author] = len(logs)
            rows.append([author, header.seq, header.prev])
        who.append(number)
        classes.append(header.klass if header.space else header.klass | _FOUNDING)
        epoch_of.append(epochs.setdefault(header.epoch, len(epochs)))
        times.append(header.time - last_time)
        last_time = header.time
        deps.append(_encode_deps(header.deps, index, position))
        index[id_] = position
    signatures = b"".join(change.signature for change in changes)
    bodies = [_encode_stored(change, erasers or {}) for change in changes]
    whose = struct.pack(f">{len(who)}H", *who)
    columns = Columns(
        VERSION, rows, whose, signatures, times, bytes(classes), list(epochs), bytes(epoch_of), deps, bodies
    )
    packed: bytes = _pack(columns)
    return packed


def _encode_deps(deps: tuple[bytes, ...], index: Mapping[bytes, int], position: int) -> int | bytes | list[int | bytes]:
    """A lone dep in the batch is a number, the distance back to it; none is 0; anything else a list."""
    if not deps:
        return 0
    refs = [position - index[dep] if dep in index else dep for dep in deps]
    return refs[0] if len(refs) == 1 and isinstance(refs[0], int) else refs


def _encode_stored(change: Change, erasers: Mapping[bytes, Change]) -> bytes | list[Any]:
    if change.body is not None:
        return change.body
    header = change.header
    return [header.body_hash, header.body_size, encode_change(erasers[change.id])]


def decode_batch(data: bytes, space: bytes) -> Batch:
    """Rebuild the changes of a batch, with their ids; signatures are not checked here.

    Raises:
        Malformed: if anything about it is off.
    """
    columns = _read_columns(data)
    state = [[author, seq, prev] for author, seq, prev in columns.logs]
    who = struct.unpack(f">{len(columns.bodies)}H", columns.who)
    rows = zip(who, columns.times, columns.classes, columns.epoch_of, columns.deps, columns.bodies, strict=True)
    out: list[Change] = []
    headers: list[bytes] = []
    erasers: dict[bytes, Change] = {}
    time = 0
    for position, (index, delta, mark, epoch, refs, stored) in enumerate(rows):
        log = state[index]
        author, seq, prev = log
        time += delta
        body, body_hash, body_size, eraser = _read_stored(stored)
        deps = _read_deps(refs, out, position)
        klass, home = (mark & ~_FOUNDING, b"") if mark & _FOUNDING else (mark, space)
        header = _new(
            Header, (home, author, seq, prev, deps, time, klass, columns.epochs[epoch], body_hash, body_size)
        )  # fmt: skip
        if not 0 <= time < 1 << 53 or seq == 1 or mark > EDIT or len(deps) > MAX_DEPS or prev in deps:
            check_limits(header)
        signature = columns.signatures[64 * position : 64 * position + 64]
        encoded = encode_header(header)
        id_ = change_id(signature, encoded)
        if not home and id_ != space:
            raise Malformed("a batch holds the founding change of another space")
        log[1] += 1
        log[2] = id_
        out.append(_new(Change, (id_, signature, header, body)))
        headers.append(encoded)
        if eraser is not None:
            erasers[id_] = eraser
    return Batch(out, erasers, headers)


def _read_columns(data: bytes) -> Columns:
    if len(data) > MAX_BATCH_BYTES + MAX_BODY_BYTES:
        raise Malformed("a batch is too large")
    try:
        columns = Columns(*msgpack.unpackb(data, use_list=True, max_array_len=MAX_BATCH_CHANGES))
    except (ValueError, TypeError, msgpack.exceptions.UnpackException, RecursionError) as error:
        raise Malformed("this is not a batch") from error
    if type(columns.version) is not int or columns.version != VERSION:
        raise Malformed(f"version {columns.version!r} of the wire format is not known here")
    _check_types(columns)
    _check_logs(columns)
    _check_lengths(columns)
    return columns


def _check_types(columns: Columns) -> None:
    lists = (columns.logs, columns.times, columns.epochs, columns.deps, columns.bodies)
    blobs = (columns.who, columns.signatures, columns.classes, columns.epoch_of)
    well = (
        all(type(value) is list for value in lists)
        and all(type(value) is bytes for value in blobs)
        and all(type(value) is int for value in columns.times)
        and all(type(value) is bytes and len(value) in (0, 16) for value in columns.epochs)
    )
    if not well:
        raise Malformed("a batch has a column of the wrong type")


def _check_logs(columns: Columns) -> None:
    for log in columns.logs:
        if type(log) is not list or len(log) != 3:
            raise Malformed("a batch names a log wrongly")
        author, seq, prev = log
        if type(author) is not bytes or type(seq) is not int or type(prev) is not bytes:
            raise Malformed("a batch names a log wrongly")
        if (
            len(author) != 32
            or not 1 <= seq <= MAX_SEQ - MAX_BATCH_CHANGES
            or len(prev) != (ID_BYTES if seq > 1 else 0)
        ):
            raise Malformed("a batch names a log wrongly")
    if len({log[0] for log in columns.logs}) != len(columns.logs):
        raise Malformed("a batch names a log twice")


def _check_lengths(columns: Columns) -> None:
    count = len(columns.bodies)
    indices = {columns.who[at : at + 2] for at in range(0, 2 * count, 2)}
    well = (
        len(columns.who) == 2 * count
        and len(columns.signatures) == 64 * count
        and len(columns.times) == len(columns.classes) == len(columns.epoch_of) == len(columns.deps) == count
        and max((int.from_bytes(index, "big") for index in indices), default=0) < max(len(columns.logs), 1)
        and max(columns.epoch_of, default=0) < max(len(columns.epochs), 1)
        and all(abs(delta) < 1 << 53 for delta in columns.times)
    )
    if not well or (count and not columns.logs):
        raise Malformed("the columns of a batch do not fit together")


def _read_stored(stored: Any) -> tuple[bytes | None, bytes, int, Change | None]:
    if type(stored) is bytes:
        if len(stored) > MAX_BODY_BYTES:
            raise Malformed("a body is too large")
        return stored, digest(stored), len(stored), None
    if type(stored) is not list or len(stored) != 3 or not isinstance(stored[2], bytes):
        raise Malformed("a batch holds a body that is none")
    body_hash, body_size, eraser = stored
    if type(body_hash) is not bytes or len(body_hash) != 32 or type(body_size) is not int:
        raise Malformed("a batch holds an erased body without its hash")
    if not 0 <= body_size <= MAX_BODY_BYTES:
        raise Malformed("a body is too large")
    return None, body_hash, body_size, decode_change(eraser)


def _read_deps(refs: Any, earlier: list[Change], position: int) -> tuple[bytes, ...]:
    if type(refs) is int and 0 <= refs <= position:
        return (earlier[position - refs].id,) if refs else ()
    if type(refs) is not list or len(refs) > MAX_LAW_DEPS:
        raise Malformed("a batch names other changes wrongly")
    deps = []
    for ref in refs:
        if type(ref) is int and 0 < ref <= position:
            deps.append(earlier[position - ref].id)
        elif type(ref) is bytes and len(ref) == ID_BYTES:
            deps.append(ref)
        else:
            raise Malformed("a batch names other changes wrongly")
    if len(deps) > 1 and len(set(deps)) != len(deps):
        raise Malformed("a header names another change twice")
    return tuple(deps)
