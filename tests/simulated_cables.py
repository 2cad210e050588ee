"""Where simulated nodes run, and the wires between them: dialling, parting, noticing, and what went wrong."""

import asyncio
import random
import traceback
from collections.abc import Coroutine
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from simulated_wires import Weather, Wire

from identity.errors import CommonsError, NetworkError, ProtocolError
from node.net.syncer import Syncer

TICK_S = 5.0
MAX_FAULTS = 12


def _told(context: dict[str, Any]) -> str:
    """Return what went wrong in a task, and where."""
    error = context.get("exception")
    if error is None:
        return str(context["message"])
    places = traceback.extract_tb(error.__traceback__)[-3:]
    return f"{error!r} in {', '.join(f'{Path(at.filename).name}:{at.lineno}' for at in places)}"


class Dweller(Protocol):
    """A running node, as the wires see it."""

    @property
    def key(self) -> bytes:
        """Its device's key."""

    @property
    def syncer(self) -> Syncer[Any]:
        """Its sessions."""


D = TypeVar("D", bound=Dweller)


@dataclass(kw_only=True)
class Spot(Generic[D]):
    """Where a node runs: it may be down, and then only what its disk holds is left."""

    index: int
    neighbours: list[int] = field(default_factory=list)
    node: D | None = None
    tasks: dict[asyncio.Task[None], None] = field(default_factory=dict)  # in order: a set's is not repeatable
    wires: list[Wire] = field(default_factory=list)


S = TypeVar("S", bound=Spot[Any])


class Cables(Generic[S]):
    """All places and the wires between them."""

    def __init__(self, rng: random.Random, loop: asyncio.AbstractEventLoop) -> None:
        self.rng = rng
        self.loop = loop
        self.weather = Weather()
        self.places: list[S] = []
        self.sides: dict[int, int] = {}
        self.faults: list[str] = []
        self.frames = 0
        self.bytes = 0
        self._trace = blake2b(digest_size=8)
        loop.set_exception_handler(lambda _, context: self.fault(_told(context)))

    def note(self, frame: bytes) -> None:
        """Count a frame; the trace tells two runs apart."""
        self.frames += 1
        self.bytes += len(frame)
        self._trace.update(f"{self.loop.time():.6f} {len(frame)} {frame[:1].hex()}".encode())

    def trace(self) -> str:
        """Return what differs as soon as anything happened differently."""
        return self._trace.hexdigest()

    def fault(self, what: str) -> None:
        """Note what must not happen, the first times."""
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(f"at {self.loop.time():.1f} s: {what}")

    # -- running -----------------------------------------------------------------------------------------------------

    def attend(self, place: S, *, dialling: bool = True) -> None:
        """Tell a node the time, and let it dial its neighbours, for as long as it runs."""
        assert place.node is not None
        self.spawn(place, self._tick(place.node))
        if dialling:
            self.spawn(place, self._dial(place, place.node))

    def cut_off(self, place: S) -> None:
        """Break a node's links and end everything it does."""
        for wire in place.wires:
            wire.snap()
            wire.ends[wire.between[0] != place.index].end("crashed")
        place.wires.clear()
        node, place.node = place.node, None
        for running in node.syncer.running.values() if node else ():
            for task in running.tasks:
                task.cancel()
        for task in list(place.tasks):
            task.cancel()
        place.tasks.clear()

    def spawn(self, place: S, work: Coroutine[Any, Any, Any]) -> None:
        """Run something for as long as a node is up."""
        node = place.node

        async def run() -> None:
            try:
                await work
            except CommonsError as error:
                if place.node is node and not self.is_expected(error):
                    self.fault(f"node {place.index}: {error!r}")
            finally:
                place.tasks.pop(task, None)

        task = self.loop.create_task(run())
        place.tasks[task] = None
        task.add_done_callback(lambda _: work.close())

    def is_expected(self, error: CommonsError) -> bool:
        """Tell whether a session may end like this in an honest network."""
        return isinstance(error, NetworkError) or (isinstance(error, ProtocolError) and "does not answer" in str(error))

    async def _tick(self, node: Dweller) -> None:
        while True:
            await asyncio.sleep(TICK_S * self.rng.uniform(0.9, 1.1))
            await node.syncer.tick()

    async def _dial(self, place: S, node: Dweller) -> None:
        while True:
            await asyncio.sleep(self.rng.uniform(0.5, 5.0))
            for index in list(place.neighbours):
                other = self.places[index].node
                apart = other is not None and other.key not in node.syncer.running
                if self.may_dial(place.index, index, apart=apart) and self.joined(place.index, index):
                    self.connect(place, self.places[index])

    def may_dial(self, _one: int, _other: int, *, apart: bool) -> bool:
        """Tell whether one node dials another now."""
        return apart

    # -- wires -------------------------------------------------------------------------------------------------------

    def joined(self, one: int, other: int) -> bool:
        """Tell whether a partition leaves two nodes on one side."""
        return self.sides.get(one, 0) == self.sides.get(other, 0)

    def connect(self, place: S, answerer: S) -> None:
        """Dial: the one who answers hears of it a little later."""
        assert place.node is not None
        assert answerer.node is not None
        wire = Wire(self, place.node.key, answerer.node.key)
        wire.between = place.index, answerer.index
        for at in (place, answerer):
            at.wires = [*(kept for kept in at.wires if not kept.is_over()), wire]
        self.spawn(place, place.node.syncer.serve(wire.ends[0]))
        node = answerer.node
        wire.later(wire.ends[0], lambda: self._answer(answerer, node, wire))

    def _answer(self, answerer: S, node: Dweller, wire: Wire) -> None:
        if answerer.node is node and not wire.broken:
            self.spawn(answerer, node.syncer.serve(wire.ends[1]))

    def split(self, sides: dict[int, int]) -> None:
        """Part the network; links across break, which their ends notice later."""
        self.sides = sides
        for wire in self.wires():
            if not self.joined(*wire.between):
                wire.snap()

    def wires(self) -> list[Wire]:
        """Return the links that hold."""
        dialled = ((place, wire) for place in self.places for wire in place.wires)
        return [wire for place, wire in dialled if not wire.broken and wire.between[0] == place.index]
