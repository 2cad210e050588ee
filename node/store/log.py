"""The change log on disk: the only truth. Rows are numbered in order of acceptance, which is a causal order.

What the chain implies is left out: the author is the log's, the previous id is the row before, deps are distances
back to other rows. A 200-byte post takes about 320 bytes. Everything here runs in the database's thread, on a bare
connection.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import msgpack

from crdt.change import BINDING, PUBLIC, Change, Header, change_id, decode_change, digest, encode_change, encode_header
from crdt.history import Accepted, History, Log, Parent
from crdt.pasts import Pasts
from node.store.bulk import insert_many

_CHANGE_COLUMNS = (
    "number", "log", "seq", "id", "signature", "time", "class", "secret", "depth", "past", "deps", "body",
)  # fmt: skip
_LAW_ROWS = """
SELECT number, depth, past FROM change WHERE class < 2 AND +log IN (SELECT no FROM log WHERE space = ?) ORDER BY number
"""
"""The plus keeps SQLite from looking through whole logs instead of the index of the law, which is short."""

_new = tuple.__new__  # as in crdt.batch
_CLASS = "SELECT class FROM change WHERE number = ?"
_SELECT = "SELECT number, log, seq, id, signature, time, class, secret, deps, body, depth FROM change"


class Stored(NamedTuple):
    """A change as it lies in the log, with its number and depth."""

    change: Change
    number: int
    depth: int


@dataclass(slots=True)
class SpaceIndex:
    """How a space's keys are numbered in the database. Number 0 of the secrets is no secret: public."""

    no: int
    id: bytes
    authors: dict[int, bytes] = field(default_factory=dict)
    logs: dict[bytes, int] = field(default_factory=dict)
    forked: dict[int, int] = field(default_factory=dict)
    secrets: dict[bytes, int] = field(default_factory=lambda: {PUBLIC: 0})
    names: dict[int, bytes] = field(default_factory=lambda: {0: PUBLIC})


def next_numbers(connection: sqlite3.Connection) -> tuple[int, int]:
    """Return the next free numbers of a change and of a log."""
    change = connection.execute("SELECT coalesce(max(number), 0) + 1 FROM change").fetchone()[0]
    log = connection.execute("SELECT coalesce(max(no), 0) + 1 FROM log").fetchone()[0]
    return change, log


def load_history(connection: sqlite3.Connection, index: SpaceIndex) -> History:
    """Read the heads, tips and pasts of a space; fills the index."""
    history = History()
    _load_secrets(connection, index)
    _load_pasts(connection, index.no, history.pasts)
    logs = connection.execute(
        "SELECT no, author, seq, head, number, depth, past, time, forked, standing FROM log WHERE space = ?",
        (index.no,),
    )
    for no, author, seq, head, number, depth, past, time, forked, standing in logs.fetchall():
        index.authors[no] = author
        index.logs[author] = no
        if forked is not None:
            index.forked[no] = forked
        parent = Parent(number, depth, past)
        history.add_log(Log(author, no, seq, head, parent, time, forked, bool(standing)))
        history.size += seq
    tips = connection.execute(
        "SELECT change.id, change.number, depth, past, class FROM tip JOIN change USING (number) WHERE tip.space = ?",
        (index.no,),
    )
    for id_, number, depth, past, klass in tips.fetchall():
        history.tips[id_] = as_parent(history.pasts, number, depth, past, klass)
    return history


def as_parent(pasts: Pasts, number: int, depth: int, past: int, klass: int) -> Parent:
    """Return what a stored change hands on to those that name it."""
    return Parent(number, depth, past if klass > 1 else pasts.intern((number,)))


def _load_secrets(connection: sqlite3.Connection, index: SpaceIndex) -> None:
    for no, name in connection.execute("SELECT no, name FROM secret WHERE space = ?", (index.no,)):
        index.secrets[name] = no
        index.names[no] = name


