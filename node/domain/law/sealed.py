"""What sealed decisions amount to: auditors, rules, roles, removals; a function of the seals in a past.

Each past is looked at by its *key*: the bits of the seals and supports in it. Nearly all pasts share one key with
the past before, so this is folded once for each decision, not for each change.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgpack

from node.domain.law.charter import Charter
from node.domain.law.records import Cut, Final, Proposal, RoleGrant, Seal

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
            roles,
            sorted(self.admitted),
            finals,
        )
        return blake2b(msgpack.packb(state, use_bin_type=True), digest_size=32).digest()


def decide(law: "Law", proposal: Proposal, bits: int) -> Final | None:
    """Return how a proposal ended as a past shows it; None while it is open."""
    done: list[tuple[Seal, frozenset[bytes]]] = []
    place = law.pasts.place
    for id_ in proposal.seals:
        seal = law.seals[id_]
        people = frozenset(act.person for act in seal.supporters if bits >> place(act.number) & 1)
        if len(people) >= seal.k and bits >> place(seal.change.number) & 1:
            done.append((seal, people))
    if not done:
        return None
    epoch = max(seal.epoch for seal, _ in done)
    top = [(seal, people) for seal, people in done if seal.epoch == epoch]
    first = min((seal for seal, _ in top), key=lambda seal: seal.change.id)
    if len({seal.outcome.winner for seal, _ in top}) > 1:
        forkers = frozenset.intersection(*(people for _, people in top))
        return Final(None, first.change.id, epoch, forkers)
    return Final(first.outcome, first.change.id, epoch)


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
    heads = tuple((device, seq) for device, seq in seal.change.command.heads)
    cut = Cut(proposal.change.id, law.pasts.bits(seal.change.past), heads)
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
