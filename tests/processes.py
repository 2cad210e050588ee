"""Real nodes for tests, each a process of its own with a folder, a port and a network: started, asked, killed.

A `Laptop` is asked over its JSON API, as the command line does. Nothing sleeps for a fixed time: `until` looks again
and again until something holds, and fails with what it saw last once the deadline has passed.
"""

import asyncio
import contextlib
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from crdt.change import Change
from node.config import Config
from node.domain.posts import WritePost
from node.ingest.spaces import Space
from node.runtime import Node, now_ms
from ui.client import API_FILE, call
from ui.operations import perform

ROOT = Path(__file__).resolve().parent.parent
LOOPBACK = "/ip4/127.0.0.1/tcp/{port}"
PATIENCE_S = 60.0
LOOK_AGAIN_S = 0.02
NOT_RUN = "could not run here: "  # the words by which conftest.py counts what a machine could not run
T = TypeVar("T")


def until(check: Callable[[], T], what: str = "", timeout_s: float = PATIENCE_S) -> T:
    """Return what `check` gives as soon as it is true."""
    deadline = time.monotonic() + timeout_s
    while True:
        seen = check()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"{what or 'it'} did not come true within {timeout_s:g} s; last seen: {seen!r}")
        time.sleep(LOOK_AGAIN_S)


def some_moment(chance: random.Random, most_s: float) -> None:
    """Let a drawn time pass, so that what follows strikes another process at no particular moment."""
    time.sleep(chance.uniform(0, most_s))


def free_port() -> int:
    """Return a TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Laptop:
    """A node's folder, and the process that runs it while it is open.

    `prefix` is put before the command: `ip netns exec NAME` runs it in a namespace. A laptop keeps its port, so that
    whoever met it finds it again after a restart.
    """

    def __init__(self, folder: Path, prefix: Sequence[str] = (), listen: str = LOOPBACK) -> None:
        self.folder = folder
        self.name = folder.name
        self.prefix = list(prefix)
        self.listen = listen.format(port=free_port())
        self.discovery = False
        self.process: subprocess.Popen[bytes] | None = None
        self.errors = folder.parent / f"{folder.name}.stderr"

    # -- the process ------------------------------------------------------------------------------------------------

    def command(self) -> list[str]:
        """Return the command line that runs the node."""
        flags = [] if self.discovery else ["--no-discovery"]
        run = ["run", "--home", str(self.folder), "--no-browser", "--port", "0", "--listen", self.listen, "--json"]
        return [*self.prefix, sys.executable, "-m", "ui.cli", *run, *flags]

    def launch(self) -> "Laptop":
        """Start the process without waiting for it."""
        assert self.process is None, f"{self.name} is open already"
        (self.folder / API_FILE).unlink(missing_ok=True)
        with self.errors.open("ab") as errors:
            self.process = subprocess.Popen(self.command(), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=errors)
        return self

    def ready(self, timeout_s: float = PATIENCE_S) -> "Laptop":
        """Wait until the API answers."""
        until(lambda: self.api_folder.joinpath(API_FILE).exists() or self._has_ended(), "the API", timeout_s)
        self.call("status")
        return self

    def open(self) -> "Laptop":
        """Start the process and wait until its API answers."""
        return self.launch().ready()

    def _has_ended(self) -> bool:
        assert self.process is not None
        if self.process.poll() is None:
            return False
        raise AssertionError(f"{self.name} ended with {self.process.returncode}: {self.complaints()}")

    @property
    def api_folder(self) -> Path:
        """Return the folder as this process sees it."""
        return self.folder

    @property
    def pid(self) -> int:
        """Return the number of the running process."""
        assert self.process is not None, f"{self.name} is not open"
        return self.process.pid

    def kill(self) -> None:
        """End the process without a word, as `kill -9` does."""
        self._end(signal.SIGKILL)

    def close(self) -> int:
        """Ask the process to stop, as Ctrl-C does; returns its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        os.kill(self.pid, number)
        process, self.process = self.process, None
        assert process is not None
        try:
            return process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def complaints(self) -> str:
        """Return what the process wrote to stderr."""
        return self.errors.read_text(encoding="utf-8", errors="replace") if self.errors.exists() else ""

    # -- asking -----------------------------------------------------------------------------------------------------

    def call(self, operation: str, **given: Any) -> dict[str, Any]:
        """Perform an operation over the API of the running process."""
        assert self.process is not None, f"{self.name} is not open"
        self._has_ended()
        return call(self.api_folder, operation, given)

    def init(self) -> "Laptop":
        """Say a name: the folder's."""
        self.call("init", name=self.name)
        return self

    @property
    def address(self) -> str:
        """Return where the laptop can be dialled."""
        address: str = until(lambda: self.call("status")["addresses"], f"the network of {self.name}")[0]
        return address

    def space(self) -> dict[str, Any]:
        """Return the laptop's only space as the API shows it."""
        spaces: list[dict[str, Any]] = self.call("spaces")["spaces"]
        assert len(spaces) == 1, spaces
        return spaces[0]

    def post(self, text: str, parent: str | None = None) -> str:
        """Write a post, or answer one; returns its id once it is on disk."""
        more = {} if parent is None else {"parent": parent}
        id_: str = self.call("post", space="-", text=text, **more)["id"]
        return id_

    def posts(self) -> dict[str, dict[str, Any]]:
        """Return all posts that begin a thread, by id."""
        found: dict[str, dict[str, Any]] = {}
        given: dict[str, Any] = {"space": "-", "limit": 200}
        while True:
            page = self.call("feed", **given)
            found |= {post["id"]: post for post in page["posts"]}
            if page["next"] is None:
                return found
            given["before"] = page["next"]

    def texts(self) -> list[str]:
        """Return the texts of all posts that begin a thread, sorted."""
        return sorted(post["text"] for post in self.posts().values())

    def invite(self, **given: Any) -> str:
        """Make an invite link that holds this laptop's address."""
        assert self.address
        link: str = self.call("invite", space="-", **given)["link"]
        return link

    def is_member(self) -> bool:
        """Tell whether the laptop was let into its only space."""
        return bool(self.space()["state"] == "member")

    def joins(self, link: str) -> "Laptop":
        """Join by a link and wait to be let in."""
        self.call("join", link=link)
        until(self.is_member, f"{self.name} being let in")
        return self

    def meets(self, other: "Laptop") -> None:
        """Learn where another laptop is."""
        self.call("dial", address=other.address)

    def checkpoint(self) -> None:
        """Move everything from the write-ahead log into the database file."""
        with contextlib.closing(sqlite3.connect(self.api_folder / "commons.db", timeout=10)) as database:
            until(lambda: database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0, "the checkpoint")

    def holds_bytes(self, needle: bytes) -> list[str]:
        """Return the names of the folder's files in which these bytes stand, in whatever case."""
        files = [path for path in sorted(self.api_folder.rglob("*")) if path.is_file()]
        return [path.name for path in files if needle.lower() in path.read_bytes().lower()]


