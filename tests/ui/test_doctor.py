"""The doctor: every fault is named with its way out, and the way out works."""

import asyncio
import json
import os
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from node.store.health import holder
from ui.cli import main

POSTS = 400


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A closed folder with many posts; tests work on copies that stay the same installation."""
    home = tmp_path_factory.mktemp("written")
    source = home / "posts.jsonl"
    source.write_text(
        "".join(json.dumps({"text": f"Post {n} " + "words " * 30, "published": n}) + "\n" for n in range(POSTS))
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMMONS_STATE_DIR", str(home / "state"))
        for command in (["init", "Ana"], ["found", "Garden"], ["import", str(source)]):
            assert main([*command, "--home", str(home / "ana"), "--json"]) == 0
        yield home


@pytest.fixture
def folder(written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy that takes the place of the original, as far as the marker can tell: same inode or same path is enough."""
    shutil.copytree(written / "state", tmp_path / "state")
    shutil.copytree(written / "ana", tmp_path / "ana")
    monkeypatch.setenv("COMMONS_STATE_DIR", str(tmp_path / "state"))
    for marker in (tmp_path / "state" / "installations").iterdir():
        fields = json.loads(marker.read_text())
        fields["place"] |= {"path": str((tmp_path / "ana").resolve()), "inode": str((tmp_path / "ana").stat().st_ino)}
        marker.write_text(json.dumps(fields))
    return tmp_path / "ana"


