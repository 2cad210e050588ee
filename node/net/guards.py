"""What stands between libp2p and a hostile network: each class here closes a door that libp2p 0.8.1 leaves open.

No byte of a stranger may grow memory without bound, hold a place for long, or raise an error that ends the swarm.
"""

import logging
import time
from collections import OrderedDict
from typing import Any

import trio
from libp2p.host.basic_host import BasicHost
from libp2p.network.config import ConnectionConfig, RetryConfig
from libp2p.network.connection.raw_connection import RawConnection
from libp2p.network.swarm import Swarm
from libp2p.peer.id import ID
from libp2p.protocol_muxer.multiselect import Multiselect
from libp2p.protocol_muxer.multiselect_client import MultiselectClient
from libp2p.protocol_muxer.multiselect_communicator import MultiselectCommunicator
from libp2p.pubsub import gossipsub, pubsub
from libp2p.pubsub.gossipsub import GossipSub
from libp2p.pubsub.rpc_queue import RpcQueue
from libp2p.stream_muxer.yamux.yamux import PROTOCOL_ID as YAMUX
from libp2p.transport.exceptions import OpenConnectionError, SecurityUpgradeFailure
from libp2p.transport.tcp.tcp import TCP
from libp2p.transport.upgrader import TransportUpgrader
from multiaddr import Multiaddr

from identity.errors import Malformed, NetworkError
from node.net.addresses import key_of_bytes, parse
from node.net.connection import Connections
from node.net.links import Limits
from node.net.muxer import Muxer
from node.net.tcp import Socket

logger = logging.getLogger(__name__)

GOSSIP_PROTOCOLS = ["/meshsub/1.1.0"]  # 1.2 announces each message before it goes out; a hint is no larger than that
_QUIET_S = 0.25  # a half-open connection that is silent for this long may lose its place
_WAITING = 256  # connections that wait so long for somebody's place
_SPARE = 64  # connections that are on their way out still count for libp2p
_QUEUED_RPCS = 1024
_SUBSCRIPTIONS = 256

# libp2p sizes both queues at 32 and drops what does not fit; there is no setting for it.
pubsub.SUBSCRIPTION_CHANNEL_SIZE = _QUEUED_RPCS
pubsub.RpcQueue = lambda: RpcQueue(max_size=_QUEUED_RPCS)

# libp2p signs its addresses into each message and checks the peer's, which takes longer than all the rest of it. Where
# peers are is known from their own words in a session, and nobody here dials what is claimed elsewhere.
for _module in (pubsub, gossipsub):
    _module.env_to_send_in_RPC = lambda _host: (b"", False)
    _module.maybe_consume_signed_record = lambda _message, _host, _peer: True


class Dialler(TCP):  # type: ignore[misc]  # libp2p is read without its types
    """TCP that asks the system's own resolver for names."""

    async def dial(self, maddr: Multiaddr) -> RawConnection:
        """Connect.

        Raises:
            OpenConnectionError: if nobody answers there.
        """
        try:
            address = parse(str(maddr))
            return RawConnection(Socket(await trio.open_tcp_stream(address.host, address.port)), True)
        except (OSError, Malformed) as error:
            raise OpenConnectionError(f"no connection: {error}") from error


class Upgrader(TransportUpgrader):  # type: ignore[misc]  # libp2p is read without its types
    """Noise, then our own Yamux; Ed25519 keys only."""

    def __init__(self, security: dict[str, Any], connections: Connections) -> None:
        super().__init__(security, {})
        self._connections = connections

    async def upgrade_security(self, raw_conn: RawConnection, is_initiator: bool, peer_id: ID | None = None) -> Any:
        """Let the other end prove its key."""
        secured = await super().upgrade_security(raw_conn, is_initiator, peer_id)
        try:
            key_of_bytes(secured.get_remote_peer().to_bytes())
        except Malformed as error:
            await secured.close()
            raise SecurityUpgradeFailure("the peer's key is not an Ed25519 key") from error
        secured.socket_below = raw_conn.stream
        return secured

    async def upgrade_connection(self, conn: Any, peer_id: ID) -> Muxer:
        """Agree on Yamux."""
        communicator, timeout = MultiselectCommunicator(conn), int(self._connections.limits.handshake_s) or 1
        if conn.is_initiator:
            await MultiselectClient().select_one_of([YAMUX], communicator, timeout)
        else:
            await Multiselect({YAMUX: None}).negotiate(communicator, timeout)
        return Muxer(conn, peer_id, self._connections)


