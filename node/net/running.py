"""A session that runs over a link."""

import asyncio
from dataclasses import dataclass, field

from crdt.sync import Session
from identity.errors import BadSignature, CommonsError, Malformed, ProtocolError
from node.net.outgoing import Outgoing
from node.net.ports import Link


@dataclass(slots=True)
class Running:
    """A session with its link, since when it runs, and what is under way: wants being served, what is being stored.

    `level` names the spaces in which both sides held the same once; `fault` is what the peer did wrong while this node
    was storing.
    """

    session: Session
    link: Link
    born: float = 0.0
    cursors: dict[int, list[int]] = field(default_factory=dict)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    serving: asyncio.Lock = field(default_factory=asyncio.Lock)
    behind: bool = False
    trusted: bool = False
    level: set[bytes] = field(default_factory=set)
    out: Outgoing = field(init=False)
    storing: asyncio.Task[None] | None = None
    pushing: int = 0
    fault: CommonsError | None = None
    _fewer: asyncio.Future[None] | None = None

    def __post_init__(self) -> None:
        self.out = Outgoing(self.link)

    def note_fault(self, error: CommonsError) -> None:
        """Keep the first fault in its words alone: its frames and its cause hold this session and what was sent."""
        self.fault = self.fault or type(error)(str(error))

    def what_ended(self, error: CommonsError) -> CommonsError:
        """Return what to raise for a session that ended with an error: what the peer did wrong before, if it did."""
        fault = self.fault or error
        kind = ProtocolError if isinstance(fault, BadSignature | Malformed) else type(fault)
        return kind(str(fault))

    async def pushes_stored(self, most: int = 0) -> None:
        """Wait until at most so many of the peer's pushes are still being stored."""
        while self.pushing > most:
            self._fewer = asyncio.get_running_loop().create_future()
            await self._fewer

    def push_stored(self) -> None:
        """Note that one push less is being stored."""
        self.pushing -= 1
        if self._fewer is not None and not self._fewer.done():
            self._fewer.set_result(None)
