"""The p2p side of a node: libp2p in its own thread, under trio. Nothing here may be called from asyncio but `enter`.

It listens, dials, proves keys, names protocols and speaks gossip. A proven connection's socket is the event loop's.

TCP, Noise and Yamux; `/commons/sync/1` and gossip; nothing else is served, offered or asked for.
"""

import contextlib
import functools
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import trio
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.crypto.x25519 import create_new_key_pair as create_noise_key_pair
from libp2p.peer.id import ID
from libp2p.peer.peerstore import PeerStore
from libp2p.protocol_muxer.multiselect_client import MultiselectClient
from libp2p.protocol_muxer.multiselect_communicator import MultiselectCommunicator
from libp2p.security.noise.transport import PROTOCOL_ID as NOISE
from libp2p.security.noise.transport import Transport as Noise
from libp2p.tools.anyio_service import background_trio_service
from multiaddr import Multiaddr

from identity.errors import CommonsError, NetworkError
from node.net.addresses import Address, key_of_bytes, peer_id
from node.net.connection import Connections
from node.net.guards import GuardedPubsub, GuardedSwarm, QuietHost, Upgrader
from node.net.muxer import Stream
from node.net.pipes import Pipe

logger = logging.getLogger(__name__)

SYNC_PROTOCOL = "/commons/sync/1"
_BACKLOG = 256
_CLOSE_S = 3.0

