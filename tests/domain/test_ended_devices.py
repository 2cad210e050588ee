"""Devices that their person ended: what they say afterwards is void, their place is free, their duty goes over."""

import pytest
from council import AFTER, DEADLINE, HOUR_MS, LATER, Council, Folded, Member, converged, person
from law_town import ADA, FOUNDING, Person, Town, causal, fold

from crdt.change import Change
from identity.certificates import SLOTS
from node.domain.law import admitting
from node.domain.law.decisions import CloseVote, Propose
from node.domain.law.membership import (
    CertifyDevice,
    EnterDevice,
    LeaveSpace,
    ReplaceDevice,
    RevokeDevice,
    VouchFor,
    WithdrawTicket,
)
from node.domain.law.view import View


def enter(town: Town, slot: int, *deps: Change) -> tuple[Person, Change]:
    """Let a further device of Ada's enter by her root's certificate."""
    one = Person("Ada", town.ada.root, slot)
    return one, town.sign(one, EnterDevice(one.certificate), *(deps or (FOUNDING,)))


def alike(town: Town, orders: int = 12) -> tuple[View, dict[bytes, str]]:
    """Require that Ada's devices stand alike in every order in which changes come; returns the law and refusals."""
    law, refused = fold(town.changes)
    for seed in range(orders):
        other, why = fold(causal(town.changes, seed))
        assert sorted(g.device for g in other.standing()) == sorted(g.device for g in law.standing()), seed
        assert why == refused
    return law.present(), refused


# -- ending ----------------------------------------------------------------------------------------------------------


def test_an_ended_device_does_not_stand_and_its_person_goes_on() -> None:
    town = Town()
    phone, entered = enter(town, 1)
    town.sign(town.ada, RevokeDevice(phone.device.public, 1), entered)

    view, refused = alike(town)

    assert refused == {}
    assert view.person_of(phone.device.public) is None
    assert view.person_of(town.ada.device.public) == ADA.root.public


def test_nobody_ends_the_device_of_somebody_else() -> None:
    town = Town()
    ben = town.join("Ben")

    town.sign(ben, RevokeDevice(town.ada.device.public, 1))

    view, refused = alike(town)
    assert list(refused.values()) == ["a device is ended by its own person"]
    assert view.is_member(ADA.root.public)


def test_the_last_device_ends_itself_as_little_as_any_other() -> None:
    town = Town()
    town.sign(town.ada, RevokeDevice(town.ada.device.public, 1))

    view, refused = alike(town)

    assert list(refused.values()) == ["a device is ended from another device of its person"]
    assert view.is_member(ADA.root.public)


def test_a_device_is_ended_once() -> None:
    town = Town()
    phone, entered = enter(town, 1)
    town.sign(town.ada, RevokeDevice(phone.device.public, 1), entered)
    town.sign(town.ada, RevokeDevice(phone.device.public, 1))

    _, refused = alike(town)

    assert list(refused.values()) == ["this device was ended already"]


def test_whose_a_device_is_shows_in_the_past_of_who_ends_it() -> None:
    town = Town()
    phone, _ = enter(town, 1)
    town.sign(town.ada, RevokeDevice(phone.device.public, 1))  # without having heard of it

    view, refused = alike(town)

    assert list(refused.values()) == ["a device is ended by its own person"]
    assert view.person_of(phone.device.public) == ADA.root.public


@pytest.mark.parametrize("answered", [False, True])
@pytest.mark.parametrize("said", ["leave", "end another", "add a device"])
def test_what_an_ended_device_says_beyond_its_end_is_void(said: str, answered: bool) -> None:
    town = Town()
    ben = town.join("Ben")
    phone, entered = enter(town, 1)
    tablet, there = enter(town, 2, entered)
    watch = Person("Ada", town.ada.root, 3)
    town.sign(town.ada, RevokeDevice(phone.device.public, 1), there)
    if said == "leave":
        town.sign(phone, LeaveSpace(), there)
    elif said == "end another":
        town.sign(phone, RevokeDevice(tablet.device.public, 1), there)
    else:
        join = town.knock(watch, town.invite(phone, "device", name="watch"))
        town.sign(phone, CertifyDevice(join.id, watch.certificate, []), join, there)
    if answered:
        town.sign(ben, WithdrawTicket(bytes(32)), phone.log[-1])

    view, _ = alike(town)

    standing = {grant.device for grant in view.standing()}
    assert standing == {town.ada.device.public, tablet.device.public, ben.device.public}


def test_two_devices_that_end_each_other_unaware_of_it_are_both_ended() -> None:
    town = Town()
    phone, entered = enter(town, 1)
    tablet, there = enter(town, 2, entered)
    town.sign(town.ada, RevokeDevice(phone.device.public, 1), there)
    town.sign(phone, RevokeDevice(town.ada.device.public, 1), there)

    view, refused = alike(town)

    assert refused == {}
    assert {grant.device for grant in view.standing()} == {tablet.device.public}


