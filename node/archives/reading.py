"""Opening an archive of whatever format, counting what is in it, and giving its posts one by one.

An archive is gone through once before the first post is handed out, so that a damaged or hostile one is refused as a
whole and the number of posts is known. Memory holds one entry at a time, and 8 bytes for each post's id.
"""

import json
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from identity.errors import Refused
from node.archives import activitystreams, mastodon
from node.archives.activitystreams import COLLECTIONS, Context, author_of, read_entry, types_of
from node.archives.containers import (
    MAX_JSON_BYTES,
    Bytes,
    Container,
    Folder,
    open_file,
    shown,
)
from node.archives.jsonlines import is_head, read_line, read_lines
from node.archives.jsonlines import read_owner as read_exporter
from node.archives.jsonstream import ENTRY_KEYS, JsonDocument
from node.archives.mastodon import Export, find_file, read_owner
from node.archives.posts import ArchivedPost, Reason, Summary
from node.archives.tars import Tar
from node.archives.zips import Zip

_SNIFFED_BYTES = 64 * 1024
_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")
_GZIP_START = b"\x1f\x8b"
_TAR_AT, _TAR_MARK = 257, b"ustar"
_LINE_ENDINGS = (".jsonl", ".ndjson", ".jsonlines")
_JSON_STARTS = (b"[", b"{")

Found = Iterator[ArchivedPost | Reason]
Watch = Callable[[ArchivedPost], None]


class Archive:
    """An archive that was gone through and can be read; close it, or use it in a `with`.

    `summary` tells how many posts `posts` will give and what it leaves out.
    """

    def __init__(self, container: Container, entries: Callable[[], Found], watch: Watch | None = None) -> None:
        self._container = container
        self._entries = entries
        self.summary = self._count(watch)

    def posts(self) -> Iterator[ArchivedPost]:
        """Give the person's own posts in the archive's order, each once; can be called again.

        Raises:
            Refused: if the archive has changed or gone since it was opened.
        """
        for found in self._once():
            if isinstance(found, ArchivedPost):
                yield found

    def close(self) -> None:
        """Close the archive; media can no longer be read."""
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _count(self, watch: Watch | None) -> Summary:
        count = media_count = media_missing = 0
        skipped: Counter[Reason] = Counter()
        for found in self._once():
            if isinstance(found, Reason):
                skipped[found] += 1
                continue
            if watch is not None:
                watch(found)
            count += 1
            media_count += len(found.media)
            media_missing += sum(media.size_bytes is None for media in found.media)
        return Summary(count, dict(skipped), media_count, media_missing)

    def _once(self) -> Found:
        seen: set[bytes] = set()
        for found in self._entries():
            if isinstance(found, Reason):
                yield found
                continue
            mark = blake2b(found.source_id.encode(), digest_size=8).digest()
            yield Reason.REPEATED if mark in seen else found
            seen.add(mark)


def open_archive(path: Path, *, include_direct: bool = False, watch: Watch | None = None) -> Archive:
    """Open an archive and go through it once; `watch` is shown every post while that is done.

    `path` is a Mastodon export (zip, tar.gz, tar, or its unpacked folder), an ActivityStreams file (a collection, a
    page of one, an array, or a single post), or JSON Lines. Private messages are left out unless asked for.

    Raises:
        Refused: if it is none of these, damaged or hostile; the words name what and where.
    """
    container = _container(path)
    try:
        if not isinstance(container, Folder) or path.is_dir():
            return _mastodon(container, include_direct, watch)
        if _is_lines(path):
            return _lines(container, path, include_direct, watch)
        return _outbox(container, path, include_direct, watch)
    except BaseException:
        container.close()
        raise


def _container(path: Path) -> Container:
    if path.is_dir():
        return Folder(path)
    if path.exists() and not path.is_file():
        raise Refused(f"{shown(path.name)} is no file")  # a pipe would keep us waiting for ever
    with open_file(path) as file:
        start = file.read(_TAR_AT + len(_TAR_MARK))
    if start.startswith(_ZIP_STARTS):
        return Zip(path)
    if start.startswith(_GZIP_START):
        return Tar(path, is_gzipped=True)
    if start[_TAR_AT:] == _TAR_MARK:
        return Tar(path, is_gzipped=False)
    return Folder(path.parent)