def _load_pasts(connection: sqlite3.Connection, space: int, pasts: Pasts) -> None:
    rows = connection.execute("SELECT no, laws FROM past WHERE space = ? ORDER BY no", (space,)).fetchall()
    for no, laws in rows:
        if pasts.intern(tuple(msgpack.unpackb(laws))) != no:
            raise sqlite3.DatabaseError("the table of pasts is malformed")
    for number, _, past in connection.execute(_LAW_ROWS, (space,)).fetchall():
        pasts.add_law(number, past)


# -- writing ----------------------------------------------------------------------------------------------------------


def write_changes(connection: sqlite3.Connection, index: SpaceIndex, entries: Sequence[Accepted]) -> None:
    """Append accepted changes; their logs, pasts and secrets have to be written beside them."""
    logs, secrets = index.logs, index.secrets
    rows = []
    for change, number, depth, past, parents in entries:
        id_, signature, header, body = change
        _, author, seq, prev, _, time, klass, epoch, _, _ = header
        others = parents[:-1] if prev else parents
        deps = _pack_deps(tuple([number - other for other in others])) if others else b""
        rows.append(
            (number, logs[author], seq, id_, signature, time, klass, secrets[epoch], depth, past, deps, body)
        )  # fmt: skip
    insert_many(connection, "change", _CHANGE_COLUMNS, rows)


@lru_cache(maxsize=1024)
def _pack_deps(distances: tuple[int, ...]) -> bytes:
    packed: bytes = msgpack.packb(distances)
    return packed


@lru_cache(maxsize=1024)
def read_deps(packed: bytes) -> tuple[int, ...]:
    """Return how far before a change those lie in the store that it names beside the one before it."""
    return tuple(msgpack.unpackb(packed)) if packed else ()


def write_erased(connection: sqlite3.Connection, change: Change, number: int, eraser: Change) -> bool:
    """Keep what is left of an erased body: its hash and size, and the change that erased it.

    Tells whether the body was here until now.
    """
    header = change.header
    row = (number, header.body_hash, header.body_size, encode_change(eraser))
    connection.execute("INSERT OR IGNORE INTO erased VALUES(?, ?, ?, ?)", row)
    dropped = connection.execute("UPDATE change SET body = NULL WHERE number = ? AND body IS NOT NULL", (number,))
    return dropped.rowcount > 0


