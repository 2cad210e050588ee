"""Operations on one's own devices: list them in a space, end one."""

from crdt.change import Change
from identity.keys import to_did
from node.domain.area import require
from node.domain.law.membership import RevokeDevice
from node.ingest import deciding
from node.ingest.spaces import Space
from node.runtime import Node
from ui.api_spaces import SPACE, need_space
from ui.operations import Data, Param, operation
from ui.whom import key_named

DEVICE = Param("device", "path", "a device of yours, as did:key")


@operation("GET", "/spaces/{space}/devices", SPACE)
async def devices(node: Node, given: Data) -> Data:
    """List your devices in a space, those that were ended included."""
    space = need_space(node, given["space"])
    view, logs = space.law.present(), space.history.logs
    listed = {grant.device: grant for grant in space.law.grants_of(node.me.person) if view.includes(grant.number)}
    return {
        "devices": [
            {
                "device": to_did(device),
                "since": grant.since_ms,
                "last": logs[device].time if device in logs else None,
                "changes": logs[device].seq if device in logs else 0,
                "state": "in use" if view.grant_of(device) is not None else "ended",
                "is_this": device == node.road.device.public,
                "audits": view.is_duty_device(device),
            }
            for device, grant in listed.items()
        ],
        "holds_phrase": node.me.root is not None,
    }


@operation("DELETE", "/spaces/{space}/devices/{device}", SPACE, DEVICE)
async def revoke(node: Node, given: Data) -> Data:
    """End one of your devices: what it said so far stays, what it says from now on is void."""
    space = need_space(node, given["space"])
    device = _other_device(node, given["device"])
    require(_is_mine(node, space, device), "a device is ended by its own person")
    require(space.law.person_of(device) is not None, "This device was ended already.")
    change = await _end(node, space, device)
    return {"change": change.id.hex()}


@operation("DELETE", "/devices/{device}", DEVICE)
async def revoke_everywhere(node: Node, given: Data) -> Data:
    """End one of your devices in all your spaces, such as one that was lost."""
    device = _other_device(node, given["device"])
    spaces = [space for space in node.road.spaces.values() if _is_mine(node, space, device)]
    require(spaces, "You have no such device.")
    standing = [space for space in spaces if space.state == "member" and space.law.person_of(device) is not None]
    require(standing, "This device was ended already.")
    changes = [(await _end(node, space, device)).id.hex() for space in standing]
    return {"changes": changes, "spaces": [space.name for space in standing]}


def _other_device(node: Node, text: str) -> bytes:
    device = key_named(text)
    require(device != node.road.device.public, "This is the device you are using: end it from another one.")
    return device


def _is_mine(node: Node, space: Space, device: bytes) -> bool:
    return any(grant.person == node.me.person for grant in space.law.grants.get(device, ()))


async def _end(node: Node, space: Space, device: bytes) -> Change:
    """End a device, with a cut where its log stands here."""
    log = space.history.logs.get(device)
    return await deciding.submit(node.road, space, RevokeDevice(device, log.seq if log else 0))
