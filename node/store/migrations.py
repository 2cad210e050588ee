"""Bringing a file that an earlier version wrote to the present schema: a step at a time, each in one transaction."""

import sqlite3
from collections.abc import Callable, Mapping

Step = Callable[[sqlite3.Connection], None]


def _has_table(connection: sqlite3.Connection, name: str) -> bool:
    sql = "SELECT EXISTS(SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?)"
    return bool(connection.execute(sql, (name,)).fetchone()[0])


def order_by_date(connection: sqlite3.Connection) -> None:
    """Give posts the date by which they are ordered; their indexes are made anew with the read model's tables."""
    if not _has_table(connection, "post"):
        return
    dated = "dated INTEGER GENERATED ALWAYS AS (min(coalesce(published, time), time)) VIRTUAL"
    connection.execute(f"ALTER TABLE post ADD COLUMN {dated}")
    for index in ("post_feed", "post_thread", "post_log"):
        connection.execute(f"DROP INDEX IF EXISTS {index}")


def search_pages(connection: sqlite3.Connection) -> None:
    """Put the texts of pages into a search index."""
    if not _has_table(connection, "document"):
        return
    connection.execute(
        "CREATE VIRTUAL TABLE page_search USING fts5("
        "title, body, space UNINDEXED, id UNINDEXED, tokenize='unicode61 remove_diacritics 2')"
    )
    pages = "SELECT title, body, space, id FROM document WHERE owner = x''"
    connection.execute(f"INSERT INTO page_search(title, body, space, id) {pages}")


def move_profiles(connection: sqlite3.Connection) -> None:
    """Leave only pages among the documents: profiles are fields now, and have tables of their own."""
    if not _has_table(connection, "document"):
        return
    connection.execute("DROP INDEX IF EXISTS document_owner")
    connection.execute("DELETE FROM document WHERE owner != x''")
    connection.execute("ALTER TABLE document DROP COLUMN owner")


STEPS: Mapping[int, Step] = {1: order_by_date, 2: search_pages, 3: move_profiles}
"""What leads from each earlier schema to the one after it."""


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Take a file from the schema it has to the present one; a step that fails leaves the file as it was.

    Raises:
        sqlite3.Error: if a step does not go through.
    """
    while version in STEPS:
        connection.execute("BEGIN IMMEDIATE")
        try:
            STEPS[version](connection)
            connection.execute(f"PRAGMA user_version={version + 1}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        version += 1
