"""Law in the reader's language: rules, roles, powers and what decisions change, each as a sentence.

The law says its rules in English (node/domain/law/charter.py); here stand the same sentences with their plurals, and
a test holds the two together.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from node.domain.law.charter import COMPETENCES, RULES, Charter, lowest, percent


class Speaker(Protocol):
    """Who knows the reader's language, such as a visit to a page."""

    def gettext(self, words: str) -> str:
        """Return words in the reader's language."""
        ...

    def ngettext(self, one: str, many: str, number: int) -> str:
        """Return counted words in the reader's language."""
        ...


def _(words: str) -> str:
    """Mark words for the catalogues."""
    return words


# -- rules ---------------------------------------------------------------------------------------------------------

_CHOICES: Mapping[str, Mapping[Any, str]] = {
    "admission": {
        "open": _("Whoever opens a link to this space is let in."),
        "invite": _("Whoever a member invites is let in."),
        "vouch": _("Whoever enough members vouch for is let in."),
        "vote": _("Whoever the members decide to let in, is let in."),
    },
    "vouchers_named": {
        True: _("Who waits to be let in is told who vouched for them."),
        False: _("Who waits to be let in is told only how many vouched for them."),
    },
    "inviters": {"members": _("Every member may invite."), "stewards": _("Stewards invite.")},
    "newcomers_read_past": {
        True: _("Newcomers may read what was said before they came."),
        False: _("Newcomers read what is said from now on."),
    },
    "publish_log": {
        True: _("The public log may be read by anybody."),
        False: _("The public log is for members."),
    },
    "members_of_parent": {
        True: _("Members also belong to a parent space."),
        False: _("Members need not belong to a parent space."),
    },
    "layer": {
        "place": _("It is for everybody of a place."),
        "function": _("It is for those who do something together."),
        "general": _("It is for taking part in general."),
    },
}
_SHARES = {
    "quorum": (
        _("A decision holds however few members vote."),
        _("A decision needs ballots of at least %(share)s of the members."),
        _("A decision needs ballots of all members."),
    ),
    "threshold": (
        _("It passes with a single yes."),
        _("It passes with more than %(share)s of yes and no."),
        _("It passes if somebody votes yes and nobody no."),
    ),
    "grave_threshold": (
        _("Removing somebody and changing these rules needs a single yes."),
        _("Removing somebody and changing these rules needs more than %(share)s of yes and no."),
        _("Removing somebody and changing these rules needs a yes, and nobody's no."),
    ),
}
SHARE_NAMES = (
    _("a tenth"),
    _("a fifth"),
    _("a quarter"),
    _("a third"),
    _("half"),
    _("three fifths"),
    _("two thirds"),
    _("three quarters"),
    _("four fifths"),
)
_NONE = {
    "invitations": _("Nobody is let in."),
    "voting_days": _("A vote may be as short as its proposer likes."),
    "grace_hours": _("Once a vote has ended, no ballot is waited for."),
}
_COMPETENCE_NAMES = (
    _("assets"),
    _("care"),
    _("culture"),
    _("energy"),
    _("environment"),
    _("finance"),
    _("food"),
    _("health"),
    _("housing"),
    _("learning"),
    _("mobility"),
    _("safety"),
    _("space"),
    _("technology"),
    _("water"),
    _("work"),
)
assert _COMPETENCE_NAMES == COMPETENCES  # noqa: S101 - each has its word here, or a page would speak two languages


