"""Becoming oneself again on a new device, with the shares that trusted members gave it."""

import asyncio

from identity import keyring
from identity.errors import Refused
from identity.keyfile import Keys
from identity.keyring import Keyring
from node.domain.area import require
from node.domain.law.membership import LeaveSpace
from node.ingest import belonging, deciding, recovery
from node.ingest.spaces import Space
from node.runtime import Node

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
    keys = node.keyring.as_person(seed, belonging.free_slot(node.road, person), node.clock_ms())
    await recovery.enter_as(node.road, space, keys)
    await _heard(node, space, keys.device.public)
    await deciding.submit(node.road, space, LeaveSpace())  # the new device hands this on
    await _become(node, node.keyring, keys)


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
