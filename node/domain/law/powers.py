"""Who may do what, in words: the same conditions by which the fold judges."""

from collections.abc import Callable
from dataclasses import dataclass

from node.domain.law.charter import INVITE, OPEN, STEWARDS, VOUCH
from node.domain.law.view import MODERATOR, STEWARD, View

Condition = Callable[[View, bytes, int], bool]


def is_member(view: View, person: bytes, _at_ms: int) -> bool:
    """Members talk, propose, support and vote."""
    return view.is_member(person)


def may_post(view: View, person: bytes, at_ms: int) -> bool:
    """A member posts, unless moderators paused that."""
    return view.is_member(person) and view.suspended_until(person, at_ms) is None


def may_invite(view: View, person: bytes, at_ms: int) -> bool:
    """Members invite, or only stewards, as the rules say."""
    if view.sealed.charter["inviters"] == STEWARDS:
        return view.has_role(person, STEWARD, at_ms)
    return view.is_member(person)


def may_vouch(view: View, person: bytes, _at_ms: int) -> bool:
    """Members vouch where vouching lets in."""
    return view.sealed.charter["admission"] == VOUCH and view.is_member(person)


def may_confirm(view: View, person: bytes, at_ms: int) -> bool:
    """Auditors and stewards confirm that an opened vote leaves nobody out."""
    return person in view.sealed.auditors or view.has_role(person, STEWARD, at_ms)


def may_seal(view: View, person: bytes, _at_ms: int) -> bool:
    """Auditors seal results."""
    return person in view.sealed.auditors


def may_pause(view: View, person: bytes, at_ms: int) -> bool:
    """Moderators pause somebody's posting."""
    return view.has_role(person, MODERATOR, at_ms)


def nobody(_view: View, _person: bytes, _at_ms: int) -> bool:
    """What only a sealed decision does, no one person may."""
    return False


@dataclass(frozen=True, slots=True)
class Power:
    """Something that can be done in a space, who may, and under which condition in words."""

    name: str
    words: str
    who: Callable[[View], str]
    holds: Condition


def _inviters(view: View) -> str:
    return "stewards" if view.sealed.charter["inviters"] == STEWARDS else "every member"


def _vouchers(needed: int) -> str:
    return "one member has" if needed == 1 else f"{needed} members have"


def _letting_in(view: View) -> str:
    charter = view.sealed.charter
    return {
        OPEN: "any member's node, at once",
        INVITE: "the node of whoever invited",
        VOUCH: f"any voucher's node, once {_vouchers(charter['vouchers'])} vouched",
    }.get(charter["admission"], "the members, by a sealed decision")


def _auditors(view: View) -> str:
    if len(view.sealed.auditors) == 1:
        return "the auditor"
    return f"{view.sealed.k} of {len(view.sealed.auditors)} auditors together"


def _pausing(view: View) -> str:
    needed = view.sealed.charter["suspenders"]
    return "any moderator" if needed == 1 else f"{needed} moderators together"


def _all(_view: View) -> str:
    return "every member"


def _decision(_view: View) -> str:
    return "the members, by a sealed decision"


POWERS = (
    Power("post", "Write posts and answers", _all, may_post),
    Power("invite", "Invite people", _inviters, may_invite),
    Power("vouch", "Vouch for newcomers", _all, may_vouch),
    Power("admit", "Let newcomers in", _letting_in, nobody),
    Power("propose", "Propose something binding, and support it", _all, is_member),
    Power("vote", "Vote", _all, is_member),
    Power("confirm", "Confirm that a vote leaves nobody out", lambda _view: "auditors and stewards", may_confirm),
    Power("seal", "Seal results", _auditors, may_seal),
    Power("pause", "Pause somebody's posting", _pausing, may_pause),
    Power("roles", "Give and end roles", _decision, nobody),
    Power("remove", "Remove somebody", _decision, nobody),
    Power("amend", "Change the rules", _decision, nobody),
    Power("leave", "Leave, and take everything along", _all, is_member),
)
