"""The rules of a space as fields of a form: how each is shown, and how what was typed is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from identity.errors import Malformed, Refused
from node.domain.law.charter import COMPETENCES, FOUNDING_ONLY, RULES, Charter, check_rule
from ui.law_words import RULE_LABELS, Speaker, rule_sentence

FieldKind = Literal["choice", "number", "checks"]
NUMBERS: Mapping[str, tuple[int, int]] = {
    "vouchers": (1, 20),
    "invitations": (0, 10_000),
    "sponsors": (1, 100),
    "voting_days": (0, 365),
    "grace_hours": (0, 720),
    "emergency_days": (7, 730),
    "suspenders": (1, 20),
    "suspension_days": (1, 90),
    "role_days": (1, 3_650),
}
CHOICES: Mapping[str, Sequence[Any]] = {
    "admission": ("open", "invite", "vouch", "vote"),
    "vouchers_named": (True, False),
    "inviters": ("members", "stewards"),
    "newcomers_read_past": (True, False),
    "publish_log": (False, True),
    "members_of_parent": (False, True),
    "layer": ("general", "place", "function"),
}
SHARED = ("quorum", "threshold", "grave_threshold")
TICKED = ("parents", "competences")
SHARES = ([0, 1], [1, 10], [1, 5], [1, 4], [1, 3], [1, 2], [3, 5], [2, 3], [3, 4], [4, 5], [1, 1])
"""What is offered; a space may have agreed on any other share, which is then offered too."""

Places = Sequence[tuple[bytes, str]]
"""The spaces that this one could be part of: their ids and names."""


class RuleOption(NamedTuple):
    """One thing that a rule may be; `field` is its own name where several may be ticked."""

    value: str
    words: str
    is_chosen: bool
    field: str = ""


@dataclass(frozen=True, slots=True)
class RuleField:
    """A rule in a form: what it is called, what it says now, and what it may be."""

    name: str
    label: str
    sentence: str
    kind: FieldKind
    value: str = ""
    options: tuple[RuleOption, ...] = ()
    least: int = 0
    most: int = 0
    error: str = ""

    @property
    def field(self) -> str:
        """What its field is called."""
        return f"rule_{self.name}"


def rule_fields(
    speak: Speaker,
    charter: Charter,
    typed: Mapping[str, str],
    errors: Mapping[str, str],
    places: Places = (),
) -> tuple[RuleField, ...]:
    """Return every rule as a field: as the charter says, or as it was typed."""
    names = [name for name in editable() if name != "parents" or places]
    fields = (rule_field(speak, name, charter[name], typed, places) for name in names)
    return tuple(replace(field, error=errors.get(field.field, "")) for field in fields)


def editable() -> list[str]:
    """Return the rules that a form can change, in the order of the charter."""
    known = {*NUMBERS, *CHOICES, *SHARED, *TICKED}
    return [name for name in RULES if name in known and name not in FOUNDING_ONLY]


def rule_field(speak: Speaker, name: str, value: Any, typed: Mapping[str, str], places: Places = ()) -> RuleField:
    """Return one rule as a field."""
    label, sentence = speak.gettext(RULE_LABELS[name]), rule_sentence(speak, name, value)
    said = typed.get(f"rule_{name}")
    if name in NUMBERS:
        least, most = NUMBERS[name]
        shown = str(value) if said is None else said
        return RuleField(name, label, sentence, "number", shown, (), least, most)
    if name in CHOICES:
        chosen = _written(value) if said is None else said
        options = tuple(
            RuleOption(_written(one), rule_sentence(speak, name, one), _written(one) == chosen) for one in CHOICES[name]
        )
        return RuleField(name, label, sentence, "choice", chosen, options)
    if name in TICKED:
        return RuleField(name, label, sentence, "checks", "", _checks(speak, name, value, typed, places))
    return RuleField(name, label, sentence, "choice", "", _shares(speak, name, value, said))


def _written(value: Any) -> str:
    """Return a value as a form carries it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "/".join(map(str, value)) if isinstance(value, list) else str(value)


def _shares(speak: Speaker, name: str, value: list[int], said: str | None) -> tuple[RuleOption, ...]:
    chosen = _written(value) if said is None else said
    offered = [*SHARES, *([] if value in SHARES else [value])]
    return tuple(RuleOption(_written(one), rule_sentence(speak, name, one), _written(one) == chosen) for one in offered)


def _checks(
    speak: Speaker, name: str, value: Sequence[Any], typed: Mapping[str, str], places: Places
) -> tuple[RuleOption, ...]:
    if name == "competences":
        offered = [(word, speak.gettext(word), word in value) for word in COMPETENCES]
    else:
        offered = [(id_.hex(), called, id_ in value) for id_, called in places]
    was_typed = f"rule_{name}" in typed
    return tuple(
        RuleOption(key, words, (f"rule_{name}_{key}" in typed) if was_typed else held, f"rule_{name}_{key}")
        for key, words, held in offered
    )


def read_rule_field(speak: Speaker, name: str, typed: Mapping[str, str]) -> Any:
    """Return the value that was typed for a rule.

    Raises:
        Refused: saying what it may be.
    """
    value = _read(speak, name, typed)
    try:
        check_rule(name, value)
    except Malformed as error:
        raise Refused(speak.gettext("This rule cannot be so.")) from error
    return value


def _read(speak: Speaker, name: str, typed: Mapping[str, str]) -> Any:
    said = typed.get(f"rule_{name}", "").strip()
    if name in NUMBERS:
        least, most = NUMBERS[name]
        if not (said.isascii() and said.isdecimal() and len(said) < 7 and least <= int(said) <= most):
            words = speak.gettext("Give a whole number from %(least)s to %(most)s.")
            raise Refused(words % {"least": least, "most": most})
        return int(said)
    if name in CHOICES:
        found = [value for value in CHOICES[name] if _written(value) == said]
        if not found:
            raise Refused(speak.gettext("Choose one of these."))
        return found[0]
    if name in TICKED:
        prefix = f"rule_{name}_"
        ticked = sorted(key.removeprefix(prefix) for key in typed if key.startswith(prefix))
        return [bytes.fromhex(key) for key in ticked if _is_id(key)] if name == "parents" else ticked
    return _read_share(speak, said)


def _is_id(key: str) -> bool:
    return len(key) == 64 and all(letter in "0123456789abcdef" for letter in key)


def _read_share(speak: Speaker, said: str) -> list[int]:
    part, _, of = said.partition("/")
    if not all(number.isascii() and number.isdecimal() and len(number) < 5 for number in (part, of)):
        raise Refused(speak.gettext("Choose one of these."))
    return [int(part), int(of)]


def read_rule_fields(
    speak: Speaker, typed: Mapping[str, str], names: Sequence[str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the rules that were typed, and what is wrong with the others, by field."""
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for name in names:
        try:
            values[name] = read_rule_field(speak, name, typed)
        except Refused as refusal:
            errors[f"rule_{name}"] = str(refusal)
    return values, errors
