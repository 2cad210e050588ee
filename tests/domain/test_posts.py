"""The fold of a post is a function of the set of what was said about it."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.errors import Malformed, Refused
from node.domain.area import Erased, Fact, read_command, wire_fields
from node.domain.posts import (
    MAX_MEDIA,
    MAX_TEXT_CHARS,
    EditPost,
    ImportPost,
    Media,
    Post,
    RetractPost,
    WritePost,
    allow_text,
    fold_post,
    pack_media,
    unpack_media,
    versions,
)

ADA, EVE = b"A" * 32, b"E" * 32
POST, THREAD = b"P" * 32, b"T" * 32
IMPORTED = ImportPost("old", None, None, [], 1_500_000_000_000, "https://example.org/1", b"s" * 16)


def fact(command: Any, *, id_: bytes, person: bytes = ADA, depth: int = 1) -> Fact:
    """Return a command as a fact; the numbers of the store follow from the id."""
    number = int.from_bytes(id_[:3], "big")
    return Fact(id_, number, depth, 1000 * depth, 1, 1, author=person, person=person, command=command)


WRITTEN = fact(WritePost("first", THREAD, THREAD, []), id_=POST)
RETRACTION = fact(RetractPost(POST, THREAD, THREAD, []), id_=b"R" * 32, depth=3)


def edit(text: str, mark: int, *, person: bytes = ADA, depth: int = 2) -> Fact:
    """Return an edit of the post."""
    return fact(EditPost(POST, text), id_=bytes([mark]) * 32, person=person, depth=depth)


def shown(facts: Sequence[Fact]) -> tuple[str, int, int] | None:
    """Return what a reader sees: the text, how many versions it had, whether it was taken back."""
    row = fold_post(facts)
    return None if row is None else (row.text, row.versions, row.retracted)


people = st.sampled_from([ADA, EVE])
abouts = st.one_of(
    st.builds(lambda text, mark, person, depth: edit(text, mark, person=person, depth=depth),
              st.text(max_size=5), st.integers(1, 60), people, st.integers(2, 5)),
    st.builds(lambda mark, person: fact(RetractPost(POST, THREAD, THREAD, []), id_=bytes([mark]) * 32, person=person),
              st.integers(100, 120), people),
)  # fmt: skip
histories = st.lists(abouts, max_size=8, unique_by=lambda each: each.id)
firsts = st.sampled_from([WRITTEN, fact(IMPORTED, id_=POST), fact(Erased(), id_=POST)])


@given(firsts, histories, st.data())
def test_a_post_is_folded_alike_in_any_order(first: Fact, about: list[Fact], data: st.DataObject) -> None:
    facts = [first, *about]

    assert fold_post(data.draw(st.permutations(facts))) == fold_post(facts)


@given(firsts, histories, st.data())
def test_what_arrives_twice_counts_once(first: Fact, about: list[Fact], data: st.DataObject) -> None:
    twice = {each.id: each for each in data.draw(st.permutations([first, *about, *about]))}

    assert fold_post(list(twice.values())) == fold_post([first, *about])


@given(histories, st.data())
def test_a_retraction_wins_in_any_order_and_for_good(about: list[Fact], data: st.DataObject) -> None:
    facts = data.draw(st.permutations([WRITTEN, RETRACTION, *about]))

    row = fold_post(facts)

    assert row is not None
    assert (row.text, row.retracted, row.versions, row.media) == ("", 1, 0, None)
    assert (row.thread, row.parent) == (THREAD, THREAD)
    assert versions(facts) == []


@given(histories)
def test_an_erased_post_looks_as_it_did_to_those_who_had_it(about: list[Fact]) -> None:
    had = fold_post([WRITTEN, RETRACTION, *about])
    never_had = fold_post([WRITTEN._replace(command=Erased()), RETRACTION, *about])

    assert had == never_had


@given(histories)
def test_what_others_say_about_a_post_has_no_effect(about: list[Fact]) -> None:
    mine = [each for each in about if each.person == ADA]

    assert fold_post([WRITTEN, *about]) == fold_post([WRITTEN, *mine])


def test_somebody_else_neither_edits_nor_retracts_a_post() -> None:
    theirs = [edit("mine now", 1, person=EVE), RETRACTION._replace(person=EVE)]

    assert shown([WRITTEN, *theirs]) == ("first", 1, 0)


def test_another_device_of_the_same_person_may() -> None:
    elsewhere = edit("from my phone", 1)._replace(author=b"phone" * 6)

    assert shown([WRITTEN, elsewhere]) == ("from my phone", 2, 0)


def test_the_deepest_edit_counts_and_the_least_id_decides_a_tie() -> None:
    one, two, deeper = edit("one", 1), edit("two", 2), edit("deeper", 9, depth=3)

    assert shown([WRITTEN, two, one]) == ("one", 3, 0)
    assert shown([WRITTEN, one, two, deeper]) == ("deeper", 4, 0)


def test_a_post_shows_nothing_before_it_has_arrived() -> None:
    assert fold_post([]) is None
    assert fold_post([edit("early", 1)]) is None
    assert fold_post([RETRACTION]) is None
    assert fold_post([fact(Erased(), id_=POST)]) is None


def test_an_edit_that_was_itself_retracted_looks_alike_with_and_without_its_body() -> None:
    named = fact(EditPost(THREAD, "an edit of another post"), id_=POST)

    assert fold_post([named, RETRACTION]) == fold_post([named._replace(command=Erased()), RETRACTION])


def test_an_erased_edit_is_never_taken_for_the_post() -> None:
    erased = fact(Erased(), id_=b"\x01" * 32, depth=2)  # it has a lower number here than the post

    row = fold_post([erased, WRITTEN._replace(command=Erased()), RETRACTION])

    assert row is not None
    assert row.number == WRITTEN.number


def test_the_history_of_a_post_is_its_own_persons_texts_oldest_first() -> None:
    facts = [edit("third", 1, depth=4), WRITTEN, edit("not mine", 7, person=EVE), edit("second", 9)]

    assert [version.text for version in versions(facts)] == ["first", "second", "third"]


def test_an_imported_post_keeps_where_and_when_it_was() -> None:
    row = fold_post([fact(IMPORTED, id_=POST)])

    assert isinstance(row, Post)
    assert (row.published, row.address, row.source) == (IMPORTED.published, IMPORTED.address, IMPORTED.source)


@given(st.lists(st.builds(Media, st.binary(min_size=32, max_size=32), st.sampled_from(["image/png"]),
                          st.text("abc é\n", max_size=10), st.integers(0, 2**40)), max_size=4))  # fmt: skip
def test_media_come_back_from_the_row(media: list[Media]) -> None:
    assert unpack_media(pack_media([list(item) for item in media])) == media


@pytest.mark.parametrize("command", [WRITTEN.command, IMPORTED, EditPost(POST, "x"), RETRACTION.command])
def test_commands_come_back_from_the_wire(command: Any) -> None:
    assert read_command([command.kind, *wire_fields(command)]) == command


PICTURE = [bytes(32), "image/png", "a tree", 5]


@pytest.mark.parametrize(
    "body",
    [
        ["post.write", "x" * (MAX_TEXT_CHARS + 1), None, None, []],
        ["post.write", b"bytes", None, None, []],
        ["post.write", "x", THREAD, None, []],
        ["post.write", "x", None, THREAD, []],
        ["post.write", "x", b"short", b"short", []],
        ["post.write", "x", None, None, [PICTURE] * (MAX_MEDIA + 1)],
        ["post.write", "x", None, None, [[bytes(31), *PICTURE[1:]]]],
        ["post.write", "x", None, None, [[bytes(32), "image/png", "a\x1fb", 5]]],
        ["post.write", "x", None, None, [[bytes(32), "image/png", "a", -1]]],
        ["post.write", "x", None, None, ["picture"]],
        ["post.edit", b"short", "x"],
        ["post.edit", POST, 5],
        ["post.retract", POST, THREAD, None, [], None, None],
        ["post.retract", POST, None, None, [b"short"], None, None],
        ["post.retract", POST, None, None, [POST] * 1001, None, None],
        ["post.retract", POST, None, None, [], b"short", None],
        ["post.retract", POST, THREAD, b"short", [], None, None],
        ["post.retract", POST, None, None, [], None, bytes(1000)],
        ["post.import", "x", None, None, [], -1, "", b"s" * 16],
        ["post.import", "x", None, None, [], 1, "", b"s"],
        ["post.import", "x", None, None, [], 1, "a" * 2001, b"s" * 16],
    ],
)
def test_a_command_out_of_its_form_is_its_senders_fault(body: list[Any]) -> None:
    with pytest.raises(Malformed):
        read_command(body)


def test_kinds_and_forms_from_the_future_are_carried_and_not_understood() -> None:
    assert read_command(["post.sing", "la"]) is None
    assert read_command(["post.edit", POST, "x", "and more"]) is None


@pytest.mark.parametrize("text", ["", "  \n", "x" * (MAX_TEXT_CHARS + 1)])
def test_a_member_is_told_why_a_text_cannot_be_posted(text: str) -> None:
    with pytest.raises(Refused):
        allow_text(text)
