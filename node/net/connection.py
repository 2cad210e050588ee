"""A connection whose other end has proven its key, in the event loop: reads, writes, pings, and drops who is silent.

The p2p thread leads the handshake and then gives the socket away, once and for good. From there on everything of a
connection happens in the event loop's thread: a frame of a session crosses no threads. Streams that libp2p reads and
writes (gossip, and each stream until it has said what it is for) do, by `Pipe`s.
"""

import asyncio
import logging
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from identity.errors import CommonsError, NetworkError
from identity.keys import short
from node.net.links import Limits
from node.net.packets import Packets
from node.net.yamux import Channel, Mux

logger = logging.getLogger(__name__)

# A Noise message holds 65,535 bytes with its 16 of authentication: a chunk of this size is one message.
_CHUNK_BYTES = 65_519
_TURN_BYTES = 256 * 1024  # what is written before the others get their turn
_READ_BYTES = 16 * 1024
_MUCH_BYTES = 256 * 1024  # where one read was filled, and was soon done with
_SOON_S = 0.005
_SILENCE = 2.5  # times the ping interval: two pings went unanswered


@dataclass(frozen=True, slots=True)
class Proven:
    """What a handshake ends with: the key it proved, the socket, its Noise state, and what came before it was over.

    `opened` was read and opened, `sealed` was read and is still to be opened.
    """

    peer: bytes
    initiator: bool
    socket: socket.socket
    noise: Any
    opened: bytes
    sealed: bytes


class Connections:
    """All connections of a node, and the p2p thread's way to the event loop, which has them."""

    def __init__(self, loop: asyncio.AbstractEventLoop, limits: Limits) -> None:
        self.loop = loop
        self.limits = limits
        self.open: set[Connection] = set()

    def post(self, function: Callable[..., None], *args: Any) -> bool:
        """Call a function in the event loop, soon, in its turn (from any thread); say whether there is still a loop."""
        try:
            self.loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            return False
        return True

    def end_all(self) -> None:
        """End what is left: the p2p side has ended."""
        for connection in list(self.open):
            connection.end()


