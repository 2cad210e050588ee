"""Writing an archive of a space: everything of it that this node holds, with keys as its member chose."""

import asyncio
import zipfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgpack

from crdt.batch import encode_batch, fitting
from crdt.change import digest
from identity.errors import StoreError
from node.domain.area import require
from node.domain.media import ending_of
from node.export import Exported, Exporting, Line, encoded_lines
from node.ingest.belonging import Self
from node.ingest.road import Road
from node.ingest.spaces import Space
from node.moving.manifest import (
    CHANGES,
    FORKS,
    KEYS,
    MANIFEST,
    MEDIA,
    READABLE,
    SIGNATURE,
    Carried,
    File,
    Kept,
    Manifest,
    seal_keys,
    sign,
)
from node.placing import whole_file
from node.store import log as store_log
from node.store.blobs import get_blob
from node.store.forks import read_forks

START = b"PK\x03\x04"
PORTION_CHANGES = 768
PORTION_BYTES = 448 * 1024
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Wish:
    """What an archive shall hold beside the space itself; `root` is the person's key, where this device has it."""

    keys: Kept = "none"
    passphrase: str = ""
    name: str = ""


async def pack(road: Road, me: Self, space: Space, path: Path, wish: Wish) -> dict[str, int]:
    """Write an archive; returns how many changes, posts and pictures are in it.

    Raises:
        Refused: if it cannot be written there, or the keys that were chosen are not to be had.
    """
    carried = await asyncio.to_thread(_keys, me, space, wish)
    async with whole_file(path, START) as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, strict_timestamps=False) as zipped:
            return await _Packing(road, space, zipped).run(me, wish, carried)


def _keys(me: Self, space: Space, wish: Wish) -> bytes | None:
    if wish.keys == "none":
        return None
    require(wish.passphrase, "Choose a passphrase: it seals the keys in the archive.")
    root = me.root.seed if wish.keys == "identity" and me.root is not None else None
    require(wish.keys == "space" or root, "This device does not hold your own key; the one you began with does.")
    secrets = space.secrets
    require(secrets.present.get("law") and secrets.present.get("talk"), "This node holds no keys of this space.")
    law, talk = (_last(held, secrets.present[use]) for use, held in (("law", secrets.law), ("talk", secrets.talk)))
    return seal_keys(Carried(secrets.discovery, law, talk, root, wish.name), wish.passphrase)


def _last(held: list[bytes], present: bytes) -> list[bytes]:
    return [*(secret for secret in held if secret != present), present]


@dataclass(slots=True)
class _Packing:
    road: Road
    space: Space
    zipped: zipfile.ZipFile
    files: list[File] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: {"changes": 0, "posts": 0, "media": 0})
    held: set[str] = field(default_factory=set)

    async def run(self, me: Self, wish: Wish, keys: bytes | None) -> dict[str, int]:
        digest_ = self.space.history.root()
        async for portion in self._batches():
            await self._put(f"{CHANGES}{len(self.files) + 1:06}", portion)
        await self._forks()
        await self._readable()
        if keys is not None:
            await self._put(KEYS, keys)
        device, now = self.road.device, self.road.now_ms()
        manifest = Manifest(
            self.space.id, self.space.name, device.public, me.certificate, now, digest_, wish.keys, tuple(self.files)
        ).written()
        await self._write(MANIFEST, manifest)
        await self._write(SIGNATURE, sign(manifest, device))
        return self.counts

    async def _put(self, name: str, data: bytes) -> None:
        self.files.append(File(name, len(data), digest(data)))
        await self._write(name, data)

    async def _write(self, name: str, data: bytes) -> None:
        info = zipfile.ZipInfo(name, _EPOCH)
        info.external_attr = 0o600 << 16
        await asyncio.to_thread(self.zipped.writestr, info, data)

    async def _batches(self) -> AsyncIterator[bytes]:
        road, index = self.road, self.space.index
        numbers = await road.database.read(lambda db: store_log.numbers_of(db, index.no))

        while numbers:
            part = numbers[:PORTION_CHANGES]
            changes, erasers = await road.database.read(
                lambda db, part=part: store_log.read_with_erasers(db, index, part)  # type: ignore[misc]
            )
            packed = fitting(changes, PORTION_BYTES)
            self.counts["changes"] += len(packed)
            yield encode_batch(packed, erasers)
            numbers = numbers[len(packed) :]

    async def _forks(self) -> None:
        no = self.space.index.no
        for number, fork in enumerate(await self.road.database.read(lambda db: read_forks(db, no)), 1):
            await self._put(f"{FORKS}{number:06}", msgpack.packb([fork.one, fork.other]))

    async def _readable(self) -> None:
        exporting = _Readable(self.road, self.space, self._medium)
        lines = [encoded_lines(portion) async for portion in exporting.portions(raw=False)]
        self.counts["posts"] = exporting.posts
        await self._put(READABLE, b"".join(lines))

    async def _medium(self, hash_: bytes) -> str | None:
        """Put a picture into the archive, once; returns its name."""
        try:
            blob = await self.road.database.read(lambda db: get_blob(db, hash_))
        except StoreError:
            blob = None  # damaged here: its place in the post is told, its bytes are not
        if blob is None:
            return None
        name = f"{MEDIA}{hash_.hex()}.{ending_of(blob.media_type)}"
        if name not in self.held:
            self.held.add(name)
            await self._put(name, blob.data)
            self.counts["media"] += 1
        return name


class _Readable(Exporting):
    """An export whose pictures lie in the archive."""

    def __init__(self, road: Road, space: Space, medium: Callable[[bytes], Any]) -> None:
        self._counted = Exported()
        super().__init__(road, space, Path(READABLE), self._counted)
        self._put = medium

    @property
    def posts(self) -> int:
        return self._counted.posts

    async def _medium(self, hash_: bytes, media_type: str, alt: str, size: int) -> Line:
        medium: Line = {"hash": hash_.hex(), "type": media_type, "alt": alt, "size": size}
        name = await self._put(hash_)
        return {**medium, "path": name} if name is not None else medium
