"""The database file: opening, locking, migrations, and errors in words that name the way out.

SQLite in WAL, one writer. `Database.run` hands a function to the writer's thread, so that a transaction of many
statements costs one hop. Readers have a connection of their own and never wait for the writer.
"""

import fcntl
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import aiosqlite

from identity.errors import StoreError
from node.store.migrations import migrate

SCHEMA_VERSION = 4
FILE_NAME = "commons.db"
LOCK_NAME = "lock"
KEY_FILES = ("keys.json", "keys.backup")
T = TypeVar("T")

_SCHEMA = """
CREATE TABLE space(
  no INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, discovery BLOB NOT NULL, name TEXT NOT NULL,
  state TEXT NOT NULL, joined INTEGER NOT NULL);
CREATE TABLE log(
  no INTEGER PRIMARY KEY, space INTEGER NOT NULL, author BLOB NOT NULL, person BLOB, seq INTEGER NOT NULL,
  head BLOB NOT NULL, number INTEGER NOT NULL, depth INTEGER NOT NULL, past INTEGER NOT NULL, time INTEGER NOT NULL,
  forked INTEGER, standing INTEGER NOT NULL, UNIQUE(space, author));
CREATE TABLE change(
  number INTEGER PRIMARY KEY, log INTEGER NOT NULL, seq INTEGER NOT NULL, id BLOB NOT NULL, signature BLOB NOT NULL,
  time INTEGER NOT NULL, class INTEGER NOT NULL, secret INTEGER NOT NULL, depth INTEGER NOT NULL,
  past INTEGER NOT NULL, deps BLOB NOT NULL, body BLOB);
CREATE INDEX change_place ON change(log, seq);
CREATE INDEX change_id ON change(substr(id, 1, 8));
CREATE INDEX change_law ON change(number) WHERE class < 2;
CREATE TABLE erased(number INTEGER PRIMARY KEY, body_hash BLOB NOT NULL, body_size INTEGER NOT NULL,
  eraser BLOB NOT NULL);
CREATE TABLE tip(space INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY(space, number)) WITHOUT ROWID;
CREATE TABLE past(space INTEGER NOT NULL, no INTEGER NOT NULL, laws BLOB NOT NULL, PRIMARY KEY(space, no))
  WITHOUT ROWID;
CREATE TABLE secret(no INTEGER PRIMARY KEY, space INTEGER NOT NULL, name BLOB NOT NULL, use TEXT NOT NULL,
  sealed BLOB, UNIQUE(space, name));
CREATE TABLE fork(space INTEGER NOT NULL, author BLOB NOT NULL, seq INTEGER NOT NULL, one BLOB NOT NULL,
  other BLOB NOT NULL, PRIMARY KEY(space, author)) WITHOUT ROWID;
CREATE TABLE void(number INTEGER PRIMARY KEY);
CREATE TABLE about(space INTEGER NOT NULL, subject BLOB NOT NULL, number INTEGER NOT NULL,
  PRIMARY KEY(space, subject, number)) WITHOUT ROWID;
CREATE TABLE unread(number INTEGER PRIMARY KEY, secret INTEGER NOT NULL);
CREATE TABLE refusal(number INTEGER PRIMARY KEY, reason TEXT NOT NULL);
CREATE TABLE dropped(no INTEGER PRIMARY KEY, time INTEGER NOT NULL, peer BLOB, space INTEGER, reason TEXT NOT NULL);
CREATE TABLE ticket(key BLOB PRIMARY KEY, space INTEGER NOT NULL, link TEXT NOT NULL, terms BLOB NOT NULL,
  made INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE peer(device BLOB PRIMARY KEY, addresses TEXT NOT NULL, seen INTEGER) WITHOUT ROWID;
CREATE TABLE reach(space INTEGER NOT NULL, device BLOB NOT NULL, log INTEGER NOT NULL, seq INTEGER NOT NULL,
  PRIMARY KEY(space, log, device)) WITHOUT ROWID;
CREATE TABLE setting(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE pending(no INTEGER PRIMARY KEY, due INTEGER NOT NULL, space INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE blob(hash BLOB PRIMARY KEY, media_type TEXT NOT NULL, size INTEGER NOT NULL, data BLOB NOT NULL);
"""


class Lock:
    """A lock on a node's folder: two processes never open one."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK_NAME
        self._file: int | None = None

    def take(self) -> None:
        """Take the lock.

        Raises:
            StoreError: naming the process that has it.
        """
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "another process"
            os.close(descriptor)
            raise StoreError(f"this folder is in use by process {holder}; close that node first") from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        self._file = descriptor

    def free(self) -> None:
        """Give the lock back."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