def _counted(speak: Speaker, name: str, n: int) -> str | None:
    """Return the sentence of a rule that is a number."""
    forms: dict[str, Callable[[], str]] = {
        "vouchers": lambda: speak.ngettext(
            "One member has to vouch.", "%(num)s members have to vouch, or all, while there are fewer.", n
        ),
        "invitations": lambda: speak.ngettext(
            "A member lets in at most one person in 30 days.",
            "A member lets in at most %(num)s people in 30 days.",
            n,
        ),
        "sponsors": lambda: speak.ngettext(
            "A proposal opens at once: its proposer is enough to support it.",
            "A proposal opens once %(num)s members support it, or all, while there are fewer.",
            n,
        ),
        "voting_days": lambda: speak.ngettext("A vote lasts a day at least.", "A vote lasts %(num)s days at least.", n),
        "grace_hours": lambda: speak.ngettext(
            "Ballots are waited for one hour more.", "Ballots are waited for %(num)s hours more.", n
        ),
        "emergency_days": lambda: speak.ngettext(
            "If the auditors have not sealed a vote on new auditors %(num)s day after it ended, more than half of all "
            "members hand over without them.",
            "If the auditors have not sealed a vote on new auditors %(num)s days after it ended, more than half of all "
            "members hand over without them.",
            n,
        ),
        "suspenders": lambda: speak.ngettext(
            "One moderator can pause somebody's posting.",
            "%(num)s moderators together can pause somebody's posting.",
            n,
        ),
        "suspension_days": lambda: speak.ngettext("A pause ends after a day.", "A pause ends after %(num)s days.", n),
        "role_days": lambda: speak.ngettext(
            "A role is given for a day at most.", "A role is given for %(num)s days at most.", n
        ),
    }
    if n == 0 and name in _NONE:
        return speak.gettext(_NONE[name])
    return forms[name]() % {"num": n} if name in forms else None


def _share_sentence(speak: Speaker, name: str, share: Sequence[int]) -> str:
    nothing, some, everything = _SHARES[name]
    part, of = lowest(share)
    if part in (0, of):
        return speak.gettext(everything if part else nothing)
    named = percent(share)
    words = speak.gettext(named) if named in SHARE_NAMES else speak.gettext("%(part)s in %(of)s")
    return speak.gettext(some) % {"share": words % {"part": part, "of": of}}


def rule_sentence(speak: Speaker, name: str, value: Any) -> str:
    """Return what a rule says, as a sentence."""
    if name in _CHOICES:
        return speak.gettext(_CHOICES[name][value])
    if name in _SHARES:
        return _share_sentence(speak, name, value)
    if name == "parents":
        words = speak.ngettext("It is part of one space.", "It is part of %(num)s spaces at once.", len(value))
        return words % {"num": len(value)} if value else speak.gettext("It is part of no other space.")
    if name == "competences":
        return _competences(speak, value)
    if name == "continues":
        return _origin(speak, value)
    return _counted(speak, name, value) or RULES[name].sentence(value)


def _competences(speak: Speaker, value: Sequence[str]) -> str:
    if not value:
        return speak.gettext("It decides for itself only: its parts are free in everything.")
    named = ", ".join(speak.gettext(word) for word in value)
    words = speak.gettext("What it decides binds its parts about %(words)s; in all else they are free.")
    return words % {"words": named}


def _origin(speak: Speaker, value: Sequence[bytes]) -> str:
    if not value:
        return speak.gettext("It continues no other space.")
    words = speak.gettext("It continues the space %(space)s as it stood at %(digest)s.")
    return words % {"space": value[0].hex()[:8], "digest": value[1].hex()[:8]}


def sentences(speak: Speaker, charter: Charter) -> list[tuple[str, str]]:
    """Return every rule by name, in words."""
    return [(name, rule_sentence(speak, name, charter[name])) for name, _english in charter.sentences()]


