"""What lies in the past of a change, talk too: read from the log, where each row names what it rests on.

Rows are numbered in a causal order, so one sweep back from a change meets each before whatever it rests on. It comes
to the same on every node that holds the change, for such a node holds all that it rests on.
"""

import sqlite3
from collections.abc import Iterable

import msgpack

from node.store.log import SpaceIndex, number_of, read_changes

_FIRST = "SELECT min(number) FROM change WHERE log = ? AND seq = 1"
_ROWS = """
SELECT number, log, seq, deps FROM change WHERE number BETWEEN ? AND ?
AND +log IN (SELECT no FROM log WHERE space = ?) ORDER BY number DESC
"""
"""The plus keeps SQLite from sorting: the rows are read only as far back as they are needed."""


def last_seen(
    connection: sqlite3.Connection, index: SpaceIndex, id_: bytes, authors: Iterable[bytes]
) -> dict[bytes, int]:
    """Return, of some authors' logs, the last sequence number that lies in the past of a change; 0 where none does."""
    found = dict.fromkeys(authors, 0)
    number = number_of(connection, id_)
    logs = {index.logs[author]: author for author in found if author in index.logs}
    firsts = [connection.execute(_FIRST, (log,)).fetchone()[0] for log in logs]
    oldest = min((first for first in firsts if first is not None), default=None)
    if number is None or oldest is None:
        return found
    sweep = _Sweep(connection, index, number)
    for row in connection.execute(_ROWS, (oldest, number, index.no)):
        if sweep.holds(*row) and row[1] in logs:
            found[logs.pop(row[1])] = row[2]
            if not logs:
                break
    return found


class _Sweep:
    """Tells of each row, going back from a change, whether it lies in that change's past."""

    def __init__(self, connection: sqlite3.Connection, index: SpaceIndex, number: int) -> None:
        self._connection = connection
        self._index = index
        self._named = {number}
        self._reached: dict[int, int] = {}  # of each log, up to which number all of its chain lies in the past

    def holds(self, number: int, log: int, seq: int, deps: bytes) -> bool:
        forked = self._index.forked.get(log)
        if number in self._named:
            self._named.discard(number)
        elif seq > self._reached.get(log, 0) or (forked is not None and seq >= forked):
            return False
        if forked is not None and seq > forked:  # there are branches: only the change itself says which it is on
            self._named.add(self._before(number))
        else:
            self._reached[log] = max(self._reached.get(log, 0), seq - 1)
        if deps:
            self._named.update(number - distance for distance in msgpack.unpackb(deps))
        return True

    def _before(self, number: int) -> int:
        (entry,) = read_changes(self._connection, self._index, [number])
        before = number_of(self._connection, entry.change.header.prev)
        assert before is not None  # noqa: S101 - nothing is held without what it follows
        return before
