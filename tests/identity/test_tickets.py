"""Tickets: terms that stand alone, proofs that cannot be carried elsewhere, limits that are told in words."""

from dataclasses import replace

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.errors import BadSignature, CommonsError, Malformed, Refused
from identity.keys import SigningKey
from identity.tickets import (
    Invitation,
    Offer,
    check_expiry,
    check_proof,
    draw_up,
    fit_name,
    prove,
    read_terms,
)

INVITER, ONE_TIME = SigningKey(b"\x01" * 32), SigningKey(b"\x04" * 32)
PERSON, DEVICE = SigningKey(b"\x05" * 32).public, SigningKey(b"\x06" * 32).public
EXPIRES_MS = 1_800_000_000_000
OFFER = Offer(b"\x02" * 32, "Garden", "Ana", EXPIRES_MS, b"\x03" * 32, uses=3)


def invite(offer: Offer = OFFER) -> Invitation:
    return draw_up(INVITER, offer, ONE_TIME)


def test_fixed_keys_give_fixed_terms_signature_and_proof() -> None:
    invitation = invite()

    assert invitation.terms.hex() == (
        "96c4200202020202020202020202020202020202020202020202020202020202020202c4208a88e3dd7409f195fd52db2d3c"
        "ba5d72ca6709bf1d94121bf3748801b40f6f5ccf000001a3185c500003c420ca93ac1705187071d67b83c7ff0efe8108e8ec"
        "4530575d7726879333dbdabe7ca66d656d626572"
    )
    assert invitation.signature.hex() == (
        "050f696dd39a0d9963defd30c84db0a2ae2009d442fd7ce7239f8eea15f5936dd62ab28b71d41818212fa6071f8f3374b128"
        "c32258345838b91b5be7f362710e"
    )
    assert prove(invitation, DEVICE, PERSON).hex() == (
        "3b07fd693bfc570946abcfcf53d3c38a3f02e29a6f1bccf0d99d072101b924d647efae07b0b5df15298e5ac8a1171430cd71"
        "2372c94101c3f65fba8e34a48c00"
    )


def test_terms_are_verified_alone_and_hold_no_free_text() -> None:
    invitation = invite()

    terms = read_terms(invitation.terms, invitation.signature)

    assert terms == invitation.ticket.terms
    assert b"Garden" not in invitation.terms
    assert b"Ana" not in invitation.terms


def test_no_bit_of_terms_or_signature_can_be_changed() -> None:
    invitation = invite()

    for position in range(len(invitation.terms)):
        forged = bytearray(invitation.terms)
        forged[position] ^= 1
        with pytest.raises((Malformed, BadSignature)):
            read_terms(bytes(forged), invitation.signature)
    for position in range(len(invitation.signature)):
        forged = bytearray(invitation.signature)
        forged[position] ^= 1
        with pytest.raises(BadSignature):
            read_terms(invitation.terms, bytes(forged))


@pytest.mark.parametrize(
    "change",
    [
        {"expires_ms": 0},
        {"expires_ms": -1},
        {"uses": 0},
        {"uses": 10_001},
        {"purpose": "admin"},
        {"space": b""},
        {"key": b"\x01" * 33},
    ],
)
def test_even_the_inviters_signature_allows_no_terms_out_of_bounds(change: dict[str, object]) -> None:
    terms = replace(invite().ticket.terms, **change).to_bytes()
    signature = INVITER.sign(b"commons/ticket/1" + terms)

    with pytest.raises(Malformed):
        read_terms(terms, signature)


@given(st.binary(max_size=200), st.binary(max_size=70))
def test_garbage_is_no_terms(terms: bytes, signature: bytes) -> None:
    with pytest.raises(CommonsError):
        read_terms(terms, signature)


def test_terms_with_a_field_more_or_less_are_malformed() -> None:
    fields = msgpack.unpackb(invite().terms)

    for other in (fields[:-1], [*fields, 1], []):
        with pytest.raises(Malformed):
            read_terms(msgpack.packb(other), bytes(64))


