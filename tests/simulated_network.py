"""All simulated nodes, where they run, the wires between them, and what must never go wrong."""

import asyncio
import random
from dataclasses import dataclass

from simulated_cables import Cables, Spot
from simulated_node import Self, SimNode, Surroundings
from simulated_space import Disk

from crdt.change import Change
from identity.keys import SigningKey

YEAR_MS = 365 * 86_400_000


@dataclass(kw_only=True)
class Place(Spot[SimNode]):
    """Where a node runs: it may be down, and then only its disk is left."""

    me: Self
    disk: Disk
    skew_ms: int
    jumps: bool


class Network(Cables[Place]):
    """All places, the wires between them, and what must not go wrong."""

    def __init__(self, rng: random.Random, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(rng, loop)
        self.durable: dict[bytes, Change] = {}
        self._by_key: dict[bytes, Place] = {}

    def add(self, root: SigningKey | None = None) -> Place:
        """Give a node its place; it does not run yet."""
        rng = self.rng
        skew = rng.choice([0, 0, 0, -10 * YEAR_MS, 86_400_000, rng.randrange(-60_000, 60_000)])
        me, jumps = Self.draw(rng, root), rng.random() < 0.1
        place = Place(index=len(self.places), me=me, disk=Disk(), skew_ms=skew, jumps=jumps)
        self.places.append(place)
        self._by_key[place.me.device.public] = place
        return place

    def start(self, place: Place, *, dialling: bool = True) -> SimNode:
        """Start a node from its disk."""
        around = Surroundings(self.rng, self.loop.time, self._keep, self._check_acknowledged)
        node = SimNode(place.me, around, place.disk, place.skew_ms, place.jumps)
        node.load()
        place.node = node
        self.attend(place, dialling=dialling)
        if node.spaces:
            self.spawn(place, node.answer_knocks())
        return node

    def stop(self, place: Place) -> None:
        """Crash a node: what its disk had not synced is lost, or as luck will have it some of it is not."""
        self.cut_off(place)
        place.disk.crash(self.rng.randint(0, len(place.disk.pending)))

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
            self.fault(f"node {place.index} acknowledged {seq} and holds {held}")

    def agree(self) -> bool:
        """Tell whether all nodes hold the same and made the same of it."""
        return len({node.space.history.root() for node in self.nodes()}) == 1
