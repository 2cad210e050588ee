"""Spaces, their secrets and this node's tickets on disk. Runs in the database's thread, on a bare connection."""

import sqlite3
from typing import NamedTuple

from node.store.vault import Vault


class SpaceRow(NamedTuple):
    """One space that this node knows; `joined` is when, in ms since the epoch."""

    no: int
    id: bytes
    discovery: bytes
    name: str
    state: str
    joined: int


class TicketRow(NamedTuple):
    """An invitation that this device made; the link with its one-time key is sealed at rest."""

    key: bytes
    space: int
    link: str
    terms: bytes
    made: int


def read_spaces(connection: sqlite3.Connection, vault: Vault) -> list[SpaceRow]:
    """Return all spaces in the order they were joined."""
    rows = connection.execute("SELECT no, id, discovery, name, state, joined FROM space ORDER BY no").fetchall()
    return [SpaceRow(row[0], row[1], vault.open(row[2]), *row[3:]) for row in rows]


def add_space(connection: sqlite3.Connection, vault: Vault, row: SpaceRow) -> int:
    """Add a space and return its number."""
    cursor = connection.execute(
        "INSERT INTO space(id, discovery, name, state, joined) VALUES(?, ?, ?, ?, ?)",
        (row.id, vault.seal(row.discovery), row.name, row.state, row.joined),
    )
    return int(cursor.lastrowid or 0)


def keep_state(connection: sqlite3.Connection, space: int, state: str) -> None:
    """Keep whether this node is a member of a space, waits for that, or has left."""
    connection.execute("UPDATE space SET state = ? WHERE no = ?", (state, space))


def read_secrets(connection: sqlite3.Connection, vault: Vault, space: int) -> tuple[list[bytes], list[bytes]]:
    """Return the law secrets and the talk secrets held for a space, oldest first."""
    rows = connection.execute(
        "SELECT use, sealed FROM secret WHERE space = ? AND sealed IS NOT NULL ORDER BY no", (space,)
    ).fetchall()
    law = [vault.open(sealed) for use, sealed in rows if use == "law"]
    talk = [vault.open(sealed) for use, sealed in rows if use == "talk"]
    return law, talk


def add_ticket(connection: sqlite3.Connection, vault: Vault, row: TicketRow) -> None:
    """Keep an invitation that was made."""
    sealed = vault.seal(row.link.encode()).hex()
    connection.execute("INSERT INTO ticket VALUES(?, ?, ?, ?, ?)", (row.key, row.space, sealed, row.terms, row.made))


def read_tickets(connection: sqlite3.Connection, vault: Vault, space: int) -> list[TicketRow]:
    """Return the invitations made for a space, newest first."""
    rows = connection.execute(
        "SELECT key, space, link, terms, made FROM ticket WHERE space = ? ORDER BY made DESC", (space,)
    ).fetchall()
    return [TicketRow(row[0], row[1], vault.open(bytes.fromhex(row[2])).decode(), *row[3:]) for row in rows]
