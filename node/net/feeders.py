"""Who passes what on to whom: a few links carry every post, the others rest and only compare now and then.

Over every link, a post would come as often as a node has neighbours. So a node that was pushed what it held asks that
peer to let their link rest, while enough others feed it. A resting link that shows something missing is awake again,
and when a feeding one ends, the others step in.
Source: Leitão, Pereira and Rodrigues 2007, "Epidemic Broadcast Trees"; here every node keeps more than one feeder.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from crdt.effects import Effect
from crdt.sync import Session

FEEDERS = 3  # how many links of a space stay awake, if there are as many
MAX_RECENT = 1024
W = TypeVar("W")


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
class UnderWay(Generic[W]):
    """A push that is being stored: how far the logs in it go, and who sent the same and waits for it."""

    shown: Mapping[bytes, int]
    waiting: list[W] = field(default_factory=list)


@dataclass(slots=True)
class Pushes(Generic[W]):
    """Pushes of late, by their bytes: what comes again over another link is known before it is read.

    `taken` holds what is on disk, with the last sequence number of each log; `under_way` what is being stored.
    """

    taken: OrderedDict[bytes, Mapping[bytes, int]] = field(default_factory=OrderedDict)
    under_way: dict[bytes, UnderWay[W]] = field(default_factory=dict)

    def note(self, name: bytes, last_seqs: Mapping[bytes, int]) -> None:
        """Remember what is on disk now."""
        self.taken[name] = last_seqs
        if len(self.taken) > MAX_RECENT:
            self.taken.popitem(last=False)
