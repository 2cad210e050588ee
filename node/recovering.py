"""Becoming oneself again on a new device, with the shares that trusted members gave it."""

import asyncio

from identity import keyring
from identity.certificates import certify
from identity.errors import Refused
from identity.keyfile import Keys
from identity.keyring import Keyring
from identity.links import read_link
from node.domain.area import require
from node.domain.law.membership import LeaveSpace
from node.ingest import deciding, places, recovery
from node.ingest.spaces import Space
from node.runtime import Node
from node.store.spaces import keep_state

HEARD_S = 30.0
_LOOK_S = 0.3


async def recover(node: Node, space: Space, person: bytes) -> None:
    """Become a new device of a person, once enough shares of their key were given to this device.

    The name by which this device came in hands the new device's entry on, and leaves: nobody belongs twice.

    Raises:
        Refused: if the shares are too few or not of that key, or nobody of the space can be reached now.
    """
    assert node.keyring is not None  # noqa: S101 - somebody asked for the shares
    seed = await recovery.rebuilt(node.road, space, person)
    neighbours = [one for one in node.syncer.running.values() if one.trusted]
    require(neighbours, "Nobody of this space can be reached now; try again when you are connected.")
    slot, gives_way = _place(node, person)
    keys = node.keyring.as_person(seed, slot, node.clock_ms())
    await recovery.enter_as(node.road, space, keys, gives_way)
    await _heard(node, space, keys.device.public)
    await deciding.submit(node.road, space, LeaveSpace())  # the new device hands this on
    await _become(node, node.keyring, keys)


def _place(node: Node, person: bytes) -> tuple[int, bytes | None]:
    """Return the place of a recovered person's device, and which of theirs gives way to it where all are taken."""
    slot = places.next_slot(node.road, person)
    if slot is not None:
        return slot, None
    grant = places.silent_longest(node.road, person)
    assert grant is not None  # noqa: S101 - all places are taken
    return grant.slot, grant.device


async def take_place(node: Node, device: bytes) -> list[Space]:
    """Let this device, for which there was no place, take that of another of its person, which so ends everywhere.

    Returns in which spaces it stands now.

    Raises:
        Refused: if this device has a place already, or the other is none of this person's.
    """
    ring, road = node.keyring, node.road
    grant = places.standing(road, road.me).get(device)
    require(grant is not None and device != road.device.public, "You have no such device.")
    if not needs_place(node) or grant is None or ring is None or ring.keys.root is None:
        raise Refused("This device has a place of its own already.")
    ring.adopt_certificate(certify(ring.keys.root, road.device.public, grant.slot, node.clock_ms()))
    road.certificate = certificate = node.me.certificate
    spaces = [space for space in road.spaces.values() if space.state == "member"]
    entered = [space for space in spaces if await places.enter_in_place(road, space, certificate, device)]
    node.neighbours.try_again()
    return entered


def needs_place(node: Node) -> bool:
    """Tell whether this device has no place among those of its person: all 16 were taken when it began."""
    keys = node.keyring.keys if node.keyring is not None else None
    return keys is not None and keys.root is not None and keys.certificate is None


def waits_to_be_added(node: Node) -> bool:
    """Tell whether this device came from a copy and holds no key of its person: another of theirs has to add it."""
    keys = node.keyring.keys if node.keyring is not None else None
    alone = keys is not None and keys.root is None and keys.certificate is None
    return alone and any(space.state == "member" for space in node.road.spaces.values())


async def be_added(node: Node, link: str) -> Space:
    """Knock with the link that another device of this person shows; until it answers, that space waits.

    Raises:
        Refused: if this device was added already, or the link is for something else.
    """
    ticket = read_link(link).ticket
    require(waits_to_be_added(node), "This device is one of its person's already.")
    require(ticket.purpose == "device", "This link invites a person, not a device: join with it instead.")
    held = node.road.spaces.get(ticket.space)
    if held is not None and held.state == "member":
        held.state = "waiting"
        await node.database.transaction(lambda db: keep_state(db, held.index.no, "waiting"))
    return await node.join(link)


async def _heard(node: Node, space: Space, device: bytes) -> None:
    """Wait until a neighbour holds what a device said last.

    Raises:
        Refused: if none does for half a minute.
    """
    try:
        async with asyncio.timeout(HEARD_S):
            while True:
                log = node.road.spaces[space.id].history.logs[device]
                if node.keeper.reached_by(space.id, device, log.seq, log.parent.number):
                    return
                await node.syncer.look_again(space.id)  # who compares, tells what they hold of others' logs
                await asyncio.sleep(_LOOK_S)
    except TimeoutError as error:
        raise Refused("Nobody of this space can be reached now; try again when you are connected.") from error


async def _become(node: Node, ring: Keyring, keys: Keys) -> None:
    """Change the folder's keys, and begin anew with them."""
    has_network = node.network is not None
    await node.road.work.settle()
    await node.save_peers()
    await node.stop_network()
    await node.end_tasks()
    ring.become(keys)
    keyring.begin(node.folder, keys.device.public, {})
    await node.begin(ring)
    if has_network:
        await node.start_network()
