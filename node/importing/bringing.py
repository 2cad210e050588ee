"""Bringing an archive's posts in: batch by batch, each in one transaction, each post once.

A post is known again by the hash of its source id, so whoever stops an import, or kills it, starts it again and it
goes on; importing twice brings nothing twice. A reply waits for the post it answers. What waits is bounded: where an
archive has its replies far before what they answer, it is gone through again.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from crdt.change import Change
from node.archives.posts import ArchivedPost, Reason
from node.archives.reading import Archive, open_archive
from node.domain.area import require
from node.domain.posts import ImportPost
from node.importing.pictures import Pictures
from node.importing.threads import Threads, source_of
from node.importing.wording import wording
from node.ingest.road import Road
from node.ingest.spaces import Space
from node.store.imports import Placed, placed, posts_here

BATCH_POSTS = 256
BATCH_CHARS = 512 * 1024
MAX_WAITING = 10_000


@dataclass(slots=True)
class Progress:
    """How far an import is. `done` of `total` posts were looked at; `total` is None while the archive is opened."""

    total: int | None = None
    imported: int = 0
    already: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    media: int = 0
    media_missing: int = 0
    media_refused: dict[str, int] = field(default_factory=dict)
    dropped: int = 0

    @property
    def done(self) -> int:
        """How many of the archive's posts are here by now, or will not come."""
        return self.imported + self.already + self.dropped


Report = Callable[[Progress], None]


class Ready(NamedTuple):
    """A post that can be signed: its text and the media that were kept of it."""

    source: bytes
    post: ArchivedPost
    text: str
    media: list[list[Any]]


def ignore(_progress: Progress) -> None:
    """Report to nobody."""


async def import_archive(
    road: Road, space: Space, path: Path, *, include_direct: bool = False, report: Report = ignore
) -> Progress:
    """Bring the posts of an archive into a space, as this person's; returns what became of them.

    `report` is called after every batch. Cancelling stops between two batches; what was brought stays.

    Raises:
        Refused: if the archive cannot be read, or this person cannot write in the space.
        StoreError: if it cannot be stored; what was brought before stays.
    """
    require(space.state == "member", "You can write here once you have been let in.")
    threads = Threads()
    archive = await asyncio.to_thread(open_archive, path, include_direct=include_direct, watch=threads.watch)
    await asyncio.to_thread(threads.settle)
    with archive:
        return await Bringing(road, space, archive, threads, report).run()


