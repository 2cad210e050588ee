"""Whom a node knows: so many and no more, and whoever comes next finds room."""

import time

import pytest

from identity.keys import SigningKey
from node.net import neighbours
from node.net.neighbours import Neighbours
from node.net.syncer import Syncer
from node.runtime import now_ms


class OneFrame:
    """A link over which a peer says nothing and goes."""

    def __init__(self, peer: bytes) -> None:
        self.peer = peer
        self.outbound = False
        self.heard: list[bytes] = []

    async def send(self, frame: bytes) -> None: ...

    def send_nowait(self, frame: bytes) -> bool:
        self.heard.append(frame)
        return True

    async def receive(self) -> bytes:
        raise neighbours.NetworkError("gone")

    async def close(self) -> None: ...


class Nothing:
    """A keeper of no spaces."""

    def __init__(self) -> None:
        self.spaces: dict[bytes, object] = {}


async def test_strangers_leave_room_for_whoever_comes_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "MAX_KNOWN", 3)
    known = Neighbours(Syncer(bytes(32), Nothing(), time.monotonic), now_ms, time.monotonic)  # type: ignore[arg-type]
    member = SigningKey.generate().public
    known.restore([(member, ["/ip4/127.0.0.1/tcp/1"], now_ms())])
    links = [OneFrame(SigningKey.generate().public) for _ in range(9)]

    for link in links:
        await known.serve(link)

    assert all(link.heard for link in links)
    assert len(known.known) == 3
    assert member in known.known
