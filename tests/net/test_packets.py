"""Noise messages are cut where they end, however the bytes of a connection come."""

from types import SimpleNamespace

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from libp2p.io.exceptions import ConnectionClosedError
from noise.connection import NoiseConnection

from identity.errors import NetworkError
from node.net.packets import Packets
from node.net.tcp import STRANGER_BYTES, Socket


def _noise() -> tuple[NoiseConnection, NoiseConnection]:
    """Return both ends of a handshake that is over."""
    here, there = (NoiseConnection.from_name(b"Noise_NN_25519_ChaChaPoly_SHA256") for _ in range(2))
    here.set_as_initiator()
    there.set_as_responder()
    for end in (here, there):
        end.start_handshake()
    there.read_message(here.write_message())
    here.read_message(there.write_message())
    return here, there


async def _tcp() -> tuple[trio.SocketStream, Socket]:
    """Return a connection: a bare end, and one of ours."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    bare = await trio.open_tcp_stream("127.0.0.1", listener.socket.getsockname()[1])
    ours = Socket(await listener.accept())
    await listener.aclose()
    return bare, ours


@given(st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=8), st.integers(1, 400))
@settings(max_examples=25, deadline=None)
def test_messages_come_whole_and_in_order(messages: list[bytes], piece: int) -> None:
    async def run() -> list[bytes]:
        bare, ours = await _tcp()
        here, there = _noise()
        packets = Packets(SimpleNamespace(conn=SimpleNamespace(noise_state=there), socket_below=ours))
        sealed = [here.encrypt(message) for message in messages]
        data = b"".join(len(one).to_bytes(2, "big") + one for one in sealed)
        found: list[bytes] = []
        async with bare, trio.open_nursery() as nursery:
            nursery.start_soon(_in_pieces, bare, data, piece)
            while len(found) < len(messages):
                found += await packets.read()
        await ours.close()
        return found

    assert trio.run(run) == messages


async def _in_pieces(stream: trio.SocketStream, data: bytes, size: int) -> None:
    for at in range(0, len(data), size):
        await stream.send_all(data[at : at + size])


def test_what_one_end_writes_the_other_reads() -> None:
    async def run() -> bytes:
        bare, ours = await _tcp()
        here, there = _noise()
        writing = Packets(SimpleNamespace(conn=SimpleNamespace(noise_state=here), socket_below=ours))
        other = Socket(bare)
        other.trust()
        reading = Packets(SimpleNamespace(conn=SimpleNamespace(noise_state=there), socket_below=other))
        found = b""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_write_often, writing)
            while len(found) < 100 * 65_519:
                found += b"".join(await reading.read())
        await ours.close()
        await other.close()
        return found

    assert trio.run(run) == b"w" * 65_519 * 100


async def _write_often(packets: Packets) -> None:
    for _ in range(100):
        await packets.write(b"w" * 65_519)


def test_an_altered_or_an_empty_message_ends_the_connection() -> None:
    async def run(spoil: bool) -> None:
        bare, ours = await _tcp()
        here, there = _noise()
        packets = Packets(SimpleNamespace(conn=SimpleNamespace(noise_state=there), socket_below=ours))
        sealed = here.encrypt(b"words" if spoil else b"")
        if spoil:
            sealed = sealed[:-1] + bytes([sealed[-1] ^ 1])
        async with bare:
            await bare.send_all(len(sealed).to_bytes(2, "big") + sealed)
            try:
                await packets.read()
            finally:
                await ours.close()

    with pytest.raises(Exception, match="authentication"):
        trio.run(run, True)
    with pytest.raises(NetworkError, match="closed"):
        trio.run(run, False)


def test_a_connection_that_was_closed_here_says_so() -> None:
    async def run() -> None:
        bare, ours = await _tcp()
        await ours.close()
        async with bare:
            with pytest.raises(ConnectionClosedError):
                await ours.write(b"words")
            await ours.read()

    with pytest.raises(ConnectionClosedError):
        trio.run(run)


def test_a_stranger_is_read_so_far_and_no_further() -> None:
    async def run() -> int:
        bare, ours = await _tcp()
        size = 0
        async with bare, trio.open_nursery() as nursery:
            nursery.start_soon(bare.send_all, b"w" * (STRANGER_BYTES + 1))
            try:
                while True:
                    size += len(await ours.read())
            except ConnectionClosedError:
                nursery.cancel_scope.cancel()
        await ours.close()
        return size

    assert trio.run(run) == STRANGER_BYTES
