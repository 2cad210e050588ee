"""Two threads have to do with a connection, one after the other: whatever either does at any moment, it ends well."""

import asyncio
import os
import socket
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import trio
import trio.testing
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.io.exceptions import ConnectionClosedError
from libp2p.peer.id import ID
from libp2p.stream_muxer.exceptions import MuxedStreamError
from net_nodes import BRISK, Node, answers, noise_pair, running

from identity.errors import NetworkError
from node.net.connection import Connections
from node.net.links import Link
from node.net.muxer import Muxer, Stream
from node.net.pipes import Pipe
from node.net.transport import Transport
from node.net.yamux import Mux

TOPIC = "heads"
WORDS = [os.urandom(size) for size in (1, 40, 70_000, 3, 5000)]


async def hear(link: Link) -> list[bytes]:
    return [await link.receive() for _ in WORDS]


async def say_all(link: Link) -> None:
    for words in WORDS:
        await link.send(words)


async def test_both_ends_speak_as_soon_as_they_can_and_are_heard() -> None:
    heard: list[list[bytes]] = []

    async def speak_first(link: Link) -> None:
        await say_all(link)
        heard.append(await hear(link))

    for _ in range(20):
        async with running(speak_first) as there, running() as here:
            link = await here.transport.dial(there.address)
            await say_all(link)
            assert await hear(link) == WORDS
            await there.settles(lambda: bool(heard))
        assert heard.pop() == WORDS


async def become_friends(one: Node, other: Node) -> Link:
    """Connect two nodes, with gossip."""
    link = await one.transport.dial(other.address)
    for here, there in ((one, other), (other, one)):
        await here.transport.subscribe(TOPIC)
        await here.transport.allow_gossip(there.transport.public)
    return link


async def gossips(one: Node, other: Node, words: bytes) -> None:
    """Check that a hint of one's reaches the other."""

    async def heard() -> bool:
        await one.transport.publish(TOPIC, words)
        await asyncio.sleep(0.05)
        return any(data == words for _, _, data in other.gossip)

    await other.settles(heard)


async def test_gossip_and_sessions_share_a_connection_and_outlive_a_session() -> None:
    async with running() as here, running() as there:
        first = await become_friends(here, there)
        second = await here.transport.dial(there.address)
        sending = asyncio.create_task(say_all(first))
        await gossips(here, there, b"from here")
        await gossips(there, here, b"from there")
        assert await hear(first) == WORDS
        await sending

        await first.close()
        await gossips(here, there, b"still from here")
        await second.send(b"still there?")

        assert await second.receive() == b"still there?"
        assert (await here.transport.counts())["connections"] == 1
        third = await there.transport.dial(here.address)
        await third.send(b"and back?")
        assert await third.receive() == b"and back?"
        assert await here.has_connections(1)


async def test_a_great_gossip_message_passes_beside_a_session() -> None:
    async with running() as here, running() as there:
        await become_friends(here, there)

        await gossips(here, there, os.urandom(60_000))


async def test_a_connection_may_end_from_every_side_at_once() -> None:
    async with running() as here, running() as there:
        await answers(there)
        files = psutil.Process().num_fds()
        for turn in range(50):
            link = await here.transport.dial(there.address)
            await link.send(b"word")
            ends = [
                lambda link=link: link.close(),
                lambda: here.transport.drop(there.transport.public),
                lambda: there.transport.drop(here.transport.public),
                lambda: asyncio.gather(*(link.close() for link in there.links)),
            ]
            turned = ends[turn % 4 :] + ends[: turn % 4]
            await asyncio.gather(*(end() for end in turned))
            await here.settles(lambda: here.has_connections(0))
            await there.settles(lambda: there.has_connections(0))

        await answers(there)
        await here.settles(lambda: psutil.Process().num_fds() <= files)


async def test_a_network_that_stops_in_the_middle_of_a_hand_over_ends_well() -> None:
    async with running() as there:
        await answers(there)
        files = psutil.Process().num_fds()
        for turn in range(50):
            here = Transport(os.urandom(32), _read, lambda *_: None, BRISK)
            await here.start(["/ip4/127.0.0.1/tcp/0"])
            dialling = [asyncio.create_task(here.dial(there.address)) for _ in range(2)]
            calling = asyncio.create_task(_call(there, here.addresses[0]))
            await asyncio.sleep(turn * 0.0004)
            async with asyncio.timeout(5):
                await here.stop()
                found = await asyncio.gather(*dialling, calling, return_exceptions=True)
            assert here.closed.result() is None
            assert all(isinstance(one, Link | NetworkError) for one in found), found

        await there.settles(lambda: there.has_connections(0))
        await answers(there)
        await there.settles(lambda: psutil.Process().num_fds() <= files)


