"""Drives one Yamux connection over Noise with trio: reads, writes, pings, and drops who does not answer.

Stands in for libp2p's own muxer behind its interfaces `IMuxedConn` and `IMuxedStream`, because that one does not hold
peers to their windows, gives up on a reader that pauses for five seconds, and does not notice a frozen peer.
"""

import logging
from collections.abc import Callable
from types import TracebackType
from typing import Any

import trio
from libp2p.abc import IMuxedConn, IMuxedStream, ISecureConn
from libp2p.connection_types import ConnectionType
from libp2p.io.exceptions import ConnectionClosedError
from libp2p.peer.id import ID
from libp2p.stream_muxer.exceptions import MuxedConnUnavailable, MuxedStreamEOF, MuxedStreamError, MuxedStreamReset
from multiaddr import Multiaddr

from identity.errors import CommonsError, NetworkError
from identity.keys import short
from node.net import yamux
from node.net.addresses import key_of_bytes
from node.net.links import Limits
from node.net.packets import Packets

logger = logging.getLogger(__name__)

# A Noise message holds 65,535 bytes with its 16 of authentication: a chunk of this size is one message.
_CHUNK_BYTES = 65_519
_WRITE_AHEAD = 64 * 1024
_SILENCE = 2.5  # times the ping interval: two pings went unanswered
_GOODBYE_S = 0.5


class Stream(IMuxedStream):  # type: ignore[misc]  # libp2p is read without its types
    """One stream, as libp2p reads and writes it. A stream from the peer gets no new window before `release`."""

    def __init__(self, muxer: "Muxer", channel: yamux.Channel) -> None:
        self.muxed_conn = muxer
        self.channel = channel
        self.over = trio.Event()
        self._buffer = bytearray()
        self._held: int | None = 0 if channel.inbound else None
        self._error: Exception | None = None
        self._changed = trio.Event()
        channel.on_data = self._on_data
        channel.on_end = self._on_end
        channel.on_taken = self._wake

    def release(self) -> None:
        """Grant window for what is read from now on: the stream has shown what it is for."""
        if self._held is not None:
            held, self._held = self._held, None
            self.channel.credit(held)

    def leftover(self) -> bytes:
        """Take what has arrived and was not read."""
        data = bytes(self._buffer)
        self._buffer.clear()
        return data

    async def read(self, n: int | None = None) -> bytes:
        """Return up to `n` bytes, at least one.

        Raises:
            MuxedStreamEOF: if the peer has ended the stream.
            MuxedStreamReset: if the stream was reset or the connection is gone.
        """
        while not self._buffer:
            if self._error is not None:
                raise MuxedStreamReset(str(self._error))
            if self.over.is_set() or self.channel.remote_done:
                raise MuxedStreamEOF("the peer ended the stream")
            await self._changed.wait()
        size = len(self._buffer) if n is None or n < 0 else n
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        if self._held is None:
            self.channel.credit(len(data))
        else:
            self._held += len(data)
        return data

    async def write(self, data: bytes) -> None:
        """Queue bytes; wait while more than 64 KiB wait for the peer.

        Raises:
            MuxedStreamError: if the stream has ended.
        """
        if self.channel.ended or self.channel.local_done:
            raise MuxedStreamError("the stream has ended")
        self.channel.write(data)
        while self.channel.queued > _WRITE_AHEAD and not self.channel.ended:
            await self._changed.wait()

    async def close(self) -> None:
        """Say that nothing more will be written."""
        self.channel.finish()

    async def reset(self) -> None:
        """End the stream in both directions."""
        self.channel.reset()

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
        self.channel.finish()

    def _on_data(self, data: bytes) -> None:
        self._buffer += data
        self._wake()

    def _on_end(self, error: Exception | None) -> None:
        self._error = error
        self.over.set()
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


