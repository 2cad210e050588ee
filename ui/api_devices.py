"""Operations on one's own devices: list them in a space, end one."""

from collections.abc import Sequence

from crdt.change import Change
from identity.errors import Refused
from identity.keys import to_did
from identity.shares import MAX_SHARES
from node.domain.area import require
from node.domain.law.membership import RevokeDevice
from node.domain.recovery import code_of
from node.ingest import deciding, recovery
from node.ingest.spaces import Space
from node.recovering import needs_place, recover, take_place
from node.runtime import Node
from ui.api_spaces import SPACE, need_space
from ui.operations import Data, Param, operation
from ui.whom import Names, id_among, key_named, names_in

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
        "needs_place": needs_place(node),
    }


@operation("POST", "/devices/{device}/place", DEVICE)
async def take_a_place(node: Node, given: Data) -> Data:
    """Let this device, for which no place was free, take that of another of yours, which so ends in all spaces."""
    entered = await take_place(node, key_named(given["device"]))
    return {"spaces": [space.name for space in entered]}


@operation("DELETE", "/spaces/{space}/devices/{device}", SPACE, DEVICE)
async def revoke(node: Node, given: Data) -> Data:
    """End one of your devices: what it said so far stays, what it says from now on is void."""
    space = need_space(node, given["space"])
    device = _other_device(node, given["device"], [space])
    require(_is_mine(node, space, device), "a device is ended by its own person")
    require(space.law.person_of(device) is not None, "This device was ended already.")
    change = await _end(node, space, device)
    return {"change": change.id.hex()}


@operation("DELETE", "/devices/{device}", DEVICE)
async def revoke_everywhere(node: Node, given: Data) -> Data:
    """End one of your devices in all your spaces, such as one that was lost."""
    device = _other_device(node, given["device"], list(node.road.spaces.values()))
    spaces = [space for space in node.road.spaces.values() if _is_mine(node, space, device)]
    require(spaces, "You have no such device.")
    standing = [space for space in spaces if space.state == "member" and space.law.person_of(device) is not None]
    require(standing, "This device was ended already.")
    changes = [(await _end(node, space, device)).id.hex() for space in standing]
    return {"changes": changes, "spaces": [space.name for space in standing]}


def _other_device(node: Node, text: str, spaces: Sequence[Space]) -> bytes:
    device = key_named(text)
    if device == node.road.device.public:
        only = all(len(space.law.devices_of(node.me.person)) < 2 for space in spaces)
        require(not only, "This is your only device: add another one first. To go altogether, leave the space.")
        raise Refused("This is the device you are using: end it from another one.")
    return device


def _is_mine(node: Node, space: Space, device: bytes) -> bool:
    return any(grant.person == node.me.person for grant in space.law.grants.get(device, ()))


async def _end(node: Node, space: Space, device: bytes) -> Change:
    """End a device, with a cut where its log stands here."""
    log = space.history.logs.get(device)
    return await deciding.submit(node.road, space, RevokeDevice(device, log.seq if log else 0))


# -- recovery by trusted members -------------------------------------------------------------------------------------

ASKING = Param("asking", "path", "the asking's id, or how it begins")
WHOSE = Param("person", "path", "whose key, by name or did:key")


@operation("GET", "/spaces/{space}/recovery", SPACE)
async def recovery_state(node: Node, given: Data) -> Data:
    """Say whom you trust with your key, and who asks for a key of which you hold a share."""
    space = need_space(node, given["space"])
    names, view = await names_in(node, space), space.law.present()
    mine = await recovery.sharing_of(node.road, space, node.me.person)
    parts = mine.parts if mine is not None else []
    asked = await recovery.all_askings(node.road, space)
    return {
        "holds_phrase": node.me.root is not None,
        "needed": mine.needed if mine is not None else 0,
        "trusted": [
            {"person": to_did(part[0]), "name": names[part[0]], "belongs": view.is_member(part[0])} for part in parts
        ],
        "share_anew": mine is not None and recovery.is_short(space, mine),
        "askings": [_asking_data(node, asking, names) for asking in asked],
    }


def _asking_data(node: Node, asking: recovery.Asking, names: Names) -> Data:
    mine = asking.device == node.road.device.public
    return {
        "id": asking.id.hex(),
        "person": to_did(asking.person),
        "name": names[asking.person],
        "by": names[asking.by],
        "time": asking.time,
        "code": asking.code if mine else None,
        "needed": asking.needed,
        "given": len(asking.given),
        "given_by": [names[person] for person in asking.trusted if person in asking.given],
        "declined_by": [names[person] for person in sorted(asking.declined)],
        "denied": asking.is_denied,
        "i_gave": node.me.person in asking.given,
        "i_declined": node.me.person in asking.declined,
        "for_me": node.me.person in asking.trusted,
        "is_mine": mine,
    }


@operation("POST", "/spaces/{space}/recovery", SPACE,
           Param("trusted", "body", "members to trust with your key, by name or did:key", "array"),
           Param("needed", "body", "how many of them can recover you together", "integer"))  # fmt: skip
async def share_key(node: Node, given: Data) -> Data:
    """Share your key with members you trust: some of them together let you in again, fewer learn nothing."""
    space = need_space(node, given["space"])
    require(len(given["trusted"]) <= MAX_SHARES, f"Trust at most {MAX_SHARES} members.")
    names = await names_in(node, space)
    trusted = [names.person(one) for one in given["trusted"]]
    change = await recovery.share_key(node.road, node.me, space, trusted, given["needed"])
    return {"change": change.id.hex(), "trusted": [to_did(person) for person in sorted(set(trusted))]}


@operation("POST", "/spaces/{space}/people/{person}/recovery", SPACE, WHOSE)
async def ask_recovery(node: Node, given: Data) -> Data:
    """Ask, from a new device that came in by another name, for the shares of your key; read the code out by voice."""
    space = need_space(node, given["space"])
    person = (await names_in(node, space)).person(given["person"])
    change = await recovery.ask(node.road, space, person)
    return {"asking": change.id.hex(), "code": code_of(change.id), "person": to_did(person)}


@operation("POST", "/spaces/{space}/recovery/{asking}", SPACE, ASKING,
           Param("code", "body", "the digits that they read out to you, by voice"))  # fmt: skip
async def give_share(node: Node, given: Data) -> Data:
    """Hand your share of somebody's key to the device that asks; first make sure, by voice, that it is really them."""
    space = need_space(node, given["space"])
    change = await recovery.give(node.road, space, await _need_asking(node, space, given["asking"]), given["code"])
    return {"change": change.id.hex()}


@operation("POST", "/spaces/{space}/recovery/{asking}/decline", SPACE, ASKING)
async def decline_share(node: Node, given: Data) -> Data:
    """Hand nothing on to a device that asks, and let the others know. Of your own key: it is not you who asks."""
    space = need_space(node, given["space"])
    change = await recovery.decline(node.road, space, await _need_asking(node, space, given["asking"]))
    return {"change": change.id.hex()}


async def _need_asking(node: Node, space: Space, text: str) -> recovery.Asking:
    known = {asking.id: asking for asking in await recovery.all_askings(node.road, space)}
    return known[id_among(known, text, "asking")]


@operation("POST", "/spaces/{space}/people/{person}/recovered", SPACE, WHOSE)
async def recover_me(node: Node, given: Data) -> Data:
    """Become yourself again on this device, once enough of those you trust have given their shares."""
    space = need_space(node, given["space"])
    person = (await names_in(node, space)).person(given["person"])
    await recover(node, space, person)
    return {"person": to_did(node.me.person), "device": to_did(node.road.device.public)}
