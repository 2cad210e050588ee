"""What follows from a yes, as JSON: read with people by name, written with people as did:key; rules as plain values."""

from collections.abc import Callable, Mapping
from typing import Any

from identity.errors import Malformed, Refused
from identity.keys import to_did
from node.domain.area import require
from node.domain.law.charter import check_rule
from node.domain.law.decisions import EFFECTS, MAX_AUDITORS, MAX_EFFECTS
from node.domain.law.view import View
from ui.operations import as_id
from ui.whom import Names, key_named

_FORMS = {
    "remove": "A removal names one person.",
    "readmit": "A readmission names one person.",
    "admit": "An admission names one person.",
    "resume": "The end of a pause names one person.",
    "role": "A role is given to a person by a word of letters and hyphens, for a part or all, until a time.",
    "unrole": "The end of a role names a person and the role.",
    "rule": "A rule has a name and a value.",
    "auditors": "Auditors are different people, and more than half of them have to be needed to seal.",
    "law": "A version of the law is a whole number from 1.",
}
PERSON_FIRST = ("remove", "readmit", "resume", "role", "unrole", "admit")


def read_effects(effects: list[Any], names: Names, view: View) -> list[list[Any]]:
    """Read effects from JSON: people by name or did:key, ids as hex; what is wrong in them is said before signing.

    Raises:
        Refused: saying what.
    """
    require(effects, "A proposal has to change something.")
    require(len(effects) <= MAX_EFFECTS, f"A proposal changes at most {MAX_EFFECTS} things.")
    return [_read(effect, names, view) for effect in effects]


def _read(effect: Any, names: Names, view: View) -> list[Any]:
    well = isinstance(effect, list) and effect and isinstance(effect[0], str)
    require(well, "An effect is a list that begins with a word.")
    name, *args = effect
    require(name in _FORMS, f"There is no effect {name[:40]!r}.")
    if name in PERSON_FIRST and args:
        args = [names.person(args[0]), *args[1:]]
    elif name == "auditors" and len(args) == 2:
        args = [_auditors(args[0], names, view), args[1]]
    elif name == "rule" and len(args) == 2:
        args = [*read_rule(args[0], args[1])]
    require(EFFECTS[name](args), _FORMS[name])
    return [name, *args]


def _auditors(pairs: Any, names: Names, view: View) -> list[list[bytes]]:
    """Read auditors: each a person, who gets their first device, or a person and a device of theirs."""
    require(isinstance(pairs, list) and 0 < len(pairs) <= MAX_AUDITORS, f"Name 1 to {MAX_AUDITORS} auditors.")
    return sorted(_auditor(pair, names, view) for pair in pairs)


def _auditor(pair: Any, names: Names, view: View) -> list[bytes]:
    if isinstance(pair, list):
        require(len(pair) == 2, "An auditor is a person, or a person and their device.")
        return [names.person(pair[0]), key_named(pair[1])]
    person = names.person(pair)
    device = next((grant.device for grant in view.law.grants_of(person) if view.holds(grant)), None)
    if device is None:
        raise Refused("an auditor is a member, with a device of their own")
    return [person, device]


def read_rule(name: Any, value: Any) -> tuple[str, Any]:
    """Read a rule from JSON: ids as hex.

    Raises:
        Refused: if there is no such rule, or it cannot be so.
    """
    require(isinstance(name, str), "A rule has a name.")
    if name == "parents" and isinstance(value, list):
        value = [as_id(one, "space") if isinstance(one, str) else b"" for one in value]
    try:
        check_rule(name, value)
    except Malformed as error:
        raise Refused(str(error)) from error
    return name, value


def read_rules(rules: Mapping[str, Any]) -> dict[str, Any]:
    """Read rules by name from JSON.

    Raises:
        Refused: if one is not known, or cannot be so.
    """
    return dict(read_rule(name, value) for name, value in rules.items())


def shown(effect: list[Any]) -> list[Any]:
    """Return an effect for JSON: people as did:key, ids as hex."""
    name, *args = effect
    if name in PERSON_FIRST:
        return [name, to_did(args[0]), *args[1:]]
    if name == "auditors":
        return [name, [[to_did(person), to_did(device)] for person, device in args[0]], args[1]]
    return [name, *map(plain, args)]


def plain(value: Any) -> Any:
    """Return a rule's value as JSON holds it: ids as hex."""
    if isinstance(value, list):
        return [plain(part) for part in value]
    return value.hex() if isinstance(value, bytes) else value


def in_words(effect: list[Any], names: Names, day_of: Callable[[int], str]) -> str:
    """Say what an effect would do, as a sentence."""
    from node.domain.law.charter import RULES

    name, *args = effect
    if name == "rule":
        return f"The rule {args[0]}: {RULES[args[0]].sentence(args[1])}"
    if name == "auditors":
        people = ", ".join(names[person] for person, _ in args[0])
        return f"{args[1]} of these audit together: {people}."
    if name == "law":
        return f"The space needs version {args[0]} of the law from now on."
    who = names[args[0]]
    if name == "role":
        scope = f" for {args[2]}" if args[2] else ""
        return f"{who} is {args[1]}{scope} until {day_of(args[3])}."
    return {
        "remove": f"{who} is removed.",
        "readmit": f"{who} may come in again.",
        "admit": f"{who} is let in.",
        "resume": f"{who} may post again.",
        "unrole": f"{who} is no longer {args[1] if len(args) > 1 else ''}.",
    }[name]
