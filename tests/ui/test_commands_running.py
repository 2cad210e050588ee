"""The command line beside a running node, and an import that is killed: real processes."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from processes import ROOT, Room, room_at, same, until

Told = tuple[int, str, str]


def data_of(told: Told) -> dict[str, Any]:
    """Return what a command said in JSON: exactly one object, and nothing else."""
    found: dict[str, Any] = json.loads(told[1])
    assert told[2] == ""
    return found


def lines_file(folder: Path, count: int) -> Path:
    path = folder / "posts.jsonl"
    path.write_text("".join(json.dumps({"text": f"Post {n}", "published": n}) + "\n" for n in range(count)))
    return path


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with room_at(tmp_path) as room:
        yield room


def commons(folder: Path, *command: str) -> subprocess.Popen[str]:
    """Start a command of the CLI in a process of its own."""
    whole = [sys.executable, "-m", "ui.cli", *command, "--home", str(folder)]
    return subprocess.Popen(whole, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)


def told_by(process: subprocess.Popen[str]) -> Told:
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_beside_a_running_node_everything_goes_through_it(room: Room, tmp_path: Path) -> None:
    ana = room.laptop("Ana").open().init()
    path = lines_file(tmp_path, 600)

    founded = told_by(commons(ana.folder, "found", "Garden", "--json"))
    imported = told_by(commons(ana.folder, "import", str(path.relative_to(tmp_path)), "--json"))
    in_words = told_by(commons(ana.folder, "import", str(path)))
    out = told_by(commons(ana.folder, "export", str(tmp_path / "out.jsonl"), "--json"))
    well = told_by(commons(ana.folder, "doctor", "--json"))
    salvage = told_by(commons(ana.folder, "doctor", "--salvage", "--json"))
    restore = told_by(commons(ana.folder, "restore", "--backup", "--json"))

    assert (founded[0], imported[0]) == (0, 1)  # a path is the command's, not the node's: there is none here
    assert "600 posts were brought in" in in_words[1]
    assert data_of(out)["posts"] == 600
    assert (well[0], data_of(well)["good"]) == (0, True)
    assert (salvage[0], data_of(salvage)["kind"]) == (1, "StoreError")
    assert (restore[0], data_of(restore)["kind"]) == (1, "StoreError")
    assert ana.close() == 0


def test_an_import_killed_in_the_middle_goes_on(room: Room, tmp_path: Path) -> None:
    folder = room.laptop("Ana").folder
    assert told_by(commons(folder, "init", "Ana"))[0] == 0
    assert told_by(commons(folder, "found", "Garden"))[0] == 0
    path = lines_file(tmp_path, 12_000)
    database = folder / "commons.db"
    size = grown(database)

    kills = 0
    while True:
        process = commons(folder, "import", str(path), "--json")
        start = grown(database)
        until(lambda: grown(database) > start + 200_000 or process.poll() is not None, "a part of the import")  # noqa: B023
        if process.poll() is not None or kills == 3:
            break
        process.kill()
        process.communicate()
        kills += 1
    last = data_of(told_by(process))

    assert grown(database) > size
    assert kills == 3
    assert last["already"] > 0
    assert last["already"] + last["imported"] == 12_000
    out = tmp_path / "out.jsonl"
    assert told_by(commons(folder, "export", str(out)))[0] == 0
    texts = [json.loads(line)["text"] for line in out.read_text().splitlines() if '"kind": "post"' in line]
    assert sorted(texts) == sorted(f"Post {n}" for n in range(12_000))
    assert told_by(commons(folder, "doctor", "--json"))[0] == 0


def grown(database: Path) -> int:
    """Return how many bytes a database and its WAL have on disk."""
    return sum(path.stat().st_size for path in database.parent.glob(database.name + "*"))


def test_an_import_through_a_node_that_is_killed_goes_on_after_its_restart(room: Room, tmp_path: Path) -> None:
    ana = room.laptop("Ana").open().init()
    ana.call("found", name="Garden")
    path = lines_file(tmp_path, 8_000)
    job = ana.call("import_file", space="-", path=str(path))
    until(lambda: ana.call("import_progress", **{"import": job["id"]})["imported"] > 0, "a part of the import")

    ana.kill()
    ana.open()
    again = told_by(commons(ana.folder, "import", str(path), "--json"))

    found = data_of(again)
    assert found["already"] > 0
    assert found["already"] + found["imported"] == 8_000
    assert ana.call("verify", space="-")["good"]
    assert ana.close() == 0


def test_what_a_salvage_lost_comes_back_from_a_neighbour(room: Room, tmp_path: Path) -> None:
    ana, bo = room.laptop("Ana").open().init(), room.laptop("Bo").open().init()
    ana.call("found", name="Garden")
    bo.joins(ana.invite())
    assert told_by(commons(ana.folder, "import", str(lines_file(tmp_path, 500))))[0] == 0
    same(ana, bo)
    assert ana.close() == 0
    database = ana.folder / "commons.db"
    data = bytearray(database.read_bytes())
    half = len(data) // 2
    data[half : half + 60_000] = bytes(60_000)
    database.write_bytes(data)

    ill = told_by(commons(ana.folder, "doctor", "--json"))
    salvaged = told_by(commons(ana.folder, "doctor", "--salvage", "--json"))
    ana.open()
    same(ana, bo)

    assert (ill[0], salvaged[0]) == (1, 0)
    assert data_of(salvaged)["spaces"].keys() == {"Garden"}
    assert ana.call("verify", space="-")["good"]
    assert sorted(ana.texts())[:3] == ["Post 0", "Post 1", "Post 10"]
    assert len(ana.texts()) == 500