# libp2p writes what strangers send into its log, at levels that reach the screen.
logging.getLogger("libp2p").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the p2p side calls, in its own thread."""

    on_stream: Callable[[Pipe], None]
    on_gossip: Callable[[str, bytes, bytes], None]
    on_ready: Callable[["Host", list[tuple[str, int]]], None]


class Host:
    """One libp2p host. `run` serves until it is cancelled or something breaks."""

    def __init__(self, seed: bytes, connections: Connections, hooks: Hooks) -> None:
        keys = create_new_key_pair(seed)
        me = ID.from_pubkey(keys.public_key)
        store = PeerStore()
        store.add_key_pair(me, keys)
        noise = Noise(keys, noise_privkey=create_noise_key_pair().private_key)
        self._me = me
        self._limits = limits = connections.limits
        self._hooks = hooks
        self._swarm = GuardedSwarm(me, store, Upgrader({NOISE: noise}, connections), limits)
        self._host = QuietHost(self._swarm)
        self._host.set_stream_handler(SYNC_PROTOCOL, self._serve)
        self._pubsub = GuardedPubsub(self._host, limits)
        self._subscriptions: dict[str, trio.CancelScope] = {}

    async def run(self, listen: Sequence[Address]) -> None:
        """Listen, serve, and close everything at the end.

        Raises:
            NetworkError: if an address is taken or not ours.
        """
        try:
            await self._run(listen)
        finally:
            self._pubsub.seen_messages.stop()  # a thread of libp2p's that nothing else would end

    async def _run(self, listen: Sequence[Address]) -> None:
        self._token, self._scope = trio.lowlevel.current_trio_token(), trio.CancelScope()
        listeners = await _listen(listen)
        bound = [listener.socket.getsockname()[:2] for listener in listeners]
        with self._scope:
            async with (
                self._host.run([]),
                background_trio_service(self._pubsub),
                background_trio_service(self._pubsub.router),
                trio.open_nursery() as self._nursery,
            ):
                await self._pubsub.wait_until_ready()
                self._nursery.start_soon(trio.serve_listeners, self._swarm.admit, listeners)
                self._hooks.on_ready(self, bound)
                try:
                    await trio.sleep_forever()
                finally:
                    self._nursery.cancel_scope.cancel()
                    with trio.CancelScope(shield=True), trio.move_on_after(_CLOSE_S):
                        await self._host.close()

    def enter(self, function: Callable[..., Awaitable[Any]], *args: Any) -> None:
        """Start a function as a task of the host (from any thread). It must not raise."""
        self._token.run_sync_soon(self._admit, function, *args)

    def _admit(self, function: Callable[..., Awaitable[Any]], *args: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the host is stopping: who asked is told when it has ended
            self._nursery.start_soon(function, *args)

    def stop(self) -> None:
        """End `run` (from any thread)."""
        self._token.run_sync_soon(self._scope.cancel)

    async def answer(self, name: str, args: tuple[Any, ...], reply: Callable[[Any, Exception | None], None]) -> None:
        """Run a method and hand over its result or error; never raises."""
        result, failure = None, None
        try:
            result = await getattr(self, name)(*args)
        except CommonsError as error:
            failure = error
        except Exception as error:  # an error of libp2p's that leaves here would end the host
            failure = NetworkError(f"{name} failed: {_reason(error)}")
        except trio.Cancelled:
            reply(None, NetworkError("the network is stopping"))
            raise
        reply(result, failure)

    async def dial(self, address: Address) -> Pipe:
        """Connect to a peer, or use the connection there is, and open a sync stream.

        Raises:
            NetworkError: if it does not answer in time or cannot prove its key.
        """
        if address.peer is None:
            raise NetworkError("the address does not say who should answer")
        if address.peer == key_of_bytes(self._me.to_bytes()):
            raise NetworkError("this is our own address")
        try:
            with trio.fail_after(self._limits.dial_s):
                return await self._dial(address)
        except trio.TooSlowError as error:
            raise NetworkError("nobody answered in time") from error
        except CommonsError:
            raise
        except Exception as error:  # libp2p raises what its parts raise
            raise NetworkError(f"no connection: {_reason(error)}") from error

    async def publish(self, topic: str, data: bytes) -> None:
        """Hand a message to gossip."""
        await self._pubsub.publish(topic, data)

    async def subscribe(self, topic: str) -> None:
        """Listen to a topic."""
        if topic not in self._subscriptions:
            self._subscriptions[topic] = trio.CancelScope()
            self._nursery.start_soon(self._listen_to, topic, await self._pubsub.subscribe(topic))

    async def unsubscribe(self, topic: str) -> None:
        """Stop listening to a topic."""
        if scope := self._subscriptions.pop(topic, None):
            scope.cancel()
            await self._pubsub.unsubscribe(topic)

    async def allow(self, peer: bytes) -> None:
        """Let a connected peer take part in gossip: its sync hello has succeeded."""
        name = ID.from_base58(peer_id(peer))
        for muxer in self._swarm.muxers(name):
            muxer.trusted = True
            muxer.on_closed = functools.partial(self._gone, name)
            self._pubsub.allow(name)

    async def drop(self, peer: bytes) -> None:
        """End all connections with a peer."""
        for muxer in self._swarm.muxers(ID.from_base58(peer_id(peer))):
            muxer.drop()

    async def counts(self) -> dict[str, int]:
        """Return how many tasks, connections and handshakes there are."""
        return {
            "tasks": trio.lowlevel.current_statistics().tasks_living,
            "connections": len(self._swarm.muxers()),
            "half_open": self._swarm.gate.half_open,
            "gossip_peers": len(self._pubsub.peers),
        }

    async def _dial(self, address: Address) -> Pipe:
        name = ID.from_base58(peer_id(address.peer or b""))
        if not self._swarm.muxers(name):
            await self._swarm.dial_addr(Multiaddr(str(address)), name)
        for conn in self._swarm.get_connections(name):
            if conn.muxed_conn.is_established:
                stream = await conn.new_stream()
                await MultiselectClient().select_one_of([SYNC_PROTOCOL], MultiselectCommunicator(stream))
                self._nursery.start_soon(self._hold, stream)
                pipe: Pipe = stream.muxed_stream.pipe
                return pipe
        raise NetworkError("the connection ended at once")

    async def _serve(self, stream: Any) -> None:
        self._hooks.on_stream(stream.muxed_stream.pipe)
        await self._hold(stream)

    async def _hold(self, net_stream: Any) -> None:
        """Keep libp2p's side of a sync stream until its end; the event loop has the rest."""
        stream: Stream = net_stream.muxed_stream
        try:
            await stream.over.wait()
        finally:
            await net_stream.reset()

    async def _listen_to(self, topic: str, subscription: Any) -> None:
        with self._subscriptions[topic]:
            while True:
                message = await subscription.get()
                try:
                    author = key_of_bytes(message.from_id)
                except CommonsError:
                    continue
                self._hooks.on_gossip(topic, author, message.data)

    def _gone(self, name: ID) -> None:
        if not self._swarm.muxers(name):
            self._pubsub.forget(name)


async def _listen(addresses: Sequence[Address]) -> list[trio.SocketListener]:
    listeners: list[trio.SocketListener] = []
    try:
        for address in addresses:
            listeners += await trio.open_tcp_listeners(address.port, host=address.host, backlog=_BACKLOG)
    except OSError as error:
        for listener in listeners:
            await listener.aclose()
        raise NetworkError(f"cannot listen on {address}: {error.strerror or error}") from error
    return listeners


def _reason(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error) or type(error).__name__


def run(host: Host, listen: Sequence[Address]) -> None:
    """Run a host in this thread until it ends."""
    trio.run(host.run, listen)
