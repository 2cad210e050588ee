"""Posts: written, imported, answered, edited, retracted.

A post's row is the fold of everything said about it: of its author's edits the deepest counts, the least id
deciding a tie; one retraction by its author empties it for good, whatever else arrives. All of it commutes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from crdt.change import ID_BYTES, TALK
from identity.certificates import MAX_CERTIFICATE_BYTES
from node.domain.area import Fact, register, require, well_formed

MAX_TEXT_CHARS = 50_000
MAX_MEDIA = 16
SOURCE_BYTES = 16
MAX_ADDRESS_CHARS = 2_000
SAID_BEFORE = "commons:post/"
"""How the address of a post begins that its author said before, here or in another space; the old id follows in hex."""
_NONE = type(None)
_OPTIONAL_ID = (bytes, _NONE)


class Media(NamedTuple):
    """A picture or file that goes with a post, known by the hash of its bytes."""

    hash: bytes
    media_type: str
    alt: str
    size: int


@dataclass(frozen=True, slots=True)
class WritePost:
    """Say something in a space, or answer: `thread` is the first post of the thread, `parent` the one answered."""

    text: str
    thread: bytes | None
    parent: bytes | None
    media: list[Any]
    kind: ClassVar[str] = "post.write"
    klass: ClassVar[int] = TALK

    def check(self) -> None:
        """Raise Malformed unless the text fits and a reply names both its thread and what it answers."""
        well_formed(len(self.text) <= MAX_TEXT_CHARS, "a post is too long")
        well_formed((self.thread is None) == (self.parent is None), "a reply names its thread and its parent")
        if self.thread is not None:
            well_formed(len(self.thread) == ID_BYTES and _is_id(self.parent), "a reply names something else")
        if self.media:
            _check_media(self.media)


@dataclass(frozen=True, slots=True)
class ImportPost:
    """Bring a post from elsewhere: with the date and the address it had there."""

    text: str
    thread: bytes | None
    parent: bytes | None
    media: list[Any]
    published: int
    address: str
    source: bytes
    kind: ClassVar[str] = "post.import"
    klass: ClassVar[int] = TALK

    def check(self) -> None:
        """Raise Malformed unless text, date, address and the 16-byte hash of its source id fit."""
        WritePost(self.text, self.thread, self.parent, self.media).check()
        well_formed(0 <= self.published < 1 << 53, "an imported post has no date")
        well_formed(len(self.address) <= MAX_ADDRESS_CHARS, "an address is too long")
        well_formed(len(self.source) == SOURCE_BYTES, "an imported post names no source")


@dataclass(frozen=True, slots=True)
class EditPost:
    """Give a post a new text; earlier ones stay in its history."""

    post: bytes
    text: str
    kind: ClassVar[str] = "post.edit"
    klass: ClassVar[int] = TALK

    def check(self) -> None:
        """Raise Malformed unless it names a post and the text fits."""
        well_formed(_is_id(self.post), "an edit names no post")
        well_formed(len(self.text) <= MAX_TEXT_CHARS, "a post is too long")


@dataclass(frozen=True, slots=True)
class RetractPost:
    """Take a post back: its body, and those of the edits named, are erased wherever this is heard.

    It repeats where the post stood (`thread`, `parent`), so that its place in the thread stays, and the hash of where
    it was imported from (`source`), so that bringing the same archive again does not bring it back. Its device's
    `certificate` goes with it: whoever is handed the retraction in the place of a body written by an older device may
    hear of the newer one only later.
    """

    post: bytes
    thread: bytes | None
    parent: bytes | None
    edits: list[Any]
    source: bytes | None = None
    certificate: bytes | None = None
    kind: ClassVar[str] = "post.retract"
    klass: ClassVar[int] = TALK

    def check(self) -> None:
        """Raise Malformed unless everything it names is an id."""
        well_formed(_is_id(self.post), "a retraction names no post")
        place = (self.thread is None) == (self.parent is None)
        somewhere = self.thread is None or (_is_id(self.thread) and _is_id(self.parent))
        well_formed(place and somewhere, "a retraction names no place")
        well_formed(self.source is None or len(self.source) == SOURCE_BYTES, "a retraction names no source")
        well_formed(len(self.edits) <= 1_000 and all(map(_is_id, self.edits)), "a retraction names no edit")
        well_formed(len(self.certificate or b"") <= MAX_CERTIFICATE_BYTES, "a certificate is too long")

    def erases(self) -> list[bytes]:
        """Return the ids of the changes whose bodies go."""
        return [self.post, *self.edits]


class Post(NamedTuple):
    """The row of a post. `number`, `space` and `log` are the store's; times are ms since the epoch."""

    number: int
    space: int
    log: int
    time: int
    text: str
    thread: bytes | None
    parent: bytes | None
    media: bytes | None
    edited: int | None
    versions: int
    retracted: int
    published: int | None
    address: str | None
    source: bytes | None


class Version(NamedTuple):
    """One text a post has had: in its history, newest last."""

    id: bytes
    time: int
    text: str


