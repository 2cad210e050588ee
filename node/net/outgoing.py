"""What waits to be sent to a peer that reads slowly, in its turn, so that whoever sends need not wait."""

from collections import deque

from identity.errors import RemoteProtocolError
from node.net.ports import Link

MAX_WAITING_BYTES = 2 * 1024 * 1024


class Outgoing:
    """The way out of one link. `drain` has to run while something waits.

    Two nodes that wait for each other to read, before they read themselves, wait for ever: so nobody waits here.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._waiting: deque[bytes] = deque()
        self._bytes = 0

    def offer(self, frame: bytes) -> bool:
        """Send a frame if it can go at once; tell whether it went.

        Raises:
            NetworkError: if the link has ended.
        """
        return not self._waiting and self._link.send_nowait(frame)

    def send(self, frame: bytes) -> bool:
        """Send a frame in its turn; tell whether `drain` has to be started for it.

        Raises:
            NetworkError: if the link has ended.
            RemoteProtocolError: if the peer asks for more and more, and does not read the answers.
        """
        if self.offer(frame):
            return False
        self._waiting.append(frame)
        self._bytes += len(frame)
        if self._bytes > MAX_WAITING_BYTES:
            raise RemoteProtocolError("the peer asks but does not read the answers")
        return len(self._waiting) == 1

    async def drain(self) -> None:
        """Send what waits, as fast as the peer reads.

        Raises:
            NetworkError: if the link ends.
        """
        while self._waiting:
            await self._link.send(self._waiting[0])
            self._bytes -= len(self._waiting.popleft())
