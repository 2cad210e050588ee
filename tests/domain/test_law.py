"""Who belongs: the same on every node, whatever the order in which law arrives."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from authors import NOW_MS, Reader, key_of
from hypothesis import given, settings
from hypothesis import strategies as st

from crdt.change import LAW, Change, Header, encode_body, make, open_change
from identity.certificates import SLOTS, certify
from identity.errors import CommonsError
from identity.keys import SigningKey
from identity.tickets import Invitation, Offer, Terms, draw_up, prove
from node.domain.area import read_command, wire_fields
from node.domain.law.fold import Law, LawChange
from node.domain.law.membership import (
    LAW_VERSION,
    AdmitMember,
    CertifyDevice,
    EnterDevice,
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
        header = Header(space, self.device.public, len(self.log) + 1, prev, ids, time, LAW, b"", b"", 0)
        change = make(header, encode_body(command.kind, wire_fields(command)), self.device, None)
        self.log.append(change)
        return change


ADA = Person("Ada")
FOUNDING = ADA.sign(b"", FoundSpace(LAW_VERSION, ADA.certificate, "invite", []))
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
    return grants, joins, sorted(refused.items()), sorted(law.withdrawn)


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


def test_the_founder_is_the_first_member() -> None:
    law, refused = fold([FOUNDING])

    assert law.person_of(ADA.device.public) == ADA.root.public
    assert (list(law.members()), refused) == ([ADA.root.public], {})


def test_only_the_change_that_names_a_space_founds_it() -> None:
    eve = Person("Eve")
    early = eve.sign(SPACE, FoundSpace(LAW_VERSION, eve.certificate, "invite", []))

    for order in ([early, FOUNDING], [FOUNDING, early]):
        law, refused = fold(order)
        assert (list(law.members()), list(refused)) == ([ADA.root.public], [early.id])


def test_a_ticket_lets_somebody_in_when_its_inviter_answers() -> None:
    town, ben = Town(), Person("Ben")
    join = town.knock(ben, town.invite(town.ada))
    waiting = fold(town.changes)[0]
    town.admit(town.ada, join)

    law, refused = fold(town.changes)

    assert (waiting.person_of(ben.device.public), len(list(waiting.waiting(ADA.device.public)))) == (None, 1)
    assert law.person_of(ben.device.public) == ben.root.public
    assert law.grants[ben.device.public][0].inviter == ADA.root.public
    assert (list(law.waiting(ADA.device.public)), refused) == ([], {})


def refused_last(town: Town) -> bool:
    """Tell whether exactly the last change was refused."""
    return list(fold(town.changes)[1]) == [town.changes[-1].id]


def test_a_ticket_is_used_no_more_often_than_it_says() -> None:
    town = Town()
    ticket = town.invite(town.ada, uses=2)
    joins = [town.knock(Person(name), ticket) for name in ("Ben", "Eve", "Kim")]
    for join in joins:
        town.admit(town.ada, join)

    assert refused_last(town)
    assert fold(town.changes)[0].uses(ticket.ticket) == 2


def test_a_ticket_ends_with_its_last_millisecond() -> None:
    town = Town()
    ticket = town.invite(town.ada, uses=2)
    ben, eve = town.knock(Person("Ben"), ticket), town.knock(Person("Eve"), ticket)

    town.admit(town.ada, ben, time=NOW_MS + DAY_MS)
    town.admit(town.ada, eve, time=NOW_MS + DAY_MS + 1)

    assert refused_last(town)


def test_a_withdrawn_ticket_lets_nobody_in() -> None:
    town = Town()
    ticket = town.invite(town.ada)
    join = town.knock(Person("Ben"), ticket)
    town.sign(town.ada, WithdrawTicket(ticket.ticket.key))

    town.admit(town.ada, join)

    assert refused_last(town)


def test_nobody_withdraws_the_ticket_of_another_device() -> None:
    town = Town()
    eve = town.join("Eve")
    ticket = town.invite(town.ada)
    join = town.knock(Person("Ben"), ticket)
    town.sign(eve, WithdrawTicket(ticket.ticket.key))
    town.admit(town.ada, join)

    results = [amounts_to(causal(town.changes, seed)) for seed in range(20)]

    assert all(result == results[0] for result in results)
    assert results[0][2] == []


def test_a_ticket_made_out_again_under_the_same_key_has_uses_of_its_own() -> None:
    town = Town()
    eve = town.join("Eve")
    first, copied = town.invite(town.ada, name="one key"), town.invite(eve, name="one key")
    town.admit(town.ada, town.knock(Person("Ben"), first))
    town.admit(eve, town.knock(Person("Kim"), copied))

    results = [amounts_to(causal(town.changes, seed)) for seed in range(20)]

    assert all(result == results[0] for result in results)
    assert results[0][2] == []


def test_only_the_device_that_issued_a_ticket_admits_by_it() -> None:
    town = Town()
    eve = town.join("Eve")

    town.admit(eve, town.knock(Person("Ben"), town.invite(town.ada)))

    assert refused_last(town)


def test_an_inviter_who_is_no_member_admits_nobody() -> None:
    town, eve = Town(), Person("Eve")

    town.admit(eve, town.knock(Person("Ben"), town.invite(eve)))

    assert refused_last(town)


def test_an_inviter_is_judged_in_the_admissions_own_past() -> None:
    town, eve, ben = Town(), Person("Eve"), Person("Ben")
    knock = town.knock(eve, town.invite(town.ada))
    town.admit(town.ada, knock)
    stale = town.admit(eve, town.knock(ben, town.invite(eve, name="early")))  # their own admission is not in its past

    for seed in range(10):
        assert list(fold(causal(town.changes, seed))[1]) == [stale.id]


def test_an_admission_that_has_not_seen_the_knock_admits_nobody() -> None:
    town = Town()
    join = town.knock(Person("Ben"), town.invite(town.ada))
    blind = town.sign(town.ada, AdmitMember(join.id, []))

    for seed in range(10):
        assert list(fold(causal(town.changes, seed))[1]) == [blind.id]


def test_a_ticket_for_another_space_opens_nothing_here() -> None:
    town = Town()
    offer = Offer(b"O" * 32, "Other", "Ada", NOW_MS + DAY_MS, bytes(32))

    town.knock(Person("Ben"), draw_up(town.ada.device, offer, key_of("other")))

    assert refused_last(town)


def forged_terms(ticket: Invitation) -> bytes:
    """Return a ticket's terms with more uses than its inviter signed."""
    terms = ticket.ticket.terms
    return Terms(terms.space, terms.inviter, terms.expires_ms, 10_000, terms.key, terms.purpose).to_bytes()


