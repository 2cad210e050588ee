"""Comparing what is shown with what the log says: in a copy of the database, where the rows are made anew."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from identity.keyfile import Keys
from node.ingest.road import Road
from node.store import readmodel
from node.store.database import FILE_NAME, Database
from node.store.health import copy_database
from node.store.vault import Vault

COPY_NEEDS = 3
"""Times the database's size: so much room the copy takes, and what is made anew in it."""


def has_room(folder: Path) -> bool:
    """Tell whether the disk has room for a copy of a folder's database."""
    return shutil.disk_usage(folder).free >= COPY_NEEDS * (folder / FILE_NAME).stat().st_size


@asynccontextmanager
async def copied(folder: Path, keys: Keys, now_ms: Callable[[], int]) -> AsyncIterator[Road]:
    """Give the road of a copy of a folder's database, as it stands now; a node may go on writing meanwhile.

    Raises:
        StoreError: if the database cannot be read, or the copy not be written.
    """
    scratch = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix=".doctor-", dir=folder))
    try:
        await asyncio.to_thread(copy_database, folder / FILE_NAME, scratch / FILE_NAME)
        database = Database(scratch)
        await database.open()
        try:
            await database.writer.run(readmodel.create_tables)
            device = keys.device
            road = Road(database, Vault(device, keys.retired), device, keys.person or device.public, now_ms)
            await road.open()
            yield road
        finally:
            await database.close()
    finally:
        await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)


async def altered_parts(road: Road, id_: bytes) -> list[str]:
    """Return which parts of what is shown of a space do not follow from its log; they are made anew in this copy."""
    space, database = road.spaces[id_], road.database
    number = space.index.no
    found = await database.writer.run(readmodel.search_faults)
    before = await database.read(lambda db: readmodel.parts_digests(db, number))
    await database.transaction(lambda db: readmodel.forget_space(db, number))
    await road.rebuild(space)
    after = await database.read(lambda db: readmodel.parts_digests(db, number))
    return sorted({*found, *(part for part in before if before[part] != after[part])})
