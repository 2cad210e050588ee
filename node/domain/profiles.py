"""Profiles: what members say of themselves in a space, each field for those whom it is meant for.

A field is for everybody in the space, for everybody at all, or for some: one's own devices and those of people one
chose. For some, its value travels sealed to them, and nobody else can tell who they are. The row of a field depends
only on what was said about it: the deepest counts, the least id deciding a tie; its author's node may seal that value
anew, to other devices, and the deepest sealing of it counts. All of it commutes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, ClassVar, NamedTuple

import msgpack

from crdt.change import ID_BYTES, TALK
from identity.boxes import BOX_BYTES, Boxed
from identity.certificates import MAX_CERTIFICATE_BYTES
from identity.keys import KEY_BYTES
from node.domain.area import Fact, register, require, well_formed

NAME = "name"
FIELDS = (NAME, "pronouns", "about", "contact", "skills", "interests", "needs", "offers", "availability")
OWN = "own:"
"""How a field of a member's own begins; sixteen hex digits follow, and its name travels beside its value."""

COMPARED = ("skills", "interests", "needs", "offers")
"""The fields by whose words people and spaces are found that fit each other."""

SPACE, PUBLIC, SOME = "space", "public", "some"
AUDIENCES = (SPACE, PUBLIC, SOME)
MAX_NAME_CHARS = 60
MAX_LABEL_CHARS = 60
MAX_VALUE_CHARS = 2_000
MAX_OWN_FIELDS = 12
MAX_BOXES = 256
MAX_ERASED = 256
LEAST_WORD_CHARS = 4
MAX_SEALED_BYTES = 16 * 1024
MAX_NOTE_BYTES = 32 * 1024
_OWN_CHARS = len(OWN) + 16


@dataclass(frozen=True, slots=True)
class SetField:
    """Say a field of one's profile: `label` and `value` as they are, or, for some, sealed to them in their place."""

    person: bytes
    field: str
    audience: str
    label: str
    value: str
    sealed: bytes
    note: bytes
    boxes: list[Any]
    kind: ClassVar[str] = "profile.set"
    klass: ClassVar[int] = TALK

    @property
    def is_public(self) -> bool:
        """Whether this is said to everybody at all, and so not sealed with the space's secret."""
        return self.audience == PUBLIC

    def check(self) -> None:
        """Raise Malformed unless the field is known, and its value is either plain or sealed."""
        well_formed(len(self.person) == KEY_BYTES, "a profile is of nobody")
        well_formed(is_field(self.field), "a profile has no such field")
        well_formed(self.audience in AUDIENCES, "a field is for nobody")
        well_formed(self.audience != SOME or self.field != NAME, "a name is for everybody")
        well_formed(len(self.value) <= MAX_VALUE_CHARS, "a field is too long")
        well_formed(len(self.label) <= MAX_LABEL_CHARS, "the name of a field is too long")
        if self.audience == SOME:
            well_formed(not self.label and not self.value, "a field is sealed and said")
            _check_boxes(self.sealed, self.note, self.boxes)
        else:
            well_formed(not self.sealed and not self.note and not self.boxes, "a field is said and sealed")


@dataclass(frozen=True, slots=True)
class SealField:
    """Seal the value that a change of one's own said anew, because the devices that may read it are others now."""

    person: bytes
    field: str
    said: bytes
    sealed: bytes
    note: bytes
    boxes: list[Any]
    kind: ClassVar[str] = "profile.seal"
    klass: ClassVar[int] = TALK

    def check(self) -> None:
        """Raise Malformed unless it names a field and the change that said it."""
        well_formed(len(self.person) == KEY_BYTES, "a profile is of nobody")
        well_formed(is_field(self.field) and self.field != NAME, "a profile has no such field")
        well_formed(len(self.said) == ID_BYTES, "a value that nobody said is sealed anew")
        _check_boxes(self.sealed, self.note, self.boxes)


@dataclass(frozen=True, slots=True)
class EraseField:
    """Take back what was said in a field before: the bodies of these changes of one's own are erased everywhere.

    Its device's `certificate` goes with it, as with a post that is taken back.
    """

    person: bytes
    field: str
    earlier: list[Any]
    certificate: bytes | None = None
    kind: ClassVar[str] = "profile.erase"
    klass: ClassVar[int] = TALK

    def check(self) -> None:
        """Raise Malformed unless it names a field and changes."""
        well_formed(len(self.person) == KEY_BYTES, "a profile is of nobody")
        well_formed(is_field(self.field), "a profile has no such field")
        ids = all(type(one) is bytes and len(one) == ID_BYTES for one in self.earlier)
        well_formed(ids and 0 < len(self.earlier) <= MAX_ERASED, "nothing said before is taken back")
        well_formed(len(self.certificate or b"") <= MAX_CERTIFICATE_BYTES, "a certificate is too long")

    def erases(self) -> list[bytes]:
        """Return the ids of the changes whose bodies go."""
        return self.earlier


