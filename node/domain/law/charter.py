"""The rules of a space: data that its members agree on, each with its sentence, its range and its default.

A charter is what a sealed decision changes, rule by rule; nothing else does. It holds no free text: what a space is
for stands on its page. What no charter can take away (leaving, taking everything along, forking, one member one
vote) is not here, so no decision can name it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import gcd
from typing import Any

from identity.errors import Malformed

Value = Any
DAY_MS = 86_400_000
HOUR_MS = 3_600_000
MAX_PARENTS = 16
MAX_COMPETENCES = 32
DIGEST_BYTES = 16
PLACE, FUNCTION, GENERAL = "place", "function", "general"
OPEN, INVITE, VOUCH, VOTE = "open", "invite", "vouch", "vote"
MEMBERS, STEWARDS = "members", "stewards"


@dataclass(frozen=True, slots=True)
class Values:
    """What a rule may be: in words, and as a test."""

    words: str
    holds: Callable[[Value], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: what it may be, what it is where nobody said, and what it means in words."""

    name: str
    default: Value
    values: Values
    sentence: Callable[[Value], str]


def _one_of(*values: str) -> Values:
    return Values(f"one of {', '.join(values)}", lambda value: type(value) is str and value in values)


def _between(least: int, most: int) -> Values:
    words = f"a whole number from {least} to {most}"
    return Values(words, lambda value: type(value) is int and least <= value <= most)


def _is_share(value: Value) -> bool:
    """A share is a fraction of whole numbers, [part, of], from nothing up to all."""
    well = type(value) is list and len(value) == 2 and all(type(part) is int for part in value)
    return bool(well and 0 <= value[0] <= value[1] and 1 <= value[1] <= 1_000)


def _are_ids(value: Value) -> bool:
    well = type(value) is list and len(value) <= MAX_PARENTS
    return well and all(type(one) is bytes and len(one) == 32 for one in value) and len(set(value)) == len(value)


def _are_competences(value: Value) -> bool:
    well = type(value) is list and len(value) <= MAX_COMPETENCES
    return well and all(type(word) is str and word in COMPETENCES for word in value) and sorted(set(value)) == value


def _is_origin(value: Value) -> bool:
    """Another space's id and the digest of its log at the time, or nothing."""
    well = type(value) is list and all(type(part) is bytes for part in value)
    return well and [len(part) for part in value] in ([], [32, DIGEST_BYTES])


_FLAG = Values("yes or no", lambda value: type(value) is bool)
_SHARE = Values("a share such as 1/2 or 2/3", _is_share)
_IDS = Values(f"the ids of at most {MAX_PARENTS} spaces", _are_ids)


_ORIGIN = Values("the id of a space and the digest of its log", _is_origin)


def _count(one: str, many: str, none: str = "") -> Callable[[Value], str]:
    return lambda value: none if none and value == 0 else (one if value == 1 else many).format(value)


def _choice(**sentences: str) -> Callable[[Value], str]:
    return lambda value: sentences[value]


def _yes_no(yes: str, no: str) -> Callable[[Value], str]:
    return lambda value: yes if value else no


def percent(share: Sequence[int]) -> str:
    """Return a share that is neither nothing nor all in words: `half`, `two thirds`, or as `3 in 7`."""
    part, of = lowest(share)
    named = {
        (1, 10): "a tenth",
        (1, 5): "a fifth",
        (1, 4): "a quarter",
        (1, 3): "a third",
        (1, 2): "half",
        (3, 5): "three fifths",
        (2, 3): "two thirds",
        (3, 4): "three quarters",
        (4, 5): "four fifths",
    }
    return named.get((part, of), f"{part} in {of}")


def lowest(share: Sequence[int]) -> tuple[int, int]:
    """Return a share in lowest terms; nothing is 0 of 1, all 1 of 1."""
    divisor = gcd(*share)
    return share[0] // divisor, share[1] // divisor


def _of(nothing: str, some: str, everything: str) -> Callable[[Value], str]:
    """Return the sentence of a share: one for nothing, one for all, and one for whatever lies between."""

    def sentence(share: Value) -> str:
        ends = {(0, 1): nothing, (1, 1): everything}
        return ends.get(lowest(share)) or some.format(percent(share))

    return sentence


