"""What sealed decisions amount to: auditors, rules, roles, removals; a function of the seals in a past.

Each past is looked at by its *key*: the bits of the seals and supports in it. Nearly all pasts share one key with
the past before, so this is folded once for each decision, not for each change.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

import msgpack

from node.domain.law.charter import Charter
from node.domain.law.decisions import ABSTAIN, NO, YES
from node.domain.law.records import Act, Cut, Final, Outcome, Proposal, RoleGrant, Takeover

if TYPE_CHECKING:  # the fold that all this is about
    from node.domain.law.fold import Law

FOREVER_MS = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Sealed:
    """The state of law that only seals change."""

    key: int
    charter: Charter
    auditors: Mapping[bytes, bytes]
    k: int
    epoch: int = 0
    version: int = 1
    removed: frozenset[bytes] = frozenset()
    cuts: Mapping[bytes, tuple[Cut, ...]] = field(default_factory=dict)
    roles: tuple[RoleGrant, ...] = ()
    admitted: frozenset[bytes] = frozenset()
    resumed: Mapping[bytes, int] = field(default_factory=dict)
    finals: Mapping[bytes, Final] = field(default_factory=dict)
    last: tuple[int, bytes] = (0, b"")

    def digest(self) -> bytes:
        """Return the hash that a seal signs, so that implementations that disagree find out."""
        finals = sorted(
            (id_, final.outcome.winner if final.outcome else "contested") for id_, final in self.finals.items()
        )
        roles = sorted((r.person, r.role, r.scope, r.since_ms, r.until_ms) for r in self.roles)
        state = (
            self.epoch,
            self.k,
            sorted(self.auditors.items()),
            self.version,
            self.charter.said(),
            sorted(self.removed),
            sorted((person, sorted((cut.proposal, cut.seal) for cut in cuts)) for person, cuts in self.cuts.items()),
            roles,
            sorted(self.admitted),
            sorted(self.resumed.items()),
            finals,
        )
        return blake2b(msgpack.packb(state, use_bin_type=True), digest_size=32).digest()


class Result(NamedTuple):
    """A complete result: the change that stands for it, in which epoch, and by whose acts it is complete."""

    outcome: Outcome
    id: bytes
    epoch: int
    acts: tuple[Act, ...]


def decide(law: "Law", proposal: Proposal, bits: int) -> Final | None:
    """Return how a proposal ended as a past shows it; None while it is open.

    Results that contradict each other are contested, also across a hand-over: that takes somebody who forked, or a
    hand-over of which the others could not know.
    """
    done = [*_complete_seals(law, proposal, bits), *_taken_over(law, proposal, bits)]
    if not done:
        return None
    epoch = max(result.epoch for result in done)
    first = min((result for result in done if result.epoch == epoch), key=lambda result: result.id)
    if len({result.outcome.winner for result in done}) > 1:
        return Final(None, first.id, epoch, _forkers(law, done))
    return Final(first.outcome, first.id, epoch)


def ended_ms(law: "Law", proposal: Proposal, final: Final) -> int:
    """Return when a proposal ended: as its seal says, or the first of the acts by which members decided it."""
    seal = law.seals.get(final.seal)
    acts = [one.act.time for one in proposal.takeovers if one.id == final.seal]
    return seal.change.time if seal is not None else min(acts, default=0)


def _complete_seals(law: "Law", proposal: Proposal, bits: int) -> Iterator[Result]:
    place = law.pasts.place
    for id_ in proposal.seals:
        seal = law.seals[id_]
        acts = tuple(act for act in seal.supporters if bits >> place(act.number) & 1)
        if len({act.person for act in acts}) >= seal.k and bits >> place(seal.change.number) & 1:
            yield Result(seal.outcome, id_, seal.epoch, acts)


def _taken_over(law: "Law", proposal: Proposal, bits: int) -> Iterator[Result]:
    """Yield what more than half of all members decided without auditors."""
    by_opening: dict[tuple[bytes, int], list[Takeover]] = {}
    for one in proposal.takeovers:
        if bits >> law.pasts.place(one.act.number) & 1:
            by_opening.setdefault((one.opening, one.epoch), []).append(one)
    for (opening, epoch), parts in by_opening.items():
        size = len(law.openings[opening].electorate)
        if more_than_half({one.act.person for one in parts}, size):
            outcome = Outcome(YES, ((YES, size // 2 + 1), (NO, 0), (ABSTAIN, 0)), size)
            yield Result(outcome, min(one.id for one in parts), epoch, tuple(one.act for one in parts))


def more_than_half(people: AbstractSet[bytes], size: int) -> bool:
    """Tell whether people are more than half of all who vote."""
    return 2 * len(people) > size


def _forkers(law: "Law", done: Sequence[Result]) -> frozenset[bytes]:
    """Return who acted for two results that contradict each other, or for one and a hand-over before it, unseen.

    An honest node judges each act in a past that holds the one before; so two acts of one device of which neither
    lies in the other's past come from a forked log.
    """
    found: set[bytes] = set()
    for one in done:
        others = [other for other in done if other.outcome.winner != one.outcome.winner]
        against = [act for other in others if other.epoch == one.epoch for act in other.acts]
        if any(other.epoch > one.epoch for other in others):
            against += _handed_over(law, one.acts, one.epoch)
        found |= {act.person for act in one.acts for rival in against if _is_fork(law, act, rival)}
    return frozenset(found)


def _handed_over(law: "Law", acts: Iterable[Act], epoch: int) -> Iterator[Act]:
    """Yield the acts by which these people handed over from an epoch, or a later one."""
    for person in {act.person for act in acts}:
        yield from (one.act for one in law.handed_over.get(person, ()) if one.epoch >= epoch)
        for _, id_ in law.supports.get(person, ()):
            seal = law.seals[id_]
            if seal.hands_over and seal.epoch >= epoch:
                yield from (act for act in seal.supporters if act.person == person)


def _is_fork(law: "Law", one: Act, other: Act) -> bool:
    """Tell whether two acts of one device do not know of each other."""
    if one.device != other.device or one.number == other.number:
        return False
    return not (law.pasts.knows(one.number, other.number) or law.pasts.knows(other.number, one.number))


def sealed_at(law: "Law", base: Sealed, bits: int, key: int) -> Sealed:
    """Return the state of law in a past, from that of an earlier one."""
    fresh = key & ~base.key
    changed: dict[bytes, Final] = {}
    while fresh:
        low = fresh & -fresh
        fresh ^= low
        proposal = law.proposals[law.seal_bits[low.bit_length() - 1]]
        final = decide(law, proposal, bits)
        if final is not None and final != base.finals.get(proposal.change.id):
            changed[proposal.change.id] = final
    finals = {**base.finals, **changed} if changed else base.finals
    onward = all(id_ not in base.finals and law.proposals[id_].place > base.last for id_ in changed)
    start = base if onward else law.at_founding()
    return _applied(law, replace(start, key=key, finals=finals), changed if onward else finals)


def _applied(law: "Law", state: Sealed, ids: Iterable[bytes]) -> Sealed:
    """Apply decisions that passed, in the order that was fixed at proposing."""
    for proposal in sorted((law.proposals[id_] for id_ in ids), key=lambda proposal: proposal.place):
        outcome = state.finals[proposal.change.id].outcome
        state = replace(state, last=proposal.place)
        for effect in proposal.change.command.effects if outcome and outcome.winner == "yes" else ():
            state = _EFFECTS[effect[0]](law, state, proposal, effect[1:])
    return state


def _remove(law: "Law", state: Sealed, proposal: Proposal, args: list[bytes]) -> Sealed:
    seal = law.seals[state.finals[proposal.change.id].seal]
    person = args[0]
    cut = Cut(proposal.change.id, seal.change.id, law.pasts.bits(seal.change.past))
    roles = tuple(role for role in state.roles if role.person != person)
    cuts = {**state.cuts, person: (*state.cuts.get(person, ()), cut)}
    return replace(state, removed=state.removed | {person}, cuts=cuts, roles=roles)


def _readmit(_law: "Law", state: Sealed, _proposal: Proposal, args: list[bytes]) -> Sealed:
    return replace(state, removed=state.removed - {args[0]})


def _admit(_law: "Law", state: Sealed, _proposal: Proposal, args: list[bytes]) -> Sealed:
    return replace(state, admitted=state.admitted | {args[0]})


def _resume(_law: "Law", state: Sealed, proposal: Proposal, args: list[bytes]) -> Sealed:
    return replace(state, resumed={**state.resumed, args[0]: proposal.change.command.deadline})


def _role(_law: "Law", state: Sealed, proposal: Proposal, args: list) -> Sealed:  # type: ignore[type-arg]
    person, role, scope, until = args
    granted = RoleGrant(person, role, scope, proposal.change.command.deadline, until, proposal.change.id)
    return replace(state, roles=(*state.roles, granted))


def _unrole(_law: "Law", state: Sealed, proposal: Proposal, args: list) -> Sealed:  # type: ignore[type-arg]
    end = proposal.change.command.deadline
    ended = ((r.person, r.role) == (args[0], args[1]) for r in state.roles)
    roles = [r._replace(until_ms=min(r.until_ms, end)) if e else r for r, e in zip(state.roles, ended, strict=True)]
    return replace(state, roles=tuple(roles))


def _rule(_law: "Law", state: Sealed, _proposal: Proposal, args: list) -> Sealed:  # type: ignore[type-arg]
    return replace(state, charter=state.charter.amended({args[0]: args[1]}))


def _hand_over(_law: "Law", state: Sealed, _proposal: Proposal, args: list) -> Sealed:  # type: ignore[type-arg]
    auditors = dict(args[0])
    return replace(state, auditors=auditors, k=args[1], epoch=state.epoch + 1)


def _raise_version(_law: "Law", state: Sealed, _proposal: Proposal, args: list) -> Sealed:  # type: ignore[type-arg]
    return replace(state, version=max(state.version, args[0]))


_EFFECTS = {
    "remove": _remove,
    "readmit": _readmit,
    "admit": _admit,
    "resume": _resume,
    "role": _role,
    "unrole": _unrole,
    "rule": _rule,
    "auditors": _hand_over,
    "law": _raise_version,
}
