"""This node as one peer of a side-by-side benchmark: a stdio protocol of JSON lines.

run seed DIR            make N posts by AUTHORS authors (environment), interleaved; {"ev": "seeded"}
run serve DIR PORT      {"ev": "ready", "info": invite link}; "live K" on stdin publishes K posts; "quit" ends
run join DIR PORT INFO  {"ev": "up"}; "connect" on stdin joins and syncs: {"ev": "synced", "ms", "count"};
                        when all live posts were read: {"ev": "live", "ms": [...]}
run verify DIR          a fresh process counts from disk: {"ev": "verify", "count"}

The seed is made on the node's own road: sealed bodies, real deps, each author a device admitted by a ticket.
"synced" means that a search finds the last post and both sides' digests are equal.
"""

import asyncio
import hashlib
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

from crdt.batch import Batch, decode_batch, encode_batch
from crdt.change import TALK, Change, Header, encode_body, make
from identity.certificates import certify
from identity.keys import SigningKey
from identity.links import read_link
from identity.tickets import Offer, prove
from node.config import Config
from node.domain.area import wire_fields
from node.domain.law.membership import JoinSpace
from node.domain.posts import WritePost
from node.ingest.belonging import invite
from node.ingest.spaces import Space
from node.runtime import Node, now_ms
from node.store import queries

AUTHORS = int(os.environ.get("AUTHORS", "10"))
POSTS = int(os.environ.get("N", "5000"))
DAY_MS = 86_400_000
_SYLLABLES = [x + y for x in "bdfghjklmnprstvz" for y in "aeiou"]
_WORDS = [
    _SYLLABLES[j % 80] + _SYLLABLES[(j * 7 + 3) % 80] + ("" if j % 3 else _SYLLABLES[(j * 13 + 5) % 80])
    for j in range(256)
]


def text(author: int, i: int) -> str:
    """Return the 200 characters of a post, the same for every peer of the benchmark."""
    out, k = f"author {author} post {i}", 0
    while len(out) < 200:
        out += "".join(" " + _WORDS[b] for b in hashlib.sha256(f"{author}/{i}/{k}".encode()).digest())
        k += 1
    return out[:200]


def live(i: int) -> str:
    """Return a live post that carries when it was written."""
    return f"LIVE|{time.monotonic_ns()}|{i}|".ljust(200, ".")


def emit(**event: object) -> None:
    """Print one event."""
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