class FieldRow(NamedTuple):
    """The row of a field. `sealed` is what `pack_boxes` wrote, None where the value is plain; `said` set it, at `time`.

    `label` is empty but for fields of a member's own.
    """

    space: int
    person: bytes
    field: str
    id: bytes
    audience: str
    label: str
    value: str
    sealed: bytes | None
    said: bytes
    time: int


def is_field(name: str) -> bool:
    """Tell whether a profile may have a field of this name."""
    if name in FIELDS:
        return True
    return len(name) == _OWN_CHARS and name.startswith(OWN) and set(name[len(OWN) :]) <= set("0123456789abcdef")


def field_id(person: bytes, field: str) -> bytes:
    """Return the id of a field of somebody's profile: what is said about it goes by this."""
    return blake2b(person + field.encode(), person=b"commons/field", digest_size=ID_BYTES).digest()


def fold_field(facts: Sequence[Fact]) -> FieldRow | None:
    """Fold what was said about a field into its row; None while its own person said nothing."""
    own = [fact for fact in facts if isinstance(fact.command, SetField | SealField | EraseField) and _is_own(fact)]
    erased = {id_ for fact in own if isinstance(fact.command, EraseField) for id_ in fact.command.earlier}
    own = [fact for fact in own if fact.id not in erased]  # also where the body still lies on a disk
    last = _deepest([fact for fact in own if isinstance(fact.command, SetField)])
    if last is None:
        return None
    said = last.command
    anew = _deepest([fact for fact in own if isinstance(fact.command, SealField) and fact.command.said == last.id])
    holds = said if anew is None else anew.command
    sealed = pack_boxes(Boxed(holds.sealed, holds.note, holds.boxes)) if said.audience == SOME else None
    id_ = field_id(said.person, said.field)
    place = (last.space, said.person, said.field, id_)
    return FieldRow(*place, said.audience, said.label, said.value, sealed, last.id, last.time)


def pack_boxes(boxed: Boxed) -> bytes:
    """Return a sealed value as one blob for the row."""
    packed: bytes = msgpack.packb(boxed)
    return packed


def unpack_boxes(packed: bytes) -> Boxed:
    """Read what `pack_boxes` wrote."""
    return Boxed(*msgpack.unpackb(packed, use_list=True))


def allow_field(field: str, value: str, label: str = "") -> None:
    """A field of a profile is one that there is, and fits; a name is one line, and never empty."""
    require(is_field(field), "A profile has no such field.")
    if field == NAME:
        allow_name(value)
    require(
        len(value) <= MAX_VALUE_CHARS,
        f"A field of a profile can hold {MAX_VALUE_CHARS:,} characters; this has {len(value):,}.",
    )
    if field.startswith(OWN):
        require(label.strip() and "\n" not in label, "A field of your own needs a name of one line.")
        require(
            len(label) <= MAX_LABEL_CHARS,
            f"The name of a field can hold {MAX_LABEL_CHARS} characters; this has {len(label)}.",
        )


def allow_name(name: str) -> None:
    """A profile has a name of one line."""
    require(name.strip(), "Please say what people may call you.")
    require(len(name) <= MAX_NAME_CHARS, f"A name can hold {MAX_NAME_CHARS} characters; this has {len(name)}.")
    require("\n" not in name, "A name is one line.")


def words_in(text: str) -> frozenset[str]:
    """Return the words of a text that are worth comparing, in small letters; short ones join what has nothing to do."""
    words = "".join(letter if letter.isalnum() else " " for letter in text.casefold()).split()
    return frozenset(word for word in words if len(word) >= LEAST_WORD_CHARS)


def _is_own(fact: Fact) -> bool:
    return bool(fact.person == fact.command.person)


def _deepest(facts: Sequence[Fact]) -> Fact | None:
    return min(facts, key=lambda fact: (-fact.depth, fact.id), default=None)


def _check_boxes(sealed: bytes, note: bytes, boxes: list[Any]) -> None:
    well_formed(0 < len(sealed) <= MAX_SEALED_BYTES and 0 < len(note) <= MAX_NOTE_BYTES, "a sealed field is too long")
    well_formed(0 < len(boxes) <= MAX_BOXES, "a field is sealed to nobody, or to too many")
    well_formed(all(type(box) is bytes and len(box) == BOX_BYTES for box in boxes), "a box has the wrong size")


def _subject(command: Any) -> bytes | None:
    return field_id(command.person, command.field)


register(SetField, ((bytes,), (str,), (str,), (str,), (str,), (bytes,), (bytes,), (list,)), _subject, fold_field)
register(EraseField, ((bytes,), (str,), (list,), (bytes, type(None))), _subject, fold_field)
register(SealField, ((bytes,), (str,), (bytes,), (bytes,), (bytes,), (list,)), _subject, fold_field)
