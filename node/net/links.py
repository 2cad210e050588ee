"""One framed sync stream with one peer; it belongs to the event loop's thread, as its connection does.

On the wire a frame is its length (4 bytes, big-endian) and its bytes.
"""

import asyncio
from collections import deque
from dataclasses import dataclass

from identity.errors import CommonsError, NetworkError, RemoteProtocolError
from node.net.yamux import Channel

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


class Link:
    """A framed stream with one peer: `peer` is the 32-byte key that its Noise handshake proved.

    `address` is the multiaddr that was dialled; None for a stream that the peer opened.
    """

    def __init__(self, peer: bytes, address: str | None, limits: Limits, channel: Channel) -> None:
        self.peer = peer
        self.address = address
        self.received_bytes = 0
        self.sent_bytes = 0
        self._limits = limits
        self._channel = channel
        self._loop = asyncio.get_running_loop()
        self._inbox: deque[bytes] = deque()
        self._partial = bytearray()
        self._error: CommonsError | None = None
        self._closed = False
        self._used = 0
        self._reader: asyncio.Future[None] | None = None
        self._senders: deque[asyncio.Future[None]] = deque()
        self._empty: asyncio.Future[None] | None = None

    @property
    def outbound(self) -> bool:
        """Whether this node dialled."""
        return self.address is not None

    @property
    def queued_bytes(self) -> int:
        """Bytes that wait to be sent to the peer."""
        return 0 if self._channel.ended else self._channel.queued

    async def send(self, frame: bytes) -> None:
        """Queue a frame; wait while more than `send_queue` bytes wait for the peer.

        Raises:
            NetworkError: if the stream has ended.
        """
        while not self.send_nowait(frame):
            future = self._loop.create_future()
            self._senders.append(future)
            await future

    def send_nowait(self, frame: bytes) -> bool:
        """Queue a frame unless too much already waits for this peer; say whether it was queued.

        Raises:
            NetworkError: if the stream has ended.
        """
        if not 0 < len(frame) <= MAX_FRAME_BYTES:
            raise ValueError(f"a frame has 1 to {MAX_FRAME_BYTES} bytes, not {len(frame)}")
        if self._closed or self._error is not None:
            raise NetworkError(str(self._error or "the link is closed"))
        if self.queued_bytes and self.queued_bytes + len(frame) > self._limits.send_queue:
            return False
        self.sent_bytes += _LENGTH_BYTES + len(frame)
        self._channel.write(len(frame).to_bytes(_LENGTH_BYTES, "big") + frame)
        return True

    async def receive(self) -> bytes:
        """Return the next whole frame. One task at a time may wait.

        Raises:
            NetworkError: if the stream ended, was reset, or the peer fell silent.
            RemoteProtocolError: if the peer announced a frame of more than `MAX_FRAME_BYTES`.
        """
        if self._inbox:
            await asyncio.sleep(0)  # what is queued already comes without a pause: leave the others their turn
        while not self._inbox:
            if self._closed:
                raise NetworkError("the link is closed")
            if self._error is not None:  # told after the last frame
                raise self._in_words(self._error)
            self._reader = self._loop.create_future()
            await self._reader
        return self._take(self._inbox.popleft())

    async def close(self) -> None:
        """Send what is queued, for up to a second, then end the stream."""
        if self._closed:
            return
        self._closed = True
        self._wake_reader()
        self._wake_senders()
        try:
            if self.queued_bytes and self._error is None:
                self._empty = self._loop.create_future()
                await asyncio.wait([self._empty], timeout=_LINGER_S)
        finally:
            self._inbox.clear()  # whoever still holds the link shall not hold what nobody will read
            self._channel.reset()

    def push(self, data: bytes) -> None:
        """Take bytes from the peer; hand on what makes whole frames."""
        if self._error is not None or self._closed:
            return
        self._partial += data
        try:
            self._cut_frames()
        except RemoteProtocolError as error:
            self.end(error)
        if self._inbox:
            self._wake_reader()

    def room(self) -> None:
        """Note that bytes have gone out."""
        if self._closed and not self.queued_bytes:
            self._wake_closer()
        if self._senders and self.queued_bytes * 2 <= self._limits.send_queue:
            self._wake_senders()

    def end(self, error: Exception | None) -> None:
        """End the link: with what went wrong, or None where the peer closed it in order."""
        if self._error is not None:
            return
        if not isinstance(error, CommonsError):
            error = NetworkError(str(error or "the peer closed the stream"))
        self._error = self._in_words(error)
        self._partial.clear()
        self._channel.reset()
        self._wake_reader()
        self._wake_senders()
        self._wake_closer()

    def _take(self, frame: bytes) -> bytes:
        size = _LENGTH_BYTES + len(frame)
        self.received_bytes += size
        self._used += size
        if self._used * 8 >= self._limits.receive_window:
            self._channel.credit(self._used)
            self._used = 0
        return frame

    def _wake_reader(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _wake_closer(self) -> None:
        if self._empty is not None and not self._empty.done():
            self._empty.set_result(None)

    def _wake_senders(self) -> None:
        while self._senders:
            future = self._senders.popleft()
            if not future.done():
                future.set_result(None)

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

    @staticmethod
    def _in_words(error: CommonsError) -> CommonsError:
        """Return an error with the same words: one that was raised keeps its frames alive, and so the link."""
        return type(error)(str(error))
