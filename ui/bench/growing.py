"""What grows with history, and what does not: one more change, the disk, the first page, a cold start."""

import asyncio
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import aiohttp

from node.store import floors
from ui.bench.browsing import visitor
from ui.bench.measures import Data, Goal, median, process_usage, quantiles, rounded
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
    """Time the first page of the feed: in the server, until all of it is written, and as a browser waits for it.

    The first answer is told apart; `cpu_ms` is all that the server's process spends on one page.
    """
    folder = await seeds.get(AUTHORS, posts)
    waited: list[float] = []
    async with workshop.scene():
        part = await workshop.node(folder=str(folder), network=False, pages=True)
        async with visitor(folder) as browser:
            path = await _feed_path(browser)
            before = (await part.ask("usage"))["cpu_s"]
            for _ in range(count):
                began = time.perf_counter()
                async with browser.get(path) as answer:
                    size = len(await answer.read())
                waited.append((time.perf_counter() - began) * 1000)
            cpu_s = (await part.ask("usage"))["cpu_s"] - before
        first, *times = [took_s * 1000 for took_s in (await part.ask("answered", path=path))["took_s"]]
    server = quantiles(times)
    return {
        "posts": posts, "page_bytes": size, "first_ms": rounded(first), "server_ms": server,
        "browser_ms": quantiles(waited), "cpu_ms": rounded(cpu_s * 1000 / count),
        "goals": {"p50": Goal(20).judge(server["p50"]), "p95": Goal(20).judge(server["p95"])},
    }  # fmt: skip


async def _feed_path(browser: aiohttp.ClientSession) -> str:
    async with browser.get("/") as answer:
        answer.raise_for_status()
        return answer.url.path


async def cold_start(workshop: Workshop, seeds: Seeds, posts: int, runs: int) -> Data:
    """Time from starting the process until a browser that was let in has the whole first page.

    `floor_s` is a process that imports the bare libraries, which every run of the node needs first, and ends.
    """
    folder = await seeds.get(AUTHORS, posts)
    runs_s, cpu_s, floor_s = [], [], []
    for _ in range(runs):
        floor_s.append(await _bare_start(workshop))
        took, cpu = await _start_once(workshop, folder)
        runs_s.append(took)
        cpu_s.append(cpu)
    return {
        "posts": posts, "runs_s": [rounded(took) for took in runs_s], "s": median(runs_s),
        "cpu_s": median(cpu_s), "floor_s": median(floor_s),
        "goals": {"s": Goal(0.6).judge(median(runs_s))},
    }  # fmt: skip


async def _bare_start(workshop: Workshop) -> float:
    async with workshop.scene():
        began = time.perf_counter()
        part = await workshop.start("ui.bench.floor", "libraries")
        await part.hear()
        return time.perf_counter() - began


async def _start_once(workshop: Workshop, folder: Path) -> tuple[float, float]:
    """Return the seconds until the first page, and the node's own seconds of CPU until then."""
    async with workshop.scene():
        began = time.perf_counter()
        part = await run_node(workshop, folder)
        async with visitor(folder) as browser, browser.get("/") as answer:
            answer.raise_for_status()
            await answer.read()
        took = time.perf_counter() - began
        return took, process_usage(part.pid)[0]