class Hasty(Transport):
    """A node that gives a dial up in the moment in which it succeeds."""

    dialling: asyncio.Task[Link]
    given_up = 0

    def _tell(self, function: Callable[..., None], *args: Any) -> None:
        super()._tell(self._give_up, function, *args)

    def _give_up(self, function: Callable[..., None], *args: Any) -> None:
        function(*args)
        if args and isinstance(args[0], Pipe):
            self.given_up += self.dialling.cancel()


async def test_a_dial_that_is_given_up_as_it_succeeds_leaves_no_stream_behind() -> None:
    async with running() as there:
        here = Hasty(os.urandom(32), _read, lambda *_: None, BRISK)
        await here.start(["/ip4/127.0.0.1/tcp/0"])
        here.dialling = asyncio.create_task(here.dial(there.address))

        with pytest.raises(asyncio.CancelledError):
            await here.dialling

        await there.settles(lambda: len(there.ends) == 1)
        assert here.given_up == 1
        await here.stop()


async def _read(link: Link) -> None:
    while True:
        await link.receive()


async def _call(node: Node, address: str) -> Link:
    return await node.transport.dial(address)


def test_nothing_is_left_open_where_the_event_loop_goes_first() -> None:
    async def begin() -> tuple[Transport, Link]:
        here, there = (Transport(os.urandom(32), _read, lambda *_: None, BRISK) for _ in range(2))
        for each in (here, there):
            await each.start(["/ip4/127.0.0.1/tcp/0"])
        link = await here.dial(there.addresses[0])
        await link.send(b"word")
        await there.stop()
        return here, link

    here, link = asyncio.run(begin())
    thread: Any = here._thread
    here._host.stop()
    thread.join(5)

    assert not thread.is_alive()
    assert all(connection._socket.fileno() == -1 for connection in here._connections.open)
    del link


class Secured:
    """A connection whose handshake is over."""

    is_initiator = False
    low_watermark = high_watermark = 0

    def __init__(self) -> None:
        self.far, self.near = socket.socketpair()
        self.socket_below = self
        self.conn = SimpleNamespace(noise_state=noise_pair()[0])
        self.buf = SimpleNamespace(getvalue=lambda: b"")
        self.is_released = False

    def release(self) -> tuple[socket.socket, bytes]:
        if self.is_released:
            raise ConnectionClosedError("the connection is closed", transport="tcp")
        self.is_released = True
        self.near.setblocking(False)
        return self.near, b""

    async def close(self) -> None:
        self.near.close()


def muxer_of(secured: Secured, loop: asyncio.AbstractEventLoop) -> Muxer:
    peer = ID.from_pubkey(create_new_key_pair().public_key)
    return Muxer(secured, peer, Connections(loop, BRISK))


def test_a_connection_that_no_event_loop_takes_is_closed() -> None:
    loop = asyncio.new_event_loop()
    loop.close()

    async def run() -> None:
        secured = Secured()
        muxer = muxer_of(secured, loop)
        with trio.fail_after(5):
            await muxer.start()

        assert (muxer.is_closed, secured.near.fileno()) == (True, -1)
        with pytest.raises(MuxedStreamError):
            await muxer.open_stream()
        secured.far.close()

    trio.run(run)


@pytest.mark.parametrize("is_lost", [True, False], ids=["lost", "dropped"])
def test_a_connection_that_ends_before_it_is_handed_over_is_closed(is_lost: bool) -> None:
    loop = asyncio.new_event_loop()

    async def run() -> None:
        secured = Secured()
        muxer = muxer_of(secured, loop)
        secured.is_released = is_lost
        if not is_lost:
            muxer.drop()
        with trio.fail_after(5):
            await muxer.start()

        assert (muxer.is_closed, muxer.is_established, secured.near.fileno()) == (True, False, -1)
        secured.far.close()

    trio.run(run)
    loop.close()


def test_streams_that_are_opened_faster_than_libp2p_takes_them_wait_nowhere() -> None:
    loop = asyncio.new_event_loop()
    most = BRISK.streams_per_peer

    async def run() -> None:
        secured, far = Secured(), Mux(initiator=True, max_inbound=0)
        muxer = muxer_of(secured, loop)
        muxer._hand_over()
        assert muxer._connection is not None
        near = muxer._connection.mux
        kept: list[Stream] = []

        def flood() -> None:
            for _ in range(1000):
                channel = far.open()
                channel.write(bytes(1000))
                near.feed(far.next_chunk(65_519))
                channel.reset()
                near.feed(far.next_chunk(65_519))
                far.feed(near.next_chunk(65_519))

        for _ in range(3):
            assert await Stream(muxer, muxer._connection, inbound=True).read(0) == b""  # an empty hint asks for that
            flood()
            assert muxer._loop_given - muxer._ended == most
            await trio.testing.wait_all_tasks_blocked()
            kept += [await muxer.accept_stream() for _ in range(most)]

        assert len(kept) == 3 * most
        assert all(stream.over.is_set() for stream in kept)
        muxer._connection.abandon()
        secured.far.close()

    trio.run(run)
    loop.close()
