"""What a member said and can still take back: kept until its time, then signed. Runs in the database's thread."""

import sqlite3
from typing import NamedTuple

from identity.errors import Refused

HELD_MS = 2**53 - 1
"""When something is due that waits until something else has changed."""


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


def settle_pending(connection: sqlite3.Connection, no: int) -> None:
    """Remove a command that is being signed in this transaction.

    Raises:
        Refused: if it was taken back meanwhile.
    """
    if connection.execute("DELETE FROM pending WHERE no = ?", (no,)).rowcount == 0:
        raise Refused("this was taken back before it was signed")


def postpone_pending(connection: sqlite3.Connection, no: int, due: int) -> None:
    """Let a command wait longer."""
    connection.execute("UPDATE pending SET due = ? WHERE no = ?", (due, no))