RULE_LABELS = {
    "admission": _("Who is let in"),
    "vouchers": _("How many have to vouch"),
    "vouchers_named": _("What a newcomer is told of who vouched"),
    "inviters": _("Who invites"),
    "invitations": _("How many one member lets in within 30 days"),
    "newcomers_read_past": _("What newcomers may read"),
    "sponsors": _("How many support a proposal before it is voted on"),
    "voting_days": _("Days a vote lasts at least"),
    "grace_hours": _("Hours that ballots are waited for after its end"),
    "quorum": _("How many of the members have to vote"),
    "threshold": _("More than how much of yes and no is a yes"),
    "grave_threshold": _("More than how much of yes and no removes somebody or changes a rule"),
    "emergency_days": _("Days after which members replace auditors who are gone"),
    "suspenders": _("How many moderators pause somebody's posting"),
    "suspension_days": _("Days a pause lasts"),
    "role_days": _("Days a role is given for at most"),
    "publish_log": _("Who may read the public log"),
    "members_of_parent": _("Whether members belong to a parent space"),
    "parents": _("Which spaces it is part of"),
    "layer": _("Whom it is for"),
    "competences": _("What it decides for its parts"),
    "continues": _("Which space it continues"),
}
TEMPLATES = {
    "circle": (_("Circle of friends"), _("A few people who know each other. Decisions are quick.")),
    "neighbourhood": (
        _("Neighbourhood group"),
        _("Anybody may invite a few neighbours. A vote lasts a week, so that everybody hears of it."),
    ),
    "cooperative": (
        _("Cooperative"),
        _("Two members vouch for a newcomer. Half of all have to vote, and changing the rules needs three quarters."),
    ),
    "network": (
        _("Network of groups"),
        _("The members vote on who joins. Votes last two weeks, so that groups can talk among themselves."),
    ),
}

# -- roles and powers ------------------------------------------------------------------------------------------------

ROLE_NAMES = {
    "auditor": _("Auditor"),
    "facilitator": _("Facilitator"),
    "moderator": _("Moderator"),
    "steward": _("Steward"),
    "treasurer": _("Treasurer"),
    "welcomer": _("Welcomer"),
}


def role_words(speak: Speaker, role: str, scope: str = "") -> str:
    """Return what a role is called; a space's own role is called what it is."""
    name = speak.gettext(ROLE_NAMES[role]) if role in ROLE_NAMES else role
    return speak.gettext("%(role)s for %(scope)s") % {"role": name, "scope": scope} if scope else name


# -- what decisions change -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Telling:
    """What it takes to tell effects in words: a language, what people are called, how dates are written."""

    speak: Speaker
    name: Callable[[bytes], str]
    day: Callable[[int], str]


_ABOUT_ONE = {
    "remove": _("%(name)s is removed."),
    "readmit": _("%(name)s, who was removed, belongs again."),
    "admit": _("%(name)s is let in."),
    "resume": _("%(name)s may post again."),
}


def effect_words(tell: Telling, effect: Sequence[Any]) -> str:
    """Return what follows from a yes, as a sentence."""
    name, *args = effect
    speak = tell.speak
    if name in _ABOUT_ONE:
        return speak.gettext(_ABOUT_ONE[name]) % {"name": tell.name(args[0])}
    if name == "role":
        words = speak.gettext("%(name)s becomes %(role)s, until %(day)s.")
        role = role_words(speak, args[1], args[2])
        return words % {"name": tell.name(args[0]), "role": role, "day": tell.day(args[3])}
    if name == "unrole":
        words = speak.gettext("%(name)s is no longer %(role)s.")
        return words % {"name": tell.name(args[0]), "role": role_words(speak, args[1])}
    if name == "rule":
        return rule_sentence(speak, args[0], args[1])
    if name == "auditors":
        names = [tell.name(person) for person, _device in args[0]]
        if len(names) == 1:
            return speak.gettext("%(name)s audits.") % {"name": names[0]}
        words = speak.ngettext(
            "%(names)s audit, and %(num)s of them seals.", "%(names)s audit, and %(num)s of them seal.", args[1]
        )
        return words % {"names": ", ".join(names), "num": args[1]}
    return speak.gettext("Law of version %(version)s holds here, which needs a newer commons.") % {"version": args[0]}


def change_words(tell: Telling, effects: Sequence[Sequence[Any]]) -> str:
    """Return what a proposal would change, in one line."""
    return " ".join(effect_words(tell, effect) for effect in effects)
