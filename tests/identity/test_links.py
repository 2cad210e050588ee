"""Links and codes carry a ticket through mail, chat and QR codes; an altered one says so."""

from dataclasses import replace

import base58
import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.errors import BadSignature, CommonsError, Malformed, Refused
from identity.keys import SigningKey
from identity.links import LINK_PREFIX, SPELLED_PREFIX, issue, read_link, spell
from identity.tickets import Offer, check_proof, prove, read_terms

INVITER, ONE_TIME = SigningKey(b"\x01" * 32), SigningKey(b"\x04" * 32)
PEER = base58.b58encode(b"\x00\x24\x08\x01\x12\x20" + INVITER.public).decode()
OFFER = Offer(
    b"\x02" * 32,
    "Garden",
    "Ana",
    1_800_000_000_000,
    b"\x03" * 32,
    uses=3,
    addresses=(
        f"/ip4/192.168.178.20/tcp/40001/p2p/{PEER}",
        f"/ip6/2001:db8:1234:5678:9abc:def0:1234:5678/tcp/40001/p2p/{PEER}",
        "/ip4/192.0.2.7/tcp/4001/p2p/12D3KooWother/p2p-circuit",
    ),
)
TICKET, LINK = issue(INVITER, OFFER, ONE_TIME)
SPELLED = spell(LINK)

names = st.text(max_size=100)
addresses = st.lists(st.from_regex(r"/ip4/[0-9.]{7,15}/tcp/[0-9]{1,5}", fullmatch=True), max_size=10)


def test_fixed_keys_give_a_fixed_link() -> None:
    assert LINK == (
        "commons:join/AQHDnsQgAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgLEIIqI4910CfGV_VLbLTy6XXLKZwm_HZQSG_N"
        "0iAG0D29czwAAAaMYXFAAA6ZtZW1iZXKmR2FyZGVuo0FuYcQgAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwPEQAUPaW3"
        "Tmg2ZY979MMhNsKKuIAnUQv185yOfjuoV9ZNt1iqyi3HUGBghL6YHH48zdLEowyJYNFg4uRtb5_NicQ7ZIi9pcDQvMTkyLjE2OC4"
        "xNzguMjAvdGNwLzQwMDAxL3AycC_ZOi9pcDYvMjAwMTpkYjg6MTIzNDo1Njc4OjlhYmM6ZGVmMDoxMjM0OjU2NzgvdGNwLzQwMDA"
        "xL3AycC_ZNS9pcDQvMTkyLjAuMi43L3RjcC80MDAxL3AycC8xMkQzS29vV290aGVyL3AycC1jaXJjdWl0xEBMdOmRmQZ7wOB7UGk"
        "3B5_PKQGX8Nvbi3ieJo-pbglQsAXO1TmK0atheQhWsdw5jKHpU14DklnHeSIV0mawaEMLxCAEBAQEBAQEBAQEBAQEBAQEBAQEBAQ"
        "EBAQEBAQEBAQEBA"
    )


def test_a_link_reads_back_whole() -> None:
    invitation = read_link(LINK)

    assert invitation.ticket == TICKET
    assert invitation.ticket.addresses == OFFER.addresses
    assert invitation.signing_key.seed == ONE_TIME.seed
    assert read_terms(invitation.terms, invitation.signature) == TICKET.terms


def test_who_holds_the_link_can_prove_it() -> None:
    invitation = read_link(LINK)

    proof = prove(invitation, b"\x07" * 32, b"\x08" * 32)

    check_proof(TICKET.terms, proof, b"\x08" * 32, b"\x07" * 32)


def test_the_spelled_form_fits_a_qr_codes_small_alphabet_and_says_the_same() -> None:
    dense = spell(LINK, grouped=False)

    assert read_link(SPELLED) == read_link(dense) == read_link(LINK)
    assert set(SPELLED + dense) <= set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")
    assert spell(dense) == SPELLED


@given(
    names, names, addresses, st.integers(1, 2**53 - 1), st.integers(1, 10_000), st.sampled_from(["member", "device"])
)
def test_every_ticket_survives_its_link_and_fits_in_900_letters(
    space_name: str, inviter_name: str, where: list[str], expires_ms: int, uses: int, purpose: str
) -> None:
    offer = Offer(b"\x02" * 32, space_name, inviter_name, expires_ms, b"\x03" * 32, uses, purpose, tuple(where))

    ticket, link = issue(INVITER, offer, ONE_TIME)

    assert len(link) <= 900
    assert read_link(link).ticket == read_link(spell(link)).ticket == ticket


def test_the_longest_names_still_leave_room_for_addresses() -> None:
    where = f"/ip6/2001:db8:1234:5678:9abc:def0:1234:5678/tcp/40001/p2p/{PEER}"

    ticket, link = issue(INVITER, replace(OFFER, space_name="é" * 80, inviter_name="🌱" * 80, addresses=(where,) * 8))

    assert len(link) <= 900
    assert ticket.addresses == (where, where)
    assert ticket.inviter_name == "🌱" * 30


