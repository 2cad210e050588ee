"""A space as its members' nodes see it: everybody with a view of their own, and a log that they may even fork.

Below signatures and stores: statements are made by hand and folded by the real law, in any causal order.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

import msgpack
from authors import NOW_MS, key_of

from crdt.pasts import EMPTY_PAST, Pasts
from identity.certificates import certify
from identity.tickets import Invitation, Offer, draw_up, prove
from node.domain.area import wire_fields
from node.domain.law.ballots import countable, root_of
from node.domain.law.decisions import (
    CastBallot,
    CloseVote,
    OpenVote,
    Propose,
    SealVote,
    Sponsor,
    SupportSeal,
    TakeOver,
)
from node.domain.law.fold import Law, LawChange
from node.domain.law.membership import LAW_VERSION, AdmitMember, FoundSpace, JoinSpace
from node.domain.law.records import Final
from node.domain.law.sealed import decide
from node.domain.law.view import View, electorate_root

HOUR_MS = 3_600_000
DAY_MS = 86_400_000
EARLY = NOW_MS - 60 * DAY_MS
OPENED = NOW_MS + HOUR_MS
VOTED = OPENED + HOUR_MS
DEADLINE = NOW_MS + 10 * DAY_MS
AFTER = DEADLINE + DAY_MS
LATER = NOW_MS + 20 * DAY_MS
QUICK: list[Any] = [["grace_hours", 1], ["grave_threshold", [1, 2]], ["quorum", [0, 1]], ["voting_days", 1]]


@dataclass(frozen=True)
class Statement:
    """One law or binding change, as far as the law looks at it."""

    id: bytes
    device: bytes
    seq: int
    time: int
    parents: frozenset[bytes]
    command: Any


@dataclass
class Folded:
    """A law with the number of each statement."""

    law: Law
    numbers: dict[bytes, int]

    @property
    def refused(self) -> dict[bytes, str]:
        return {id_: self.law.refused[number] for id_, number in self.numbers.items() if number in self.law.refused}


def fold_all(
    statements: Iterable[Statement], seed: int | None = None, watch: Callable[[Law], None] | None = None
) -> Folded:
    """Fold statements in a causal order, drawn at random if a seed is given; what lacks a parent waits.

    `watch` sees the law after each of them.
    """
    left = {statement.id: statement for statement in statements}
    order = sorted(left) if seed is None else random.Random(seed).sample(sorted(left), len(left))
    pasts = Pasts()
    founding = next(s.id for s in left.values() if isinstance(s.command, FoundSpace))
    law, numbers = Law(pasts, founding), dict[bytes, int]()
    held = dict[bytes, tuple[int, int]]()  # its number, the past it hands on
    while ready := [id_ for id_ in order if id_ in left and left[id_].parents <= held.keys()]:
        for id_ in ready:
            statement = left.pop(id_)
            number = len(numbers) + 1
            past = pasts.join([held[parent][1] for parent in statement.parents]) if statement.parents else EMPTY_PAST
            pasts.add_law(number, past)
            numbers[id_] = number
            held[id_] = number, pasts.intern((number,))
            law.judge(LawChange(id_, number, statement.device, statement.seq, statement.time, past, statement.command))
            if watch is not None:
                watch(law)
    return Folded(law, numbers)


class Member:
    """A person with a root key and a first device."""

    def __init__(self, name: str, slot: int = 0) -> None:
        self.name = name
        self.root = key_of(f"{name}'s root")
        self.person = self.root.public
        self.key = key_of(f"{name}'s device {slot}")
        self.device = self.key.public
        self.certificate = certify(self.root, self.device, slot, NOW_MS)


class Council:
    """A space of some members, named by letters: A founds it, and the rest come in by A's tickets."""

    def __init__(self, size: int = 6, auditors: str = "ABC", k: int = 2, rules: Sequence[Any] = QUICK) -> None:
        self.all: dict[bytes, Statement] = {}
        self.views: dict[str, set[bytes]] = {}
        self.heads: dict[str, bytes] = {}
        self.people: dict[str, Member] = {}
        self.names = [chr(65 + at) for at in range(size)]
        founder = self.member("A")
        self.founding = self.say("A", FoundSpace(LAW_VERSION, founder.certificate, list(rules), []), EARLY)
        for name in self.names[1:]:
            self.join(name)
        if auditors != "A":
            self.hand_over(auditors, k)

    # -- statements -----------------------------------------------------------------------------------------------

    def member(self, name: str) -> Member:
        """Return the person of a name."""
        return self.people.setdefault(name, Member(name))

    def say(
        self, name: str, command: Any, time: int, *, deps: Iterable[bytes] | None = None, after: bytes | None = None
    ) -> bytes:
        """Let somebody state something, after all they have seen; `after` forks their log there."""
        view = self.views.setdefault(name, set())
        head = self.heads.get(name) if after is None else after
        named = frozenset(self._tips(view) if deps is None else deps) | ({head} if head else frozenset())
        seq = self.all[head].seq + 1 if head else 1
        device = self.member(name).device
        content = msgpack.packb([device, seq, time, sorted(named), command.kind, *wire_fields(command)])
        statement = Statement(blake2b(content, digest_size=32).digest(), device, seq, time, named, command)
        self.all[statement.id] = statement
        view.add(statement.id)
        if after is None:
            self.heads[name] = statement.id
        return statement.id

    def _tips(self, view: set[bytes]) -> list[bytes]:
        named = {parent for id_ in view for parent in self.all[id_].parents}
        return sorted(view - named)

    def sync(self, *names: str) -> None:
        """Let some people's nodes meet; all of them where nobody is named."""
        names = names or tuple(self.names)
        together = set().union(*(self.views.setdefault(name, set()) for name in names))
        for name in names:
            self.views[name] = set(together)

    def seen_by(self, name: str) -> Folded:
        """Return the law as somebody's node reads it."""
        return fold_all(self.all[id_] for id_ in self.views[name])

    def fold(self, seed: int | None = None) -> Folded:
        """Return the law of everything that was said."""
        return fold_all(self.all.values(), seed)

    # -- belonging --------------------------------------------------------------------------------------------------

    def ticket(self, by: str, name: str) -> Invitation:
        """Make out a ticket for a hundred days."""
        offer = Offer(self.founding, "Town", "Somebody", NOW_MS + 100 * DAY_MS, bytes(32), 1, "member")
        return draw_up(self.member(by).key, offer, key_of(f"ticket for {name}"))

    def knock(self, name: str, by: str = "A", time: int = EARLY, **wrong: Any) -> bytes:
        """Let a newcomer knock with somebody's ticket."""
        member, ticket = self.member(name), self.ticket(by, name)
        proof = prove(ticket, member.device, member.person)
        command = JoinSpace(ticket.terms, ticket.signature, proof, member.person, member.certificate)
        return self.say(name, replace(command, **wrong), time, deps=[self.founding])

    def join(self, name: str, by: str = "A", time: int = EARLY) -> None:
        """Let somebody in by a ticket."""
        knock = self.knock(name, by, time)
        self.views[by].add(knock)
        self.say(by, AdmitMember(knock, []), time)
        self.views[name] |= self.views[by]

    # -- deciding ---------------------------------------------------------------------------------------------------

    def propose(
        self,
        effects: Sequence[Any] = (),
        by: str = "A",
        deadline: int = DEADLINE,
        time: int = NOW_MS,
        opener: str = "A",
    ) -> tuple[bytes, bytes]:
        """Propose something and open the vote on it, heard by everybody; returns the ids of both."""
        effects = list(effects) or [["resume", self.member(by).person]]
        proposal = self.say(by, Propose(effects, deadline, HOUR_MS, b""), time)
        self.sync()
        return proposal, self.open(proposal, opener, time)

    def open(self, proposal: bytes, by: str = "A", time: int = OPENED) -> bytes:
        """Open a vote on what its opener has seen, heard by everybody."""
        opening = self.say(by, OpenVote(proposal, self.voters(by)), time)
        self.sync()
        return opening

    def voters(self, name: str) -> bytes:
        """Return the hash of those who may vote, as far as somebody has heard."""
        return electorate_root(self.seen_by(name).law.present().electorate())

    def sponsor(self, name: str, proposal: bytes, time: int = NOW_MS) -> bytes:
        """Support that a proposal is voted on."""
        return self.say(name, Sponsor(proposal), time)

    def vote(self, opening: bytes, time: int = VOTED, /, **choices: str) -> None:
        """Let people vote, each on what they have seen."""
        for name, choice in choices.items():
            self.say(name, CastBallot(opening, choice), time)

    def close(self, opening: bytes, *names: str, time: int = AFTER) -> list[bytes]:
        """Let auditors close a vote, each on what they have seen."""
        return [self.say(name, CloseVote(opening), time) for name in names]

    def seal(
        self,
        by: str,
        opening: bytes,
        closings: Sequence[bytes],
        time: int = AFTER,
        *,
        after: bytes | None = None,
        **wrong: Any,
    ) -> bytes:
        """Let an auditor seal what their closings name, on what they have seen; `wrong` replaces parts of it."""
        self.views[by] |= self._with_pasts(closings)
        seen = self.seen_by(by)
        view = seen.law.present()
        ballots = self._counted(seen, opening, closings, view)
        root = root_of(seen.law.openings[opening], ballots)
        command = SealVote(opening, sorted(closings), root, view.sealed.digest(), b"")
        return self.say(by, replace(command, **wrong), time, after=after)

    @staticmethod
    def _counted(seen: Folded, opening: bytes, closings: Sequence[bytes], view: View) -> list[Any]:
        joint = 0
        for closing in closings:
            joint |= seen.law.pasts.covers(seen.numbers[closing])
        return countable(seen.law.openings[opening], joint, view)

    def _with_pasts(self, ids: Iterable[bytes]) -> set[bytes]:
        found, left = set[bytes](), list(ids)
        while left:
            id_ = left.pop()
            if id_ not in found:
                found.add(id_)
                left += self.all[id_].parents
        return found

    def take_over(self, opening: bytes, *names: str, time: int) -> list[bytes]:
        """Let members hand over without auditors, each on what they have seen."""
        return [self.say(name, TakeOver(opening), time) for name in names]

    def support(self, name: str, seal: bytes, time: int = AFTER, *, after: bytes | None = None) -> bytes:
        """Let an auditor support a seal."""
        self.views[name] |= self._with_pasts([seal])
        return self.say(name, SupportSeal(seal), time, after=after)

    def settle(self, opening: bytes, auditors: str = "AB", time: int = AFTER) -> bytes:
        """Close, seal and support a vote, heard by everybody; returns the seal."""
        self.sync()
        closings = self.close(opening, *auditors, time=time)
        seal = self.seal(auditors[0], opening, closings, time)
        for name in auditors[1:]:
            self.support(name, seal, time)
        self.sync()
        return seal

    def pass_it(self, effects: Sequence[Any], time: int = NOW_MS, auditors: str = "AB", **more: Any) -> bytes:
        """Decide something with everybody's yes; returns the proposal."""
        deadline = time + 2 * DAY_MS
        proposal, opening = self.propose(effects, deadline=deadline, time=time, **more)
        members = self.seen_by(auditors[0]).law.openings[opening].electorate
        yes = [name for name in self.names if self.member(name).person in members]
        self.vote(opening, time + HOUR_MS, **dict.fromkeys(yes, "yes"))
        self.settle(opening, auditors, deadline + DAY_MS)
        return proposal

    def hand_over(self, auditors: str, k: int, by: str = "A", time: int = NOW_MS - 50 * DAY_MS) -> bytes:
        """Let the members elect auditors, long before the story of a test begins."""
        pairs = sorted([self.member(name).person, self.member(name).device] for name in auditors)
        return self.pass_it([["auditors", pairs, k]], time, by)

    def final(self, proposal: bytes, folded: Folded | None = None) -> Final | None:
        """Return how a proposal ended, in the law of everything that was said."""
        law = (folded or self.fold()).law
        return decide(law, law.proposals[proposal], law.present().bits)


