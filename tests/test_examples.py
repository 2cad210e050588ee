"""The examples run as a newcomer would run them, and what they print for machines is true."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def run(example: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", str(ROOT / "examples" / example), *options]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=100)


def told(example: str, *options: str) -> dict[str, Any]:
    """Return the JSON of an example that ended well and complained of nothing."""
    ended = run(example, "--json", *options)
    assert (ended.returncode, ended.stderr) == (0, "")
    outcome: dict[str, Any] = json.loads(ended.stdout)
    return outcome


def test_two_laptops_converge_and_say_so_to_machines() -> None:
    outcome = told("two_laptops.py")

    assert (outcome["converged"], outcome["posts"], sorted(outcome["digests"])) == (True, 11, ["Amina", "Bo"])
    assert len(set(outcome["digests"].values())) == 1
    assert outcome["page"] == "Clean water is free.\n\nAsk Bo or Cem for seeds.\n"
    assert all(outcome[name] > 0 for name in ("joined_ms", "first_post_ms", "merged_ms"))


def test_two_laptops_tell_people_a_story() -> None:
    ended = run("two_laptops.py")

    assert (ended.returncode, ended.stderr) == (0, "")
    assert "both hold the same 11 posts" in ended.stdout


def test_a_small_workshop_converges() -> None:
    outcome = told("workshop.py", "--people", "5", "--posts", "2")

    assert (outcome["converged"], outcome["people"], outcome["posts"]) == (True, 5, 20)
    assert len(outcome["digests"]) == 5
    assert len(set(outcome["digests"].values())) == 1
    assert outcome["seconds"] < 60
    assert 0 < outcome["memory_mb"] < 250


def test_a_small_cooperative_is_founded_decides_and_outlives_a_cheat() -> None:
    outcome = told("founding.py", "--people", "6")

    steps = outcome["steps"]
    assert (outcome["converged"], len(set(outcome["digests"].values()))) == (True, 1)
    assert sorted(outcome["digests"]) == ["Amina", "Bo", "Cem", "Dora"]
    assert steps["gather"] == {"members": 6, "while_apart": 3}
    assert steps["give_a_role"] == {"result": "yes", "then": True, "later": False}
    assert (steps["remove"]["key_rotated"], steps["remove"]["hugo_reads_new"]) == (True, False)
    assert (steps["partition"]["one_result"], steps["partition"]["tally"]) == (True, {"yes": 4, "no": 1, "abstain": 0})
    assert steps["cheat"] == {"at_home": "yes", "on_the_train": "no", "contested": True, "named": ["Eli"]}
    assert (steps["mend"]["result"], outcome["seconds"] < 90) == ("yes", True)
