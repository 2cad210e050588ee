"""Commands of deciding: proposing, supporting, opening, voting, closing, sealing, acknowledging.

Talk and ballots merge freely; what binds others becomes law only by a *seal*: k of n auditors supporting one
identical set of ballots (design: governance). All of these are kept for ever and hold no free text: what a proposal
says is a document, named by its hash.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from crdt.change import BINDING, ID_BYTES, LAW
from node.domain.area import register, well_formed
from node.domain.law.charter import FOUNDING_ONLY, check_rule

HASH_BYTES = 32
KEY_BYTES = 32
MAX_EFFECTS = 64
MAX_AUDITORS = 64
MAX_CLOSINGS = 64
MAX_GRACE_MS = 30 * 86_400_000
MAX_TIME_MS = 2**53 - 1
YES, NO, ABSTAIN = "yes", "no", "abstain"
CHOICES = (YES, NO, ABSTAIN)
ROLES = ("auditor", "facilitator", "moderator", "steward", "treasurer", "welcomer")
MAX_ROLE_CHARS = 40
MAX_SCOPE_CHARS = 40


def _key(value: Any) -> bool:
    return type(value) is bytes and len(value) == KEY_BYTES


def _time(value: Any) -> bool:
    return type(value) is int and 0 < value <= MAX_TIME_MS


def _name(value: Any, most: int) -> bool:
    """A role's name or scope is a word of letters, digits and hyphens: law holds no free text."""
    return type(value) is str and len(value) <= most and value.replace("-", "").isalnum() == bool(value)


def _remove(args: list[Any]) -> bool:
    return len(args) == 1 and _key(args[0])


def _grant_role(args: list[Any]) -> bool:
    well = len(args) == 4 and _key(args[0]) and _time(args[3])
    return well and bool(args[1]) and _name(args[1], MAX_ROLE_CHARS) and _name(args[2], MAX_SCOPE_CHARS)


def _end_role(args: list[Any]) -> bool:
    return len(args) == 2 and _key(args[0]) and bool(args[1]) and _name(args[1], MAX_ROLE_CHARS)


def _set_rule(args: list[Any]) -> bool:
    if len(args) != 2 or type(args[0]) is not str or args[0] in FOUNDING_ONLY:
        return False
    check_rule(args[0], args[1])
    return True


def _hand_over(args: list[Any]) -> bool:
    """Auditors are [person, duty device] pairs in order, and k of them seal: more than half."""
    if len(args) != 2 or type(args[0]) is not list or type(args[1]) is not int:
        return False
    pairs, k = args
    well = all(type(pair) is list and len(pair) == 2 and _key(pair[0]) and _key(pair[1]) for pair in pairs)
    people = [pair[0] for pair in pairs] if well else []
    return 0 < len(people) <= MAX_AUDITORS and people == sorted(set(people)) and len(people) < 2 * k <= 2 * len(people)


def _version(args: list[Any]) -> bool:
    return len(args) == 1 and type(args[0]) is int and 1 <= args[0] <= 1_000_000


EFFECTS: Mapping[str, Callable[[list[Any]], bool]] = {
    "remove": _remove,
    "readmit": _remove,
    "admit": _remove,
    "resume": _remove,
    "role": _grant_role,
    "unrole": _end_role,
    "rule": _set_rule,
    "auditors": _hand_over,
    "law": _version,
}
GRAVE_EFFECTS = frozenset({"remove", "rule", "auditors", "law"})


def check_effects(effects: Any) -> None:
    """Raise Malformed unless these are known effects, each well formed."""
    well_formed(type(effects) is list and 1 <= len(effects) <= MAX_EFFECTS, "a proposal changes nothing, or too much")
    for effect in effects:
        known = type(effect) is list and bool(effect) and type(effect[0]) is str and effect[0] in EFFECTS
        well_formed(known, "a proposal has an effect that is not known")
        well_formed(EFFECTS[effect[0]](effect[1:]), f"the effect {effect[0]} is malformed")


@dataclass(frozen=True, slots=True)
class Propose:
    """Put a binding yes-or-no question: what follows from a yes, and until when ballots count."""

    effects: list[Any]
    deadline: int
    grace: int
    text_hash: bytes
    kind: ClassVar[str] = "proposal.propose"
    klass: ClassVar[int] = LAW

    def check(self) -> None:
        """Raise Malformed unless it has known effects, a deadline and a text."""
        check_effects(self.effects)
        well_formed(_time(self.deadline) and 0 <= self.grace <= MAX_GRACE_MS, "a proposal's deadline is out of range")
        well_formed(len(self.text_hash) in (0, HASH_BYTES), "a proposal names no text")


@dataclass(frozen=True, slots=True)
class Sponsor:
    """Support that a proposal is put to the vote."""

    proposal: bytes
    kind: ClassVar[str] = "proposal.sponsor"
    klass: ClassVar[int] = BINDING

    def check(self) -> None:
        """Raise Malformed unless it names a proposal."""
        well_formed(len(self.proposal) == ID_BYTES, "a support names no proposal")


