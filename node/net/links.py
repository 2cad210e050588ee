"""One framed sync stream with one peer, used from asyncio, filled and emptied by the p2p thread.

Two threads meet here without a lock. Each queue has one thread that appends and one that pops (a deque's `append` and
`popleft` are atomic); each counter has one writer. A thread is woken only when it said that it sleeps, so a busy link
costs no wake-ups. Methods say whose they are: those that begin with `p2p_` belong to the p2p thread.

On the wire a frame is its length (4 bytes, big-endian) and its bytes.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from identity.errors import CommonsError, NetworkError, RemoteProtocolError

MAX_FRAME_BYTES = 1024 * 1024 + 64 * 1024
_LENGTH_BYTES = 4
_LINGER_S = 1.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What a node grants its peers. Times are seconds, sizes bytes."""

    connections: int = 128
    connections_per_peer: int = 4
    half_open: int = 64  # connections whose other end has not proven a key
    half_open_per_host: int = 8  # of these, from one IP address
    streams_per_peer: int = 16
    handshake_s: float = 10.0  # from the first byte to a proven key and a muxer; also for naming a protocol
    dial_s: float = 10.0
    session_s: float = 10.0  # how long a connection may carry no sync stream
    ping_s: float = 15.0  # silence after which a ping goes out; dropped after 2.5 times that
    stall_s: float = 30.0  # how long queued bytes may wait for a peer that does not read
    send_queue: int = 4 * 1024 * 1024
    receive_window: int = 4 * 1024 * 1024
    gossip_bytes: int = 64 * 1024


class Outlet(Protocol):
    """What the p2p thread gives a link to send through; any thread may call it."""

    def queued(self) -> int:
        """Return how many bytes wait to be sent."""

    def send(self, data: bytes) -> None:
        """Queue bytes and wake the writer if it sleeps."""

    def credit(self, count: int) -> None:
        """Tell the peer that `count` received bytes have been used."""

    def reset(self) -> None:
        """End the stream."""