def test_a_forged_or_borrowed_knock_is_refused() -> None:
    ben, eve = Person("Ben"), Person("Eve")
    ticket = Town().invite(ADA)
    shown = prove(ticket, ben.device.public, ben.root.public)

    for wrong in (
        {"proof": shown},  # what Ben showed, shown again by Eve
        {"proof": key_of("another").sign(b"anything")},
        {"person": ben.root.public},
        {"certificate": ben.certificate},
        {"certificate": b""},
    ):
        town = Town()
        town.knock(Person("Eve"), ticket, **wrong)
        assert refused_last(town), wrong
    town = Town()
    town.knock(eve, ticket, terms=forged_terms(ticket))
    with pytest.raises(CommonsError):
        fold(town.changes)


def test_a_ticket_proven_with_another_key_is_refused() -> None:
    town, ben = Town(), Person("Ben")
    ticket = town.invite(town.ada)
    other = replace(ticket, signing_key=key_of("not the ticket's"))

    town.knock(ben, ticket, proof=prove(other, ben.device.public, ben.root.public))

    assert refused_last(town)


def test_a_knock_is_the_first_thing_a_device_says() -> None:
    town = Town()
    ben = town.join("Ben")

    town.knock(ben, town.invite(town.ada, name="again"))

    assert refused_last(town)


# Devices


def a_second_device(town: Town, slot: int, *, certified: Person | None = None) -> tuple[Change, Person]:
    """Let Ada's next device knock with a ticket for devices."""
    phone = Person("Ada", town.ada.root, slot)
    join = town.knock(phone, town.invite(town.ada, "device", name=f"phone {slot}"))
    certificate = (certified or phone).certificate
    return town.sign(town.ada, CertifyDevice(join.id, certificate, []), join), phone


