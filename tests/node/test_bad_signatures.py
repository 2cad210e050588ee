"""An author who signs badly on purpose, as far as acceptance lets them, stalls nobody's sync."""

import pytest
from loopback import Neighbourhood, link_to, same, until
from other_members import Member

from crdt.batch import decode_batch, encode_batch
from crdt.change import TALK, Change, Header, change_id, encode_body, encode_header, make
from node.domain.area import wire_fields
from node.domain.posts import WritePost
from node.ingest.spaces import Space
from node.ingest.writing import post_command
from node.store import queries


def badly_signed(change: Change) -> Change:
    signature = bytes([change.signature[0] ^ 1]) + change.signature[1:]
    return change._replace(signature=signature, id=change_id(signature, encode_header(change.header)))


def a_run(space: Space, member: Member, count: int, text: str) -> list[Change]:
    """Return consecutive posts of which only the last is well signed: it vouches for the others."""
    log = space.history.logs[member.device.public]
    seq, prev, deps = log.seq, log.head, space.history.next_deps(member.device.public, 32)
    run: list[Change] = []
    for number in range(count):
        body = WritePost(f"{number} {text}", None, None, [])
        header = Header(space.id, member.device.public, seq + 1, prev, deps, member.node.clock_ms(), TALK, b"", b"", 0)
        change = make(header, encode_body(body.kind, wire_fields(body)), member.device, space.secret_for(TALK))
        run.append(change if number == count - 1 else badly_signed(change))
        seq, prev, deps = run[-1].header.seq, run[-1].id, ()
    return run


def noise(chars: int) -> str:
    """Return text that does not deflate."""
    state, out = 1, []
    for _ in range(chars):
        state = state * 6364136223846793005 + 1442695040888963407 & (1 << 64) - 1
        out.append(chr(0x4E00 + (state >> 40) % 20_000))
    return "".join(out)


@pytest.mark.parametrize(("count", "text"), [(700, "short"), (6, noise(49_000))])
async def test_a_long_run_that_only_its_end_vouches_for_reaches_everybody(
    start: Neighbourhood, count: int, text: str
) -> None:
    amina, bola = await start("Amina"), await start("Bola")
    garden = await amina.found("Garden")
    mallory = await Member.join(amina, garden, "Mallory")
    run = a_run(garden, mallory, count, text)

    outcome = await amina.road.receive(garden, decode_batch(encode_batch(run), garden.id), mallory.device.public)
    await amina.road.submit(garden, await post_command(amina.road, garden, "after it all", None))
    await bola.join(await link_to(amina, garden))
    await until(lambda: same(garden.id, amina, bola), 30)

    there = bola.road.spaces[garden.id]
    [newest] = await bola.database.read(lambda db: queries.feed(db, there.index.no, None, 1))
    assert len(outcome.accepted) == count
    assert newest.text == "after it all"
