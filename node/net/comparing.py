"""When a node compares what it holds with its neighbours: not while changes are in flight, but never too late."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from crdt.effects import Effect
from node.net.running import Running

QUIET_S = 0.2
LONGEST_QUIET_S = 3.0
RESTING_QUIET_S = 1.0
RESTING_LONGEST_S = 10.0
LONGEST_PAUSE_S = 60.0


class Quiet:
    """Does something for a space once nothing has stirred there for a while, or when that takes too long."""

    def __init__(self, quiet_s: float, longest_s: float, work: Callable[[bytes], None]) -> None:
        self._quiet_s = quiet_s
        self._longest_s = longest_s
        self._work = work
        self._since: dict[bytes, float] = {}
        self._stirred: dict[bytes, float] = {}

    def stir(self, space: bytes) -> None:
        """Note that something moves."""
        self._stirred[space] = asyncio.get_running_loop().time()

    def ask(self, space: bytes) -> None:
        """Have it done, soon."""
        if space not in self._since:
            loop = asyncio.get_running_loop()
            self._since[space] = loop.time()
            loop.call_later(self._quiet_s, self._look, space)

    def _look(self, space: bytes) -> None:
        loop = asyncio.get_running_loop()
        still = loop.time() - self._stirred.get(space, 0.0)
        if still < self._quiet_s and loop.time() - self._since[space] < self._longest_s:
            loop.call_later(self._quiet_s, self._look, space)
            return
        del self._since[space]
        self._work(space)


class Comparing:
    """Compares roots over the links of a node; `send` carries out what a session answers."""

    def __init__(self, running: Mapping[bytes, Running], send: Callable[[Running, Sequence[Effect]], None]) -> None:
        self._running = running
        self._send = send
        self._but: dict[bytes, bytes | None] = {}
        self._all = Quiet(QUIET_S, LONGEST_QUIET_S, self._look)
        self._resting = Quiet(RESTING_QUIET_S, RESTING_LONGEST_S, self._look_over_resting)

    def stir(self, space: bytes) -> None:
        """Note that there is something new; links that rest will be asked about it later."""
        self._all.stir(space)
        self._resting.stir(space)
        self._resting.ask(space)

    def again(self, space: bytes, but: bytes | None = None) -> None:
        """Compare roots with every peer once more, as soon as this space is quiet.

        While changes are in flight, roots differ for no other reason, and comparing would only add to the traffic.
        """
        self._but[space] = but if self._but.get(space, but) == but else None
        self._all.ask(space)

    def until_level(self, running: Running) -> None:
        """Compare with a new peer until both held the same once: what was pushed meanwhile may have hidden it."""
        asyncio.get_running_loop().call_later(QUIET_S, self._look_until_level, running, QUIET_S)

    def _look(self, space: bytes) -> None:
        but = self._but.pop(space, None)
        for running in list(self._running.values()):
            if running.link.peer != but:
                self._send(running, running.session.look_again(space))

    def _look_over_resting(self, space: bytes) -> None:
        for running in list(self._running.values()):
            channel = running.session.channels.get(space)
            if channel is not None and channel.resting:
                self._send(running, running.session.look_again(space))

    def _look_until_level(self, running: Running, pause_s: float) -> None:
        if self._running.get(running.link.peer) is not running:
            return
        behind = [space for space in running.session.channels if space not in running.level]
        for space in behind:
            self._send(running, running.session.look_again(space))
        if behind:
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            asyncio.get_running_loop().call_later(pause_s, self._look_until_level, running, pause_s)
