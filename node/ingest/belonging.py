"""Founding, inviting, knocking and letting in: what a node does for its member, on the one road."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crdt.batch import Batch
from crdt.change import Change, Header, encode_body, make
from identity.certificates import certify
from identity.errors import Refused
from identity.keys import SigningKey
from identity.links import issue, read_link
from identity.sealed import new_secret
from identity.tickets import Offer, Terms, Ticket, check_expiry, prove
from node.domain.area import need, require, wire_fields
from node.domain.law.charter import INVITE, Charter, check_rule
from node.domain.law.fold import MAX_KNOCKS, Join
from node.domain.law.membership import (
    LAW_VERSION,
    AdmitMember,
    CertifyDevice,
    EnterDevice,
    FoundSpace,
    JoinSpace,
    WithdrawTicket,
)
from node.domain.law.view import STEWARD
from node.ingest import holons
from node.ingest.keys import begin_keys
from node.ingest.loading import read_knocks
from node.ingest.places import free_slot
from node.ingest.road import Road
from node.ingest.spaces import Elsewhere, Secrets, Space
from node.store.spaces import SpaceRow, TicketRow, add_ticket

MAX_NAME_CHARS = 80


@dataclass(frozen=True, slots=True)
class Self:
    """Who acts here: the person's root key (where this device has it) and this device's certificate."""

    person: bytes
    certificate: bytes
    root: SigningKey | None


def allow_name(name: str) -> str:
    """A space has a name of one line.

    Raises:
        Refused: if it has none, or one too long.
    """
    name = " ".join(name.split())
    require(name, "A space needs a name.")
    require(len(name) <= MAX_NAME_CHARS, f"A name can hold {MAX_NAME_CHARS} characters; this has {len(name)}.")
    return name


async def found_space(road: Road, me: Self, name: str, rules: Mapping[str, Any] | None = None) -> Space:
    """Found a space whose first member is this person, under rules that differ from what holds by default.

    Raises:
        Malformed: if a rule is not known, or cannot be so.
    """
    name = allow_name(name)
    for rule, value in (rules or {}).items():
        check_rule(rule, value)
    said = Charter(rules or {}).said()
    secrets = Secrets(new_secret(), [new_secret()], [new_secret()])
    command = FoundSpace(LAW_VERSION, me.certificate, said, secrets.sealed_to([road.device.public]))
    header = Header(b"", road.device.public, 1, b"", (), road.now_ms(), command.klass, b"", b"", 0)
    change = make(header, encode_body(command.kind, wire_fields(command)), road.device, secrets.law[0])
    space = await road.begin(SpaceRow(0, change.id, secrets.discovery, name, "member", road.now_ms()), secrets)
    await road.receive(space, Batch([change], {}), road.device.public)
    return space


async def invite(road: Road, space: Space, offer: Offer) -> tuple[Ticket, str]:
    """Make an invitation for a space and keep it; returns the ticket and its link."""
    require(space.state == "member", "Only members invite; this space has not let you in yet.")
    ticket, link = issue(road.device, offer)
    terms = read_link(link).terms
    row = TicketRow(ticket.key, space.index.no, link, terms, road.now_ms())
    await road.database.transaction(lambda db: add_ticket(db, road.vault, row))
    return ticket, link


async def withdraw(road: Road, space: Space, key: bytes) -> Change:
    """Withdraw an invitation of this device's."""
    require((road.device.public, key) not in space.law.withdrawals, "This invitation was withdrawn already.")
    return await road.submit(space, WithdrawTicket(key))


async def knock(road: Road, me: Self, link: str) -> tuple[Space, tuple[str, ...]]:
    """Begin to join a space by an invitation: keep it, and sign the knock that its inviter answers.

    Returns the space and the addresses at which its peers may be found.
    """
    invitation = read_link(link)
    ticket = invitation.ticket
    held = road.spaces.get(ticket.space)
    require(held is None or held.state != "member", "You are a member of this space already.")
    for_device = ticket.purpose == "device"
    require(not for_device or not me.certificate, "This link adds a device to its maker; it invites nobody else.")
    require(for_device or me.certificate, "This device has to be added by your other device first.")
    check_expiry(ticket, road.now_ms())
    space = held or await road.begin(
        SpaceRow(0, ticket.space, ticket.discovery_key, ticket.space_name, "waiting", road.now_ms()),
        Secrets(ticket.discovery_key),
    )
    mine = [join for join in space.law.joins.values() if join.change.author == road.device.public]
    known = any(join.terms.key == ticket.key for join in mine)
    require(known or len(mine) < MAX_KNOCKS, "You have knocked here too often from this device.")
    if known:
        return space, ticket.addresses
    proof = prove(invitation, road.device.public, me.person)
    certificate = me.certificate if ticket.purpose == "member" else b""
    command = JoinSpace(invitation.terms, invitation.signature, proof, me.person, certificate)
    await road.submit(space, command)
    space = road.spaces[space.id]
    space.knock = await road.database.read(lambda db: read_knocks(db, space.index, road.device.public))
    return space, ticket.addresses


