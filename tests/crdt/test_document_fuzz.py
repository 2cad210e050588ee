import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

DRIVER = Path(__file__).with_name("document_fuzz.py")


def fuzz(start: int, count: int) -> dict[str, Any]:
    """Run the driver apart, so that a death of the engine is a failure and not the end of the suite."""
    command = [sys.executable, str(DRIVER), str(start), str(count)]
    environment = {**os.environ, "PYTHONPATH": str(DRIVER.parents[2])}
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert run.returncode == 0, f"{run.stdout[-200:]}\n{run.stderr[-3000:]}"
    return json.loads(run.stdout.splitlines()[-1])


def test_three_thousand_mutated_edits_are_refused_or_mean_one_thing_to_all() -> None:
    result = fuzz(0, 3_000)

    assert sum(result["seen"].values()) == 3_000
    assert result["seen"]["unchanged"] < 500
    assert result["seen"]["passed"] > 30
    assert len(result["seen"]) > 25
    assert result["slowest_s"] < 0.05
    assert result["peak_bytes"] < 150 * 1024 * 1024


@pytest.mark.long
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("start", range(10_000_000, 10_000_000 + 40 * 25_000, 25_000))
def test_a_million_mutated_edits_are_refused_or_mean_one_thing_to_all(start: int) -> None:
    result = fuzz(start, 25_000)

    assert result["seen"]["passed"] > 300
    assert result["peak_bytes"] < 300 * 1024 * 1024
