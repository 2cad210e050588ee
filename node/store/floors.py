"""Floors for `commons bench`: what SQLite alone takes, with the node's own tables and settings, and what they weigh."""

import os
import sqlite3
import time
from pathlib import Path

from node.store import readmodel
from node.store.bulk import insert_many
from node.store.database import FILE_NAME, prepare, tune

_BATCH = 768
_CHANGE = ("number", "log", "seq", "id", "signature", "time", "class", "secret", "depth", "past", "deps", "body")
_POST = ("number", "space", "log", "time", "text", "edited", "versions", "retracted")
_COMMIT_TABLE = "CREATE TABLE IF NOT EXISTS post(id INTEGER PRIMARY KEY, raw BLOB)"


def sqlite_version() -> str:
    """Return the version of the SQLite that is in use."""
    return sqlite3.sqlite_version


def write_rows(path: Path, texts: list[str], authors: int, sealed_bytes: int) -> float:
    """Write log rows, post rows and their words into a new file; returns the seconds it took.

    Batches and commits are those of a sync; the bodies of the log are `sealed_bytes` of noise.
    """
    connection = sqlite3.connect(path, isolation_level=None)
    prepare(connection)
    readmodel.create_tables(connection)
    bodies = os.urandom(sealed_bytes + len(texts))
    ids = os.urandom(32 * len(texts))
    changes, posts = [], []
    for i, text in enumerate(texts):
        number, log, time_ms = i + 1, i % authors + 1, 1_760_000_000_000 + i * 61
        id_ = ids[32 * i : 32 * i + 32]
        body = bodies[i : i + sealed_bytes]
        changes.append((number, log, i // authors + 1, id_, id_ + id_, time_ms, 2, 2, number, 1, b"\x91\x01", body))
        posts.append((number, 1, log, time_ms, text, None, 1, 0))
    began = time.perf_counter()
    for start in range(0, len(texts), _BATCH):
        part = slice(start, start + _BATCH)
        connection.execute("BEGIN IMMEDIATE")
        insert_many(connection, "change", _CHANGE, changes[part])
        insert_many(connection, "post", _POST, posts[part])
        connection.execute(readmodel.FIND_RANGE, (start + 1, start + _BATCH))
        connection.execute("COMMIT")
    took = time.perf_counter() - began
    connection.close()
    return took


class Commits:
    """A file into which one row after another is committed, each on disk when `commit` returns."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        tune(self._connection)
        self._connection.execute(_COMMIT_TABLE)

    def commit(self, raw: bytes) -> None:
        """Put one row on disk."""
        self._connection.execute("INSERT INTO post(raw) VALUES(?)", (raw,))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def sizes(folder: Path) -> dict[str, int] | None:
    """Return the bytes of each table and index of a closed folder; None if this SQLite cannot tell."""
    connection = sqlite3.connect(f"{(folder / FILE_NAME).absolute().as_uri()}?mode=rw", uri=True)
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        rows = connection.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name").fetchall()
    except sqlite3.OperationalError:
        return None
    finally:
        connection.close()
    return {str(name): int(size) for name, size in rows}


def sizes_by_dropping(folder: Path) -> tuple[int, int]:
    """Return the bytes of a copied folder's file, and of what is left of it without the read model.

    The folder's database is spoilt by it.
    """
    path = folder / FILE_NAME
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        whole = path.stat().st_size
        connection.executescript(
            "DROP TABLE search; DROP TABLE page_search; DROP TABLE post; DROP TABLE document; DELETE FROM about;"
        )
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return whole, path.stat().st_size
    finally:
        connection.close()
