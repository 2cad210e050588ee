"""Real nodes of this process joined by cables in memory: everything but the network is the program's own."""

import asyncio
from collections import deque

from loopback import PATIENCE_S, same, until

from identity.errors import CommonsError, NetworkError
from node.runtime import Node

ATTEMPTS = 3
STANDING_TASKS = 2  # one signs what was said, one does what an office asks for


class Plug:
    """One end of a cable: a node.net.ports.Link."""

    def __init__(self, peer: bytes, *, outbound: bool) -> None:
        self.peer = peer
        self.outbound = outbound
        self.other: Plug = self
        self.is_waiting = False
        self._inbox: deque[bytes] = deque()
        self._closed = False
        self._news = asyncio.Event()

    async def send(self, frame: bytes) -> None:
        if not self.send_nowait(frame):
            raise NetworkError("the cable is out")

    def send_nowait(self, frame: bytes) -> bool:
        if self._closed:
            return False
        self.other._inbox.append(frame)
        self.other._news.set()
        return True

    async def receive(self) -> bytes:
        while not self._inbox:
            if self._closed:
                raise NetworkError("the cable is out")
            self._news.clear()
            self.is_waiting = True
            await self._news.wait()
            self.is_waiting = False
        return self._inbox.popleft()

    async def close(self) -> None:
        for end in (self, self.other):
            end._closed = True
            end._news.set()

    def is_quiet(self) -> bool:
        """Tell whether this end has read everything and waits for more."""
        return self.is_waiting and not self._inbox


def plugs(one: Node, other: Node) -> tuple[Plug, Plug]:
    """Return the two ends of a new cable; the first node dialled."""
    ends = Plug(other.road.device.public, outbound=True), Plug(one.road.device.public, outbound=False)
    ends[0].other, ends[1].other = ends[1], ends[0]
    return ends


def is_calm(node: Node) -> bool:
    """Tell whether a node has nothing under way: no session at work, nothing to answer, nothing being stored."""
    at_work = any(running.tasks for running in node.syncer.running.values())
    beside = len(node._tasks) - STANDING_TASKS
    return not (at_work or beside or node.road.lock.locked() or node.duties.is_at_work())


def told(space: bytes, node: Node) -> str:
    """Return how far a node is, for whoever has to find out why two never came to the same."""
    view = node.road.spaces[space]
    logs = {author.hex()[:8]: (log.seq, log.head.hex()[:8], log.forked) for author, log in view.history.logs.items()}
    return f"\n{node.road.device.public.hex()[:8]} is {view.state}, calm: {is_calm(node)}, holds {logs}"


async def meet(space: bytes, one: Node, other: Node) -> None:
    """Let two nodes talk until both are members, hold the same and have nothing more to say.

    Raises:
        AssertionError: if they never come to that.
        CommonsError: if one of them ends the session for the other's fault.
    """
    assert one.network is other.network is None, "a link of the network would stand against the cable"
    for _ in range(ATTEMPTS):  # a node that learns of one more space says hello anew
        ends = plugs(one, other)
        sessions = [asyncio.create_task(node.syncer.serve(end)) for node, end in zip((one, other), ends, strict=True)]

        def is_over(ends: tuple[Plug, Plug] = ends) -> bool:
            return all(end.is_quiet() for end in ends) and is_calm(one) and is_calm(other) and same(space, one, other)

        try:
            await until(
                lambda over=is_over, sessions=sessions: over() or all(task.done() for task in sessions), PATIENCE_S
            )  # type: ignore[misc]
        except TimeoutError as error:
            raise AssertionError("they never came to the same:" + told(space, one) + told(space, other)) from error
        done = is_over()
        await ends[0].close()
        faults = await asyncio.gather(*sessions, return_exceptions=True)
        for fault in faults:
            if isinstance(fault, BaseException) and not isinstance(fault, NetworkError):
                raise fault
        if done:
            return
    raise CommonsError("the nodes end their sessions again and again")
