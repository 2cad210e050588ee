"""The benchmark's table: what is measured, at which size, and one answer in JSON."""

import asyncio
import json
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from identity.errors import Refused
from ui.bench import growing, lawful, living, measures, meshing, resting, syncing
from ui.bench.measures import Data
from ui.bench.parts import Workshop
from ui.bench.seeds import Seeds, tell

_STOPPING = (signal.SIGINT, signal.SIGTERM)
Scenario = Callable[[Workshop, Seeds], Awaitable[Data]]


def full() -> dict[str, Scenario]:
    """Return the scenarios at the sizes that the goals name."""
    return {
        "sync_5000": lambda w, s: syncing.sync(w, s, 5_000, 5),
        "sync_50000": lambda w, s: syncing.sync(w, s, 50_000, 3),
        "live": lambda w, _: living.live(w, 300, 100),
        "mesh_20": lambda w, _: meshing.mesh(w, 20, (5, 100), (33, 660)),
        "nothing_new": lambda w, s: resting.nothing_new(w, s, 1_000, 100_000, 100),
        "one_change": lambda w, s: growing.one_change(w, s, (1_000, 10_000, 100_000), 200),
        "disk": lambda w, s: growing.disk(w, s, 50_000),
        "feed_page": lambda w, s: growing.feed_page(w, s, 100_000, 100),
        "cold_start": lambda w, s: growing.cold_start(w, s, 50_000, 5),
        "idle": lambda w, s: resting.idle(w, s, 50_000, 20),
        "law_10000": lambda w, s: lawful.fold(w, s, (1_000, 8), 5, 100),
        "rotate_1000": lambda w, s: lawful.rotate(w, s, (1_000, 8)),
        "law_pages": lambda w, s: lawful.pages(w, s, (1_000, 8), 50),
    }


def quick() -> dict[str, Scenario]:
    """Return the same scenarios, smaller and fewer: to see that all is well, not how fast it is."""
    return {
        "sync_5000": lambda w, s: syncing.sync(w, s, 5_000, 2),
        "sync_50000": lambda w, s: syncing.sync(w, s, 10_000, 1),
        "live": lambda w, _: living.live(w, 100, 30),
        "mesh_20": lambda w, _: meshing.mesh(w, 6, (5, 30), (33, 120)),
        "nothing_new": lambda w, s: resting.nothing_new(w, s, 100, 5_000, 20),
        "one_change": lambda w, s: growing.one_change(w, s, (1_000, 5_000), 50),
        "disk": lambda w, s: growing.disk(w, s, 5_000),
        "feed_page": lambda w, s: growing.feed_page(w, s, 5_000, 20),
        "cold_start": lambda w, s: growing.cold_start(w, s, 5_000, 2),
        "idle": lambda w, s: resting.idle(w, s, 5_000, 5),
        "law_10000": lambda w, s: lawful.fold(w, s, (100, 4), 2, 20),
        "rotate_1000": lambda w, s: lawful.rotate(w, s, (100, 4)),
        "law_pages": lambda w, s: lawful.pages(w, s, (100, 4), 10),
    }


def choose(only: Sequence[str], *, is_quick: bool) -> dict[str, Scenario]:
    """Return the scenarios that were asked for; all where none was named.

    Raises:
        Refused: if there is none of that name.
    """
    scenarios = quick() if is_quick else full()
    unknown = [name for name in only if name not in scenarios]
    if unknown:
        raise Refused(f"There is no benchmark {unknown[0]}; there are {', '.join(scenarios)}.")
    return {name: scenarios[name] for name in only or scenarios}


async def measure(scenarios: dict[str, Scenario]) -> Data:
    """Run scenarios one after another in a temporary folder; every process is ended, whatever happens."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - this is a coroutine
    for number in _STOPPING:
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        return await _measure(scenarios)
    finally:
        for number in _STOPPING:
            asyncio.get_running_loop().remove_signal_handler(number)


async def _measure(scenarios: dict[str, Scenario]) -> Data:
    results: Data = {"machine": measures.machine(), "load": {"before": measures.load()}, "scenarios": {}}
    with tempfile.TemporaryDirectory(prefix="commons-bench-") as folder:
        workshop = Workshop(Path(folder))
        seeds = Seeds(workshop)
        for name, scenario in scenarios.items():
            tell(f"{name} …")
            began, load = time.monotonic(), measures.load()
            found = await scenario(workshop, seeds)
            found |= {"load": {"before": load, "after": measures.load()}, "took_s": time.monotonic() - began}
            results["scenarios"][name] = found
            tell(f"{name}: {_in_short(found)}")
    results["load"]["after"] = measures.load()
    return results


def _in_short(found: Data) -> str:
    marks = {True: "met", False: "missed"}
    return ", ".join(
        f"{name} {goal['value']:g} (reach {goal['reach']:g}: {marks[goal['met']['reach']]})"
        for name, goal in found.get("goals", {}).items()
    )


def bench(only: Sequence[str], *, is_quick: bool) -> int:
    """Measure, and print one JSON object; returns the exit code."""
    try:
        results = asyncio.run(measure(choose(only, is_quick=is_quick)))
    except asyncio.CancelledError:
        return 130
    sys.stdout.write(json.dumps(results, indent=2) + "\n")
    return 0
