"""What the driver of sync sessions needs on either side: a link to a peer, and the node that keeps."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from crdt import effects as e
from crdt.batch import Batch
from crdt.history import Gap


class Link(Protocol):
    """A framed stream with one peer, whose device key the transport has proven."""

    @property
    def peer(self) -> bytes:
        """The peer's device key."""

    @property
    def outbound(self) -> bool:
        """Whether this side dialled."""

    async def send(self, frame: bytes) -> None:
        """Send a frame; waits while the peer is slow."""

    def send_nowait(self, frame: bytes) -> bool:
        """Send a frame unless too much is queued; tell whether it was taken."""

    async def receive(self) -> bytes:
        """Return the next frame."""

    async def close(self) -> None:
        """End the stream."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What storing a batch gave.

    The last sequence number it showed of each log; what was missing; where a branch has to be looked at further
    back; the logs that it proved to be forked; whether anything of it was new, and
    whether all of it is on disk now; the names of the secrets that were not there to read it with.
    """

    last_seqs: Mapping[bytes, int]
    gaps: Sequence[Gap]
    branches: Sequence[tuple[bytes, int, int]] = ()
    proven: Sequence[bytes] = ()
    fresh: bool = True
    whole: bool = False
    lacking: Collection[bytes] = ()


class Prepared(Protocol):
    """A batch made ready to be stored."""

    @property
    def batch(self) -> Batch:
        """What is in it."""

    @property
    def writing(self) -> asyncio.Event:
        """Set once it is on its way to the disk: time to make the next one ready."""


P = TypeVar("P", bound=Prepared)


class Keeper(Protocol[P]):
    """What the driver needs of the node: its spaces, and the road in and out of the store."""

    @property
    def spaces(self) -> Mapping[bytes, e.SpaceView]:
        """The node's spaces by id."""

    def prepare(self, space: bytes, data: bytes) -> P:
        """Do all for an encoded batch that can be done while an earlier one is being stored."""

    async def deliver(self, space: bytes, prepared: P, peer: bytes) -> Stored:
        """Store a prepared batch."""

    async def deliver_knock(self, space: bytes, knocks: bytes, peer: bytes) -> str | None:
        """Store a newcomer's knocks; returns why they are turned away, if they are."""

    async def papers(self, space: bytes) -> list[bytes]:
        """Return the changes of law by which this node belongs, each standing alone; none if they are not here."""

    async def check_papers(self, space: bytes, papers: list[bytes], peer: bytes) -> None:
        """Take in by which changes of law a peer belongs, where this node has not heard of it yet."""

    async def word(self, space: bytes, peer: bytes) -> bytes:
        """Return what to tell a peer who knocked and waits; empty if there is nothing."""

    async def take_proof(self, space: bytes, one: bytes, other: bytes) -> bool:
        """Take in a proof that a log is forked; tell whether it was news."""

    async def proof(self, space: bytes, author: bytes) -> tuple[bytes, bytes] | None:
        """Return the proof that a log is forked."""

    async def unlock(self, space: bytes, sealed: bytes, peer: bytes) -> bool:
        """Take in secrets that a peer sealed; tell whether any was new."""

    async def find(self, space: bytes, ranges: Sequence[tuple[bytes, int, int]], ids: Sequence[bytes]) -> list[int]:
        """Return the numbers of what a peer wants, in causal order."""

    async def portion(self, space: bytes, numbers: Sequence[int]) -> tuple[bytes | None, int]:
        """Return an encoded batch of the first of these numbers, and how many of them it took."""

    async def blob_piece(self, space: bytes, hash_: bytes, offset: int) -> e.DeliverBlob:
        """Return a piece of a file that belongs to a post of the space."""

    async def deliver_blob(self, piece: e.DeliverBlob, peer: bytes) -> None:
        """Take in a piece of a file, and ask for what comes next."""

    def reached(self, space: bytes, peer: bytes, seq: int) -> None:
        """Note how far a peer holds this node's own log."""

    def note_shown(self, space: bytes, peer: bytes, last_seqs: Mapping[bytes, int]) -> None:
        """Note how far a peer showed that it holds logs."""

    def in_sync(self, space: bytes, peer: bytes) -> None:
        """Note that a peer holds the same as this node."""

    def turned_away(self, space: bytes, words: str) -> None:
        """Note why a peer did not take this node's knock."""

    def waiting(self, space: bytes, peer: bytes, inviter: bytes, word: bytes) -> None:
        """Note whose device has to let this node in, and how far that is, as a peer says."""
