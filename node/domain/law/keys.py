"""Who can read: which devices the space's present secrets were sealed to, and when they have to change.

Each founding, admission and handing over seals the secrets to some devices; each rotation begins new ones. Two
rotations at once are two sets of secrets, both readable; members write with the one of the greatest (λ, id).
"""

from collections.abc import Set as AbstractSet
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


def readers(view: View, rank: Rank | None = None) -> AbstractSet[bytes]:
    """Return the devices that the secrets of a rotation were sealed to; of the present one, if none is named."""
    if rank is None:
        present = present_rotation(view)
        if present is None:
            return set()
        rank = present.depth, present.id
    law = view.law
    if view.now and view.bits == law.heard:
        return _all_readers(law, rank)
    rotation = next((h for h in law.handings if (h.depth, h.id) == rank), None)
    since = [h for h in law.handings if rotation is not None and _rests_on(law, h, rotation)]
    return {device for handing in since if view.includes(handing.number) for device in handing.readers}


class Readers(NamedTuple):
    """Whom a rotation's secrets were sealed to by the first `told` of all handings."""

    told: int
    devices: set[bytes]


def _all_readers(law: "Law", rank: Rank) -> AbstractSet[bytes]:
    """Return the same by all that was heard, going on from what was found before: there may be a thousand handings."""
    rotation = next((h for h in reversed(law.handings) if (h.depth, h.id) == rank), None)
    if rotation is None:
        return set()
    known = law.readers.get(rank) or Readers(0, set())
    for handing in law.handings[known.told :]:
        if _rests_on(law, handing, rotation):
            known.devices.update(handing.readers)
    if rank not in law.readers:
        law.readers.clear()  # earlier ones are hardly asked for again
    law.readers[rank] = Readers(len(law.handings), known.devices)
    return known.devices


def _rests_on(law: "Law", handing: Handing, rotation: Handing) -> bool:
    return law.pasts.knows(handing.number, rotation.number)


def must_rotate(view: View, rank: Rank | None = None) -> bool:
    """Tell whether a device that lost its standing can read what is written with a rotation's secrets."""
    return any(view.grant_of(device) is None for device in readers(view, rank))


def lacking(view: View) -> list[bytes]:
    """Return the devices in standing that the present secrets were not sealed to."""
    known = readers(view)
    return [grant.device for grant in view.standing() if grant.device not in known]
