"""Whoever waits for something to be stored may go away at any moment: it is stored, or not, and memory knows which."""

import asyncio

import pytest
from loopback import Neighbourhood, link_to, until

from crdt.batch import Batch
from node.domain.posts import WritePost
from node.ingest.whole import Whole
from node.runtime import Node
from node.store import queries


async def stored_seq(node: Node) -> int:
    device = node.road.device.public
    heads = await node.database.read(lambda db: queries.own_heads(db, device))
    return max((seq for seq in heads.values()), default=0)


@pytest.mark.parametrize("steps", range(12))
async def test_a_post_whose_writer_goes_away_leaves_memory_and_disk_alike(start: Neighbourhood, steps: int) -> None:
    node = await start("Amina")
    space = await node.found("Garden")
    task = asyncio.create_task(node.road.submit(space, WritePost("one", None, None, [])))
    for _ in range(steps):
        await asyncio.sleep(0)

    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    change = await node.road.submit(space, WritePost("two", None, None, []))
    assert change.header.seq == await stored_seq(node)
    assert node.road.spaces[space.id].history.logs[node.road.device.public].forked is None


@pytest.mark.parametrize("steps", [0, 1, 3, 8])
async def test_what_arrived_over_a_connection_that_broke_is_told_to_everybody(start: Neighbourhood, steps: int) -> None:
    amina, bola = await start("Amina"), await start("Bola")
    space = await amina.found("Garden")
    await bola.join(await link_to(amina, space))
    await until(lambda: space.id in bola.road.spaces and bola.road.spaces[space.id].state == "member")
    await bola.stop_network()
    change = await amina.road.submit(space, WritePost("hello", None, None, []))
    heard: list[bytes] = []
    bola.road.heard.append(lambda _space, entries, _peer: heard.extend(entry.change.id for entry in entries))
    task = asyncio.create_task(bola.road.receive(bola.road.spaces[space.id], Batch([change], {}), b"p" * 32))
    await asyncio.sleep(0)
    for _ in range(steps):
        await asyncio.sleep(0)

    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    await until(lambda: change.id in heard)


async def test_closing_ends_what_is_being_committed_and_gives_up_what_comes_after() -> None:
    lock = asyncio.Lock()
    whole = Whole(lock)
    done: list[str] = []
    begun = asyncio.Event()

    async def committing() -> None:
        async with lock:
            begun.set()
            await asyncio.sleep(0.02)
            done.append("committed")
        await asyncio.sleep(3600)

    async def waiting() -> None:
        async with lock:
            done.append("waited its turn")

    first = asyncio.create_task(whole.whole(committing()))
    await begun.wait()
    second = asyncio.create_task(whole.whole(waiting()))
    await asyncio.sleep(0)

    closing = asyncio.create_task(whole.settle())
    await closing

    assert done == ["committed", "waited its turn"]
    assert (await asyncio.gather(first, second, return_exceptions=True))[0].__class__ is asyncio.CancelledError