@pytest.mark.parametrize("uses", [0, -1, 10_001])
def test_an_invite_is_for_one_to_ten_thousand_people(uses: int) -> None:
    with pytest.raises(Refused, match="1 to 10,000 people"):
        invite(replace(OFFER, uses=uses))


@pytest.mark.parametrize("expires_ms", [0, -5, 2**53])
def test_an_invite_needs_an_expiry(expires_ms: int) -> None:
    with pytest.raises(Refused, match="expires"):
        invite(replace(OFFER, expires_ms=expires_ms))


@pytest.mark.parametrize("change", [{"space": b"short"}, {"discovery_key": b""}])
def test_ids_of_another_size_are_malformed(change: dict[str, bytes]) -> None:
    with pytest.raises(Malformed):
        invite(replace(OFFER, **change))


def test_an_invite_is_valid_to_its_last_millisecond() -> None:
    ticket = invite().ticket

    check_expiry(ticket, EXPIRES_MS)

    with pytest.raises(Refused, match=r"expired on 15 January 2027 \(08:00 UTC\); ask for a new one"):
        check_expiry(ticket, EXPIRES_MS + 1)
    with pytest.raises(Refused, match="expired"):
        check_expiry(replace(ticket.terms, expires_ms=2**52), 2**53)


def test_a_proof_holds_for_its_ticket_person_and_device_only() -> None:
    invitation = invite()
    terms = invitation.ticket.terms
    proof = prove(invitation, DEVICE, PERSON)

    check_proof(terms, proof, PERSON, DEVICE)

    for other_terms, person, device in [
        (replace(terms, key=INVITER.public), PERSON, DEVICE),
        (terms, INVITER.public, DEVICE),
        (terms, PERSON, INVITER.public),
        (terms, DEVICE, PERSON),
    ]:
        with pytest.raises(BadSignature):
            check_proof(other_terms, proof, person, device)


@given(st.binary(max_size=70), st.binary(max_size=34), st.binary(max_size=34))
def test_garbage_proves_nothing(proof: bytes, person: bytes, device: bytes) -> None:
    with pytest.raises(CommonsError):
        check_proof(invite().ticket.terms, proof, person, device)


@given(st.text(max_size=300))
def test_a_name_is_fitted_once_and_for_all(name: str) -> None:
    fitted = fit_name(name)

    assert fit_name(fitted) == fitted
    assert len(fitted) <= 80
    assert len(fitted.encode()) <= 120
    assert "\n" not in fitted


def test_a_name_cannot_turn_the_text_around_it() -> None:
    assert fit_name("Gar\u202eden\u2066 \x00\n of  all\ud800") == "Garden of all"


def test_joined_emoji_and_persian_joiners_stay_in_a_name() -> None:
    assert fit_name("👩\u200d🌾 می\u200cخواهم") == "👩\u200d🌾 می\u200cخواهم"


def test_addresses_that_cannot_be_used_are_left_out_and_eight_are_kept() -> None:
    good = tuple(f"/ip4/10.0.0.{number}/tcp/4001" for number in range(9))
    bad = ("", "10.0.0.1:4001", "/ip4/1 2", "/" + "a" * 200, "/ip4/ü", "/ip4/1/p2p/", "/\n")

    ticket = invite(replace(OFFER, addresses=(*bad, *good))).ticket

    assert ticket.addresses == good[:8]


def test_no_secret_shows_in_what_is_printed() -> None:
    invitation = draw_up(INVITER, OFFER)

    shown = repr(invitation) + str(invitation) + repr(OFFER)

    assert invitation.signing_key.seed.hex() not in shown
    assert repr(invitation.signing_key.seed) not in shown
    assert repr(OFFER.discovery_key) not in shown


def test_two_invites_never_share_a_key() -> None:
    assert draw_up(INVITER, OFFER).ticket.key != draw_up(INVITER, OFFER).ticket.key
