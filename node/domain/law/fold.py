"""The law fold of one space: judge each law change once, in its own past, and keep what follows.

`Law` is told every law change in an order in which parents come first, and answers whether it has effect and, if
not, why, in words for the public log. Grants are only ever added here; what a change may do depends on whether the
grant of its author lies in its own past, so two nodes with the same set of changes agree on everything.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from crdt.history import Pasts
from identity.certificates import SLOTS, Certificate, read_certificate
from identity.errors import CommonsError, Refused
from identity.tickets import Terms, Ticket, check_proof, read_terms
from node.domain.area import require
from node.domain.law.membership import (
    AdmitMember,
    CertifyDevice,
    EnterDevice,
    FoundSpace,
    JoinSpace,
    WithdrawTicket,
)

MAX_KNOCKS = 8
TicketId = tuple[bytes, bytes]  # the device that issued it and its key: the key alone anybody could name again


@dataclass(frozen=True, slots=True)
class LawChange:
    """A law change with its place: `past` is interned in the history's `Pasts`, `time` claimed, in ms."""

    id: bytes
    number: int
    author: bytes
    seq: int
    time: int
    past: int
    command: Any


@dataclass(frozen=True, slots=True)
class Grant:
    """A device may act for a person, by the law change of that number."""

    device: bytes
    person: bytes
    slot: int
    number: int
    certificate: bytes
    inviter: bytes | None
    author: bytes
    seq: int
    since_ms: int


@dataclass(slots=True)
class Join:
    """A knock that proved a ticket; `admitted` once its inviter's device let it in."""

    change: LawChange
    terms: Terms
    admitted: bool = False


@dataclass(slots=True)
class Law:
    """What the law of one space amounts to; `space` is the id of its founding change."""

    pasts: Pasts
    space: bytes
    founding: LawChange | None = None
    grants: dict[bytes, list[Grant]] = field(default_factory=dict)
    joins: dict[bytes, Join] = field(default_factory=dict)
    _uses: dict[TicketId, int] = field(default_factory=dict)
    withdrawn: set[TicketId] = field(default_factory=set)
    forked: dict[bytes, int] = field(default_factory=dict)
    offered: set[bytes] = field(default_factory=set)
    refused: dict[int, str] = field(default_factory=dict)

    # -- questions ------------------------------------------------------------------------------------------------

    def person_of(self, device: bytes) -> bytes | None:
        """Return whom a device acts for, or None while it has no standing."""
        grants = self.grants.get(device, ())
        return next((grant.person for grant in grants if not self.is_void(grant)), None)

    def is_void(self, grant: Grant) -> bool:
        """Tell whether a grant comes from the forked part of its author's log: it counts for nothing from now on."""
        return grant.seq >= self.forked.get(grant.author, grant.seq + 1)

    def in_standing(self, device: bytes, past: int) -> Grant | None:
        """Return the grant of a device that lies in a past, if any does."""
        grants = self.grants.get(device, ())
        return next((grant for grant in grants if self.pasts.includes(past, grant.number)), None)

    def members(self) -> dict[bytes, list[Grant]]:
        """Return every person who belongs, with their devices in order of admission."""
        people: dict[bytes, list[Grant]] = {}
        for grant in self.standing():
            people.setdefault(grant.person, []).append(grant)
        for devices in people.values():
            devices.sort(key=lambda grant: grant.number)
        return people

    def devices_of(self, person: bytes) -> list[Grant]:
        """Return a person's devices."""
        return [grant for grant in self.standing() if grant.person == person]

    def standing(self) -> Iterator[Grant]:
        """Return, of every device in standing now, the grant it stands by."""
        for grants in self.grants.values():
            yield from itertools.islice((grant for grant in grants if not self.is_void(grant)), 1)

    def pending(self, ticket: Terms) -> int:
        """Return how many knocks with a ticket nobody answered yet."""
        return sum(not join.admitted and join.terms.key == ticket.key for join in self.joins.values())

    def waiting(self, inviter: bytes) -> Iterator[Join]:
        """Return the knocks with a ticket of this device that nobody answered yet."""
        return (join for join in self.joins.values() if not join.admitted and join.terms.inviter == inviter)

    def uses(self, ticket: Terms | Ticket) -> int:
        """Return how many were let in by a ticket."""
        return self._uses.get((ticket.inviter, ticket.key), 0)

    def is_withdrawn(self, ticket: Terms | Ticket) -> bool:
        """Tell whether the device that issued a ticket withdrew it."""
        return (ticket.inviter, ticket.key) in self.withdrawn

    def ticket_holds(self, terms: Terms, now_ms: int) -> None:
        """A ticket lets in until it is withdrawn, used up or expired.

        Raises:
            Refused: saying which.
        """
        require(not self.is_withdrawn(terms), "This invitation was withdrawn.")
        require(self.uses(terms) < terms.uses, "This invitation was used up.")
        require(now_ms <= terms.expires_ms, "This invitation has expired.")

    # -- judging ----------------------------------------------------------------------------------------------------

    def judge(self, change: LawChange) -> bool:
        """Give a law change its effect, or note why it has none; tell whether it has."""
        rule = _RULES.get(type(change.command))
        try:
            if rule is None:
                raise Refused("this kind of law is not known under these rules")
            rule(self, change)
        except CommonsError as error:
            self.refused[change.number] = str(error)
            return False
        return True

    def withdraw(self, ticket: TicketId) -> None:
        """End a ticket."""
        self.withdrawn.add(ticket)

    def use(self, terms: Terms) -> None:
        """Count an admission by a ticket."""
        self._uses[terms.inviter, terms.key] = self.uses(terms) + 1

    def slots_taken(self, person: bytes, past: int) -> set[int]:
        """Return the slots of a person's devices that were granted within a past."""
        theirs = (grant for grants in self.grants.values() for grant in grants if grant.person == person)
        return {grant.slot for grant in theirs if self.pasts.includes(past, grant.number)}

    def grant(self, change: LawChange, raw: bytes, inviter: bytes | None) -> None:
        """Let a device act for its person from this change on, by its certificate."""
        certificate = read_certificate(raw)
        granted = Grant(
            certificate.device,
            certificate.person,
            certificate.slot,
            change.number,
            raw,
            inviter,
            change.author,
            change.seq,
            change.time,
        )
        self.grants.setdefault(certificate.device, []).append(granted)

    def need_slot(self, certificate: Certificate, past: int) -> None:
        """A person has 16 numbered slots, and a device one of its own.

        Raises:
            Refused: if the slot is taken, in that past.
        """
        taken = self.slots_taken(certificate.person, past)
        require(certificate.slot < SLOTS and certificate.slot not in taken, "this person's slot is taken")