def _mastodon(container: Container, include_direct: bool, watch: Watch | None) -> Archive:
    export = Export(container)
    label = f"{shown(export.outbox)} in {container.label}"
    _check_size(container.size_of(export.outbox) or 0, label)

    def open_outbox() -> Bytes:
        return container.open(export.outbox)

    owner = export.owner() or _first_author(open_outbox, label)
    context = Context(owner, export.find_media, include_direct)
    return Archive(container, lambda: _entries(open_outbox, label, context), watch)


def _outbox(container: Container, path: Path, include_direct: bool, watch: Watch | None) -> Archive:
    """Read a file that stands alone, or in the folder that a Mastodon export was unpacked to."""
    label = shown(path.name)
    _check_size(path.stat().st_size, label)

    def open_outbox() -> Bytes:
        return open_file(path)

    is_export = path.name == mastodon.OUTBOX
    owner = read_owner(container, mastodon.ACTOR) if is_export else None
    find_media = Export(container).find_media if is_export else _find_nothing
    context = Context(owner or _first_author(open_outbox, label), find_media, include_direct)
    return Archive(container, lambda: _entries(open_outbox, label, context), watch)


def _lines(container: Container, path: Path, include_direct: bool, watch: Watch | None) -> Archive:
    def find_media(name: str) -> tuple[int, Callable[[int], bytes]] | None:
        return find_file(container, [name])

    context = Context(read_exporter(path), find_media, include_direct)
    return Archive(container, lambda: (read_line(fields, context) for fields in read_lines(path)), watch)


def _entries(open_outbox: Callable[[], Bytes], label: str, context: Context) -> Found:
    for entry in _raw_entries(open_outbox, label):
        yield read_entry(entry, context)


def _raw_entries(open_outbox: Callable[[], Bytes], label: str) -> Generator[Any, None, None]:
    """Give the entries of a collection, of the first page within it, of an array, or the single post."""
    file = open_outbox()
    try:
        document = JsonDocument(file, label)
        has_entries = False
        for entry in document.entries():
            has_entries = True
            yield entry
    finally:
        file.close()
    if document.is_array:
        return
    head = document.head
    first = head.get("first")
    if types_of(head) & (activitystreams.POSTS | activitystreams.ACTIVITIES):
        yield head
    elif isinstance(first, dict) and not has_entries:
        yield from _page(first)
    elif not types_of(head) & COLLECTIONS:
        raise Refused(f"{label} is no outbox: it is neither a collection of posts nor a post")


def _page(page: dict[str, Any]) -> Iterator[Any]:
    for key in ENTRY_KEYS:
        entries = page.get(key)
        if isinstance(entries, list):
            yield from entries


def _first_author(open_outbox: Callable[[], Bytes], label: str) -> str | None:
    """Return whoever made the first post that says who made it: the outbox is theirs."""
    with closing(_raw_entries(open_outbox, label)) as entries:
        return next(filter(None, map(author_of, entries)), None)


def _is_lines(path: Path) -> bool:
    """Tell JSON Lines from a single JSON document: by its name, else by its first line."""
    if path.name.lower().endswith(_LINE_ENDINGS):
        return True
    with open_file(path) as file:
        start = file.read(_SNIFFED_BYTES).removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start.startswith(_JSON_STARTS):
        raise Refused(f"{shown(path.name)} is no archive that can be read: a Mastodon export, an outbox or JSON Lines")
    try:
        first = json.loads(start.split(b"\n", 1)[0])
    except (ValueError, RecursionError):
        return False  # a document that is laid out over many lines, or one long line
    return isinstance(first, dict) and (is_head(first) or ("text" in first and "type" not in first))


def _check_size(size: int, label: str) -> None:
    if size > MAX_JSON_BYTES:
        raise Refused(f"{label} has {size:,} bytes; at most {MAX_JSON_BYTES:,} are read")


def _find_nothing(_: str) -> None:
    """Find no file: an outbox alone has its pictures elsewhere."""
