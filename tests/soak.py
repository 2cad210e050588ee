"""Several nodes for a long time: networks come and go, a laptop sleeps, people join and leave; nothing may pile up.

`python tests/soak.py --minutes 10`. Three nodes live in this process, whose memory, tasks, threads and open files are
counted; a fourth is a process of its own that is put to sleep and woken. Prints a line of JSON a round, and fails if
a count grows, or a word does not arrive.
"""

import argparse
import asyncio
import gc
import json
import os
import random
import shutil
import signal
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from loopback import SETTINGS, Neighbourhood, link_to, same, until  # noqa: E402 - the paths above come first
from processes import Laptop, Room, room_at  # noqa: E402 - likewise

from node.domain.posts import WritePost  # noqa: E402 - likewise
from node.ingest.spaces import Space  # noqa: E402 - likewise
from node.runtime import Node  # noqa: E402 - likewise

RESIDENTS = ("Amina", "Bola", "Carla")
PATIENCE_S = 60.0
WARM_ROUNDS = 4  # what is kept at first fills up: caches, pools, the first sessions
MORE_MB = 8.0  # a node may hold this much more at the end than after warming up, for each hundred rounds
MORE_COUNT = 3  # tasks, threads, files: what happens to be under way at the moment of counting
TASKS_EACH = 10  # of the p2p side for a connection
MORE_P2P = 15  # connections that just end have fewer tasks


@dataclass(frozen=True)
class Counts:
    """What must not pile up; memory in MB. A p2p task that belongs to a connection does not count."""

    memory: float
    tasks: int
    p2p_tasks: int
    threads: int
    files: int


@dataclass
class Soak:
    """The nodes, and what was counted after each round."""

    start: Neighbourhood
    sleeper: Laptop
    dice: random.Random
    space: bytes = b""
    rounds: list[Counts] = field(default_factory=list)

    async def begin(self) -> None:
        """Found a space, and let everybody in."""
        founder = await self.start(RESIDENTS[0])
        self.space = (await founder.found("Garden")).id
        for name in RESIDENTS[1:]:
            await self._join(name)
        link = await link_to(founder, self._view(founder))
        await asyncio.to_thread(lambda: self.sleeper.open().init().joins(link))

    async def _join(self, name: str) -> Node:
        host = self.start.nodes[0]
        node = await self.start(name)
        await node.join(await link_to(host, self._view(host)))
        await until(lambda: same(self.space, host, node), PATIENCE_S)
        return node

    def _view(self, node: Node) -> Space:
        return node.road.spaces[self.space]

    async def turn(self) -> None:
        """Let some things happen, and see that a word still reaches everybody."""
        await self.dice.choice((self._network_goes, self._laptop_sleeps, self._guest_comes, self._restart))()
        writer = self.dice.choice(self.start.nodes)
        change = await writer.road.submit(self._view(writer), WritePost(f"{time.time_ns()}", None, None, []))
        await until(lambda: same(self.space, *self.start.nodes), PATIENCE_S)
        await until(lambda: asyncio.to_thread(self._sleeper_has, change.id.hex()), PATIENCE_S)
        self.rounds.append(await self._count())

    def _sleeper_has(self, post: str) -> bool:
        return any(found["id"] == post for found in self.sleeper.call("feed", space="-", limit=5)["posts"])

    async def _network_goes(self) -> None:
        node = self.dice.choice(self.start.nodes)
        await node.stop_network()
        await self._write_apart(node)
        await node.start_network()
        self._tell(node)

    async def _laptop_sleeps(self) -> None:
        os.kill(self.sleeper.pid, signal.SIGSTOP)
        try:
            for node in self.start.nodes:
                await self._write_apart(node)
            await asyncio.sleep(self.dice.uniform(1.0, 8.0))
        finally:
            os.kill(self.sleeper.pid, signal.SIGCONT)

    async def _guest_comes(self) -> None:
        guest = await self._join(f"guest{len(self.rounds)}")
        await self._write_apart(guest)
        await until(lambda: same(self.space, *self.start.nodes), PATIENCE_S)
        self.start.nodes.remove(guest)
        await guest.close()
        await asyncio.to_thread(shutil.rmtree, guest.folder)

    async def _restart(self) -> None:
        node = self.dice.choice(self.start.nodes[1:])
        self.start.nodes.remove(node)
        await node.close()
        again = Node(node.folder, SETTINGS)
        await again.open()
        self.start.nodes.append(again)
        await again.start_network()
        self._tell(again)

    async def _write_apart(self, node: Node) -> None:
        await node.road.submit(self._view(node), WritePost(f"apart {time.time_ns()}", None, None, []))

    def _tell(self, node: Node) -> None:
        """Say where the others are, as zeroconf does."""
        for other in self.start.nodes:
            if other is not node:
                node.neighbours.learn(other.addresses)

    async def _count(self) -> Counts:
        gc.unfreeze()  # a node that opens freezes what is there: here that holds the remains of those before it
        gc.collect()
        p2p = 0
        for node in self.start.nodes:
            assert node.network is not None
            transport = node.network._transport
            assert transport is not None
            counts = await transport.counts()
            p2p += counts["tasks"] - TASKS_EACH * counts["connections"]
        files = len(list(Path("/proc/self/fd").iterdir()))
        status = Path("/proc/self/status").read_text()
        memory = int(status.split("VmRSS:")[1].split()[0]) / 1024
        return Counts(round(memory, 1), len(asyncio.all_tasks()), p2p, threading.active_count(), files)

    def judge(self) -> list[str]:
        """Return what piled up: the last rounds against the first ones, after warming up."""
        part = max(1, (len(self.rounds) - WARM_ROUNDS) // 3)
        early, late = self.rounds[WARM_ROUNDS:][:part], self.rounds[-part:]
        allowed = {"memory": MORE_MB * max(1.0, len(self.rounds) / 100), "p2p_tasks": MORE_P2P}
        faults = []
        for name in Counts.__dataclass_fields__:
            before, after = (statistics.median(getattr(each, name) for each in some) for some in (early, late))
            if after - before > allowed.get(name, MORE_COUNT):
                faults.append(f"{name} grew from {before:g} to {after:g} in {len(self.rounds)} rounds")
        return faults


async def soak(folder: Path, room: Room, minutes: float, seed: int) -> Soak:
    """Let it all happen for so long."""
    this = Soak(Neighbourhood(folder), room.laptop("Sleeper"), random.Random(seed))
    end = time.monotonic() + 60 * minutes
    try:
        await this.begin()
        while time.monotonic() < end or len(this.rounds) <= WARM_ROUNDS + 3:
            await this.turn()
            print(json.dumps({"round": len(this.rounds)} | vars(this.rounds[-1])), flush=True)
    finally:
        await this.start.close()
    return this


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description="Let some nodes live for a while, and see that nothing piles up.")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, room_at(Path(folder)) as room:
        this = asyncio.run(soak(Path(folder), room, given.minutes, given.seed))
    faults = this.judge()
    print(json.dumps({"rounds": len(this.rounds), "faults": faults}))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
