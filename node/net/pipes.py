"""One stream between the event loop, which has its connection, and the p2p thread, where libp2p reads and writes it.

Nothing is locked. What begins with `loop_` belongs to the event loop's thread, the rest to the p2p thread, which
changes a connection only by posting a call to the loop; calls run in the order in which they were posted. The buffer
grows at one end in one thread and shrinks at the other end in the other, each in one step; each counter has one writer.
"""

from collections.abc import Callable
from typing import Any

from identity.errors import NetworkError
from node.net.connection import Connection
from node.net.links import Link
from node.net.yamux import FIRST_WINDOW, Channel

WRITE_AHEAD = 64 * 1024


class Pipe:
    """A stream. `post` calls something in the event loop; `wake` is called there when there is something to look at.

    A stream from the peer gets no new window before `release`. Once it is a sync stream (`loop_link`) the p2p thread
    only waits for its end.
    """

    def __init__(
        self, connection: Connection, post: Callable[..., Any], wake: Callable[[], None], *, inbound: bool
    ) -> None:
        self.inbound = inbound
        self.over = False  # nothing more comes
        self.broken: str | None = None  # why, if it was not in order
        self._connection = connection
        self._post = post
        self._wake = wake
        self._channel: Channel | None = None
        self._buffer = bytearray()
        self._appended = 0
        self._used = 0
        self._is_held = inbound
        self._awake = False  # a wake is on its way; set in the loop, unset in the p2p thread
        self._writer_waits = False

    @property
    def ended(self) -> bool:
        """Whether nothing can be written any more."""
        return self.broken is not None or (self._channel is not None and self._channel.ended)

    def slept(self) -> None:
        """Ask to be woken again; called before the look at what there is."""
        self._awake = False

    def take(self, size: int) -> bytes:
        """Take up to so many bytes of what has come (all for -1)."""
        size = len(self._buffer) if size < 0 else size
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._used += len(data)
        self._credit()
        return data

    def release(self) -> None:
        """Grant window for what is read from now on: the stream has shown what it is for."""
        self._is_held = False
        self._credit()

    def write(self, data: bytes) -> None:
        """Queue bytes."""
        self._appended += len(data)
        self._post(self._loop_write, data)

    def is_full(self) -> bool:
        """Say whether more waits for the peer than should; there will be a wake when that changes."""
        self._writer_waits = True  # before the look
        is_full = not self.ended and self._appended - self._taken() > WRITE_AHEAD
        self._writer_waits = is_full
        return is_full

    def finish(self) -> None:
        """Say that nothing more will be written."""
        self._post(self._loop_finish)

    def reset(self) -> None:
        """End the stream in both directions."""
        if not self.ended:
            self._post(self.loop_reset)

    def _taken(self) -> int:
        return 0 if self._channel is None else self._channel.taken

    def _credit(self) -> None:
        if not self._is_held and self._used * 8 >= FIRST_WINDOW:
            self._post(self._loop_credit, self._used)
            self._used = 0

    # What follows belongs to the event loop's thread.

    def loop_open(self) -> None:
        """Open the stream."""
        try:
            self.loop_attach(self._connection.mux.open())
        except NetworkError as error:
            self._loop_end(error)

    def loop_attach(self, channel: Channel) -> None:
        """Take a stream as one's own."""
        self._channel = channel
        channel.on_data, channel.on_end, channel.on_taken = self._loop_data, self._loop_end, self._loop_room

    def loop_link(self, address: str | None) -> Link:
        """Make a sync stream of it.

        Raises:
            NetworkError: if it has never been opened.
        """
        channel, connection = self._channel, self._connection
        if channel is None:
            raise NetworkError(self.broken or "the connection has ended")
        link = Link(connection.peer, address, connection.limits, channel)

        def on_end(error: Exception | None) -> None:
            connection.session_ended()
            link.end(error)
            self._loop_end(error)

        was_over = self.over
        connection.session_began()
        channel.on_data, channel.on_end, channel.on_taken = link.push, on_end, link.room
        channel.widen(connection.limits.receive_window)
        early = bytes(self._buffer)
        self._buffer.clear()
        if early:
            link.push(early)
        if was_over:
            connection.session_ended()
            link.end(None)
        return link

    def loop_reset(self) -> None:
        """End the stream in both directions."""
        if self._channel is not None:
            self._channel.reset()

    def _loop_write(self, data: bytes) -> None:
        if self._channel is not None and not self._channel.ended:
            self._channel.write(data)

    def _loop_finish(self) -> None:
        if self._channel is not None:
            self._channel.finish()

    def _loop_credit(self, count: int) -> None:
        if self._channel is not None:
            self._channel.credit(count)

    def _loop_data(self, data: bytes) -> None:
        self._buffer += data
        self._loop_wake()

    def _loop_room(self) -> None:
        if self._writer_waits:
            self._loop_wake()

    def _loop_end(self, error: Exception | None) -> None:
        self.broken = None if error is None else str(error)
        self.over = True
        self._loop_wake()

    def _loop_wake(self) -> None:
        if not self._awake:
            self._awake = True
            self._wake()