class Connection(aiosqlite.Connection):
    """An aiosqlite connection that runs a whole function in its thread."""

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` with the bare connection; SQLite's errors become StoreError.

        Raises:
            StoreError: in words that name the way out.
        """
        try:
            result: T = await self._execute(work, self._conn)  # type: ignore[no-untyped-call]
        except sqlite3.Error as error:
            raise translated(error) from error
        return result


def translated(error: sqlite3.Error) -> StoreError:
    """Return what a SQLite error means to a person."""
    words = str(error)
    if "full" in words:
        return StoreError("the disk is full: nothing new can be kept until there is room; what is here is safe")
    if "malformed" in words or "not a database" in words or "corrupt" in words:
        return StoreError("the database file is damaged; run `commons doctor`: neighbours still hold the changes")
    if "readonly" in words or "read-only" in words:
        return StoreError("this folder cannot be written; check who owns it")
    return StoreError(f"the database failed: {words}")


def connect(path: Path, *, read_only: bool = False) -> Connection:
    """Return a connection that still has to be awaited."""

    def connector() -> sqlite3.Connection:
        where = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}"
        return sqlite3.connect(where, uri=True, isolation_level=None, cached_statements=256)

    return Connection(connector, iter_chunk_size=256)


async def _opened(path: Path, first: Callable[[sqlite3.Connection], None], *, read_only: bool = False) -> Connection:
    """Return an open connection; one that fails is closed again, or its thread would keep the process from ending.

    Raises:
        StoreError: in words that name the way out.
    """
    connection = connect(path, read_only=read_only)
    try:
        await connection
    except sqlite3.Error as error:
        raise translated(error) from error
    try:
        await connection.run(first)
    except BaseException:
        await connection.close()
        raise
    return connection


def prepare(connection: sqlite3.Connection) -> None:
    """Bring an opened file to the present schema, or say why it cannot be.

    Raises:
        StoreError: if a newer program wrote it, or it is damaged.
    """
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise StoreError("a newer version of commons wrote this folder; update commons to open it")
        connection.execute("PRAGMA journal_mode=WAL")
        tune(connection)
        connection.execute("PRAGMA cache_size=-4096")  # writing in order needs few pages at hand
        if version == 0:
            connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version={SCHEMA_VERSION}; COMMIT;")
        else:
            migrate(connection, version)
    except sqlite3.Error as error:
        raise translated(error) from error


def tune(connection: sqlite3.Connection) -> None:
    """Set what every connection needs: durable commits, nothing left of what was deleted, a bounded log file."""
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA secure_delete=ON")
    connection.execute("PRAGMA foreign_keys=OFF")
    connection.execute("PRAGMA temp_store=MEMORY")
    connection.execute("PRAGMA cache_size=-8192")
    connection.execute("PRAGMA wal_autocheckpoint=4000")
    connection.execute("PRAGMA journal_size_limit=33554432")


class Database:
    """One node's file: the writer and a reader."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / FILE_NAME
        self.lock = Lock(folder)
        self.writer: Connection
        self.reader: Connection

    async def open(self) -> None:
        """Lock the folder and open the file.

        Raises:
            StoreError: in words that name the way out.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.lock.take()
        try:
            self._refuse_emptied()
            self.writer = await _opened(self.path, prepare)
            try:
                self.reader = await _opened(self.path, tune, read_only=True)
            except BaseException:
                await self.writer.close()
                raise
        except BaseException:
            self.lock.free()
            raise

    def _refuse_emptied(self) -> None:
        """An empty file beside keys held a person's spaces once; a fresh folder has neither."""
        emptied = self.path.exists() and self.path.stat().st_size == 0
        if emptied and any((self.folder / name).exists() for name in KEY_FILES):
            raise StoreError("the database file was emptied; run `commons doctor`: neighbours still hold the changes")

    async def close(self) -> None:
        """Close both connections and give the folder back."""
        await self.reader.close()
        await self.writer.close()
        self.lock.free()

    async def transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in one transaction that is on disk when this returns; undone whole if it fails."""

        def run(connection: sqlite3.Connection) -> T:
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            return result

        return await self.writer.run(run)

    async def forget(self) -> None:
        """Write the log file into the database and empty it: until then it still holds what was deleted.

        Where somebody is reading, this is left to the next time.
        """
        await self.writer.run(lambda db: db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` on the reader's connection."""
        return await self.reader.run(work)
