"""Reading an archive of a space back in: checked as a whole first, then every change takes the one road.

Nothing is ever unpacked to disk, and no name in an archive becomes a path. Who made the archive proves nothing about
the changes in it: each of them is judged as if a neighbour had sent it.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack

from crdt.batch import MAX_BATCH_BYTES, Batch, decode_batch
from crdt.change import LAW, MAX_BODY_BYTES, MAX_HEADER_BYTES, digest, open_change
from identity.certificates import SLOTS, read_certificate
from identity.errors import BadSignature, CommonsError, Malformed, Refused
from identity.keys import SigningKey
from identity.sealed import name_of, seal_to
from node.archives.zips import Zip
from node.domain.area import read_command, require
from node.domain.law.membership import HandKeys, ReplaceDevice, RevokeDevice
from node.domain.media import MAX_MEDIA_BYTES
from node.export import READS_BYTES
from node.ingest import belonging
from node.ingest.belonging import Self
from node.ingest.forks import take_proof
from node.ingest.places import FULL
from node.ingest.road import Road
from node.ingest.spaces import Secrets, Space
from node.moving.manifest import (
    CHANGES,
    DAMAGED,
    FORKS,
    KEYS,
    MANIFEST,
    MAX_KEYS_BYTES,
    MAX_MANIFEST_BYTES,
    MEDIA,
    READABLE,
    SIGNATURE,
    Carried,
    File,
    Manifest,
    open_keys,
    read_manifest,
)
from node.store.blobs import add_blobs, make_blob
from node.store.spaces import SpaceRow, keep_state

PASSES = 8
"""How often what lacked something is offered again: a forked log is taken branch by branch."""

_MOST_BYTES = {
    CHANGES: MAX_BATCH_BYTES + MAX_BODY_BYTES,
    MEDIA: MAX_MEDIA_BYTES,
    FORKS: 2 * (MAX_HEADER_BYTES + MAX_BODY_BYTES) + 1_024,
}
_ALONE = {KEYS: MAX_KEYS_BYTES, READABLE: READS_BYTES}
_SIGNATURE_BYTES = 256


@dataclass(slots=True)
class Unpacked:
    """What an archive brought: how many changes were new, how many pictures, and whether all of it is here now."""

    space: Space
    changes: int = 0
    media: int = 0
    whole: bool = True


class Archive:
    """An open archive, whole as it was signed: every file was read and compared before anything is taken in.

    Opening one takes as long as reading all of it.
    """

    def __init__(self, path: Path) -> None:
        self._zip = Zip(path)
        try:
            raw = self._zip.load(MANIFEST, MAX_MANIFEST_BYTES)
            self.manifest: Manifest = read_manifest(raw, self._zip.load(SIGNATURE, _SIGNATURE_BYTES))
            self._files = {file.name: file for file in self.manifest.files}
            self._check_names()
            for file in self.manifest.files:
                self.load(file)
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, *_error: object) -> None:
        self._zip.close()

    def _check_names(self) -> None:
        """Require that exactly the files of the manifest are there, each of a kind and a size that may be."""
        require(set(self._zip.names()) == {*self._files, MANIFEST, SIGNATURE}, DAMAGED)
        for file in self.manifest.files:
            require(file.size <= _most_bytes(file.name) and self._zip.size_of(file.name) == file.size, DAMAGED)

    def load(self, file: File) -> bytes:
        """Return the bytes of a file.

        Raises:
            Refused: if they are not those of the manifest.
        """
        data = self._zip.load(file.name, file.size)
        require(digest(data) == file.hash, DAMAGED)
        return data

    def of_kind(self, start: str) -> list[File]:
        """Return the files of a folder, in order."""
        return sorted((file for file in self.manifest.files if file.name.startswith(start)), key=lambda file: file.name)

    def keys(self, passphrase: str) -> Carried | None:
        """Return the keys in the archive; None if it carries none.

        Raises:
            Refused: if the passphrase is wrong, or the keys do not belong to the archive's person.
        """
        file = self._files.get(KEYS)
        require((file is not None) == (self.manifest.keys != "none"), DAMAGED)
        if file is None:
            return None
        carried = open_keys(self.load(file), passphrase)
        require((carried.root is not None) == (self.manifest.keys == "identity"), DAMAGED)
        if carried.root is not None:
            require(SigningKey(carried.root).public == self.manifest.person, DAMAGED)
        return carried

    def batches(self) -> Iterator[Batch]:
        """Yield the changes of the archive, in causal order.

        Raises:
            Refused: if they are not changes of its space.
        """
        for file in self.of_kind(CHANGES):
            try:
                yield decode_batch(self.load(file), self.manifest.space)
            except (Malformed, BadSignature) as error:
                raise Refused(DAMAGED) from error


def _most_bytes(name: str) -> int:
    alone = _ALONE.get(name)
    return alone if alone is not None else next((m for start, m in _MOST_BYTES.items() if name.startswith(start)), -1)


def free_slot(archive: Archive, carried: Carried) -> int:
    """Return a slot that no device of the archive's person has, as far as its law tells; those of ended ones are free.

    Raises:
        Refused: if all are taken.
    """
    slots, ended = dict[bytes, int](), set[bytes]()
    for author, command in _law(archive, carried):
        with contextlib.suppress(CommonsError, AttributeError):  # no certificate may be in it
            read = read_certificate(command.certificate)
            if read.person == archive.manifest.person:
                slots[read.device] = read.slot
        if isinstance(command, RevokeDevice | ReplaceDevice) and author in slots:
            ended.add(command.device)
    taken = {slot for device, slot in slots.items() if device not in ended}
    free = next((slot for slot in range(SLOTS) if slot not in taken), None)
    if free is None:
        raise Refused(FULL)
    return free


def _law(archive: Archive, carried: Carried) -> Iterator[tuple[bytes, Any]]:
    """Yield the commands of law of an archive that its keys open, each with its author."""
    secrets = {name_of(secret): secret for secret in carried.law}
    secrets[name_of(Secrets(carried.discovery).knock())] = Secrets(carried.discovery).knock()
    for batch in archive.batches():
        for change in batch.changes:
            if change.header.klass != LAW or change.header.epoch not in secrets:
                continue
            with contextlib.suppress(CommonsError):
                yield change.header.author, read_command(open_change(change, secrets[change.header.epoch]))


async def unpack(road: Road, me: Self, archive: Archive, carried: Carried | None) -> Unpacked:
    """Take an archive in: a space that is not here yet begins, with its roles as they were; one that is, grows.

    Raises:
        Refused: if its keys are needed and not there, or something in it was altered; what was whole before that stays.
    """
    manifest = archive.manifest
    space = road.spaces.get(manifest.space)
    if space is None or space.state != "member":
        space = await _begin(road, archive, carried, space)
    elif carried is not None:
        await road.unlock(space, seal_to(msgpack.packb([carried.law, carried.talk, []]), road.device.public))
    found = Unpacked(space)
    await _receive(road, archive, found)
    if await _take_proofs(road, archive, space.id):
        await _receive(road, archive, found)
    await _keep_media(road, archive, found)
    found.space = road.spaces[space.id]
    if found.space.state == "waiting":
        await _enter(road, me, found.space, carried)
        found.space = road.spaces[space.id]
    return found


async def _begin(road: Road, archive: Archive, carried: Carried | None, space: Space | None) -> Space:
    """Begin a space of which nothing is here; it counts as waiting until this device is let in by itself."""
    require(space is None, "This space is here already, and this node is no member of it any more.")
    if carried is None:
        raise Refused("This archive carries no keys, so only a member of its space can read it.")
    manifest = archive.manifest
    row = SpaceRow(0, manifest.space, carried.discovery, manifest.name, "waiting", road.now_ms())
    return await road.begin(row, Secrets(carried.discovery, list(carried.law), list(carried.talk)))


async def _receive(road: Road, archive: Archive, found: Unpacked) -> None:
    peer = road.device.public
    for _ in range(PASSES):
        fresh, missing = 0, 0
        for batch in archive.batches():
            try:
                outcome = await road.receive(road.spaces[found.space.id], batch, peer)
            except (Malformed, BadSignature) as error:
                raise Refused(DAMAGED) from error
            fresh += len(outcome.accepted)
            missing += len(batch.changes) - len(outcome.accepted) - outcome.known
        found.changes += fresh
        found.whole = not missing
        if not fresh or found.whole:
            return


async def _take_proofs(road: Road, archive: Archive, space: bytes) -> bool:
    """Take in which logs are forked; tell whether any of it was news."""
    news = False
    for file in archive.of_kind(FORKS):
        try:
            one, other = msgpack.unpackb(archive.load(file))
            news = await take_proof(road, road.spaces[space], one, other) or news
        except (CommonsError, ValueError, TypeError, msgpack.exceptions.UnpackException) as error:
            raise Refused(DAMAGED) from error
    return news


async def _keep_media(road: Road, archive: Archive, found: Unpacked) -> None:
    for file in archive.of_kind(MEDIA):
        blob = await asyncio.to_thread(lambda file=file: make_blob(archive.load(file)))  # type: ignore[misc]
        require(file.name.startswith(MEDIA + blob.hash.hex()), DAMAGED)
        await road.database.transaction(lambda db, blob=blob: add_blobs(db, [blob]))  # type: ignore[misc]
        found.media += 1


async def _enter(road: Road, me: Self, space: Space, carried: Carried | None) -> None:
    """Become a member's new device, if the person still belongs; else the space is here to be read as one left."""
    if carried is None:
        return
    secrets = space.secrets
    secrets.adopt(carried.law, carried.talk)
    view = space.law.present()
    if view.is_member(me.person) and view.person_of(road.device.public) is None:
        await belonging.enter(road, me, space)
        space = road.spaces[space.id]
    state = "member" if space.law.person_of(road.device.public) is not None else "left"
    if state == "member":
        space.secrets.adopt(carried.law, carried.talk)
        wrapped: Any = Secrets(carried.discovery, carried.law, carried.talk).wrapped()
        await road.submit(space, HandKeys([[road.device.public, seal_to(wrapped, road.device.public)]]))
        space = road.spaces[space.id]
    space.state = state
    await road.database.transaction(lambda db: keep_state(db, space.index.no, state))
