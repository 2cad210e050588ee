"""Who can read: which devices the space's present secrets were sealed to, and when they have to change.

Each founding, admission and handing over seals the secrets to some devices; each rotation begins new ones. Two
rotations at once are two sets of secrets, both readable; members write with the one of the greatest (λ, id).
"""

from typing import NamedTuple

from node.domain.law.view import View


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


def readers(view: View) -> set[bytes]:
    """Return the devices that the present secrets were sealed to."""
    last = present_rotation(view)
    if last is None:
        return set()
    pasts = view.law.pasts
    since = (h for h in view.law.handings if pasts.covers[h.number] >> pasts.place(last.number) & 1)
    return {device for handing in since if view.includes(handing.number) for device in handing.readers}


def must_rotate(view: View) -> bool:
    """Tell whether a device that lost its standing can read what is written now."""
    return any(view.grant_of(device) is None for device in readers(view))


def lacking(view: View) -> list[bytes]:
    """Return the devices in standing that the present secrets were not sealed to."""
    known = readers(view)
    return [grant.device for grant in view.standing() if grant.device not in known]
