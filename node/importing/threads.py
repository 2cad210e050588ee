"""Which of an archive's posts answer which others of it, so that threads stay threads.

Built in one pass, that which counts the posts. While it is built it holds 24 bytes a post; afterwards only what is
answered within the archive.
"""

from collections.abc import Iterable
from hashlib import blake2b

from node.archives.posts import ArchivedPost

SOURCE_BYTES = 16
_SHORT_BYTES = 8
_ROW_BYTES = SOURCE_BYTES + _SHORT_BYTES


def source_of(source_id: str) -> bytes:
    """Return the 16-byte hash by which an imported post is known again."""
    return blake2b(source_id.encode(), digest_size=SOURCE_BYTES).digest()


class Threads:
    """The posts of an archive that others of it answer, by their id and by their address.

    It is shown every post once (`watch`), then `settle` makes it ready to be asked.
    """

    def __init__(self) -> None:
        self._wanted: set[bytes] = set()
        self._rows = bytearray()
        self._sources: dict[bytes, bytes] = {}
        self._answered: set[bytes] = set()

    def watch(self, post: ArchivedPost) -> None:
        """Note what a post is called, and what it answers."""
        self._rows += source_of(post.source_id)
        self._rows += _short(post.url) if post.url else bytes(_SHORT_BYTES)
        if post.in_reply_to:
            self._wanted.add(_short(post.in_reply_to))

    def settle(self) -> None:
        """Keep only what is answered within the archive."""
        self._sources = dict(_named(self._rows, self._wanted))
        self._answered = set(self._sources.values())
        self._wanted, self._rows = set(), bytearray()

    def parent_of(self, post: ArchivedPost) -> bytes | None:
        """Return the source hash of the post that one answers, if the archive holds it."""
        source = self._sources.get(_short(post.in_reply_to)) if post.in_reply_to else None
        return source if source != source_of(post.source_id) else None

    def is_answered(self, source: bytes) -> bool:
        """Tell whether another post of the archive may answer this one."""
        return source in self._answered


def _short(name: str) -> bytes:
    return source_of(name)[:_SHORT_BYTES]


def _named(rows: bytearray, wanted: set[bytes]) -> Iterable[tuple[bytes, bytes]]:
    """Give the source of every post that is wanted, under the name it is wanted by; ids go before addresses."""
    for begin in (SOURCE_BYTES, 0):
        for start in range(0, len(rows), _ROW_BYTES):
            name = bytes(rows[start + begin : start + begin + _SHORT_BYTES])
            if name in wanted:
                yield name, bytes(rows[start : start + SOURCE_BYTES])
