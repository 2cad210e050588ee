"""A hostile peer in a process of its own: `hostile_peer.py KINDS ADDRESS LINK FOLDER AMOUNT`.

It speaks the protocol over the program's own transport, so that nothing but the victim's judgement stands in its way.
It joins by the link, honestly, before it turns. KINDS are floods, one after another, each of AMOUNT seconds; or a way
to knock, with AMOUNT keys. It prints that it is ready, and at the end how many frames the victim was sent of each kind.
"""

import asyncio
import contextlib
import itertools
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from crdt import messages as m  # the path above comes first
from crdt.batch import MAX_BATCH_BYTES, encode_batch
from crdt.change import Change, Header, encode_body, make
from crdt.effects import Send
from crdt.exchange import Claims
from crdt.sync import Ends, Session
from identity.certificates import certify
from identity.errors import CommonsError
from identity.keys import SigningKey
from identity.links import read_link
from identity.tickets import prove
from node.config import Config
from node.domain.area import wire_fields
from node.domain.law.membership import JoinSpace
from node.domain.posts import WritePost
from node.ingest.spaces import Space
from node.net.links import Link
from node.net.transport import Transport
from node.runtime import Node, now_ms

LISTEN = ("/ip4/127.0.0.1/tcp/0",)
FLOOD = 10_000  # messages a second, as far as one core and the victim's back-pressure allow
BURST = 200
Frames = Callable[[Space], Iterator[bytes]]


# -- what is sent -----------------------------------------------------------------------------------------------------


def posts(space: Space, author: SigningKey, count: int) -> list[Change]:
    """Return posts by an author, from the first of a log; without standing nobody has to keep them."""
    head, changes = b"", []
    for number in range(count):
        body = WritePost(f"spam {number}", None, None, [])
        header = Header(space.id, author.public, number + 1, head, (), now_ms(), body.klass, b"", b"", 0)
        changes.append(make(header, encode_body(body.kind, wire_fields(body)), author, space.secrets.talk[-1]))
        head = changes[-1].id
    return changes


def duplicates(space: Space) -> Iterator[bytes]:
    """One valid batch of a stranger's posts, again and again."""
    return itertools.repeat(m.encode(m.PUSH, 0, encode_batch(posts(space, SigningKey.generate(), 5))))


def questions(space: Space) -> Iterator[bytes]:
    """Roots that differ each time, and requests to tell everything."""
    while space.id:
        yield m.encode(m.ROOT, 0, os.urandom(16))
        yield m.encode(m.ASK, 0)


def garbage(space: Space) -> Iterator[bytes]:
    """Batches that are none; each ends the link."""
    while space.id:
        yield m.encode(m.PUSH, 0, os.urandom(2000))


def noise(space: Space) -> Iterator[bytes]:
    """Frames that are none; each ends the link."""
    while space.id:
        yield os.urandom(300)


def oversized(space: Space) -> Iterator[bytes]:
    """Batches beyond the limit, as far as a frame holds them; each ends the link."""
    return itertools.repeat(m.encode(m.PUSH, 0, os.urandom(MAX_BATCH_BYTES + 8000 if space.id else 0)))


def unknown_spaces(space: Space) -> Iterator[bytes]:
    """Numbers of spaces that are not common; each ends the link."""
    return itertools.repeat(m.encode(m.ASK, 99 if space.id else 0))


FLOODS: dict[str, Frames] = {
    "stranger": duplicates, "duplicates": duplicates, "questions": questions, "garbage": garbage, "noise": noise,
    "oversized": oversized, "unknown-spaces": unknown_spaces,
}  # fmt: skip


# -- how it is sent ---------------------------------------------------------------------------------------------------


async def ignore(link: Link) -> None:
    """Read what the victim says and do nothing with it."""
    with contextlib.suppress(CommonsError):
        while True:
            await link.receive()


@contextlib.asynccontextmanager
async def transport(seed: bytes) -> AsyncIterator[Transport]:
    """Run a transport with a key."""
    running = Transport(seed, ignore, lambda *_: None)
    await running.start(LISTEN)
    try:
        yield running
    finally:
        await running.stop()


async def greeted(link: Link, me: bytes, node: Node) -> None:
    """Say hello and prove to know the space."""
    session = Session(Ends(me, link.peer, True, os.urandom(16)), node.keeper.spaces, Claims())
    for effects in (session.start(), session.receive(await link.receive())):
        for effect in effects:
            if isinstance(effect, Send):
                await link.send(effect.frame)
    await link.receive()  # the victim's own list


