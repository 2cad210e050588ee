"""The fold of a consent is a function of the set of what was said about it, and an answer ends asking for good."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.errors import Malformed, Refused
from node.domain.area import Fact, read_command, wire_fields
from node.domain.consents import (
    ANYBODY,
    AskConsent,
    ConsentRow,
    SetConsent,
    allow_ask,
    consent_id,
    fold_consent,
    holds,
    is_open,
)

ADA, BOLA, EVE = b"A" * 32, b"B" * 32, b"E" * 32
YES = SetConsent(ADA, "mention", BOLA, 1, True)
NO = replace(YES, given=False)
ASK = AskConsent(ADA, "mention", BOLA)


def fact(command: Any, mark: int, depth: int = 1, person: bytes | None = None) -> Fact:
    """Return a command as a fact, said by whom it is for that command to say."""
    by = person or (command.by if isinstance(command, AskConsent) else command.person)
    return Fact(bytes([mark]) * 32, mark, depth, 1000 * depth, 1, 1, author=by, person=by, command=command)


facts = st.builds(
    fact, st.sampled_from([YES, NO, ASK, replace(YES, version=2)]), st.integers(1, 40), st.integers(1, 5),
    st.sampled_from([None, None, EVE]),
)  # fmt: skip
histories = st.lists(facts, max_size=10, unique_by=lambda each: each.id)


@given(histories, st.data())
def test_a_consent_is_folded_alike_in_any_order(about: list[Fact], data: st.DataObject) -> None:
    assert fold_consent(data.draw(st.permutations(about))) == fold_consent(about)


@given(histories, st.data())
def test_what_arrives_twice_counts_once(about: list[Fact], data: st.DataObject) -> None:
    assert fold_consent(data.draw(st.permutations([*about, *about]))) == fold_consent(about)


@given(histories)
def test_nobody_consents_for_another(about: list[Fact]) -> None:
    others = [replaced._replace(person=EVE) for replaced in about]

    assert fold_consent(others) is None


@given(histories, st.integers(1, 9))
def test_an_ask_has_no_effect_once_there_is_an_answer(about: list[Fact], depth: int) -> None:
    answered = [*about, fact(NO, 50, 6)]

    assert fold_consent([*answered, fact(ASK, 60, depth)]) == fold_consent(answered)


def row(command: Any) -> ConsentRow:
    found = fold_consent([fact(command, 1)])
    assert found is not None
    return found


def test_what_was_said_to_one_goes_before_what_was_said_to_anybody() -> None:
    everybody, not_eve = replace(YES, by=ANYBODY), SetConsent(ADA, "mention", EVE, 1, False)
    rows = {ANYBODY: row(everybody), EVE: row(not_eve)}

    assert [holds(rows, "mention", by) for by in (BOLA, EVE)] == [True, False]
    assert not holds({}, "mention", BOLA)
    assert not holds({BOLA: row(ASK)}, "mention", BOLA)


def test_a_no_to_anybody_answers_every_ask() -> None:
    general = row(SetConsent(ADA, "mention", ANYBODY, 1, False))

    assert is_open({BOLA: row(ASK)}, BOLA)
    assert not is_open({BOLA: row(ASK), ANYBODY: general}, BOLA)
    for rows in ({ANYBODY: general}, {BOLA: row(NO)}, {BOLA: row(YES)}, {BOLA: row(ASK)}):
        with pytest.raises(Refused):
            allow_ask(rows, "mention", BOLA)
    allow_ask({}, "mention", BOLA)


def test_the_commands_go_over_the_wire_and_back() -> None:
    for command in (YES, NO, ASK, replace(YES, by=ANYBODY), SetConsent(ADA, "charter", b"", 7, True)):
        assert read_command([command.kind, *wire_fields(command)]) == command


def test_each_consent_has_an_id_of_its_own() -> None:
    ids = {consent_id(ADA, "mention", by) for by in (ANYBODY, BOLA, EVE)} | {consent_id(ADA, "pin", BOLA)}

    assert len(ids) == 4


HOSTILE = {
    "a use that there is not": replace(YES, use="everything"),
    "a huge use": replace(YES, use="x" * 100_000),
    "nobody's": replace(YES, person=b""),
    "towards half a key": replace(YES, by=b"B" * 16),
    "towards oneself": replace(YES, by=ADA),
    "no version": replace(YES, version=0),
    "a huge version": replace(YES, version=1 << 60),
    "given by a number": replace(YES, given=1),  # type: ignore[arg-type]
    "asked by nobody": replace(ASK, by=b""),
    "asked of oneself": replace(ASK, by=ADA),
    "asked to agree to the charter": replace(ASK, use="charter"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_consent_is_malformed(what: str) -> None:
    command = HOSTILE[what]

    with pytest.raises(Malformed):
        read_command([command.kind, *wire_fields(command)])
