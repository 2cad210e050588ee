"""The devices of a person: added by their own person, each in a slot of its own."""

import pytest
from authors import NOW_MS, key_of
from law_town import ADA, FOUNDING, Person, Town, amounts_to, causal, fold, refused_last

from crdt.change import Change
from identity.certificates import SLOTS, certify
from identity.errors import CommonsError
from node.domain.law.membership import (
    CertifyDevice,
    EnterDevice,
    WithdrawTicket,
)


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
