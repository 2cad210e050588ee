"""A connection as libp2p sees it, in the p2p thread; the connection itself is the event loop's (`connection.py`).

Stands in for libp2p's own muxer behind its interfaces `IMuxedConn` and `IMuxedStream`, because that one does not hold
peers to their windows, gives up on a reader that pauses for five seconds, and does not notice a frozen peer.
"""

import contextlib
import logging
from collections.abc import Callable
from types import TracebackType
from typing import Any

import trio
from libp2p.abc import IMuxedConn, IMuxedStream, ISecureConn
from libp2p.connection_types import ConnectionType
from libp2p.peer.id import ID
from libp2p.stream_muxer.exceptions import MuxedConnUnavailable, MuxedStreamEOF, MuxedStreamError, MuxedStreamReset
from multiaddr import Multiaddr

from node.net.addresses import key_of_bytes
from node.net.connection import Connection, Connections, Proven
from node.net.pipes import Pipe
from node.net.yamux import Channel

logger = logging.getLogger(__name__)

_GOODBYE_S = 0.5


class Stream(IMuxedStream):  # type: ignore[misc]  # libp2p is read without its types
    """One stream, as libp2p reads and writes it."""

    def __init__(self, muxer: "Muxer", connection: Connection, *, inbound: bool) -> None:
        self.muxed_conn = muxer
        self.pipe = Pipe(connection, muxer.post, self._loop_wake, inbound=inbound)
        self.over = trio.Event()
        self._changed = trio.Event()

    async def read(self, n: int | None = None) -> bytes:
        """Return up to `n` bytes, at least one (of none, at once).

        Raises:
            MuxedStreamEOF: if the peer has ended the stream.
            MuxedStreamReset: if the stream was reset or the connection is gone.
        """
        while n != 0:
            is_over = self.pipe.over  # looked at first: what came before the end is still handed out
            if data := self.pipe.take(-1 if n is None else n):
                return data
            if is_over and self.pipe.broken is not None:
                raise MuxedStreamReset(self.pipe.broken)
            if is_over:
                raise MuxedStreamEOF("the peer ended the stream")
            await self._changed.wait()
        return b""

    async def write(self, data: bytes) -> None:
        """Queue bytes; wait while more than 64 KiB wait for the peer.

        Raises:
            MuxedStreamError: if the stream has ended.
        """
        if self.pipe.ended:
            raise MuxedStreamError("the stream has ended")
        self.pipe.write(data)
        while self.pipe.is_full():
            await self._changed.wait()

    async def close(self) -> None:
        """Say that nothing more will be written."""
        self.pipe.finish()

    async def reset(self) -> None:
        """End the stream in both directions."""
        self.pipe.reset()

    def set_deadline(self, ttl: int) -> None:
        """Refuse: time limits here are cancel scopes."""
        raise NotImplementedError("use a cancel scope")

    def get_remote_address(self) -> tuple[str, int] | None:
        """Return the peer's host and port."""
        return self.muxed_conn.get_remote_address()

    async def __aenter__(self) -> "Stream":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pipe.finish()

    def _loop_wake(self) -> None:
        self.muxed_conn.loop_tell(self._wake)

    def _wake(self) -> None:
        self.pipe.slept()
        if self.pipe.over and not self.over.is_set():
            self.over.set()
            self.muxed_conn.stream_over(self)
        self._changed.set()
        self._changed = trio.Event()