@dataclass(frozen=True, slots=True)
class OpenVote:
    """Open the vote: the electorate are the members in this change's past, and `electorate` is its hash."""

    proposal: bytes
    electorate: bytes
    kind: ClassVar[str] = "vote.open"
    klass: ClassVar[int] = LAW

    def check(self) -> None:
        """Raise Malformed unless it names a proposal and an electorate."""
        well = len(self.proposal) == ID_BYTES and len(self.electorate) == HASH_BYTES
        well_formed(well, "an opening names no proposal")


@dataclass(frozen=True, slots=True)
class CosignOpening:
    """Confirm that an opening leaves nobody out."""

    opening: bytes
    kind: ClassVar[str] = "vote.cosign"
    klass: ClassVar[int] = LAW

    def check(self) -> None:
        """Raise Malformed unless it names an opening."""
        well_formed(len(self.opening) == ID_BYTES, "a confirmation names no opening")


@dataclass(frozen=True, slots=True)
class ContestOpening:
    """Say that an opening left its author out, who was a member: nothing is sealed on it."""

    opening: bytes
    kind: ClassVar[str] = "vote.contest"
    klass: ClassVar[int] = LAW

    def check(self) -> None:
        """Raise Malformed unless it names an opening."""
        well_formed(len(self.opening) == ID_BYTES, "an objection names no opening")


@dataclass(frozen=True, slots=True)
class CastBallot:
    """Vote; the last of a member's counts."""

    opening: bytes
    choice: str
    kind: ClassVar[str] = "vote.ballot"
    klass: ClassVar[int] = BINDING

    def check(self) -> None:
        """Raise Malformed unless it names an opening and a choice."""
        well_formed(len(self.opening) == ID_BYTES and self.choice in CHOICES, "a ballot names no choice")


@dataclass(frozen=True, slots=True)
class CloseVote:
    """An auditor's word that, as far as they heard, these are the ballots: those in this change's past."""

    opening: bytes
    kind: ClassVar[str] = "vote.close"
    klass: ClassVar[int] = LAW

    def check(self) -> None:
        """Raise Malformed unless it names an opening."""
        well_formed(len(self.opening) == ID_BYTES, "a closing names no opening")


@dataclass(frozen=True, slots=True)
class SealVote:
    """Fix a result: exactly the countable ballots in the joint past of k closings.

    `root` is the hash of these ballots, `state` that of the law that its author read; `adopts` names an earlier
    auditors' seal that this one upholds. How far the logs of somebody removed count is said nowhere: it follows from
    what lies in the seal's past.
    """

    opening: bytes
    closings: list[Any]
    root: bytes
    state: bytes
    adopts: bytes
    kind: ClassVar[str] = "vote.seal"
    klass: ClassVar[int] = LAW

    def check(self) -> None:
        """Raise Malformed unless every part has its form."""
        well = len(self.opening) == ID_BYTES and len(self.root) == HASH_BYTES and len(self.state) == HASH_BYTES
        well_formed(well and len(self.adopts) in (0, ID_BYTES), "a seal is malformed")
        names = all(type(one) is bytes and len(one) == ID_BYTES for one in self.closings)
        well_formed(names and len(self.closings) <= MAX_CLOSINGS, "a seal names no closings")
        well_formed(self.closings == sorted(set(self.closings)), "a seal's closings are out of order")


@dataclass(frozen=True, slots=True)
class SupportSeal:
    """An auditor supports another's seal."""

    seal: bytes
    kind: ClassVar[str] = "vote.support"
    klass: ClassVar[int] = LAW

    def check(self) -> None:
        """Raise Malformed unless it names a seal."""
        well_formed(len(self.seal) == ID_BYTES, "a support names no seal")


@dataclass(frozen=True, slots=True)
class TakeOver:
    """Hand over to new auditors, with more than half of all members, because the old ones are gone."""

    opening: bytes
    kind: ClassVar[str] = "vote.takeover"
    klass: ClassVar[int] = LAW

    def check(self) -> None:
        """Raise Malformed unless it names an opening."""
        well_formed(len(self.opening) == ID_BYTES, "a hand-over names no opening")


def _itself(_command: Any) -> bytes | None:
    return None


for _command, _types in (
    (Propose, ((list,), (int,), (int,), (bytes,))),
    (Sponsor, ((bytes,),)),
    (OpenVote, ((bytes,), (bytes,))),
    (CosignOpening, ((bytes,),)),
    (ContestOpening, ((bytes,),)),
    (CastBallot, ((bytes,), (str,))),
    (CloseVote, ((bytes,),)),
    (SealVote, ((bytes,), (list,), (bytes,), (bytes,), (bytes,))),
    (SupportSeal, ((bytes,),)),
    (TakeOver, ((bytes,),)),
):
    register(_command, _types, _itself, None)
