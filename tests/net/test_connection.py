"""A connection in the event loop: nothing is lost when it takes a socket over, and it ends from every side."""

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from net_nodes import BRISK, noise_pair

from node.net.connection import Connection, Connections, Proven
from node.net.links import Limits
from node.net.packets import Packets
from node.net.pipes import WRITE_AHEAD, Pipe
from node.net.yamux import FIRST_WINDOW, HEADER, PING, Channel, Mux

WORDS = os.urandom(5000)


class Far:
    """The other end of a connection: a bare socket, with Noise and Yamux moved by hand."""

    def __init__(self, limits: Limits = BRISK) -> None:
        self.socket, self._near_socket = socket.socketpair()
        noise, self._near_noise = noise_pair()
        self.packets = Packets(noise)
        self.mux = Mux(initiator=True, max_inbound=16)
        self.heard = bytearray()
        self.near: Connection
        self.opened: list[Channel] = []
        self.ends = 0
        self.connections = Connections(asyncio.get_running_loop(), limits)
        self.mux.on_open = self._listen
        for end in (self.socket, self._near_socket):
            end.setblocking(False)

    def hand_over(self, opened: bytes = b"", sealed: bytes = b"") -> Connection:
        """Make the near end, with what came before its handshake was over."""

        def ended() -> None:
            self.ends += 1

        proven = Proven(bytes(32), False, self._near_socket, self._near_noise, opened, sealed)
        self.near = Connection(proven, self.connections, self.opened.append, ended)
        return self.near

    def open(self) -> Channel:
        """Open a stream."""
        channel = self.mux.open()
        self._listen(channel)
        return channel

    def sealed(self) -> bytes:
        """Return what is to be sent, as messages of up to 1000 bytes."""
        return b"".join(self.packets.seal(chunk) for chunk in iter(lambda: self.mux.next_chunk(1000), b""))

    async def say(self, data: bytes) -> None:
        """Send bytes."""
        await asyncio.get_running_loop().sock_sendall(self.socket, data)

    async def hear(self, size: int) -> bytes:
        """Read on until so many bytes have come over streams, and grant new window for them."""
        async with asyncio.timeout(5):
            while len(self.heard) < size and await self.hear_some():
                await self.say(self.sealed())
        return bytes(self.heard)

    async def hear_some(self) -> bool:
        """Read once; say whether the connection still stands."""
        data = await asyncio.get_running_loop().sock_recv(self.socket, 1 << 20)
        for message in self.packets.open(data):
            self.mux.feed(message)
        return bool(data)

    def _listen(self, channel: Channel) -> None:
        def on_data(data: bytes) -> None:
            self.heard += data
            channel.credit(len(data))

        channel.on_data = on_data


@asynccontextmanager
async def far(limits: Limits = BRISK) -> AsyncIterator[Far]:
    """Give the other end of a connection; close both at the end."""
    other = Far(limits)
    try:
        yield other
    finally:
        other.socket.close()
        other.near.end()


async def until(what: object) -> None:
    """Wait until a list has something in it."""
    async with asyncio.timeout(5):
        while not what:
            await asyncio.sleep(0)


def collected(channel: Channel) -> bytearray:
    """Gather what a channel brings."""
    found = bytearray()
    channel.on_data = found.__iadd__
    return found


@pytest.mark.parametrize("opened", [0, 1, 12, 13, 700, 5000])
@pytest.mark.parametrize("ahead", [0, 1, 2, 3, 18, 1500, 4000])
async def test_what_came_before_the_end_of_the_handshake_is_not_lost(opened: int, ahead: int) -> None:
    async with far() as other:
        channel = other.open()
        channel.write(WORDS)
        plain = b"".join(iter(lambda: other.mux.next_chunk(1000), b""))
        sealed = b"".join(other.packets.seal(plain[at : at + 1000]) for at in range(opened, len(plain), 1000))
        near = other.hand_over(plain[:opened], sealed[:ahead])
        found = bytearray()
        near.mux.on_open = lambda channel: setattr(channel, "on_data", found.__iadd__)

        near.begin()
        answer = near.mux.open()
        answer.write(WORDS)
        await other.say(sealed[ahead:])

        assert await other.hear(len(WORDS)) == WORDS
        async with asyncio.timeout(5):
            while len(found) < len(WORDS):
                await asyncio.sleep(0)
        assert found == WORDS


async def test_what_a_small_buffer_does_not_take_at_once_arrives_whole_and_in_order() -> None:
    async with far() as other:
        other._near_socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        near = other.hand_over()
        near.begin()
        words = os.urandom(2_000_000)

        near.mux.open().write(words)

        assert await other.hear(len(words)) == words


async def test_what_is_written_in_one_turn_goes_out_together() -> None:
    async with far() as other:
        near = other.hand_over()
        near.begin()
        one, two = near.mux.open(), near.mux.open()
        for channel in (one, two, one, two):
            channel.write(b"word")
        await asyncio.sleep(0)

        data = await asyncio.get_running_loop().sock_recv(other.socket, 1 << 16)

        assert len(other.packets.open(data)) == 1


async def test_the_end_that_a_channel_asks_for_last_goes_out() -> None:
    async with far() as other:
        near = other.hand_over()
        near.begin()
        channel = near.mux.open()
        channel.write(b"word")
        await other.hear(4)
        channel.finish()

        async with asyncio.timeout(5):
            while not other.mux.channels[channel.number].remote_done:
                await other.hear_some()


