"""Recovery by trusted members: shares of a person's key sealed to them, asked for by a new device, handed on to it.

What is said about a person's recovery goes by one subject. Only the person's own latest sharing counts, of one depth
the least id; a share is handed on only by whom it was sealed to, for one asking, and its check tells a wrong one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, ClassVar

from crdt.change import ID_BYTES, TALK
from identity.keys import KEY_BYTES
from identity.shares import MAX_SHARES
from node.domain.area import Fact, register, well_formed

CHECK_BYTES = 32
MAX_DEVICES = 16
MAX_SEALED_BYTES = 512
_CODE_DIGITS = 12  # fewer could be matched by who makes askings until one fits a code that was read out


@dataclass(frozen=True, slots=True)
class ShareKey:
    """Split one's key among trusted members: `parts` are [member, check of their share, [[device, sealed], …]]."""

    person: bytes
    needed: int
    parts: list[Any]
    kind: ClassVar[str] = "recovery.share"
    klass: ClassVar[int] = TALK
    is_for_newcomers: ClassVar[bool] = True  # who comes back is a newcomer

    def check(self) -> None:
        """Raise Malformed unless every part is a member's, sealed to devices of theirs."""
        well_formed(len(self.person) == KEY_BYTES, "a sharing is of nobody")
        well_formed(2 <= self.needed <= len(self.parts) <= MAX_SHARES, "a sharing needs too few, or too many")
        well_formed(all(map(_is_part, self.parts)), "a part of a sharing is malformed")
        people = {part[0] for part in self.parts}
        well_formed(len(people) == len(self.parts) and self.person not in people, "a sharing trusts somebody twice")


@dataclass(frozen=True, slots=True)
class AskRecovery:
    """Ask, from a new device, for the shares of a person's key: whoever asks says that they are this person."""

    person: bytes
    kind: ClassVar[str] = "recovery.ask"
    klass: ClassVar[int] = TALK

    def check(self) -> None:
        """Raise Malformed unless it names a person."""
        well_formed(len(self.person) == KEY_BYTES, "a recovery is of nobody")


@dataclass(frozen=True, slots=True)
class GiveShare:
    """Hand one's share on to the device that asked, sealed to it."""

    person: bytes
    ask: bytes
    sealed: bytes
    kind: ClassVar[str] = "recovery.give"
    klass: ClassVar[int] = TALK

    def check(self) -> None:
        """Raise Malformed unless it answers an asking."""
        well_formed(len(self.person) == KEY_BYTES and len(self.ask) == ID_BYTES, "a share answers nobody")
        well_formed(0 < len(self.sealed) <= MAX_SEALED_BYTES, "a sealed share is malformed")


@dataclass(frozen=True, slots=True)
class DeclineShare:
    """Say that one hands nothing on to a device that asked; the person themself says by it that it is not theirs."""

    person: bytes
    ask: bytes
    kind: ClassVar[str] = "recovery.decline"
    klass: ClassVar[int] = TALK

    def check(self) -> None:
        """Raise Malformed unless it answers an asking."""
        well_formed(len(self.person) == KEY_BYTES and len(self.ask) == ID_BYTES, "a refusal answers nobody")


def _is_part(part: Any) -> bool:
    if type(part) is not list or len(part) != 3 or type(part[2]) is not list or len(part[2]) > MAX_DEVICES:
        return False
    member, check, boxes = part
    keys = type(member) is bytes and len(member) == KEY_BYTES and type(check) is bytes and len(check) == CHECK_BYTES
    return keys and bool(boxes) and all(map(_is_box, boxes))


def _is_box(box: Any) -> bool:
    well = type(box) is list and len(box) == 2 and all(type(part) is bytes for part in box)
    return bool(well and len(box[0]) == KEY_BYTES and 0 < len(box[1]) <= MAX_SEALED_BYTES)


def recovery_id(person: bytes) -> bytes:
    """Return the subject under which everything about a person's recovery is said."""
    return blake2b(person, person=b"commons/recovery", digest_size=ID_BYTES).digest()


def check_of(share: bytes, number: int) -> bytes:
    """Return by what a share is known without being told: 32 random bytes do not follow from their hash."""
    return blake2b(share + bytes([number]), person=b"commons/share/1", digest_size=CHECK_BYTES).digest()


def code_of(ask: bytes) -> str:
    """Return the digits that whoever asks reads out, so that both mean one asking."""
    number = int.from_bytes(blake2b(ask, person=b"commons/voice/1", digest_size=8).digest(), "big")
    return f"{number % 10**_CODE_DIGITS:0{_CODE_DIGITS}d}"


def present_sharing(person: bytes, facts: Sequence[Fact]) -> Fact | None:
    """Return a person's own latest sharing."""
    own = (fact for fact in facts if isinstance(fact.command, ShareKey) and fact.person == person)
    return min(own, key=lambda fact: (-fact.depth, fact.id), default=None)


def _subject(command: Any) -> bytes:
    return recovery_id(command.person)


def fold_nothing(_facts: Sequence[Fact]) -> None:
    """There is no row of a recovery: it is read from the log when it is needed, which is seldom."""


register(ShareKey, ((bytes,), (int,), (list,)), _subject, fold_nothing)
register(AskRecovery, ((bytes,),), _subject, fold_nothing)
register(DeclineShare, ((bytes,), (bytes,)), _subject, fold_nothing)
register(GiveShare, ((bytes,), (bytes,), (bytes,)), _subject, fold_nothing)
