"""What waits for a slow reader: in its turn, bounded, and nobody waits for it."""

from collections import deque

import pytest

from identity.errors import RemoteProtocolError
from node.net.outgoing import MAX_WAITING_BYTES, Outgoing


class SlowLink:
    """A link whose other end reads a frame only when it is told to."""

    def __init__(self) -> None:
        self.peer = bytes(32)
        self.outbound = True
        self.room = 0
        self.arrived: list[bytes] = []
        self.queue: deque[bytes] = deque()

    async def send(self, frame: bytes) -> None:
        self.arrived.append(frame)

    def send_nowait(self, frame: bytes) -> bool:
        if self.room:
            self.room -= 1
            self.arrived.append(frame)
            return True
        return False

    async def receive(self) -> bytes:
        raise AssertionError("nothing is read here")

    async def close(self) -> None:
        self.queue.clear()


async def test_what_waits_goes_out_in_its_turn() -> None:
    link = SlowLink()
    link.room = 1
    out = Outgoing(link)

    started = [out.send(b"1"), out.send(b"2"), out.send(b"3")]
    link.room = 1
    offered = out.offer(b"4")
    await out.drain()

    assert started == [False, True, False]
    assert not offered
    assert link.arrived == [b"1", b"2", b"3"]


async def test_who_asks_and_does_not_read_is_cut_off() -> None:
    out = Outgoing(SlowLink())
    frame = bytes(MAX_WAITING_BYTES // 4)

    for _ in range(4):
        out.send(frame)

    with pytest.raises(RemoteProtocolError):
        out.send(b"1")
