"""What the law fold remembers of changes it gave effect to. Numbers are the store's, times claimed, in ms."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from identity.tickets import Terms


@dataclass(frozen=True, slots=True)
class LawChange:
    """A law or binding change with its place: `past` is interned in the history's `Pasts`, `depth` is its λ."""

    id: bytes
    number: int
    author: bytes
    seq: int
    time: int
    past: int
    command: Any
    depth: int = 0


class Act(NamedTuple):
    """Something a device did for its person, as later judgements weigh it."""

    device: bytes
    person: bytes
    number: int
    seq: int
    time: int


class Ending(NamedTuple):
    """A person ended a device of theirs: of what it says, the law counts what lies in `bits`, its log up to `last`."""

    device: bytes
    act: Act
    bits: int
    last: int


@dataclass(frozen=True, slots=True)
class Grant:
    """A device may act for a person: by a change of that number, while enough of its `supports` count."""

    device: bytes
    person: bytes
    slot: int
    number: int
    certificate: bytes
    inviter: bytes | None
    supports: tuple[Act, ...]
    needed: int
    since_ms: int


@dataclass(slots=True)
class Join:
    """A knock that proved a ticket, the vouches for it, and the changes that answered it."""

    change: LawChange
    terms: Terms
    vouches: list[Act] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    @property
    def admitted(self) -> bool:
        """Whether anybody let this newcomer in, as far as was heard."""
        return bool(self.answers)


class Ballot(NamedTuple):
    """A ballot that was well cast in its own past."""

    id: bytes
    act: Act
    choice: str


@dataclass(slots=True)
class Opening:
    """An opened vote: its electorate, and what was said about it."""

    change: LawChange
    opener: Act
    electorate: frozenset[bytes]
    trusted: bool
    cosigners: list[tuple[Act, str]] = field(default_factory=list)
    contests: list[Act] = field(default_factory=list)
    closings: dict[bytes, "Closing"] = field(default_factory=dict)


class Closing(NamedTuple):
    """An auditor's closing: what lies in its past may be counted."""

    act: Act
    epoch: int
    past: int


class Outcome(NamedTuple):
    """What a seal fixed: `yes`, `no` or `no quorum`, with how many said what."""

    winner: str
    tally: tuple[tuple[str, int], ...]
    electorate: int


@dataclass(slots=True)
class Seal:
    """A valid seal with those who support it, its author first; `epoch` counts the hand-overs before it."""

    change: LawChange
    opening: bytes
    proposal: bytes
    epoch: int
    k: int
    outcome: Outcome
    supporters: list[Act]
    hands_over: bool


class Takeover(NamedTuple):
    """A member's part in handing over without auditors: to those that the vote on an opening is about."""

    id: bytes
    act: Act
    opening: bytes
    epoch: int


@dataclass(slots=True)
class Proposal:
    """A proposal with its openings, valid seals and takeovers, and where it stands in the order of law.

    Ballots answer the question, whichever opening of it their authors had heard of.
    """

    change: LawChange
    proposer: Act
    sponsors: list[Act] = field(default_factory=list)
    openings: list[bytes] = field(default_factory=list)
    ballots: list[Ballot] = field(default_factory=list)
    seals: list[bytes] = field(default_factory=list)
    takeovers: list[Takeover] = field(default_factory=list)

    @property
    def place(self) -> tuple[int, bytes]:
        """Law applies in order of the deadline, then the id, both fixed at proposing."""
        return self.change.command.deadline, self.change.id


class RoleGrant(NamedTuple):
    """A role that a sealed decision gave to a person, for a scope and a term."""

    person: bytes
    role: str
    scope: str
    since_ms: int
    until_ms: int
    proposal: bytes


class Cut(NamedTuple):
    """How far a removed person counts: `bits` is the law that the removal's `seal` had seen."""

    proposal: bytes
    seal: bytes
    bits: int


class LogEnd(NamedTuple):
    """Where a log ends: at `last`, as its person said, and no further than the past of each of these seals shows."""

    last: int
    seals: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class Final:
    """How a proposal ended: the seal that holds, or who signed two when they contradict each other.

    Where members decided without auditors, `seal` is the least of their acts.
    """

    outcome: Outcome | None
    seal: bytes
    epoch: int
    forkers: frozenset[bytes] = frozenset()