def amount(folded: Folded) -> Any:
    """Return what a law amounts to, free of the order in which it was folded."""
    view = folded.law.present()
    finals = {id_: (decide(folded.law, p, view.bits)) for id_, p in folded.law.proposals.items()}
    return (
        view.sealed.digest(),
        sorted(view.electorate()),
        sorted(folded.refused.items()),
        sorted(finals.items(), key=lambda f: f[0]),
    )


def converged(council: Council, orders: int = 6) -> Folded:
    """Require that every order of what was said comes to the same; returns it."""
    reference = council.fold()
    for seed in range(orders):
        assert amount(council.fold(seed)) == amount(reference), f"order {seed} comes to something else"
    return reference


def person(council: Council, name: str) -> bytes:
    """Return somebody's root key."""
    return council.member(name).person


def members(council: Council) -> str:
    """Return the names of those who belong, in the law of everything that was said."""
    belong = converged(council).law.members()
    return "".join(sorted(name for name in council.people if person(council, name) in belong))


def refusal(council: Council, id_: bytes) -> str:
    """Return why something has no effect; nothing if it has."""
    return converged(council).refused.get(id_, "")


def removed(council: Council, name: str = "F", time: int = NOW_MS) -> bytes:
    """Let the members remove somebody, whose node does not hear of it."""
    before = set(council.views[name])
    proposal = council.pass_it([["remove", person(council, name)]], time)
    council.views[name] = before
    council.names.remove(name)
    return proposal


def vouching(size: int = 6, **rules: object) -> Council:
    """Return a council that its members change to admission by vouchers."""
    council = Council(size)
    changes = {"admission": "vouch", "vouchers": 2, **rules}
    council.pass_it([["rule", name, value] for name, value in changes.items()], NOW_MS - 40 * DAY_MS)
    return council