async def answer_knocks(road: Road, me: Self, space: Space) -> list[Change]:
    """Let in whoever may come in, as the rules say; nobody has to press a button."""
    answered = []
    for join in [join for join in space.law.joins.values() if _is_mine_to_answer(road, space, join)]:
        if join.admitted:  # by another call of this, while the one before was being stored
            continue
        try:
            command = _answer(road, me, space, join)
        except Refused:
            continue
        if space.law.would_refuse(road.device.public, road.now_ms(), command) is None:
            answered.append(await road.submit(space, command))
    if answered and not space.law.present().sealed.charter["newcomers_read_past"]:
        await begin_keys(road, road.spaces[space.id])
    return answered


def _is_mine_to_answer(road: Road, space: Space, join: Join) -> bool:
    """Tell whether a knock is for this device to answer: its ticket's, or where others may too, a voucher or steward.

    Two who answer one knock unaware of each other give one membership.
    """
    if join.admitted or (
        join.terms.purpose == "member" and not holons.is_let_in(road, space, join.change.command.person)
    ):
        return False
    if join.terms.inviter == road.device.public:
        return True
    view = space.law.present()
    if join.terms.purpose != "member" or view.sealed.charter["admission"] == INVITE:
        return False
    vouched = any(act.device == road.device.public for act in join.vouches)
    return vouched or view.has_role(road.me, STEWARD, road.now_ms())


def _answer(road: Road, me: Self, space: Space, join: Join) -> Any:
    device = join.change.author
    if join.terms.purpose == "member":
        wraps = space.for_newcomers().sealed_to([device])
        require(wraps, "This device's key takes no keys of a space.")
        return AdmitMember(join.change.id, wraps)
    root = need(me.root, "Only a device that holds your recovery key adds others.")
    certificate = certify(root, device, free_slot(road, me.person), road.now_ms())
    return CertifyDevice(join.change.id, certificate, space.secrets.sealed_to([device], _others(road, space)))


def _others(road: Road, but: Space) -> list[Elsewhere]:
    """Return the person's other spaces, as their new device has to know them."""
    others = (space for space in road.spaces.values() if space is not but and space.state == "member")
    return [(space.id, space.secrets.discovery, space.name) for space in others]


async def certify_elsewhere(road: Road, space: Space) -> None:
    """Add a device that was just added in one space to its person in all the others."""
    grants = [granted[0] for granted in space.law.grants.values() if granted[0].person == road.me]
    for other in [each for each in road.spaces.values() if each is not space and each.state == "member"]:
        known = other.law.grants.keys() | other.law.offered.keys()
        for grant in grants:
            if grant.device not in known and road.device.public in other.law.grants:
                await road.submit(other, CertifyDevice(b"", grant.certificate, other.secrets.sealed_to([grant.device])))


async def enter(road: Road, me: Self, space: Space) -> None:
    """Enter a space with a new device of a person who is a member: after a restored backup."""
    if road.device.public in space.law.grants or not space.law.grants or not me.certificate:
        return
    command = EnterDevice(me.certificate)
    if space.law.would_refuse(road.device.public, road.now_ms(), command) is None:  # else when law says otherwise
        await road.submit(space, command)


async def follow(road: Road, elsewhere: Sequence[Elsewhere]) -> list[Space]:
    """Begin to keep the spaces that one's other device told of; returns those that are new here."""
    fresh = [each for each in elsewhere if each[0] not in road.spaces]
    return [
        await road.begin(SpaceRow(0, id_, discovery, name, "waiting", road.now_ms()), Secrets(discovery))
        for id_, discovery, name in fresh
    ]


def uses_left(space: Space, terms: Terms) -> int:
    """Return how many may still come in by a ticket."""
    return 0 if space.law.is_withdrawn(terms) else max(0, terms.uses - space.law.uses_of(terms))
