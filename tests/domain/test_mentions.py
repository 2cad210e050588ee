"""`@name` in a text means one member who lets themself be mentioned, or nobody."""

from hypothesis import given
from hypothesis import strategies as st

from identity.keys import SigningKey, to_did
from node.domain.mentions import MAX_MENTIONS, Mention, mentions, with_mentions, without_links

BOLA, CHIDI, CHIDI_TOO = (SigningKey(bytes([seed]) * 32).public for seed in (1, 2, 3))
NAMES = {BOLA: "Bola Adeyemi", CHIDI: "Chidi", CHIDI_TOO: "Chidi Obi"}
ALL = set(NAMES)


def marked(text: str, may: set[bytes] = ALL) -> str:
    """Return a text with short names of keys, to be read by people."""
    found = with_mentions(text, NAMES, may)
    for key, name in ((BOLA, "bola"), (CHIDI, "chidi"), (CHIDI_TOO, "chidi too")):
        found = found.replace(to_did(key), name)
    return found


def test_a_name_picks_a_member() -> None:
    assert marked("Thank you @Bola Adeyemi!") == "Thank you [@Bola Adeyemi](bola)!"
    assert marked("@bola, and (@chidi obi)") == "[@bola](bola), and ([@chidi obi](chidi too))"
    assert marked("Ask @Chidi.") == "Ask [@Chidi](chidi)."


def test_what_means_nobody_stays_as_it_is() -> None:
    for text in ("mail bola@Bola.example", "@Bolas garden", "@Nobody", "@", "@ Bola", "a@bola", "`@Bola`",
                 "    @Bola in code", "```\n@Bola\n```", "\\@Bola"):  # fmt: skip
        assert marked(text) == text


def test_who_did_not_consent_stays_plain_text() -> None:
    assert marked("@Bola and @Chidi", {CHIDI}) == "@Bola and [@Chidi](chidi)"


def test_a_name_of_several_people_means_nobody() -> None:
    names = {BOLA: "Sam", CHIDI: "sam", CHIDI_TOO: "Sam Obi"}

    assert with_mentions("@Sam", names, ALL) == "@Sam"
    assert without_links(with_mentions("@Sam Obi", names, ALL)) == "@Sam Obi"


def test_a_name_that_would_break_out_of_its_link_is_never_one() -> None:
    names = {BOLA: "x](javascript:alert(1))[", CHIDI: "`a`", CHIDI_TOO: "\n"}

    assert with_mentions("@x](javascript:alert(1))[", names, ALL) == "@x](javascript:alert(1))["


def test_so_many_are_mentioned_and_no_more() -> None:
    text = with_mentions("@Bola " * 100, NAMES, ALL)

    assert len(mentions(text)) == MAX_MENTIONS
    assert mentions(text)[0] == Mention("Bola", BOLA)


words = st.lists(st.sampled_from(["@Bola", "@Chidi Obi", "@Chidi", " ", "\n", "[", "](", ")", "`", "@", "x", "```\n"]),
                 max_size=30).map("".join)  # fmt: skip


@given(words)
def test_what_was_typed_comes_back(text: str) -> None:
    assert without_links(with_mentions(text, NAMES, ALL)) == text


@given(words)
def test_naming_twice_names_once(text: str) -> None:
    once = with_mentions(text, NAMES, ALL)

    assert with_mentions(once, NAMES, ALL) == once


def test_a_forged_key_is_no_mention() -> None:
    assert mentions(f"[@Bola](did:key:z{'1' * 48})") == []
    assert mentions(f"[Bola]({to_did(BOLA)})") == []