class Connection:
    """One connection. `on_end` is called once; everything but the making of it belongs to the event loop's thread."""

    def __init__(
        self, proven: Proven, all_of_them: Connections, on_open: Callable[[Channel], None], on_end: Callable[[], None]
    ) -> None:
        limits = all_of_them.limits
        self.peer = proven.peer
        self.limits = limits
        self.mux = Mux(initiator=proven.initiator, max_inbound=limits.streams_per_peer, on_open=on_open)
        self.mux.on_work = self._want_turn
        self._connections = all_of_them
        self._loop = all_of_them.loop
        self._on_end = on_end
        self._socket = proven.socket
        self._packets = Packets(proven.noise)
        self._early = (proven.opened, proven.sealed)
        self._sessions = 0  # sync streams that are open
        self._ask = _READ_BYTES
        self._unsent = b""
        self._has_turn = True  # or will have it; before the beginning nothing goes out
        self._is_wanted = False  # something is to be said since the last look
        self._over = False
        self._heard = self._idle_since = time.monotonic()
        self._asked = 0.0
        self._stuck: dict[int, tuple[int, float]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Take the socket over."""
        self._guard(self._begin)

    def end(self, error: Exception | None = None) -> None:
        """End every stream and close the socket."""
        if self._over:
            return
        self._over = True
        self._connections.open.discard(self)
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        if self._timer is not None:
            self._timer.cancel()
        told = None if error is None else _in_words(error)
        self.mux.close(told)
        self._socket.close()  # after it was taken out of the loop, in the loop's thread: its number is used anew
        self._packets.forget()
        self._early, self._unsent = (b"", b""), b""
        logger.info("connection ended peer=%s reason=%s", short(self.peer), told or "closed here")
        self._on_end()

    def abandon(self) -> None:
        """Close the socket of a connection whose event loop is closed (from any thread)."""
        self._over = True
        self._socket.close()

    def session_began(self) -> None:
        """Note that a sync stream is open: the connection is used."""
        self._sessions += 1

    def session_ended(self) -> None:
        """Note that a sync stream has ended."""
        self._sessions -= 1

    def _guard(self, function: Callable[[], None]) -> None:
        if self._over:
            return
        try:
            function()
        except Exception as error:  # whatever Noise, Yamux or the socket raise means: this connection is over
            self.end(error)

    def _begin(self) -> None:
        self._connections.open.add(self)
        self._heard = self._idle_since = time.monotonic()
        self._loop.add_reader(self._socket, self._guard, self._read)
        self._watch_later()
        (opened, sealed), self._early = self._early, (b"", b"")
        self.mux.feed(opened)
        self._take(sealed)
        self._write()

    def _take(self, data: bytes) -> None:
        for message in self._packets.open(data):
            self.mux.feed(message)

    def _read(self) -> None:
        """Read once, little from who takes long to read: each turn in the loop is short."""
        try:
            data = self._socket.recv(self._ask)
        except (BlockingIOError, InterruptedError):  # woken for nothing
            return
        if not data:
            raise NetworkError("the peer closed the connection")
        self._heard = time.monotonic()
        self._take(data)
        is_soon_done = time.monotonic() - self._heard < _SOON_S
        self._ask = _MUCH_BYTES if is_soon_done and len(data) == self._ask else _READ_BYTES

    def _want_turn(self) -> None:
        """Write later in this turn of the loop: what is said until then goes out together."""
        self._is_wanted = True
        if not self._has_turn:
            self._has_turn = True
            self._loop.call_soon(self._guard, self._write)

    def _write(self) -> None:
        left = _TURN_BYTES
        self._is_wanted = True
        while left > 0 and self._is_wanted:
            self._is_wanted = False
            while left > 0 and (chunk := self.mux.next_chunk(_CHUNK_BYTES)):
                left -= len(chunk)
                if not self._send(self._packets.seal(chunk)):
                    self._loop.add_writer(self._socket, self._guard, self._write_on)
                    return
        self._has_turn = False
        if left <= 0:
            self._want_turn()

    def _write_on(self) -> None:
        if self._send(self._unsent):
            self._loop.remove_writer(self._socket)
            self._write()

    def _send(self, data: bytes) -> bool:
        """Send what the system takes without a wait, and keep the rest; say whether nothing is left."""
        try:
            sent = self._socket.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        self._unsent = data[sent:]
        return not self._unsent

    def _watch_later(self) -> None:
        tick = min(self.limits.ping_s, self.limits.session_s, self.limits.stall_s) / 3
        self._timer = self._loop.call_later(tick, self._guard, self._watch)

    def _watch(self) -> None:
        self._watch_later()
        now = time.monotonic()
        silent = now - self._heard
        if silent > self.limits.ping_s * _SILENCE:
            raise NetworkError("the peer does not answer")
        if silent >= self.limits.ping_s and now - self._asked >= self.limits.ping_s:
            self._asked = now
            self.mux.ping(int(now))
        if self._sessions:
            self._idle_since = now
        elif now - self._idle_since > self.limits.session_s:
            raise NetworkError("the connection was not used")
        self._check_stuck(now)

    def _check_stuck(self, now: float) -> None:
        waiting = {}
        for channel in self.mux.channels.values():
            if channel.queued:
                taken, since = self._stuck.get(channel.number, (-1, now))
                waiting[channel.number] = (channel.taken, since if taken == channel.taken else now)
        self._stuck = waiting
        if any(now - since > self.limits.stall_s for _, since in waiting.values()):
            raise NetworkError("the peer does not read what it is sent")


def _in_words(error: Exception) -> CommonsError:
    """Return an error with the same words: the one that was raised holds what was read when it was."""
    if isinstance(error, CommonsError):
        return type(error)(str(error))
    if isinstance(error, OSError):
        return NetworkError("the connection broke")
    return NetworkError(f"the connection broke: {type(error).__name__}")