def found_space(law: Law, change: LawChange) -> None:
    """The one change that begins a space makes its author the first member."""
    require(change.id == law.space, "a space is founded once, by the change that names it")
    certificate = read_certificate(change.command.certificate)
    require(certificate.device == change.author, "the founder's certificate names another device")
    law.founding = change
    law.grant(change, change.command.certificate, None)


def join_space(law: Law, change: LawChange) -> None:
    """A newcomer knocks with a ticket made out by a member's device, before they say anything else.

    Who was turned away may knock again with another ticket, a few times.
    """
    command: JoinSpace = change.command
    admitted = law.in_standing(change.author, change.past)
    require(change.seq <= MAX_KNOCKS and not admitted, "a knock comes before anything else in a log")
    terms = read_terms(command.terms, command.terms_signature)
    require(terms.space == law.space, "this ticket is for another space")
    check_proof(terms, command.proof, command.person, change.author)
    if terms.purpose == "member":
        certificate = read_certificate(command.certificate)
        holds = certificate.device == change.author and certificate.person == command.person
        require(holds, "the newcomer's certificate names another device or person")
    law.joins[change.id] = Join(change, terms)


def admit_member(law: Law, change: LawChange) -> None:
    """The device that issued a ticket lets in who proved it, while the ticket holds."""
    join = _answered(law, change, "member")
    terms = join.terms
    law.ticket_holds(terms, change.time)
    law.use(terms)
    join.admitted = True
    law.grant(change, join.change.command.certificate, law.person_of(change.author))


def certify_device(law: Law, change: LawChange) -> None:
    """A person's device adds another to that person, in a slot of its own.

    Where the device itself has not knocked, this only opens the door to it: whose it is, it says itself by entering,
    or anybody could certify a stranger's key as their own.
    """
    mine = law.in_standing(change.author, change.past)
    certificate = read_certificate(change.command.certificate)
    require(mine and certificate.person == mine.person, "a device is added by its own person, to its own person")
    law.need_slot(certificate, change.past)
    if change.command.join:
        join = _answered(law, change, "device")
        require(certificate.device == join.change.author, "this certificate is for another device than knocked")
        law.ticket_holds(join.terms, change.time)
        law.use(join.terms)
        join.admitted = True
        law.grant(change, change.command.certificate, None)
    else:
        law.offered.add(certificate.device)


def enter_device(law: Law, change: LawChange) -> None:
    """A new device of a member enters on its person's own certificate, as the first thing it says."""
    require(change.seq == 1, "a device enters with the first change of its log")
    certificate = read_certificate(change.command.certificate)
    require(certificate.device == change.author, "this certificate names another device")
    everyone = (grant for grants in law.grants.values() for grant in grants if grant.person == certificate.person)
    known = any(law.pasts.includes(change.past, grant.number) for grant in everyone)
    require(known, "this device's person is not a member")
    law.need_slot(certificate, change.past)
    law.grant(change, change.command.certificate, None)


def withdraw_ticket(law: Law, change: LawChange) -> None:
    """A device withdraws a ticket; it binds the admissions of that same device only."""
    require(law.in_standing(change.author, change.past), "only a member withdraws a ticket")
    law.withdraw((change.author, change.command.ticket))


def _answered(law: Law, change: LawChange, purpose: str) -> Join:
    """Return the knock that an admission answers, if this device may answer it."""
    join = law.joins.get(change.command.join)
    require(join is not None, "this admission answers a knock that is not there")
    assert join is not None  # noqa: S101 - require said so
    require(law.pasts.includes(change.past, join.change.number), "this admission answers a knock it has not seen")
    require(join.terms.inviter == change.author, "only the device that issued a ticket admits by it")
    require(law.in_standing(change.author, change.past), "the inviter is not a member")
    require(join.terms.purpose == purpose, "this ticket is for something else")
    require(not join.admitted, "this knock was answered already")
    return join


_RULES = {
    FoundSpace: found_space,
    JoinSpace: join_space,
    AdmitMember: admit_member,
    CertifyDevice: certify_device,
    EnterDevice: enter_device,
    WithdrawTicket: withdraw_ticket,
}
