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
SETTINGS = Config(listen=LISTEN, discovery=False, undo_s=0.0)
DAY_MS = 86_400_000
Start = Callable[[str], Awaitable[Node]]


class Neighbourhood:
    """The nodes of one test; calling it starts one whose folder, and person, has the name given."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.nodes: list[Node] = []

    async def __call__(self, name: str) -> Node:
        """Start a node and say its person's name."""
        node = await self.nameless(name)
        if not node.is_ready:
            await node.name_yourself(name)
        return node

    async def nameless(self, folder: str) -> Node:
        """Start a node; its network comes up as soon as somebody says their name."""
        node = Node(self.folder / folder, SETTINGS)
        await node.open()
        self.nodes.append(node)
        await node.start_network_when_ready()
        return node

    async def close(self) -> None:
        """Stop every node."""
        for node in self.nodes:
            await node.close()


async def until(holds: Callable[[], object], seconds: float = 20.0) -> None:
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
        now_ms() + DAY_MS,
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
