"""Virtual time, and links that are late, slow, full or broken.

A link is a reliable stream, as the transport gives it: frames arrive in order, late, or the link breaks.
"""

import asyncio
import random
import selectors
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from identity.errors import NetworkError

LINGER_S = 1.0


class _JumpingSelector(selectors.SelectSelector):
    """Waits by moving the clock."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("the simulation waits for something that will never happen")
        self.now += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in which waiting takes no time."""

    def __init__(self) -> None:
        self._clock = _JumpingSelector()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now


@dataclass
class Weather:
    """How bad it is. Seconds and bytes; `loss` is the chance that a frame breaks its link."""

    loss: float = 0.0
    delay_s: float = 0.05
    notice_s: float = 0.0
    queue_bytes: int = 1 << 22

    @classmethod
    def draw(cls, rng: random.Random) -> "Weather":
        loss = rng.choice([0.0, 0.003, 0.01, 0.05, 0.3])
        delay = rng.choice([0.02, 0.2, 1.0, 5.0])
        return cls(loss, delay, rng.choice([0.1, 5.0, 15.0]), rng.choice([1 << 14, 1 << 22]))


class Medium(Protocol):
    """What a wire lies in."""

    rng: random.Random
    loop: asyncio.AbstractEventLoop
    weather: Weather

    def note(self, frame: bytes) -> None:
        """Count a frame."""


class End:
    """One end of a simulated link: a node.net.syncer.Link."""

    def __init__(self, wire: "Wire", peer: bytes, outbound: bool) -> None:
        self.wire = wire
        self.peer = peer
        self.outbound = outbound
        self.inbox: deque[bytes] = deque()
        self.queued = 0
        self.last_arrival = 0.0
        self.error: NetworkError | None = None
        self.closed = False
        self._waiters: list[asyncio.Future[None]] = []

    async def send(self, frame: bytes) -> None:
        while not self.send_nowait(frame):
            await self._wait()

    def send_nowait(self, frame: bytes) -> bool:
        if self.error is not None:
            raise self.error
        if self.queued and self.queued + len(frame) > self.wire.net.weather.queue_bytes:
            return False
        self.queued += len(frame)
        self.wire.carry(self, frame)
        return True

    async def receive(self) -> bytes:
        while not self.inbox or self.closed:
            if self.error is not None:
                raise self.error
            await self._wait()
        frame = self.inbox.popleft()
        other = self.wire.other(self)
        other.queued -= len(frame)
        other.wake()
        return frame

    async def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        self.error = self.error or NetworkError("the link is closed")
        if self.queued:
            await asyncio.sleep(LINGER_S)
        self.wake()
        self.wire.later(self, lambda: self.wire.other(self).end("the peer closed the stream"))

    def arrive(self, frame: bytes) -> None:
        if self.error is None and not self.wire.broken:
            self.inbox.append(frame)
            self.wake()

    def end(self, why: str) -> None:
        self.error = self.error or NetworkError(why)
        self.wake()

    def wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def _wait(self) -> None:
        waiter = self.wire.net.loop.create_future()
        self._waiters.append(waiter)
        await waiter


class Wire:
    """A reliable stream between two nodes, until it breaks."""

    def __init__(self, net: Medium, dialler: bytes, answerer: bytes) -> None:
        self.net = net
        self.dialler = dialler
        self.answerer = answerer
        self.between = (0, 0)  # where it runs from and to: two places may act under one key
        self.ends = (End(self, answerer, True), End(self, dialler, False))
        self.broken = False
        self.latency = net.rng.uniform(0.0, net.weather.delay_s)

    def other(self, end: End) -> End:
        return self.ends[end is self.ends[0]]

    def later(self, sender: End, call: Callable[[], None]) -> None:
        """Do something at the other end once everything sent before has arrived."""
        arrival = self.net.loop.time() + self.latency * self.net.rng.uniform(0.5, 1.5) + 0.001
        sender.last_arrival = max(sender.last_arrival + 1e-6, arrival)  # equal times could swap
        self.net.loop.call_at(sender.last_arrival, call)

    def carry(self, sender: End, frame: bytes) -> None:
        self.net.note(frame)
        if self.net.rng.random() < self.net.weather.loss:
            self.snap()
        if not self.broken:
            other = self.other(sender)
            self.later(sender, lambda: other.arrive(frame))

    def is_over(self) -> bool:
        """Tell whether nothing runs over it any more."""
        return self.broken or all(end.closed for end in self.ends)

    def snap(self) -> None:
        """Break; each end notices in its own time."""
        if self.broken:
            return
        self.broken = True
        for end in self.ends:
            notice = self.net.rng.uniform(0.0, self.net.weather.notice_s)
            self.net.loop.call_later(notice, end.end, "the link is lost")
