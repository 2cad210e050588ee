"""One node of a benchmark as a process of its own: orders in on stdin, answers out on stdout, in lines of JSON."""

import asyncio
import gc
import json
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from crdt.change import TALK
from crdt.history import Accepted
from identity.errors import CommonsError
from node.config import Config
from node.domain.posts import WritePost
from node.ingest.belonging import invite
from node.ingest.spaces import Space
from node.runtime import Node
from node.store import queries
from ui.bench import measures
from ui.bench.seeding import Writer, offer_for, read_devices, seed
from ui.bench.waiting import moments, until
from ui.bench.words import live_text

QUIET_S = 0.3
MAX_USES = 1_000
Data = dict[str, Any]


class Orders:
    """What a node is told to do. Each method is an order; what it returns is the answer."""

    node: Node
    site: Any = None

    def __init__(self) -> None:
        self.arrivals: dict[str, int] = {}
        self._answered: list[tuple[str, float]] = []

    @property
    def space(self) -> Space:
        """Return the only space."""
        return next(iter(self.node.road.spaces.values()))

    # -- opening ----------------------------------------------------------------------------------------------------

    async def open(self, folder: str, undo_s: float = 0.0, network: bool = True, pages: bool = False) -> Data:
        """Open a folder; say a name where nobody has."""
        config = Config(("/ip4/127.0.0.1/tcp/0",), web_port=0, discovery=False, undo_s=undo_s, open_browser=False)
        self.node = self.make_node(Path(folder), config)
        await self.node.open()
        if not self.node.is_ready:
            await self.node.name_yourself("Bench")
        if pages:
            await self._open_pages()
        if network:
            await self.node.start_network()
        self.node.road.heard.insert(0, self._note)
        return {"url": self.site.url if self.site else None}

    def make_node(self, folder: Path, config: Config) -> Node:
        """Return a node that is still closed."""
        return Node(folder, config)

    async def _open_pages(self) -> None:
        from ui.app import Site  # only where pages are asked for: most of these nodes have none

        self.site = Site(self.node, lambda path, took_s: self._answered.append((path, took_s)))
        await self.site.start()

    async def close(self) -> Data:
        """Close the node."""
        if self.site is not None:
            await self.site.stop()
        await self.node.close()
        return {}

    async def seed(self, authors: int, posts: int) -> Data:
        """Fill the folder."""
        await seed(self.node, authors, posts)
        return {}

    async def answered(self, path: str) -> Data:
        """Return the seconds that each request of a path took until its answer was written."""
        return {"took_s": [took_s for known, took_s in self._answered if known == path]}

    # -- meeting ----------------------------------------------------------------------------------------------------

    async def found(self) -> Data:
        """Found a space."""
        await self.node.found("Bench")
        return {}

    async def invite(self) -> Data:
        """Return a link that lets everybody in."""
        return {"link": (await invite(self.node.road, self.space, offer_for(self.node, self.space, MAX_USES)))[1]}

    async def join(self, link: str, words: str = "") -> Data:
        """Join, and wait until the peer holds the same and a search finds some words; tells what that took."""
        gc.collect()
        measures.forget_peak()
        memory, cpu, began = measures.memory_mb(), measures.cpu_s(), time.monotonic()
        space = await self.node.join(link)
        await until(lambda: space.id in self.node.keeper.in_sync_spaces and self.space.state == "member")
        async for _ in moments():
            if not words or await self._finds(words):
                break
        return {
            "s": time.monotonic() - began,
            "cpu_s": measures.cpu_s() - cpu,
            "memory_mb": memory,
            "growth_mb": measures.peak_mb() - memory,
            "bytes": self._bytes(),
        }

    async def _finds(self, words: str) -> bool:
        space = self.space.index.no
        lines = await self.node.database.read(lambda db: queries.search(db, space, words, 20))
        return any(line.text.startswith(words) for line in lines)

    async def address(self) -> Data:
        """Return where this node can be dialled."""
        return {"address": self.node.addresses[0]}

    async def dial(self, addresses: Sequence[str]) -> Data:
        """Learn where other nodes are."""
        self.node.neighbours.learn(addresses)
        return {}

    async def meet(self, count: int) -> Data:
        """Wait until so many neighbours are connected and let each other speak."""
        await until(lambda: sum(running.trusted for running in self.node.syncer.running.values()) >= count)
        return {}

    async def digest(self) -> Data:
        """Return the digest of what is held, and how many changes that is."""
        return {"root": self.space.history.root().hex(), "changes": self.space.history.size}

    async def usage(self) -> Data:
        """Return this process's CPU so far and its memory now."""
        return {"cpu_s": measures.cpu_s(), "memory_mb": measures.memory_mb()}

    # -- live posts -------------------------------------------------------------------------------------------------

    async def _note(self, _space: Space, accepted: Sequence[Accepted], origin: bytes | None) -> None:
        """Note when a live post of somebody else's stood in the read model: it is on disk when this is called."""
        now = time.monotonic_ns()
        for entry in accepted if origin is not None and len(accepted) < 64 else ():
            if entry.change.header.klass == TALK:
                self.arrivals.setdefault(entry.change.id.hex(), now)

    async def live(self, name: str, count: int, first_ns: int, gap_s: float) -> Data:
        """Sign posts at set times; returns when each was begun, by its id."""
        begun: dict[str, int] = {}
        self.arrivals.clear()  # what others said before is no post of this turn
        due = (first_ns or time.monotonic_ns()) - int(gap_s * 1e9)
        for i in range(count):
            due += int(gap_s * 1e9)
            await asyncio.sleep(max(0.0, (due - time.monotonic_ns()) / 1e9))
            now = time.monotonic_ns()
            change = await self.node.road.submit(self.space, WritePost(live_text(f"{name}-{i}"), None, None, []))
            begun[change.id.hex()] = now
        return {"begun": begun}

    async def say(self, count: int, gap_s: float) -> Data:
        """Say posts that are signed when the time to undo is over; returns when that is, in ms since the epoch."""
        due: list[int] = []
        for i in range(count):
            await self.node.say_later(self.space, WritePost(live_text(f"say-{i}"), None, None, []))
            due.append(max(row.due for row in await self.node.pending()))
            await asyncio.sleep(gap_s)
        return {"due": due}

    async def arrived(self, count: int, patience_s: float = 10.0) -> Data:
        """Return when others' live posts arrived, as soon as there are so many or patience ends; then forget them."""
        async for _ in moments(patience_s, 0.02):
            if len(self.arrivals) >= count:
                break
        found, self.arrivals = self.arrivals, {}
        return {"arrived": found}

    # -- comparing --------------------------------------------------------------------------------------------------

    def _bytes(self) -> int:
        links = (running.link for running in self.node.syncer.running.values())
        return sum(link.sent_bytes + link.received_bytes for link in links)  # type: ignore[attr-defined]

    async def bytes(self) -> Data:
        """Return how many bytes went both ways over the open streams, once nothing moves."""
        before = -1
        async for _ in moments(pause_s=QUIET_S):
            if before == (before := self._bytes()):
                break
        return {"bytes": before}

    async def compare(self, count: int, gap_s: float) -> Data:
        """Compare with every neighbour so many times."""
        for _ in range(count):
            await self.node.syncer.look_again(self.space.id)
            await asyncio.sleep(gap_s)
        return {}

    async def rest(self, seconds: float) -> Data:
        """Do nothing for a while; tells the CPU that went meanwhile."""
        before = measures.cpu_s()
        await asyncio.sleep(seconds)
        return {"cpu_s": measures.cpu_s() - before}

    async def hang_up(self) -> Data:
        """End every stream, wait until all are there again, and return the bytes until nothing moves."""
        running = list(self.node.syncer.running.values())
        for one in running:
            await one.link.close()
        self.node.neighbours.try_again()
        await until(lambda: all(self._is_new(one) for one in running))
        return await self.bytes()

    def _is_new(self, before: Any) -> bool:
        now = self.node.syncer.running.get(before.link.peer)
        return now is not None and now is not before and now.trusted


