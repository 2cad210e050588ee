"""Real nodes in this process, on real folders, speaking libp2p over loopback."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from identity.tickets import Offer
from node.config import Config
from node.ingest.belonging import invite
from node.ingest.spaces import Space
from node.runtime import Node, now_ms

LISTEN = ("/ip4/127.0.0.1/tcp/0",)
SETTINGS = Config(listen=LISTEN, web_port=0, discovery=False, undo_s=0.0)
DAY_MS = 86_400_000
HOUR_MS = 3_600_000
MINUTE_MS = 60_000
PATIENCE_S = 60.0  # a machine may be slow; what holds is seen at once
Start = Callable[[str], Awaitable[Node]]


class Clock:
    """The clock of one test's nodes: it goes as clocks do, and a test can move it on."""

    def __init__(self) -> None:
        self._ahead_ms = 0
        self._nodes: list[Node] = []

    def __call__(self) -> int:
        """Return the time in ms since the epoch."""
        return now_ms() + self._ahead_ms

    def node(self, folder: Path, config: Config) -> Node:
        """Make a node that goes by this clock."""
        node = Node(folder, config, self)
        self._nodes.append(node)
        return node

    async def later(self, *, days: int = 0, hours: int = 0, minutes: int = 0) -> None:
        """Let days, hours and minutes pass."""
        await self.reach(self() + days * DAY_MS + hours * HOUR_MS + minutes * MINUTE_MS)

    async def reach(self, time_ms: int) -> None:
        """Let time pass until then, and every node see to what has become due."""
        self._ahead_ms += max(0, time_ms - self())
        for node in self._nodes:
            if node.is_ready and not node._closed:
                await node.duties.look_around()


def clock_of(node: Node) -> Clock:
    """Return the clock that a test can move on, of a node that goes by one."""
    assert isinstance(node.clock_ms, Clock), "this node goes by the machine's clock"
    return node.clock_ms


class Neighbourhood:
    """The nodes of one test, by one clock; calling it starts one whose folder, and person, has the name given."""

    def __init__(self, folder: Path, *, has_network: bool = True) -> None:
        self.folder = folder
        self.has_network = has_network
        self.clock = Clock()
        self.nodes: list[Node] = []

    async def __call__(self, name: str) -> Node:
        """Start a node and say its person's name."""
        node = await self.nameless(name)
        if not node.is_ready:
            await node.name_yourself(name)
        return node

    async def nameless(self, folder: str) -> Node:
        """Start a node; its network, if there is one, comes up as soon as somebody says their name."""
        node = self.clock.node(self.folder / folder, SETTINGS)
        await node.open()
        self.nodes.append(node)
        if self.has_network:
            await node.start_network_when_ready()
        return node

    async def close(self) -> None:
        """Stop every node."""
        for node in self.nodes:
            await node.close()


async def at_rest(node: Node) -> None:
    """Wait until a node does nothing by itself: it has followed law, and done its offices' duties."""
    await until(lambda: not node._after._running and not node.duties.is_at_work())


async def until(holds: Callable[[], object], seconds: float = PATIENCE_S) -> None:
    """Wait until something holds; it may be a coroutine."""
    async with asyncio.timeout(seconds):
        while True:
            found = holds()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return
            await asyncio.sleep(0.01)


async def link_to(node: Node, space: Space, *, uses: int = 1, device: bool = False) -> str:
    """Make an invite link, for people or for a device."""
    offer = Offer(
        space.id,
        space.name,
        await node.name(),
        node.clock_ms() + DAY_MS,
        space.secrets.discovery,
        uses,
        "device" if device else "member",
        tuple(node.addresses),
    )
    return (await invite(node.road, space, offer))[1]


def same(space: bytes, *nodes: Node) -> bool:
    """Tell whether nodes are members of a space and hold the same in it."""
    views = [node.road.spaces.get(space) for node in nodes]
    known = [view for view in views if view is not None and view.state == "member"]
    return len(known) == len(nodes) and len({view.history.root() for view in known}) == 1
