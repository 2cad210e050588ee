"""Twenty processes, each connected to a few others: how long until the last of them has a post."""

import asyncio
import random
import time

from ui.bench.measures import Data, Goal, quantiles
from ui.bench.parts import Part, Workshop

SEED = 7
MOST_EXTRA = 3
SETTLE_S = 2.0
LEAD_S = 0.5


async def mesh(workshop: Workshop, nodes: int, slow: tuple[float, int], fast: tuple[float, int]) -> Data:
    """Let nodes write in turn at two rates, each (posts a second, posts)."""
    async with workshop.scene():
        parts = await _connected(workshop, nodes)
        slowly = await _storm(parts, *slow)
        fastly = await _storm(parts, *fast)
        await asyncio.sleep(SETTLE_S)
        roots = {(await part.ask("digest"))["root"] for part in parts}
        usage = [await part.ask("usage") for part in parts]
    results: Data = {
        "nodes": nodes, "same_digest": len(roots) == 1, "slow": slowly, "fast": fastly,
        "memory_mb": quantiles([one["memory_mb"] for one in usage]),
    }  # fmt: skip
    results["goals"] = {
        "slow_p50": Goal(20.0).judge(slowly["last_ms"]["p50"]),
        "slow_p95": Goal(40.0).judge(slowly["last_ms"]["p95"]),
        "fast_lost": Goal(0).judge(fastly["lost"]),
        "fast_p95": Goal(150.0).judge(fastly["last_ms"]["p95"]),
    }
    return results


async def _connected(workshop: Workshop, nodes: int) -> list[Part]:
    """Start nodes in one space; node i dials the one before it and up to three earlier ones."""
    chance = random.Random(SEED)  # noqa: S311 - a layout that is the same in every run
    first = await workshop.node()
    await first.ask("found")
    link = (await first.ask("invite"))["link"]
    parts, addresses = [first], [(await first.ask("address"))["address"]]
    for i in range(1, nodes):
        part = await workshop.node()
        await part.ask("join", link=link)
        earlier = chance.sample(range(i), min(i, MOST_EXTRA))
        await part.ask("dial", addresses=[addresses[j] for j in {i - 1, *earlier}])
        parts.append(part)
        addresses.append((await part.ask("address"))["address"])
    await asyncio.gather(*(part.ask("meet", count=1) for part in parts))
    await asyncio.sleep(SETTLE_S)
    return parts


async def _storm(parts: list[Part], rate: float, posts: int) -> Data:
    """Let every node write in turn; tells how long each post took to the last node, in ms, and what was lost."""
    first = time.monotonic_ns() + int(LEAD_S * 1e9)
    each = posts // len(parts)
    begun = await asyncio.gather(
        *(
            part.ask(
                "live", name=f"r{rate:g}n{i}", count=each, first_ns=first + int(i / rate * 1e9), gap_s=len(parts) / rate
            )
            for i, part in enumerate(parts)
        )
    )
    written = {name: at for one in begun for name, at in one["begun"].items()}
    arrivals = await asyncio.gather(*(part.ask("arrived", count=each * (len(parts) - 1)) for part in parts))
    last: dict[str, list[int]] = {name: [] for name in written}
    for one in arrivals:
        for name, at in one["arrived"].items():
            if name in last:  # not one that was still under way when the turn before this one ended
                last[name].append(at)
    whole = {name: max(times) for name, times in last.items() if len(times) == len(parts) - 1}
    return {
        "posts_per_s": rate,
        "last_ms": quantiles([(at - written[name]) / 1e6 for name, at in whole.items()]),
        "lost": len(written) - len(whole),
    }