def test_an_address_on_the_local_network_costs_little() -> None:
    where = tuple(f"/ip4/192.168.178.{number}/tcp/40001/p2p/{PEER}" for number in range(8))

    ticket, _ = issue(INVITER, replace(OFFER, addresses=where))

    assert ticket.addresses == where


@pytest.mark.parametrize(
    "around",
    [
        "  {}\n",
        "“{}”",
        "<{}>",
        "'{}',",
        "Join us: {} See you!",
        "Join us:{}\nSee you on Saturday, Ana",
        "> {}",
    ],
)
def test_words_and_quotes_around_an_invite_do_no_harm(around: str) -> None:
    for form in (LINK, SPELLED, SPELLED.lower(), LINK.replace("commons:join", "Commons:Join")):
        assert read_link(around.format(form)).ticket == TICKET


def test_line_breaks_and_mail_quoting_within_an_invite_do_no_harm() -> None:
    for form in (LINK, SPELLED):
        lines = [form[start : start + 60] for start in range(0, len(form), 60)]

        assert read_link("\n> ".join(lines)).ticket == TICKET
        assert read_link("\r\n  ".join(lines)).ticket == TICKET
        assert read_link("\u200b".join(lines)).ticket == TICKET


def test_look_alikes_are_read_as_what_they_look_like() -> None:
    body = SPELLED.removeprefix(SPELLED_PREFIX)

    mistyped = body.replace("O", "0").replace("I", "1").replace("B", "8")

    assert read_link(SPELLED_PREFIX + mistyped).ticket == TICKET


def test_no_letter_of_a_link_can_be_changed() -> None:
    body = LINK.removeprefix(LINK_PREFIX)

    for position, letter in enumerate(body):
        forged = body[:position] + ("A" if letter != "A" else "B") + body[position + 1 :]
        with pytest.raises((BadSignature, Malformed, Refused)) as caught:
            read_link(LINK_PREFIX + forged)
        assert "altered" in str(caught.value)


def test_no_letter_of_a_code_can_be_changed() -> None:
    dense = spell(LINK, grouped=False).removeprefix(SPELLED_PREFIX)

    for position, letter in enumerate(dense):
        forged = dense[:position] + ("A" if letter != "A" else "C") + dense[position + 1 :]
        with pytest.raises((BadSignature, Malformed, Refused), match="altered"):
            read_link(SPELLED_PREFIX + forged)


def test_half_an_invite_says_that_it_is_only_half() -> None:
    for size in (len(LINK_PREFIX), len(LINK_PREFIX) + 2, len(LINK) // 2, len(LINK) - 1):
        with pytest.raises(Malformed, match="only partly copied"):
            read_link(LINK[:size])


def test_a_name_changed_by_someone_in_between_is_noticed() -> None:
    """Even one who holds the link, and with it the one-time key, cannot speak for the inviter."""
    _, other = issue(SigningKey(b"\x09" * 32), replace(OFFER, space_name="Casino"), ONE_TIME)

    invitation = read_link(other)

    assert invitation.ticket.inviter != TICKET.inviter
    with pytest.raises(BadSignature):
        read_terms(TICKET.terms.to_bytes(), invitation.signature)


def test_an_invite_of_a_newer_version_asks_for_an_update() -> None:
    with pytest.raises(Refused, match="newer version"):
        read_link(LINK_PREFIX + "Ag" + LINK.removeprefix(LINK_PREFIX)[2:])


@pytest.mark.parametrize("text", ["", "hello", "https://example.org/join/abc", "commons:", "commons:joint/abc"])
def test_what_holds_no_invite_is_told_how_one_begins(text: str) -> None:
    with pytest.raises(Malformed, match="commons:join/"):
        read_link(text)


def test_a_book_is_no_invite() -> None:
    with pytest.raises(Malformed, match="too long"):
        read_link(LINK + "x" * 100_000)


@given(st.text(max_size=200), st.sampled_from([LINK_PREFIX, SPELLED_PREFIX, ""]))
def test_garbage_raises_only_our_own_errors(text: str, prefix: str) -> None:
    with pytest.raises(CommonsError):
        read_link(prefix + text)


@given(st.data())
def test_an_invite_with_pieces_cut_or_doubled_raises_only_our_own_errors(data: st.DataObject) -> None:
    form = data.draw(st.sampled_from([LINK, SPELLED]))
    start = data.draw(st.integers(14, len(form) - 2))
    piece = data.draw(st.text("ABCxyz234-_", max_size=12).filter(lambda drawn: drawn != form[start : start + 9]))

    try:
        ticket = read_link(form[:start] + piece + form[start + 9 :]).ticket
    except CommonsError:
        return

    assert ticket == TICKET  # only separators, or what lies behind the end, had changed
