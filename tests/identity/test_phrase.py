"""The recovery phrase: 24 words, read however people write them down."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mnemonic import Mnemonic

from identity.errors import CommonsError, Malformed, Refused
from identity.phrase import read_phrase, write_phrase

# The published BIP-39 test vector for 32 bytes of 0x80.
SEED = b"\x80" * 32
PHRASE = "letter advice cage absurd amount doctor acoustic avoid " * 2 + (
    "letter advice cage absurd amount doctor acoustic bless"
)


def test_a_published_vector_is_written_and_read() -> None:
    assert write_phrase(SEED) == PHRASE
    assert read_phrase(PHRASE) == SEED


@given(st.binary(min_size=32, max_size=32))
def test_any_seed_comes_back_from_its_phrase(seed: bytes) -> None:
    assert read_phrase(write_phrase(seed)) == seed


@given(st.binary(min_size=32, max_size=32))
def test_four_letters_of_each_word_are_enough(seed: bytes) -> None:
    short = " ".join(word[:4] for word in write_phrase(seed).split())

    assert read_phrase(short) == seed


def test_people_may_write_it_in_many_ways() -> None:
    words = PHRASE.split()

    ways = [
        PHRASE.upper(),
        "  " + "   \n".join(words) + "\t",
        "\n".join(f"{number}. {word}" for number, word in enumerate(words, 1)),
        " ".join(f"{number}){word.title()}" for number, word in enumerate(words, 1)),
        ", ".join(words),
        "\u200b".join(word + " " for word in words),
        PHRASE.translate({ord(char): ord(char) + 0xFEE0 for char in "abcdefghijklmnopqrstuvwxyz"}),
    ]

    assert [read_phrase(way) for way in ways] == [SEED] * len(ways)


def test_an_unknown_word_is_named_with_its_place_and_what_may_be_meant() -> None:
    with pytest.raises(Refused, match=r"word 2, “advise”, .*did you mean “advice”"):
        read_phrase(PHRASE.replace("advice", "advise", 1))


def test_two_words_swapped_fail_the_checksum_without_being_repeated() -> None:
    words = PHRASE.split()
    words[0], words[1] = words[1], words[0]

    with pytest.raises(Refused, match="do not fit") as caught:
        read_phrase(" ".join(words))

    assert "letter" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("count", [0, 1, 12, 23, 25])
def test_another_number_of_words_is_refused_with_both_numbers(count: int) -> None:
    with pytest.raises(Refused, match=f"24 words; here are {count}"):
        read_phrase(" ".join((PHRASE.split() * 2)[:count]))


def test_a_book_is_no_phrase() -> None:
    with pytest.raises(Refused, match="too long"):
        read_phrase("letter " * 10_000)


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_seed_of_another_size_has_no_phrase(size: int) -> None:
    with pytest.raises(Malformed):
        write_phrase(bytes(size))


@given(st.text(max_size=200))
def test_garbage_is_refused_in_words(text: str) -> None:
    with pytest.raises(CommonsError):
        read_phrase(text)


def test_no_two_words_share_their_first_four_letters() -> None:
    words = Mnemonic("english").wordlist

    assert len({word[:4] for word in words}) == len(words) == 2048