class Muxer(IMuxedConn):  # type: ignore[misc]  # libp2p is read without its types
    """A connection with one peer, whose key (`key`) the Noise handshake has proven.

    What begins with `loop_` is called in the event loop's thread.
    """

    def __init__(self, secured: ISecureConn, peer_id: ID, connections: Connections) -> None:
        self.peer_id = peer_id
        self.key = key_of_bytes(peer_id.to_bytes())
        self.born = trio.current_time()
        self.trusted = False  # the sync hello has succeeded
        self.event_started = trio.Event()
        self.event_closed = trio.Event()
        self.on_closed: Callable[[], None] = lambda: None
        self._secured = secured
        self._connections = connections
        self._token = trio.lowlevel.current_trio_token()
        self._connection: Connection | None = None
        self._dying = trio.Event()
        self._gone = trio.Event()
        self._most = connections.limits.streams_per_peer
        self._opened, self._accepts = trio.open_memory_channel[Stream](self._most)
        self._loop_given = 0  # streams of the peer's that libp2p was given
        self._ended = 0  # of these, how many it knows to be over

    @property
    def is_initiator(self) -> bool:
        """Whether this node dialled."""
        return bool(self._secured.is_initiator)

    @property
    def is_established(self) -> bool:
        """Whether streams can be opened."""
        return self._connection is not None and not self._dying.is_set()

    @property
    def is_closed(self) -> bool:
        """Whether the connection is gone."""
        return self._dying.is_set()

    async def start(self) -> None:
        """Give the connection to the event loop, wait until it ends; no error leaves here, or the swarm would end."""
        try:
            if not self._dying.is_set():
                self._hand_over()
            self.event_started.set()
            await self._dying.wait()
        finally:
            self.event_started.set()
            self._dying.set()
            self._opened.close()
            with trio.CancelScope(shield=True), trio.move_on_after(_GOODBYE_S):
                await self._let_go()
            self.event_closed.set()
            self.on_closed()

    def drop(self, error: Exception | None = None) -> None:
        """End the connection, soon."""
        if not self._dying.is_set():
            self._dying.set()
            if self._connection is not None:
                self.post(self._connection.end, error)

    async def close(self) -> None:
        """End the connection; wait until its socket is closed."""
        self.drop()
        if self.event_started.is_set():
            await self.event_closed.wait()
        else:
            await self._shut()

    async def open_stream(self) -> Stream:
        """Open a stream.

        Raises:
            MuxedStreamError: if the connection has ended.
        """
        if self._connection is None or self._dying.is_set():
            raise MuxedStreamError("the connection has ended")
        stream = Stream(self, self._connection, inbound=False)
        self.post(stream.pipe.loop_open)
        return stream

    async def accept_stream(self) -> Stream:
        """Return the next stream that the peer opens.

        Raises:
            MuxedConnUnavailable: if the connection has ended.
        """
        try:
            return await self._accepts.receive()
        except (trio.EndOfChannel, trio.ClosedResourceError) as error:
            raise MuxedConnUnavailable("the connection has ended") from error

    def get_transport_addresses(self) -> list[Multiaddr]:
        """Return nothing: addresses are kept in the node's own book of peers."""
        return []

    def get_connection_type(self) -> ConnectionType:
        """Return that the connection is direct."""
        return ConnectionType.DIRECT

    def get_remote_address(self) -> tuple[str, int] | None:
        """Return the peer's host and port."""
        address: tuple[str, int] | None = self._secured.get_remote_address()
        return address

    def post(self, function: Callable[..., None], *args: Any) -> None:
        """Call a function in the event loop; without one the connection is over."""
        if not self._connections.post(function, *args):
            self._dying.set()

    def stream_over(self, stream: Stream) -> None:
        """Note that libp2p knows of a stream's end."""
        self._ended += stream.pipe.inbound

    def loop_tell(self, function: Callable[..., None], *args: Any) -> None:
        """Call a function in the p2p thread, if it is still there."""
        with contextlib.suppress(trio.RunFinishedError):
            self._token.run_sync_soon(function, *args)

    def _loop_opened(self, channel: Channel) -> None:
        """Give a stream of the peer's to libp2p, which may be slower than a peer that opens and resets them."""
        if self._connection is None or self._loop_given - self._ended >= self._most:
            channel.reset()
            return
        self._loop_given += 1
        stream = Stream(self, self._connection, inbound=True)
        stream.pipe.loop_attach(channel)
        self.loop_tell(self._take_in, stream)

    def _loop_ended(self) -> None:
        self.loop_tell(self._dying.set)
        self.loop_tell(self._gone.set)

    def _take_in(self, stream: Stream) -> None:
        try:
            self._opened.send_nowait(stream)
        except (trio.WouldBlock, trio.ClosedResourceError, trio.BrokenResourceError):
            stream.pipe.reset()

    def _hand_over(self) -> None:
        """Give the socket to the event loop. The handshake is over, so nothing here waits for it any more."""
        secured: Any = self._secured
        try:
            bare, sealed = secured.socket_below.release()
        except Exception as error:  # it was closed meanwhile
            logger.info("connection lost error=%s", type(error).__name__)
            self._dying.set()
            return
        opened = secured.buf.getvalue()[secured.low_watermark : secured.high_watermark]
        proven = Proven(self.key, self.is_initiator, bare, secured.conn.noise_state, opened, sealed)
        self._connection = Connection(proven, self._connections, self._loop_opened, self._loop_ended)
        self.post(self._connection.begin)

    async def _let_go(self) -> None:
        """Wait until the event loop has closed the socket."""
        connection = self._connection
        if connection is None:
            await self._shut()
        elif self._connections.post(connection.end):
            await self._gone.wait()
        else:
            connection.abandon()

    async def _shut(self) -> None:
        try:
            await self._secured.close()
        except Exception as error:  # a socket that is already gone is closed enough
            logger.debug("closing failed error=%s", type(error).__name__)
