"""Real nodes of the network floor for tests: in this process, and in processes of their own."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from noise.connection import NoiseConnection

from identity.errors import CommonsError
from node.net.links import Limits, Link
from node.net.transport import Transport

LOOPBACK = "/ip4/127.0.0.1/tcp/0"
BRISK = Limits(
    handshake_s=2.0, dial_s=5.0, session_s=2.0, ping_s=0.4, stall_s=2.0, send_queue=256 * 1024, receive_window=2 << 20
)
_PEER = Path(__file__).parent / "net_peer.py"


def noise_pair() -> tuple[NoiseConnection, NoiseConnection]:
    """Return both ends of a Noise handshake that is over."""
    here, there = (NoiseConnection.from_name(b"Noise_NN_25519_ChaChaPoly_SHA256") for _ in range(2))
    here.set_as_initiator()
    there.set_as_responder()
    for end in (here, there):
        end.start_handshake()
    there.read_message(here.write_message())
    here.read_message(there.write_message())
    return here, there


async def echo(link: Link) -> None:
    """Send back every frame."""
    while True:
        await link.send(await link.receive())


@dataclass
class Node:
    """A running transport; `links` are the streams that peers opened, `ends` how they ended, `gossip` what came."""

    transport: Transport
    links: list[Link] = field(default_factory=list)
    ends: list[CommonsError] = field(default_factory=list)
    gossip: list[tuple[str, bytes, bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return self.transport.addresses[0]

    @property
    def port(self) -> int:
        return self.transport.port

    async def settles(self, check: Callable[[], Awaitable[bool]] | Callable[[], bool], timeout_s: float = 10) -> None:
        """Wait until something holds."""
        async with asyncio.timeout(timeout_s):
            while True:
                answer = check()
                if await answer if isinstance(answer, Awaitable) else answer:
                    return
                await asyncio.sleep(0.02)

    async def has_connections(self, count: int) -> bool:
        return (await self.transport.counts())["connections"] == count


@contextlib.asynccontextmanager
async def running(
    serve: Callable[[Link], Awaitable[None]] = echo,
    *,
    limits: Limits = BRISK,
    listen: str = LOOPBACK,
    seed: bytes | None = None,
) -> AsyncIterator[Node]:
    """Run a node in this process."""

    async def on_stream(link: Link) -> None:
        node.links.append(link)
        try:
            await serve(link)
        except CommonsError as error:
            node.ends.append(error)

    def on_gossip(topic: str, author: bytes, data: bytes) -> None:
        node.gossip.append((topic, author, data))

    node = Node(Transport(seed or os.urandom(32), on_stream, on_gossip, limits))
    await node.transport.start([listen])
    try:
        yield node
    finally:
        await node.transport.stop()


@contextlib.contextmanager
def process(*args: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run `net_peer.py` in a process of its own; give it and the first line that it prints."""
    child = subprocess.Popen([sys.executable, str(_PEER), *args], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        yield child, child.stdout.readline().strip()
    finally:
        child.kill()
        child.wait()
        if child.stdout is not None:
            child.stdout.close()


async def answers(node: Node, *, timeout_s: float = 3.0) -> None:
    """Check, as a newcomer would, that a node still serves."""
    async with running() as newcomer, asyncio.timeout(timeout_s):
        link = await newcomer.transport.dial(node.address)
        await link.send(b"are you there?")
        assert await link.receive() == b"are you there?"
        await link.close()
