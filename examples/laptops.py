"""What the examples share: a laptop is a folder and, while it is open, a running node.

Nothing here is a part of the program; it shows how a node is driven from Python.
"""

import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from node.config import Config  # the path above comes first
from node.ingest.spaces import Space
from node.runtime import Node, now_ms
from ui.operations import perform

LOOK_AGAIN_S = 0.005


class Laptop:
    """A person's laptop. Open, it runs a node; without a network it is a laptop on a train."""

    def __init__(self, folder: Path, name: str, clock_ms: Callable[[], int] = now_ms) -> None:
        self.name = name
        self.folder = folder / name
        self.clock_ms = clock_ms
        self.node: Node
        self.is_open = False

    async def open(self, *, network: bool = True) -> "Laptop":
        """Open the lid; the first time, its owner says their name."""
        self.node = Node(self.folder, Config(listen=("/ip4/127.0.0.1/tcp/0",), discovery=False), self.clock_ms)
        await self.node.open()
        self.is_open = True
        if not self.node.is_ready:
            await self.node.name_yourself(self.name)
        if network:
            await self.node.start_network()
        return self

    async def close(self) -> None:
        """Close the lid, if it is open."""
        if self.is_open:
            self.is_open = False
            await self.node.close()

    async def ask(self, operation: str, **given: Any) -> dict[str, Any]:
        """Perform an operation of the API: `post`, `feed`, `edit_page`, … in the laptop's only space."""
        return await perform(self.node, operation, given)

    async def post(self, text: str) -> None:
        """Write a post; it is signed and on the disk when this returns."""
        await self.ask("post", space="-", text=text)

    async def texts(self) -> list[str]:
        """Return what the feed shows, sorted."""
        feed = await self.ask("feed", space="-", limit=200)
        return sorted(post["text"] for post in feed["posts"])

    async def join(self, link: str) -> None:
        """Join by an invite link, and wait to be let in."""
        await self.node.join(link)
        await until(lambda: self.space.state == "member", f"{self.name} being let in")

    def meet(self, other: "Laptop") -> None:
        """Learn where another laptop is, as zeroconf tells on a local network."""
        self.node.neighbours.learn(other.node.addresses)

    @property
    def space(self) -> Space:
        """The laptop's only space."""
        (space,) = self.node.road.spaces.values()
        return space

    @property
    def digest(self) -> str:
        """What the laptop holds, in 32 letters: equal on two laptops if they hold the same."""
        return self.space.history.root().hex()


async def until(check: Callable[[], bool], what: str, timeout_s: float = 60.0) -> float:
    """Wait until something holds; returns how many milliseconds that took."""
    began = time.monotonic()
    while not check():
        if time.monotonic() - began > timeout_s:
            raise TimeoutError(f"{what} took longer than {timeout_s:g} s")
        await asyncio.sleep(LOOK_AGAIN_S)
    return (time.monotonic() - began) * 1000


def agree(laptops: list[Laptop]) -> bool:
    """Tell whether laptops hold the same."""
    return len({laptop.digest for laptop in laptops}) == 1


@contextlib.contextmanager
def somewhere() -> Iterator[Path]:
    """Give a folder for laptops that vanishes afterwards, with everything that its nodes note elsewhere."""
    with tempfile.TemporaryDirectory(prefix="commons-") as name:
        os.environ["COMMONS_STATE_DIR"] = f"{name}/state"
        yield Path(name)
