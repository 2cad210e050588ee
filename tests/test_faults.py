"""Killed, unplugged, out of room: nothing that was acknowledged is lost, and the node goes on by itself."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from processes import NOT_RUN, Laptop, Room, asked, fill, in_folder, only_space, room_at, same, some_moment

from identity.errors import Refused, StoreError
from node.domain.posts import WritePost
from node.runtime import Node
from ui.operations import perform

WRITER = Path(__file__).parent / "node_writer.py"
OPENS_IN_S = 2.0
ACKNOWLEDGEMENT_BYTES = 65
FULL = "the disk is full"


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with room_at(tmp_path) as room:
        yield room


def writer(folder: Path, count: int, *prefix: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([*prefix, sys.executable, str(WRITER), str(folder), str(count)], stdout=subprocess.PIPE)


def look(folder: Path) -> tuple[float, set[str], bool]:
    """Open a folder; return how many seconds that took, the ids of its newest 200 posts, and whether all fits."""

    async def work(node: Node) -> tuple[float, set[str], bool]:
        opened_s = time.monotonic() - began
        feed = await perform(node, "feed", {"space": "-", "limit": 200})
        verified = await perform(node, "verify", {"space": "-"})
        return opened_s, {post["id"] for post in feed["posts"]}, verified["good"]

    began = time.monotonic()
    return in_folder(folder, work)


# -- kill -9 ----------------------------------------------------------------------------------------------------------


def killed_while_writing(folder: Path, chance: random.Random) -> set[str]:
    """Let a process write and kill it at some moment; return what it had acknowledged."""
    process = writer(folder, 1000)
    assert process.stdout is not None
    acknowledged = [process.stdout.readline() for _ in range(chance.randrange(1, 12))]
    some_moment(chance, 0.01)  # somewhere in the midst of the next ones
    process.kill()
    acknowledged += process.stdout.readlines()
    process.stdout.close()
    process.wait()
    return {line.decode().strip() for line in acknowledged if line.endswith(b"\n")}


def kill_writers(room: Room, kills: int, seed: int) -> None:
    folder, chance = room.folder / "Amina", random.Random(seed)
    for _ in range(kills):
        acknowledged = killed_while_writing(folder, chance)
        opened_s, found, fits = look(folder)

        assert acknowledged - found == set(), f"seed {seed} lost acknowledged posts"
        assert (fits, opened_s <= OPENS_IN_S) == (True, True), f"seed {seed}: opened in {opened_s:.2f} s"


def kill_syncing(room: Room, kills: int, seed: int, posts: int) -> None:
    """Kill either side of a sync of many posts again and again; what either acknowledged arrives in the end."""
    chance = random.Random(seed)
    amina, bo = room.community("Amina", "Bo")
    amina.close()
    fill(amina.folder, posts)
    amina.open().meets(bo)
    said: set[str] = set()
    for number in range(kills):
        said |= {laptop.post(f"{laptop.name} before kill {number}") for laptop in (amina, bo)}
        some_moment(chance, 0.25)  # somewhere in the midst of the sync
        victim, other = chance.sample((amina, bo), 2)
        victim.kill()
        victim.open().meets(other)
    same(amina, bo)

    for laptop in (amina, bo):
        assert said - set(laptop.posts()) == set(), f"seed {seed} lost acknowledged posts"
        assert len(laptop.posts()) == posts + len(said)
        assert laptop.call("verify", space="-")["good"]


def test_nothing_acknowledged_is_lost_when_a_writing_node_is_killed(room: Room) -> None:
    kill_writers(room, kills=5, seed=5)


def test_a_sync_whose_sides_are_killed_resumes_and_loses_nothing(room: Room) -> None:
    kill_syncing(room, kills=3, seed=3, posts=1500)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(5))
def test_nothing_acknowledged_is_lost_in_fifty_kills_of_writing_nodes(room: Room, seed: int) -> None:
    kill_writers(room, kills=10, seed=1000 + seed)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(5))
def test_nothing_acknowledged_is_lost_in_fifty_kills_of_syncing_nodes(room: Room, seed: int) -> None:
    kill_syncing(room, kills=10, seed=2000 + seed, posts=20_000)


# -- power cuts -------------------------------------------------------------------------------------------------------


@dataclass
class Disk:
    """A folder as a trace of its process tells it: what was written, and what was flushed, which a power cut spares."""

    flushed: dict[str, bytes] = field(default_factory=dict)
    cached: dict[str, bytearray] = field(default_factory=dict)
    open_files: dict[int, str] = field(default_factory=dict)

    def file(self, name: str) -> bytearray:
        return self.cached.setdefault(name, bytearray(self.flushed.get(name, b"")))

    def write(self, name: str, data: bytes, offset: int) -> None:
        file = self.file(name)
        file.extend(bytes(max(0, offset - len(file))))
        file[offset : offset + len(data)] = data

    def truncate(self, name: str, size: int) -> None:
        file = self.file(name)
        file.extend(bytes(max(0, size - len(file))))
        del file[size:]

    def flush(self, name: str) -> None:
        self.flushed[name] = bytes(self.file(name))


_CALL = re.compile(r"^\d+\s+(\w+)\((.*)\)\s+= (-?\d+)")


def calls_of(trace: Path) -> Iterator[tuple[str, str, int]]:
    """Yield the calls of an strace log in the order in which they ended: name, arguments, answer."""
    begun: dict[str, str] = {}
    for line in trace.read_text(encoding="latin-1").splitlines():
        thread, _, rest = line.partition(" ")
        if rest.endswith("<unfinished ...>"):
            begun[thread] = line.removesuffix("<unfinished ...>")
            continue
        resumed = re.match(r"\s*<\.\.\. \w+ resumed>(.*)", rest)
        whole = begun.pop(thread) + resumed.group(1) if resumed else line
        if found := _CALL.match(whole):
            yield found.group(1), found.group(2), int(found.group(3))


def unescaped(arguments: str) -> bytes:
    """Return the bytes of the (only) string among the arguments of a traced call."""
    return bytes.fromhex(arguments.split('"')[1].replace("\\x", ""))


def replay(trace: Path, disk: Disk) -> Iterator[str]:
    """Follow a trace; yield the id of each post at the moment in which it was acknowledged."""
    for name, arguments, answer in calls_of(trace):
        first = arguments.split(",")[0]
        file = disk.open_files.get(int(first)) if first.isdecimal() else None
        if name == "openat" and answer >= 0:
            path = unescaped(arguments).decode(errors="replace")
            disk.open_files.pop(answer, None)
            if Path(path).name in ("commons.db", "commons.db-wal"):
                disk.open_files[answer] = Path(path).name
        elif name == "write" and first == "1" and answer == ACKNOWLEDGEMENT_BYTES:
            yield unescaped(arguments).decode().strip()
        elif name == "pwrite64" and file:
            disk.write(file, unescaped(arguments)[:answer], int(arguments.rsplit(",", 1)[1]))
        elif name == "ftruncate" and file:
            disk.truncate(file, int(arguments.rsplit(",", 1)[1]))
        elif name in ("fsync", "fdatasync") and file:
            disk.flush(file)


@pytest.mark.skipif(not shutil.which("strace"), reason=NOT_RUN + "there is no strace here (Debian: apt install strace)")
def test_a_power_cut_right_after_an_acknowledgement_loses_nothing(room: Room) -> None:
    """The writes of a traced node are played again; of each cut, only what it had flushed by then is left."""
    folder, trace = room.folder / "Amina", room.folder / "trace"
    assert writer(folder, 3).communicate()[0].count(b"\n") == 3
    disk = Disk(flushed={"commons.db": (folder / "commons.db").read_bytes()})
    device = asked(folder, ("status", {}))[0]["device"]
    trace_writer(folder, trace, 12)

    acknowledged: list[str] = []
    for id_ in replay(trace, disk):
        acknowledged.append(id_)
        if len(acknowledged) % 4 == 0:
            assert set(acknowledged) - found_after_cut(folder, disk.flushed) == set()

    assert len(acknowledged) >= 12
    assert asked(folder, ("status", {}))[0]["device"] == device


def trace_writer(folder: Path, trace: Path, count: int) -> None:
    """Let a traced process write, and kill it after so many acknowledgements."""
    watch = "trace=openat,pwrite64,ftruncate,fsync,fdatasync,write"
    process = writer(folder, 1000, "strace", "-f", "-xx", "-s", "100000", "-o", str(trace), "-e", watch)
    assert process.stdout is not None
    for _ in range(count + 1):  # the last call of all is cut off in the trace
        assert process.stdout.readline()
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(children[0]), signal.SIGKILL)
    process.communicate()


def found_after_cut(folder: Path, files: dict[str, bytes]) -> set[str]:
    """Return the posts that a folder shows when only what was flushed is left of its database."""
    (folder / "commons.db-shm").unlink(missing_ok=True)
    (folder / "commons.db-wal").unlink(missing_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    _, found, fits = look(folder)
    assert fits
    return found


# -- no room ----------------------------------------------------------------------------------------------------------


async def fills_up(node: Node) -> int:
    """Post until the store refuses; return how many posts it took."""
    written = 0

    async def write() -> None:
        nonlocal written
        while written < 10_000:
            await node.road.submit(only_space(node), WritePost(f"{written} {'word ' * 200}", None, None, []))
            written += 1

    with pytest.raises(StoreError, match=FULL):
        await write()
    return written


def test_a_store_without_room_says_so_still_reads_and_recovers_by_itself(room: Room) -> None:
    asked(room.folder / "Amina", ("init", {"name": "Amina"}), ("found", {"name": "Garden"}))

    async def work(node: Node) -> None:
        pages = await node.database.writer.run(lambda db: db.execute("PRAGMA page_count").fetchone()[0])
        await node.database.writer.run(lambda db: db.execute(f"PRAGMA max_page_count={pages + 40}").fetchall())

        written = await fills_up(node)
        full = len(await node.database.read(lambda db: db.execute("SELECT 1 FROM post").fetchall()))
        await node.database.writer.run(lambda db: db.execute("PRAGMA max_page_count=1000000").fetchall())
        await node.road.submit(only_space(node), WritePost("There is room again.", None, None, []))

        assert (full, only_space(node).history.logs[node.road.device.public].seq) == (written, 2 + written + 1)

    in_folder(room.folder / "Amina", work)
    assert look(room.folder / "Amina")[2]


class OnSmallDisk(Laptop):
    """A laptop whose folder lies on a small file system of its own, in a mount namespace of its process."""

    size_mb = 8

    def command(self) -> list[str]:
        self.folder.mkdir(exist_ok=True)
        mount = f'mount -t tmpfs -o size={self.size_mb}m tmpfs "$0" && exec "$@"'
        return ["unshare", "--mount", "sh", "-c", mount, str(self.folder), *super().command()]

    @property
    def api_folder(self) -> Path:
        return Path(f"/proc/{self.pid}/root{self.folder}")


def lacks_mounts() -> str | None:
    tried = subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True, text=True)
    return tried.stderr.strip() or "unshare failed" if tried.returncode else None


def posts_until_full(laptop: Laptop) -> str:
    for number in range(2000):
        try:
            laptop.post(f"{number} {'word ' * 400}")
        except Refused as error:
            return str(error)
    raise AssertionError("the disk never filled up")


def test_a_full_disk_is_told_reading_goes_on_and_room_heals_it(room: Room) -> None:
    if os.geteuid() != 0 or (reason := lacks_mounts()):
        pytest.skip(NOT_RUN + ("a small file system needs root" if os.geteuid() else str(reason)))
    amina = OnSmallDisk(room.folder / "Amina")
    room.laptops.append(amina)
    amina.open().init()
    amina.call("found", name="Garden")
    filler = amina.api_folder / "filler"
    filler.write_bytes(bytes(6 * 1024 * 1024))

    said = posts_until_full(amina)
    before = len(amina.posts())
    verified = amina.call("verify", space="-")["good"]
    filler.unlink()
    amina.post("There is room again.")

    assert FULL in said
    assert (verified, len(amina.posts())) == (True, before + 1)
    assert amina.call("verify", space="-")["good"]
