"""The fold of a profile's field is a function of the set of what was said about it."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crdt.change import MAX_PLAIN_BYTES, decode_body, encode_body
from identity.boxes import BOX_BYTES
from identity.errors import Malformed, Refused
from node.domain.area import Erased, Fact, kind_of, read_command, wire_fields
from node.domain.posts import EditPost
from node.domain.profiles import (
    FIELDS,
    MAX_BOXES,
    MAX_VALUE_CHARS,
    EraseField,
    SealField,
    SetField,
    allow_field,
    field_id,
    fold_field,
    unpack_boxes,
)

ADA, EVE = b"A" * 32, b"E" * 32
BOXES = [bytes([7]) * BOX_BYTES]
PLAIN = SetField(ADA, "skills", "space", "", "bicycles", b"", b"", [])
SEALED = SetField(ADA, "skills", "some", "", "", b"sealed", b"note", BOXES)
TAKEN_BACK = EraseField(ADA, "skills", [b"S" * 32])
ANEW = SealField(ADA, "skills", b"S" * 32, b"anew", b"note", BOXES)


def fact(command: Any, mark: int, depth: int = 1, person: bytes = ADA) -> Fact:
    """Return a command as a fact; what the store numbers follows from its id."""
    id_ = bytes([mark]) * 32
    return Fact(id_, mark, depth, 1000 * depth, 1, 1, author=person, person=person, command=command)


people = st.sampled_from([ADA, EVE])
commands = st.one_of(
    st.builds(lambda value, audience: replace(PLAIN, value=value, audience=audience), st.text(max_size=4),
              st.sampled_from(["space", "public"])),
    st.builds(lambda sealed: replace(SEALED, sealed=sealed), st.binary(min_size=1, max_size=4)),
    st.builds(lambda mark, sealed: replace(ANEW, said=bytes([mark]) * 32, sealed=sealed),
              st.integers(1, 40), st.binary(min_size=1, max_size=4)),
    st.builds(lambda marks: EraseField(ADA, "skills", [bytes([mark]) * 32 for mark in marks]),
              st.lists(st.integers(1, 40), min_size=1, max_size=4)),
    st.just(Erased()),
    st.just(EditPost(field_id(ADA, "skills"), "not a post")),
)  # fmt: skip
facts = st.builds(fact, commands, st.integers(1, 40), st.integers(1, 5), people)
histories = st.lists(facts, max_size=10, unique_by=lambda each: each.id)


@given(histories, st.data())
def test_a_field_is_folded_alike_in_any_order(about: list[Fact], data: st.DataObject) -> None:
    assert fold_field(data.draw(st.permutations(about))) == fold_field(about)


@given(histories, st.data())
def test_what_arrives_twice_counts_once(about: list[Fact], data: st.DataObject) -> None:
    assert fold_field(data.draw(st.permutations([*about, *about]))) == fold_field(about)


@given(histories, histories)
def test_what_others_say_of_me_has_no_effect(mine: list[Fact], theirs: list[Fact]) -> None:
    own = [each for each in mine if each.person == ADA]
    others = [each for each in theirs if each.person == EVE]

    assert fold_field([*own, *others]) == fold_field(own)


def test_the_deepest_holds_and_the_least_id_decides_a_tie() -> None:
    first, second = fact(replace(PLAIN, value="old"), 9, 1), fact(replace(PLAIN, value="new"), 5, 2)
    rival = fact(replace(PLAIN, value="rival"), 6, 2)

    assert fold_field([rival, first, second]).value == "new"  # type: ignore[union-attr]


def test_sealing_anew_keeps_the_value_it_names_and_never_beats_a_newer_one() -> None:
    said = fact(SEALED, 3)
    anew = fact(replace(ANEW, said=said.id), 4, depth=9)

    renewed = fold_field([said, anew])
    changed = fold_field([said, anew, fact(PLAIN, 5, depth=2)])

    assert renewed is not None
    assert changed is not None
    assert unpack_boxes(renewed.sealed or b"").value == b"anew"
    assert (changed.value, changed.sealed) == ("bicycles", None)


@given(histories, st.data())
def test_a_body_that_was_taken_back_folds_as_if_it_were_gone(about: list[Fact], data: st.DataObject) -> None:
    own = (fact for fact in about if isinstance(fact.command, EraseField) and fact.person == ADA)
    erased = {id_ for fact in own for id_ in fact.command.earlier}
    gone = data.draw(st.sets(st.sampled_from(sorted(erased)))) if erased else set()

    dropped = [fact._replace(command=Erased()) if fact.id in gone and not isinstance(fact.command, EraseField) else fact
               for fact in about]  # fmt: skip

    assert fold_field(dropped) == fold_field(about)


def test_the_commands_go_over_the_wire_and_back() -> None:
    for command in (PLAIN, SEALED, ANEW, TAKEN_BACK, replace(PLAIN, field="own:0123456789abcdef", label="Diet")):
        body = decode_body(encode_body(command.kind, wire_fields(command)))

        assert read_command(body) == command


HOSTILE = {
    "a field that there is not": replace(PLAIN, field="password"),
    "a field of nobody's own": replace(PLAIN, field="own:xyz"),
    "a huge name of a field": replace(PLAIN, field="own:" + "a" * 100_000),
    "a huge value": replace(PLAIN, value="x" * (MAX_VALUE_CHARS + 1)),
    "a huge label": replace(PLAIN, label="x" * 61),
    "no audience": replace(PLAIN, audience="everyone"),
    "a sealed name": replace(SEALED, field="name"),
    "sealed and said": replace(SEALED, value="bicycles"),
    "said and sealed": replace(PLAIN, boxes=BOXES),
    "no boxes": replace(SEALED, boxes=[]),
    "too many boxes": replace(SEALED, boxes=BOXES * (MAX_BOXES + 1)),
    "a box of another size": replace(SEALED, boxes=[b"short"]),
    "a box of another type": replace(SEALED, boxes=["x" * BOX_BYTES]),
    "boxes in boxes": replace(SEALED, boxes=[[BOXES]]),
    "a huge sealed value": replace(SEALED, sealed=bytes(100_000)),
    "nobody's": replace(PLAIN, person=b""),
    "nothing taken back": replace(TAKEN_BACK, earlier=[]),
    "too much taken back": replace(TAKEN_BACK, earlier=[bytes(32)] * 257),
    "what is no change taken back": replace(TAKEN_BACK, earlier=[b"short"]),
    "what is no id taken back": replace(TAKEN_BACK, earlier=[[bytes(32)]]),
    "a huge certificate": replace(TAKEN_BACK, certificate=bytes(10_000)),
    "a value that nobody said": replace(ANEW, said=b""),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_field_is_malformed(what: str) -> None:
    command = HOSTILE[what]

    with pytest.raises(Malformed):
        read_command([command.kind, *wire_fields(command)])


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.binary(max_size=8) | st.text(max_size=8),
                    lambda inner: st.lists(inner, max_size=4), max_leaves=20), st.integers(0, 7))  # fmt: skip
def test_a_field_of_any_type_is_read_or_malformed(value: Any, at: int) -> None:
    body = [PLAIN.kind, *wire_fields(PLAIN)]
    body[1 + at] = value

    try:
        command = read_command(body)
    except Malformed:
        return
    assert command is None or isinstance(command, SetField)


def test_a_body_that_nests_too_deep_is_malformed() -> None:
    deep: Any = b""
    for _ in range(2_000):
        deep = [deep]

    with pytest.raises((Malformed, ValueError, RecursionError)):
        decode_body(encode_body("profile.set", [deep]))
    assert MAX_PLAIN_BYTES == 1024 * 1024
    assert kind_of("profile.set") is not None


def test_members_hear_in_words_what_does_not_fit() -> None:
    allow_field("about", "I water bed 7.")

    for field, value, label in (("name", " ", ""), ("age", "7", ""), ("about", "x" * 2_001, ""),
                                ("own:0123456789abcdef", "no gluten", " ")):  # fmt: skip
        with pytest.raises(Refused):
            allow_field(field, value, label)
    assert len(FIELDS) == 9
