"""How a database file is, looked at from outside: beside a running node, or where it can no longer be opened."""

import fcntl
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from identity.errors import StoreError
from node.store.database import LOCK_NAME, SCHEMA_VERSION, translated

T = TypeVar("T")
MAX_LINES = 20


def holder(folder: Path) -> str | None:
    """Return the process that has a folder, or None if nobody has it; takes nothing itself."""
    try:
        descriptor = os.open(folder / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
    finally:
        os.close(descriptor)
    return None


def look(path: Path, work: Callable[[sqlite3.Connection], T]) -> T:
    """Run `work` on a connection that cannot write.

    Raises:
        StoreError: if the file is missing or damaged; the words say what SQLite said.
    """
    try:
        with closing(open_read_only(path)) as connection:
            return work(connection)
    except sqlite3.Error as error:
        raise translated(error) from error


def open_read_only(path: Path, *, immutable: bool = False) -> sqlite3.Connection:
    """Open a file that nobody may write through this; an immutable one is read without what its WAL adds."""
    mode = "mode=ro&immutable=1" if immutable else "mode=ro"
    return sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True, isolation_level=None)


def schema_fault(connection: sqlite3.Connection) -> str | None:
    """Return why this program cannot open the schema that a file has, or None."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        return f"a newer version of commons wrote the database (schema {version}; this one knows {SCHEMA_VERSION})"
    return None


def quick_check(connection: sqlite3.Connection) -> list[str]:
    """Return what SQLite finds wrong with a file, a line each; nothing if it is whole."""
    lines = [str(row[0]) for row in connection.execute(f"PRAGMA quick_check({MAX_LINES})")]
    return [] if lines == ["ok"] else lines


def latest_time(connection: sqlite3.Connection, author: bytes) -> int:
    """Return the latest time that a device's own changes claim, in ms since the epoch; 0 if there are none."""
    return int(connection.execute("SELECT coalesce(max(time), 0) FROM log WHERE author = ?", (author,)).fetchone()[0])


def copy_database(path: Path, target: Path) -> None:
    """Copy a database as it stands, also while a node writes to it.

    Raises:
        StoreError: if it cannot be read, or the copy not be written.
    """
    try:
        with closing(open_read_only(path)) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
    except sqlite3.Error as error:
        raise StoreError(f"the database could not be copied: {error}") from error