async def commands() -> AsyncIterator[list[str]]:
    """Yield the words of each line on stdin."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield line.decode().split()


def config(port: int = 0) -> Config:
    """Return settings for loopback."""
    return Config(listen=(f"/ip4/127.0.0.1/tcp/{port}",), discovery=False)


async def open_node(folder: Path, port: int = 0) -> Node:
    """Open a node, naming somebody if nobody is there."""
    node = Node(folder, config(port))
    await node.open()
    if not node.is_ready:
        await node.name_yourself("Bench")
    return node


async def admit(node: Node, space: Space, device: SigningKey) -> Change:
    """Let another device in by a ticket; returns its knock, with which its log begins."""
    root = SigningKey.generate()
    expires = now_ms() + DAY_MS
    _, link = await invite(node.road, space, Offer(space.id, space.name, "Bench", expires, space.secrets.discovery))
    invitation = read_link(link)
    proof = prove(invitation, device.public, root.public)
    certificate = certify(root, device.public, 0, now_ms())
    knock = JoinSpace(invitation.terms, invitation.signature, proof, root.public, certificate)
    header = Header(space.id, device.public, 1, b"", (), now_ms(), knock.klass, b"", b"", 0)
    change = make(header, encode_body(knock.kind, wire_fields(knock)), device, space.secrets.knock())
    await node.road.receive(space, Batch([change], {}), device.public)
    while device.public not in space.law.grants:  # the node answers by itself: doing so here as well would be a race
        await asyncio.sleep(0.001)
    async with node.road.lock:  # law shows an admission before it is stored, and only then is it this device's head
        return change


async def seed(folder: Path) -> None:
    """Fill a folder."""
    node = await open_node(folder)
    space = await node.found("Bench")
    devices = [SigningKey.generate() for _ in range(AUTHORS)]
    heads = {device.public: await admit(node, space, device) for device in devices}
    last = space.history.logs[node.road.device.public].head
    batch: list[Change] = []
    secret = space.secrets.talk[-1]
    for i in range(POSTS):
        author = i % AUTHORS
        device = devices[author]
        head = heads[device.public]
        deps = (last,) if last != head.id else ()
        body = WritePost(text(author, i // AUTHORS), None, None, [])
        header = Header(
            space.id, device.public, head.header.seq + 1, head.id, deps, 1_760_000_000_000 + i * 61, TALK, b"", b"", 0
        )
        change = make(header, encode_body(body.kind, wire_fields(body)), device, secret)
        heads[device.public] = change
        last = change.id
        batch.append(change)
        if len(batch) == 500 or i == POSTS - 1:
            outcome = await node.road.receive(space, decode_batch(encode_batch(batch), space.id), device.public)
            if len(outcome.accepted) != len(batch):
                raise SystemExit(f"only {len(outcome.accepted)} of {len(batch)} posts were taken in")
            batch = []
    await node.close()
    emit(ev="seeded")


async def serve(folder: Path, port: int) -> None:
    """Serve a seeded folder, and publish when told."""
    node = await open_node(folder, port)
    await node.start_network()
    space = next(iter(node.road.spaces.values()))
    offer = Offer(
        space.id, space.name, "Bench", now_ms() + DAY_MS, space.secrets.discovery, uses=1000,
        addresses=tuple(node.addresses[:1]),
    )  # fmt: skip
    _, link = await invite(node.road, space, offer)
    emit(ev="ready", info=link)
    tasks = set()

    async def publish(count: int) -> None:
        for i in range(count):
            await node.road.submit(space, WritePost(live(i), None, None, []))
            await asyncio.sleep(0.03)
        emit(ev="published")

    async for words in commands():
        if words[0] == "live":
            tasks.add(asyncio.create_task(publish(int(words[1]))))
        elif words[0] == "digest":
            emit(ev="digest", root=space.history.root().hex())
        elif words[0] == "quit":
            break
    await node.close()


async def join(folder: Path, link: str) -> None:
    """Join by the link, wait until everything is here, then time live posts."""
    node = await open_node(folder)
    await node.start_network()
    emit(ev="up")
    async for words in commands():
        if words[0] == "connect":
            began = time.monotonic()
            count = await _sync(node, link)
            emit(ev="synced", ms=(time.monotonic() - began) * 1000, count=count)
            _watch(node)
        elif words[0] == "quit":
            break
    await node.close()


async def _sync(node: Node, link: str) -> int:
    """Join, or meet again; wait until the peer holds the same and a search finds the last post."""
    known = next(iter(node.road.spaces.values()), None)
    space = known or await node.join(link)
    if known is not None:
        node.neighbours.learn(read_link(link).ticket.addresses)
    last = (POSTS - 1) % AUTHORS
    wanted = f"author {last} post {(POSTS - 1) // AUTHORS}"
    while not (space.id in node.keeper.in_sync_spaces and node.road.spaces[space.id].state == "member"):
        await asyncio.sleep(0.002)
    found: list[queries.PostLine] = []
    while not any(line.text.startswith(wanted) for line in found):
        found = await node.database.read(lambda db: queries.search(db, space.index.no, wanted, 50))
    return await _count(node, space)


async def _count(node: Node, space: Space) -> int:
    return await node.database.read(lambda db: queries.count_posts(db, space.index.no))


def _watch(node: Node) -> None:
    """Time each live post until it stands in the read model."""
    times: dict[str, float] = {}

    async def heard(_space: Space, accepted: object, _origin: object) -> None:
        now = time.monotonic_ns()
        numbers = [entry.number for entry in accepted]  # type: ignore[attr-defined]
        for line in await node.database.read(lambda db: queries.posts_by_number(db, numbers)):
            if line.text.startswith("LIVE|"):
                _, sent, i, _ = line.text.split("|")
                times.setdefault(i, (now - int(sent)) / 1e6)
        if len(times) == 100:
            emit(ev="live", ms=list(times.values()))
            times["done"] = 0.0

    node.road.heard.insert(0, heard)


async def verify(folder: Path) -> None:
    """Count what is on disk."""
    node = await open_node(folder)
    count = sum([await _count(node, space) for space in node.road.spaces.values()])
    emit(ev="verify", count=count)
    await node.close()


def main() -> None:
    """Run one part of the protocol."""
    mode, folder = sys.argv[1], Path(sys.argv[2])
    os.environ.setdefault("COMMONS_STATE_DIR", str(folder.parent / "state"))
    if mode == "seed":
        asyncio.run(seed(folder))
    elif mode == "serve":
        asyncio.run(serve(folder, int(sys.argv[3])))
    elif mode == "join":
        asyncio.run(join(folder, sys.argv[4]))
    else:
        asyncio.run(verify(folder))


if __name__ == "__main__":
    main()
