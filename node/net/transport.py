"""The asyncio side of the p2p network: starts libp2p in its own thread, and speaks with it.

libp2p is imported in that thread, when the network starts: it takes up to a second, and pages are served meanwhile.
"""

import asyncio
import contextlib
import functools
import logging
import sys
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from identity.errors import CommonsError, ConfigError, Malformed, NetworkError
from identity.keys import SigningKey, short
from node.net import interfaces
from node.net.addresses import Address, of_ip, parse
from node.net.connection import Connections
from node.net.lean import UNUSED_BY_LIBP2P, import_without
from node.net.links import Limits, Link
from node.net.pipes import Pipe

logger = logging.getLogger(__name__)

_STOP_S = 10.0
# At Python's 5 ms, an event loop that works in slices of 2 ms starves the p2p thread for seconds: it lets the
# interpreter go for a moment between slices, which resets the other thread's patience, and takes it back at once.
_SWITCH_S = 0.0005


class Transport:
    """A node's place in the network, under its device key.

    `on_stream(link)` runs as a task for each sync stream that a peer opens; when it returns, the link is closed.
    `on_gossip(topic, author's key, data)` is called for each gossip message of a subscribed topic. `closed` fires when
    the p2p side has ended: with None after `stop`, else with the error; a new `Transport` takes its place.
    """

    def __init__(
        self,
        seed: bytes,
        on_stream: Callable[[Link], Awaitable[None]],
        on_gossip: Callable[[str, bytes, bytes], None],
        limits: Limits | None = None,
    ) -> None:
        self.public = SigningKey(seed).public
        self.closed: asyncio.Future[Exception | None]
        self._seed = seed
        self._on_stream = on_stream
        self._on_gossip = on_gossip
        self._limits = limits or Limits()
        self._host: Any = None
        self._bound: list[tuple[str, int]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread: threading.Thread | None = None

    @property
    def addresses(self) -> list[str]:
        """Where this node can be dialled: full multiaddrs with its peer id; loopback only if nothing else is bound."""
        found = [of_ip(host, port, self.public) for bound, port in self._bound for host in interfaces.expand(bound)]
        return [str(address) for address in found]

    @property
    def port(self) -> int:
        """The TCP port that is listened on."""
        return self._bound[0][1] if self._bound else 0

    async def start(self, listen: Sequence[str]) -> None:
        """Start the p2p thread and listen on multiaddrs such as `/ip4/0.0.0.0/tcp/0`.

        Raises:
            ConfigError: if an address cannot be read.
            NetworkError: if it cannot be listened on.
        """
        try:
            addresses = [parse(text) for text in listen]
        except Malformed as error:
            raise ConfigError(f"listen: {error}") from error
        sys.setswitchinterval(min(sys.getswitchinterval(), _SWITCH_S))
        self._loop = asyncio.get_running_loop()
        self._connections = Connections(self._loop, self._limits)
        self.closed = self._loop.create_future()
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, args=(addresses,), name="p2p", daemon=True)
        self._thread.start()
        await asyncio.wait((self._ready, self.closed), return_when=asyncio.FIRST_COMPLETED)
        if self.closed.done():
            cause = self.closed.result()
            raise cause if isinstance(cause, NetworkError) else NetworkError(f"the network did not start: {cause!r}")

    async def stop(self) -> None:
        """End all links and the p2p thread."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._host is not None:
            with contextlib.suppress(RuntimeError):  # it has already ended
                self._host.stop()
        await asyncio.wait((self.closed,), timeout=_STOP_S)
        await asyncio.to_thread(thread.join, 1.0)
        self._bound = []

    async def dial(self, address: str) -> Link:
        """Connect to a peer and open one sync stream.

        Raises:
            Malformed: if the address cannot be read.
            NetworkError: if the peer does not answer in time or cannot prove its key.
        """
        target = parse(address)
        pipe: Pipe = await self._call("dial", target)
        return pipe.loop_link(str(target))

    async def publish(self, topic: str, data: bytes) -> None:
        """Send a gossip message: a hint that may be lost. At most `limits.gossip_bytes`, less about 300."""
        await self._call("publish", topic, data)

    async def subscribe(self, topic: str) -> None:
        """Receive gossip of a topic."""
        await self._call("subscribe", topic)

    async def unsubscribe(self, topic: str) -> None:
        """Receive no more gossip of a topic."""
        await self._call("unsubscribe", topic)

    async def allow_gossip(self, peer: bytes) -> None:
        """Let a peer take part in gossip while it is connected: its sync hello has succeeded."""
        await self._call("allow", peer)

    async def drop(self, peer: bytes) -> None:
        """End every connection with a peer."""
        await self._call("drop", peer)

    async def counts(self) -> dict[str, int]:
        """Return `tasks`, `connections`, `half_open` and `gossip_peers` of the p2p side."""
        counts: dict[str, int] = await self._call("counts")
        return counts

    async def _call(self, name: str, *args: Any) -> Any:
        """Run one of the host's methods in its thread; its result, error and cancellation cross over."""
        if self._host is None or self.closed.done():
            raise NetworkError("the network is not running")
        future: asyncio.Future[Any] = self._loop.create_future()

        def settle(result: Any, failure: Exception | None) -> None:
            if future.done():  # the caller was cancelled
                _give_back(result)
            elif failure is not None:
                future.set_exception(failure)
            else:
                future.set_result(result)

        try:
            self._host.enter(self._host.answer, name, args, functools.partial(self._tell, settle))
        except RuntimeError as error:  # trio has just ended
            raise NetworkError("the network is not running") from error
        return await self._settled(future)

    async def _settled(self, future: asyncio.Future[Any]) -> Any:
        try:
            await asyncio.wait((future, self.closed), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if not future.cancel() and not future.exception():  # it was answered in the same moment
                _give_back(future.result())
            raise
        if future.cancel():
            raise NetworkError("the network has ended")
        return future.result()

    def _run(self, addresses: Sequence[Address]) -> None:
        """Be the p2p thread."""
        failure: Exception | None = None
        try:
            module: Any = import_without("node.net.host", UNUSED_BY_LIBP2P)
            hooks = module.Hooks(self._p2p_stream, self._p2p_gossip, self._p2p_ready)
            module.run(module.Host(self._seed, self._connections, hooks), addresses)
        except Exception as error:  # whatever ends the thread is told, so that it can be started anew
            failure = error
        self._tell(self._ended, failure)

    def _p2p_stream(self, pipe: Pipe) -> None:
        self._tell(self._accept, pipe)

    def _p2p_gossip(self, topic: str, author: bytes, data: bytes) -> None:
        self._tell(self._on_gossip, topic, author, data)

    def _p2p_ready(self, host: Any, bound: list[tuple[str, int]]) -> None:
        self._host, self._bound = host, bound
        self._tell(self._is_ready)

    def _tell(self, function: Callable[..., None], *args: Any) -> None:
        self._connections.post(function, *args)

    def _is_ready(self) -> None:
        if not self._ready.done():
            self._ready.set_result(None)

    def _ended(self, failure: Exception | None) -> None:
        if failure is not None:
            logger.error("p2p side ended error=%s", type(failure).__name__, exc_info=failure)
        self._connections.end_all()
        if not self.closed.done():
            self.closed.set_result(failure)

    def _accept(self, pipe: Pipe) -> None:
        link = pipe.loop_link(None)
        self._keep(self._loop.create_task(self._serve(link), name=f"link {short(link.peer)}"))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, link: Link) -> None:
        try:
            await self._on_stream(link)
        except CommonsError as error:
            logger.info("session ended peer=%s reason=%s", short(link.peer), error)
        except Exception:  # one peer's session must not end the others
            logger.exception("session failed peer=%s", short(link.peer))
        finally:
            await link.close()


def _give_back(result: object) -> None:
    """End a stream that nobody waits for any more."""
    if isinstance(result, Pipe):
        result.loop_reset()