def _parts(value: Value) -> str:
    if not value:
        return "It is part of no other space."
    return "It is part of one space." if len(value) == 1 else f"It is part of {len(value)} spaces at once."


def _binding(words: Value) -> str:
    if not words:
        return "It decides for itself only: its parts are free in everything."
    return f"What it decides binds its parts about {', '.join(words)}; in all else they are free."


def _origin(value: Value) -> str:
    if not value:
        return "It continues no other space."
    return f"It continues the space {value[0].hex()[:8]} as it stood at {value[1].hex()[:8]}."


COMPETENCES = (
    "assets",
    "care",
    "culture",
    "energy",
    "environment",
    "finance",
    "food",
    "health",
    "housing",
    "learning",
    "mobility",
    "safety",
    "space",
    "technology",
    "water",
    "work",
)
_WORDS = Values(f"some of {', '.join(COMPETENCES)}, in this order", _are_competences)
_RULES = (
    Rule(
        "admission",
        INVITE,
        _one_of(OPEN, INVITE, VOUCH, VOTE),
        _choice(
            open="Whoever opens a link to this space is let in.",
            invite="Whoever a member invites is let in.",
            vouch="Whoever enough members vouch for is let in.",
            vote="Whoever the members decide to let in, is let in.",
        ),
    ),
    Rule(
        "vouchers",
        2,
        _between(1, 20),
        _count("One member has to vouch.", "{} members have to vouch, or all, while there are fewer."),
    ),
    Rule(
        "vouchers_named",
        True,
        _FLAG,
        _yes_no(
            "Who waits to be let in is told who vouched for them.",
            "Who waits to be let in is told only how many vouched for them.",
        ),
    ),
    Rule(
        "inviters",
        MEMBERS,
        _one_of(MEMBERS, STEWARDS),
        _choice(members="Every member may invite.", stewards="Stewards invite."),
    ),
    Rule(
        "invitations",
        100,
        _between(0, 10_000),
        _count(
            "A member lets in at most one person in 30 days.",
            "A member lets in at most {} people in 30 days.",
            "Nobody is let in.",
        ),
    ),
    Rule(
        "newcomers_read_past",
        True,
        _FLAG,
        _yes_no("Newcomers may read what was said before they came.", "Newcomers read what is said from now on."),
    ),
    Rule(
        "sponsors",
        1,
        _between(1, 100),
        _count(
            "A proposal opens at once: its proposer is enough to support it.",
            "A proposal opens once {} members support it, or all, while there are fewer.",
        ),
    ),
    Rule(
        "voting_days",
        3,
        _between(0, 365),
        _count(
            "A vote lasts a day at least.",
            "A vote lasts {} days at least.",
            "A vote may be as short as its proposer likes.",
        ),
    ),
    Rule(
        "grace_hours",
        24,
        _between(0, 720),
        _count(
            "Ballots are waited for one hour more.",
            "Ballots are waited for {} hours more.",
            "Once a vote has ended, no ballot is waited for.",
        ),
    ),
    Rule(
        "quorum",
        [1, 4],
        _SHARE,
        _of(
            "A decision holds however few members vote.",
            "A decision needs ballots of at least {} of the members.",
            "A decision needs ballots of all members.",
        ),
    ),
    Rule(
        "threshold",
        [1, 2],
        _SHARE,
        _of(
            "It passes with a single yes.",
            "It passes with more than {} of yes and no.",
            "It passes if somebody votes yes and nobody no.",
        ),
    ),
    Rule(
        "grave_threshold",
        [2, 3],
        _SHARE,
        _of(
            "Removing somebody and changing these rules needs a single yes.",
            "Removing somebody and changing these rules needs more than {} of yes and no.",
            "Removing somebody and changing these rules needs a yes, and nobody's no.",
        ),
    ),
    Rule(
        "emergency_days",
        60,
        _between(7, 730),
        lambda days: (
            f"If the auditors have not sealed a vote on new auditors {days} days after it ended, "
            "more than half of all members hand over without them."
        ),
    ),
    Rule(
        "suspenders",
        2,
        _between(1, 20),
        _count("One moderator can pause somebody's posting.", "{} moderators together can pause somebody's posting."),
    ),
    Rule("suspension_days", 7, _between(1, 90), _count("A pause ends after a day.", "A pause ends after {} days.")),
    Rule(
        "role_days",
        365,
        _between(1, 3_650),
        _count("A role is given for a day at most.", "A role is given for {} days at most."),
    ),
    Rule(
        "publish_log",
        False,
        _FLAG,
        _yes_no("The public log may be read by anybody.", "The public log is for members."),
    ),
    Rule(
        "members_of_parent",
        False,
        _FLAG,
        _yes_no("Members also belong to a parent space.", "Members need not belong to a parent space."),
    ),
    Rule("parents", [], _IDS, _parts),
    Rule(
        "layer",
        GENERAL,
        _one_of(PLACE, FUNCTION, GENERAL),
        _choice(
            place="It is for everybody of a place.",
            function="It is for those who do something together.",
            general="It is for taking part in general.",
        ),
    ),
    Rule("competences", [], _WORDS, _binding),
    Rule("continues", [], _ORIGIN, _origin),
)
RULES: Mapping[str, Rule] = {rule.name: rule for rule in _RULES}
FOUNDING_ONLY = frozenset({"continues"})  # where a space comes from, no decision changes

