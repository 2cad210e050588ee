"""All simulated nodes, where they run, the wires between them, and what must never go wrong."""

import asyncio
import random
from collections.abc import Coroutine
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from simulated_node import Self, SimNode, Surroundings
from simulated_space import Disk
from simulated_wires import Weather, Wire

from crdt.change import Change
from identity.errors import CommonsError, NetworkError, ProtocolError
from identity.keys import SigningKey

TICK_S = 5.0
YEAR_MS = 365 * 86_400_000


@dataclass
class Place:
    """Where a node runs: it may be down, and then only its disk is left."""

    index: int
    me: Self
    disk: Disk
    skew_ms: int
    jumps: bool
    neighbours: list[int] = field(default_factory=list)
    node: SimNode | None = None
    tasks: dict[asyncio.Task[None], None] = field(default_factory=dict)  # in order: a set's is not repeatable
    wires: list[Wire] = field(default_factory=list)


class Network:
    """All places, the wires between them, and what must not go wrong."""

    def __init__(self, rng: random.Random, loop: asyncio.AbstractEventLoop) -> None:
        self.rng = rng
        self.loop = loop
        self.weather = Weather()
        self.places: list[Place] = []
        self.sides: dict[int, int] = {}
        self.durable: dict[bytes, Change] = {}
        self.faults: list[str] = []
        self.frames = 0
        self.bytes = 0
        self._trace = blake2b(digest_size=8)
        self._by_key: dict[bytes, Place] = {}
        loop.set_exception_handler(lambda _, context: self._fault(repr(context.get("exception", context["message"]))))

    def note(self, frame: bytes) -> None:
        """Count a frame; the trace tells two runs apart."""
        self.frames += 1
        self.bytes += len(frame)
        self._trace.update(f"{self.loop.time():.6f} {len(frame)} {frame[:1].hex()}".encode())

    def trace(self) -> str:
        """Return what differs as soon as anything happened differently."""
        return self._trace.hexdigest()

    def _fault(self, what: str) -> None:
        self.faults.append(f"at {self.loop.time():.1f} s: {what}")

    def add(self, root: SigningKey | None = None) -> Place:
        """Give a node its place; it does not run yet."""
        rng = self.rng
        skew = rng.choice([0, 0, 0, -10 * YEAR_MS, 86_400_000, rng.randrange(-60_000, 60_000)])
        place = Place(len(self.places), Self.draw(rng, root), Disk(), skew, rng.random() < 0.1)
        self.places.append(place)
        self._by_key[place.me.device.public] = place
        return place

    def start(self, place: Place, *, dialling: bool = True) -> SimNode:
        """Start a node from its disk."""
        around = Surroundings(self.rng, self.loop.time, self._keep, self._check_acknowledged)
        node = SimNode(place.me, around, place.disk, place.skew_ms, place.jumps)
        node.load()
        place.node = node
        self.spawn(place, self._tick(node))
        if dialling:
            self.spawn(place, self._dial(place, node))
        if node.spaces:
            self.spawn(place, node.answer_knocks())
        return node

    def stop(self, place: Place) -> None:
        """Crash a node: what its disk had not synced is lost, or as luck will have it some of it is not."""
        for wire in place.wires:
            wire.snap()
            wire.ends[wire.dialler != place.me.device.public].end("crashed")
        place.wires.clear()
        node, place.node = place.node, None
        for running in node.syncer.running.values() if node else ():
            for task in running.tasks:
                task.cancel()
        for task in list(place.tasks):
            task.cancel()
        place.tasks.clear()
        place.disk.crash(self.rng.randint(0, len(place.disk.pending)))

    def spawn(self, place: Place, work: Coroutine[Any, Any, Any]) -> None:
        """Run something for as long as a node is up."""
        node = place.node

        async def run() -> None:
            try:
                await work
            except CommonsError as error:
                if place.node is node and not is_expected(error):
                    self._fault(f"node {place.index}: {error!r}")
            finally:
                place.tasks.pop(task, None)

        task = self.loop.create_task(run())
        place.tasks[task] = None
        task.add_done_callback(lambda _: work.close())

    async def _tick(self, node: SimNode) -> None:
        while True:
            await asyncio.sleep(TICK_S * self.rng.uniform(0.9, 1.1))
            await node.syncer.tick()

    async def _dial(self, place: Place, node: SimNode) -> None:
        while True:
            await asyncio.sleep(self.rng.uniform(0.5, 5.0))
            for index in list(place.neighbours):
                other = self.places[index].node
                if other is not None and other.key not in node.syncer.running and self.joined(place.index, index):
                    self.connect(place, self.places[index])

    def joined(self, one: int, other: int) -> bool:
        """Tell whether a partition leaves two nodes on one side."""
        return self.sides.get(one, 0) == self.sides.get(other, 0)

    def connect(self, place: Place, answerer: Place) -> None:
        """Dial: the one who answers hears of it a little later."""
        assert place.node is not None
        assert answerer.node is not None
        wire = Wire(self, place.node.key, answerer.node.key)
        for at in (place, answerer):
            at.wires = [*(kept for kept in at.wires if not kept.broken), wire]
        self.spawn(place, place.node.syncer.serve(wire.ends[0]))
        node = answerer.node
        wire.later(wire.ends[0], lambda: self._answer(answerer, node, wire))

    def _answer(self, answerer: Place, node: SimNode, wire: Wire) -> None:
        if answerer.node is node and not wire.broken:
            self.spawn(answerer, node.syncer.serve(wire.ends[1]))

    def split(self, sides: dict[int, int]) -> None:
        """Part the network; links across break, which their ends notice later."""
        self.sides = sides
        for wire in self.wires():
            one, other = (self._by_key[key].index for key in (wire.dialler, wire.answerer))
            if not self.joined(one, other):
                wire.snap()

    def wires(self) -> list[Wire]:
        """Return the links that hold."""
        dialled = ((place, wire) for place in self.places for wire in place.wires)
        return [wire for place, wire in dialled if not wire.broken and wire.dialler == place.me.device.public]

    def nodes(self) -> list[SimNode]:
        """Return the nodes that run."""
        return [place.node for place in self.places if place.node is not None]

    # -- what must hold ----------------------------------------------------------------------------------------------

    def _keep(self, change: Change) -> None:
        self.durable[change.id] = change

    def _check_acknowledged(self, author: bytes, holder: bytes, seq: int) -> None:
        """What a peer says it holds lies on its disk, synced."""
        place = self._by_key[holder]
        held = place.disk.seqs.get(author, 0)
        if held < seq:
            self._fault(f"node {place.index} acknowledged {seq} and holds {held}")

    def agree(self) -> bool:
        """Tell whether all nodes hold the same and made the same of it."""
        return len({node.space.history.root() for node in self.nodes()}) == 1


def is_expected(error: CommonsError) -> bool:
    """Tell whether a session may end like this in an honest network."""
    return isinstance(error, NetworkError) or (isinstance(error, ProtocolError) and "does not answer" in str(error))
