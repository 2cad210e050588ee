"""Pictures and files by the hash of their bytes. Runs in the database's thread, on a bare connection."""

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from crdt.change import digest
from identity.errors import Refused, StoreError
from node.domain.media import MAX_MEDIA_BYTES, media_type_of
from node.domain.posts import unpack_media

_HAS = "SELECT 1 FROM blob WHERE hash = ?"


class Blob(NamedTuple):
    """A file: `hash` is the BLAKE2b-256 of its bytes, `size` in bytes."""

    hash: bytes
    media_type: str
    size: int
    data: bytes


def make_blob(data: bytes) -> Blob:
    """Return a file as it is kept; its type is told from its bytes.

    Raises:
        Refused: if it is too large, or of a type that is not kept.
    """
    if len(data) > MAX_MEDIA_BYTES:
        raise Refused(f"a file may have {MAX_MEDIA_BYTES:,} bytes; this has {len(data):,}")
    media_type = media_type_of(data)
    if media_type is None:
        raise Refused("this is no picture, sound or film of a kind that is kept here")
    return Blob(digest(data), media_type, len(data), data)


def add_blobs(connection: sqlite3.Connection, blobs: Iterable[Blob]) -> None:
    """Keep files; one that is here already stays as it is."""
    connection.executemany("INSERT OR IGNORE INTO blob(hash, media_type, size, data) VALUES(?, ?, ?, ?)", blobs)


def get_blob(connection: sqlite3.Connection, hash_: bytes) -> Blob | None:
    """Return a file, or None if it is not here.

    Raises:
        StoreError: if its bytes are not those that were put in.
    """
    row = connection.execute("SELECT hash, media_type, size, data FROM blob WHERE hash = ?", (hash_,)).fetchone()
    if row is None:
        return None
    blob = Blob(*row)
    if digest(blob.data) != hash_:
        raise StoreError("a file in this folder was damaged; run `commons doctor`")
    return blob


def shown_in(connection: sqlite3.Connection, space: int, hash_: bytes) -> bool:
    """Tell whether a post of a space shows a file."""
    sql = "SELECT EXISTS(SELECT 1 FROM post WHERE space = ? AND media IS NOT NULL AND instr(media, ?))"
    return bool(connection.execute(sql, (space, hash_.hex().encode())).fetchone()[0])


def missing_blobs(connection: sqlite3.Connection, space: int) -> list[bytes]:
    """Return which files the posts of a space show and this node lacks, the newest post's first."""
    rows = connection.execute(
        "SELECT media FROM post WHERE space = ? AND media IS NOT NULL ORDER BY number DESC", (space,)
    ).fetchall()
    wanted = dict.fromkeys(media.hash for (packed,) in rows for media in unpack_media(packed))
    return [hash_ for hash_ in wanted if not connection.execute(_HAS, (hash_,)).fetchone()]


def blob_hashes(connection: sqlite3.Connection) -> list[bytes]:
    """Return the hash of every file."""
    return [row[0] for row in connection.execute("SELECT hash FROM blob ORDER BY hash")]