class Muxer(IMuxedConn):  # type: ignore[misc]  # libp2p is read without its types
    """A connection with one peer, whose key (`key`) the Noise handshake has proven."""

    def __init__(self, secured: ISecureConn, peer_id: ID, limits: Limits) -> None:
        self.peer_id = peer_id
        self.key = key_of_bytes(peer_id.to_bytes())
        self.born = trio.current_time()
        self.sessions = 0  # sync streams that are open
        self.trusted = False  # the sync hello has succeeded
        self.error: Exception | None = None
        self.event_started = trio.Event()
        self.event_closed = trio.Event()
        self.on_closed: Callable[[], None] = lambda: None
        self.mux = yamux.Mux(initiator=secured.is_initiator, max_inbound=limits.streams_per_peer, on_open=self._on_open)
        self.mux.on_work = self._on_work
        self._secured = secured
        self._packets = Packets(secured)
        self._limits = limits
        self._heard = self._idle_since = trio.current_time()
        self._asked = 0.0
        self._stuck: dict[int, tuple[int, float]] = {}
        self._work = trio.Event()
        self._dying = trio.Event()
        self._opened, self._accepts = trio.open_memory_channel[Stream](limits.streams_per_peer)

    @property
    def is_initiator(self) -> bool:
        """Whether this node dialled."""
        return bool(self._secured.is_initiator)

    @property
    def is_established(self) -> bool:
        """Whether streams can be opened."""
        return self.event_started.is_set() and not self._dying.is_set()

    @property
    def is_closed(self) -> bool:
        """Whether the connection is gone."""
        return self._dying.is_set()

    async def start(self) -> None:
        """Run the connection until it ends; no error leaves here, or it would end the whole swarm."""
        try:
            async with trio.open_nursery() as nursery:
                for task in (self._read, self._write, self._watch):
                    nursery.start_soon(self._guard, task)
                self.event_started.set()
                await self._dying.wait()
                nursery.cancel_scope.cancel()
        finally:
            self._dying.set()
            self._opened.close()
            self.mux.close(self.error if isinstance(self.error, CommonsError) else None)
            with trio.CancelScope(shield=True), trio.move_on_after(_GOODBYE_S):
                await self._shut()
            self.event_closed.set()
            self.on_closed()

    def drop(self, error: Exception | None = None) -> None:
        """End the connection, soon."""
        if not self._dying.is_set():
            self.error = error
            self._dying.set()
            logger.info("connection ended peer=%s reason=%s", short(self.key), error or "closed here")

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
        try:
            return Stream(self, self.mux.open())
        except NetworkError as error:
            raise MuxedStreamError(str(error)) from error

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

    def _on_open(self, channel: yamux.Channel) -> None:
        try:
            self._opened.send_nowait(Stream(self, channel))
        except (trio.WouldBlock, trio.ClosedResourceError):
            channel.reset()

    def _on_work(self) -> None:
        self._work.set()

    async def _guard(self, task: Callable[[], Any]) -> None:
        try:
            await task()
        except Exception as error:  # whatever libp2p, Noise or the socket raise means: this connection is over
            if not isinstance(error, CommonsError):
                closed = isinstance(error, ConnectionClosedError)
                error = NetworkError(str(error) if closed else f"the connection broke: {type(error).__name__}")
            self.drop(error)

    async def _read(self) -> None:
        self.mux.feed(await self._secured.read())  # what came with the end of the handshake is still with libp2p
        while True:
            messages = await self._packets.read()
            self._heard = trio.current_time()
            for message in messages:
                self.mux.feed(message)

    async def _write(self) -> None:
        while True:
            self._work = trio.Event()
            while chunk := self.mux.next_chunk(_CHUNK_BYTES):
                await self._packets.write(chunk)
            await self._work.wait()

    async def _watch(self) -> None:
        tick = min(self._limits.ping_s, self._limits.session_s, self._limits.stall_s) / 3
        while True:
            await trio.sleep(tick)
            now = trio.current_time()
            silent = now - self._heard
            if silent > self._limits.ping_s * _SILENCE:
                raise NetworkError("the peer does not answer")
            if silent >= self._limits.ping_s and now - self._asked >= self._limits.ping_s:
                self._asked = now
                self.mux.ping(int(now))
            if self.sessions:
                self._idle_since = now
            elif now - self._idle_since > self._limits.session_s:
                raise NetworkError("the connection was not used")
            self._check_stuck(now)

    def _check_stuck(self, now: float) -> None:
        waiting = {}
        for channel in self.mux.channels.values():
            if channel.queued:
                taken, since = self._stuck.get(channel.number, (-1, now))
                waiting[channel.number] = (channel.taken, since if taken == channel.taken else now)
        self._stuck = waiting
        if any(now - since > self._limits.stall_s for _, since in waiting.values()):
            raise NetworkError("the peer does not read what it is sent")

    async def _shut(self) -> None:
        try:
            await self._secured.close()
        except Exception as error:  # a socket that is already gone is closed enough
            logger.debug("closing failed error=%s", type(error).__name__)