TEMPLATES: Mapping[str, Mapping[str, Value]] = {
    "circle": {"admission": INVITE, "quorum": [1, 2], "voting_days": 1, "grace_hours": 6, "suspenders": 1},
    "neighbourhood": {"admission": INVITE, "invitations": 20, "voting_days": 7, "sponsors": 2},
    "cooperative": {
        "admission": VOUCH,
        "vouchers": 2,
        "quorum": [1, 2],
        "grave_threshold": [3, 4],
        "voting_days": 7,
        "sponsors": 2,
    },
    "network": {
        "admission": VOTE,
        "inviters": STEWARDS,
        "quorum": [1, 2],
        "voting_days": 14,
        "grace_hours": 48,
        "sponsors": 3,
    },
}


def check_rule(name: str, value: Value) -> None:
    """Raise Malformed unless a rule is known and may be so."""
    rule = RULES.get(name)
    if rule is None:
        raise Malformed(f"There is no rule {name[:40]!r}.")
    if not rule.values.holds(value):
        raise Malformed(f"The rule {name} is {rule.values.words}.")


def check_rules(rules: Any) -> None:
    """Raise Malformed unless these are rules by name, each once, in order."""
    if type(rules) is not list:
        raise Malformed("a charter's rules are malformed")
    pairs = [rule for rule in rules if type(rule) is list and len(rule) == 2 and type(rule[0]) is str]
    names = [pair[0] for pair in pairs]
    if len(pairs) != len(rules) or names != sorted(set(names)):
        raise Malformed("a charter's rules are malformed")
    for name, value in pairs:
        check_rule(name, value)


class Charter:
    """All rules of a space as they hold at one moment; a new one is made for each amendment."""

    __slots__ = ("_said", "version")

    def __init__(self, said: Mapping[str, Value], version: int = 1) -> None:
        self._said = dict(said)
        self.version = version

    def __getitem__(self, name: str) -> Value:
        """Return what a rule says, its default where nobody said."""
        return self._said.get(name, RULES[name].default)

    def amended(self, rules: Mapping[str, Value]) -> "Charter":
        """Return the charter after an amendment."""
        return Charter({**self._said, **rules}, self.version + 1)

    def said(self) -> list[list[Any]]:
        """Return the rules that differ from what holds by default, as they go on the wire."""
        return [[name, value] for name, value in sorted(self._said.items()) if value != RULES[name].default]

    def sentences(self) -> list[tuple[str, str]]:
        """Return every rule by name, in words."""
        return [(rule.name, rule.sentence(self[rule.name])) for rule in _RULES]
