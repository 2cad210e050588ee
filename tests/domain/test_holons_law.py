"""Spaces within spaces: the outline ends whatever charters say, and parts and ancestors mirror each other."""

from itertools import pairwise

import pytest
from authors import NOW_MS
from council import QUICK, Council, person, refusal
from hypothesis import given
from hypothesis import strategies as st

from identity.errors import Malformed
from node.domain.law.charter import Charter, check_rules
from node.domain.law.decisions import Propose, check_effects
from node.domain.law.holons import Branch, binds, continued, outline, parts_of

SPACES = [bytes([letter]) * 32 for letter in b"abcdefgh"]
A, B, C, D = SPACES[:4]
trees = st.dictionaries(st.sampled_from(SPACES[:6]), st.lists(st.sampled_from(SPACES), max_size=4, unique=True))


@given(trees)
def test_the_outline_shows_every_space_and_ends(parents: dict[bytes, list[bytes]]) -> None:
    lines = outline(parents)

    everything = {*parents, *(parent for named in parents.values() for parent in named)}
    edges = sum(len(named) for named in parents.values())
    assert {line.space for line in lines} == everything
    assert len(lines) <= len(everything) + edges
    firsts = [line.space for line in lines if not line.is_again and not line.is_loop]
    assert sorted(firsts) == sorted(everything)  # each with its parts exactly once


@given(trees)
def test_a_line_stands_below_a_parent_that_it_names(parents: dict[bytes, list[bytes]]) -> None:
    above: list[bytes] = []
    for line in outline(parents):
        del above[line.depth :]
        assert line.depth == 0 or above[-1] in parents[line.space]
        assert line.is_loop == (line.space in above)
        above.append(line.space)


@given(trees)
def test_what_names_a_space_and_all_parts_of_that_are_its_parts(parents: dict[bytes, list[bytes]]) -> None:
    for space in SPACES:
        named = {part for part, above in parents.items() if space in above}
        parts = parts_of(space, parents)

        assert named - {space} <= parts
        assert all(parts_of(part, parents) <= parts | {space} for part in parts)
        assert space not in parts


@given(st.dictionaries(st.sampled_from(SPACES), st.sampled_from(SPACES)))
def test_a_chain_of_continuations_ends(origins: dict[bytes, bytes]) -> None:
    for space in SPACES:
        chain = continued(space, origins)

        assert len(chain) == len(set(chain))
        assert space not in chain


def test_a_space_of_two_parents_stands_below_both_and_its_parts_once() -> None:
    lines = outline({A: [], B: [], C: [A, B], D: [C]})

    assert lines == [Branch(A, 0), Branch(C, 1), Branch(D, 2), Branch(B, 0), Branch(C, 1, is_again=True)]


def test_a_ring_is_shown_and_cut() -> None:
    lines = outline({A: [B], B: [A]})

    assert lines == [Branch(A, 0), Branch(B, 1), Branch(A, 2, is_loop=True)]


def test_a_chain_of_thousands_is_walked_without_recursion() -> None:
    chain = [number.to_bytes(32, "big") for number in range(2_000)]
    parents = {here: [above] for above, here in pairwise(chain)}

    assert len(outline(parents)) == 2_000
    assert len(parts_of(chain[0], parents)) == 1_999


def test_a_space_binds_its_parts_only_in_its_competences() -> None:
    charter = Charter({"competences": ["energy", "water"], "layer": "place"})

    words = dict(charter.sentences())

    assert binds(charter) == ["energy", "water"]
    assert words["competences"] == "What it decides binds its parts about energy, water; in all else they are free."
    assert words["layer"] == "It is for everybody of a place."
    assert dict(Charter({}).sentences())["competences"].startswith("It decides for itself only")


@pytest.mark.parametrize("wrong", [[A], [A, A], [A, b"short"], [A, bytes(16), bytes(16)], ["text", "text"]])
def test_what_a_space_continues_is_an_id_and_a_digest(wrong: list[object]) -> None:
    check_rules([["continues", [A, bytes(16)]]])

    with pytest.raises(Malformed):
        check_rules([["continues", wrong]])


@pytest.mark.parametrize("wrong", [["layer", "heaven"], ["layer", 3], ["parents", [A, A]], ["competences", ["magic"]]])
def test_a_layer_or_a_parent_that_cannot_be_is_refused(wrong: list[object]) -> None:
    with pytest.raises(Malformed):
        check_rules([wrong])


def test_no_decision_changes_where_a_space_comes_from() -> None:
    with pytest.raises(Malformed):
        check_effects([["rule", "continues", [A, bytes(16)]]])


def test_a_sealed_decision_gives_a_space_a_second_parent() -> None:
    council = Council(rules=[*QUICK, ["parents", [A]]])

    council.pass_it([["rule", "parents", [A, B]]])

    assert council.fold().law.present().sealed.charter["parents"] == [A, B]


def test_who_is_no_member_does_not_move_a_space() -> None:
    council = Council()
    council.member("Z")
    moved = council.say("Z", Propose([["rule", "parents", [A]]], NOW_MS + 10**9, 3_600_000, b""), NOW_MS)

    assert refusal(council, moved)
    assert person(council, "Z") not in council.fold().law.members()
