"""A node's place in the network: listens, announces itself, follows the hints of its spaces, starts anew if need be."""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from identity.errors import NetworkError
from identity.keys import short
from node.config import Config
from node.ingest.hints import Hints
from node.net import interfaces
from node.net.addresses import peer_id
from node.net.neighbours import Neighbours
from node.net.transport import Transport

if TYPE_CHECKING:
    from node.net.discovery import Discovery

logger = logging.getLogger(__name__)
RESTART_PAUSE_S = 2.0


class Network:
    """The transport with what belongs to it; lives until `stop`, whatever happens to libp2p meanwhile."""

    def __init__(self, seed: bytes, neighbours: Neighbours, hints: Hints) -> None:
        self._seed = seed
        self._neighbours = neighbours
        self._hints = hints
        self._transport: Transport | None = None
        self._discovery: Discovery | None = None
        self._topics: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._watching: asyncio.Task[None] | None = None
        self._config: Config
        self._port = "0"

    @property
    def addresses(self) -> list[str]:
        """Where this node can be dialled."""
        return self._transport.addresses if self._transport is not None else []

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._transport.port if self._transport is not None else 0

    async def start(self, config: Config, port: str) -> None:
        """Listen as the settings say; where they leave the port open, on the port of before if it is free.

        Raises:
            ConfigError: if an address cannot be read.
            NetworkError: if it cannot be listened on.
        """
        self._config, self._port = config, port
        await self._begin()
        self._watching = asyncio.get_running_loop().create_task(self._watch(), name="network")

    async def _begin(self) -> None:
        transport = self._transport = Transport(self._seed, self._neighbours.serve, self._gossip)
        await self._listen(transport)
        self._port = str(transport.port)
        self._neighbours.start(transport)
        self._hints.start(transport.publish)
        self._topics = set()
        await self.follow_topics()
        if self._config.discovery:
            from node.net.discovery import Discovery  # zeroconf, which only those need who look around

            name = peer_id(transport.public)
            self._discovery = Discovery(name, transport.port, self._found, addresses=self._announced)
            await self._discovery.start()
        logger.info("network started device=%s port=%d", short(transport.public), transport.port)

    async def _listen(self, transport: Transport) -> None:
        wishes = [address.replace("/tcp/0", f"/tcp/{self._port}") for address in self._config.listen]
        try:
            await transport.start(wishes)
        except NetworkError:
            if wishes == list(self._config.listen):
                raise
            await transport.start(self._config.listen)

    def _announced(self) -> list[str]:
        """Return this machine's addresses of the families that are listened on."""
        six = any(address.startswith("/ip6/") for address in self._config.listen)
        return [address for address in interfaces.addresses() if six or ":" not in address]

    def _found(self, _peer: str, addresses: list[str]) -> None:
        self._neighbours.learn(addresses, asked=False)

    def _gossip(self, topic: str, _author: bytes, data: bytes) -> None:
        self._keep(self._hints.received(topic, data))

    def trust(self, peer: bytes) -> None:
        """Let a peer that turned out to belong take part in gossip."""
        if self._transport is not None:
            self._keep(self._transport.allow_gossip(peer))

    async def follow_topics(self) -> None:
        """Subscribe to the hints of every space; a rotated secret names another topic."""
        transport = self._transport
        if transport is None:
            return
        topics = set(self._hints.topics())
        before, self._topics = self._topics, topics
        for topic in topics - before:
            await transport.subscribe(topic)
        for topic in before - topics:
            await transport.unsubscribe(topic)

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        async def run() -> None:
            with contextlib.suppress(NetworkError):  # a hint or a leave that came too late
                await work

        task = asyncio.get_running_loop().create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: work.close())  # it may have been cancelled before it began

    async def _watch(self) -> None:
        while self._transport is not None:
            await asyncio.wait({self._transport.closed})
            logger.warning("network ended, starting anew")
            await self._end()
            await asyncio.sleep(RESTART_PAUSE_S)
            with contextlib.suppress(NetworkError):
                await self._begin()

    async def _end(self) -> None:
        if self._discovery is not None:
            await self._discovery.stop()
            self._discovery = None
        await self._hints.stop()
        await self._neighbours.stop()
        if self._transport is not None:
            await self._transport.stop()

    async def stop(self) -> None:
        """Leave the network."""
        tasks = [*self._tasks, *([self._watching] if self._watching else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._end()
        self._transport = None
