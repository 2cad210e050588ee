"""What a peer sent before its session ended for it is not kept, or whoever comes back again and again fills memory."""

import asyncio
import gc
import os
import tracemalloc
from collections.abc import Iterator

import pytest
from loopback import LISTEN, Neighbourhood, until
from other_members import Member

from crdt import messages as m
from crdt.effects import Send
from crdt.exchange import Claims
from crdt.sync import Ends, Session
from identity.errors import CommonsError
from node.net.links import MAX_FRAME_BYTES, Link
from node.net.transport import Transport
from node.runtime import Node

TIMES = 8
ROOM_BYTES = 2 * MAX_FRAME_BYTES


@pytest.fixture
def without_collector() -> Iterator[None]:
    """Free only what nobody refers to: cycles stay."""
    gc.collect()
    gc.disable()
    tracemalloc.start()
    yield
    tracemalloc.stop()
    gc.enable()


async def read_all(link: Link) -> None:
    """Read until the end."""
    while True:
        await link.receive()


async def harm(mallory: Transport, node: Node) -> None:
    """Say hello as a member does, send a great frame that is no batch, and wait until the node hangs up."""
    link = await mallory.dial(node.addresses[0])
    ends = Ends(mallory.public, link.peer, True, os.urandom(m.NONCE_BYTES))
    session = Session(ends, node.keeper.spaces, Claims())
    for effects in (session.start(), session.receive(await link.receive())):
        for effect in effects:
            if isinstance(effect, Send):
                await link.send(effect.frame)
    await link.send(m.encode(m.PUSH, 0, os.urandom(MAX_FRAME_BYTES - 1000)))
    with pytest.raises(CommonsError):
        await read_all(link)


@pytest.mark.usefixtures("without_collector")
async def test_what_a_peer_sent_before_it_was_dropped_is_not_kept(start: Neighbourhood) -> None:
    amina = await start("Amina")
    member = await Member.join(amina, await amina.found("Garden"), "Mallory")

    async def ignore(_: Link) -> None:
        await asyncio.sleep(0)

    mallory = Transport(member.device.seed, ignore, lambda *_: None)
    await mallory.start(LISTEN)
    await harm(mallory, amina)
    before, _ = tracemalloc.get_traced_memory()

    for _ in range(TIMES):
        await harm(mallory, amina)
    await until(lambda: not amina.syncer.running)

    await until(lambda: tracemalloc.get_traced_memory()[0] - before < ROOM_BYTES, 5)
    await mallory.stop()