def write_logs(connection: sqlite3.Connection, space: int, logs: Iterable[tuple[Log, bytes | None]]) -> None:
    """Write the heads of logs, each with the person its device acts for, if known."""
    rows = [
        (log.number, space, log.author, person, log.seq, log.head, *log.parent, log.time, log.forked, int(log.standing))
        for log, person in logs
    ]
    connection.executemany("INSERT OR REPLACE INTO log VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)


def write_tips(connection: sqlite3.Connection, space: int, gone: Iterable[int], new: Iterable[int]) -> None:
    """Replace tips by those that came after them."""
    connection.executemany("DELETE FROM tip WHERE space = ? AND number = ?", [(space, number) for number in gone])
    connection.executemany("INSERT OR IGNORE INTO tip VALUES(?, ?)", [(space, number) for number in new])


def write_pasts(connection: sqlite3.Connection, space: int, pasts: Sequence[tuple[int, tuple[int, ...]]]) -> None:
    """Write newly interned pasts."""
    rows = [(space, no, msgpack.packb(list(laws))) for no, laws in pasts]
    connection.executemany("INSERT OR REPLACE INTO past VALUES(?, ?, ?)", rows)


# -- reading ----------------------------------------------------------------------------------------------------------


def find_parents(
    connection: sqlite3.Connection, index: SpaceIndex, pasts: Pasts, ids: Iterable[bytes]
) -> dict[bytes, Parent]:
    """Return what is held of these ids, as parents."""
    found = {}
    for id_ in ids:
        row = connection.execute(
            "SELECT number, depth, past, class, log FROM change WHERE substr(id, 1, 8) = ? AND id = ?", (id_[:8], id_)
        ).fetchone()
        if row and row[4] in index.authors:
            found[id_] = as_parent(pasts, *row[:4])
    return found


def numbers_in(connection: sqlite3.Connection, ranges: Iterable[tuple[int, int, int]]) -> list[int]:
    """Return the numbers of changes in (log, first seq, last seq) ranges, in causal order."""
    numbers: list[int] = []
    for log, first, last in ranges:
        query = "SELECT number FROM change WHERE log = ? AND seq BETWEEN ? AND ?"
        numbers += (row[0] for row in connection.execute(query, (log, first, last)))
    numbers.sort()
    return numbers


def read_place(connection: sqlite3.Connection, index: SpaceIndex, log: int, seq: int) -> list[Stored]:
    """Return the changes that are held for one place in a log: one, or a fork's branches."""
    rows = connection.execute("SELECT number FROM change WHERE log = ? AND seq = ? ORDER BY number", (log, seq))
    return read_changes(connection, index, [row[0] for row in rows])


def number_of(connection: sqlite3.Connection, id_: bytes) -> int | None:
    """Return the number of a change."""
    row = connection.execute(
        "SELECT number FROM change WHERE substr(id, 1, 8) = ? AND id = ?", (id_[:8], id_)
    ).fetchone()
    return row[0] if row else None


def read_changes(connection: sqlite3.Connection, index: SpaceIndex, numbers: Sequence[int]) -> list[Stored]:
    """Return changes by number, ascending."""
    rows = _read_rows(connection, numbers)
    ids = _ids_of_parents(connection, rows)
    return [_new(Stored, (_as_change(connection, index, row, ids), row[0], row[10])) for row in rows]


def _read_rows(connection: sqlite3.Connection, numbers: Sequence[int]) -> list[tuple[Any, ...]]:
    if numbers and list(numbers) == list(range(numbers[0], numbers[0] + len(numbers))):  # what a newcomer wants
        ends = (numbers[0], numbers[-1])
        return connection.execute(f"{_SELECT} WHERE number BETWEEN ? AND ? ORDER BY number", ends).fetchall()
    rows: list[tuple[Any, ...]] = []
    for start in range(0, len(numbers), 500):
        part = numbers[start : start + 500]
        marks = ",".join("?" * len(part))
        rows += connection.execute(f"{_SELECT} WHERE number IN ({marks}) ORDER BY number", part).fetchall()
    return rows


def _ids_of_parents(
    connection: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]
) -> dict[int | tuple[int, int], bytes]:
    """Return the ids that rows name: by number for deps, by (log, seq) for the change before."""
    ids: dict[int | tuple[int, int], bytes] = {}
    for row in rows:
        ids[row[0]] = row[3]
        ids[row[1], row[2]] = row[3]
    for row in rows:
        place = (row[1], row[2] - 1)
        if row[2] > 1 and place not in ids:
            query = "SELECT id FROM change WHERE log = ? AND seq = ?"
            ids[place] = connection.execute(query, place).fetchone()[0]
        for distance in read_deps(row[8]):
            number = row[0] - distance
            if number not in ids:
                ids[number] = connection.execute("SELECT id FROM change WHERE number = ?", (number,)).fetchone()[0]
    return ids


def _as_change(
    connection: sqlite3.Connection, index: SpaceIndex, row: tuple[Any, ...], ids: Mapping[int | tuple[int, int], bytes]
) -> Change:
    number, log, seq, id_, signature, time, klass, secret, deps, body, _ = row
    if body is None:
        body_hash, size = connection.execute(
            "SELECT body_hash, body_size FROM erased WHERE number = ?", (number,)
        ).fetchone()
    else:
        body_hash, size = digest(body), len(body)
    space = b"" if id_ == index.id else index.id
    prev = ids[log, seq - 1] if seq > 1 else b""
    names = tuple([ids[number - distance] for distance in read_deps(deps)])
    header = _new(
        Header, (space, index.authors[log], seq, prev, names, time, klass, index.names[secret], body_hash, size)
    )  # fmt: skip
    if log in index.forked and seq > index.forked[log]:
        header = header._replace(prev=_prev_of(connection, header, log, (id_, signature)))
    return _new(Change, (id_, signature, header, body))


def id_of(change: Change) -> bytes:
    """Compute a change's id from its bytes as they lie in the log."""
    return change_id(change.signature, encode_header(change.header))