def same(*laptops: Laptop, timeout_s: float = PATIENCE_S) -> str:
    """Wait until laptops hold the same, and return the digest of it."""
    digests: set[str] = set()

    def agree() -> bool:
        digests.clear()
        digests.update(laptop.space()["digest"] for laptop in laptops)
        return len(digests) == 1

    try:
        until(agree, "equal digests", timeout_s)
    except AssertionError as error:
        seen = {laptop.name: (laptop.space(), laptop.call("peers")["peers"]) for laptop in laptops}
        raise AssertionError(f"{error}: {seen}") from error
    return digests.pop()


class Room:
    """The laptops of one test. What is still open at its end is closed, and none may have complained."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.laptops: list[Laptop] = []

    def laptop(self, name: str, prefix: Sequence[str] = (), listen: str = LOOPBACK) -> Laptop:
        """Return a new laptop, still closed."""
        laptop = Laptop(self.folder / name, prefix, listen)
        self.laptops.append(laptop)
        return laptop

    def people(self, *names: str) -> list[Laptop]:
        """Open several laptops at once, whose owners have said their names."""
        started = [self.laptop(name).launch() for name in names]
        return [laptop.ready().init() for laptop in started]

    def community(self, *names: str, title: str = "Garden") -> list[Laptop]:
        """Open several laptops in one space: the first founds it, the others are let in."""
        laptops = self.people(*names)
        laptops[0].call("found", name=title)
        if laptops[1:]:
            link = laptops[0].invite(uses=len(laptops) - 1)
            for laptop in laptops[1:]:
                laptop.joins(link)
            same(*laptops)
        return laptops


@contextlib.contextmanager
def room_at(folder: Path) -> Iterator[Room]:
    """Give a room in a folder; the markers of its installations lie there as well."""
    room = Room(folder)
    before = os.environ.get("COMMONS_STATE_DIR")
    os.environ["COMMONS_STATE_DIR"] = str(folder / "state")
    try:
        yield room
    finally:
        running = [laptop for laptop in room.laptops if laptop.process is not None]
        for laptop in running:
            os.kill(laptop.pid, signal.SIGTERM)  # all at once; each is waited for below
        for laptop in running:
            laptop.close()
        if before is None:
            del os.environ["COMMONS_STATE_DIR"]
        else:
            os.environ["COMMONS_STATE_DIR"] = before
    complaints = [laptop.complaints() for laptop in room.laptops]
    assert not any("Traceback" in text or "ERROR" in text for text in complaints), "\n".join(complaints)


# -- folders without a process ----------------------------------------------------------------------------------------


def in_folder(folder: Path, work: Callable[[Node], Awaitable[T]], clock_ms: Callable[[], int] = now_ms) -> T:
    """Open a closed folder in this process, without a network, and do something with its node."""

    async def run() -> T:
        node = Node(folder, Config(discovery=False), clock_ms)
        await node.open()
        try:
            return await work(node)
        finally:
            await node.close()

    return asyncio.run(run())


def asked(
    folder: Path, *operations: tuple[str, dict[str, Any]], clock_ms: Callable[[], int] = now_ms
) -> list[dict[str, Any]]:
    """Open a closed folder, perform some operations, and close it."""

    async def work(node: Node) -> list[dict[str, Any]]:
        return [await perform(node, name, given) for name, given in operations]

    return in_folder(folder, work, clock_ms)


def only_space(node: Node) -> Space:
    """Return a node's only space."""
    (space,) = node.road.spaces.values()
    return space


def fill(folder: Path, count: int) -> None:
    """Write many posts at once into a closed folder."""

    def posts() -> Generator[WritePost, Change, None]:
        for number in range(count):
            yield WritePost(f"Filled in as {number}", None, None, [])

    async def work(node: Node) -> None:
        await node.road.submit_all(only_space(node), posts())

    in_folder(folder, work)


def copied(laptop: Laptop, to: Path) -> Path:
    """Copy a laptop's folder as a backup program does, whether it is open or not."""
    shutil.copytree(laptop.folder, to, ignore=shutil.ignore_patterns(API_FILE, "open.html", "lock"))
    return to
