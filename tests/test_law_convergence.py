"""A town under its own law comes to one law on all nodes, whatever its people, its network and its disks do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from law_simulator import Plan, Report, run

ROOT = Path(__file__).resolve().parent.parent


def check(seed: int, plan: Plan) -> Report:
    """Run one seed; a failure says how to see it again."""
    report = run(seed, plan)
    size = f"--houses {plan.houses} --deeds {plan.deeds}{' --hostile' if plan.hostile else ''}"
    replay = f"PYTHONPATH=. python tests/law_simulator.py {seed} {size}"

    assert report.faults == [], replay
    assert 1 <= report.rounds <= 3, replay
    return report


@pytest.mark.parametrize("seed", range(6))
def test_a_town_comes_to_one_law_after_every_storm(seed: int) -> None:
    check(seed, Plan(houses=7, deeds=45))


@pytest.mark.parametrize("seed", range(5))
def test_whoever_copies_their_keys_or_lies_the_rest_come_to_one_law(seed: int) -> None:
    check(100 + seed, Plan(houses=6, deeds=45, hostile=True))


def test_a_town_replays_frame_by_frame() -> None:
    again = [sys.executable, "tests/law_simulator.py", "3", "--houses", "5", "--deeds", "25", "--hostile"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "1"}

    report = run(3, Plan(houses=5, deeds=25, hostile=True))
    shown = subprocess.run(again, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout

    assert report.trace in shown


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("first", range(0, 600, 100))
def test_hundreds_of_towns_come_to_one_law(first: int) -> None:
    for seed in range(first, first + 100):
        check(10_000 + seed, Plan(houses=6 + seed % 8, deeds=40 + seed % 100, hostile=seed % 2 == 1))


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_town_of_a_hundred_comes_to_one_law() -> None:
    check(1, Plan(houses=100, deeds=400, hostile=True))
