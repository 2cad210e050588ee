"""What a sync session asks of its driver, and what it has to know of a space."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Protocol

from crdt.history import History


class SpaceView(Protocol):
    """What a session has to know of a space; the node's `Space`, or a simulated one."""

    @property
    def id(self) -> bytes:
        """The id of the founding change."""

    @property
    def history(self) -> History:
        """The logs of the space."""

    def discovery_key(self) -> bytes:
        """Return the constant key under which members recognise the space."""

    def is_open(self) -> bool:
        """Tell whether this node was let in and holds the law."""

    def has_left(self) -> bool:
        """Tell whether this node's person left: what it holds it shows to members only."""

    def in_standing(self, device: bytes) -> bool:
        """Tell whether a device belongs, as far as this node has heard."""

    def my_knock(self) -> bytes | None:
        """Return this node's knock while it waits to be let in."""

    def inviter_of(self, device: bytes) -> bytes | None:
        """Return the device that has to answer a peer's knock, if it knocked."""

    def keys_digest(self) -> bytes:
        """Return 8 bytes that are equal for two nodes with the same secrets."""

    def keys_for(self, device: bytes) -> bytes:
        """Return the space's secrets sealed to a device."""

    def keys_missed(self) -> Set[bytes]:
        """Return the names of the secrets that would open law which lies sealed here."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send this frame to the peer."""

    frame: bytes


@dataclass(frozen=True, slots=True)
class Deliver:
    """Store a batch, then call `stored`. `request` is None for a push."""

    space: bytes
    data: bytes
    request: int | None


@dataclass(frozen=True, slots=True)
class Finish:
    """Everything of a request was delivered: call `finished`, and let other sessions look again."""

    space: bytes
    request: int


@dataclass(frozen=True, slots=True)
class DeliverProof:
    """Take in a proof that a log is forked, and pass it on if it was news."""

    space: bytes
    one: bytes
    other: bytes


@dataclass(frozen=True, slots=True)
class LoadProof:
    """Load the proof that a log is forked, then call `proof`."""

    space: bytes
    author: bytes


@dataclass(frozen=True, slots=True)
class DeliverKnock:
    """Store a peer's knock, then call `law_changed`."""

    space: bytes
    change: bytes


@dataclass(frozen=True, slots=True)
class LoadPapers:
    """Load the changes of law by which this node belongs, then call `papers`."""

    space: bytes


@dataclass(frozen=True, slots=True)
class CheckPapers:
    """Look whether a peer's papers let it in here, as far as law is known, then call `law_changed`."""

    space: bytes
    papers: list[bytes]


@dataclass(frozen=True, slots=True)
class LoadWord:
    """Load what to tell a peer who knocked and is not let in yet, then call `tell_guest`."""

    space: bytes


@dataclass(frozen=True, slots=True)
class Unlock:
    """Open sealed secrets, take them in, then call `unlocked`."""

    space: bytes
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Load:
    """Load the next portion of what the peer wanted, then call `loaded`."""

    space: bytes
    request: int
    ranges: Sequence[tuple[bytes, int, int]]
    ids: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """The peer did not take this node's knock, and says why."""

    space: bytes
    words: str


@dataclass(frozen=True, slots=True)
class Reached:
    """The peer holds this node's own log up to this sequence number."""

    space: bytes
    seq: int


@dataclass(frozen=True, slots=True)
class Rest:
    """The peer asks to let this link rest: call `rest` and say whether it may."""

    space: bytes


@dataclass(frozen=True, slots=True)
class Learn:
    """The peer, who belongs, told where others may be found."""

    addresses: Sequence[str]


@dataclass(frozen=True, slots=True)
class LoadBlob:
    """Load a piece of a file that belongs to a post of the space, then call `blob`."""

    space: bytes
    hash: bytes
    offset: int


@dataclass(frozen=True, slots=True)
class DeliverBlob:
    """A piece of a file came; `size` is that of the whole, 0 if the peer lacks it."""

    space: bytes
    hash: bytes
    offset: int
    size: int
    data: bytes


@dataclass(frozen=True, slots=True)
class InSync:
    """Both sides hold the same in this space."""

    space: bytes


@dataclass(frozen=True, slots=True)
class Waiting:
    """The peer knows of this node's knock; the named device has to answer it. `word` says how far that is."""

    space: bytes
    inviter: bytes
    word: bytes


Door = DeliverKnock | LoadPapers | CheckPapers | LoadWord | Unlock
Storing = Deliver | Finish | DeliverProof | LoadProof | Door | Load | LoadBlob | DeliverBlob
Note = Reached | Learn | InSync | Waiting | TurnedAway
"""What was learnt of a peer: it holds for this moment, and may not a moment later."""
Effect = Send | Storing | Rest | Note