def fold_post(facts: Sequence[Fact]) -> Post | None:
    """Fold everything about one post into its row; None while the post itself has not arrived.

    What was retracted shows as such whatever it was: once a body is erased, nobody can tell any more.
    """
    if len(facts) == 1 and type(facts[0].command) is WritePost:  # nearly always, so it is worth being quick
        return _row(facts[0], facts[0].command.text, None, 1)
    first = _first(facts)
    if first is None:
        return None
    mine = [fact for fact in facts if fact.person == first.person]
    retractions = [fact for fact in mine if isinstance(fact.command, RetractPost)]
    if retractions:
        return _retracted(first, min(retractions, key=lambda fact: fact.id).command)
    if not isinstance(first.command, WritePost | ImportPost):
        return None
    edits = [fact for fact in mine if isinstance(fact.command, EditPost)]
    if not edits:
        return _row(first, first.command.text, None, 1)
    last = min(edits, key=lambda fact: (-fact.depth, fact.id))
    return _row(first, last.command.text, last.time, 1 + len(edits))


def _first(facts: Sequence[Fact]) -> Fact | None:
    """Return the fact that the others are about: the post itself, or what is left of it."""
    named = {fact.command.post for fact in facts if isinstance(fact.command, EditPost | RetractPost)}
    if named:
        return next((fact for fact in facts if fact.id in named), None)
    return next((fact for fact in facts if isinstance(fact.command, WritePost | ImportPost)), None)


def _row(first: Fact, text: str, edited: int | None, versions: int) -> Post:
    command = first.command
    imported = isinstance(command, ImportPost)
    return Post(
        first.number,
        first.space,
        first.log,
        first.time,
        text,
        command.thread,
        command.parent,
        pack_media(command.media),
        edited,
        versions,
        0,
        command.published if imported else None,
        command.address if imported else None,
        command.source if imported else None,
    )


def _retracted(first: Fact, command: RetractPost) -> Post:
    place = (command.thread, command.parent)
    where = (first.number, first.space, first.log, first.time)
    return Post(*where, "", *place, None, None, 0, 1, None, None, command.source)


def versions(facts: Sequence[Fact]) -> list[Version]:
    """Return the texts a post has had, oldest first; none once it was retracted."""
    row = fold_post(facts)
    if row is None or row.retracted:
        return []
    first = next(fact for fact in facts if fact.number == row.number)
    mine = [fact for fact in facts if fact.person == first.person and hasattr(fact.command, "text")]
    mine.sort(key=lambda fact: (fact.depth, fact.id))
    return [Version(fact.id, fact.time, fact.command.text) for fact in mine]


def pack_media(media: Sequence[Any]) -> bytes | None:
    """Return media as one blob for the row: records of hash, type, alt and size, split by control bytes."""
    if not media:
        return None
    records = ("\x1f".join((item[0].hex(), item[1], item[2], str(item[3]))) for item in media)
    return "\x1e".join(records).encode()


def unpack_media(packed: bytes | None) -> list[Media]:
    """Read what `pack_media` wrote."""
    if not packed:
        return []
    records = (record.split("\x1f") for record in packed.decode().split("\x1e"))
    return [Media(bytes.fromhex(hash_), kind, alt, int(size)) for hash_, kind, alt, size in records]


def allow_text(text: str) -> None:
    """A post says something, and fits."""
    require(text.strip(), "A post needs some words.")
    require(len(text) <= MAX_TEXT_CHARS, f"A post can hold {MAX_TEXT_CHARS:,} characters; this has {len(text):,}.")


def _is_id(value: object) -> bool:
    return type(value) is bytes and len(value) == ID_BYTES


def _check_media(media: list[Any]) -> None:
    well_formed(len(media) <= MAX_MEDIA, "a post holds too many pictures")
    for item in media:
        well_formed(type(item) is list and len(item) == 4, "a post names a picture wrongly")
        hash_, kind, alt, size = item
        well_formed(_is_id(hash_) and type(size) is int and size >= 0, "a post names a picture wrongly")
        well = type(kind) is str and type(alt) is str and len(kind) <= 100 and len(alt) <= 2_000
        well_formed(well and not {"\x1e", "\x1f"} & set(kind + alt), "a post names a picture wrongly")


def _own(command: Any) -> bytes | None:  # noqa: ARG001 - a post is about itself
    return None


def _post(command: Any) -> bytes | None:
    return command.post  # type: ignore[no-any-return]


register(WritePost, ((str,), _OPTIONAL_ID, _OPTIONAL_ID, (list,)), _own, fold_post)
register(ImportPost, ((str,), _OPTIONAL_ID, _OPTIONAL_ID, (list,), (int,), (str,), (bytes,)), _own, fold_post)
register(EditPost, ((bytes,), (str,)), _post, fold_post)
_RETRACTED = ((bytes,), _OPTIONAL_ID, _OPTIONAL_ID, (list,), _OPTIONAL_ID, _OPTIONAL_ID)
register(RetractPost, _RETRACTED, _post, fold_post)
