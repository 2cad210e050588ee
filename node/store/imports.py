"""What a person has imported already. Runs in the database's thread, on a bare connection."""

import sqlite3
from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Placed(NamedTuple):
    """Where an imported post stands: its id, and the id of the first post of its thread (its own if it is that)."""

    id: bytes
    thread: bytes


def placed(connection: sqlite3.Connection, space: int, people: Mapping[bytes, bytes]) -> dict[bytes, Placed]:
    """Return, of source hashes, each with a person, where that person has imported it to, by any of their devices."""
    sql = (
        "SELECT change.id, coalesce(post.thread, change.id) FROM post JOIN change USING (number)"
        " JOIN log ON log.no = post.log"
        " WHERE post.space = ? AND post.source = ? AND log.person = ? ORDER BY post.number LIMIT 1"
    )
    found = {}
    for source, person in people.items():
        row = connection.execute(sql, (space, source, person)).fetchone()
        if row:
            found[source] = Placed(*row)
    return found


def authors_of(connection: sqlite3.Connection, ids: Iterable[bytes]) -> dict[bytes, bytes]:
    """Return who said some changes, by their ids, of those that are here."""
    sql = (
        "SELECT log.person FROM change JOIN log ON log.no = change.log"
        " WHERE substr(change.id, 1, 8) = ? AND change.id = ? AND log.person IS NOT NULL"
    )
    rows = ((id_, connection.execute(sql, (id_[:8], id_)).fetchone()) for id_ in ids)
    return {id_: row[0] for id_, row in rows if row}


def posts_here(connection: sqlite3.Connection, space: int, ids: Iterable[bytes]) -> dict[bytes, Placed]:
    """Return, of some ids, those that are posts of a space."""
    sql = (
        "SELECT change.id, coalesce(post.thread, change.id) FROM change JOIN post USING (number)"
        " WHERE substr(change.id, 1, 8) = ? AND change.id = ? AND post.space = ?"
    )
    found = {}
    for id_ in ids:
        row = connection.execute(sql, (id_[:8], id_, space)).fetchone()
        if row:
            found[id_] = Placed(*row)
    return found