Ask = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def ask(folder: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Run a command on the folder in this process; gives its exit code and its JSON."""

    def run(*command: str) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        code = main([*command, "--home", str(folder), "--json"])
        return code, json.loads(capsys.readouterr().out)

    return run


def faults(ask: Ask) -> dict[str, str]:
    """Return what the doctor finds wrong, with the way out."""
    code, data = ask("doctor")
    found = {one["about"]: one["way_out"] for one in data["findings"] if one["state"] != "good"}
    assert (code == 0) == data["good"] == (not found)
    assert all(found.values())
    return found


def test_a_good_folder_is_well(ask: Ask) -> None:
    assert faults(ask) == {}


def test_the_doctor_changes_nothing(folder: Path, ask: Ask) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix not in ("-shm", "-wal")}

    faults(ask)

    assert {name: (folder / name).read_bytes() for name in before} == before
    assert not [path for path in folder.iterdir() if path.name.startswith(".doctor")]


def test_words_for_people_name_every_fault(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder.chmod(0o755)

    code = main(["doctor", "--home", str(folder)])

    told = capsys.readouterr().out
    assert code == 1
    assert f"chmod 700 {folder}" in told
    assert "Not all is well." in told


def test_a_folder_that_is_not_there_says_how_to_make_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["doctor", "--home", str(tmp_path / "none"), "--json"])

    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert (code, finding["about"]) == (1, "folder")
    assert "commons init" in finding["way_out"]


def test_files_open_to_others_are_told(folder: Path, ask: Ask) -> None:
    (folder / "keys.backup").chmod(0o644)

    assert faults(ask) == {"private files": f"chmod 600 {folder / 'keys.backup'}"}


def test_a_settings_file_that_cannot_be_read_is_told(folder: Path, ask: Ask) -> None:
    (folder / "config.toml").write_text("web_port = 99999999\n")

    assert set(faults(ask)) == {"settings"}


@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff" * 100])
def test_damaged_keys_are_put_back_from_their_backup(damage: bytes, folder: Path, ask: Ask) -> None:
    (folder / "keys.json").write_bytes(damage)

    found = faults(ask)

    assert found["keys"] == "commons restore --backup"
    assert ask("restore", "--backup")[0] == 0
    assert (folder / "keys.damaged").read_bytes() == damage
    assert faults(ask) == {}


def test_without_keys_and_backup_only_the_phrase_helps(folder: Path, ask: Ask) -> None:
    (folder / "keys.json").unlink()
    (folder / "keys.backup").write_bytes(b"{")

    assert faults(ask)["keys"] == "commons restore --phrase, with your recovery phrase"


def test_a_lost_backup_is_written_again_at_the_next_start(folder: Path, ask: Ask) -> None:
    (folder / "keys.backup").unlink()

    assert set(faults(ask)) == {"backup"}
    assert ask("status")[0] == 0
    assert faults(ask) == {}


def test_a_copied_folder_is_told_and_becomes_a_new_device(folder: Path, ask: Ask) -> None:
    (folder / "installation.json").unlink()

    assert set(faults(ask)) == {"installation"}
    assert ask("status")[0] == 0
    assert faults(ask) == {}


def test_a_clock_that_runs_behind_is_told(folder: Path, ask: Ask) -> None:
    with sqlite3.connect(folder / "commons.db") as connection:
        connection.execute("UPDATE log SET time = time + 86400000")

    assert set(faults(ask)) == {"clock"}


def test_rows_that_differ_from_the_log_are_rebuilt(folder: Path, ask: Ask) -> None:
    with sqlite3.connect(folder / "commons.db") as connection:
        connection.execute("UPDATE post SET text = 'forged' WHERE number = 100")

    assert faults(ask) == {"posts": "commons rebuild"}
    assert ask("rebuild")[0] == 0
    assert faults(ask) == {}


def test_a_change_altered_in_the_log_is_told(folder: Path, ask: Ask) -> None:
    with sqlite3.connect(folder / "commons.db") as connection:
        connection.execute("UPDATE change SET time = time + 1 WHERE number = 100")

    assert "--salvage" in faults(ask)["log"]


def test_a_damaged_picture_is_told(folder: Path, ask: Ask) -> None:
    with sqlite3.connect(folder / "commons.db") as connection:
        connection.execute("INSERT INTO blob VALUES(?, 'image/png', 3, x'414243')", (bytes(32),))

    assert set(faults(ask)) == {"pictures"}
    assert ask("doctor", "--salvage")[0] == 0
    assert faults(ask) == {}


def test_a_newer_schema_is_told(folder: Path, ask: Ask) -> None:
    with sqlite3.connect(folder / "commons.db") as connection:
        connection.execute("PRAGMA user_version=99")

    assert faults(ask) == {"schema": "update commons"}


def test_a_lost_database_is_told(folder: Path, ask: Ask) -> None:
    for path in folder.glob("commons.db*"):
        path.unlink()

    assert set(faults(ask)) == {"database"}


def test_the_passphrase_is_asked_for_and_without_it_nothing_is_called_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COMMONS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("COMMONS_PASSPHRASE", "open sesame")
    home = ["--home", str(tmp_path / "bo"), "--json"]
    assert main(["init", "Bo", "--passphrase", *home]) == 0
    right = main(["doctor", *home])

    monkeypatch.setenv("COMMONS_PASSPHRASE", "wrong")
    wrong = main(["doctor", *home])

    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (right, wrong) == (0, 1)
    assert {one["about"] for one in last["findings"] if one["state"] == "unknown"} == {"keys", "posts"}


# -- salvage -----------------------------------------------------------------------------------------------------------


def kept(ask: Ask) -> int:
    code, data = ask("doctor", "--salvage")
    assert code == 0
    assert Path(data["aside"]).exists()
    return sum(data["spaces"].values())


def test_salvaging_a_good_database_loses_nothing(ask: Ask) -> None:
    before = ask("verify")[1]

    kept(ask)

    after = ask("verify")[1]
    assert (after["digest"], after["rows"], after["good"]) == (before["digest"], before["rows"], True)
    assert faults(ask) == {}


@pytest.mark.parametrize("seed", range(12))
def test_flipped_bytes_are_survived_and_nothing_forged_is_kept(seed: int, folder: Path, ask: Ask) -> None:
    damage = random.Random(seed)
    path = folder / "commons.db"
    data = bytearray(path.read_bytes())
    for _ in range(4):
        start = damage.randrange(8 * 4096, len(data))
        for at in range(start, min(len(data), start + damage.choice((1, 40, 3000)))):
            data[at] ^= damage.randrange(1, 256)
    path.write_bytes(data)

    changes = kept(ask)

    assert 0 <= changes <= POSTS + 2
    assert faults(ask).keys() <= {"installation"}  # one's own writing was lost: a new device at the next start
    assert ask("status")[0] == 0
    assert faults(ask) == {}
    assert all(verified["good"] for verified in [ask("verify")[1]] if changes)


@pytest.mark.parametrize("damage", [bytes(4096), b"\xff" * 100, b"This is not a database"])
def test_a_damaged_first_page_costs_nothing(damage: bytes, folder: Path, ask: Ask) -> None:
    path = folder / "commons.db"
    before = ask("verify")[1]
    with path.open("r+b") as file:
        file.write(damage)

    assert "--salvage" in faults(ask)["database"]
    assert kept(ask) == POSTS + 2

    assert ask("verify")[1]["digest"] == before["digest"]
    assert faults(ask) == {}


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.99])
def test_a_database_cut_short_is_survived(share: float, folder: Path, ask: Ask) -> None:
    path = folder / "commons.db"
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])

    kept(ask)

    assert ask("status")[0] == 0
    assert faults(ask) == {}


@pytest.mark.parametrize("damage", ["cut", "flipped", "garbage"])
def test_a_damaged_log_of_writes_is_survived(damage: str, folder: Path, ask: Ask) -> None:
    wal = leave_a_wal(folder)
    data = bytearray(wal.read_bytes())
    if damage == "cut":
        data = data[: len(data) // 2]
    elif damage == "flipped":
        data[len(data) // 2] ^= 0xFF
    else:
        data = bytearray(random.Random(1).randbytes(len(data)))
    wal.write_bytes(data)

    assert kept(ask) >= POSTS

    assert ask("status")[0] == 0
    assert faults(ask) == {}


def leave_a_wal(folder: Path) -> Path:
    """Leave the folder as a killed node would: with writes that are in the WAL only."""
    with sqlite3.connect(folder / "commons.db") as connection:
        connection.execute("PRAGMA wal_autocheckpoint=0")
        for number in range(50):
            connection.execute("INSERT OR REPLACE INTO setting VALUES(?, ?)", (f"name {number}", "x" * 500))
            connection.commit()
        left = {ending: (folder / f"commons.db{ending}").read_bytes() for ending in ("", "-wal")}
    connection.close()
    for ending, raw in left.items():
        (folder / f"commons.db{ending}").write_bytes(raw)
    (folder / "commons.db-shm").unlink(missing_ok=True)
    return folder / "commons.db-wal"


def test_nothing_is_salvaged_while_a_node_has_the_folder(folder: Path, ask: Ask) -> None:
    from node.store.database import Lock

    lock = Lock(folder)
    lock.take()
    try:
        code, data = ask("doctor", "--salvage")
        assert (code, data["kind"]) == (1, "StoreError")
        assert holder(folder) == str(os.getpid())
        assert faults(ask) == {}  # it can stand beside a running node
    finally:
        lock.free()
    assert holder(folder) is None


def test_settings_and_the_book_of_peers_are_kept(folder: Path, ask: Ask) -> None:
    with sqlite3.connect(folder / "commons.db") as connection:
        connection.execute("INSERT INTO peer(device, addresses, seen) VALUES(?, '[]', 5)", (bytes(32),))

    kept(ask)

    with sqlite3.connect(folder / "commons.db") as connection:
        assert connection.execute("SELECT addresses, seen FROM peer").fetchall() == [("[]", 5)]
    assert ask("status")[1]["name"] == "Ana"


def test_what_lies_in_the_way_of_a_salvage_is_kept_too(folder: Path, ask: Ask) -> None:
    for _ in range(3):
        kept(ask)

    assert len([path for path in folder.glob("commons.db.damaged-*") if path.name[-4:] not in ("-wal", "-shm")]) == 3


def test_examining_is_quick_enough_to_be_asked_often(folder: Path) -> None:
    from node.doctor.examining import examine
    from node.runtime import now_ms

    async def states() -> set[str]:
        async with asyncio.timeout(10):
            return {one.state for one in await examine(folder, None, now_ms)}

    assert asyncio.run(states()) == {"good"}
