"""Knocking at a door: who is turned away hears why, may come again, and cannot fill the house."""

import pytest
from loopback import Neighbourhood, link_to, same, until

from crdt.batch import Batch, encode_batch
from crdt.change import Change, Header, encode_body, make
from identity.certificates import certify
from identity.errors import Malformed
from identity.keys import SigningKey
from identity.links import issue, read_link
from identity.tickets import Offer, prove
from node.domain.area import wire_fields
from node.domain.law.membership import JoinSpace
from node.ingest.belonging import withdraw
from node.ingest.keeper import MAX_UNKNOWN
from node.ingest.spaces import Space
from node.runtime import now_ms


def knock_of(space: Space, link: str, device: SigningKey) -> Change:
    """Return the knock of a device that has no node."""
    invitation, root = read_link(link), SigningKey.generate()
    certificate = certify(root, device.public, 0, now_ms())
    proof = prove(invitation, device.public, root.public)
    command = JoinSpace(invitation.terms, invitation.signature, proof, root.public, certificate)
    header = Header(space.id, device.public, 1, b"", (), now_ms(), command.klass, b"", b"", 0)
    return make(header, encode_body(command.kind, wire_fields(command)), device, space.secrets.knock())


async def test_who_is_turned_away_hears_why_and_comes_again_with_another_invitation(start: Neighbourhood) -> None:
    amina, bola = await start("Amina"), await start("Bola")
    garden = await amina.found("Garden")
    first = await link_to(amina, garden)
    await withdraw(amina.road, garden, read_link(first).ticket.key)

    await bola.join(first)
    await until(lambda: garden.id in bola.keeper.refusals)
    words = bola.keeper.refusals[garden.id]
    await bola.join(await link_to(amina, garden))
    await until(lambda: same(garden.id, amina, bola))

    assert words == "This invitation was withdrawn."
    assert bola.me.person in garden.law.members()


async def test_one_ticket_brings_no_more_knocks_than_it_has_uses(start: Neighbourhood) -> None:
    amina = await start("Amina")
    garden = await amina.found("Garden")
    link = await link_to(amina, garden, uses=3)
    before = len(garden.history.logs)

    answers = []
    for _ in range(100):
        device = SigningKey.generate()
        knock = encode_batch([knock_of(garden, link, device)])
        answers.append(await amina.keeper.deliver_knock(garden.id, knock, device.public))
    await until(lambda: len(garden.law.members()) == 4)

    assert answers[:3] == [None] * 3
    assert all(answers[3:])
    assert len(garden.history.logs) == before + 3


async def test_tickets_that_no_member_made_out_fill_no_house_and_use_up_no_other(start: Neighbourhood) -> None:
    amina = await start("Amina")
    garden = await amina.found("Garden")
    link = await link_to(amina, garden)
    one_time = read_link(link).signing_key
    offer = Offer(garden.id, "Garden", "Mallory", now_ms() + 1_000_000, garden.secrets.discovery, 10_000)

    answers = []
    for number in range(40):
        key = one_time if number < 3 else SigningKey.generate()
        forged = issue(SigningKey.generate(), offer, key)[1]
        device = SigningKey.generate()
        knock = encode_batch([knock_of(garden, forged, device)])
        answers.append(await amina.keeper.deliver_knock(garden.id, knock, device.public))
    honest = SigningKey.generate()
    answer = await amina.keeper.deliver_knock(garden.id, encode_batch([knock_of(garden, link, honest)]), honest.public)

    assert answers.count(None) == MAX_UNKNOWN
    assert answer is None


async def test_nobody_knocks_in_anothers_name(start: Neighbourhood) -> None:
    amina = await start("Amina")
    garden = await amina.found("Garden")
    knock = knock_of(garden, await link_to(amina, garden), SigningKey.generate())

    with pytest.raises(Malformed):
        await amina.keeper.deliver_knock(garden.id, encode_batch([knock]), SigningKey.generate().public)
    outcome = await amina.road.receive(garden, Batch([], {}), bytes(32))

    assert not outcome.accepted
    assert not garden.law.joins