class Histories:
    """Several folders in one process, so that one change can be timed in each of them in turn."""

    async def cost(self, folders: Sequence[str], count: int) -> Data:
        """Take in so many single changes in each folder, in turn; returns wall and CPU seconds of each."""
        nodes = [Node(Path(folder), Config(discovery=False)) for folder in folders]
        writers: list[tuple[Node, Space, Writer]] = []
        for node in nodes:
            await node.open()
            space = next(iter(node.road.spaces.values()))
            writers.append((node, space, Writer.going_on(space, read_devices(node.folder))))
        gc.collect()
        times: list[list[tuple[float, float]]] = [[] for _ in nodes]
        for _ in range(count):
            for kept, (node, space, writer) in zip(times, writers, strict=True):
                kept.append(await _one(node, space, writer))
        for node in nodes:
            await node.close()
        return {"times": times}


async def _one(node: Node, space: Space, writer: Writer) -> tuple[float, float]:
    """Take in one encoded change as a session does; returns its wall and CPU seconds."""
    from crdt.batch import encode_batch

    data = encode_batch([writer.next_post()])
    cpu, began = time.process_time(), time.perf_counter()
    await node.keeper.deliver(space.id, node.keeper.prepare(space.id, data), space.index.authors[1])
    return time.perf_counter() - began, time.process_time() - cpu


async def answer(orders: Any, line: bytes) -> Data:
    """Carry out one order."""
    order: Data = json.loads(line)
    name = order.pop("do")
    method: Callable[..., Awaitable[Data]] | None = getattr(orders, name, None)
    if method is None:
        return {"error": f"{name} is no order"}
    try:
        return await method(**order)
    except CommonsError as error:
        return {"error": f"{type(error).__name__}: {error}"}


def _orders(kind: str = "") -> Any:
    """Return what this process is told to do, by the word it was started with."""
    if kind == "town":
        from ui.bench.town import Town  # it is told the orders of this module too

        return Town()
    return Histories() if kind == "histories" else Orders()


async def serve() -> None:
    """Carry out orders until stdin ends."""
    orders = _orders(*sys.argv[1:])
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    try:
        while line := await reader.readline():
            sys.stdout.write(json.dumps(await answer(orders, line)) + "\n")
            sys.stdout.flush()
    except BrokenPipeError:
        pass  # whoever asked has ended
    finally:  # an open database would keep the process from ending
        if hasattr(orders, "node"):
            await orders.close()


if __name__ == "__main__":
    asyncio.run(serve())
