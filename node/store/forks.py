"""Forked logs on disk: the proof, what it voids, what others still vouch for. Runs in the database's thread.

From the forked sequence number on, a log's changes have effect only where another person's change, of a log that is
not forked there, has them in its past. Void changes stay on disk; a fold passes over them.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgpack

from crdt.change import TALK, Change, encode_change
from crdt.history import Log, Parent
from node.store.log import SpaceIndex, Stored, number_of, read_changes
from node.store.readmodel import numbers_about

MAX_BRANCH = 512


class Fork(NamedTuple):
    """Two different changes that one device signed for one place in its log, as they stand alone."""

    author: bytes
    seq: int
    one: bytes
    other: bytes


def read_forks(connection: sqlite3.Connection, space: int) -> list[Fork]:
    """Return the proofs that a space holds."""
    rows = connection.execute("SELECT author, seq, one, other FROM fork WHERE space = ?", (space,))
    return [Fork(*row) for row in rows]


def read_fork(connection: sqlite3.Connection, space: int, author: bytes) -> Fork | None:
    """Return the proof that a log is forked."""
    sql = "SELECT author, seq, one, other FROM fork WHERE space = ? AND author = ?"
    row = connection.execute(sql, (space, author)).fetchone()
    return Fork(*row) if row else None


def write_fork(connection: sqlite3.Connection, space: int, one: Change, other: Change) -> None:
    """Keep a proof; the one with the lowest place counts."""
    header = one.header
    row = (space, header.author, header.seq, encode_change(one), encode_change(other))
    connection.execute("INSERT OR REPLACE INTO fork VALUES(?, ?, ?, ?, ?)", row)


def end_before(connection: sqlite3.Connection, log: Log, seq: int) -> Log:
    """Return how a log stands that ends before a sequence number."""
    row = connection.execute(
        "SELECT id, number, depth, past, time FROM change WHERE log = ? AND seq = ? ORDER BY number LIMIT 1",
        (log.number, seq - 1),
    ).fetchone()
    ended = Log(log.author, log.number, forked=seq, standing=log.standing)
    if row:
        ended.seq, ended.head, ended.parent, ended.time = seq - 1, row[0], Parent(*row[1:4]), row[4]
    return ended


def end_of(connection: sqlite3.Connection, log: Log) -> Log:
    """Return how a log stands that goes on as far as it is held."""
    (last,) = connection.execute("SELECT coalesce(max(seq), 0) FROM change WHERE log = ?", (log.number,)).fetchone()
    whole = end_before(connection, log, last + 1)
    whole.forked = None
    return whole


def restore_log(connection: sqlite3.Connection, log: int) -> list[int]:
    """Give effect back to all of a log; returns what was void."""
    sql = "SELECT number FROM void JOIN change USING (number) WHERE log = ? ORDER BY number"
    back = [row[0] for row in connection.execute(sql, (log,))]
    connection.executemany("DELETE FROM void WHERE number = ?", [(number,) for number in back])
    return back


def void_from(connection: sqlite3.Connection, space: int, log: int, seq: int) -> list[int]:
    """Void the log's changes from a sequence number on, but for those that others vouch for; returns the void ones."""
    rows = connection.execute("SELECT number FROM change WHERE log = ? AND seq >= ? ORDER BY number", (log, seq))
    suspects = {row[0] for row in rows}
    if not suspects:
        return []
    void = suspects - _vouched(connection, space, log, suspects)
    connection.executemany("INSERT OR IGNORE INTO void VALUES(?)", [(number,) for number in sorted(void)])
    return sorted(void)


def _vouched(connection: sqlite3.Connection, space: int, log: int, suspects: set[int]) -> set[int]:
    """Return which of these changes are in the past of another person's change that is not void itself."""
    person = connection.execute("SELECT person FROM log WHERE no = ?", (log,)).fetchone()[0]
    rows = connection.execute(
        "SELECT change.number, change.deps FROM change JOIN log ON log.no = change.log WHERE log.space = ?"
        " AND log.person IS NOT ? AND change.number > ? AND deps != x''"
        " AND change.number NOT IN (SELECT number FROM void)",
        (space, person, min(suspects)),
    )
    named = {number - distance for number, deps in rows for distance in msgpack.unpackb(deps)}
    return with_earlier(connection, named & suspects, suspects)