def _prev_of(connection: sqlite3.Connection, header: Header, log: int, own: tuple[bytes, bytes]) -> bytes:
    """Return which change of a forked log comes before one: the branch whose id gives its id."""
    id_, signature = own
    branches = connection.execute("SELECT id FROM change WHERE log = ? AND seq = ?", (log, header.seq - 1)).fetchall()
    fits = (prev for (prev,) in branches if change_id(signature, encode_header(header._replace(prev=prev))) == id_)
    return next(fits, header.prev)


def read_erasers(connection: sqlite3.Connection, numbers: Iterable[int]) -> dict[int, Change]:
    """Return, for erased changes by number, the change that erased them."""
    found = {}
    for number in numbers:
        row = connection.execute("SELECT eraser FROM erased WHERE number = ?", (number,)).fetchone()
        if row:
            found[number] = decode_change(row[0])
    return found


def read_with_erasers(
    connection: sqlite3.Connection, index: SpaceIndex, numbers: Sequence[int]
) -> tuple[list[Change], dict[bytes, Change]]:
    """Return changes by number, and by its id what erased each whose body is gone: what a batch is made of."""
    stored = read_changes(connection, index, numbers)
    gone = {entry.number: entry.change.id for entry in stored if entry.change.body is None}
    erasers = read_erasers(connection, gone)
    return [entry.change for entry in stored], {gone[number]: eraser for number, eraser in erasers.items()}


def is_sealed_with(connection: sqlite3.Connection, index: SpaceIndex, name: bytes) -> bool:
    """Tell whether anything is sealed with the secret of a name."""
    sql = "SELECT 1 FROM change WHERE secret = ? ORDER BY number DESC LIMIT 1"
    return connection.execute(sql, (index.secrets.get(name, -1),)).fetchone() is not None


def unread_numbers(connection: sqlite3.Connection, secrets: Iterable[int]) -> list[int]:
    """Return the numbers of changes that lay sealed under one of these secrets."""
    numbers = []
    for secret in secrets:
        numbers += [row[0] for row in connection.execute("SELECT number FROM unread WHERE secret = ?", (secret,))]
    return sorted(numbers)


def write_refusals(connection: sqlite3.Connection, reasons: Iterable[tuple[int, str | None]]) -> None:
    """Write why changes have no effect, instead of what was written of them before; None where they have."""
    pairs = list(reasons)
    connection.executemany("DELETE FROM refusal WHERE number = ?", [(number,) for number, _ in pairs])
    rows = [(number, why) for number, why in pairs if why is not None]
    connection.executemany("INSERT INTO refusal VALUES(?, ?)", rows)


def refused_law(connection: sqlite3.Connection, space: int) -> list[int]:
    """Return the numbers of the law, or what law counts, of a space that has no effect."""
    sql = "SELECT refusal.number FROM refusal JOIN change USING (number) JOIN log ON log.no = change.log"
    rows = connection.execute(f"{sql} WHERE space = ? AND class <= {BINDING} ORDER BY refusal.number", (space,))
    return [row[0] for row in rows]


def law_among(connection: sqlite3.Connection, numbers: Iterable[int]) -> list[int]:
    """Return which of some changes are law, or what law counts."""
    kinds = ((number, connection.execute(_CLASS, (number,)).fetchone()) for number in numbers)
    return [number for number, row in kinds if row and row[0] <= BINDING]


def numbers_of(connection: sqlite3.Connection, space: int) -> list[int]:
    """Return the numbers of all changes of a space, in causal order."""
    rows = connection.execute(
        "SELECT number FROM change WHERE log IN (SELECT no FROM log WHERE space = ?) ORDER BY number", (space,)
    )
    return [row[0] for row in rows]


def read_law(connection: sqlite3.Connection, index: SpaceIndex) -> list[Accepted]:
    """Return the law and binding changes of a space with their places, in causal order."""
    rows = connection.execute(_LAW_ROWS, (index.no,)).fetchall()
    changes = read_changes(connection, index, [row[0] for row in rows])
    places = {row[0]: row for row in rows}
    return [Accepted(entry.change, entry.number, entry.depth, places[entry.number][2], ()) for entry in changes]
