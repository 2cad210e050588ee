import asyncio
import os
from pathlib import Path

import pytest

from identity.errors import Refused
from ui.bench import growing, lawful, syncing
from ui.bench.measures import Goal, quantiles
from ui.bench.parts import BenchError, Workshop
from ui.bench.run import choose, full, measure, quick
from ui.bench.words import TEXT_CHARS, live_text, post_text

GOAL_FIELDS = {"value", "reach", "stretch", "met"}


async def test_the_answer_tells_the_machine_the_load_and_whether_goals_are_met() -> None:
    results = await measure({"disk": lambda workshop, seeds: growing.disk(workshop, seeds, 60)})

    assert set(results) == {"machine", "load", "scenarios"}
    assert set(results["machine"]) == {"system", "cores", "python", "sqlite"}
    assert set(results["load"]) == {"before", "after"}
    disk = results["scenarios"]["disk"]
    assert disk["posts"] == 60
    assert 200 < disk["log_bytes"] < disk["all_bytes"]
    assert set(disk["goals"]) == {"log", "all"}
    assert set(disk["goals"]["log"]) == GOAL_FIELDS


async def test_a_sync_of_real_processes_is_measured_beside_its_floors() -> None:
    results = await measure({"sync": lambda workshop, seeds: syncing.sync(workshop, seeds, 40, 1)})

    sync = results["scenarios"]["sync"]
    assert len(sync["runs"]) == 1
    assert set(sync["runs"][0]) == set(sync["median"])
    assert {"s", "cpu_s", "server_cpu_s", "growth_mb", "floor_sqlite_s", "floor_stream_s"} <= set(sync["median"])
    assert set(sync["ratio"]) == {"to_sqlite", "to_stream"}


async def test_every_process_has_ended_when_a_scene_fails(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path)

    pids: list[int] = []

    async def scene() -> None:
        async with workshop.scene():
            part = await workshop.node(network=False)
            pids.append(part.pid)
            await part.ask("fly")

    with pytest.raises(BenchError, match="fly is no order"):
        await scene()
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


async def test_a_cancelled_run_ends_its_processes(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path)
    started = asyncio.Event()
    pids: list[int] = []

    async def scene() -> None:
        async with workshop.scene():
            part = await workshop.node(network=False)
            pids.append(part.pid)
            started.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(scene())
    await started.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def test_quick_runs_have_the_same_names_as_full_ones() -> None:
    assert list(quick()) == list(full())


def test_an_unknown_benchmark_is_named_with_those_there_are() -> None:
    with pytest.raises(Refused, match=r"There is no benchmark speed; there are sync_5000, .*law_pages\."):
        choose(["speed"], is_quick=False)


def test_only_what_was_asked_for_is_measured() -> None:
    assert list(choose(["live", "disk"], is_quick=True)) == ["live", "disk"]


def test_the_middle_and_the_95th_percentile_are_values_that_occurred() -> None:
    values = [float(value) for value in range(1, 101)]

    found = quantiles(values)

    assert found == {"count": 100, "p50": 50.5, "p95": 95.0, "max": 100.0}


def test_a_goal_is_met_at_its_very_number() -> None:
    judged = Goal(2.0, 1.0).judge(2.0)

    assert judged == {"value": 2.0, "reach": 2.0, "stretch": 1.0, "met": {"reach": True, "stretch": False}}


def test_a_post_has_200_characters_and_begins_like_no_other() -> None:
    texts = [post_text(author, i) for author in range(3) for i in range(20)]

    assert {len(text) for text in texts} == {TEXT_CHARS}
    assert len(set(texts)) == 60


def test_a_live_post_is_as_long_as_any_and_like_no_other() -> None:
    texts = [live_text(f"b0-{i}") for i in range(20)]

    assert {len(text) for text in texts} == {TEXT_CHARS}
    assert len(set(texts)) == 20


async def test_law_is_measured_in_a_town_that_was_founded_and_voted_in() -> None:
    results = await measure({
        "fold": lambda workshop, seeds: lawful.fold(workshop, seeds, (6, 2), 1, 3),
        "rotate": lambda workshop, seeds: lawful.rotate(workshop, seeds, (6, 2)),
        "pages": lambda workshop, seeds: lawful.pages(workshop, seeds, (6, 2), 3),
    })  # fmt: skip

    scenarios = results["scenarios"]
    assert (scenarios["fold"]["members"], scenarios["fold"]["changes"] > 6 * 4) == (7, True)
    assert set(scenarios["fold"]["goals"]) == {"cold_s", "one_more_ms"}
    assert scenarios["rotate"]["members"] == 6
    assert set(scenarios["pages"]["goals"]) == {"members", "charter", "log"}
