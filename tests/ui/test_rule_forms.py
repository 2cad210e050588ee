"""Rules in words and in forms: the same sentences as the law's own, every value goes there and back."""

from typing import Any

import pytest

from identity.errors import Malformed, Refused
from node.domain.law.charter import FOUNDING_ONLY, RULES, TEMPLATES, Charter, check_rule
from ui.law_words import RULE_LABELS, rule_sentence
from ui.law_words import TEMPLATES as TEMPLATE_WORDS
from ui.locales import translations
from ui.rule_forms import CHOICES, NUMBERS, SHARES, editable, read_rule_field, read_rule_fields, rule_field, rule_fields

ENGLISH = translations("en")
PARENT = bytes(range(32))


def values_of(name: str) -> list[Any]:
    """Return what a rule may be: the ends, and some between."""
    if name in NUMBERS:
        least, most = NUMBERS[name]
        return sorted({least, max(1, least), max(2, least), most})
    if name in CHOICES:
        return list(CHOICES[name])
    if name == "parents":
        return [[PARENT], [PARENT, bytes(32)]]
    return [[], ["care", "water"]] if name == "competences" else [*SHARES, [7, 9], [0, 7], [7, 7], [2, 4]]


EVERY = [(name, value) for name in editable() for value in values_of(name)]
REST = [(name, RULES[name].default) for name in RULES]


@pytest.mark.parametrize(("name", "value"), [*EVERY, *REST], ids=lambda part: str(part)[:20])
def test_a_rule_is_said_on_pages_as_the_law_says_it(name: str, value: Any) -> None:
    check_rule(name, value)

    assert rule_sentence(ENGLISH, name, value) == RULES[name].sentence(value)


@pytest.mark.parametrize(("name", "value"), EVERY, ids=lambda part: str(part)[:20])
def test_a_rule_goes_into_a_form_and_back(name: str, value: Any) -> None:
    places = [(PARENT, "Street"), (bytes(32), "Town")]
    field = rule_field(ENGLISH, name, value, {}, places=places)

    ticked = {option.field: "1" for option in field.options if option.field and option.is_chosen}
    chosen = [option.value for option in field.options if option.is_chosen and not option.field]
    typed = {field.field: chosen[0] if chosen else field.value, **ticked}

    assert sorted(map(str, _listed(read_rule_field(ENGLISH, name, typed)))) == sorted(map(str, _listed(value)))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_is_offered_exactly_as_far_as_the_law_takes_it(name: str) -> None:
    least, most = NUMBERS[name]

    for value in (least, most):
        check_rule(name, value)
    for value in (least - 1, most + 1):
        with pytest.raises(Malformed):
            check_rule(name, value)


def test_every_rule_and_template_has_its_words() -> None:
    assert RULE_LABELS.keys() == RULES.keys()
    assert {*RULES} - {*editable()} <= FOUNDING_ONLY
    assert TEMPLATE_WORDS.keys() == TEMPLATES.keys()


@pytest.mark.parametrize(
    ("field", "typed", "words"),
    [
        ("vouchers", "", "from 1 to 20"),
        ("vouchers", "21", "from 1 to 20"),
        ("vouchers", "-1", "from 1 to 20"),
        ("vouchers", "٣", "from 1 to 20"),
        ("vouchers", "9" * 5_000, "from 1 to 20"),
        ("admission", "nobody", "Choose one"),
        ("publish_log", "maybe", "Choose one"),
        ("quorum", "half", "Choose one"),
        ("quorum", "1/0", "cannot be so"),
        ("quorum", "3/2", "cannot be so"),
    ],
)
def test_what_a_rule_cannot_be_is_refused_in_words(field: str, typed: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        read_rule_field(ENGLISH, field, {f"rule_{field}": typed})


def test_invented_competences_and_parents_are_not_taken() -> None:
    with pytest.raises(Refused):
        read_rule_field(ENGLISH, "competences", {"rule_competences_magic": "1"})
    assert read_rule_field(ENGLISH, "parents", {"rule_parents_zz": "1"}) == []


def test_what_is_wrong_is_told_at_each_field_and_what_was_typed_stays() -> None:
    typed = {"rule_vouchers": "many", "rule_sponsors": "2"}

    values, errors = read_rule_fields(ENGLISH, typed, ["vouchers", "sponsors"])
    fields = {field.name: field for field in rule_fields(ENGLISH, Charter({}), typed, errors)}

    assert values == {"sponsors": 2}
    assert fields["vouchers"].error == errors["rule_vouchers"]
    assert [fields["vouchers"].value, fields["sponsors"].value] == ["many", "2"]
    assert "parents" not in fields
