"""A TCP connection under libp2p, for its handshake: reads ahead, and bounds strangers."""

import os
import socket

import trio
from libp2p.io.abc import ReadWriteCloser
from libp2p.io.exceptions import ConnectionClosedError

_READ_BYTES = 16 * 1024
STRANGER_BYTES = 64 * 1024  # what a handshake may read before the other end has proven a key


class Socket(ReadWriteCloser):  # type: ignore[misc]  # libp2p is read without its types
    """A TCP connection that reads ahead (one system call a message, not two) and takes little from strangers."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.heard = trio.current_time()
        self._stream = stream
        self._allowed = STRANGER_BYTES
        self._buffer = b""
        self._at = 0
        self._remote = _remote(stream)

    @property
    def host(self) -> str:
        """The other end's IP address; empty if it has already gone."""
        return "" if self._remote is None else self._remote[0]

    def release(self) -> tuple[socket.socket, bytes]:
        """Give the system's socket away, with what was read and not used. Nothing is read or written here any more.

        Raises:
            ConnectionClosedError: if it is closed.
        """
        number = self._stream.socket.detach()
        if number < 0:
            raise ConnectionClosedError("the connection is closed", transport="tcp")
        bare = socket.socket(fileno=number)
        bare.setblocking(False)
        ahead, self._buffer, self._at = self._buffer[self._at :], b"", 0
        return bare, ahead

    async def read(self, n: int | None = None) -> bytes:
        """Return up to `n` bytes; none at the end."""
        if self._at == len(self._buffer):
            self._buffer = await self._receive()
            self._at = 0
        start = self._at
        self._at = len(self._buffer) if n is None else min(len(self._buffer), start + n)
        return self._buffer[start : self._at]

    async def write(self, data: bytes) -> None:
        """Write all of it."""
        try:
            await self._stream.send_all(data)
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise ConnectionClosedError("the connection broke", transport="tcp") from error

    async def close(self) -> None:
        """Close the connection."""
        await self._stream.aclose()

    def get_remote_address(self) -> tuple[str, int] | None:
        """Return the other end's host and port."""
        return self._remote

    async def _receive(self) -> bytes:
        size = min(_READ_BYTES, self._allowed)
        if not size:
            raise ConnectionClosedError("a stranger sent too much", transport="tcp")
        try:
            data = await self._read_some(size)
        except (OSError, ValueError, trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise ConnectionClosedError("the connection broke", transport="tcp") from error
        if not data:  # libp2p asks a hundred times when it gets nothing
            raise ConnectionClosedError("the peer closed the connection", transport="tcp")
        self.heard = trio.current_time()
        self._allowed -= len(data)
        return data

    async def _read_some(self, size: int) -> bytes:
        """Read once there is something: trio would first ask in vain, each time."""
        number = self._stream.socket.fileno()
        while True:
            await trio.lowlevel.wait_readable(number)
            try:
                return os.read(number, size)
            except BlockingIOError:  # woken for nothing
                continue


def _remote(stream: trio.SocketStream) -> tuple[str, int] | None:
    try:
        name = stream.socket.getpeername()
    except OSError:
        return None
    return str(name[0]), int(name[1])