class Gate:
    """Who may come in: counts the connections that have not proven anything, and lets newcomers push out idle ones."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: dict[Socket, trio.CancelScope] = {}
        self._waiting = 0

    @property
    def half_open(self) -> int:
        """How many connections are in their handshake."""
        return len(self._open)

    async def enter(self, socket: Socket, scope: trio.CancelScope) -> bool:
        """Give a connection a place, perhaps after a wait for somebody else's; say whether there was one."""
        if not self._try(socket, scope):
            if self._waiting >= _WAITING:
                return False
            self._waiting += 1
            await trio.sleep(_QUIET_S)
            self._waiting -= 1
            return self._try(socket, scope)
        return True

    def leave(self, socket: Socket) -> None:
        """Free the place."""
        self._open.pop(socket, None)

    def _try(self, socket: Socket, scope: trio.CancelScope) -> bool:
        same = [other for other in self._open if other.host == socket.host]
        full = len(same) >= self._limits.half_open_per_host and not self._push_out(same)
        if full or (len(self._open) >= self._limits.half_open and not self._push_out(list(self._open))):
            return False
        self._open[socket] = scope
        return True

    def _push_out(self, sockets: list[Socket]) -> bool:
        quietest = min(sockets, key=lambda socket: socket.heard)
        if trio.current_time() - quietest.heard < _QUIET_S:
            return False
        self._open.pop(quietest).cancel()
        return True


class GuardedSwarm(Swarm):  # type: ignore[misc]  # libp2p is read without its types
    """A swarm with a gate. libp2p's own keeps a task and a place for every connection that ever came in."""

    def __init__(self, peer_id: ID, peerstore: Any, upgrader: Upgrader, limits: Limits) -> None:
        config = ConnectionConfig(
            max_connections=limits.connections + _SPARE,
            min_connections=0,
            low_watermark=0,
            high_watermark=limits.connections + _SPARE,
            max_connections_per_peer=limits.connections + _SPARE,  # `add_conn` below keeps the limit
            inbound_upgrade_timeout=limits.handshake_s,
            outbound_upgrade_timeout=limits.handshake_s,
            inbound_stream_protocol_negotiation_timeout=limits.handshake_s,
            outbound_stream_protocol_negotiation_timeout=limits.handshake_s,
        )
        retry = RetryConfig(max_retries=0)
        super().__init__(peer_id, peerstore, upgrader, [Dialler()], retry, config)
        self._limits = limits
        self.gate = Gate(limits)
        self.auto_connector.maybe_connect = _connect_to_nobody

    def muxers(self, peer_id: ID | None = None) -> list[Muxer]:
        """Return the live connections, oldest first."""
        found = [conn.muxed_conn for conn in self.get_connections(peer_id)]
        return sorted((muxer for muxer in found if not muxer.is_closed), key=lambda muxer: muxer.born)

    async def admit(self, stream: trio.SocketStream) -> None:
        """Take one incoming connection, from its first byte until it is gone."""
        socket, scope = Socket(stream), trio.CancelScope()
        if not self._has_room() or not await self.gate.enter(socket, scope):
            logger.info("connection refused reason=full host=%s", socket.host)
            return
        muxer = None
        try:
            with scope, trio.move_on_after(self._limits.handshake_s):
                muxer = await self.upgrade_inbound_raw_conn(RawConnection(socket, False), None)
        except Exception as error:  # whatever a stranger's bytes make libp2p raise
            logger.info("handshake failed host=%s error=%s", socket.host, type(error).__name__)
        finally:
            self.gate.leave(socket)
        if muxer is not None:
            await muxer.event_closed.wait()

    async def add_conn(self, muxed_conn: Muxer, direction: str = "unknown") -> Any:
        """Register a connection, unless this peer already has enough of them."""
        conn = await super().add_conn(muxed_conn, direction)
        if len(self.muxers(muxed_conn.peer_id)) > self._limits.connections_per_peer:
            muxed_conn.drop(NetworkError("this peer is connected often enough"))
        return conn

    def _schedule_auto_connect(self) -> None:
        """Dial nobody unasked: addresses that strangers claim are not for dialling."""

    def _has_room(self) -> bool:
        muxers = self.muxers()
        if len(muxers) + self.gate.half_open < self._limits.connections:
            return True
        strangers = [m for m in muxers if not m.trusted and trio.current_time() - m.born > 2 * _QUIET_S]
        if strangers:
            strangers[0].drop()
        return bool(strangers)


