"""What it costs when nothing happens: comparing equal histories, meeting again, standing by with neighbours."""

import asyncio
from pathlib import Path

from ui.bench.browsing import opening_of
from ui.bench.measures import Data, Goal, process_usage, rounded
from ui.bench.parts import Part, Workshop
from ui.bench.seeds import Seeds

GAP_S = 0.3  # longer than a comparison waits for quiet, or several would be one
AUTHORS = 10
WARM_S = 5.0


async def nothing_new(workshop: Workshop, seeds: Seeds, authors: int, posts: int, compares: int) -> Data:
    """Compare two nodes that hold the same, again and again; then let them meet anew."""
    folder = await seeds.get(authors, posts)
    async with workshop.scene():
        first = await workshop.node(folder=str(folder))
        second = await workshop.node()
        await second.ask("join", link=(await first.ask("invite"))["link"])
        parts = (first, second)
        changes = (await second.ask("digest"))["changes"]
        before = (await second.ask("bytes"))["bytes"]
        resting = sum([one["cpu_s"] for one in await _both(parts, "rest", seconds=compares * GAP_S)])
        cpu = await _cpu(parts)
        await _both(parts, "compare", count=compares, gap_s=GAP_S)
        spent = await _cpu(parts) - cpu
        size = ((await second.ask("bytes"))["bytes"] - before) / compares
        again = (await second.ask("hang_up"))["bytes"]
    cpu_ms = max(0.0, spent - resting) * 1000 / compares
    return {
        "authors": authors, "changes": changes, "compares": compares,
        "bytes": rounded(size), "cpu_ms": rounded(cpu_ms), "cpu_ms_with_resting": rounded(spent * 1000 / compares),
        "reconnect_bytes": again,
        "goals": {"bytes": Goal(200).judge(size), "cpu_ms": Goal(2.0).judge(cpu_ms)},
    }  # fmt: skip


async def _both(parts: tuple[Part, Part], do: str, **given: float) -> list[Data]:
    return list(await asyncio.gather(*(part.ask(do, **given) for part in parts)))


async def _cpu(parts: tuple[Part, Part]) -> float:
    used: list[float] = [(await part.ask("usage"))["cpu_s"] for part in parts]
    return sum(used)


async def idle(workshop: Workshop, seeds: Seeds, posts: int, seconds: float) -> Data:
    """Watch a node as people run it, with two neighbours that hold the same."""
    folder = await seeds.get(AUTHORS, posts)
    neighbours = [workshop.fresh_folder("neighbour") for _ in range(2)]
    await _make_neighbours(workshop, folder, neighbours)
    async with workshop.scene():
        process = await run_node(workshop, folder)
        await opening_of(folder)
        parts = [await workshop.node(folder=str(other)) for other in neighbours]
        for part in parts:
            await part.ask("meet", count=1)
        await asyncio.sleep(WARM_S)
        before, _ = process_usage(process.pid)
        await asyncio.sleep(seconds)
        after, memory = process_usage(process.pid)
    percent = (after - before) * 100 / seconds
    return {
        "posts": posts, "neighbours": len(parts), "seconds": seconds,
        "memory_mb": rounded(memory), "cpu_percent": rounded(percent), "imports_alone_mb": await _imports(workshop),
        "goals": {"memory_mb": Goal(115).judge(memory), "cpu_percent": Goal(0.3).judge(percent)},
    }  # fmt: skip


async def _make_neighbours(workshop: Workshop, folder: Path, neighbours: list[Path]) -> None:
    """Let two others join and fetch everything; the port is kept, so that they find the node again."""
    async with workshop.scene():
        first = await workshop.node(folder=str(folder))
        link = (await first.ask("invite"))["link"]
        for other in neighbours:
            part = await workshop.node(folder=str(other))
            await part.ask("join", link=link)
            await part.ask("close")
        await first.ask("close")


async def run_node(workshop: Workshop, folder: Path) -> Part:
    """Start a node as `commons run` does."""
    for old in ("open.html", "api.json"):
        (folder / old).unlink(missing_ok=True)
    part = await workshop.start(
        "ui.cli", "run", "--home", str(folder), "--no-browser", "--port", "0", "--no-discovery", "--json",
        "--listen", "/ip4/127.0.0.1/tcp/0",
    )  # fmt: skip
    part.ends_by_signal = True
    return part


async def _imports(workshop: Workshop) -> float:
    """Return the memory of a process that has imported what a running node has, and done nothing."""
    async with workshop.scene():
        part = await workshop.start("ui.bench.floor", "imports")
        memory: float = (await part.hear())["memory_mb"]
    return rounded(memory)
