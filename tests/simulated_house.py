"""A person's laptop in the simulation: the program's own node over a disk in memory, which survives a crash.

The disk holds the program's own tables. A commit takes its time: a crash meanwhile loses it, or keeps it though
nobody was told. A disk that lies (`roll_back`) loses what it had called safe, as a restored backup does.
"""

import asyncio
import functools
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from identity.keyfile import Keys
from identity.keyring import Keyring
from node.config import Config
from node.ingest.intake import Arrival
from node.ingest.spaces import Space
from node.net.syncer import Syncer
from node.runtime import Node
from node.store import queries, readmodel
from node.store.database import Connection, Database, prepare

SETTINGS = Config(discovery=False, undo_s=0.0)
EPOCH_MS = 1_790_000_000_000
DAY_MS = 86_400_000
FSYNC_S = 0.02
T = TypeVar("T")


@functools.cache
def _blank() -> bytes:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    prepare(connection)
    readmodel.create_tables(connection)
    return connection.serialize()


def _from_image(image: bytes) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=256)
    connection.deserialize(image)
    connection.execute("PRAGMA temp_store=MEMORY")
    return connection


class Platter:
    """What lies on a disk; `life` counts how often its machine lost power."""

    def __init__(self, image: bytes = b"") -> None:
        self.connection = _from_image(image or _blank())
        self.life = 0

    def image(self) -> bytes:
        """Return everything on it, as a backup holds it."""
        return self.connection.serialize()

    def roll_back(self, image: bytes) -> None:
        """Lose everything that came after a backup."""
        self.connection.close()
        self.connection = _from_image(image)

    def cut_power(self) -> None:
        """Let nothing that is under way reach it any more."""
        self.life += 1


class Arm:
    """Writes to a disk, or reads from it, a little later, until the power is cut: the `run` of a Connection."""

    def __init__(self, platter: Platter, rng: random.Random, slow_s: float) -> None:
        self.platter = platter
        self.rng = rng
        self.slow_s = slow_s
        self._life = platter.life
        self._turn = asyncio.Lock()
        self._tasks: dict[asyncio.Task[Any], None] = {}

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work`, to its end even if the caller goes away, as the writer's thread does."""
        task = asyncio.get_running_loop().create_task(self._run(work))
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))
        return await asyncio.shield(task)

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        async with self._turn:
            before = self.rng.random()
            await asyncio.sleep(before * self.slow_s)
            if self.platter.life != self._life:
                raise asyncio.CancelledError
            result = work(self.platter.connection)
            await asyncio.sleep((1.0 - before) * self.slow_s)
            if self.platter.life != self._life:
                raise asyncio.CancelledError
        return result


class SimDatabase(Database):
    """A node's database on a simulated disk."""

    def __init__(self, platter: Platter, rng: random.Random) -> None:
        super().__init__(Path("simulated"))
        self.writer = cast(Connection, Arm(platter, rng, FSYNC_S))
        self.reader = cast(Connection, Arm(platter, rng, 0.001))


class SimKeyring(Keyring):
    """Keys that lie apart from the disk, and survive whatever happens to it."""

    def __init__(self, keys: Keys) -> None:
        super().__init__(Path("simulated"), keys, None)

    def adopt_certificate(self, certificate: bytes) -> None:
        self.keys = self.keys.certified(certificate)

    def renew_device(self, slot: int, time_ms: int) -> None:
        self.keys = self.keys.renewed(slot, time_ms)


class Resident:
    """The program's own node, with a simulated clock and disk in the place of the machine's."""

    def __init__(self, ring: SimKeyring, platter: Platter, clock: Callable[[], float], rng: random.Random) -> None:
        self.ring = ring
        self.platter = platter
        self.clock = clock
        self.rng = rng
        self.skew_ms = 0
        self.jumps = False
        self.node = Node(Path("simulated"), SETTINGS, self.now_ms)
        self.node.database = SimDatabase(platter, rng)

    def now_ms(self) -> int:
        """Return what this laptop's clock shows."""
        jump = self.rng.randrange(-DAY_MS, DAY_MS) if self.jumps else 0
        return EPOCH_MS + int(self.clock() * 1000) + self.skew_ms + jump

    async def begin(self) -> None:
        """Start as a node does whose keys need no passphrase: one whose log was forked becomes a new device."""
        device = self.ring.keys.device.public
        if self.ring.keys.root is not None and await self.node.database.read(lambda db: queries.has_forked(db, device)):
            self.ring.renew_device(await self.node._free_slot(self.ring), self.now_ms())
        await self.node.begin(self.ring)
        self.node.syncer.clock = self.clock

    async def introduce_as(self, name: str) -> None:
        """Keep what this person wants to be called."""
        await self.node.database.transaction(lambda db: queries.keep_setting(db, "my name", name))

    def end(self) -> None:
        """End everything that runs in it, as a power cut does."""
        self.platter.cut_power()
        for task in [*self.node._tasks, *self.node.road.work._working] if hasattr(self.node, "road") else ():
            task.cancel()

    # -- simulated_cables.Dweller --------------------------------------------------------------------------------------

    @property
    def key(self) -> bytes:
        """The device's key."""
        return self.node.road.device.public

    @property
    def syncer(self) -> Syncer[Arrival]:
        """Its sessions."""
        return self.node.syncer

    @property
    def space(self) -> Space | None:
        """The one space of the simulation, once this node has heard of it."""
        return next(iter(self.node.road.spaces.values()), None)

    @property
    def is_member(self) -> bool:
        """Tell whether this device belongs, as far as it has heard itself."""
        space = self.space
        return space is not None and space.state == "member" and space.law.person_of(self.key) is not None
