"""What grows with history, and what does not: one more change, the disk, the first page, a cold start."""

import asyncio
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import aiohttp

from node.store import floors
from ui.bench.browsing import visitor
from ui.bench.measures import Data, Goal, median, quantiles, rounded
from ui.bench.parts import Workshop
from ui.bench.resting import run_node
from ui.bench.seeds import Seeds

AUTHORS = 10
LOG_TABLES = ("change", "change_place", "change_id", "change_law")


async def one_change(workshop: Workshop, seeds: Seeds, sizes: Sequence[int], count: int) -> Data:
    """Time single arriving changes in histories of different lengths, in turn, in one process."""
    folders = [str(await seeds.get(AUTHORS, posts)) for posts in sizes]
    async with workshop.scene():
        part = await workshop.start("ui.bench.part", "histories")
        times = (await part.ask("cost", folders=folders, count=count))["times"]
    found = {
        str(posts): {
            "wall_ms": quantiles([wall * 1000 for wall, _ in kept]),
            "cpu_ms": quantiles([cpu * 1000 for _, cpu in kept]),
        }
        for posts, kept in zip(sizes, times, strict=True)
    }
    small, large = found[str(sizes[0])], found[str(sizes[-1])]
    ratio = large["wall_ms"]["p50"] / small["wall_ms"]["p50"]
    return {
        "histories": found,
        "ratio": rounded(ratio),
        "cpu_ratio": rounded(large["cpu_ms"]["p50"] / small["cpu_ms"]["p50"]),
        "goals": {"ratio": Goal(1.5).judge(ratio)},
    }


async def disk(workshop: Workshop, seeds: Seeds, posts: int) -> Data:
    """Weigh a folder: the log alone, and everything."""
    folder = await seeds.get(AUTHORS, posts)
    tables = await asyncio.to_thread(floors.sizes, folder)
    if tables is None:
        copy = workshop.fresh_folder("weighed") / "node"
        await asyncio.to_thread(shutil.copytree, folder, copy)
        whole, log = await asyncio.to_thread(floors.sizes_by_dropping, copy)
    else:
        whole, log = sum(tables.values()), sum(tables.get(name, 0) for name in LOG_TABLES)
    file_bytes = await asyncio.to_thread(_apparent, folder)
    largest = dict(sorted((tables or {}).items(), key=lambda item: -item[1])[:12])
    return {
        "posts": posts, "log_bytes": rounded(log / posts), "all_bytes": rounded(whole / posts),
        "folder_bytes": rounded(file_bytes / posts),
        "by_table": {name: rounded(size / posts) for name, size in largest.items()},
        "goals": {"log": Goal(400, 250).judge(log / posts), "all": Goal(1000).judge(whole / posts)},
    }  # fmt: skip


def _apparent(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


async def feed_page(workshop: Workshop, seeds: Seeds, posts: int, count: int) -> Data:
    """Time the first page of the feed as a browser asks for it over loopback; the first answer is told apart."""
    folder = await seeds.get(AUTHORS, posts)
    times: list[float] = []
    async with workshop.scene():
        await workshop.node(folder=str(folder), network=False, pages=True)
        async with visitor(folder) as browser:
            path = await _feed_path(browser)
            for _ in range(count + 1):
                began = time.perf_counter()
                async with browser.get(path) as answer:
                    size = len(await answer.read())
                times.append((time.perf_counter() - began) * 1000)
    middle = quantiles(times[1:])
    return {
        "posts": posts, "page_bytes": size, "first_ms": rounded(times[0]), "ms": middle,
        "goals": {"p50": Goal(20).judge(middle["p50"]), "p95": Goal(20).judge(middle["p95"])},
    }  # fmt: skip


async def _feed_path(browser: aiohttp.ClientSession) -> str:
    async with browser.get("/") as answer:
        answer.raise_for_status()
        return answer.url.path


async def cold_start(workshop: Workshop, seeds: Seeds, posts: int, runs: int) -> Data:
    """Time from starting the process until a browser that was let in has the whole first page."""
    folder = await seeds.get(AUTHORS, posts)
    times = [await _start_once(workshop, folder) for _ in range(runs)]
    return {
        "posts": posts, "runs_s": [rounded(took) for took in times], "s": median(times),
        "goals": {"s": Goal(0.6).judge(median(times))},
    }  # fmt: skip


async def _start_once(workshop: Workshop, folder: Path) -> float:
    async with workshop.scene():
        began = time.perf_counter()
        await run_node(workshop, folder)
        async with visitor(folder) as browser, browser.get("/") as answer:
            answer.raise_for_status()
            await answer.read()
        return time.perf_counter() - began
