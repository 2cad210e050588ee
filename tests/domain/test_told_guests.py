"""What a newcomer is told while they wait: how far it is, no more than that, and nothing that was not well said."""

import msgpack
import pytest
from authors import NOW_MS
from council import DAY_MS, Council, person, vouching
from hypothesis import given
from hypothesis import strategies as st

from identity.errors import Malformed
from node.domain.law.guests import MAX_WORD_BYTES, Word, read_word, word_about, write_word
from node.domain.law.membership import LeaveSpace, VouchFor

KNOCK = b"k" * 32
NAMES = {"B": "Bola", "D": "Dina", "E": "Efe"}


def told(council: Council, knock: bytes, by: str = "A", *, named: bool = True) -> Word:
    """Return what somebody's node says about a knock."""
    law = council.seen_by(by).law
    names = {person(council, letter): name for letter, name in NAMES.items()}
    return word_about(law.present(), law.joins[knock], names if named else None)


def waiting(council: Council) -> bytes:
    """Let Z knock, heard by everybody."""
    knock = council.knock("Z", time=NOW_MS)
    council.sync("Z", *council.names)
    return knock


def test_vouchers_are_counted_and_named_in_the_order_in_which_they_vouched() -> None:
    council = vouching(vouchers=3)
    knock = waiting(council)
    for name in "DB":
        council.say(name, VouchFor(knock), NOW_MS)
        council.sync()

    word = told(council, knock)

    assert (word.admission, word.vouched, word.needed, word.names) == ("vouch", 2, 3, ("Dina", "Bola"))


def test_a_voucher_who_left_still_counts_and_one_beyond_a_cut_does_not() -> None:
    council = vouching(vouchers=3)
    knock = waiting(council)
    for name in "DB":
        council.say(name, VouchFor(knock), NOW_MS)
    council.sync()
    council.say("D", LeaveSpace(), NOW_MS)
    council.sync()

    word = told(council, knock)

    assert word.vouched == 2


@pytest.mark.parametrize("said", [True, False], ids=["rules allow it", "rules do not"])
def test_names_are_told_only_where_the_rules_say_so_and_by_who_invited(said: bool) -> None:
    council = vouching(vouchers=3, vouchers_named=said)
    knock = waiting(council)
    council.say("B", VouchFor(knock), NOW_MS)
    council.sync()

    by_inviter, by_another = told(council, knock), told(council, knock, named=False)

    assert by_inviter.names == (("Bola",) if said else ())
    assert by_another == by_inviter._replace(names=())


def test_a_vote_on_a_newcomer_is_told_with_its_end_and_its_no() -> None:
    council = Council()
    council.pass_it([["rule", "admission", "vote"]], NOW_MS - 40 * DAY_MS)
    knock = waiting(council)
    before = told(council, knock)
    deadline = NOW_MS + 3 * DAY_MS
    _, opening = council.propose([["admit", person(council, "Z")]], deadline=deadline)
    during = told(council, knock)
    council.vote(opening, A="no", B="no")
    council.settle(opening, time=deadline + DAY_MS)

    after = told(council, knock)

    assert (before.vote, during.vote, during.ends_ms, after.vote) == ("", "open", deadline, "no")


def test_no_other_space_is_told_of() -> None:
    council = vouching()
    council.pass_it([["rule", "parents", [b"p" * 32]]], NOW_MS - 30 * DAY_MS)

    word = told(council, waiting(council))

    assert "parents" not in dict(word.rules)
    assert b"p" * 32 not in write_word(word)
    assert dict(word.rules)["admission"] == "vouch"


def test_a_word_comes_back_as_it_was_told() -> None:
    word = Word(KNOCK, "vouch", 3, 2, ("Amina", "Bola"), rules=(("admission", "vouch"), ("quorum", [1, 2])))

    assert read_word(write_word(word)) == word


def test_a_long_word_is_told_without_names_rather_than_not_at_all() -> None:
    word = Word(KNOCK, "vouch", 20, 20, tuple("é" * 80 + str(number) for number in range(60)))

    data = write_word(word)

    assert len(data) <= MAX_WORD_BYTES
    assert read_word(data) == word._replace(names=())


@pytest.mark.parametrize(
    "wrong",
    [
        {"knock": b"short"},
        {"knock": "k" * 32},
        {"admission": "bribe"},
        {"admission": 7},
        {"needed": -1},
        {"needed": True},
        {"vouched": 2**40},
        {"vouched": "2"},
        {"names": ["Amina", "Bola", "Chidi"]},
        {"names": ["A" * 81]},
        {"names": [b"Amina"]},
        {"names": "Amina"},
        {"vote": "yes"},
        {"ends_ms": -1},
        {"ends_ms": 2**60},
        {"rules": "vouch"},
    ],
    ids=str,
)
def test_what_cannot_have_been_told_is_refused(wrong: dict[str, object]) -> None:
    fields = Word(KNOCK, "vouch", 3, 2, ("Amina",))._asdict() | wrong

    with pytest.raises(Malformed):
        read_word(msgpack.packb(list(fields.values())))


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.integers(-9, 2**62) | st.text(max_size=9), st.lists).map(msgpack.packb)
)
def test_any_other_bytes_are_refused_and_nothing_else_happens(data: bytes) -> None:
    with pytest.raises(Malformed):
        read_word(data)


def test_a_huge_word_is_not_even_read() -> None:
    with pytest.raises(Malformed, match="too long"):
        read_word(msgpack.packb(list(Word(KNOCK, "vouch", rules=(("x", "y" * 5_000),)))))


def test_letters_that_turn_text_around_are_taken_out_of_names() -> None:
    word = Word(KNOCK, "vouch", 3, 2, ("Am\u202eina", "\u2066\u2069"))

    assert read_word(write_word(word)).names == ("Amina",)


def test_what_does_not_belong_to_the_rule_is_left_out() -> None:
    word = Word(KNOCK, "invite", 3, 2, ("Amina",), "open", NOW_MS)

    assert read_word(write_word(word)) == Word(KNOCK, "invite")


def test_rules_of_a_newer_program_are_passed_over() -> None:
    word = Word(KNOCK, "vouch", 3, rules=(("admission", "vouch"), ("from_the_future", 7), ("quorum", [9, 1])))

    assert read_word(write_word(word)).rules == (("admission", "vouch"),)
