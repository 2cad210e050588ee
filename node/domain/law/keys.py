"""Who can read: which devices the space's present secrets were sealed to, and when they have to change.

Each founding, admission and handing over seals the secrets to some devices; each rotation begins new ones. Two
rotations at once are two sets of secrets, both readable; members write with the one of the greatest (λ, id).
"""

from typing import TYPE_CHECKING, NamedTuple

from node.domain.law.membership import FoundSpace, RotateKeys
from node.domain.law.records import LawChange
from node.domain.law.view import View

if TYPE_CHECKING:  # the fold that notes every handing over
    from node.domain.law.fold import Law

Rank = tuple[int, bytes]
"""Which rotation secrets belong to: the (λ, id) of the change that began them."""


class Handing(NamedTuple):
    """A change that sealed secrets to devices; one that `rotates` began new ones."""

    depth: int
    id: bytes
    number: int
    readers: frozenset[bytes]
    rotates: bool


def present_rotation(view: View) -> Handing | None:
    """Return the rotation, or the founding, whose secrets are written with."""
    return max((h for h in view.law.handings if h.rotates and view.includes(h.number)), default=None)


def rotations(view: View) -> set[Rank]:
    """Return every rotation, and the founding, that stands."""
    return {(h.depth, h.id) for h in view.law.handings if h.rotates and view.includes(h.number)}


def rank_of(law: "Law", change: LawChange) -> Rank:
    """Return which rotation the secrets belong to that a change hands over: its own, or the present one of its past."""
    if is_rotation(change.command):
        return change.depth, change.id
    rotation = present_rotation(law.view(change.past))
    return (rotation.depth, rotation.id) if rotation is not None else (0, b"")


def is_rotation(command: object) -> bool:
    """Tell whether a command begins new secrets."""
    return isinstance(command, FoundSpace | RotateKeys)


def readers(view: View, rank: Rank | None = None) -> set[bytes]:
    """Return the devices that the secrets of a rotation were sealed to; of the present one, if none is named."""
    if rank is None:
        rotation = present_rotation(view)
    else:
        rotation = next((h for h in view.law.handings if (h.depth, h.id) == rank), None)
    if rotation is None:
        return set()
    pasts = view.law.pasts
    since = (h for h in view.law.handings if pasts.covers[h.number] >> pasts.place(rotation.number) & 1)
    return {device for handing in since if view.includes(handing.number) for device in handing.readers}


def must_rotate(view: View, rank: Rank | None = None) -> bool:
    """Tell whether a device that lost its standing can read what is written with a rotation's secrets."""
    return any(view.grant_of(device) is None for device in readers(view, rank))


def lacking(view: View) -> list[bytes]:
    """Return the devices in standing that the present secrets were not sealed to."""
    known = readers(view)
    return [grant.device for grant in view.standing() if grant.device not in known]
