"""Pictures and files of posts: handed out to members, fetched from neighbours, checked by hash and by type.

A post names a file by the hash of its bytes; the file itself travels beside the log, in pieces, and only to peers
who belong to a space in which a post shows it.
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crdt.change import digest
from crdt.effects import DeliverBlob
from crdt.messages import BLOB_PIECE_BYTES
from identity.errors import Malformed, Refused
from identity.keys import short
from node.domain.media import MAX_MEDIA_BYTES
from node.ingest.road import Road
from node.ingest.spaces import Space
from node.store import blobs

if TYPE_CHECKING:
    from node.net.syncer import Syncer

logger = logging.getLogger(__name__)
MAX_AT_ONCE = 4
PAUSE_S = 0.1
AGAIN_S = 60.0  # after which a peer who lacked a file is asked again


@dataclass(slots=True)
class Fetch:
    """A file on its way from one peer."""

    space: bytes
    peer: bytes
    data: bytearray


class Files:
    """What is on its way, and who said that they lack what."""

    def __init__(self, road: Road) -> None:
        self.road = road
        self._fetching: dict[bytes, Fetch] = {}
        self._lacking: dict[tuple[bytes, bytes], float] = {}
        self._again: dict[bytes, asyncio.TimerHandle] = {}
        self._syncer: Syncer[Any] | None = None
        self._to_look: dict[bytes, Space] = {}
        self._looking: set[asyncio.Task[None]] = set()

    def look(self, space: Space, syncer: "Syncer[Any]") -> None:
        """Fetch what the posts of a space show and this node lacks, soon."""
        self._syncer = syncer
        if not syncer.running or not space.may_lack_files:
            return
        self._to_look[space.id] = space
        if not self._looking:
            task = asyncio.get_running_loop().create_task(self._look_soon())
            self._looking.add(task)
            task.add_done_callback(self._looking.discard)

    async def close(self) -> None:
        """Look no more."""
        for timer in self._again.values():
            timer.cancel()
        for task in self._looking:
            task.cancel()
        await asyncio.gather(*self._looking, return_exceptions=True)

    async def _look_soon(self) -> None:
        """Look once for all that comes within a moment: posts come by dozens, and few show files."""
        while self._to_look:
            await asyncio.sleep(PAUSE_S)
            spaces, self._to_look = self._to_look, {}
            for space in spaces.values():
                await self._look(space)

    async def _look(self, space: Space) -> None:
        space.may_lack_files = False  # what comes meanwhile says otherwise
        missing = await self.road.database.read(lambda db: blobs.missing_blobs(db, space.index.no))
        space.may_lack_files = space.may_lack_files or bool(missing)
        running = self._syncer.running if self._syncer is not None else {}
        self._fetching = {hash_: fetch for hash_, fetch in self._fetching.items() if fetch.peer in running}
        loop = asyncio.get_running_loop()
        late = loop.time() - AGAIN_S
        self._lacking = {key: since for key, since in self._lacking.items() if key[0] in running and since > late}
        if missing and self._lacking and self._syncer is not None and space.id not in self._again:
            self._again[space.id] = loop.call_later(AGAIN_S, self._look_again, space, self._syncer)
        for hash_ in missing:
            if len(self._fetching) >= MAX_AT_ONCE:
                return
            if hash_ not in self._fetching:
                self._ask(space.id, hash_)

    def _look_again(self, space: Space, syncer: "Syncer[Any]") -> None:
        del self._again[space.id]
        self.look(space, syncer)

    def _ask(self, space: bytes, hash_: bytes) -> None:
        """Ask a neighbour who has not said that they lack it."""
        assert self._syncer is not None  # noqa: S101 - set by `look`
        for peer in self._syncer.running:
            if (peer, hash_) not in self._lacking and self._syncer.want_blob(peer, space, hash_, 0):
                self._fetching[hash_] = Fetch(space, peer, bytearray())
                return

    async def piece(self, space: Space, hash_: bytes, offset: int) -> DeliverBlob:
        """Return a piece of a file that a post of the space shows; one of size 0 if there is none."""

        def read(connection: Any) -> blobs.Blob | None:
            return blobs.get_blob(connection, hash_) if blobs.shown_in(connection, space.index.no, hash_) else None

        blob = await self.road.database.read(read)
        if blob is None:
            return DeliverBlob(space.id, hash_, offset, 0, b"")
        return DeliverBlob(space.id, hash_, offset, blob.size, blob.data[offset : offset + BLOB_PIECE_BYTES])

    async def take(self, space: Space, piece: DeliverBlob, peer: bytes) -> None:
        """Take in a piece that was asked for, and ask for the next.

        Raises:
            Malformed: if it was not asked for, or is not what its hash says.
        """
        fetch = self._fetching.get(piece.hash)
        if fetch is None or fetch.peer != peer:
            raise Malformed("a peer sends a file that it was not asked for")
        if piece.size == 0:
            del self._fetching[piece.hash]
            self._lacking[peer, piece.hash] = asyncio.get_running_loop().time()
        elif piece.offset != len(fetch.data) or not piece.data or piece.size > MAX_MEDIA_BYTES:
            raise Malformed("a peer sends a file in pieces that do not fit")
        else:
            fetch.data += piece.data
            if len(fetch.data) < piece.size:
                self._go_on(piece.hash, fetch)
                return
            del self._fetching[piece.hash]
            await self._keep(piece.hash, bytes(fetch.data), peer)
        if self._syncer is not None:
            self.look(space, self._syncer)

    def _go_on(self, hash_: bytes, fetch: Fetch) -> None:
        if self._syncer is None or not self._syncer.want_blob(fetch.peer, fetch.space, hash_, len(fetch.data)):
            self._fetching.pop(hash_, None)

    async def _keep(self, hash_: bytes, data: bytes, peer: bytes) -> None:
        if digest(data) != hash_:
            raise Malformed("a file is not the one its post names")
        try:
            blob = blobs.make_blob(data)
        except Refused as error:
            logger.info("file was refused peer=%s error=%s", short(peer), error)
            self._lacking[peer, hash_] = asyncio.get_running_loop().time()
            return
        await self.road.database.transaction(lambda db: blobs.add_blobs(db, [blob]))
