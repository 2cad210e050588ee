"""A member who turns, and strangers: whatever they pour over a node, honest people hardly notice."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from processes import Laptop, Room, room_at, same, until

HOSTILE = Path(__file__).parent / "hostile_peer.py"
KINDS = ("duplicates", "questions", "garbage", "noise", "oversized", "unknown-spaces", "stranger")
HONEST_P95_S = 1.0
MORE_MEMORY_MB = 50.0
FLOOD_S = 0.8


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Room, list[Laptop]]]:
    """Two honest laptops, and a folder in which Mallory's node lies."""
    with room_at(tmp_path_factory.mktemp("town")) as room:
        yield room, room.community("Amina", "Bo")


class Mallory:
    """The hostile process; it harms Amina from the moment it is made."""

    def __init__(self, room: Room, kinds: str, amina: Laptop, link: str, amount: float) -> None:
        command = [sys.executable, str(HOSTILE), kinds, amina.address, link, str(room.folder / "Mallory"), str(amount)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.line() == {"ready": True}

    def line(self) -> dict[str, Any]:
        """Return what it says next."""
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        assert said, self.process.communicate()[1]
        answer: dict[str, Any] = json.loads(said)
        return answer

    def is_busy(self) -> bool:
        """Tell whether it goes on."""
        return self.process.poll() is None

    def sent(self) -> dict[str, int]:
        """Wait for its end; return how many frames it sent of each kind."""
        sent = self.line()
        self.process.communicate()
        return sent


def memory_mb(laptop: Laptop) -> float:
    """Return the resident memory of a laptop's process, in MB."""
    lines = Path(f"/proc/{laptop.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def exchange(writer: Laptop, reader: Laptop) -> float:
    """Write a post; return the seconds until the other can read it."""
    began = time.monotonic()
    post = writer.post("An honest word")
    until(lambda: any(found["id"] == post for found in reader.call("feed", space="-", limit=5)["posts"]), "the word")
    return time.monotonic() - began


def talk_under(mallory: Mallory, amina: Laptop, bo: Laptop) -> tuple[list[float], float]:
    """Exchange words while the flood lasts; return how long each took, and Amina's highest memory in MB."""
    times: list[float] = []
    memory = 0.0
    while mallory.is_busy() or len(times) < 5:
        times += [exchange(amina, bo), exchange(bo, amina)]
        memory = max(memory, memory_mb(amina))
    return sorted(times), memory


def flooded(town: tuple[Room, list[Laptop]], kinds: str, seconds: float) -> None:
    """Check that words travel, and that memory stays, while Mallory floods."""
    room, (amina, bo) = town
    exchange(amina, bo)
    before = memory_mb(amina)
    mallory = Mallory(room, kinds, amina, amina.invite(uses=1), seconds)

    times, memory = talk_under(mallory, amina, bo)
    sent = mallory.sent()

    p95 = times[int(len(times) * 0.95)]
    told = f"{sent}: {len(times)} words, p95 {p95 * 1000:.0f} ms, {memory - before:+.1f} MB"
    print(told)
    assert (p95 < HONEST_P95_S, memory - before <= MORE_MEMORY_MB, all(sent.values())) == (True, True, True), told
    same(amina, bo)


def test_honest_people_hardly_notice_floods_of_every_kind(town: tuple[Room, list[Laptop]]) -> None:
    flooded(town, ",".join(KINDS), FLOOD_S)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", KINDS)
def test_honest_people_hardly_notice_a_long_flood(town: tuple[Room, list[Laptop]], kind: str) -> None:
    flooded(town, kind, 60.0)


def knocked(town: tuple[Room, list[Laptop]], kind: str, keys: int) -> None:
    """Check that an invitation for three lets in three, however many keys knock with it."""
    room, (amina, bo) = town
    Mallory(room, "", amina, amina.invite(uses=1), 0).sent()  # let in honestly, if not yet
    before = count_members(amina, bo)

    invitation = amina.call("invite", space="-", uses=3)
    mallory = Mallory(room, kind, amina, invitation["link"], keys)
    assert mallory.sent() == {kind: keys}

    assert count_members(amina, bo) == before + 3
    made = {each["key"]: each["state"] for each in amina.call("invitations", space="-")["invitations"]}
    assert made[invitation["key"]] == "used up"
    assert exchange(amina, bo) < HONEST_P95_S
    assert amina.call("verify", space="-")["good"]


def count_members(*laptops: Laptop) -> int:
    """Return how many belong, once all agree."""
    same(*laptops)
    (count,) = {int(laptop.space()["members"]) for laptop in laptops}
    return count


def test_a_thousand_knocks_that_a_member_passes_on_let_in_three(town: tuple[Room, list[Laptop]]) -> None:
    knocked(town, "bulk-knocks", 1000)


def test_three_of_many_keys_that_knock_with_one_invitation_come_in(town: tuple[Room, list[Laptop]]) -> None:
    knocked(town, "sybils", 20)


@pytest.mark.long
def test_three_of_a_hundred_keys_that_knock_with_one_invitation_come_in(town: tuple[Room, list[Laptop]]) -> None:
    knocked(town, "sybils", 100)
