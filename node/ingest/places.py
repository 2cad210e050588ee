"""The 16 numbered places for a person's devices: which are taken, and coming back where all of them are."""

from identity.certificates import SLOTS, read_certificate
from identity.errors import Refused
from node.domain.law.membership import EnterDevice, ReplaceDevice
from node.domain.law.records import Grant
from node.ingest.road import Road
from node.ingest.spaces import Space

FULL = f"All {SLOTS} places for your devices are taken: end one that you no longer use."


def standing(road: Road, person: bytes) -> dict[bytes, Grant]:
    """Return the devices of a person that were not ended, in whichever space, each with a grant of its own."""
    found: dict[bytes, Grant] = {}
    for space in road.spaces.values():
        view = space.law.present()
        for grant in space.law.grants_of(person):
            if not view.is_revoked(grant.device):
                found.setdefault(grant.device, grant)
    return found


def next_slot(road: Road, person: bytes) -> int | None:
    """Return the lowest place that no device of a person has, in any space; that of an ended device is free again."""
    taken = {grant.slot for grant in standing(road, person).values()}
    return next((slot for slot in range(SLOTS) if slot not in taken), None)


def free_slot(road: Road, person: bytes) -> int:
    """Return the lowest free place.

    Raises:
        Refused: if all 16 are taken.
    """
    slot = next_slot(road, person)
    if slot is None:
        raise Refused(FULL)
    return slot


def silent_longest(road: Road, person: bytes) -> Grant | None:
    """Return the device of a person that nothing was heard of for the longest time, in any space."""

    def heard(grant: Grant) -> tuple[int, int]:
        logs = (space.history.logs.get(grant.device) for space in road.spaces.values())
        return max((log.time for log in logs if log is not None), default=grant.since_ms), grant.slot

    return min(standing(road, person).values(), key=heard, default=None)


async def enter_in_place(road: Road, space: Space, certificate: bytes, device: bytes) -> bool:
    """Enter a space with this device in the place of another of its person, which so ends; tell whether it did.

    Where the other does not stand, this one enters as any other does.
    """
    log = space.history.logs.get(device)
    mine = space.law.person_of(device) == read_certificate(certificate).person
    command = ReplaceDevice(certificate, device, log.seq if log else 0) if mine else EnterDevice(certificate)
    if space.law.would_refuse(road.device.public, road.now_ms(), command) is not None:
        return False
    await road.submit(space, command)
    return True
