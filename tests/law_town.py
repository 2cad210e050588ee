"""A space that Ada founded, and its law, for tests that need no node."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from authors import NOW_MS, Reader, key_of

from crdt.change import Change, Header, encode_body, make, open_change
from identity.certificates import certify
from identity.keys import SigningKey
from identity.tickets import Invitation, Offer, draw_up, prove
from node.domain.area import read_command, wire_fields
from node.domain.law.fold import Law, LawChange
from node.domain.law.membership import (
    LAW_VERSION,
    AdmitMember,
    FoundSpace,
    JoinSpace,
    WithdrawTicket,
)

DAY_MS = 86_400_000


class Person:
    """Somebody with a root key and a first device, and the log that this device writes."""

    def __init__(self, name: str, root: SigningKey | None = None, slot: int = 0) -> None:
        self.root = root or key_of(f"{name}'s root")
        self.device = key_of(f"{name}'s device {slot}")
        self.certificate = certify(self.root, self.device.public, slot, NOW_MS)
        self.log: list[Change] = []

    def sign(self, space: bytes, command: Any, deps: Sequence[Change] = (), time: int = NOW_MS) -> Change:
        """Append a law change."""
        prev = self.log[-1].id if self.log else b""
        ids = tuple(dep.id for dep in deps if not self.log or dep.id != prev)
        header = Header(space, self.device.public, len(self.log) + 1, prev, ids, time, command.klass, b"", b"", 0)
        change = make(header, encode_body(command.kind, wire_fields(command)), self.device, None)
        self.log.append(change)
        return change


ADA = Person("Ada")
FOUNDING = ADA.sign(b"", FoundSpace(LAW_VERSION, ADA.certificate, [], []))
SPACE = FOUNDING.id


class Town:
    """A space that Ada founded, as its changes are written."""

    def __init__(self) -> None:
        self.ada = Person("Ada")
        self.ada.log.append(FOUNDING)
        self.changes = [FOUNDING]

    def sign(self, who: Person, command: Any, *deps: Change, time: int = NOW_MS) -> Change:
        """Let somebody write a law change that names some others."""
        self.changes.append(who.sign(SPACE, command, deps, time))
        return self.changes[-1]

    def invite(self, who: Person, purpose: Any = "member", *, uses: int = 1, name: str = "ticket") -> Invitation:
        """Make out a ticket for a day."""
        offer = Offer(SPACE, "Town", "Somebody", NOW_MS + DAY_MS, bytes(32), uses, purpose)
        return draw_up(who.device, offer, key_of(name))

    def knock(self, who: Person, ticket: Invitation, **wrong: Any) -> Change:
        """Let a newcomer knock; `wrong` replaces parts of what they say."""
        person = who.root.public
        proof = prove(ticket, who.device.public, person)
        certificate = who.certificate if ticket.ticket.purpose == "member" else b""
        command = JoinSpace(ticket.terms, ticket.signature, proof, person, certificate)
        return self.sign(who, replace(command, **wrong))

    def admit(self, who: Person, join: Change, *deps: Change, time: int = NOW_MS) -> Change:
        """Answer a knock, with it in the past."""
        return self.sign(who, AdmitMember(join.id, []), join, *deps, time=time)

    def join(self, name: str) -> Person:
        """Let somebody join by Ada's ticket."""
        newcomer = Person(name)
        admission = self.admit(self.ada, self.knock(newcomer, self.invite(self.ada, name=name)))
        self.sign(newcomer, WithdrawTicket(bytes(32)), admission)  # so that their log has it in its past
        return newcomer


def fold(changes: Sequence[Change], space: bytes = SPACE) -> tuple[Law, dict[bytes, str]]:
    """Fold changes in this order; returns the law, and why changes were refused."""
    reader = Reader()
    law = Law(reader.history.pasts, space)
    names: dict[int, bytes] = {}
    for change in changes:
        for entry in reader.take([change]).accepted:
            header = entry.change.header
            names[entry.number] = entry.change.id
            command = read_command(open_change(entry.change, None))
            place = (entry.change.id, entry.number, header.author, header.seq, header.time, entry.past)
            law.judge(LawChange(*place, command))
    return law, {names[number]: why for number, why in law.refused.items()}


def amounts_to(changes: Sequence[Change]) -> tuple[Any, ...]:
    """Return what law amounts to, free of the order in which it came."""
    law, refused = fold(changes)
    grants = {
        device: sorted((grant.person, grant.slot, grant.inviter or b"") for grant in each)
        for device, each in law.grants.items()
    }
    joins = {id_: join.admitted for id_, join in law.joins.items()}
    return grants, joins, sorted(refused.items()), sorted(law.withdrawals)


def causal(changes: Sequence[Change], seed: int) -> list[Change]:
    """Return changes in a random order in which parents come first."""
    rng, left, done = random.Random(seed), list(changes), set[bytes]()
    out: list[Change] = []
    while left:
        ready = [c for c in left if {*c.header.deps, *([c.header.prev] if c.header.prev else [])} <= done]
        out.append(rng.choice(ready))
        left.remove(out[-1])
        done.add(out[-1].id)
    return out


def refused_last(town: Town) -> bool:
    """Tell whether exactly the last change was refused."""
    return list(fold(town.changes)[1]) == [town.changes[-1].id]
