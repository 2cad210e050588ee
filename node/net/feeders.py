"""Who passes what on to whom: a few links carry every post, the others rest and only compare now and then.

Over every link, a post would come as often as a node has neighbours. So a node that was pushed what it held asks that
peer to let their link rest, while enough others feed it. A resting link that shows something missing is awake again,
and when a feeding one ends, the others step in.
Source: Leitão, Pereira and Rodrigues 2007, "Epidemic Broadcast Trees"; here every node keeps more than one feeder.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from crdt.effects import Effect
from crdt.sync import Session

FEEDERS = 3  # how many links of a space stay awake, if there are as many
MAX_RECENT = 1024


def feeding(sessions: Iterable[Session], space: bytes) -> int:
    """Return how many links carry a space's posts."""
    channels = (session.channels.get(space) for session in sessions)
    return sum(channel is not None and channel.opened and not channel.resting for channel in channels)


def let_rest(sessions: Iterable[Session], session: Session, space: bytes) -> list[Effect]:
    """Ask a peer, whose push brought nothing new, to let the link rest, if it can be spared."""
    return session.let_rest(space) if feeding(sessions, space) > FEEDERS else []


def answer_rest(sessions: Iterable[Session], session: Session, space: bytes) -> list[Effect]:
    """Agree to a peer's wish to let the link rest, or not: this node may need it."""
    return session.rest(space, agreed=feeding(sessions, space) > FEEDERS)


def wake(sessions: Iterable[Session], session: Session) -> list[Effect]:
    """Wake a link for every space that has too few others."""
    known = list(sessions)
    few = [space for space in session.channels if feeding(known, space) < FEEDERS]
    return [effect for space in few for effect in session.wake(space)]


@dataclass(slots=True)
class Pushes:
    """Pushes of late, by their bytes: what comes again over another link is known before it is read.

    `taken` holds what is on disk, with the last sequence number of each log; `under_way` what is being stored.
    """

    taken: OrderedDict[bytes, Mapping[bytes, int]] = field(default_factory=OrderedDict)
    under_way: dict[bytes, asyncio.Future[None]] = field(default_factory=dict)

    def note(self, name: bytes, last_seqs: Mapping[bytes, int]) -> None:
        """Remember what is on disk now."""
        self.taken[name] = last_seqs
        if len(self.taken) > MAX_RECENT:
            self.taken.popitem(last=False)


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
