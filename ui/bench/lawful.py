"""What law costs where there is much of it: reading it at the start, one change more, a new key, its pages."""

import time

import aiohttp

from ui.bench.browsing import visitor
from ui.bench.measures import Data, Goal, median, quantiles, rounded
from ui.bench.parts import Part, Workshop
from ui.bench.seeds import Seeds

PAGES = {"members": "people", "charter": "charter", "log": "log"}
Size = tuple[int, int]
"""How many members a town has, and how often all of them voted."""


async def fold(workshop: Workshop, seeds: Seeds, size: Size, runs: int, count: int) -> Data:
    """Time reading and judging all law from the folder, and taking in single ballots as a session brings them."""
    folder = await seeds.town(*size)
    async with workshop.scene():
        part = await workshop.node("town", folder=str(folder), network=False)
        law = await part.ask("size")
        cold = [await part.ask("read_law") for _ in range(runs)]
        more = [took_s * 1000 for took_s in (await part.ask("one_more", count=count))["times"]]
    seconds, one = median([run["s"] for run in cold]), quantiles(more)
    return {
        **law, "cold_s": quantiles([run["s"] for run in cold]), "cold_cpu_s": median([run["cpu_s"] for run in cold]),
        "view_ms": median([run["view_s"] * 1000 for run in cold]), "one_more_ms": one,
        "goals": {"cold_s": Goal(1.0).judge(seconds), "one_more_ms": Goal(5.0).judge(one["p50"])},
    }  # fmt: skip


async def rotate(workshop: Workshop, seeds: Seeds, size: Size) -> Data:
    """Time changing the key of a town after somebody left."""
    folder = await seeds.town(*size)
    async with workshop.scene():
        part = await workshop.node("town", folder=str(folder), network=False)
        found = await part.ask("rotate")
        await part.ask("close")
    return {**found, "goals": {"s": Goal(1.0).judge(found["s"])}}


async def pages(workshop: Workshop, seeds: Seeds, size: Size, count: int) -> Data:
    """Time the pages of law in the server, each from the request until its answer is written."""
    folder = await seeds.town(*size)
    async with workshop.scene():
        part = await workshop.node("town", folder=str(folder), network=False, pages=True)
        async with visitor(folder) as browser:
            space = (await part.ask("which"))["space"]
            found = {name: await _page(part, browser, f"{space}/{end}", count) for name, end in PAGES.items()}
    return {"pages": found, "goals": {name: Goal(30).judge(each["server_ms"]["p50"]) for name, each in found.items()}}


async def _page(part: Part, browser: aiohttp.ClientSession, path: str, count: int) -> Data:
    waited: list[float] = []
    for _ in range(count):
        began = time.perf_counter()
        async with browser.get(path) as answer:
            answer.raise_for_status()
            size = len(await answer.read())
        waited.append((time.perf_counter() - began) * 1000)
    first, *times = [took_s * 1000 for took_s in (await part.ask("answered", path=path))["took_s"]]
    server, browser_ms = quantiles(times), quantiles(waited)
    return {"page_bytes": size, "first_ms": rounded(first), "server_ms": server, "browser_ms": browser_ms}