class Link:
    """A framed stream with one peer: `peer` is the 32-byte key that its Noise handshake proved.

    `address` is the multiaddr that was dialled; None for a stream that the peer opened.
    """

    def __init__(self, peer: bytes, address: str | None, limits: Limits, loop: asyncio.AbstractEventLoop) -> None:
        self.peer = peer
        self.address = address
        self.received_bytes = 0
        self.sent_bytes = 0
        self._limits = limits
        self._loop = loop
        self._outlet: Outlet | None = None
        self._inbox: deque[bytes] = deque()
        self._partial = bytearray()
        self._error: CommonsError | None = None
        self._closed = False
        self._used = 0
        self._reader: asyncio.Future[None] | None = None
        self._reader_sleeps = False
        self._senders: deque[asyncio.Future[None]] = deque()
        self._senders_sleep = False
        self._empty: asyncio.Future[None] = loop.create_future()

    @property
    def outbound(self) -> bool:
        """Whether this node dialled."""
        return self.address is not None

    @property
    def queued_bytes(self) -> int:
        """Bytes that wait to be sent to the peer."""
        return 0 if self._outlet is None else self._outlet.queued()

    async def send(self, frame: bytes) -> None:
        """Queue a frame; wait while more than `send_queue` bytes wait for the peer.

        Raises:
            NetworkError: if the stream has ended.
        """
        while not self.send_nowait(frame):
            future = self._loop.create_future()
            self._senders.append(future)
            self._senders_sleep = True
            if self.queued_bytes * 2 <= self._limits.send_queue or self._error is not None:
                self._wake_senders()
            await future

    def send_nowait(self, frame: bytes) -> bool:
        """Queue a frame unless too much already waits for this peer; say whether it was queued.

        Raises:
            NetworkError: if the stream has ended.
        """
        if not 0 < len(frame) <= MAX_FRAME_BYTES:
            raise ValueError(f"a frame has 1 to {MAX_FRAME_BYTES} bytes, not {len(frame)}")
        outlet = self._outlet
        if self._closed or self._error is not None or outlet is None:
            raise NetworkError(str(self._error or "the link is closed"))
        if outlet.queued() and outlet.queued() + len(frame) > self._limits.send_queue:
            return False
        self.sent_bytes += _LENGTH_BYTES + len(frame)
        outlet.send(len(frame).to_bytes(_LENGTH_BYTES, "big") + frame)
        return True

    async def receive(self) -> bytes:
        """Return the next whole frame. One task at a time may wait.

        Raises:
            NetworkError: if the stream ended, was reset, or the peer fell silent.
            RemoteProtocolError: if the peer announced a frame of more than `MAX_FRAME_BYTES`.
        """
        if self._inbox:
            await asyncio.sleep(0)  # what is queued already comes without a pause: leave the others their turn
        while True:
            error = self._error  # read before the inbox: what came before the end is still handed out
            if self._inbox:
                return self._take(self._inbox.popleft())
            if self._closed:
                raise NetworkError("the link is closed")
            if error is not None:
                raise type(error)(str(error))  # the one that is kept would keep this frame, and so the link, alive
            self._reader = self._loop.create_future()
            self._reader_sleeps = True
            if self._inbox or self._error is not None:  # it came between the look and the sleep
                self._reader_sleeps = False
                continue
            await self._reader

    async def close(self) -> None:
        """Send what is queued, for up to a second, then end the stream."""
        if self._closed:
            return
        self._closed = True
        self._wake_reader()
        self._wake_senders()
        try:
            if self.queued_bytes and self._error is None:
                await asyncio.wait([self._empty], timeout=_LINGER_S)
        finally:
            self._inbox.clear()  # whoever still holds the link shall not hold what nobody will read
            self._empty.cancel()
            if self._outlet is not None:
                self._outlet.reset()

    def _take(self, frame: bytes) -> bytes:
        size = _LENGTH_BYTES + len(frame)
        self.received_bytes += size
        self._used += size
        if self._used * 8 >= self._limits.receive_window and self._outlet is not None:
            self._outlet.credit(self._used)
            self._used = 0
        return frame

    def _wake_reader(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _wake_closer(self) -> None:
        if not self._empty.done():
            self._empty.set_result(None)

    def _wake_senders(self) -> None:
        self._senders_sleep = False
        while self._senders:
            future = self._senders.popleft()
            if not future.done():
                future.set_result(None)

    # What follows is called by the p2p thread.

    def p2p_bind(self, outlet: Outlet) -> None:
        """Connect the link to its stream."""
        self._outlet = outlet

    def p2p_push(self, data: bytes) -> None:
        """Take bytes from the peer; hand on what makes whole frames."""
        if self._error is not None or self._closed:
            return
        self._partial += data
        try:
            self._cut_frames()
        except RemoteProtocolError as error:
            self.p2p_end(error)
        if self._closed:  # meanwhile, by the other thread: nobody will read this
            self._inbox.clear()
        if self._reader_sleeps and self._inbox:
            self._reader_sleeps = False
            self._call(self._wake_reader)

    def p2p_room(self) -> None:
        """Note that bytes have gone out."""
        if self._closed and not self.queued_bytes:
            self._call(self._wake_closer)
        if self._senders_sleep and self.queued_bytes * 2 <= self._limits.send_queue:
            self._senders_sleep = False
            self._call(self._wake_senders)

    def p2p_end(self, error: Exception | None) -> None:
        """End the link: with what went wrong, or None where the peer closed it in order."""
        if self._error is not None:
            return
        if not isinstance(error, CommonsError):
            error = NetworkError(str(error or "the peer closed the stream"))
        self._error = type(error)(str(error))
        self._partial.clear()
        if self._outlet is not None:
            self._outlet.reset()
        self._reader_sleeps = False
        for wake in (self._wake_reader, self._wake_senders, self._wake_closer):
            self._call(wake)

    def _cut_frames(self) -> None:
        partial = self._partial
        while len(partial) >= _LENGTH_BYTES:
            size = int.from_bytes(partial[:_LENGTH_BYTES], "big")
            if not 0 < size <= MAX_FRAME_BYTES:
                raise RemoteProtocolError(f"the peer announced a frame of {size} bytes")
            end = _LENGTH_BYTES + size
            if len(partial) < end:
                return
            self._inbox.append(bytes(partial[_LENGTH_BYTES:end]))
            del partial[:end]

    def _call(self, function: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the event loop has gone; nobody waits any more
            self._loop.call_soon_threadsafe(function)
