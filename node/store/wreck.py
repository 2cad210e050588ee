"""Reading what is left of a damaged database file; nothing is ever written to it.

Rows are asked for in ranges; a range that SQLite cannot read is halved until only the unreadable rows are left out.
Whatever comes out is not to be trusted before it was verified again.
"""

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgpack

from crdt.change import Change
from identity.errors import CommonsError
from node.store import log as store_log
from node.store.database import prepare
from node.store.health import open_read_only
from node.store.log import SpaceIndex, Stored
from node.store.readmodel import create_tables

_STEP = 256
_MOST_ROWS = 1 << 24  # where even the number of the last row cannot be read
_GARBLED = (
    sqlite3.Error,
    CommonsError,
    TypeError,
    KeyError,
    ValueError,
    IndexError,
    msgpack.exceptions.UnpackException,
)
_PAGE_BYTES = 4096
# Where the first page says how often the file changed, how many pages it has, which are free, since when that holds.
_COUNTER_AT, _SIZE_AT, _FREE_AT, _VALID_FOR_AT = slice(24, 28), slice(28, 32), slice(32, 40), slice(92, 96)
_BTREE_AT, _CELLS_AT, _INNER_TABLE = 100, 112, 5
_SMALL = ("setting", "peer")


class Wreck:
    """A damaged file, read as far as it goes; close it when done."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = open_read_only(path)
        try:
            self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.Error:
            self._connection.close()
            self._connection = open_read_only(path, immutable=True)  # its WAL is damaged too: go without

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def spaces(self) -> list[tuple[Any, ...]]:
        """Return (no, id, sealed discovery key, name, state, joined) of every space."""
        return list(self._rows("space", "no", "no, id, discovery, name, state, joined"))

    def secrets(self, space: int) -> list[tuple[str, bytes]]:
        """Return (use, sealed) of the secrets held for a space, oldest first."""
        rows = self._rows("secret", "no", "space, use, sealed")
        return [(use, sealed) for owner, use, sealed in rows if owner == space and sealed is not None]

    def index(self, no: int, id_: bytes) -> SpaceIndex:
        """Return how the keys of a space are numbered in the file."""
        index = SpaceIndex(no, id_)
        for number, space, author in self._rows("log", "no", "no, space, author"):
            if space == no:
                index.authors[number], index.logs[author] = author, number
        for number, space, name in self._rows("secret", "no", "no, space, name"):
            if space == no:
                index.secrets[name], index.names[number] = number, name
        return index

    def changes(self, index: SpaceIndex) -> Iterator[list[Stored]]:
        """Give the changes of a space whose bytes are those that were signed, in causal order, in portions."""
        portion: list[int] = []
        for number, log in self._rows("change", "number", "number, log"):
            if log in index.authors:
                portion.append(number)
            if len(portion) == _STEP:
                yield self._read(index, portion)
                portion = []
        yield self._read(index, portion)

    def erasers(self, numbers: Sequence[int]) -> dict[int, Change]:
        """Return, of erased changes by number, what erased them, as far as that can be read."""
        found: dict[int, Change] = {}
        for number in numbers:
            try:
                found |= store_log.read_erasers(self._connection, [number])
            except _GARBLED:
                continue
        return found

    def small_tables(self) -> Iterator[tuple[str, list[str], list[tuple[Any, ...]]]]:
        """Give the tables that are kept as they are, if they can be read whole: name, columns, rows."""
        for table in _SMALL:
            try:
                cursor = self._connection.execute(f"SELECT * FROM {table}")
                yield table, [column[0] for column in cursor.description], cursor.fetchall()
            except sqlite3.Error:
                continue

    def blobs(self) -> Iterator[bytes]:
        """Give the bytes of every picture and file, one at a time."""
        for (number,) in self._rows("blob", "rowid", "rowid"):
            for (data,) in self._range("blob", "rowid", "data", number, number):
                if isinstance(data, bytes):
                    yield data

    def _read(self, index: SpaceIndex, numbers: Sequence[int]) -> list[Stored]:
        try:
            stored = store_log.read_changes(self._connection, index, numbers)
        except _GARBLED:
            if len(numbers) == 1:
                return []
            middle = len(numbers) // 2
            return self._read(index, numbers[:middle]) + self._read(index, numbers[middle:])
        return [entry for entry in stored if _is_whole(entry.change)]

    def _rows(self, table: str, key: str, columns: str) -> Iterator[tuple[Any, ...]]:
        last = self._last(table, key)
        for low in range(0, last + 1, _STEP):
            yield from self._range(table, key, columns, low, min(last, low + _STEP - 1))

    def _last(self, table: str, key: str) -> int:
        try:
            return int(self._connection.execute(f"SELECT coalesce(max({key}), 0) FROM {table}").fetchone()[0])
        except sqlite3.Error:
            return min(_MOST_ROWS, self._path.stat().st_size // 100)  # no row is smaller

    def _range(self, table: str, key: str, columns: str, low: int, high: int) -> Iterator[tuple[Any, ...]]:
        sql = f"SELECT {columns} FROM {table} WHERE {key} BETWEEN ? AND ? ORDER BY {key}"
        todo = [(low, high)]
        while todo:
            low, high = todo.pop()
            try:
                rows = self._connection.execute(sql, (low, high)).fetchall()
            except sqlite3.Error:
                if low < high:
                    middle = (low + high) // 2
                    todo += [(middle + 1, high), (low, middle)]
                continue
            yield from rows


def _is_whole(change: Change) -> bool:
    try:
        return store_log.id_of(change) == change.id
    except _GARBLED:
        return False


def holds_spaces(path: Path) -> bool:
    """Tell whether at least one space can be read out of a file."""
    try:
        with closing(Wreck(path)) as wreck:
            return bool(wreck.spaces())
    except sqlite3.Error:
        return False


def graft(path: Path, target: Path) -> None:
    """Copy a file whose list of tables is damaged, and give the copy that of a fresh database.

    The list lies in the first page and those it leads to. As every database of one schema is made by the same steps,
    it is the same in all. Should it not fit, nothing that can be verified comes out.
    """
    fresh = target.with_name(f"{target.name}.fresh")
    with closing(sqlite3.connect(fresh, isolation_level=None)) as connection:
        prepare(connection)
        create_tables(connection)
    pages = fresh.read_bytes()
    first = bytearray(pages[:_PAGE_BYTES])
    first[_SIZE_AT] = (path.stat().st_size // _PAGE_BYTES).to_bytes(4, "big")
    first[_FREE_AT] = bytes(8)
    first[_VALID_FOR_AT] = first[_COUNTER_AT]
    shutil.copyfile(path, target)
    with target.open("r+b") as file:
        file.write(first)
        for number in _pages_below(bytes(first)):
            file.seek((number - 1) * _PAGE_BYTES)
            file.write(pages[(number - 1) * _PAGE_BYTES : number * _PAGE_BYTES])


def _pages_below(first: bytes) -> list[int]:
    """Return the numbers of the pages that the first one leads to (SQLite's file format, §1.6)."""
    if first[_BTREE_AT] != _INNER_TABLE:
        return []
    count = int.from_bytes(first[_BTREE_AT + 3 : _BTREE_AT + 5], "big")
    cells = [int.from_bytes(first[at : at + 2], "big") for at in range(_CELLS_AT, _CELLS_AT + 2 * count, 2)]
    places = [*cells, _BTREE_AT + 8]
    return [int.from_bytes(first[at : at + 4], "big") for at in places]


def add_small(
    connection: sqlite3.Connection, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    """Put rows of a table that is kept as it is into a fresh file."""
    connection.executemany(
        f"INSERT OR REPLACE INTO {table}({','.join(columns)}) VALUES({','.join('?' * len(columns))})", rows
    )
