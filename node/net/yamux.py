"""Yamux 1.0.0, the stream multiplexer of libp2p, as a machine without IO: bytes in, bytes out.

One `Mux` is one side of a connection. `feed` takes what the peer sent and hands data to each `Channel`'s `on_data`;
`next_chunk` gives what to write next. All of it belongs to one thread; others may look at `taken` and `ended`.

Flow control is the back-pressure. A peer may have one window of bytes under way that nobody has taken yet, and is
cut off if it sends more; the consumer gives new `credit` when it has used bytes.
Source: the Yamux specification of HashiCorp, with libp2p's use of it.
"""

import struct
from collections import deque
from collections.abc import Callable

from identity.errors import NetworkError, RemoteProtocolError

HEADER = struct.Struct("!BBHII")
FIRST_WINDOW = 256 * 1024
MAX_SEND_WINDOW = 1 << 30
MAX_CONTROL_FRAMES = 4096
DATA, WINDOW, PING, GO_AWAY = 0, 1, 2, 3
SYN, ACK, FIN, RST = 1, 2, 4, 8


def _ignore(*_: object) -> None:
    """Stand in where nobody listens yet."""


class Channel:
    """One stream of a connection. `on_data(bytes)` gets what arrives, `on_end(error)` its end, once."""

    __slots__ = (
        "_at",
        "_closing",
        "_consumed",
        "_mux",
        "_told",
        "_window",
        "appended",
        "ended",
        "inbound",
        "local_done",
        "number",
        "on_data",
        "on_end",
        "on_taken",
        "outbox",
        "remote_done",
        "room",
        "send_window",
        "taken",
    )

    def __init__(self, mux: "Mux", number: int, *, inbound: bool) -> None:
        self._mux = mux
        self.number = number
        self.inbound = inbound
        self.on_data: Callable[[bytes], None] = _ignore
        self.on_end: Callable[[Exception | None], None] = _ignore
        self.on_taken: Callable[[], None] = _ignore
        self.outbox: deque[bytes] = deque()
        self.appended = 0  # bytes ever put into the outbox
        self.taken = 0  # bytes ever taken out of it
        self.send_window = FIRST_WINDOW
        self.room = FIRST_WINDOW  # what the peer may still send
        self._window = FIRST_WINDOW
        self._consumed = 0
        self._at = 0  # how much of the outbox's first piece has gone
        self._closing = False
        self._told = False
        self.local_done = False
        self.remote_done = False
        self.ended = False

    @property
    def queued(self) -> int:
        """Bytes that wait to be sent."""
        return self.appended - self.taken

    def write(self, data: bytes) -> None:
        """Queue bytes."""
        self.outbox.append(data)
        self.appended += len(data)
        self._mux.mark(self)

    def widen(self, window: int) -> None:
        """Let the peer have `window` bytes under way instead of the 256 KiB that Yamux starts with."""
        if window > self._window:
            self._consumed += window - self._window
            self._window = window
            self.credit(0)

    def credit(self, count: int) -> None:
        """Say that `count` received bytes are used; the peer is told in steps of a quarter window."""
        self._consumed += count
        if self._consumed * 4 >= self._window and not (self.ended or self.remote_done):
            self.room += self._consumed
            self._mux.control(WINDOW, 0, self.number, self._consumed)
            self._consumed = 0

    def finish(self) -> None:
        """Say that nothing more will be sent; what is queued still goes out."""
        self._closing = True
        self._mux.mark(self)

    def reset(self) -> None:
        """End the stream at once in both directions."""
        if not self.ended:
            self._mux.control(WINDOW, RST, self.number, 0)
            self.end(NetworkError("the stream was reset here"))

    def end(self, error: Exception | None) -> None:
        """Forget the stream and tell its owner."""
        if self.ended:
            return
        self.ended = True
        self.outbox.clear()
        self.taken, self._at = self.appended, 0
        self._mux.forget(self)
        self._tell(error)

    def finish_remote(self) -> None:
        """Note that the peer sends nothing more; the owner hears of it as an end without an error."""
        self.remote_done = True
        if self.local_done:
            self.end(None)
        else:
            self._tell(None)

    def _tell(self, error: Exception | None) -> None:
        if not self._told:
            self._told = True
            self.on_end(error)

    def take(self, limit: int) -> list[bytes]:
        """Take up to `limit` bytes of data to send, header first; empty when there is nothing or no window."""
        limit = min(limit - HEADER.size, self.send_window)
        pieces: list[bytes] = [b""]
        size = 0
        while self.outbox and size < limit:
            first = self.outbox[0]
            piece = first if not self._at and len(first) <= limit - size else first[self._at : self._at + limit - size]
            pieces.append(piece)
            size += len(piece)
            self._at += len(piece)
            if self._at == len(first):
                self.outbox.popleft()
                self._at = 0
        if not size:
            return []
        self.send_window -= size
        self.taken += size
        pieces[0] = HEADER.pack(0, DATA, 0, self.number, size)
        return pieces

    def settle(self) -> None:
        """After a take: send the end if it was asked for, and tell the sender that there is room."""
        if self._closing and not self.outbox and not self.ended and not self.local_done:
            self._mux.control(WINDOW, FIN, self.number, 0)
            self.local_done = True
            if self.remote_done:
                self.end(None)
        self.on_taken()


