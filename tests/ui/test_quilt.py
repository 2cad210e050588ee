"""Quilt blocks: the same for the same key, on every machine and for ever."""

from hashlib import sha256
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from ui.quilt import STRIP_LENGTH, quilt, strip

KEY = bytes(range(32))
FROZEN = "54b9871c249f7528e7948b0a0aac73e34d7da90ee734ce07014183c99e90c2fa"


def test_the_block_of_a_key_never_changes() -> None:
    assert sha256(quilt(KEY).encode()).hexdigest() == FROZEN


def test_a_text_and_its_bytes_have_the_same_block() -> None:
    assert quilt("did:key:z6Mk") == quilt(b"did:key:z6Mk")


def test_a_thousand_keys_give_nearly_a_thousand_blocks() -> None:
    blocks = {quilt(number.to_bytes(32, "big")) for number in range(1000)}

    assert len(blocks) > 990


@given(st.binary(min_size=1, max_size=64))
def test_every_block_is_well_formed_and_shows_something_on_its_ground(key: bytes) -> None:
    drawing = ET.fromstring(quilt(key))

    assert len(drawing) >= 2
    assert drawing.get("aria-hidden") == "true"


def test_a_name_is_announced_and_cannot_break_out_of_the_drawing() -> None:
    drawing = ET.fromstring(quilt(KEY, name='"><script>alert(1)</script>'))

    assert drawing.get("aria-label") == '"><script>alert(1)</script>'
    assert drawing.find("script") is None


def test_a_strip_has_one_row_for_a_few_members_and_two_for_many() -> None:
    few = strip([b"a", b"b", b"c"])
    many = strip(number.to_bytes(2, "big") for number in range(100))

    assert few.count("<svg") == STRIP_LENGTH // 2
    assert many.count("<svg") == STRIP_LENGTH


def test_a_space_without_members_has_no_strip() -> None:
    assert strip([]) == ""
