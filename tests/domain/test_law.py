"""Who belongs: the same on every node, whatever the order in which law arrives."""

from dataclasses import replace

import pytest
from authors import NOW_MS, key_of
from hypothesis import given, settings
from hypothesis import strategies as st
from law_town import ADA, DAY_MS, FOUNDING, SPACE, Person, Town, amounts_to, causal, fold, refused_last

from identity.errors import CommonsError
from identity.tickets import Invitation, Offer, Terms, draw_up, prove
from node.domain.law.membership import (
    LAW_VERSION,
    AdmitMember,
    FoundSpace,
    WithdrawTicket,
)


def test_the_founder_is_the_first_member() -> None:
    law, refused = fold([FOUNDING])

    assert law.person_of(ADA.device.public) == ADA.root.public
    assert (list(law.members()), refused) == ([ADA.root.public], {})


def test_only_the_change_that_names_a_space_founds_it() -> None:
    eve = Person("Eve")
    early = eve.sign(SPACE, FoundSpace(LAW_VERSION, eve.certificate, [], []))

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


def test_a_ticket_is_used_no_more_often_than_it_says() -> None:
    town = Town()
    ticket = town.invite(town.ada, uses=2)
    joins = [town.knock(Person(name), ticket) for name in ("Ben", "Eve", "Kim")]
    for join in joins:
        town.admit(town.ada, join)

    assert refused_last(town)
    assert fold(town.changes)[0].uses_of(ticket.ticket) == 2


def test_a_knock_is_answered_once_and_uses_its_ticket_once() -> None:
    town = Town()
    ticket = town.invite(town.ada, uses=2)
    join = town.knock(Person("Ben"), ticket)
    town.admit(town.ada, join)
    town.admit(town.ada, join)

    assert refused_last(town)
    assert fold(town.changes)[0].uses_of(ticket.ticket) == 1


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
