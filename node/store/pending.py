"""What a member said and can still take back: kept until its time, then signed. Runs in the database's thread."""

import sqlite3
from typing import NamedTuple


class PendingRow(NamedTuple):
    """A command waiting to be signed at `due`, in ms since the epoch; `body` is `[kind, fields…]` in msgpack."""

    no: int
    due: int
    space: int
    body: bytes


def add_pending(connection: sqlite3.Connection, row: PendingRow) -> int:
    """Keep a command; returns its number."""
    sql = "INSERT INTO pending(due, space, body) VALUES(?, ?, ?)"
    return int(connection.execute(sql, (row.due, row.space, row.body)).lastrowid or 0)


def list_pending(connection: sqlite3.Connection) -> list[PendingRow]:
    """Return everything that waits, the first due first."""
    return [PendingRow(*row) for row in connection.execute("SELECT no, due, space, body FROM pending ORDER BY due")]


def due_pending(connection: sqlite3.Connection, now_ms: int) -> list[PendingRow]:
    """Return what is due."""
    rows = connection.execute("SELECT no, due, space, body FROM pending WHERE due <= ? ORDER BY due", (now_ms,))
    return [PendingRow(*row) for row in rows]


def take_pending(connection: sqlite3.Connection, no: int) -> PendingRow | None:
    """Remove a command that waits, and return it."""
    row = connection.execute("SELECT no, due, space, body FROM pending WHERE no = ?", (no,)).fetchone()
    connection.execute("DELETE FROM pending WHERE no = ?", (no,))
    return PendingRow(*row) if row else None