async def flood(link: Link, frames: Iterator[bytes], until: float) -> int:
    """Send frames at the pace of the flood until it is time or the victim hangs up; returns how many."""
    sent, began = 0, time.monotonic()
    reading = asyncio.create_task(ignore(link))
    try:
        while time.monotonic() < until and not reading.done():
            for frame in itertools.islice(frames, BURST):
                await link.send(frame)
                sent += 1
            await asyncio.sleep(max(0.0, began + sent / FLOOD - time.monotonic()))
    except CommonsError:
        pass
    finally:
        reading.cancel()
        await link.close()
    return sent


async def flood_again(one: Transport, node: Node, address: str, frames: Iterator[bytes], seconds: float) -> int:
    """Flood, and come back whenever the victim hangs up."""
    sent, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            link = await one.dial(address)
            await greeted(link, one.public, node)
        except CommonsError:
            await asyncio.sleep(0.01)
            continue
        sent += await flood(link, frames, until)
    return sent


# -- newcomers that were never invited --------------------------------------------------------------------------------


def knock(space: Space, link: str, device: SigningKey) -> Change:
    """Return the knock of an invented person with a device, by a link that others use too."""
    invitation, root = read_link(link), SigningKey.generate()
    proof = prove(invitation, device.public, root.public)
    certificate = certify(root, device.public, 0, now_ms())
    body = JoinSpace(invitation.terms, invitation.signature, proof, root.public, certificate)
    header = Header(space.id, device.public, 1, b"", (), now_ms(), body.klass, b"", b"", 0)
    return make(header, encode_body(body.kind, wire_fields(body)), device, space.secrets.knock())


async def hears(stream: Link, *kinds: int) -> None:
    """Wait until the victim says something of these kinds."""
    kind = m.HELLO
    async with asyncio.timeout(20):
        while kind not in kinds:
            kind, _ = m.decode(await stream.receive())


async def knock_in_bulk(one: Transport, node: Node, address: str, link: str, count: int) -> int:
    """Push many knocks with one ticket, a hundred a batch."""
    stream = await one.dial(address)
    await greeted(stream, one.public, node)
    for _ in range(count // 100):
        knocks = [knock(only_space(node), link, SigningKey.generate()) for _ in range(100)]
        await stream.send(m.encode(m.PUSH, 0, encode_batch(knocks)))
    await stream.send(m.encode(m.ASK, 0))
    await hears(stream, m.ENTRIES, m.BUCKETS)  # what came before the question was heard as well
    await stream.close()
    return count


async def knock_one_by_one(node: Node, address: str, link: str, count: int) -> int:
    """Come many times, each with another key and the same ticket."""
    for _ in range(count):
        device = SigningKey.generate()
        async with transport(device.seed) as one:
            with contextlib.suppress(CommonsError, TimeoutError):
                stream = await one.dial(address)
                await greeted(stream, device.public, node)
                await stream.send(m.encode(m.KNOCK, 0, encode_batch([knock(only_space(node), link, device)])))
                await hears(stream, m.GUEST, m.KEYS, m.OPEN, m.TURNED_AWAY)
                await stream.close()
    return count


# -- who is who -------------------------------------------------------------------------------------------------------


async def insider(folder: Path, link: str) -> Node:
    """Join by the link, honestly; returns the node, off the network again."""
    node = Node(folder, Config(listen=LISTEN, discovery=False))
    await node.open()
    if not node.is_ready:
        await node.name_yourself("Mallory")
        await node.start_network()
        space = await node.join(link)
        while space.state != "member" or not space.secrets.talk:
            await asyncio.sleep(0.01)
        await node.stop_network()
    return node


def only_space(node: Node) -> Space:
    """Return a node's only space."""
    (space,) = node.road.spaces.values()
    return space


async def attack(kind: str, node: Node, address: str, link: str, amount: float) -> int:
    """Do one kind of harm; returns how many frames that took."""
    assert node.keyring is not None
    if kind == "sybils":
        return await knock_one_by_one(node, address, link, int(amount))
    seed = SigningKey.generate().seed if kind == "stranger" else node.keyring.keys.device.seed
    async with transport(seed) as one:
        if kind == "bulk-knocks":
            return await knock_in_bulk(one, node, address, link, int(amount))
        return await flood_again(one, node, address, FLOODS[kind](only_space(node)), amount)


async def main(kinds: str, address: str, link: str, folder: str, amount: str) -> None:
    node = await insider(Path(folder), link)
    print(json.dumps({"ready": True}), flush=True)
    sent = {kind: await attack(kind, node, address, link, float(amount)) for kind in kinds.split(",") if kind}
    await node.close()
    print(json.dumps(sent), flush=True)


asyncio.run(main(*sys.argv[1:]))
