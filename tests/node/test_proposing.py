"""Proposing with a reason: both are signed, or neither."""

import asyncio

import pytest
from gardens import QUICK, here, law, texts
from loopback import Neighbourhood
from other_members import Member

from crdt.batch import Batch
from crdt.change import Change, Header, encode_body, make
from identity.errors import Refused
from node.domain.area import wire_fields
from node.domain.posts import WritePost
from node.ingest import deciding

DAY_MS = 86_400_000
WIDTH = 36


async def test_a_reason_is_not_posted_when_the_proposal_after_it_is_refused(start: Neighbourhood) -> None:
    amina = await start("Amina")
    space = (await amina.found("Garden", QUICK)).id
    now, size = amina.road.now_ms, here(amina, space).history.size

    async with amina.road.lock:  # what it waits for takes so long that the vote would be too short
        proposing = asyncio.create_task(
            deciding.propose(amina.road, here(amina, space), [["rule", "vouchers", 3]], text="Because.")
        )
        await asyncio.sleep(0.1)
        amina.road.now_ms = lambda: now() + 2 * DAY_MS

    with pytest.raises(Refused, match="shorter than the rules say"):
        await proposing
    assert await texts(amina, space) == set()
    assert here(amina, space).history.size == size
    assert not law(amina, space).proposals


def unaware(one: Member, text: str) -> Change:
    """Return a post whose author has heard of nobody but who let them in."""
    log = one.space.history.logs[one.device.public]
    let_in = one.space.history.logs[one.node.road.device.public].head
    body = WritePost(text, None, None, [])
    time = one.node.clock_ms()
    header = Header(one.space.id, one.device.public, log.seq + 1, log.head, (let_in,), time, body.klass, b"", b"", 0)
    return make(header, encode_body(body.kind, wire_fields(body)), one.device, one.space.secret_for(body.klass))


async def test_a_proposal_behind_its_reason_knows_of_everything_that_was_said(start: Neighbourhood) -> None:
    amina = await start("Amina")
    garden = await amina.found("Garden", QUICK)
    others = [await Member.join(amina, garden, "", seed) for seed in range(1, WIDTH + 1)]
    changes = [unaware(one, "at once") for one in others]
    await amina.road.receive(here(amina, garden.id), Batch(changes, {}), bytes(32))
    tips = len(here(amina, garden.id).history.tips)

    change = await deciding.propose(amina.road, here(amina, garden.id), [["rule", "vouchers", 3]], text="Because.")

    proposal = law(amina, garden.id).proposals[change.id]
    assert tips > 32
    assert change.header.deps
    assert proposal.change.command.text_hash == change.header.prev
    assert {tip.number for tip in here(amina, garden.id).history.tips.values()} <= {
        proposal.change.number,
        *(law(amina, garden.id).openings[id_].change.number for id_ in proposal.openings),
    }