class QuietHost(BasicHost):  # type: ignore[misc]  # libp2p is read without its types
    """A host that serves only what it is told to: no identify, no ping, no list of its addresses."""

    def __init__(self, swarm: GuardedSwarm) -> None:
        async def refuse(stream: Any) -> None:
            await stream.reset()

        # An empty table would make libp2p put in its own.
        super().__init__(swarm, default_protocols=OrderedDict({"/commons/none": refuse}))
        self.remove_stream_handler("/commons/none")
        answer = swarm.common_stream_handler

        async def guarded(stream: Any) -> None:
            try:
                await answer(stream)
            except Exception as error:  # an error that leaves a stream's handler ends the whole swarm
                logger.info("stream failed error=%s", type(error).__name__)
                await stream.muxed_stream.reset()

        swarm.set_stream_handler(guarded)

    def _schedule_identify(self, peer_id: ID, *, reason: str) -> None:
        """Do not ask peers who they are: Noise has proven it."""


class GuardedPubsub(pubsub.Pubsub):  # type: ignore[misc]  # libp2p is read without its types
    """Gossip with those peers only whose sync hello succeeded; a hint, never relied on."""

    def __init__(self, host: QuietHost, limits: Limits) -> None:
        router = GossipSub(
            GOSSIP_PROTOCOLS,
            degree=6,
            degree_low=4,
            degree_high=12,
            heartbeat_interval=1,
            spam_protection_enabled=False,
            adaptive_gossip_enabled=False,
            eclipse_protection_enabled=False,
        )
        super().__init__(
            host,
            router,
            max_subscriptions_per_rpc=_SUBSCRIPTIONS,
            max_subscriptions_per_peer=_SUBSCRIPTIONS,
            max_inbound_rpc_size=limits.gossip_bytes,
        )
        self.counter = time.time_ns()  # libp2p counts from the second: after a restart its messages pass for old ones
        self._limits = limits
        self._allowed: dict[ID, trio.Event] = {}

    def allow(self, peer: ID) -> None:
        """Let a connected peer take part, until its last connection ends."""
        self._allowed.setdefault(peer, trio.Event()).set()
        self.manager.run_task(self._handle_new_peer_with_retry, peer)

    def forget(self, peer: ID) -> None:
        """Take back the leave of a peer that has gone."""
        self._allowed.pop(peer, None)

    def is_allowed(self, peer: ID) -> bool:
        """Say whether a peer may take part."""
        return peer in self._allowed and self._allowed[peer].is_set()

    async def _handle_new_peer(self, peer_id: ID) -> None:
        if self.is_allowed(peer_id):
            await super()._handle_new_peer(peer_id)

    async def stream_handler(self, stream: Any) -> None:
        """Serve one peer's gossip; wait for its hello before a byte is read."""
        muxer: Muxer = stream.muxed_conn
        with trio.move_on_after(self._limits.session_s):
            await self._allowed.setdefault(muxer.peer_id, trio.Event()).wait()
        if not self.is_allowed(muxer.peer_id):
            self.forget(muxer.peer_id)
            await stream.reset()
            return
        stream.muxed_stream.pipe.release()
        try:
            await super().stream_handler(stream)
        except Exception as error:  # a peer whose gossip cannot be read is not one of ours
            muxer.drop(error)

    async def push_msg(self, msg_forwarder: ID, msg: Any) -> None:
        """Take a message; a broken one must not end the service."""
        try:
            await super().push_msg(msg_forwarder, msg)
        except Exception as error:  # a bad key, a bad signature: any error here would end all gossip
            logger.info("gossip dropped error=%s", type(error).__name__)


async def _connect_to_nobody(*_: Any) -> None:
    """Stand in for libp2p's auto-connector, which dials whatever addresses peers have claimed."""