# -- places ----------------------------------------------------------------------------------------------------------


def full_house() -> tuple[Town, list[Person]]:
    """Ada with as many devices as there may be."""
    town = Town()
    others = [enter(town, slot)[0] for slot in range(1, SLOTS)]
    return town, others


def test_the_place_of_an_ended_device_is_free_again() -> None:
    town, others = full_house()
    phone = others[4]
    ended = town.sign(town.ada, RevokeDevice(phone.device.public, 1), *(one.log[-1] for one in others))
    again = Person("Ada again", town.ada.root, 5)
    town.sign(again, EnterDevice(again.certificate), ended)

    view, refused = alike(town, 4)

    assert refused == {}
    assert view.person_of(again.device.public) == ADA.root.public
    assert len({grant.slot for grant in view.standing()}) == SLOTS


def test_with_all_places_taken_a_new_device_comes_in_the_place_of_another() -> None:
    town, others = full_house()
    heads = [one.log[-1] for one in others]
    again = Person("Ada again", town.ada.root, 5)
    place = town.sign(again, ReplaceDevice(again.certificate, others[4].device.public, 1), *heads)
    town.sign(again, WithdrawTicket(bytes(32)))

    view, refused = alike(town, 4)

    assert refused == {}
    assert place.id not in refused
    assert view.person_of(again.device.public) == ADA.root.public
    assert view.person_of(others[4].device.public) is None
    assert len(list(view.standing())) == SLOTS


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("a stranger's", "a device takes the place of another of its own person"),
        ("not there", "a device takes the place of another of its own person"),
        ("another place", "this certificate is for another place than the device's"),
        ("later in its log", "a device enters with the first change of its log"),
        ("another's certificate", "this certificate names another device"),
    ],
)
def test_a_place_is_taken_only_by_a_new_device_of_the_same_person(wrong: str, words: str) -> None:
    town = Town()
    ben = town.join("Ben")
    phone, entered = enter(town, 1)
    again = Person("Ada again", town.ada.root, 2 if wrong == "another place" else 1)
    device = {"a stranger's": ben.device.public, "not there": bytes(32)}.get(wrong, phone.device.public)
    certificate = phone.certificate if wrong == "another's certificate" else again.certificate
    if wrong == "another's certificate":
        device = town.ada.device.public
    if wrong == "later in its log":
        town.sign(again, WithdrawTicket(bytes(32)), entered)

    town.sign(again, ReplaceDevice(certificate, device, 1), entered, *ben.log[-1:])

    law, refused = fold(town.changes)
    assert refused[again.log[-1].id] == words
    assert law.person_of(again.device.public) is None


# -- the duty of an auditor -------------------------------------------------------------------------------------------


def two_devices(name: str = "B") -> Council:
    """A council in which an auditor has a second laptop, called like them and 2."""
    council = Council()
    second = f"{name}2"
    council.people[second] = Member(name, 1)
    council.people[second].device = council.people[second].key.public
    council.views[second] = set(council.views[name])
    council.say(second, EnterDevice(council.people[second].certificate), HOUR_MS)
    council.sync(*council.names, second)
    return council


def over(council: Council) -> bytes:
    """Let a vote on a rule end; returns its opening."""
    _, opening = council.propose([["rule", "vouchers", 3]], time=DEADLINE - 9 * 24 * HOUR_MS)
    council.vote(opening, **dict.fromkeys("ABCDEF", "yes"))
    council.sync(*council.names, "B2")
    return opening


def refusals(folded: Folded, id_: bytes) -> str:
    return folded.refused.get(id_, "")


def test_an_auditors_second_laptop_neither_closes_nor_seals() -> None:
    council = two_devices()
    opening = over(council)

    closing = council.say("B2", CloseVote(opening), AFTER)

    assert refusals(converged(council), closing) == "only the auditors' own devices close and seal"


def test_an_auditors_duty_goes_over_to_the_laptop_that_ends_the_one_that_had_it() -> None:
    council = two_devices()
    opening = over(council)
    council.say("B2", RevokeDevice(council.member("B").device, 100), DEADLINE)
    council.sync("A", "C", "B2")

    closings = [*council.close(opening, "A"), *council.close(opening, "B2")]
    council.sync("A", "B2")
    seal = council.seal("A", opening, closings)
    council.support("B2", seal)
    late = council.say("B", CloseVote(opening), AFTER, deps=council.views["B2"] & {seal})

    folded = converged(council)
    proposal = folded.law.openings[opening].change.command.proposal
    final = council.final(proposal)
    assert final is not None
    assert final.outcome is not None
    assert final.outcome.winner == "yes"
    assert folded.law.present().is_duty_device(council.member("B2").device)
    assert refusals(folded, late) == "only the auditors' own devices close and seal"


