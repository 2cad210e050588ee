"""How long until a newcomer holds and finds everything: beside SQLite alone, and a bare stream of the same bytes."""

import math
from pathlib import Path

from ui.bench.measures import Data, Goal, median
from ui.bench.parts import BenchError, Part, Workshop
from ui.bench.seeds import Seeds
from ui.bench.waiting import moments
from ui.bench.words import opening_of

AUTHORS = 10
SEALED_BYTES = 190  # of a 200-byte post in this bench's words
FRAME_BYTES = 256 * 1024
PATIENCE_S = 10.0


async def sync(workshop: Workshop, seeds: Seeds, posts: int, runs: int) -> Data:
    """Sync so many posts to newcomers, one after another; all numbers of every run, and their medians."""
    folder = await seeds.get(AUTHORS, posts)
    found = [await _one_run(workshop, folder, posts) for _ in range(runs)]
    middle = {name: median([run[name] for run in found]) for name in found[0]}
    goals = {5_000: (0.4, 0.25), 50_000: (2.5, 1.5)}.get(posts)
    results: Data = {"posts": posts, "runs": found, "median": middle}
    results["ratio"] = {
        "to_sqlite": median([run["s"] / run["floor_sqlite_s"] for run in found]),
        "to_stream": median([run["s"] / run["floor_stream_s"] for run in found]),
    }
    if goals:
        results["goals"] = {"s": Goal(*goals).judge(middle["s"])}
    if posts == 50_000:
        results["goals"]["growth_mb"] = Goal(20.0).judge(middle["growth_mb"])
    return results


async def _one_run(workshop: Workshop, folder: Path, posts: int) -> Data:
    async with workshop.scene():
        serving = await workshop.node(folder=str(folder))
        joining = await workshop.node()
        link = (await serving.ask("invite"))["link"]
        before = await serving.ask("usage")
        words = opening_of((posts - 1) % AUTHORS, (posts - 1) // AUTHORS)
        run = await joining.ask("join", link=link, words=words)
        after = await serving.ask("usage")
        await _same(serving, joining)
    run["server_cpu_s"] = after["cpu_s"] - before["cpu_s"]
    run["bytes_per_post"] = run["bytes"] / posts
    return run | await _floors(workshop, posts, run["bytes"])


async def _same(*parts: Part) -> None:
    """Look that the nodes hold the same; the newcomer's profile may still be on its way."""
    async for _ in moments(PATIENCE_S):
        if len({(await part.ask("digest"))["root"] for part in parts}) == 1:
            return
    raise BenchError("the nodes do not hold the same after a sync")


async def _floors(workshop: Workshop, posts: int, size: int) -> Data:
    async with workshop.scene():
        folder = workshop.fresh_folder("rows")
        part = await workshop.start("ui.bench.floor", "rows", str(folder), str(posts), str(SEALED_BYTES))
        rows = await part.hear()
    stream = await carry(workshop, size)
    return {
        "floor_sqlite_s": rows["s"], "floor_sqlite_cpu_s": rows["cpu_s"], "floor_stream_s": stream,
    }  # fmt: skip


async def carry(workshop: Workshop, size: int) -> float:
    """Return how long a bare stream takes for so many bytes, in seconds."""
    frames = max(1, math.ceil(size / FRAME_BYTES))
    async with workshop.scene():
        server = await workshop.start("ui.bench.floor", "serve", str(frames), str(FRAME_BYTES))
        address = (await server.hear())["address"]
        client = await workshop.start("ui.bench.floor", "dial", address, str(FRAME_BYTES))
        await client.hear()
        await client.turn({"count": frames, "pause_s": 0})
        times = (await server.hear())["times"]
    took: float = (times[-1][1] - times[0][0]) / 1e9
    return took