def test_a_persons_device_adds_another_to_that_person() -> None:
    town = Town()
    _, phone = a_second_device(town, 1)

    law, refused = fold(town.changes)

    assert refused == {}
    assert {grant.device for grant in law.members()[ADA.root.public]} == {ADA.device.public, phone.device.public}


def test_a_taken_slot_is_refused() -> None:
    town = Town()
    a_second_device(town, 1)
    phone = Person("Ada", town.ada.root, 2)
    again = certify(town.ada.root, phone.device.public, 1, NOW_MS)
    join = town.knock(phone, town.invite(town.ada, "device", name="again"))

    town.sign(town.ada, CertifyDevice(join.id, again, []), join)

    assert refused_last(town)


def test_a_person_has_no_more_slots_than_sixteen() -> None:
    with pytest.raises(CommonsError):
        certify(ADA.root, key_of("one too many").public, SLOTS, NOW_MS)


def test_two_devices_that_take_one_slot_unaware_of_each_other_are_judged_alike_everywhere() -> None:
    town = Town()
    admission, phone = a_second_device(town, 1)
    town.sign(phone, WithdrawTicket(bytes(32)), admission)
    tablet, watch = Person("Ada tablet", town.ada.root, 5), Person("Ada watch", town.ada.root, 5)
    for host, guest, name in ((town.ada, tablet, "t"), (phone, watch, "w")):
        join = town.knock(guest, town.invite(host, "device", name=name))
        town.sign(host, CertifyDevice(join.id, guest.certificate, []), join)

    results = [amounts_to(causal(town.changes, seed)) for seed in range(20)]

    assert all(result == results[0] for result in results)


def test_nobody_is_certified_for_another_device_or_person() -> None:
    eve = Person("Eve")
    town = Town()
    a_second_device(town, 1, certified=eve)
    assert refused_last(town)

    town = Town()
    a_second_device(town, 1, certified=Person("Ada", ADA.root, 2))
    assert refused_last(town)


def test_a_ticket_for_a_device_makes_no_member_and_the_other_way_round() -> None:
    town, ben = Town(), Person("Ben")
    town.admit(town.ada, town.knock(ben, town.invite(town.ada, "device")))
    assert refused_last(town)

    town, phone = Town(), Person("Ada", ADA.root, 1)
    join = town.knock(phone, town.invite(town.ada))
    town.sign(town.ada, CertifyDevice(join.id, phone.certificate, []), join)
    assert refused_last(town)


def test_a_new_device_of_a_member_enters_by_its_certificate_and_a_strangers_does_not() -> None:
    town = Town()
    phone = Person("Ada", town.ada.root, 1)
    town.sign(phone, EnterDevice(phone.certificate), FOUNDING)
    entered = fold(town.changes)[0].person_of(phone.device.public)
    eve = Person("Eve")
    town.sign(eve, EnterDevice(eve.certificate), FOUNDING)

    assert entered == ADA.root.public
    assert refused_last(town)


# Any order


@settings(max_examples=25)
@given(st.data())
def test_law_amounts_to_the_same_in_any_order(data: st.DataObject) -> None:
    town = Town()
    members = [town.ada, town.join("Ben")]
    for turn in range(data.draw(st.integers(1, 5))):
        host = data.draw(st.sampled_from(members))
        ticket = town.invite(host, name=f"ticket {turn}", uses=data.draw(st.integers(1, 2)))
        joins = [town.knock(Person(f"guest {turn} {at}"), ticket) for at in range(data.draw(st.integers(1, 3)))]
        if data.draw(st.booleans()):
            town.sign(data.draw(st.sampled_from(members)), WithdrawTicket(ticket.ticket.key))
        for join in joins:
            town.admit(host, join, time=NOW_MS + data.draw(st.sampled_from([0, 2 * DAY_MS])))
    expected = amounts_to(town.changes)

    for _ in range(3):
        assert amounts_to(causal(town.changes, data.draw(st.integers(0, 10**6)))) == expected
