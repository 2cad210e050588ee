"""The judgement whether a folder is the one we left, as a pure function."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.errors import CommonsError
from identity.installations import (
    Marker,
    Place,
    Tag,
    hash_machine,
    read_marker,
    read_tag,
    reason_to_renew,
    with_heads,
    write_marker,
    write_tag,
)

TAG = Tag("aa", "n1")
PLACE = Place("/home/ana/commons", "17", "64", "machine")
MARKER = Marker("aa", ("n1",), "d1", PLACE, {"s1": 5})


def test_the_folder_we_left_is_no_restore() -> None:
    assert reason_to_renew(TAG, MARKER, MARKER) is None
    assert reason_to_renew(TAG, MARKER, replace(MARKER, heads={"s1": 6, "s2": 1})) is None


def test_a_moved_folder_and_one_whose_files_were_numbered_anew_are_no_restore() -> None:
    moved = replace(MARKER, place=replace(PLACE, path="/srv/commons", volume="65"))
    renumbered = replace(MARKER, place=replace(PLACE, inode="99"))

    assert reason_to_renew(TAG, MARKER, moved) is None
    assert reason_to_renew(TAG, MARKER, renumbered) is None


def test_a_fall_between_two_nonces_is_no_restore() -> None:
    assert reason_to_renew(TAG, replace(MARKER, nonces=("n1", "n2")), MARKER) is None
    assert reason_to_renew(replace(TAG, nonce="n2"), replace(MARKER, nonces=("n1", "n2")), MARKER) is None


@pytest.mark.parametrize(
    ("tag", "marker", "here", "words"),
    [
        (None, MARKER, MARKER, "never registered"),
        (TAG, None, MARKER, "does not know the folder"),
        (replace(TAG, id="bb"), MARKER, MARKER, "does not know the folder"),
        (TAG, MARKER, replace(MARKER, place=replace(PLACE, machine="other")), "another machine"),
        (TAG, MARKER, replace(MARKER, device="d2"), "another device key"),
        (replace(TAG, nonce="n0"), MARKER, MARKER, "earlier copy"),
        (TAG, MARKER, replace(MARKER, place=replace(PLACE, path="/copy", inode="99")), "copy of another"),
        (TAG, MARKER, replace(MARKER, heads={"s1": 4}), "less of its own writing"),
        (TAG, MARKER, replace(MARKER, heads={}), "less of its own writing"),
    ],
)
def test_a_restored_or_copied_folder_is_known_by(
    tag: Tag | None, marker: Marker | None, here: Marker, words: str
) -> None:
    reason = reason_to_renew(tag, marker, here)

    assert reason is not None
    assert words in reason


def test_an_unknown_machine_decides_nothing() -> None:
    unknown = replace(MARKER, place=replace(PLACE, machine=""))

    assert reason_to_renew(TAG, MARKER, unknown) is None
    assert reason_to_renew(TAG, unknown, MARKER) is None


heads = st.dictionaries(st.text("abcdef0123456789", min_size=1, max_size=4), st.integers(0, 2**40), max_size=5)


@given(heads, heads)
def test_noted_heads_only_grow_in_whatever_order(first: dict[str, int], second: dict[str, int]) -> None:
    start = replace(MARKER, heads={})

    one = with_heads(with_heads(start, first), second)
    other = with_heads(with_heads(start, second), first)

    assert one == other == with_heads(one, first)


@given(heads)
def test_marker_and_tag_read_back(noted: dict[str, int]) -> None:
    marker = replace(MARKER, heads=noted)

    assert read_marker(write_marker(marker)) == marker
    assert read_tag(write_tag(TAG)) == TAG


@given(st.binary(max_size=200))
def test_garbage_is_no_marker(raw: bytes) -> None:
    for read in (read_marker, read_tag):
        with pytest.raises(CommonsError):
            read(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 100_000,
        b" " * 2_000_000,
        write_tag(TAG).replace(b'"aa"', b"3"),
        write_marker(MARKER).replace(b": 5", b": true"),
        write_marker(MARKER).replace(b"installation/1", b"installation/2"),
        write_tag(TAG),
    ],
)
def test_a_damaged_marker_is_malformed(raw: bytes) -> None:
    with pytest.raises(CommonsError):
        read_marker(raw)


def test_a_machines_name_does_not_tell_its_id() -> None:
    assert hash_machine("0123456789abcdef\n") == hash_machine("0123456789abcdef")
    assert "0123456789abcdef" not in hash_machine("0123456789abcdef")