class Mux:
    """One side of a Yamux connection. `on_open(channel)` gets streams that the peer opens.

    `max_inbound` streams may be open from the peer's side at a time; more are reset unseen.
    """

    def __init__(self, *, initiator: bool, max_inbound: int, on_open: Callable[[Channel], None] = _ignore) -> None:
        self.channels: dict[int, Channel] = {}
        self.inbound = 0
        self.pongs = 0
        self.on_open = on_open
        self.on_work: Callable[[], None] = _ignore
        self._max_inbound = max_inbound
        self._next = 1 if initiator else 2
        self._controls: deque[bytes] = deque()
        self._ready: deque[Channel] = deque()
        self._marked: set[int] = set()
        self._head = b""  # a header of which only the beginning has arrived
        self._body = 0  # bytes of a DATA frame that are still to come
        self._into: Channel | None = None
        self._fin = False
        self._closed = False

    def open(self) -> Channel:
        """Open a stream.

        Raises:
            NetworkError: if the connection has ended.
        """
        if self._closed or self._next >= 1 << 31:
            raise NetworkError("the connection has ended")
        channel = Channel(self, self._next, inbound=False)
        self._next += 2
        self.channels[channel.number] = channel
        self.control(WINDOW, SYN, channel.number, 0)
        return channel

    def ping(self, value: int) -> None:
        """Ask for a sign of life."""
        self.control(PING, SYN, 0, value & 0xFFFFFFFF)

    def close(self, error: Exception | None) -> None:
        """End every stream; nothing more comes in or goes out."""
        self._closed = True
        for channel in list(self.channels.values()):
            channel.end(error or NetworkError("the connection has ended"))
        self._controls.clear()

    def control(self, kind: int, flags: int, number: int, value: int) -> None:
        """Queue a frame without data."""
        if self._closed:
            return
        self._controls.append(HEADER.pack(0, kind, flags, number, value))
        self.on_work()

    def mark(self, channel: Channel) -> None:
        """Note that a channel may have something to send."""
        if channel.number not in self._marked and not channel.ended:
            self._marked.add(channel.number)
            self._ready.append(channel)
        self.on_work()

    def forget(self, channel: Channel) -> None:
        """Drop a stream that has ended."""
        if self.channels.pop(channel.number, None) is not None and channel.inbound:
            self.inbound -= 1
        if self._into is channel:
            self._into = None

    def next_chunk(self, limit: int) -> bytes:
        """Return up to `limit` bytes to write; empty when there is nothing to say. Streams take turns."""
        parts: list[bytes] = []
        left = limit
        while self._controls and left >= HEADER.size:
            parts.append(self._controls.popleft())
            left -= HEADER.size
        for _ in range(len(self._ready)):
            if left <= HEADER.size:
                break
            channel = self._ready.popleft()
            self._marked.discard(channel.number)
            pieces = channel.take(left)
            parts += pieces
            left -= sum(map(len, pieces))
            if channel.outbox and channel.send_window and not channel.ended:
                self.mark(channel)
            channel.settle()
        return b"".join(parts)

    def feed(self, data: bytes) -> None:
        """Take bytes from the peer.

        Raises:
            RemoteProtocolError: if they break the protocol; the connection must be dropped.
            NetworkError: if the peer says goodbye.
        """
        if self._head:
            data, self._head = self._head + data, b""
        at, end = 0, len(data)
        while at < end:
            if self._body:
                size = min(self._body, end - at)
                self._take_body(data[at : at + size] if size != end else data)
                at += size
                continue
            if end - at < HEADER.size:
                self._head = data[at:]
                return
            self._take_header(*HEADER.unpack_from(data, at))
            at += HEADER.size
            if len(self._controls) > MAX_CONTROL_FRAMES:
                raise RemoteProtocolError("the peer asks but does not read the answers")

    def _take_body(self, piece: bytes) -> None:
        self._body -= len(piece)
        channel = self._into
        if channel is not None:
            channel.on_data(piece)
        if not self._body and self._fin and self._into is not None:
            self._into.finish_remote()

    def _take_header(self, version: int, kind: int, flags: int, number: int, value: int) -> None:
        if version or kind > GO_AWAY or flags > 15:
            raise RemoteProtocolError("this is not Yamux")
        if kind == GO_AWAY:
            raise NetworkError("the peer closed the connection")
        if kind == PING:
            if flags & SYN:
                self.control(PING, ACK, 0, value)
            else:
                self.pongs += 1
            return
        if not number:
            raise RemoteProtocolError("stream 0 carries no data")
        if flags & SYN:
            self._accept(number)
        self._on_stream(self.channels.get(number), kind, flags, value)

    def _accept(self, number: int) -> None:
        if number in self.channels or number % 2 == self._next % 2:
            raise RemoteProtocolError("the peer opened a stream under a number that is not free")
        if self.inbound >= self._max_inbound:
            self.control(WINDOW, RST, number, 0)
            return
        channel = Channel(self, number, inbound=True)
        self.channels[number] = channel
        self.inbound += 1
        self.control(WINDOW, ACK, number, 0)
        self.on_open(channel)

    def _on_stream(self, channel: Channel | None, kind: int, flags: int, value: int) -> None:
        if kind == DATA:
            self._start_body(channel, flags, value)
        elif channel is not None and value:
            channel.send_window += value
            if channel.send_window > MAX_SEND_WINDOW:
                raise RemoteProtocolError("the peer opened its window too far")
            if channel.outbox:
                self.mark(channel)
        if channel is None:
            return
        if flags & RST:
            channel.end(NetworkError("the peer reset the stream"))
        elif flags & FIN and not self._body:
            channel.finish_remote()

    def _start_body(self, channel: Channel | None, flags: int, size: int) -> None:
        if channel is not None and (size > channel.room or channel.remote_done):
            raise RemoteProtocolError("the peer sends more than it was granted")
        if channel is None and size > MAX_SEND_WINDOW:
            raise RemoteProtocolError("the peer announces a frame beyond every window")
        if channel is not None:
            channel.room -= size
        self._into, self._body, self._fin = channel, size, bool(flags & FIN)
