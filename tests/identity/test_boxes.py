"""Sealing among some devices: who is none of them opens nothing, and sees neither whose the boxes are nor how many."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.boxes import BOX_BYTES, BOXES_STEP, Boxed, open_among, seal_among
from identity.errors import Malformed
from identity.keys import SigningKey

MINE, OTHER, STRANGER = (SigningKey(bytes([seed]) * 32) for seed in (1, 2, 3))


def opener(key: SigningKey):  # type: ignore[no-untyped-def]
    def open_box(box: bytes) -> bytes | None:
        try:
            return key.open_sealed(box)
        except Malformed:
            return None

    return open_box


@given(st.binary(max_size=500), st.binary(max_size=200))
def test_readers_open_the_value_and_only_the_author_opens_the_note(value: bytes, note: bytes) -> None:
    boxed = seal_among(value, note, [OTHER.public], [MINE.public])

    assert open_among(boxed, opener(MINE)) == (value, note)
    assert open_among(boxed, opener(OTHER)) == (value, None)
    assert open_among(boxed, opener(STRANGER)) is None


def test_one_reader_and_several_look_alike() -> None:
    alone = seal_among(b"a secret", b"note", [], [MINE.public])
    several = seal_among(b"a longer secret", b"a longer note", [OTHER.public, STRANGER.public], [MINE.public])

    assert [len(part) for part in alone[:2]] == [len(part) for part in several[:2]]
    assert [len(boxed.boxes) for boxed in (alone, several)] == [BOXES_STEP, BOXES_STEP]
    assert {len(box) for box in (*alone.boxes, *several.boxes)} == {BOX_BYTES}


def test_a_box_that_opens_to_something_else_is_malformed() -> None:
    boxed = seal_among(b"a secret", b"", [], [MINE.public])

    with pytest.raises(Malformed):
        open_among(boxed, lambda _box: b"short")
    with pytest.raises(Malformed):
        open_among(boxed, lambda _box: bytes(64))
    with pytest.raises(Malformed):
        open_among(Boxed(b"", b"", boxed.boxes), opener(MINE))


def test_a_device_whose_key_cannot_be_sealed_to_is_passed_over() -> None:
    boxed = seal_among(b"a secret", b"note", [bytes(32)], [MINE.public])

    assert open_among(boxed, opener(MINE)) == (b"a secret", b"note")
