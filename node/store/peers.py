"""The book of peers on disk. Runs in the database's thread, on a bare connection."""

import sqlite3
from collections.abc import Sequence

Row = tuple[bytes, list[str], int | None]


def read_peers(connection: sqlite3.Connection) -> list[Row]:
    """Return who was known: device, addresses, when last seen in ms; the latest first."""
    rows = connection.execute("SELECT device, addresses, seen FROM peer ORDER BY seen DESC")
    return [(device, addresses.split("\n"), seen) for device, addresses, seen in rows]


def write_peers(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Write down who is known."""
    values = [(device, "\n".join(addresses), seen) for device, addresses, seen in rows]
    connection.executemany("INSERT OR REPLACE INTO peer VALUES(?, ?, ?)", values)