class Bringing:
    """One archive on its way into one space."""

    def __init__(self, road: Road, space: Space, archive: Archive, threads: Threads, report: Report) -> None:
        self._road = road
        self._space_id = space.id
        self._archive = archive
        self._report = report
        self._pictures = Pictures(road.database)
        self._progress = Progress(archive.summary.count)
        self._progress.skipped.update({str(reason): count for reason, count in archive.summary.skipped.items()})
        self._threads = threads
        self._placed: dict[bytes, Placed] = {}
        self._waiting: dict[bytes, list[ArchivedPost]] = {}
        self._waiting_count = 0
        self._is_overfull = False
        self._is_first_pass = True
        self._dropped: set[bytes] = set()

    @property
    def _space(self) -> Space:
        return self._road.spaces[self._space_id]  # read anew each time: a failure replaces it

    async def run(self) -> Progress:
        """Go through the archive until everything that can come has come."""
        self._tell()
        while True:
            before = self._progress.imported
            await self._go_through()
            if not self._is_overfull:
                break
            if self._progress.imported == before:
                await self._bring_the_rest()
            self._forget_waiting()
            self._is_first_pass = False
        await self._bring_the_rest()
        return self._progress

    async def _go_through(self) -> None:
        posts = self._archive.posts()
        self._is_overfull = False
        while portion := await asyncio.to_thread(_portion, posts):
            await self._bring(await self._sift(portion))

    async def _sift(self, portion: Sequence[ArchivedPost]) -> list[ArchivedPost]:
        """Return what is new of a portion and can be placed now, each before its answers."""
        here = await self._find([post.source_id for post in portion])
        order: list[ArchivedPost] = []
        coming: set[bytes] = set()
        for post in portion:
            source = source_of(post.source_id)
            if source in here:
                self._note_here(source, here[source])
                order += self._released([source], coming)
            elif self._can_be_placed(post, coming):
                coming.add(source)
                order += [post, *self._released([source], coming)]
            else:
                self._wait(post)
        return order

    async def _find(self, source_ids: Sequence[str]) -> dict[bytes, Placed]:
        """Return what is here already: imported before, or, of this space's own export, written here."""
        sources = {source_of(source_id): source_id for source_id in source_ids}
        written = {_as_id(source_id): source for source, source_id in sources.items()}
        written.pop(b"", None)
        space, me = self._space.index.no, self._road.me
        database = self._road.database
        found = await database.read(lambda db: placed(db, space, dict.fromkeys(sources, me)))
        native = await database.read(lambda db: posts_here(db, space, written))
        return {**{written[id_]: place for id_, place in native.items()}, **found}

    def _note_here(self, source: bytes, place: Placed) -> None:
        if self._threads.is_answered(source):
            self._placed[source] = place
        if self._is_first_pass:
            self._progress.already += 1

    def _can_be_placed(self, post: ArchivedPost, coming: set[bytes]) -> bool:
        parent = self._threads.parent_of(post)
        return parent is None or parent in self._placed or parent in coming

    def _wait(self, post: ArchivedPost) -> None:
        parent = self._threads.parent_of(post)
        if parent is None or self._waiting_count >= MAX_WAITING:
            self._is_overfull = True
            return
        self._waiting.setdefault(parent, []).append(post)
        self._waiting_count += 1

    def _released(self, sources: list[bytes], coming: set[bytes]) -> list[ArchivedPost]:
        """Return what waited for these, and for that, and so on."""
        order: list[ArchivedPost] = []
        todo = sources
        while todo:
            released = self._waiting.pop(todo.pop(), [])
            self._waiting_count -= len(released)
            order += released
            fresh = [source_of(post.source_id) for post in released]
            coming.update(fresh)
            todo += fresh
        return order

    def _forget_waiting(self) -> None:
        self._waiting.clear()
        self._waiting_count = 0

    async def _bring_the_rest(self) -> None:
        """Bring what waits for ever, because posts answer each other in a ring: the first begins a thread."""
        while self._waiting:
            parent = next(iter(self._waiting))
            first, *others = self._waiting.pop(parent)
            self._waiting_count -= 1 + len(others)
            if others:
                self._waiting[parent] = others
                self._waiting_count += len(others)
            await self._bring([first, *self._released([source_of(first.source_id)], set())])

    # -- signing ----------------------------------------------------------------------------------------------------

    async def _bring(self, posts: Sequence[ArchivedPost]) -> None:
        for start in range(0, len(posts), BATCH_POSTS):
            ready = [one for post in posts[start : start + BATCH_POSTS] if (one := await self._prepare(post))]
            await self._pictures.put_away()
            await self._road.submit_all(self._space, self._commands(ready))
            self._progress.imported += len(ready)
            self._tell()
        if not posts:
            self._tell()

    async def _prepare(self, post: ArchivedPost) -> Ready | None:
        named, lost = await self._pictures.take(post.media)
        text = wording(post, lost)
        source = source_of(post.source_id)
        if text is None:
            self._drop(source)
            return None
        return Ready(source, post, text, named)

    def _drop(self, source: bytes) -> None:
        """Count a post that its content warning makes too long, once, however often it is gone through."""
        if source not in self._dropped:
            self._dropped.add(source)
            self._progress.dropped += 1
            self._progress.skipped[str(Reason.TOO_LONG)] += 1

    def _commands(self, ready: Sequence[Ready]) -> Generator[ImportPost, Change, None]:
        for source, post, text, media in ready:
            parent = self._threads.parent_of(post)
            place = self._placed.get(parent) if parent else None
            thread, answered = (place.thread, place.id) if place else (None, None)
            command = ImportPost(text, thread, answered, media, post.published_ms, post.url or "", source)
            command.check()
            change = yield command
            if self._threads.is_answered(source):
                self._placed[source] = Placed(change.id, thread or change.id)

    def _tell(self) -> None:
        pictures, progress = self._pictures, self._progress
        progress.media, progress.media_missing = pictures.kept, pictures.missing
        progress.media_refused = {str(fault): count for fault, count in pictures.refused.items()}
        self._report(progress)


def _portion(posts: Iterator[ArchivedPost]) -> list[ArchivedPost]:
    """Return the next posts: as many as one batch takes, and no more text than it should."""
    portion: list[ArchivedPost] = []
    chars = 0
    for post in itertools.islice(posts, BATCH_POSTS):
        portion.append(post)
        chars += len(post.text)
        if chars >= BATCH_CHARS:
            break
    return portion


def _as_id(source_id: str) -> bytes:
    """Return the 32-byte id that an export of this program names a post by; empty if it is something else."""
    try:
        raw = bytes.fromhex(source_id) if len(source_id) == 64 else b""
    except ValueError:
        return b""
    return raw if len(raw) == 32 else b""
