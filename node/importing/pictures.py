"""An archive's pictures and files on their way into the store: one at a time in memory, written by the armful."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from identity.errors import Refused
from node.archives.posts import ArchivedMedia
from node.domain.media import MAX_MEDIA_BYTES
from node.store.blobs import Blob, add_blobs, make_blob
from node.store.database import Database

_ARMFUL_BYTES = 8 * 1024 * 1024


class Fault(StrEnum):
    """Why a picture or file was not brought; the words go with a number."""

    TOO_LARGE = f"files larger than {MAX_MEDIA_BYTES // 1024 // 1024} MiB"
    UNKNOWN = "files that are no picture, sound or film of a known kind"
    DAMAGED = "files that could not be read"


@dataclass(slots=True)
class Pictures:
    """Takes in the media of posts; `kept`, `missing` and `refused` count what became of them."""

    database: Database
    kept: int = 0
    missing: int = 0
    refused: Counter[Fault] = field(default_factory=Counter)
    _armful: list[Blob] = field(default_factory=list)
    _bytes: int = 0

    async def take(self, media: Sequence[ArchivedMedia]) -> tuple[list[list[Any]], list[ArchivedMedia]]:
        """Return the media that were kept, as a post names them, and those that could not be."""
        named, lost = [], []
        for one in media:
            found = await self._take(one)
            if found is None:
                lost.append(one)
            else:
                named.append([found.hash, found.media_type, one.alt, found.size])
        return named, lost

    async def put_away(self) -> None:
        """Write what was taken and not written yet: before a post that names it is signed."""
        blobs, self._armful, self._bytes = self._armful, [], 0
        if blobs:
            await self.database.transaction(lambda db: add_blobs(db, blobs))

    async def _take(self, media: ArchivedMedia) -> Blob | None:
        if media.size_bytes is None:
            self.missing += 1
            return None
        blob = await asyncio.to_thread(_load, media)
        if isinstance(blob, Fault):
            self.refused[blob] += 1
            return None
        self.kept += 1
        self._armful.append(blob)
        self._bytes += blob.size
        if self._bytes >= _ARMFUL_BYTES:
            await self.put_away()
        return blob


def _load(media: ArchivedMedia) -> Blob | Fault:
    if (media.size_bytes or 0) > MAX_MEDIA_BYTES:
        return Fault.TOO_LARGE
    try:
        data = media.read(MAX_MEDIA_BYTES)
    except Refused:
        return Fault.DAMAGED
    try:
        return make_blob(data)
    except Refused:
        return Fault.UNKNOWN
