"""What pages and the API ask of profiles and consents. Runs in the database's thread, on a bare connection."""

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from node.domain.consents import ConsentRow
from node.domain.profiles import SOME, FieldRow

_FIELDS = f"SELECT {', '.join(FieldRow._fields)} FROM profile"
_FIRST_POSTS = 20
_CONSENTS = f"SELECT {', '.join(ConsentRow._fields)} FROM consent"


def fields_of(connection: sqlite3.Connection, space: int, person: bytes) -> list[FieldRow]:
    """Return what a person says of themselves in a space, as far as it is not sealed."""
    rows = connection.execute(f"{_FIELDS} WHERE space = ? AND person = ? ORDER BY field", (space, person))
    return [FieldRow(*row) for row in rows]


def sealed_fields(connection: sqlite3.Connection, space: int, person: bytes) -> list[FieldRow]:
    """Return the fields that a person seals to some devices."""
    sql = f"{_FIELDS} WHERE space = ? AND person = ? AND audience = ? ORDER BY field"
    return [FieldRow(*row) for row in connection.execute(sql, (space, person, SOME))]


def plain_fields(connection: sqlite3.Connection, space: int, names: Iterable[str]) -> list[FieldRow]:
    """Return the fields of these names that everybody in a space may read."""
    sql = f"{_FIELDS} WHERE space = ? AND field IN (SELECT value FROM json_each(?)) AND value != ''"
    listed = "[" + ",".join(f'"{name}"' for name in names) + "]"
    return [FieldRow(*row) for row in connection.execute(sql, (space, listed))]


def consents_of(connection: sqlite3.Connection, space: int, person: bytes) -> list[ConsentRow]:
    """Return everything that a person consented to in a space, withdrew, or was asked for."""
    rows = connection.execute(f"{_CONSENTS} WHERE space = ? AND person = ?", (space, person))
    return [ConsentRow(*row) for row in rows]


def consents_asked_by(connection: sqlite3.Connection, space: int, person: bytes) -> list[ConsentRow]:
    """Return the consents that others gave, withdrew or owe towards one person."""
    rows = connection.execute(f"{_CONSENTS} WHERE space = ? AND by = ?", (space, person))
    return [ConsentRow(*row) for row in rows]


def consents_to(connection: sqlite3.Connection, space: int, use: str) -> dict[bytes, dict[bytes, ConsentRow]]:
    """Return what people said to one use: by subject, then by whom it is towards."""
    found: dict[bytes, dict[bytes, ConsentRow]] = {}
    for row in connection.execute(f"{_CONSENTS} WHERE space = ? AND use = ?", (space, use)):
        consent = ConsentRow(*row)
        found.setdefault(consent.person, {})[consent.by] = consent
    return found


class Hello(NamedTuple):
    """How a newcomer arrived: their first post, in which thread, and whether anybody has answered any of theirs."""

    post: bytes | None
    thread: bytes | None
    is_greeted: bool


def hello_of(connection: sqlite3.Connection, space: int, person: bytes) -> Hello:
    """Return how a newcomer arrived; of who writes much the first posts are looked at."""
    logs = connection.execute("SELECT no FROM log WHERE space = ? AND person = ?", (space, person)).fetchall()
    of_log = (
        "SELECT post.dated, post.number, change.id, coalesce(post.thread, change.id) FROM post"
        " JOIN change USING (number) WHERE post.log = ? AND retracted = 0 ORDER BY post.dated, post.number LIMIT ?"
    )  # log by log, in the order of an index: all that somebody wrote would have to be sorted
    rows = sorted(row for (log,) in logs for row in connection.execute(of_log, (log, _FIRST_POSTS)))
    first = [(post, thread) for _, _, post, thread in rows[:_FIRST_POSTS]]
    answered = (
        "SELECT 1 FROM post JOIN log ON log.no = post.log"
        " WHERE post.thread = ? AND post.parent = ? AND retracted = 0 AND log.person != ? LIMIT 1"
    )
    is_greeted = any(connection.execute(answered, (thread, post, person)).fetchone() for post, thread in first)
    post, thread = first[0] if first else (None, None)
    return Hello(post, thread, is_greeted)


def naming(connection: sqlite3.Connection, space: int, did: str, after: int, limit: int) -> list[int]:
    """Return the numbers of the newest posts, stored after a change, in which a key stands; its letters are a word."""
    found = connection.execute(
        "SELECT post.number FROM search JOIN post ON post.number = search.rowid"
        " WHERE search MATCH ? AND post.number > ? AND post.space = ? AND retracted = 0"
        " ORDER BY search.rowid DESC LIMIT ?",
        (f'"{did.rpartition(":")[2]}"', after, space, limit),
    )
    return [row[0] for row in found]
