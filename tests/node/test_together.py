"""What several peers send in the same moment is stored in one transaction, and each answers for what it sent."""

import asyncio
from collections.abc import Sequence

import pytest
from loopback import Neighbourhood
from other_members import Member

from crdt.batch import Batch
from crdt.change import TALK, Change, Header, change_id, encode_body, encode_header, make
from identity.errors import BadSignature, CommonsError
from node.domain.area import wire_fields
from node.domain.posts import WritePost
from node.ingest.intake import Arrival
from node.ingest.keeper import MAX_PUSHED, together
from node.ingest.spaces import Space
from node.ingest.telling import Part
from node.ingest.together import MOST, SMALL, Given, Outcome, groups
from node.runtime import Node


def posts(space: Space, member: Member, count: int) -> list[Change]:
    """Return consecutive posts of a member's."""
    log = space.history.logs[member.device.public]
    seq, prev, deps = log.seq, log.head, space.history.next_deps(member.device.public, 32)
    made: list[Change] = []
    for number in range(count):
        body = WritePost(f"post {number}", None, None, [])
        header = Header(space.id, member.device.public, seq + 1, prev, deps, member.node.clock_ms(), TALK, b"", b"", 0)
        made.append(make(header, encode_body(body.kind, wire_fields(body)), member.device, space.secret_for(TALK)))
        seq, prev, deps = made[-1].header.seq, made[-1].id, ()
    return made


def badly_signed(change: Change) -> Change:
    signature = bytes([change.signature[0] ^ 1]) + change.signature[1:]
    return change._replace(signature=signature, id=change_id(signature, encode_header(change.header)))


async def receive_at_once(node: Node, space: Space, sent: Sequence[list[Change]]) -> list[Outcome | BaseException]:
    """Let a node receive batches while it is busy with a transaction; returns what became of each."""
    async with node.road.lock:
        work = [
            asyncio.ensure_future(node.road.receive(space, Batch(changes, {}), bytes([number]) * 32))
            for number, changes in enumerate(sent)
        ]
        await asyncio.sleep(0)
    return await asyncio.gather(*work, return_exceptions=True)


async def test_batches_that_wait_are_heard_of_one_by_one_and_each_change_once(start: Neighbourhood) -> None:
    amina = await start("Amina")
    garden = await amina.found("Garden")
    kim = await Member.join(amina, garden, "Kim")
    one, two, three = posts(garden, kim, 3)
    heard: list[tuple[int, bytes | None]] = []
    amina.road.heard.append(lambda _space, accepted, peer: heard.append((len(accepted), peer)))

    outcomes = await receive_at_once(amina, garden, [[one], [one, two], [two], [three]])

    assert [(len(o.accepted), o.known) for o in outcomes if isinstance(o, Outcome)] == [(1, 0), (1, 1), (0, 1), (1, 0)]
    assert heard == [(1, bytes(32)), (1, b"\1" * 32), (1, b"\3" * 32)]
    assert garden.history.logs[kim.device.public].head == three.id


async def test_what_one_commit_stored_is_passed_on_in_one_push(start: Neighbourhood) -> None:
    amina = await start("Amina")
    garden = await amina.found("Garden")
    kim, lou = await Member.join(amina, garden, "Kim"), await Member.join(amina, garden, "Lou", 2)
    told: list[list[tuple[int, bytes | None]]] = []
    pushed: list[tuple[int, bytes | None]] = []

    async def pass_on(_space: Space, parts: Sequence[Part]) -> None:
        told.append([(len(accepted), peer) for accepted, peer in parts])
        pushed.extend((len(accepted), peer) for accepted, peer in together(parts))

    amina.road.telling.pass_on = pass_on

    await receive_at_once(amina, garden, [posts(garden, kim, 2), posts(garden, lou, 1)])
    await receive_at_once(amina, garden, [posts(garden, kim, 1)])
    await receive_at_once(amina, garden, [posts(garden, kim, MAX_PUSHED), posts(garden, lou, 1)])

    one, two = bytes(32), b"\1" * 32
    assert told == [[(2, one), (1, two)], [(1, one)], [(MAX_PUSHED, one), (1, two)]]
    assert pushed == [(3, None), (1, one), (MAX_PUSHED, one), (1, two)]


async def test_a_bad_signature_falls_on_who_sent_it_alone(start: Neighbourhood) -> None:
    amina = await start("Amina")
    garden = await amina.found("Garden")
    kim, mallory = await Member.join(amina, garden, "Kim"), await Member.join(amina, garden, "Mallory", 2)
    good, bad = posts(garden, kim, 1), [badly_signed(change) for change in posts(garden, mallory, 1)]

    first, second = await receive_at_once(amina, garden, [bad, good])

    assert isinstance(first, BadSignature)
    assert isinstance(second, Outcome)
    assert [entry.change for entry in second.accepted] == good


async def test_a_forged_change_keeps_nobodys_real_one_out_and_falls_on_who_sent_it(start: Neighbourhood) -> None:
    amina = await start("Amina")
    garden = await amina.found("Garden")
    kim = await Member.join(amina, garden, "Kim")
    [real] = posts(garden, kim, 1)
    forged = badly_signed(posts(garden, kim, 1)[0])

    first, second = await receive_at_once(amina, garden, [[forged], [real]])

    assert isinstance(first, BadSignature)
    assert isinstance(second, Outcome)
    assert [entry.change for entry in second.accepted] == [real]


async def test_what_a_batch_lacks_is_told_to_its_sender_alone(start: Neighbourhood) -> None:
    amina = await start("Amina")
    garden = await amina.found("Garden")
    kim, lou = await Member.join(amina, garden, "Kim"), await Member.join(amina, garden, "Lou", 2)

    outcomes = await receive_at_once(amina, garden, [posts(garden, kim, 1), posts(garden, lou, 2)[1:]])

    assert [[gap.author for gap in o.gaps] for o in outcomes if isinstance(o, Outcome)] == [[], [lou.device.public]]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([1, 2, 3], [3]),
        ([1, SMALL + 1, 1, 1], [1, 1, 2]),
        ([SMALL] * (MOST // SMALL + 1), [MOST // SMALL, 1]),
    ],
)
async def test_only_small_batches_go_together(start: Neighbourhood, sizes: list[int], expected: list[int]) -> None:
    amina = await start("Amina")
    garden = await amina.found("Garden")
    kim = await Member.join(amina, garden, "Kim")
    [post] = posts(garden, kim, 1)

    cut = list(groups([Given(Arrival(Batch([post] * size, {})), kim.device.public) for size in sizes]))

    assert [len(together) for together in cut] == expected


async def test_a_store_that_fails_is_said_to_all(start: Neighbourhood) -> None:
    amina = await start("Amina")
    garden = await amina.found("Garden")
    kim, lou = await Member.join(amina, garden, "Kim"), await Member.join(amina, garden, "Lou", 2)
    await amina.database.writer.execute("PRAGMA query_only=ON")

    outcomes = await receive_at_once(amina, garden, [posts(garden, kim, 1), posts(garden, lou, 1)])
    await amina.database.writer.execute("PRAGMA query_only=OFF")

    assert [isinstance(outcome, CommonsError) for outcome in outcomes] == [True, True]
