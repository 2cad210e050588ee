"""Recovering a person with the help of members they trust: sharing their key, asking, giving, and entering anew."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgpack

from crdt.batch import Batch
from crdt.change import MAX_LAW_DEPS, Change, Header, encode_body, make
from identity.errors import Malformed, Refused
from identity.keyfile import Keys
from identity.keys import SigningKey
from identity.sealed import seal_to
from identity.shares import combine, split
from node.domain.area import Fact, require, wire_fields
from node.domain.law.membership import EnterDevice, ReplaceDevice
from node.domain.recovery import (
    MAX_DEVICES,
    AskRecovery,
    DeclineShare,
    GiveShare,
    ShareKey,
    check_of,
    code_of,
    present_sharing,
    recovery_id,
)
from node.ingest.belonging import Self
from node.ingest.road import Road
from node.ingest.spaces import Space
from node.ingest.writing import facts_about
from node.store import readmodel


class Asking(NamedTuple):
    """Somebody who says from a new device that they are a person; `code` is what they read out to be known by."""

    id: bytes
    person: bytes
    by: bytes
    device: bytes
    time: int
    code: str
    needed: int
    trusted: tuple[bytes, ...]
    given: frozenset[bytes]
    declined: frozenset[bytes]

    @property
    def is_denied(self) -> bool:
        """Whether the person themself says that it is not them who asks."""
        return self.person in self.declined


async def share_key(road: Road, me: Self, space: Space, trusted: Sequence[bytes], needed: int) -> Change:
    """Split one's key among trusted members, instead of whatever was shared before.

    Raises:
        Refused: if this device does not hold the key, or they cannot be trusted so.
    """
    if me.root is None:
        raise Refused("Only a device that holds your recovery key shares it.")
    people = sorted(set(trusted))
    require(me.person not in people, "Trust others, not yourself.")
    require(2 <= needed <= len(people) <= 32, "Trust 2 to 32 members, of whom at least 2 are needed.")
    view = space.law.present()
    require(all(view.is_member(person) for person in people), "You can trust only members of this space.")
    return await _share(road, me.root, space, people, needed)


async def _share(road: Road, root: SigningKey, space: Space, people: Sequence[bytes], needed: int) -> Change:
    shares = split(root.seed, needed, len(people))
    parts = [_part(space, person, number, shares[number]) for number, person in enumerate(people, 1)]
    return await road.submit(space, ShareKey(root.public, needed, parts))


def _part(space: Space, member: bytes, number: int, share: bytes) -> list[Any]:
    plain = msgpack.packb([number, share])
    return [member, check_of(share, number), [[device, seal_to(plain, device)] for device in _kept_on(space, member)]]


def _kept_on(space: Space, member: bytes) -> list[bytes]:
    """Return the devices that a member's share is sealed to."""
    return sorted(grant.device for grant in space.law.devices_of(member))[:MAX_DEVICES]


async def renew_shares(road: Road, root: SigningKey, space: Space) -> bool:
    """Share one's key anew if somebody who is trusted with it went, or has other devices by now; tell whether it was.

    The others are trusted as before. Where too few of them are left, only the person can say whom to trust instead.
    """
    sharing = await sharing_of(road, space, root.public)
    if sharing is None or fits(space, sharing) or is_short(space, sharing):
        return False
    await _share(road, root, space, still_trusted(space, sharing), sharing.needed)
    return True


def still_trusted(space: Space, sharing: ShareKey) -> list[bytes]:
    """Return who of those trusted with a key still belongs."""
    view = space.law.present()
    return [part[0] for part in sharing.parts if view.is_member(part[0])]


def is_short(space: Space, sharing: ShareKey) -> bool:
    """Tell whether too few of those trusted with a key are left to share it among them."""
    return len(still_trusted(space, sharing)) < max(2, sharing.needed)


def fits(space: Space, sharing: ShareKey) -> bool:
    """Tell whether each share lies with a member, on the devices that they use."""
    return all([box[0] for box in part[2]] == _kept_on(space, part[0]) for part in sharing.parts)


async def sharing_of(road: Road, space: Space, person: bytes) -> ShareKey | None:
    """Return how a person's key is shared now."""
    found = present_sharing(person, await facts_about(road, space, recovery_id(person)))
    return found.command if found is not None else None


async def ask(road: Road, space: Space, person: bytes) -> Change:
    """Ask for the shares of a person's key, as somebody who came in by another name.

    Raises:
        Refused: if that person's key was not shared here.
    """
    require(person != road.me, "You are this person here already.")
    require(
        await sharing_of(road, space, person) is not None, "This person has not shared their key with anybody here."
    )
    return await road.submit(space, AskRecovery(person))


async def all_askings(road: Road, space: Space) -> list[Asking]:
    """Return who asks for the shares of any member's key, from devices that are members here."""
    by_subject = {recovery_id(person): person for person in space.law.members()}
    said = await road.database.read(lambda db: readmodel.subjects_among(db, space.index.no, by_subject))
    found = [asking for subject in said for asking in await askings(road, space, by_subject[subject])]
    return [asking for asking in found if space.law.person_of(asking.device) is not None]


async def askings(road: Road, space: Space, person: bytes) -> list[Asking]:
    """Return who asks for the shares of a person's key, the newest first."""
    facts = await facts_about(road, space, recovery_id(person))
    sharing = present_sharing(person, facts)
    if sharing is None:
        return []
    trusted = tuple(part[0] for part in sharing.command.parts)
    found = []
    for fact in (fact for fact in facts if isinstance(fact.command, AskRecovery)):
        given = {give.person for give in _said(facts, GiveShare, fact.id)} & {*trusted}
        declined = {no.person for no in _said(facts, DeclineShare, fact.id)} & {*trusted, person}
        place = (fact.id, person, fact.person, fact.author, fact.time, code_of(fact.id))
        found.append(Asking(*place, sharing.command.needed, trusted, frozenset(given), frozenset(declined - given)))
    return sorted(found, key=lambda asking: (-asking.time, asking.id))


