"""What one batch changes in the database, written in one transaction."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field

from crdt.change import Change
from crdt.history import Accepted, Log
from node.domain.consents import ConsentRow
from node.domain.documents import DocumentRow
from node.domain.posts import Post
from node.domain.profiles import FieldRow
from node.store import log, readmodel
from node.store.forks import NOTHING_TURNED, Turned, write_turned
from node.store.pending import settle_pending


@dataclass(slots=True)
class Plan:
    """All that follows from the changes accepted of one batch. Numbers are the database's.

    `turned` is what it makes void or gives effect back to; of the void ones in `keeps` the files stay.
    """

    index: log.SpaceIndex
    accepted: Sequence[Accepted]
    logs: list[tuple[Log, bytes | None]] = field(default_factory=list)
    gone_tips: set[int] = field(default_factory=set)
    new_tips: list[int] = field(default_factory=list)
    pasts: list[tuple[int, tuple[int, ...]]] = field(default_factory=list)
    secrets: list[tuple[int, bytes, str, bytes | None]] = field(default_factory=list)
    erased: list[tuple[Change, int, Change]] = field(default_factory=list)
    about: list[tuple[bytes, int]] = field(default_factory=list)
    fresh: list[Post] = field(default_factory=list)
    replaced: list[Post | DocumentRow | FieldRow | ConsentRow] = field(default_factory=list)
    gone: list[bytes] = field(default_factory=list)
    unread: list[tuple[int, int]] = field(default_factory=list)
    read: list[int] = field(default_factory=list)
    refusals: list[tuple[int, str]] = field(default_factory=list)
    turned: Turned = NOTHING_TURNED
    keeps: set[int] = field(default_factory=set)
    state: str | None = None
    settles: int | None = None

    def write(self, connection: sqlite3.Connection) -> None:
        """Write everything; called inside a transaction."""
        space = self.index.no
        insert = "INSERT INTO secret(no, space, name, use, sealed) VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT(space, name)"
        keep = f"{insert} DO UPDATE SET use = excluded.use, sealed = coalesce(excluded.sealed, sealed)"
        if self.secrets:
            connection.executemany(keep, [(no, space, name, use, sealed) for no, name, use, sealed in self.secrets])
        log.write_changes(connection, self.index, self.accepted)
        if self.logs:
            log.write_logs(connection, space, self.logs)
        log.write_tips(connection, space, self.gone_tips, self.new_tips)
        if self.pasts:
            log.write_pasts(connection, space, self.pasts)
        dropped = [log.write_erased(connection, *erased) for erased in self.erased]
        if self.settles is not None:
            settle_pending(connection, self.settles)
        if self.state:
            connection.execute("UPDATE space SET state = ? WHERE no = ?", (self.state, space))
        files = self._turn(connection)
        self._write_rows(connection, space)
        readmodel.drop_unused(connection, files)
        if any(dropped):
            readmodel.forget_words(connection)

    def _turn(self, connection: sqlite3.Connection) -> list[bytes]:
        """Write what becomes void and what comes back; returns the files that void posts showed."""
        write_turned(connection, self.turned)
        readmodel.remove_posts(connection, self.turned.void & self.keeps)
        return readmodel.remove_posts(connection, self.turned.void - self.keeps)

    def _write_rows(self, connection: sqlite3.Connection, space: int) -> None:
        if self.about:
            readmodel.write_about(connection, space, self.about)
        if self.fresh:
            readmodel.add_posts(connection, self.fresh)
        if self.replaced:
            readmodel.replace_posts(connection, [row for row in self.replaced if isinstance(row, Post)])
            readmodel.replace_documents(connection, [row for row in self.replaced if isinstance(row, DocumentRow)])
            readmodel.replace_fields(connection, [row for row in self.replaced if isinstance(row, FieldRow)])
            readmodel.replace_consents(connection, [row for row in self.replaced if isinstance(row, ConsentRow)])
        if self.gone:
            readmodel.remove_subjects(connection, space, self.gone)
        if self.unread:
            connection.executemany("INSERT OR IGNORE INTO unread VALUES(?, ?)", self.unread)
        if self.read:
            connection.executemany("DELETE FROM unread WHERE number = ?", [(number,) for number in self.read])
        if self.refusals:
            log.write_refusals(connection, self.refusals)