async def test_who_sends_without_end_leaves_others_their_turn() -> None:
    answers = struct.pack(">BBHII", 0, PING, 2, 0, 1) * 5000  # each is taken in and asks for nothing
    turns = 0

    async def pour() -> None:
        for _ in range(100):
            await other.say(other.packets.seal(answers))

    async with far() as other:
        near = other.hand_over()
        near.begin()
        pouring = asyncio.create_task(pour())
        async with asyncio.timeout(20):
            while near.mux.pongs < 100 * 5000:
                before = near.mux.pongs
                await asyncio.sleep(0)
                turns += 1
                assert (near.mux.pongs - before) * HEADER.size <= 320 * 1024
        await pouring

    assert turns >= 100 * len(answers) // (256 * 1024)


async def test_a_connection_that_ended_is_out_of_the_loop_before_its_number_is_used_anew() -> None:
    loop = asyncio.get_running_loop()
    async with far() as other:
        near = other.hand_over()
        near.begin()
        other._near_socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        near.mux.open().write(bytes(200_000))
        await asyncio.sleep(0.01)  # it waits for room in the socket
        number = other._near_socket.fileno()

        near.end()
        near.end()

        assert (other._near_socket.fileno(), other.ends, other.connections.open) == (-1, 1, set())
        assert (loop.remove_reader(number), loop.remove_writer(number)) == (False, False)


async def test_a_connection_that_ends_before_it_began_never_begins() -> None:
    async with far() as other:
        near = other.hand_over()

        near.end()
        near.begin()

        assert (other.connections.open, other.ends) == (set(), 1)


@pytest.mark.parametrize("spoil", [b"\x00\x20" + bytes(32), b"\x00\x00"], ids=["no message", "nothing"])
async def test_bytes_that_are_no_message_end_the_connection(spoil: bytes) -> None:
    async with far() as other:
        near = other.hand_over()
        near.begin()
        found: list[Exception | None] = []
        near.mux.open().on_end = found.append

        await other.say(spoil)

        await until(found)
        assert "the connection broke" in str(found[0])
        assert found[0].__traceback__ is None  # or it would keep what was read alive


async def test_the_peers_going_is_told_to_every_stream() -> None:
    async with far() as other:
        near = other.hand_over()
        near.begin()
        found: list[Exception | None] = []
        for _ in range(3):
            near.mux.open().on_end = found.append
        await other.hear_some()

        other.socket.close()

        await until(found)
        assert [str(error) for error in found] == ["the peer closed the connection"] * 3


async def test_a_connection_that_nothing_uses_ends() -> None:
    async with far(replace(BRISK, session_s=0.1)) as other:
        other.hand_over().begin()

        async with asyncio.timeout(5):
            while await other.hear_some():
                pass


async def test_a_silent_peer_is_asked_and_then_dropped() -> None:
    async with far(replace(BRISK, ping_s=0.1)) as other:
        other.hand_over().begin()

        pinged = other.packets.open(await asyncio.get_running_loop().sock_recv(other.socket, 100))
        async with asyncio.timeout(5):
            while await other.hear_some():
                pass

        assert HEADER.unpack(pinged[0])[:3] == (0, PING, 1)


class Woken:
    """A pipe as the p2p thread has it; each look at it is made by hand."""

    def __init__(self, connection: Connection, *, inbound: bool) -> None:
        self.wakes = 0
        self.pipe = Pipe(connection, asyncio.get_running_loop().call_soon, self._wake, inbound=inbound)

    def _wake(self) -> None:
        self.wakes += 1


async def piped(other: Far) -> tuple[Woken, Channel]:
    """Return a pipe that the far end opened, and the far end of it."""
    near = other.hand_over()
    near.begin()
    channel = other.open()
    await other.say(other.sealed())
    await until(other.opened)
    woken = Woken(near, inbound=True)
    woken.pipe.loop_attach(other.opened[0])
    return woken, channel


async def test_many_pieces_that_nobody_looks_at_wake_once_and_fill_one_window() -> None:
    async with far() as other:
        woken, channel = await piped(other)
        channel.write(bytes(2 * FIRST_WINDOW))
        for _ in range(100):
            await other.say(other.sealed())
            await asyncio.sleep(0)

        assert woken.wakes == 1
        assert len(woken.pipe.take(-1)) == FIRST_WINDOW
        woken.pipe.slept()
        woken.pipe.release()
        while not channel.send_window:
            await other.hear_some()
        await other.say(other.sealed())
        await asyncio.sleep(0.01)
        assert (woken.wakes, len(woken.pipe.take(10))) == (2, 10)


async def test_a_writer_that_waits_is_woken_when_there_is_room() -> None:
    async with far() as other:
        woken, _ = await piped(other)
        woken.pipe.write(bytes(FIRST_WINDOW + WRITE_AHEAD + 1))
        assert woken.pipe.is_full()

        await other.hear(FIRST_WINDOW)
        await other.say(other.sealed())
        await asyncio.sleep(0.01)

        assert (woken.wakes > 0, woken.pipe.is_full()) == (True, False)


async def test_a_stream_that_cannot_be_opened_ends() -> None:
    async with far() as other:
        near = other.hand_over()
        near.begin()
        near.end()
        woken = Woken(near, inbound=False)

        woken.pipe.loop_open()

        assert (woken.wakes, woken.pipe.over, woken.pipe.ended) == (1, True, True)
        assert not woken.pipe.is_full()


async def test_a_stream_that_becomes_a_link_keeps_what_came_before() -> None:
    async with far() as other:
        woken, channel = await piped(other)
        channel.write(b"\x00\x00\x00\x05he")
        await other.say(other.sealed())
        await asyncio.sleep(0.01)
        link = woken.pipe.loop_link(None)
        channel.write(b"llo")
        await other.say(other.sealed())

        assert await link.receive() == b"hello"
        await link.send(b"well")
        assert await other.hear(8) == b"\x00\x00\x00\x04well"
        await link.close()
