"""Gossip: only hints of who is how far, so that a node which missed a push knows to ask. Correctness never rests on it.

The topic is named by a hash of the space's talk secret and the payload is sealed under it, so whoever carries gossip
without belonging learns nothing but that there is some.
"""

import asyncio
import contextlib
import logging
import math
import random
from collections.abc import Awaitable, Callable, Sequence
from hashlib import blake2b
from typing import NamedTuple

import msgpack
import nacl.exceptions
from nacl.secret import SecretBox

from crdt.change import MAX_SEQ, TALK
from crdt.history import Accepted
from identity.errors import NetworkError
from node.ingest.intake import Arrival
from node.ingest.road import Road
from node.ingest.spaces import Space
from node.net.syncer import Syncer

logger = logging.getLogger(__name__)
PAUSE_S = 1.0
LONGEST_PAUSE_S = 4.0
MAX_HEADS = 64
MAX_HINT_BYTES = 8 * 1024

Publish = Callable[[str, bytes], Awaitable[None]]


def topic_of(secret: bytes) -> str:
    """Return the gossip topic of a space under its present talk secret."""
    return "commons/" + blake2b(b"", key=secret, person=b"commons/topic/1", digest_size=16).hexdigest()


def _box(secret: bytes) -> SecretBox:
    return SecretBox(blake2b(b"", key=secret, person=b"commons/hint/1", digest_size=32).digest())


def write_hint(secret: bytes, heads: Sequence[tuple[bytes, int]]) -> bytes:
    """Seal heads, pairs of author and sequence number, for the members of a space."""
    packed: bytes = msgpack.packb(list(heads)[:MAX_HEADS])
    return bytes(_box(secret).encrypt(packed))


def read_hint(secret: bytes, data: bytes) -> list[tuple[bytes, int]]:
    """Open a hint; empty if it is none."""
    if len(data) > MAX_HINT_BYTES:
        return []
    try:
        heads = msgpack.unpackb(_box(secret).decrypt(data), use_list=True, max_array_len=MAX_HEADS)
        well = all(type(author) is bytes and type(seq) is int and 0 < seq <= MAX_SEQ for author, seq in heads)
    except (nacl.exceptions.CryptoError, ValueError, TypeError, msgpack.exceptions.UnpackException):
        return []
    return [(author, seq) for author, seq in heads] if well else []


class Untold(NamedTuple):
    """New changes of one log that nobody has told yet: the first and the last one's place, and when the first came."""

    first: int
    last: int
    since: float


class Hints:
    """Tells gossip what is new here, and asks neighbours when others are ahead.

    Whoever has something new waits until it is one to four seconds old, and tells what nobody else has told meanwhile.
    A hint tells all that is new, and what comes after it is young: so a whole village tells each change about once, and
    about once a second in all, however much it writes. Source: Trickle (RFC 6206).
    """

    def __init__(self, road: Road, syncer: Syncer[Arrival]) -> None:
        self.road = road
        self.syncer = syncer
        self._publish: Publish | None = None
        self._due: dict[bytes, dict[bytes, Untold]] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        road.heard.append(self.heard)

    def start(self, publish: Publish) -> None:
        """Begin to tell; `publish` takes a topic and a payload."""
        self._publish = publish
        self._task = asyncio.get_running_loop().create_task(self._run(), name="hints")

    async def stop(self) -> None:
        """Fall silent."""
        self._publish = None
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def topics(self) -> dict[str, Space]:
        """Return the topics of this node's spaces."""
        spaces = ((space.secret_for(TALK), space) for space in self.road.spaces.values())
        return {topic_of(secret): space for secret, space in spaces if secret is not None}

    def heard(self, space: Space, accepted: Sequence[Accepted], _origin: bytes | None) -> None:
        """Note what is new here."""
        if self._publish is not None and len(accepted) <= MAX_HEADS:  # what comes by hundreds is old to others
            due, now = self._due.setdefault(space.id, {}), _now()
            for author, seq in ((entry.change.header.author, entry.change.header.seq) for entry in accepted):
                before = due.get(author, Untold(seq, seq, now))
                due[author] = Untold(min(before.first, seq), max(before.last, seq), before.since)
            self._wake.set()

    def untold(self, space: bytes) -> dict[bytes, Untold]:
        """Return what is new in a space and was told by nobody, by author."""
        return dict(self._due.get(space, {}))

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            pause = random.uniform(PAUSE_S, LONGEST_PAUSE_S)  # noqa: S311 - only jitter
            left = pause
            while left > 0:
                await asyncio.sleep(left)
                left = self._oldest() + pause - _now()
            self._wake.clear()
            due, self._due = self._due, {}
            for id_, heads in due.items():
                await self._tell(self.road.spaces[id_], {author: untold.last for author, untold in heads.items()})

    def _oldest(self) -> float:
        """Return since when something here is untold; long ago if nothing is."""
        return min((untold.since for heads in self._due.values() for untold in heads.values()), default=-math.inf)

    async def _tell(self, space: Space, heads: dict[bytes, int]) -> None:
        secret = space.secret_for(TALK)
        if self._publish is None or secret is None or not heads:
            return
        with contextlib.suppress(NetworkError):
            await self._publish(topic_of(secret), write_hint(secret, list(heads.items())))

    async def received(self, topic: str, data: bytes) -> None:
        """Take in a hint: compare with the neighbours if somebody is ahead of this node."""
        space = self.topics().get(topic)
        secret = space.secret_for(TALK) if space is not None else None
        if space is None or secret is None:
            return
        logs = space.history.logs
        heads = read_hint(secret, data)
        due = self._due.get(space.id, {})
        for author, seq in heads:
            if author in due and due[author].first <= seq:
                untold = due.pop(author)
                if untold.last > seq:
                    due[author] = Untold(seq + 1, untold.last, _now())
        if any(author not in logs or logs[author].seq < seq for author, seq in heads):
            await self.syncer.look_again(space.id)


def _now() -> float:
    return asyncio.get_running_loop().time()