def _said(facts: Sequence[Fact], kind: type[Any], asking: bytes) -> list[Fact]:
    return [fact for fact in facts if isinstance(fact.command, kind) and fact.command.ask == asking]


async def give(road: Road, space: Space, asking: Asking, code: str) -> Change:
    """Hand one's share on to the device that asked, once its owner has read out the code.

    Raises:
        Refused: if the code is another, or nothing was entrusted to this device.
    """
    require(not asking.is_denied, "They say on a device of theirs that it is not them who asks. Give nothing.")
    require(
        code.replace(" ", "") == asking.code, "This is not the code that their device shows. Call them, and compare."
    )
    sharing = await sharing_of(road, space, asking.person)
    part = next((part for part in sharing.parts if part[0] == road.me), None) if sharing is not None else None
    if part is None:
        raise Refused("Nothing of this person's key was entrusted to you.")
    opened = (road.vault.open_wrap(device, sealed) for device, sealed in part[2])
    plain = next((data for data in opened if data is not None), None)
    if plain is None:
        raise Refused("Their key was shared with another device of yours: open it there.")
    number, share = _read(plain)
    require(check_of(share, number) == part[1], "The share that was entrusted to you is damaged.")
    sealed = seal_to(msgpack.packb([asking.id, number, share]), asking.device)
    return await road.submit(space, GiveShare(asking.person, asking.id, sealed))


async def decline(road: Road, space: Space, asking: Asking) -> Change:
    """Hand nothing on, and let the others who are trusted know; one may still give later.

    Raises:
        Refused: if nothing was asked of this person.
    """
    mine = road.me == asking.person or road.me in asking.trusted
    require(mine, "Nothing of this person's key was entrusted to you.")
    require(road.me not in asking.given, "You have given your share already: nobody can take it back.")
    require(road.me not in asking.declined, "You have said so already.")
    return await road.submit(space, DeclineShare(asking.person, asking.id))


def _read(plain: bytes) -> tuple[int, bytes]:
    try:
        number, share = msgpack.unpackb(plain)
        well = type(number) is int and 0 < number < 256 and type(share) is bytes
    except (ValueError, TypeError, msgpack.exceptions.UnpackException) as error:
        raise Malformed("a share is malformed") from error
    if not well:
        raise Malformed("a share is malformed")
    return number, share


async def collected(road: Road, space: Space, person: bytes) -> tuple[int, dict[int, bytes]]:
    """Return how many shares are needed, and those that were given to this device, by number; wrong ones are not."""
    facts = await facts_about(road, space, recovery_id(person))
    sharing = present_sharing(person, facts)
    if sharing is None:
        return 0, {}
    checks = {part[0]: part[1] for part in sharing.command.parts}
    mine = [fact for fact in facts if isinstance(fact.command, AskRecovery) and fact.author == road.device.public]
    shares: dict[int, bytes] = {}
    for asked in mine:
        for fact in _said(facts, GiveShare, asked.id):
            shares |= _opened(road, asked.id, fact, checks)
    return sharing.command.needed, shares


def _opened(road: Road, asked: bytes, fact: Fact, checks: Mapping[bytes, bytes]) -> dict[int, bytes]:
    """Return the share that was given, if it is the giver's own, for this asking and sealed to this device."""
    try:
        asking, *rest = msgpack.unpackb(road.device.open_sealed(fact.command.sealed))
        number, share = _read(msgpack.packb(rest))
    except (Malformed, ValueError, TypeError, msgpack.exceptions.UnpackException):
        return {}
    well = asking == asked and checks.get(fact.person) == check_of(share, number)
    return {number: share} if well else {}


async def rebuilt(road: Road, space: Space, person: bytes) -> bytes:
    """Return the seed of a person's key, once enough shares of it were given to this device.

    Raises:
        Refused: if they are too few, or are not of that key.
    """
    needed, shares = await collected(road, space, person)
    require(needed, "This person has not shared their key with anybody here.")
    require(len(shares) >= needed, f"{len(shares)} of {needed} shares are here.")
    seed = combine(dict(sorted(shares.items())[:needed]))
    require(SigningKey(seed).public == person, "These shares do not make up this person's key.")
    return seed


async def enter_as(road: Road, space: Space, keys: Keys, gives_way: bytes | None = None) -> Change:
    """Let a new device of a person enter, while this one still has neighbours who take in what it hands on.

    Where the person has no place left, another device of theirs gives way to it.
    """
    assert keys.certificate is not None  # noqa: S101 - who holds the root has certified it
    device = keys.device
    command: EnterDevice | ReplaceDevice = EnterDevice(keys.certificate)
    if gives_way is not None:
        log = space.history.logs.get(gives_way)
        command = ReplaceDevice(keys.certificate, gives_way, log.seq if log else 0)
    deps = space.history.next_deps(device.public, MAX_LAW_DEPS)
    header = Header(space.id, device.public, 1, b"", deps, road.now_ms(), command.klass, b"", b"", 0)
    change = make(header, encode_body(command.kind, wire_fields(command)), device, space.secret_for(command.klass))
    await road.receive(space, Batch([change], {}), road.device.public)
    return change
