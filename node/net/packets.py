"""Noise messages straight from the socket and to it, once the handshake is over.

libp2p leads each of them through six layers, which costs more than to open and to read it.
"""

from typing import Any

from identity.errors import NetworkError
from node.net.tcp import Socket

_LENGTH_BYTES = 2


class Packets:
    """The messages of a connection; nothing may be left in the layers that its handshake went through."""

    def __init__(self, secured: Any) -> None:
        self._noise = secured.conn.noise_state
        self._socket: Socket = secured.socket_below
        self._rest = b""

    async def read(self) -> list[bytes]:
        """Return what came, opened: whole messages, none if there is only a part of one.

        Raises:
            NetworkError: if the peer closed the connection.
        """
        data = self._rest + await self._socket.read()
        messages = []
        at, end = 0, _end_of(data, 0)
        while end <= len(data):
            message = self._noise.decrypt(data[at + _LENGTH_BYTES : end])
            if not message:
                raise NetworkError("the peer closed the connection")
            messages.append(message)
            at, end = end, _end_of(data, end)
        self._rest = data[at:]
        return messages

    async def write(self, data: bytes) -> None:
        """Send one message; it holds up to 65,519 bytes."""
        sealed = self._noise.encrypt(data)
        await self._socket.write(len(sealed).to_bytes(_LENGTH_BYTES, "big") + sealed)


def _end_of(data: bytes, at: int) -> int:
    """Return where the message that begins at `at` ends; beyond the data if that cannot be told yet."""
    start = at + _LENGTH_BYTES
    return start + int.from_bytes(data[at:start], "big") if start <= len(data) else start
