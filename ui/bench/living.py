"""One post on its way to a neighbour, beside a bare stream with two commits; and on its way to an open page."""

import asyncio
import json
import time
from pathlib import Path

import aiohttp

from ui.bench.browsing import visitor
from ui.bench.measures import Data, Goal, quantiles, rounded
from ui.bench.parts import Part, Workshop

GAP_S = 0.03
PAGE_GAP_S = 0.2
FLOOR_BYTES = 400
BLOCK = 50
UNDO_S = 0.3
PATIENCE_S = 10.0
SETTLE_S = 0.2
FOR_EVER = aiohttp.ClientTimeout(total=None)


async def pair(workshop: Workshop, **given: object) -> tuple[Part, Part, Path]:
    """Return two nodes in one space, connected; and the second one's folder."""
    folder = workshop.fresh_folder("node")
    first = await workshop.node(**given)
    second = await workshop.node(folder=str(folder), **given)
    await first.ask("found")
    await second.ask("join", link=(await first.ask("invite"))["link"])
    await first.ask("meet", count=1)
    await second.ask("meet", count=1)
    await asyncio.sleep(1)  # the new member's profile and addresses are still on their way
    return first, second, folder


async def live(workshop: Workshop, posts: int, pages: int) -> Data:
    """Time single posts; ours and the floor's take turns, block by block."""
    async with workshop.scene():
        first, second, _ = await pair(workshop)
        sender, receiver = await _floor(workshop, posts)
        begun: dict[str, int] = {}
        for block in range(0, posts, BLOCK):
            count = min(BLOCK, posts - block)
            begun |= (await first.ask("live", name=f"b{block}", count=count, first_ns=0, gap_s=GAP_S))["begun"]
            await sender.turn({"count": count, "pause_s": GAP_S})
        arrived = (await second.ask("arrived", count=posts))["arrived"]
        floor_times = (await receiver.hear())["times"]
    ours = quantiles([(arrived[name] - at) / 1e6 for name, at in begun.items() if name in arrived])
    floor = quantiles([(end - at) / 1e6 for at, end in floor_times])
    ratio = rounded(ours["p50"] / floor["p50"])
    results: Data = {"ms": ours, "lost": posts - ours["count"], "floor_ms": floor, "ratio": ratio}
    results["page_ms"] = await to_page(workshop, pages)
    results["goals"] = {
        "p50": Goal(3.0, 2.0).judge(ours["p50"]),
        "p95": Goal(6.0, 4.0).judge(ours["p95"]),
        "ratio": Goal(1.5).judge(ratio),
        "page_p50": Goal(15.0).judge(results["page_ms"]["event"]["p50"]),
    }
    return results


async def _floor(workshop: Workshop, posts: int) -> tuple[Part, Part]:
    folder = str(workshop.fresh_folder("floor"))
    receiver = await workshop.start("ui.bench.floor", "serve", str(posts), str(FLOOR_BYTES), folder)
    address = (await receiver.hear())["address"]
    sender = await workshop.start("ui.bench.floor", "dial", address, str(FLOOR_BYTES), folder)
    await sender.hear()
    return sender, receiver


# -- to an open page --------------------------------------------------------------------------------------------------


async def to_page(workshop: Workshop, posts: int) -> Data:
    """Time posts from the end of their undo time to the event in the neighbour's page, and to the fragment it asks for.

    The end of the undo time is kept in whole ms, so each value may be up to 1 ms too large.
    """
    async with workshop.scene():
        first, second, folder = await pair(workshop, undo_s=UNDO_S, pages=True)
        async with visitor(folder) as browser, browser.get("/api/v1/live", timeout=FOR_EVER) as stream:
            watching = asyncio.create_task(_watch(browser, stream, posts))
            await asyncio.sleep(SETTLE_S)
            due = (await first.ask("say", count=posts, gap_s=PAGE_GAP_S))["due"]
            async with asyncio.timeout(PATIENCE_S + posts * PAGE_GAP_S):
                seen = await watching
        await second.ask("meet", count=1)
    pairs = list(zip(due, seen, strict=True))
    return {
        "event": quantiles([event - at for at, (event, _) in pairs]),
        "fragment": quantiles([shown - at for at, (_, shown) in pairs]),
    }


async def _watch(
    browser: aiohttp.ClientSession, stream: aiohttp.ClientResponse, posts: int
) -> list[tuple[float, float]]:
    """Return when each post's event came and when its fragment was here, in ms since the epoch."""
    seen: list[tuple[float, float]] = []
    async for line in stream.content:
        if not line.startswith(b"data: "):
            continue
        news = json.loads(line[6:])
        if news.get("kind") != "new":
            continue
        event = time.time() * 1000
        space = news["place"].partition(":")[2]
        async with browser.get(f"/s/{space}/fragment/{news['id']}") as answer:
            answer.raise_for_status()
            await answer.read()
        seen.append((event, time.time() * 1000))
        if len(seen) == posts:
            break
    return seen
