"""Forked logs on disk: the proof, and what is void. Runs in the database's thread.

What is void is told by `crdt.standing`. Void changes stay on disk; a fold passes over them.
"""

import sqlite3
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from crdt.change import TALK, Change, encode_change
from crdt.history import Log
from crdt.pasts import Pasts
from crdt.standing import Node
from node.store.log import SpaceIndex, Stored, as_parent, number_of, read_changes, read_deps
from node.store.readmodel import numbers_about

MAX_BRANCH = 512


class Fork(NamedTuple):
    """Two different changes that one device signed for one place in its log, as they stand alone."""

    author: bytes
    seq: int
    one: bytes
    other: bytes


class Turned(NamedTuple):
    """What becomes void, and what was void and has effect again."""

    void: AbstractSet[int] = frozenset()
    back: AbstractSet[int] = frozenset()


NOTHING_TURNED = Turned()


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


def end_before(connection: sqlite3.Connection, pasts: Pasts, log: Log, seq: int) -> Log:
    """Return how a log stands that ends before a sequence number, as far as it is held."""
    row = connection.execute(
        "SELECT id, seq, time, number, depth, past, class FROM change WHERE log = ? AND seq < ?"
        " ORDER BY seq DESC, number LIMIT 1",
        (log.number, seq),
    ).fetchone()
    ended = Log(log.author, log.number, forked=seq, standing=log.standing)
    if row:
        ended.head, ended.seq, ended.time = row[:3]
        ended.parent = as_parent(pasts, *row[3:])
    return ended


def end_of(connection: sqlite3.Connection, pasts: Pasts, log: Log) -> Log:
    """Return how a log stands that goes on as far as it is held."""
    (last,) = connection.execute("SELECT coalesce(max(seq), 0) FROM change WHERE log = ?", (log.number,)).fetchone()
    whole = end_before(connection, pasts, log, last + 1)
    whole.forked = None
    return whole


def read_nodes(
    connection: sqlite3.Connection, index: SpaceIndex, ends: Mapping[int, int], persons: Mapping[int, bytes]
) -> dict[int, Node]:
    """Return the changes beyond the ends of logs, and all that came since the first of them.

    `ends` tells from which place on a log is void, `persons` whose each log is, both by the numbers of logs.
    """
    sql = "SELECT min(number) FROM change WHERE log = ? AND seq >= ?"
    firsts = [connection.execute(sql, end).fetchone()[0] for end in ends.items()]
    first = min((number for number in firsts if number is not None), default=None)
    if first is None:
        return {}
    rows = connection.execute(
        "SELECT number, log, seq, deps FROM change WHERE number >= ? AND +log IN (SELECT no FROM log WHERE space = ?)"
        " ORDER BY number",
        (first, index.no),
    )
    nodes: dict[int, Node] = {}
    places: dict[tuple[int, int], list[int]] = {}
    for number, log, seq, deps in rows.fetchall():
        parents = [number - distance for distance in read_deps(deps)]
        end = ends.get(log)
        before = places.get((log, seq - 1 if end is not None and seq > end else 0), ())
        parents += before if len(before) < 2 else _branch_before(connection, index, number)
        nodes[number] = Node(persons[log], tuple(parents), end is not None and seq >= end)
        if end is None or seq < end:
            places[log, 0] = [number]
        else:
            places.setdefault((log, seq), []).append(number)
    return nodes


def _branch_before(connection: sqlite3.Connection, index: SpaceIndex, number: int) -> list[int]:
    """Return the number of the change that one names as the one before it, where its log holds several for a place."""
    before = number_of(connection, read_changes(connection, index, [number])[0].change.header.prev)
    return [before] if before is not None else []


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


def reset_tips(connection: sqlite3.Connection, space: int) -> None:
    """Begin anew with the heads of all logs as tips: void changes are named by nobody."""
    connection.execute("DELETE FROM tip WHERE space = ?", (space,))
    connection.execute("INSERT INTO tip SELECT space, number FROM log WHERE space = ? AND number > 0", (space,))


def effective_about(
    connection: sqlite3.Connection, index: SpaceIndex, subject: bytes, turned: Turned = NOTHING_TURNED
) -> list[Stored]:
    """Return the changes about a subject, itself included, but for void ones; `turned` is about to be written."""
    first = number_of(connection, subject)
    numbers = {*numbers_about(connection, index.no, subject), *([first] if first else [])}
    void = (void_among(connection, numbers) | turned.void) - turned.back
    return read_changes(connection, index, sorted(numbers - void))


def void_among(connection: sqlite3.Connection, numbers: Iterable[int]) -> set[int]:
    """Return which of some changes are void."""
    listed = "[" + ",".join(map(str, numbers)) + "]"
    rows = connection.execute("SELECT number FROM void WHERE number IN (SELECT value FROM json_each(?))", (listed,))
    return {row[0] for row in rows}


def void_numbers(connection: sqlite3.Connection, space: int) -> set[int]:
    """Return the numbers of all void changes of a space."""
    log = "(SELECT log FROM change WHERE change.number = void.number)"
    rows = connection.execute(f"SELECT number FROM void WHERE (SELECT space FROM log WHERE no = {log}) = ?", (space,))
    return {row[0] for row in rows}


def write_turned(connection: sqlite3.Connection, turned: Turned) -> None:
    """Write what became void, and what has effect again."""
    connection.executemany("INSERT OR IGNORE INTO void VALUES(?)", [(number,) for number in sorted(turned.void)])
    connection.executemany("DELETE FROM void WHERE number = ?", [(number,) for number in sorted(turned.back)])


def void_talk_of(connection: sqlite3.Connection, space: int, person: bytes) -> list[int]:
    """Return the void changes of talk of a person's own forked logs, in the order of each log."""
    rows = connection.execute(
        "SELECT change.number FROM void JOIN change USING (number) JOIN log ON log.no = change.log"
        " WHERE log.space = ? AND log.person = ? AND log.forked IS NOT NULL AND class = ?"
        " ORDER BY log.no, change.seq, change.number",
        (space, person, TALK),
    )
    return [row[0] for row in rows]


def subjects_of(connection: sqlite3.Connection, space: int, numbers: AbstractSet[int]) -> set[bytes]:
    """Return what these changes are about: another subject, or themselves."""
    if not numbers:
        return set()
    rows = connection.execute("SELECT subject, number FROM about WHERE space = ?", (space,))
    about = {number: subject for subject, number in rows if number in numbers}
    ids = (connection.execute("SELECT id FROM change WHERE number = ?", (number,)) for number in numbers - about.keys())
    return {*about.values(), *(row.fetchone()[0] for row in ids)}