def with_earlier(connection: sqlite3.Connection, numbers: set[int], among: set[int]) -> set[int]:
    """Return changes with all that come before them in their own log, as far as they are among some."""
    found = set()
    for number in numbers:
        log, seq = connection.execute("SELECT log, seq FROM change WHERE number = ?", (number,)).fetchone()
        rows = connection.execute("SELECT number FROM change WHERE log = ? AND seq <= ?", (log, seq))
        found |= {row[0] for row in rows} & among
    return found


def branch_until(connection: sqlite3.Connection, index: SpaceIndex, number: int) -> list[int]:
    """Return a change and, of a forked log, what its branch holds before it: nobody who lacks the one has the other."""
    numbers = [number]
    while len(numbers) < MAX_BRANCH:
        header = read_changes(connection, index, numbers[-1:])[0].change.header
        forked = index.forked.get(index.logs[header.author])
        before = number_of(connection, header.prev) if forked is not None and header.seq > forked else None
        if before is None:
            break
        numbers.append(before)
    return numbers


def restore_vouched(connection: sqlite3.Connection, named: Sequence[tuple[int, bytes | None]]) -> list[int]:
    """Give effect back to void changes that another person's change names, and to what comes before them.

    `named` holds the number of a change and the person whose change names it.
    """
    void = void_among(connection, {number for number, _ in named})
    sql = "SELECT log.person FROM change JOIN log ON log.no = change.log WHERE change.number = ?"
    suspects = ((number, person) for number, person in named if number in void)
    vouched = {number for number, person in suspects if connection.execute(sql, (number,)).fetchone()[0] != person}
    back = with_earlier(connection, vouched, void_numbers(connection)) if vouched else set()
    connection.executemany("DELETE FROM void WHERE number = ?", [(number,) for number in sorted(back)])
    return sorted(back)


def reset_tips(connection: sqlite3.Connection, space: int) -> None:
    """Begin anew with the heads of all logs as tips: void changes are named by nobody."""
    connection.execute("DELETE FROM tip WHERE space = ?", (space,))
    connection.execute("INSERT INTO tip SELECT space, number FROM log WHERE space = ? AND number > 0", (space,))


def effective_about(connection: sqlite3.Connection, index: SpaceIndex, subject: bytes) -> list[Stored]:
    """Return the changes about a subject, itself included, but for void ones."""
    first = number_of(connection, subject)
    numbers = {*numbers_about(connection, index.no, subject), *([first] if first else [])}
    return read_changes(connection, index, sorted(numbers - void_among(connection, numbers)))


def void_among(connection: sqlite3.Connection, numbers: Iterable[int]) -> set[int]:
    """Return which of some changes are void."""
    listed = "[" + ",".join(map(str, numbers)) + "]"
    rows = connection.execute("SELECT number FROM void WHERE number IN (SELECT value FROM json_each(?))", (listed,))
    return {row[0] for row in rows}


def void_numbers(connection: sqlite3.Connection) -> set[int]:
    """Return the numbers of all void changes."""
    return {row[0] for row in connection.execute("SELECT number FROM void")}


def void_talk_of(connection: sqlite3.Connection, space: int, person: bytes) -> list[int]:
    """Return the void changes of talk of a person's own forked logs, in the order of each log."""
    rows = connection.execute(
        "SELECT change.number FROM void JOIN change USING (number) JOIN log ON log.no = change.log"
        " WHERE log.space = ? AND log.person = ? AND log.forked IS NOT NULL AND class = ?"
        " ORDER BY log.no, change.seq, change.number",
        (space, person, TALK),
    )
    return [row[0] for row in rows]


def subjects_of(connection: sqlite3.Connection, space: int, numbers: list[int]) -> set[bytes]:
    """Return what these changes are about, themselves included."""
    subjects = set()
    for number in numbers:
        subjects.add(connection.execute("SELECT id FROM change WHERE number = ?", (number,)).fetchone()[0])
        rows = connection.execute("SELECT subject FROM about WHERE space = ? AND number = ?", (space, number))
        subjects |= {row[0] for row in rows}
    return subjects
