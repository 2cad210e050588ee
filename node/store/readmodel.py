"""The read model: rows that pages and searches read. It can be thrown away and is rebuilt from the log.

A row class (a NamedTuple of the domain) gives its table: fields are columns, `number` is the key. Texts of
posts and of pages are searchable. `dated` is when a reader would say that a post was written: an imported one on its
original date, but never later than it was signed, so that no date keeps a post at the top.

Everything here runs in the database's thread, on a bare connection.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

from node.domain.consents import ConsentRow
from node.domain.documents import DocumentRow
from node.domain.posts import Post, unpack_media
from node.domain.profiles import FieldRow
from node.store.bulk import insert_many

_TABLES = """
CREATE TABLE IF NOT EXISTS post(
  number INTEGER PRIMARY KEY, space INTEGER, log INTEGER, time INTEGER, text TEXT, thread BLOB, parent BLOB,
  media BLOB, edited INTEGER, versions INTEGER, retracted INTEGER, published INTEGER, address TEXT, source BLOB,
  dated INTEGER GENERATED ALWAYS AS (min(coalesce(published, time), time)) VIRTUAL);
CREATE INDEX IF NOT EXISTS post_feed ON post(space, dated) WHERE thread IS NULL;
CREATE INDEX IF NOT EXISTS post_thread ON post(thread, dated) WHERE thread IS NOT NULL;
CREATE INDEX IF NOT EXISTS post_source ON post(space, source) WHERE source IS NOT NULL;
CREATE INDEX IF NOT EXISTS post_media ON post(space) WHERE media IS NOT NULL;
CREATE INDEX IF NOT EXISTS post_log ON post(log, dated);
CREATE INDEX IF NOT EXISTS post_brought ON post(space, time) WHERE published IS NOT NULL;
CREATE TABLE IF NOT EXISTS document(
  space INTEGER, id BLOB, title TEXT, body TEXT, number INTEGER, edits INTEGER, time INTEGER,
  PRIMARY KEY(space, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS profile(
  space INTEGER, person BLOB, field TEXT, id BLOB, audience TEXT, label TEXT, value TEXT, sealed BLOB, said BLOB,
  time INTEGER, PRIMARY KEY(space, person, field)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS profile_id ON profile(space, id);
CREATE TABLE IF NOT EXISTS consent(
  space INTEGER, id BLOB, person BLOB, use TEXT, by BLOB, version INTEGER, given INTEGER, asked INTEGER, time INTEGER,
  PRIMARY KEY(space, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS consent_person ON consent(space, person, use);
CREATE INDEX IF NOT EXISTS consent_by ON consent(space, by);
"""
_SEARCHES = {
    "search": """CREATE VIRTUAL TABLE IF NOT EXISTS search USING fts5(
  text, content='post', content_rowid='number', tokenize="unicode61 remove_diacritics 2", detail='full')""",
    "page_search": """CREATE VIRTUAL TABLE IF NOT EXISTS page_search USING fts5(
  title, body, space UNINDEXED, id UNINDEXED, tokenize="unicode61 remove_diacritics 2")""",
}
_SEARCH_NAMES = {"search": "the search of posts", "page_search": "the search of pages"}
_DROP = """
DROP TABLE IF EXISTS search; DROP TABLE IF EXISTS page_search; DROP TABLE IF EXISTS post;
DROP TABLE IF EXISTS document; DROP TABLE IF EXISTS profile; DROP TABLE IF EXISTS consent; DELETE FROM about;
"""
_BY_ID = ("document", "profile", "consent")
"""The tables of what is known by an id that no change has."""

_POST_COLUMNS = Post._fields
_MANY = 32
FIND_RANGE = "INSERT INTO search(rowid, text) SELECT number, text FROM post WHERE number BETWEEN ? AND ?"


def create_tables(connection: sqlite3.Connection) -> None:
    """Make the read model's tables where they are missing."""
    connection.executescript(_TABLES)
    for sql in _SEARCHES.values():
        connection.execute(sql)


def drop_tables(connection: sqlite3.Connection) -> None:
    """Throw the read model away."""
    connection.executescript(_DROP)
    create_tables(connection)


def forget_space(connection: sqlite3.Connection, space: int) -> None:
    """Throw the rows of one space away, also those that were altered so that they name another one."""
    numbers = "SELECT number FROM change WHERE log IN (SELECT no FROM log WHERE space = ?1)"
    connection.execute(f"DELETE FROM post WHERE space = ?1 OR number IN ({numbers})", (space,))
    for table in (*_BY_ID, "about"):
        connection.execute(f"DELETE FROM {table} WHERE space = ?", (space,))
    _renew_searches(connection)


def _renew_searches(connection: sqlite3.Connection) -> None:
    """Make the searches anew from the rows there are: what was altered on disk is not asked what to take out."""
    for table, sql in _SEARCHES.items():
        connection.execute(f"DROP TABLE IF EXISTS {table}")
        connection.execute(sql)
    connection.execute("INSERT INTO search(search) VALUES('rebuild')")
    connection.execute("INSERT INTO page_search(title, body, space, id) SELECT title, body, space, id FROM document")


def add_posts(connection: sqlite3.Connection, rows: Sequence[Post]) -> None:
    """Add rows that are not there yet."""
    insert_many(connection, "post", _POST_COLUMNS, rows)
    numbers = [row.number for row in rows]
    if len(rows) >= _MANY and _are_alone(connection, min(numbers), max(numbers), len(rows)):
        connection.execute(FIND_RANGE, (min(numbers), max(numbers)))
    else:
        insert_many(connection, "search", ("rowid", "text"), [(row.number, row.text) for row in rows])


def _are_alone(connection: sqlite3.Connection, first: int, last: int, count: int) -> bool:
    """Tell whether there are so many posts with these numbers: what was just added, and no other."""
    found = connection.execute("SELECT count(*) FROM post WHERE number BETWEEN ? AND ?", (first, last)).fetchone()
    return bool(found[0] == count)


def replace_posts(connection: sqlite3.Connection, rows: Iterable[Post]) -> None:
    """Put rows in place of what was there; files that the new rows show too stay."""
    for row in rows:
        files = remove_posts(connection, [row.number])
        add_posts(connection, [row])
        drop_unused(connection, files)


def remove_posts(connection: sqlite3.Connection, numbers: Iterable[int]) -> list[bytes]:
    """Take rows away, where they are there; returns the hashes of the files that they showed."""
    files: list[bytes] = []
    for number in numbers:
        old = connection.execute("SELECT text, media FROM post WHERE number = ?", (number,)).fetchone()
        if old:
            connection.execute("INSERT INTO search(search, rowid, text) VALUES('delete', ?, ?)", (number, old[0]))
            connection.execute("DELETE FROM post WHERE number = ?", (number,))
            files += [media.hash for media in unpack_media(old[1])]
    return files


def drop_unused(connection: sqlite3.Connection, hashes: Iterable[bytes]) -> None:
    """Drop files that no post shows any more: what was taken back goes with its pictures."""
    for hash_ in hashes:
        used = "SELECT EXISTS(SELECT 1 FROM post WHERE media IS NOT NULL AND instr(media, ?))"
        if not connection.execute(used, (hash_.hex().encode(),)).fetchone()[0]:
            connection.execute("DELETE FROM blob WHERE hash = ?", (hash_,))


def forget_words(connection: sqlite3.Connection) -> None:
    """Write the search index anew without what was taken out of it: until then its old parts still hold the words."""
    connection.execute("INSERT INTO search(search) VALUES('optimize')")


def replace_documents(connection: sqlite3.Connection, rows: Sequence[DocumentRow]) -> None:
    """Put documents in place of what was there; the words of pages are searchable."""
    insert_many(connection, "document", DocumentRow._fields, rows, "INSERT OR REPLACE")
    pages = [(row.title, row.body, row.space, row.id) for row in rows]
    connection.executemany("DELETE FROM page_search WHERE space = ? AND id = ?", [page[2:] for page in pages])
    insert_many(connection, "page_search", ("title", "body", "space", "id"), pages)


def replace_fields(connection: sqlite3.Connection, rows: Sequence[FieldRow]) -> None:
    """Put fields of profiles in place of what was there."""
    insert_many(connection, "profile", FieldRow._fields, rows, "INSERT OR REPLACE")


def replace_consents(connection: sqlite3.Connection, rows: Sequence[ConsentRow]) -> None:
    """Put consents in place of what was there."""
    insert_many(connection, "consent", ConsentRow._fields, rows, "INSERT OR REPLACE")


def remove_subjects(connection: sqlite3.Connection, space: int, subjects: Iterable[bytes]) -> None:
    """Take away the rows of what nothing that counts is said about any more."""
    ids = [(space, subject) for subject in subjects]
    for table in _BY_ID:
        connection.executemany(f"DELETE FROM {table} WHERE space = ? AND id = ?", ids)
    connection.executemany("DELETE FROM page_search WHERE space = ? AND id = ?", ids)


def write_about(connection: sqlite3.Connection, space: int, about: Iterable[tuple[bytes, int]]) -> None:
    """Note which changes are about which subject."""
    rows = [(space, subject, number) for subject, number in about]
    connection.executemany("INSERT OR IGNORE INTO about VALUES(?, ?, ?)", rows)


def numbers_about(connection: sqlite3.Connection, space: int, subject: bytes) -> list[int]:
    """Return the numbers of the changes about a subject, other than the one that began it."""
    rows = connection.execute("SELECT number FROM about WHERE space = ? AND subject = ?", (space, subject))
    return [row[0] for row in rows]


def subjects_among(connection: sqlite3.Connection, space: int, subjects: Iterable[bytes]) -> list[bytes]:
    """Return those of some subjects about which something was said."""
    sql = "SELECT 1 FROM about WHERE space = ? AND subject = ? LIMIT 1"
    return [each for each in subjects if connection.execute(sql, (space, each)).fetchone()]


def dangling_subjects(connection: sqlite3.Connection, space: int) -> set[bytes]:
    """Return what something was said about that has not come itself; what has an id of its own need not come."""
    known = (f"NOT EXISTS(SELECT 1 FROM {table} WHERE {table}.space = ?1 AND {table}.id = subject)" for table in _BY_ID)
    rows = connection.execute(
        "SELECT DISTINCT subject FROM about WHERE space = ?1 AND NOT EXISTS("
        "SELECT 1 FROM change WHERE substr(id, 1, 8) = substr(subject, 1, 8) AND id = subject)"
        f" AND {' AND '.join(known)}",
        (space,),
    )
    return {row[0] for row in rows}


_SHOWN_POSTS = (
    "SELECT change.id, log.person, post.time, text, thread, parent, media, edited, versions, retracted, published,"
    " address, source FROM post JOIN change USING (number) JOIN log ON log.no = post.log"
    " WHERE post.space = ? ORDER BY change.id"
)
_SHOWN_DOCUMENTS = "SELECT id, title, body, edits, time FROM document WHERE space = ? ORDER BY id"
_SHOWN_FIELDS = (
    "SELECT person, field, id, audience, label, value, sealed, said, time FROM profile"
    " WHERE space = ? ORDER BY person, field"
)
_SHOWN_CONSENTS = "SELECT id, person, use, by, version, given, asked, time FROM consent WHERE space = ? ORDER BY id"
_ABOUT = (  # what an erased body was about is not known any more once the rows were made anew
    "SELECT subject, number FROM about JOIN change USING (number) WHERE space = ? AND change.body IS NOT NULL"
    " ORDER BY subject, number"
)
_PARTS = {
    "posts": (_SHOWN_POSTS, "SELECT number, log FROM post WHERE space = ? ORDER BY number"),
    "pages": (_SHOWN_DOCUMENTS, "SELECT id, number FROM document WHERE space = ? ORDER BY id"),
    "profiles": (_SHOWN_FIELDS,),
    "consents": (_SHOWN_CONSENTS,),
    "what is about what": (_ABOUT,),
    _SEARCH_NAMES["page_search"]: ("SELECT id, title, body FROM page_search WHERE space = ? ORDER BY id",),
}


def rows_digest(connection: sqlite3.Connection, space: int) -> bytes:
    """Return a digest of every row, free of this database's own numbers."""
    return _digest(connection, space, (_SHOWN_POSTS, _SHOWN_DOCUMENTS, _SHOWN_FIELDS, _SHOWN_CONSENTS))


def parts_digests(connection: sqlite3.Connection, space: int) -> dict[str, bytes]:
    """Return a digest of each part of the read model, to be compared with that of the same database made anew."""
    return {part: _digest(connection, space, queries) for part, queries in _PARTS.items()}


def _digest(connection: sqlite3.Connection, space: int, queries: Iterable[str]) -> bytes:
    hasher = blake2b(digest_size=16)
    usual = connection.text_factory
    connection.text_factory = _even_if_garbled
    try:
        for sql in queries:
            for row in connection.execute(sql, (space,)):
                hasher.update(repr(row).encode())
    finally:
        connection.text_factory = usual
    return hasher.digest()


def _even_if_garbled(text: bytes) -> str:
    return text.decode(errors="surrogateescape")


def search_faults(connection: sqlite3.Connection) -> list[str]:
    """Return which searches do not find what their rows say; to be asked on a connection that may write."""
    return [name for table, name in _SEARCH_NAMES.items() if not _agrees(connection, table)]


def _agrees(connection: sqlite3.Connection, table: str) -> bool:
    try:
        connection.execute(f"INSERT INTO {table}({table}, rank) VALUES('integrity-check', 1)")
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_CORRUPT:
            return False
        raise
    return True


def query(connection: sqlite3.Connection, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Return all rows of a query."""
    return connection.execute(sql, values).fetchall()
