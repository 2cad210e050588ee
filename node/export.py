"""Everything readable of a space as open data: JSON Lines, so that it outlives this program.

The first line names the format; each line that follows is an object whose `kind` says what it is. Times are whole ms
since the epoch, ids hex, people did:key.

| kind | fields |
|---|---|
| (first line) | `format` "commons/export/1", `space`, `name`, `by` (whose export it is), `digest` (of the log), `raw` |
| person | `person`, `name`, `pronouns`, `about`, `contact`, `skills`, `interests`, `needs`, `offers`, \
`availability`, `own`: [{`label`, `text`}], `audiences` (field: whom it is for), `devices` |
| page | `title`, `text` (Markdown), `history`: [{`version`, `person`, `time`}], oldest first |
| post | `id`, `person`, `name`, `time`, `published` (of an imported post the original date, else `time`), `text` \
(Markdown), `reply_to`, `thread`, `edited`, `retracted`, `imported`, `url`; where it was edited `history`: \
[{`id`, `time`, `text`}], oldest first; `media`: [{`hash`, `type`, `alt`, `size`, `path`}] |
| change | only in a raw export: `id`, `change`, `key`, and `erased_by` where the body was taken back |

Pictures lie beside the file, in the folder that `path` names. What `commons import` reads of it are the posts of
whoever exported. A raw export holds every change as it was signed, in base64 of msgpack [signature, header, body]: the
id is BLAKE2b-256(signature ‖ header), the signature is Ed25519 over "commons/change/1" ‖ header of its
third field, and `key` (hex; null for a body that is public) opens the body alone: XChaCha20-Poly1305 (IETF), the nonce
its first 24 bytes, with the header's bytes before its last two fields as associated data; inside lies a flag byte, 0
for plain and 1 for deflated.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from crdt.change import Change, encode_change
from identity.errors import StoreError
from identity.keys import to_did
from identity.sealed import NONCE_BYTES, body_key
from node.domain.documents import page_id
from node.domain.media import ending_of
from node.domain.posts import unpack_media
from node.domain.profiles import FIELDS, SOME
from node.ingest import writing
from node.ingest.profiles import fields_of
from node.ingest.road import Road
from node.ingest.spaces import Space
from node.placing import whole_file
from node.store import log as store_log
from node.store import queries
from node.store.blobs import get_blob
from node.store.exports import post_numbers
from node.store.queries import PostLine

FORMAT = "commons/export/1"
READS_BYTES = 2 * 1024 * 1024 * 1024
_PORTION = 200

Line = dict[str, Any]


@dataclass(slots=True)
class Exported:
    """What an export holds: how many lines of each kind, and pictures beside it."""

    people: int = 0
    posts: int = 0
    changes: int = 0
    media: int = 0


async def export_space(road: Road, space: Space, path: Path, *, raw: bool = False) -> Exported:
    """Write a space to a file that is there whole or not at all; an earlier export in its place is replaced.

    Raises:
        Refused: if something else is in its place, or it cannot be written.
    """
    counts = Exported()
    async with whole_file(path, b'{"format": "' + FORMAT.encode()) as file:
        async for lines in Exporting(road, space, path, counts).portions(raw=raw):
            await asyncio.to_thread(_write_lines, file, lines)
    return counts


class Exporting:
    """One space on its way into a file; `counts` grows as it goes."""

    def __init__(self, road: Road, space: Space, path: Path, counts: Exported) -> None:
        self._road = road
        self._space = space
        self._folder = path.with_name(f"{path.stem}.media")
        self._counts = counts

    async def portions(self, *, raw: bool) -> AsyncIterator[list[Line]]:
        """Give the file's lines, in portions that fit into memory."""
        space = self._space
        yield [{
            "format": FORMAT, "space": space.id.hex(), "name": space.name, "by": to_did(self._road.me),
            "digest": space.history.root().hex(), "raw": raw,
        }]  # fmt: skip
        for person in space.law.members():
            yield [await self._person(person)]
        yield [await self._page()]
        numbers = await self._road.database.read(lambda db: post_numbers(db, space.index.no))
        for start in range(0, len(numbers), _PORTION):
            part = numbers[start : start + _PORTION]
            lines = await self._road.database.read(lambda db, part=part: queries.posts_by_number(db, part))  # type: ignore[misc]
            yield [await self._post(line) for line in lines]
        if raw:
            async for changes in self._changes():
                yield changes

    async def _person(self, person: bytes) -> Line:
        """Return what a person says of themselves to everybody; what was said to me alone is not mine to hand on."""
        mine = self._road.is_me(person)
        fields = [field for field in await fields_of(self._road, self._space, person) if mine or field.audience != SOME]
        devices = [to_did(grant.device) for grant in self._space.law.members()[person]]
        self._counts.people += 1
        said = {field.name: field.value for field in fields}
        profile = {name: said.get(name, "") for name in FIELDS}
        own = [{"label": field.label, "text": field.value} for field in fields if field.label]
        meant = {field.name: field.audience for field in fields}
        return {
            "kind": "person", "person": to_did(person), **profile, "own": own, "audiences": meant, "devices": devices,
        }  # fmt: skip

    async def _page(self) -> Line:
        document, brought = await writing.open_document(self._road, self._space, page_id())
        history = [
            {"version": edit.hash.hex(), "person": to_did(brought[edit.hash].person), "time": brought[edit.hash].time}
            for edit in document.history()
        ]
        title = str(document.read().get("title") or "")
        return {"kind": "page", "title": title, "text": document.text("body"), "history": history}

    async def _post(self, line: PostLine) -> Line:
        imported = line.published is not None
        post: Line = {
            "kind": "post", "id": line.id.hex(), "person": to_did(line.person), "name": line.name or "",
            "time": line.time, "published": line.published if imported else line.time, "text": line.text,
            "reply_to": line.parent.hex() if line.parent else None,
            "thread": line.thread.hex() if line.thread else None,
            "edited": line.edited, "retracted": bool(line.retracted), "imported": imported,
            "url": line.address or None,
        }  # fmt: skip
        if line.versions > 1:
            history = await writing.history_of(self._road, self._space, line.id)
            post["history"] = [{"id": each.id.hex(), "time": each.time, "text": each.text} for each in history]
        if line.media:
            post["media"] = [await self._medium(*media) for media in unpack_media(line.media)]
        self._counts.posts += 1
        return post

    async def _medium(self, hash_: bytes, media_type: str, alt: str, size: int) -> Line:
        medium: Line = {"hash": hash_.hex(), "type": media_type, "alt": alt, "size": size}
        try:
            blob = await self._road.database.read(lambda db: get_blob(db, hash_))
        except StoreError:
            blob = None  # damaged here: its place in the post is told, its bytes are not
        if blob is not None:
            name = f"{hash_.hex()}.{ending_of(blob.media_type)}"
            await asyncio.to_thread(_write_file, self._folder, name, blob.data)
            medium["path"] = f"{self._folder.name}/{name}"
            self._counts.media += 1
        return medium

    async def _changes(self) -> AsyncIterator[list[Line]]:
        space = self._space
        numbers = await self._road.database.read(lambda db: store_log.numbers_of(db, space.index.no))

        def read(connection: Any, part: Sequence[int]) -> tuple[list[store_log.Stored], dict[int, Change]]:
            stored = store_log.read_changes(connection, space.index, part)
            gone = (entry.number for entry in stored if entry.change.body is None)
            return stored, store_log.read_erasers(connection, gone)

        for start in range(0, len(numbers), _PORTION):
            part = numbers[start : start + _PORTION]
            stored, erasers = await self._road.database.read(lambda db, part=part: read(db, part))  # type: ignore[misc]
            self._counts.changes += len(stored)
            yield [self._change(entry.change, erasers.get(entry.number)) for entry in stored]

    def _change(self, change: Change, eraser: Change | None) -> Line:
        header = change.header
        secret = self._space.secrets.by_name.get(header.epoch)
        key = None
        if secret is not None and change.body is not None:
            key = body_key(secret, header.author, header.seq, change.body[:NONCE_BYTES]).hex()
        line: Line = {"kind": "change", "id": change.id.hex(), "change": _base64(encode_change(change)), "key": key}
        return line if eraser is None else {**line, "erased_by": _base64(encode_change(eraser))}


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def encoded_lines(lines: Iterable[Line]) -> bytes:
    """Return lines as they stand in a file."""
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()


def _write_lines(file: IO[bytes], lines: Iterable[Line]) -> None:
    file.write(encoded_lines(lines))


def _write_file(folder: Path, name: str, data: bytes) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    draft = folder / f".{name}.new"
    draft.write_bytes(data)
    draft.replace(folder / name)
