"""Noise messages are cut where they end, however the bytes of a connection come; and strangers are bounded."""

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from libp2p.io.exceptions import ConnectionClosedError
from net_nodes import noise_pair

from identity.errors import NetworkError
from node.net.packets import Packets
from node.net.tcp import STRANGER_BYTES, Socket


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
    here, there = noise_pair()
    packets = Packets(there)
    sealed = [here.encrypt(message) for message in messages]
    data = b"".join(len(one).to_bytes(2, "big") + one for one in sealed)

    found = [message for at in range(0, len(data), piece) for message in packets.open(data[at : at + piece])]

    assert found == messages


def test_what_one_end_seals_the_other_opens() -> None:
    here, there = noise_pair()
    writing, reading = Packets(here), Packets(there)

    found = b"".join(b"".join(reading.open(writing.seal(b"w" * 65_519))) for _ in range(100))

    assert found == b"w" * 65_519 * 100


def test_an_altered_or_an_empty_message_ends_the_connection() -> None:
    def opened(spoil: bool) -> list[bytes]:
        here, there = noise_pair()
        sealed = here.encrypt(b"words" if spoil else b"")
        if spoil:
            sealed = sealed[:-1] + bytes([sealed[-1] ^ 1])
        return Packets(there).open(len(sealed).to_bytes(2, "big") + sealed)

    with pytest.raises(Exception, match="authentication"):
        opened(True)
    with pytest.raises(NetworkError, match="closed"):
        opened(False)


def test_a_connection_that_was_closed_here_says_so() -> None:
    async def run() -> None:
        bare, ours = await _tcp()
        await ours.close()
        async with bare:
            with pytest.raises(ConnectionClosedError):
                await ours.write(b"words")
            with pytest.raises(ConnectionClosedError):
                ours.release()
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


def test_what_was_read_ahead_is_given_away_with_the_socket() -> None:
    async def run() -> tuple[bytes, bytes, bytes]:
        bare, ours = await _tcp()
        async with bare:
            await bare.send_all(b"first and second")
            first = await ours.read(5)
            await bare.send_all(b", and third")
            given, ahead = ours.release()
            await ours.close()  # it is not ours any more
            with given:
                given.setblocking(True)
                return first, ahead, given.recv(100)

    assert trio.run(run) == (b"first", b" and second", b", and third")
