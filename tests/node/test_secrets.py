"""Secrets: whoever hands one over lets this node open more, and never decides what it seals with."""

from loopback import Neighbourhood

from crdt.change import TALK
from identity.sealed import name_of, new_secret, seal_to
from node.domain.posts import WritePost
from node.ingest.spaces import Secrets
from node.runtime import Node


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
