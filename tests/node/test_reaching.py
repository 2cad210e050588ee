"""How far posts have come, and how much of a space is still on its way, between real nodes on loopback."""

import asyncio
from collections.abc import Generator, Sequence
from typing import Any

from loopback import PATIENCE_S, Neighbourhood, link_to, same, until
from page_reader import Browser

from crdt.change import Change
from crdt.history import Accepted
from node.domain.posts import WritePost
from node.ingest.keeper import MUCH, Arriving
from node.ingest.spaces import Space
from node.runtime import Node
from node.store import queries
from node.store.queries import PostLine
from ui import live
from ui.app import Site
from ui.operations import perform

MANY = 1_500


async def fill(node: Node, space: Space, count: int) -> None:
    """Write many posts at once."""

    def commands() -> Generator[Any, Change, None]:
        for number in range(count):
            yield WritePost(f"Post {number}", None, None, [])

    await node.road.submit_all(space, commands())


def held_up(node: Node, least: int) -> tuple[asyncio.Event, asyncio.Event]:
    """Make a node stop taking in as soon as so many changes came at once; returns what tells so, and what lets go."""
    stopped, go_on = asyncio.Event(), asyncio.Event()

    async def hold(_: Space, accepted: Sequence[Accepted], origin: bytes | None) -> None:
        if origin is not None and len(accepted) >= least:
            stopped.set()
            await go_on.wait()

    node.road.heard.append(hold)
    return stopped, go_on


async def line_of(node: Node, id_: bytes) -> PostLine:
    line = await node.database.read(lambda db: queries.post(db, id_))
    assert line is not None
    return line


async def reached(node: Node, space: bytes, id_: bytes) -> int:
    line = await line_of(node, id_)
    return node.keeper.reached_by(space, line.device, line.seq, line.number)


async def test_a_newcomer_sees_how_much_is_here_and_how_much_is_coming(start: Neighbourhood) -> None:
    amina, bola = await start("Amina"), await start("Bola")
    garden = await amina.found("Garden")
    await fill(amina, garden, MANY)
    stopped, go_on = held_up(bola, MUCH)
    site = Site(bola)
    await site.start()
    try:
        await bola.join(await link_to(amina, garden))
        await until(stopped.is_set)
        arriving = bola.keeper.arriving(garden.id)
        async with Browser(site) as browser:
            page = await browser.open(f"/s/{garden.id.hex()[:16]}")
            told = (await perform(bola, "status", {}))["spaces"][0]["arriving"]
            go_on.set()
            await until(lambda: same(garden.id, amina, bola))
            after = await browser.open(f"/s/{garden.id.hex()[:16]}")
            again, more = held_up(bola, MUCH)
            await fill(amina, garden, MANY)
            await until(again.is_set)
            as_member = await browser.open(f"/s/{garden.id.hex()[:16]}")
            more.set()
            await until(lambda: same(garden.id, amina, bola))
    finally:
        await site.stop()

    assert arriving is not None
    assert MUCH <= arriving.here <= arriving.whole - MUCH
    assert MANY < arriving.whole < MANY + 20
    assert told == arriving._asdict()
    assert f"Something is arriving already {arriving.here:,} of about {arriving.whole:,}" in page.text
    assert "arriving" not in after.text
    assert "The rest is arriving 2," in as_member.text
    assert bola.keeper.arriving(garden.id) is None


async def test_who_looks_on_is_told_as_more_arrives_and_when_all_is_here(
    start: Neighbourhood, monkeypatch: Any
) -> None:
    monkeypatch.setattr(live, "ARRIVING_TICK_S", 0.01)
    amina, bola = await start("Amina"), await start("Bola")
    garden = await amina.found("Garden")
    await fill(amina, garden, MANY)
    stopped, go_on = held_up(bola, MUCH)
    hub, stream = live.Hub(bola), live.Stream(None)
    hub.attach()
    hub._streams[stream] = None
    place = f'"place": "space:{garden.id.hex()[:16]}"'
    await bola.join(await link_to(amina, garden))
    await until(stopped.is_set)

    async def next_part() -> None:
        async with asyncio.timeout(PATIENCE_S):
            while place not in (await stream.next() or b"").decode():
                pass

    await next_part()
    await asyncio.sleep(0.1)
    while not stream.queue.empty():
        stream.queue.get_nowait()
    quiet = stream.queue.empty()
    go_on.set()
    await next_part()
    await until(lambda: same(garden.id, amina, bola))
    await hub.close()

    assert quiet
    assert bola.keeper.arriving(garden.id) is None


async def test_little_that_comes_is_not_spoken_of(start: Neighbourhood) -> None:
    amina, bola = await start("Amina"), await start("Bola")
    garden = await amina.found("Garden")
    await fill(amina, garden, MUCH // 2)
    seen: list[Arriving | None] = []
    bola.road.heard.append(lambda *_: seen.append(bola.keeper.arriving(garden.id)))

    await bola.join(await link_to(amina, garden))
    await until(lambda: same(garden.id, amina, bola))

    assert set(seen) == {None}


async def test_what_another_wrote_is_at_least_where_it_came_from(start: Neighbourhood) -> None:
    amina, bola, carla = [await start(name) for name in ("Amina", "Bola", "Carla")]
    garden = await amina.found("Garden")
    link = await link_to(amina, garden, uses=2)
    for node in (bola, carla):
        await node.join(link)
    await until(lambda: same(garden.id, amina, bola, carla))

    post = (await amina.road.submit(amina.road.spaces[garden.id], WritePost("Hello", None, None, []))).id
    await until(lambda: same(garden.id, amina, bola, carla))
    await until(lambda: reached_whole(amina, garden.id, post))

    assert await reached(amina, garden.id, post) == 2
    assert await reached(bola, garden.id, post) >= 1


async def reached_whole(node: Node, space: bytes, id_: bytes) -> bool:
    return await reached(node, space, id_) == 2


async def test_what_nobody_showed_counts_as_nowhere_until_both_hold_the_same(start: Neighbourhood) -> None:
    amina, bola = await start("Amina"), await start("Bola")
    garden = await amina.found("Garden")
    await bola.join(await link_to(amina, garden))
    await until(lambda: same(garden.id, amina, bola))
    post = (await amina.road.submit(amina.road.spaces[garden.id], WritePost("Hello", None, None, []))).id
    await until(lambda: same(garden.id, amina, bola))
    await amina.stop_network()
    await until(lambda: not bola.syncer.running)
    for known in (bola.keeper.same_until, bola.keeper.shown):
        known.clear()  # as after a start

    before = await reached(bola, garden.id, post)
    bola.keeper.in_sync(garden.id, amina.road.device.public)
    after = await reached(bola, garden.id, post)

    assert (before, after) == (0, 1)