def test_two_results_that_an_auditor_supported_from_two_laptops_are_contested() -> None:
    council = two_devices()
    opening = over(council)
    proposal = council.fold().law.openings[opening].change.command.proposal
    ending = council.say("B2", RevokeDevice(council.member("B").device, 100), DEADLINE)
    first = council.seal("A", opening, council.close(opening, "A", "B"))
    council.support("B", first)
    council.vote(opening, DEADLINE - HOUR_MS, C="no", D="no", E="no", F="no")
    council.sync("C", "D", "E", "F", "B2")
    second = council.seal("C", opening, [*council.close(opening, "C"), *council.close(opening, "B2")])
    council.support("B2", second)

    final = council.final(proposal, converged(council))

    assert ending in council.all
    assert final is not None
    assert final.outcome is None
    assert final.forkers == frozenset()  # the lost laptop may have said it by itself: nobody is to blame


def test_where_two_laptops_end_the_duty_device_unaware_of_each_other_a_decision_has_to_say() -> None:
    council = two_devices()
    council.people["B3"] = Member("B", 2)
    council.views["B3"] = set(council.views["B2"])
    council.say("B3", EnterDevice(council.people["B3"].certificate), 2 * HOUR_MS)
    council.sync("B2", "B3")
    device = council.member("B").device
    for name in ("B2", "B3"):
        council.say(name, RevokeDevice(device, 100), DEADLINE)
    council.sync(*council.names, "B2", "B3")

    before = converged(council).law.present()
    pairs = sorted([[person(council, n), council.member(m).device] for n, m in (("A", "A"), ("C", "C"), ("B", "B3"))])
    council.names.remove("B")
    council.pass_it([["auditors", pairs, 2]], LATER, "AC")

    after = council.fold().law.present()
    assert [before.is_duty_device(council.member(name).device) for name in ("B2", "B3")] == [False, False]
    assert after.is_duty_device(council.member("B3").device)


def test_an_ended_device_is_nobodys_duty_device_by_a_new_decision() -> None:
    council = two_devices()
    council.say("B2", RevokeDevice(council.member("B").device, 100), DEADLINE)
    council.sync("A", "B2")
    pairs = sorted([person(council, name), council.member(name).device] for name in "ABC")

    proposed = council.say("A", Propose([["auditors", pairs, 2]], LATER, HOUR_MS, b""), DEADLINE)

    assert refusals(converged(council), proposed) == "an auditor is a member, with a device of their own"


def test_vouching_of_an_ended_device_does_not_count() -> None:
    council = two_devices()
    council.say("B2", RevokeDevice(council.member("B").device, 3), DEADLINE)
    knock = council.knock("G", "B")
    council.views["B"].add(knock)
    vouch = council.say("B", VouchFor(knock), DEADLINE)

    folded = converged(council)

    act = next(act for act in folded.law.joins[knock].vouches if act.number == folded.numbers[vouch])
    assert not folded.law.present().counts(act)


# -- rings, and many -------------------------------------------------------------------------------------------------


def test_three_devices_that_end_each_other_in_a_ring_are_all_ended() -> None:
    town = Town()
    phone, entered = enter(town, 1)
    tablet, there = enter(town, 2, entered)
    town.sign(town.ada, RevokeDevice(phone.device.public, 1), there)
    town.sign(phone, RevokeDevice(tablet.device.public, 1), there)
    town.sign(tablet, RevokeDevice(town.ada.device.public, 1))

    view, refused = alike(town)

    assert refused == {}
    assert list(view.standing()) == []


def test_what_a_thief_says_from_an_ended_device_undoes_nothing_that_others_ended() -> None:
    town = Town()
    thief, entered = enter(town, 1)
    tablet, there = enter(town, 2, entered)
    netbook, here = enter(town, 3, there)
    town.sign(town.ada, RevokeDevice(thief.device.public, 1), here)
    town.sign(thief, RevokeDevice(tablet.device.public, 1), here)  # beyond its end, and so void
    town.sign(tablet, RevokeDevice(netbook.device.public, 1), here)

    view, _ = alike(town)

    assert {grant.device for grant in view.standing()} == {town.ada.device.public, tablet.device.public}


def test_sixteen_devices_that_all_end_each_other_are_weighed_quickly() -> None:
    town, others = full_house()
    heads = [one.log[-1] for one in others]
    everybody = [town.ada, *others]
    for one in everybody:
        for other in everybody:
            if other is not one:
                town.sign(one, RevokeDevice(other.device.public, 1), *heads)

    law, refused = fold(town.changes)

    assert refused == {}
    assert list(law.standing()) == []


def test_nobody_has_devices_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admitting, "MAX_EVER", 4)
    town = Town()
    for slot in range(1, 4):
        enter(town, slot)
    _, last = enter(town, 4, *(change for change in town.changes[1:]))

    _, refused = fold(town.changes)

    assert refused == {last.id: "this person has had 4 devices here, which is as many as there may be"}
