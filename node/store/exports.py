"""What an export asks of the read model. Runs in the database's thread, on a bare connection."""

import sqlite3


def post_numbers(connection: sqlite3.Connection, space: int) -> list[int]:
    """Return the numbers of all posts of a space, oldest first, so that each stands before its answers."""
    rows = connection.execute("SELECT number FROM post WHERE space = ? ORDER BY number", (space,))
    return [row[0] for row in rows]
