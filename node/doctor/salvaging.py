"""Keeping what can be read of a damaged database: into a fresh file, over the road, every change verified again.

The damaged file is moved aside, never deleted. What it no longer holds, neighbours send; where one's own last changes
are among that, the folder counts as restored, and the device takes a new key at the next start.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from crdt.batch import Batch
from crdt.change import Change
from identity.errors import BadSignature, Malformed, Refused, StoreError
from identity.keyfile import Keys
from node.ingest.road import Road
from node.ingest.spaces import Secrets, Space
from node.store import readmodel
from node.store.blobs import add_blobs, make_blob
from node.store.database import FILE_NAME, Database, Lock
from node.store.log import Stored
from node.store.spaces import SpaceRow
from node.store.vault import Vault
from node.store.wreck import Wreck, add_small, graft, holds_spaces

_ASIDE = ("-wal", "-shm", "")


@dataclass(slots=True)
class Salvaged:
    """What was kept: changes by the space's name, pictures and files; `aside` is where the damaged file is now."""

    aside: Path
    spaces: dict[str, int] = field(default_factory=dict)
    media: int = 0


async def salvage(folder: Path, keys: Keys, now_ms: Callable[[], int]) -> Salvaged:
    """Put a fresh database with what can be read in the place of a damaged one.

    Raises:
        Refused: if there is no database.
        StoreError: if a node has the folder, or it cannot be written.
    """
    path = folder / FILE_NAME
    if not path.exists():
        raise Refused("There is no database in this folder; start the node, and neighbours fill a new one.")
    lock = Lock(folder)
    lock.take()
    try:
        scratch = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix=".salvage-", dir=folder))
        try:
            salvaged = Salvaged(_aside(path))
            wreck = await asyncio.to_thread(_readable, path, scratch)
            await _keep_what_is_left(wreck, scratch, keys, now_ms, salvaged)
            await asyncio.to_thread(_exchange, scratch / FILE_NAME, path, salvaged.aside)
        finally:
            await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)
    except OSError as error:
        raise StoreError(f"the folder cannot be written: {error.strerror or error}") from error
    finally:
        lock.free()
    return salvaged


def _readable(path: Path, scratch: Path) -> Path | None:
    """Return the file, or a copy with another first page, if a space can be read out of it."""
    if holds_spaces(path):
        return path
    grafted = scratch / "grafted.db"
    graft(path, grafted)
    return grafted if holds_spaces(grafted) else None


def _aside(path: Path) -> Path:
    moment = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    aside = path.with_name(f"{path.name}.damaged-{moment}")
    number = 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.damaged-{moment}-{number}")
    return aside


def _exchange(fresh: Path, path: Path, aside: Path) -> None:
    """Move the damaged file aside with its WAL first, which must never meet the fresh one."""
    for ending in _ASIDE:
        with suppress(FileNotFoundError):
            path.with_name(path.name + ending).rename(aside.with_name(aside.name + ending))
    if fresh.exists():
        fresh.rename(path)


async def _keep_what_is_left(
    path: Path | None, scratch: Path, keys: Keys, now_ms: Callable[[], int], salvaged: Salvaged
) -> None:
    database = Database(scratch)
    await database.open()
    try:
        await database.writer.run(readmodel.create_tables)
        road = Road(
            database, Vault(keys.device, keys.retired), keys.device, keys.person or keys.device.public, now_ms
        )  # fmt: skip
        if path is not None:
            with closing(Wreck(path)) as wreck:
                await Salvaging(road, wreck, salvaged).run()
        await database.writer.run(lambda db: db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())
    finally:
        await database.close()


class Salvaging:
    """One wreck on its way into a fresh file."""

    def __init__(self, road: Road, wreck: Wreck, salvaged: Salvaged) -> None:
        self._road = road
        self._wreck = wreck
        self._salvaged = salvaged

    async def run(self) -> None:
        """Keep spaces with their changes, settings, the book of peers, pictures and files."""
        database = self._road.database
        for row in self._wreck.spaces():
            space = await self._begin(row)
            if space is not None:
                self._salvaged.spaces[space.name] = await self._feed(row[0], space)
        for table in self._wreck.small_tables():
            await database.transaction(lambda db, table=table: add_small(db, *table))  # type: ignore[misc]
        for data in self._wreck.blobs():
            with suppress(Refused):
                blob = make_blob(data)
                await database.transaction(lambda db, blob=blob: add_blobs(db, [blob]))  # type: ignore[misc]
                self._salvaged.media += 1

    async def _begin(self, row: tuple[object, ...]) -> Space | None:
        no, id_, sealed, name, state, joined = row
        vault = self._road.vault
        if not isinstance(no, int) or not isinstance(id_, bytes) or not isinstance(sealed, bytes):
            return None
        try:
            discovery = vault.open(sealed)
        except (StoreError, ValueError):
            return None
        held: dict[str, list[bytes]] = {"law": [], "talk": []}
        for use, secret in self._wreck.secrets(no):
            with suppress(StoreError, ValueError):
                if use in held:
                    held[use].append(vault.open(secret))
        known = SpaceRow(0, id_, discovery, str(name), str(state), joined if isinstance(joined, int) else 0)
        return await self._road.begin(known, Secrets(discovery, held["law"], held["talk"]))

    async def _feed(self, no: int, space: Space) -> int:
        kept = 0
        index = self._wreck.index(no, space.id)
        for portion in self._wreck.changes(index):
            gone = {entry.number: entry.change.id for entry in portion if entry.change.body is None}
            erasers = {gone[number]: eraser for number, eraser in self._wreck.erasers(list(gone)).items()}
            whole = [entry for entry in portion if entry.change.body is not None or entry.change.id in erasers]
            kept += await self._receive(space, whole, erasers)
        return kept

    async def _receive(self, space: Space, portion: Sequence[Stored], erasers: dict[bytes, Change]) -> int:
        """Take a portion in; if one of it does not fit, all that do."""
        if not portion:
            return 0
        changes = [entry.change for entry in portion]
        batch = Batch(changes, {change.id: erasers[change.id] for change in changes if change.id in erasers})
        try:
            outcome = await self._road.receive(self._road.spaces[space.id], batch, self._road.device.public)
        except (BadSignature, Malformed):
            if len(portion) == 1:
                return 0
            middle = len(portion) // 2
            first = await self._receive(space, portion[:middle], erasers)
            return first + await self._receive(space, portion[middle:], erasers)
        return len(outcome.accepted)
