"""Secrets: whoever hands one over lets this node open more, and never decides what it seals with."""

from loopback import Neighbourhood
from other_members import Member

from crdt.batch import Batch
from crdt.change import LAW, TALK, Header, encode_body, make
from identity.certificates import certify
from identity.sealed import name_of, new_secret, seal_to
from node.domain.law.membership import CertifyDevice, HandKeys, WithdrawTicket
from node.domain.posts import WritePost
from node.ingest import belonging
from node.ingest.spaces import Secrets
from node.runtime import Node
from node.store import queries


async def test_a_secret_from_a_neighbour_is_never_sealed_with(start: Neighbourhood) -> None:
    amina = await start("Amina")
    garden = await amina.found("Garden")
    before = garden.secret_for(TALK)
    false = Secrets(new_secret(), [new_secret()], [new_secret()])

    await amina.road.unlock(garden, seal_to(false.wrapped([(bytes(32), bytes(32), "Trap")]), amina.road.device.public))
    change = await amina.road.submit(garden, WritePost("still ours", None, None, []))

    assert garden.secret_for(TALK) == before
    assert before is not None
    assert change.header.epoch == name_of(before)
    assert list(amina.road.spaces) == [garden.id]


async def test_what_is_sealed_with_is_known_again_after_a_restart(start: Neighbourhood) -> None:
    amina = await start("Amina")
    garden = await amina.found("Garden")
    before = garden.secret_for(TALK)
    await amina.close()

    again: Node = await start.nameless("Amina")

    assert again.road.spaces[garden.id].secret_for(TALK) == before


async def test_law_that_lay_sealed_is_judged_once_its_key_comes(start: Neighbourhood) -> None:
    amina = await start("Amina")
    garden = await amina.found("Garden")
    kim = await Member.join(amina, garden, "Kim")
    fresh = Secrets(garden.secrets.discovery, [new_secret()], [new_secret()])
    ticket = bytes(32)
    log = garden.history.logs[kim.device.public]
    header = Header(garden.id, log.author, log.seq + 1, log.head, (), amina.clock_ms(), LAW, b"", b"", 0)
    law = make(header, encode_body(WithdrawTicket.kind, [ticket]), kim.device, fresh.law[0])

    await amina.road.receive(garden, Batch([law], {}), log.author)
    before = (log.author, ticket) in garden.law.withdrawals
    await amina.road.unlock(garden, seal_to(fresh.wrapped(), amina.road.device.public))

    here = amina.road.spaces[garden.id]
    assert not before
    assert (log.author, ticket) in here.law.withdrawals
    assert await amina.database.read(lambda db: queries.refused_changes(db, here.index.no, None, 9)) == []


async def test_only_what_lets_a_device_in_says_what_it_seals_with_and_which_spaces_it_has(
    start: Neighbourhood,
) -> None:
    amina = await start("Amina")
    garden = await amina.found("Garden")
    kim = await Member.join(amina, garden, "Kim")
    before = garden.secret_for(TALK)
    false = Secrets(new_secret(), [new_secret()], [new_secret()])
    trap = false.wrapped([(bytes(32), bytes(32), "Trap")])
    wraps = [[amina.road.device.public, seal_to(trap, amina.road.device.public)]]
    certificate = certify(kim.root, amina.road.device.public, 5, amina.clock_ms())

    for command in (HandKeys(wraps), CertifyDevice(b"", certificate, wraps)):
        await kim.say(command)
        told = list(amina.road.elsewhere)
        await belonging.follow(amina.road, told)

        assert garden.secret_for(TALK) == before
        assert told == []
        assert list(amina.road.spaces) == [garden.id]
