"""A space's secrets: begun anew when somebody who held them has gone, and handed to devices that lack them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgpack

from identity.sealed import new_secret, seal_with
from node.domain.law.keys import lacking, must_rotate, present_rotation
from node.domain.law.membership import MAX_BEFORE_BYTES, HandKeys, RotateKeys
from node.domain.law.powers import may_confirm
from node.ingest.spaces import Secrets, Space

if TYPE_CHECKING:  # the road renews keys before it signs
    from node.ingest.road import Road

PART = 1_000  # wraps of one change: a body holds 256 KiB


def is_officer(road: Road, space: Space) -> bool:
    """Tell whether keeping keys is for this person first: a steward or auditor; others wait, or a hundred would act."""
    return may_confirm(space.law.present(), road.me, road.now_ms())


async def renew_keys(road: Road, space: Space) -> bool:
    """Begin new secrets if somebody who lost their standing reads the present ones; tell whether that was so.

    Two members who do this unaware of each other make two sets: both stay readable, and all write with one of them.
    """
    space = road.spaces[space.id]
    view = space.law.present()
    if view.person_of(road.device.public) is None or not must_rotate(view):
        return False
    await begin_keys(road, space)
    return True


async def begin_keys(road: Road, space: Space) -> None:
    """Begin new secrets for every device in standing."""
    for command in beginning(space):
        await road.submit(space, command)


def beginning(space: Space) -> list[RotateKeys | HandKeys]:
    """Return what begins new secrets; newcomers get the earlier ones of talk with them if the rules say so."""
    view = space.law.present()
    devices = sorted(grant.device for grant in view.standing())
    fresh = Secrets(space.secrets.discovery, [new_secret()], [new_secret()])
    before = _before(space.for_newcomers(), fresh.law[0])
    first, *rest = [devices[start : start + PART] for start in range(0, len(devices), PART)]
    return [RotateKeys(fresh.sealed_to(first), before), *(HandKeys(fresh.sealed_to(part)) for part in rest)]


def renewal(space: Space, device: bytes) -> list[RotateKeys | HandKeys]:
    """Return what has to be said before a device writes: new secrets, where who has gone reads what it writes with.

    These may be older secrets than the present ones, if it was not given those yet.
    """
    view = space.law.present()
    if space.sealing_checked is view:
        return []
    space.sealing_checked = view
    if view.person_of(device) is None or not must_rotate(view, space.secrets.rank):
        return []
    return beginning(space)


async def hand_keys(road: Road, space: Space) -> int:
    """Hand the present secrets to devices in standing that lack them; returns to how many.

    Who was not given them hands nothing: older ones would be taken for the present ones. Where no steward or auditor
    was, those who keep keys begin new ones.
    """
    space = road.spaces[space.id]
    view = space.law.present()
    rotation = present_rotation(view)
    present = space.secrets.present.get("talk")
    if view.person_of(road.device.public) is None or present is None or rotation is None:
        return 0
    grants = [grant for device in lacking(view) if (grant := view.grant_of(device)) is not None]
    officer = is_officer(road, space)
    mine = {grant.device for grant in grants if officer or grant.inviter == road.me} - {road.device.public}
    if space.secrets.rank != (rotation.depth, rotation.id) or present not in space.secrets.handed("talk"):
        if officer and not _is_kept(road, space):
            await begin_keys(road, space)
        return 0
    wraps = space.presently().sealed_to(sorted(mine)[:PART]) if mine else []
    if wraps:  # none where these devices' keys take no seal: they would lack them again at once
        await road.submit(space, HandKeys(wraps))
    return len(wraps)


def _is_kept(road: Road, space: Space) -> bool:
    """Tell whether a steward or auditor was given the present secrets, by a device that can still sign."""
    view, logs = space.law.present(), space.history.logs
    lack = set(lacking(view))
    able = (one for one in view.standing() if one.device not in lack)
    signing = (one for one in able if one.device not in logs or logs[one.device].forked is None)
    return any(may_confirm(view, one.person, road.now_ms()) for one in signing)


def _before(secrets: Secrets, law: bytes) -> bytes:
    """Return the earlier secrets, the newest of them if there are too many, sealed with the new law secret."""
    earlier, talk = secrets.handed("law"), secrets.handed("talk")
    packed = msgpack.packb([earlier, talk, []])
    while len(packed) > MAX_BEFORE_BYTES - 64:
        earlier, talk = earlier[1:], talk[len(talk) // 2 :]
        packed = msgpack.packb([earlier, talk, []])
    return seal_with(packed, law)
