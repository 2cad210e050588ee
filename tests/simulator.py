"""A whole network in one thread and in virtual time, from one seed: `python tests/simulator.py SEED --nodes N`.

Everything between two wires is real (see simulated_node.py); asyncio runs on a clock that jumps to whatever is next.
Loss is a link that breaks, duplication is what a reconnect sends again, and reordering happens between links.
"""

import argparse
import asyncio
import contextlib
import functools
import logging
import random
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

import nacl.bindings as sodium
from simulated_cables import TICK_S, Cables
from simulated_network import Network, Place
from simulated_node import SimNode
from simulated_wires import VirtualLoop, Weather

from crdt import exchange
from identity.errors import CommonsError
from node.domain.posts import EditPost, RetractPost, WritePost

ROUND_S = 50.0  # less than the sessions' own patience, so that nothing is saved by a timeout
CALM_S = 20.0
ROUNDS = 3


@dataclass
class Report:
    """How a run went; `rounds` after healing until all held the same, 0 if they never did."""

    rounds: int = 0
    frames: int = 0
    bytes: int = 0
    changes: int = 0
    members: int = 0
    faults: list[str] = field(default_factory=list)
    trace: str = ""
    virtual_s: float = 0.0


class Run:
    """One seed: a network grows, suffers, heals and is looked at."""

    def __init__(self, net: Network, nodes: int, storm_s: float, changes: int) -> None:
        self.net = net
        self.rng = net.rng
        self.size = nodes
        self.storm_s = storm_s
        self.chords = net.rng.randint(0, 3)  # none: a tree, in which every link has to do its part
        self.pace_s = storm_s / max(1, changes)

    async def play(self) -> Report:
        """Run everything and report."""
        net = self.net
        founder = net.add()
        await net.start(founder).found()
        await self.grow(2 * self.size // 3)
        await asyncio.sleep(30.0)
        net.weather = Weather.draw(self.rng)
        talk = net.loop.create_task(self._talk())
        await self._storm()
        await self.grow(self.size)
        talk.cancel()
        rounds = await self._heal()
        return self._report(rounds)

    async def grow(self, size: int) -> None:
        """Let newcomers join until there are so many nodes."""
        while len(self.net.places) < size:
            await self._join(self.rng.choice(self.net.places))
            await asyncio.sleep(self.rng.random())

    async def _join(self, inviter: Place) -> None:
        net, rng = self.net, self.rng
        node = inviter.node
        if node is None or not node.space.is_open():
            return
        device = rng.random() < 0.15
        place = net.add(inviter.me.root if device else None)
        others = rng.sample(range(place.index), min(place.index, rng.randint(0, self.chords)))
        known = inviter.index if rng.random() < 0.8 else rng.randrange(place.index)  # or only somebody else's address
        place.neighbours = sorted({known, *others})
        for index in place.neighbours:
            net.places[index].neighbours.append(place.index)
        invitation = node.invite("device" if device else "member")
        newcomer = net.start(place)
        net.spawn(place, newcomer.knock(invitation))

    async def _storm(self) -> None:
        rng, net = self.rng, self.net
        end = net.loop.time() + self.storm_s
        while net.loop.time() < end:
            await asyncio.sleep(rng.expovariate(1.0) * self.storm_s / (self.size + 24))
            event = rng.random()
            if event < 0.35 and len(net.places) < self.size:
                await self._join(rng.choice(net.places))
            elif event < 0.55:
                await self._crash(rng.choice(net.places))
            elif event < 0.7:
                parts = rng.randint(1, 3)
                net.split({index: rng.randrange(parts) for index in range(self.size)})
            elif event < 0.85 and net.wires():
                rng.choice(net.wires()).snap()
            else:
                net.weather = Weather.draw(rng)

    async def _crash(self, place: Place) -> None:
        if place.node is None or not place.disk.synced:
            return
        self.net.stop(place)
        self.net.loop.call_later(self.rng.uniform(0.0, 40.0), self._restart, place)

    def _restart(self, place: Place) -> None:
        if place.node is None:
            self.net.start(place)

    async def _talk(self) -> None:
        while True:
            await asyncio.sleep(self.rng.expovariate(1.0) * self.pace_s)
            place = self.rng.choice(self.net.places)
            if place.node is not None and place.node.spaces and place.node.space.is_open():
                self.net.spawn(place, self._say(place.node))

    def _say(self, node: SimNode) -> Coroutine[Any, Any, Any]:
        if self.rng.random() < 0.15:
            title = f"Title {self.rng.randrange(10**6)}" if self.rng.random() < 0.3 else None
            return node.edit_page(title, functools.partial(_bent, random.Random(self.rng.random())))
        return node.submit(self._command(node))

    def _command(self, node: SimNode) -> Any:
        rng = self.rng
        posts = [id_ for id_, change in self.net.durable.items() if id_ in node.space.facts and change.header.seq > 1]
        about = rng.choice(posts) if posts else None
        kind = rng.random()
        text = f"{rng.randrange(10**9)} " * rng.randint(1, 30)
        if about is None or kind < 0.5:
            return WritePost(text, None, None, [])
        if kind < 0.7:
            return WritePost(text, about, about, [])
        edits = [id_ for id_, fact in node.space.facts[about].items() if isinstance(fact.command, EditPost)]
        return EditPost(about, text) if kind < 0.85 else RetractPost(about, None, None, edits)

    async def _heal(self) -> int:
        """End the storm, and count the rounds in which every node compares with every neighbour."""
        net = self.net
        net.weather = Weather()
        net.split({})
        for place in net.places:
            self._restart(place)
        for wire in net.wires():
            wire.latency = min(wire.latency, net.weather.delay_s)
        await asyncio.sleep(CALM_S)
        for attempt in range(ROUNDS):
            if attempt:
                for node in net.nodes():
                    await node.syncer.look_again(node.space.id)
            for _ in range(25):
                await asyncio.sleep(ROUND_S / 25)
                if net.agree():
                    await asyncio.sleep(TICK_S)  # what says so is still on its way
                    return attempt + 1
        return 0

    def _report(self, rounds: int) -> Report:
        net = self.net
        nodes = net.nodes()
        if len({node.space.digest() for node in nodes}) > 1:
            net.faults.append("the nodes hold the same and made different things of it")
        lost = [id_ for id_ in net.durable if any(id_ not in node.space.numbers for node in nodes)]
        if lost and rounds:
            net.faults.append(f"{len(lost)} changes that their authors stored are lost")
        if rounds:
            net.faults += [f"a node does not know that a neighbour holds its log: {far}" for far in self._unheard()]
        members = len(nodes[0].space.law.grants)
        totals = (net.frames, net.bytes, len(net.durable), members)
        return Report(rounds, *totals, net.faults, net.trace(), net.loop.time())

    def _unheard(self) -> list[str]:
        """Return the links on which a node does not know that its own log has arrived."""
        return [
            f"{node.reach.get(peer, 0)} of {node.space.history.logs[node.key].seq}"
            for node in self.net.nodes()
            for peer in node.syncer.running
            if node.reach.get(peer, 0) < node.space.history.logs[node.key].seq
        ]


def _bent(rng: random.Random, body: str) -> str:
    """Change a text somewhere: a line comes, perhaps in the place of some letters."""
    at = rng.randrange(len(body) + 1)
    return f"{body[:at]}{rng.randrange(10**6)}\n{body[at + rng.choice((0, 0, 3, 30)) :]}"


class _Ear(logging.Handler):
    """Hears why sessions ended in the background."""

    def __init__(self, net: Cables[Any]) -> None:
        super().__init__(logging.INFO)
        self.net = net

    def emit(self, record: logging.LogRecord) -> None:
        errors = [arg for arg in record.args or () if isinstance(arg, CommonsError)]
        self.net.faults += [f"in the background: {error!r}" for error in errors if not self.net.is_expected(error)]


@contextlib.contextmanager
def _small_spaces(logs: int) -> Iterator[None]:
    """Let sessions compare by buckets from so many logs on, so that few nodes take that road too."""
    usual, exchange.SMALL_SPACE_LOGS = exchange.SMALL_SPACE_LOGS, logs
    try:
        yield
    finally:
        exchange.SMALL_SPACE_LOGS = usual


@contextlib.contextmanager
def signatures_checked_once() -> Iterator[None]:
    """Let a hundred nodes in one thread check a signature once between them; a bad one is checked every time."""
    real = sodium.crypto_sign_open
    sodium.crypto_sign_open = functools.lru_cache(maxsize=1 << 15)(real)
    try:
        yield
    finally:
        sodium.crypto_sign_open = real


def simulate(play: Callable[[Any], Coroutine[Any, Any, Any]], seed: int, kind: type[Cables[Any]] = Network) -> Any:
    """Run a coroutine over an empty network of some kind in virtual time."""
    loop = VirtualLoop()
    logger = logging.getLogger("node.net.syncer")
    level = logger.level
    logger.setLevel(logging.INFO)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        net = kind(random.Random(seed), loop)
        ear = _Ear(net)
        logger.addHandler(ear)
        try:
            return runner.run(play(net))
        finally:
            logger.removeHandler(ear)
            logger.setLevel(level)


def run(seed: int, nodes: int = 16, storm_s: float = 240.0, changes: int = 80) -> Report:
    """Simulate one seed."""
    with signatures_checked_once(), _small_spaces(3 if seed % 2 else exchange.SMALL_SPACE_LOGS):
        report: Report = simulate(lambda net: Run(net, nodes, storm_s, changes).play(), seed)
    return report


def main() -> None:
    """Replay seeds from the command line."""
    parser = argparse.ArgumentParser(description="Simulate a network from a seed, and print how it went.")
    parser.add_argument("seed", type=int)
    parser.add_argument("--nodes", type=int, default=16)
    parser.add_argument("--changes", type=int, default=80)
    parser.add_argument("--count", type=int, default=1, help="how many seeds from this one on")
    given = parser.parse_args()
    for seed in range(given.seed, given.seed + given.count):
        began = time.perf_counter()
        report = run(seed, given.nodes, changes=given.changes)
        print(seed, f"{time.perf_counter() - began:.1f} s", report)


if __name__ == "__main__":
    main()
