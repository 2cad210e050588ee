"""Damaged files, foreign hands, wrong clocks and copied folders: a clear answer, and nothing of it spreads."""

import http.client
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from loopback import until as holds
from processes import ROOT, Laptop, Room, asked, copied, in_folder, only_space, room_at, same, until

from identity.errors import StoreError
from identity.keyring import open_keyring
from identity.keys import to_did
from node.config import Config
from node.domain.posts import WritePost
from node.runtime import Node, now_ms
from ui.client import read_api_file
from ui.operations import perform

DAY_MS = 86_400_000
DOCTOR = "commons doctor"


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with room_at(tmp_path) as room:
        yield room


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[Path, bytes]]]:
    """A closed folder with 40 posts, and what each of its files and of its marker holds."""
    home = tmp_path_factory.mktemp("written")
    with room_at(home):
        asked(home / "Amina", ("init", {"name": "Amina"}), ("found", {"name": "Garden"}), *forty_posts())
        yield home, {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}


def forty_posts() -> list[tuple[str, dict[str, Any]]]:
    return [("post", {"space": "-", "text": f"Post {number}: {'words ' * 30}"}) for number in range(40)]


@pytest.fixture
def folder(written: tuple[Path, dict[Path, bytes]]) -> Path:
    """The closed folder, put back in its place: a copy would be another installation."""
    home, files = written
    for path in home.rglob("*"):
        if path.is_file() and path not in files:
            path.unlink()
    for path, data in files.items():
        path.write_bytes(data)
    return home / "Amina"


