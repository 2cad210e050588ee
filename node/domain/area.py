"""The frame every area of the domain fits in: commands, the subjects they are about, and the rows they fold to.

A command is a frozen dataclass registered with its kind and class. Talk is folded per *subject*: the row about a
post depends only on the set of changes about it, never on their order. So an area gives a pure `fold` from facts
to a row, and neither store, sync nor page ever looks inside a command.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar

from crdt.change import TALK
from identity.certificates import read_certificate
from identity.errors import CommonsError, Malformed, Refused


class Command(Protocol):
    """What a command gives: its kind and class on the wire, and a check of its own fields."""

    kind: ClassVar[str]
    klass: ClassVar[int]

    def check(self) -> None:
        """Raise Malformed unless every field is in its range."""


class Fact(NamedTuple):
    """A command with what is known of the change that carries it.

    `log` and `space` are the store's numbers, `author` is the device that signed, `person` whom it acts for.
    """

    id: bytes
    number: int
    depth: int
    time: int
    space: int
    log: int
    author: bytes
    person: bytes
    command: Any


@dataclass(frozen=True, slots=True)
class Erased:
    """Stands for a body that its author took back: that it was there is known, what it said is not."""

    kind: ClassVar[str] = ""
    klass: ClassVar[int] = TALK


class Eraser(Protocol):
    """A command that takes bodies back which its author, or another device of theirs, wrote before."""

    @property
    def certificate(self) -> bytes | None:
        """The certificate of its device."""

    def erases(self) -> list[bytes]:
        """Return the ids of the changes whose bodies go."""


def certified(command: Eraser, device: bytes) -> bytes | None:
    """Return whose device signed an eraser, as far as the certificate that goes with it says so.

    Whoever is handed the eraser in the place of a body written by an older device may hear of the newer one only later.
    """
    try:
        certificate = read_certificate(command.certificate or b"")
    except CommonsError:
        return None
    return certificate.person if certificate.device == device else None


Fold = Callable[[Sequence[Fact]], Any]
Subject = Callable[[Any], bytes | None]


@dataclass(frozen=True, slots=True)
class Kind:
    """A registered kind: its command, what it is about (None: itself), and how its subject is folded."""

    command: type[Any]
    subject: Subject
    fold: Fold | None
    types: tuple[tuple[type, ...], ...]


T = TypeVar("T")
_KINDS: dict[str, Kind] = {}


def register(command: type[Any], types: tuple[tuple[type, ...], ...], subject: Subject, fold: Fold | None) -> None:
    """Make a kind known. `types` names the types that each field may come in off the wire."""
    if len(types) != len(fields(command)):
        raise TypeError(f"{command.__name__} has {len(fields(command))} fields")
    _KINDS[command.kind] = Kind(command, subject, fold, types)


def kind_of(name: str) -> Kind | None:
    """Return a registered kind, or None for one from the future, which is carried and not understood."""
    return _KINDS.get(name)


def read_command(body: list[Any]) -> Any | None:
    """Read `[kind, fields…]` into a command; None if its kind, or its form of the kind, is not known here.

    Raises:
        Malformed: if a known kind has a field out of range.
    """
    kind = _KINDS.get(body[0])
    if kind is None or len(body) != len(kind.types) + 1:
        return None
    for value, allowed in zip(body[1:], kind.types, strict=True):
        if type(value) not in allowed:
            raise Malformed(f"a field of {body[0]} has the wrong type")
    command = kind.command(*body[1:])
    command.check()
    return command


def wire_fields(command: Any) -> list[Any]:
    """Return a command's fields in order, as they go on the wire."""
    return [getattr(command, field.name) for field in fields(command)]


def require(holds: object, words: str) -> None:
    """Refuse a command in the member's words unless a condition holds.

    Raises:
        Refused: with these words.
    """
    if not holds:
        raise Refused(words)


def need(found: T | None, words: str) -> T:
    """Return what was looked for, or refuse a command in the member's words if it is not there.

    Raises:
        Refused: with these words.
    """
    if found is None:
        raise Refused(words)
    return found


def well_formed(holds: object, words: str) -> None:
    """Treat a body as its sender's fault unless a condition holds.

    Raises:
        Malformed: with these words.
    """
    if not holds:
        raise Malformed(words)
