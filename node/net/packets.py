"""Noise messages cut out of what a connection brings, and made for it, once the handshake is over.

libp2p leads each of them through six layers, which costs more than to open and to read it.
"""

from typing import Any

from identity.errors import NetworkError

_LENGTH_BYTES = 2


class Packets:
    """The messages of a connection. Each is counted where it is opened and sealed, so one thread does both."""

    def __init__(self, noise: Any) -> None:
        self._noise = noise
        self._rest = b""

    def open(self, data: bytes) -> list[bytes]:
        """Take what came; return the messages that are whole now, opened.

        Raises:
            NetworkError: if the peer closed the connection.
        """
        data = self._rest + data
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

    def forget(self) -> None:
        """Keep nothing of a message that will never be whole."""
        self._rest = b""

    def seal(self, data: bytes) -> bytes:
        """Return the bytes of one message; it holds up to 65,519 bytes."""
        sealed: bytes = self._noise.encrypt(data)
        return len(sealed).to_bytes(_LENGTH_BYTES, "big") + sealed


def _end_of(data: bytes, at: int) -> int:
    """Return where the message that begins at `at` ends; beyond the data if that cannot be told yet."""
    start = at + _LENGTH_BYTES
    return start + int.from_bytes(data[at:start], "big") if start <= len(data) else start