def commons(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the CLI in a process of its own."""
    whole = [sys.executable, "-m", "ui.cli", *command, "--home", str(folder)]
    return subprocess.run(whole, check=False, capture_output=True, text=True, cwd=ROOT, timeout=60)


# -- damaged files ----------------------------------------------------------------------------------------------------


def test_a_database_that_is_none_names_the_doctor(folder: Path) -> None:
    path = folder / "commons.db"
    path.write_bytes(b"This is not a database" * 400)

    with pytest.raises(StoreError, match=DOCTOR):
        asked(folder)

    told = commons(folder, "spaces")
    assert (told.returncode, DOCTOR in told.stderr, "Traceback" in told.stderr) == (1, True, False)


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.9])
def test_a_database_cut_short_names_the_doctor(folder: Path, share: float) -> None:
    path = folder / "commons.db"
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])

    with pytest.raises(StoreError, match=DOCTOR):
        asked(folder, ("feed", {"space": "-"}), ("verify", {"space": "-"}))


def verdict(folder: Path) -> str:
    """Return what a folder's own check says: good, faulty, or the error it gave."""
    try:
        (verified,) = asked(folder, ("verify", {"space": "-"}))
    except StoreError as error:
        return "refused" if DOCTOR in str(error) else str(error)
    return "good" if verified["good"] else "faulty"


@pytest.mark.parametrize("seed", range(12))
def test_flipped_bytes_in_the_database_are_found_or_do_no_harm(folder: Path, seed: int) -> None:
    """What is flipped may lie in free space or in rows that are made anew: then the log verifies as before."""
    (before,) = asked(folder, ("verify", {"space": "-"}))
    path, chance = folder / "commons.db", random.Random(seed)
    data = bytearray(path.read_bytes())
    start = chance.randrange(len(data) - 64)
    for offset in range(start, start + chance.choice([1, 8, 64])):
        data[offset] ^= chance.randrange(1, 256)
    path.write_bytes(data)

    said = verdict(folder)

    assert said in ("good", "faulty", "refused")
    if said == "good":
        assert asked(folder, ("verify", {"space": "-"}))[0]["digest"] == before["digest"]


def test_a_flipped_byte_in_any_signed_field_of_the_log_is_found(folder: Path) -> None:
    columns = ("id", "signature", "time", "body")
    said = {}
    for column in columns:
        kept = (folder / "commons.db").read_bytes()
        with sqlite3.connect(folder / "commons.db") as database:
            (value,) = database.execute(f"SELECT {column} FROM change WHERE number = 20").fetchone()
            changed = value + 1 if column == "time" else bytes([*value[:-1], value[-1] ^ 1])
            database.execute(f"UPDATE change SET {column} = ? WHERE number = 20", (changed,))
        database.close()
        said[column] = verdict(folder)
        (folder / "commons.db").write_bytes(kept)

    assert said == dict.fromkeys(columns, "faulty")


def left_open(folder: Path) -> None:
    """Leave a write-ahead log behind, as a process that was killed does."""

    async def work(node: Node) -> None:
        for number in range(10):
            await node.road.submit(only_space(node), WritePost(f"Late {number}", None, None, []))
        for name in ("commons.db", "commons.db-wal"):
            shutil.copy(folder / name, folder / f"{name}.kept")

    in_folder(folder, work)
    for name in ("commons.db", "commons.db-wal"):
        (folder / f"{name}.kept").replace(folder / name)


@pytest.mark.parametrize("damage", ["cut", "flip", "garbage"])
def test_a_damaged_write_ahead_log_gives_back_what_came_before_the_damage(folder: Path, damage: str) -> None:
    left_open(folder)
    path = folder / "commons.db-wal"
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    if damage == "cut":
        del data[middle:]
    elif damage == "flip":
        data[middle] ^= 0xFF
    else:
        data = bytearray(random.Random(1).randbytes(len(data)))
    path.write_bytes(data)

    feed, verified = asked(folder, ("feed", {"space": "-", "limit": 100}), ("verify", {"space": "-"}))

    texts = [post["text"] for post in feed["posts"] if post["text"].startswith("Late")]
    assert sorted(texts) == [f"Late {number}" for number in range(len(texts))]
    assert (len(feed["posts"]) - len(texts), verified["good"], len(texts) < 10) == (40, True, True)


def test_a_folder_of_a_newer_version_is_left_alone(folder: Path) -> None:
    with sqlite3.connect(folder / "commons.db") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    before = (folder / "commons.db").read_bytes()

    told = commons(folder, "spaces")

    assert (told.returncode, "newer version of commons" in told.stderr, "update" in told.stderr) == (1, True, True)
    assert (folder / "commons.db").read_bytes() == before


def test_a_damaged_key_file_names_the_way_out(folder: Path) -> None:
    (folder / "keys.json").write_bytes(b"nothing of use")

    told = commons(folder, "spaces")

    assert (told.returncode, "restore" in told.stderr, "Traceback" in told.stderr) == (1, True, False)


# -- foreign hands ----------------------------------------------------------------------------------------------------


def request(laptop: Laptop, method: str, path: str, host: str | None = None, **headers: str) -> tuple[int, bytes]:
    """Send a bare request to a laptop's web port; returns the status and the body."""
    found = read_api_file(laptop.folder)
    assert found is not None
    connection = http.client.HTTPConnection("127.0.0.1", found[0], timeout=10)
    connection.putrequest(method, path, skip_host=True)
    connection.putheader("Host", host or f"127.0.0.1:{found[0]}")
    body = b'{"name": "Intruder"}' if method == "POST" else b""
    for name, value in {**headers, "Content-Length": str(len(body))}.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders(body)
    answer = connection.getresponse()
    out = answer.status, answer.read()
    connection.close()
    return out


def test_a_running_node_answers_nobody_but_its_own_pages_and_programs(room: Room) -> None:
    (amina,) = room.community("Amina")
    port, token = read_api_file(amina.folder) or (0, "")
    form = {"Content_Type": "application/x-www-form-urlencoded", "Origin": "http://evil.example"}
    bearer = f"Bearer {token}"

    answers = {
        "another host": request(amina, "GET", "/api/v1/status", host="evil.example", Authorization=bearer),
        "another port": request(amina, "GET", "/api/v1/status", host=f"127.0.0.1:{port + 1}", Authorization=bearer),
        "no token": request(amina, "GET", "/api/v1/status"),
        "wrong token": request(amina, "GET", "/api/v1/status", Authorization="Bearer guess"),
        "another origin": request(amina, "POST", "/api/v1/spaces", **form),
        "another site": request(amina, "POST", "/api/v1/spaces", Sec_Fetch_Site="cross-site", **form),
        "a neighbouring port": request(amina, "POST", "/api/v1/spaces", Sec_Fetch_Site="same-site", **form),
        "the program": request(amina, "GET", "/api/v1/status", Authorization=bearer),
    }

    assert {name: status for name, (status, _) in answers.items()} == {
        "another host": 421, "another port": 421, "no token": 401, "wrong token": 401, "another origin": 401,
        "another site": 403, "a neighbouring port": 403, "the program": 200,
    }  # fmt: skip
    assert not any(b"Garden" in body for name, (_, body) in answers.items() if name != "the program")
    assert [space["name"] for space in amina.call("spaces")["spaces"]] == ["Garden"]


def test_a_second_process_on_a_folder_leaves_it_to_the_first(room: Room) -> None:
    (amina,) = room.community("Amina")

    again = commons(amina.folder, "run", "--no-browser", "--port", "0", "--no-discovery")
    door = (amina.folder / "api.json").rename(amina.folder / "api.away")
    told = commons(amina.folder, "run", "--no-browser", "--port", "0", "--no-discovery")
    door.rename(amina.folder / "api.json")

    assert again.returncode == 0
    assert "running already" in again.stdout
    assert told.returncode == 1
    assert f"in use by process {amina.pid}" in told.stderr
    assert amina.post("Still here.")


# -- clocks -----------------------------------------------------------------------------------------------------------


def clocks(seed: int) -> Callable[[], int]:
    """Return a clock that jumps: ten years back, a day ahead, anywhere between."""
    chance = random.Random(seed)
    return lambda: now_ms() + chance.choice([-3650 * DAY_MS, DAY_MS, 0, chance.randrange(-DAY_MS, DAY_MS)])


async def open_node(folder: Path, clock_ms: Callable[[], int]) -> Node:
    node = Node(folder, Config(listen=("/ip4/127.0.0.1/tcp/0",), discovery=False), clock_ms)
    await node.open()
    await node.name_yourself(folder.name)
    await node.start_network()
    return node


@pytest.mark.parametrize("clock", [
    lambda: now_ms() - 3650 * DAY_MS, lambda: now_ms() + DAY_MS - 1, clocks(1), clocks(2),
], ids=["ten years slow", "a day fast", "jumping", "jumping otherwise"])  # fmt: skip
async def test_a_wrong_clock_changes_no_order_and_keeps_nobody_out(room: Room, clock: Callable[[], int]) -> None:
    amina, bo = await open_node(room.folder / "Amina", now_ms), await open_node(room.folder / "Bo", clock)
    try:
        await amina.found("Garden")
        invitation = await perform(amina, "invite", {"space": "-", "days": 30})
        await bo.join(invitation["link"])
        await holds(lambda: only_space(bo).state == "member")

        questions = await talk_in_turns(amina, bo)
        await holds(lambda: only_space(amina).history.root() == only_space(bo).history.root())

        for node in (amina, bo):
            assert await answers_to(node, questions) == [["Answer 0"], ["Answer 1"], ["Answer 2"]]
            log = (await perform(node, "log", {"space": "-", "limit": 500}))["changes"]
            assert all_times_rise(log)
        rows = [(await perform(node, "verify", {"space": "-"}))["rows"] for node in (amina, bo)]
        assert rows[0] == rows[1]
    finally:
        await amina.close()
        await bo.close()


async def talk_in_turns(amina: Node, bo: Node) -> list[str]:
    """Let one ask and the other answer, three times; returns the questions."""
    questions = []
    for number in range(3):
        asking = await perform(amina, "post", {"space": "-", "text": f"Question {number}"})
        await holds(lambda: only_space(amina).history.root() == only_space(bo).history.root())
        await perform(bo, "post", {"space": "-", "text": f"Answer {number}", "parent": asking["id"]})
        questions.append(asking["id"])
    return questions


async def answers_to(node: Node, questions: list[str]) -> list[list[str]]:
    threads = [await perform(node, "thread", {"post": question}) for question in questions]
    return [[reply["text"] for reply in thread["replies"]] for thread in threads]


def all_times_rise(changes: list[dict[str, Any]]) -> bool:
    """Tell whether no log's claimed times run backwards."""
    by_device: dict[str, list[tuple[int, int]]] = {}
    for change in changes:
        by_device.setdefault(change["device"], []).append((change["seq"], change["time"]))
    return all([time for _, time in sorted(log)] == sorted(time for _, time in log) for log in by_device.values())


# -- copied folders ---------------------------------------------------------------------------------------------------


def test_a_restored_folder_becomes_a_new_device_and_never_signs_with_the_old_key(room: Room) -> None:
    amina, bo = room.community("Amina", "Bo")
    amina.post("Before the backup")
    amina.close()
    backup = copied(amina, room.folder / "backup")
    old = open_keyring(amina.folder).keys.device.public
    amina.open().meets(bo)
    amina.post("After the backup")
    same(amina, bo)
    amina.close()

    shutil.rmtree(amina.folder)
    backup.rename(amina.folder)
    amina.open().meets(bo)
    same(amina, bo)
    amina.post("From the restored folder")
    same(amina, bo)

    assert amina.texts() == bo.texts() == ["After the backup", "Before the backup", "From the restored folder"]
    people = {person["name"]: person["devices"] for person in bo.call("people", space="-")["people"]}
    assert (sorted(people), len(people["Amina"])) == (["Amina", "Bo"], 2)
    assert open_keyring(amina.folder).keys.device.public != old
    assert len({post["person"] for post in bo.posts().values()}) == 1
    assert signer_of(bo, "After the backup") == to_did(old)
    assert signer_of(bo, "From the restored folder") != to_did(old)


def signer_of(laptop: Laptop, text: str) -> str:
    """Return the device that signed the post with this text."""
    post = next(id_ for id_, post in laptop.posts().items() if post["text"] == text)
    changes = laptop.call("log", space="-", limit=500)["changes"]
    device: str = next(change["device"] for change in changes if change["id"] == post)
    return device


def test_two_copies_of_one_folder_never_fork_a_log(room: Room) -> None:
    amina, bo = room.community("Amina", "Bo")
    amina.close()
    twin = room.laptop("Twin")
    copied(amina, twin.folder)

    for laptop in (amina, twin):
        laptop.open().meets(bo)
    for laptop in (amina, twin):
        until(lambda laptop=laptop: laptop.post(f"From {laptop.folder.name}"))  # type: ignore[misc]
    same(amina, bo, twin)

    assert bo.texts() == ["From Amina", "From Twin"]
    devices = {change["device"] for change in bo.call("log", space="-", limit=500)["changes"]}
    assert len(devices) == 3
    assert all(laptop.call("verify", space="-")["good"] for laptop in (amina, bo, twin))
