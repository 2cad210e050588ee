"""A hostile peer made of stock libp2p and bare sockets: each coroutine here is one attack on a node's address."""

import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import trio
from libp2p import new_host
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.crypto.x25519 import create_new_key_pair as create_noise_key_pair
from libp2p.network.config import ConnectionConfig, RetryConfig
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import info_from_p2p_addr
from libp2p.pubsub.pb import rpc_pb2
from libp2p.security.noise.transport import PROTOCOL_ID as NOISE
from libp2p.security.noise.transport import Transport as Noise
from libp2p.utils.varint import encode_uvarint
from multiaddr import Multiaddr

SYNC = "/commons/sync/1"
MESHSUB = "/meshsub/1.1.0"
TOPIC = "heads"
Attack = Callable[["Attacker"], Awaitable[None]]


class Attacker:
    """A stock libp2p host that is connected to the victim."""

    def __init__(self, address: str, host: Any, info: Any) -> None:
        self.address = address
        self.host = host
        self.victim: ID = info.peer_id

    @property
    def muxed(self) -> Any:
        """The stock Yamux connection."""
        return self.host.get_network().get_connections(self.victim)[0].muxed_conn

    @property
    def secured(self) -> Any:
        """The Noise connection below it."""
        return self.muxed.secured_conn

    async def stream(self, protocol: str) -> Any:
        """Open a stream for a protocol."""
        return await self.host.new_stream(self.victim, [protocol])

    async def say(self, protocol: str, data: bytes) -> None:
        """Open a stream and send bytes; wait until the victim has had its say, or a while."""
        stream = await self.stream(protocol)
        with suppress(Exception), trio.move_on_after(1):
            await stream.write(data)
            await stream.read()

    async def gossip(self, rpc: rpc_pb2.RPC) -> None:
        """Send one gossip RPC."""
        data = rpc.SerializeToString()
        await self.say(MESHSUB, encode_uvarint(len(data)) + data)


def endpoint(address: str) -> tuple[str, int]:
    """Return host and port of a multiaddr."""
    parts = address.split("/")
    return parts[2], int(parts[4])


@asynccontextmanager
async def connected(address: str, seed: bytes | None = None, security: Any = None) -> AsyncIterator[Attacker]:
    """Connect a stock host to the victim."""
    keys = create_new_key_pair(seed or os.urandom(32))
    noise = {NOISE: Noise(keys, noise_privkey=create_noise_key_pair().private_key)}
    host = new_host(
        key_pair=keys,
        sec_opt=security(keys) if security else noise,
        connection_config=ConnectionConfig(max_connections_per_peer=1),
    )
    host.get_network().retry_config = RetryConfig(max_retries=0)
    info = info_from_p2p_addr(Multiaddr(address))
    async with host.run([]):
        try:
            with trio.fail_after(5):
                await host.connect(info)
            yield Attacker(address, host, info)
        finally:
            with trio.CancelScope(shield=True), trio.move_on_after(2):
                await host.close()


async def random_bytes_instead_of_a_frame(attacker: Attacker) -> None:
    await attacker.say(SYNC, struct.pack(">I", 300) + os.urandom(300))


async def a_frame_of_four_gigabytes(attacker: Attacker) -> None:
    await attacker.say(SYNC, b"\xff\xff\xff\xff" + bytes(60_000))


async def a_frame_of_nothing(attacker: Attacker) -> None:
    await attacker.say(SYNC, bytes(4))


async def half_a_frame_and_a_reset(attacker: Attacker) -> None:
    stream = await attacker.stream(SYNC)
    await stream.write(struct.pack(">I", 1000) + b"half")
    await stream.reset()


async def half_a_frame_and_an_end(attacker: Attacker) -> None:
    stream = await attacker.stream(SYNC)
    await stream.write(struct.pack(">I", 1000) + b"half")
    await stream.close()


async def gossip_of_random_bytes(attacker: Attacker) -> None:
    await attacker.say(MESHSUB, encode_uvarint(300) + os.urandom(300))


async def gossip_of_a_terabyte(attacker: Attacker) -> None:
    await attacker.say(MESHSUB, encode_uvarint(2**40) + bytes(1000))


async def gossip_beyond_the_limit(attacker: Attacker) -> None:
    await attacker.gossip(rpc_pb2.RPC(publish=[rpc_pb2.Message(data=bytes(2_000_000), topicIDs=[TOPIC])]))


async def gossip_with_broken_fields(attacker: Attacker) -> None:
    someone = ID.from_pubkey(create_new_key_pair().public_key).to_bytes()
    fields: list[dict[str, Any]] = [
        {"from_id": b"", "seqno": b""},
        {"from_id": os.urandom(40), "seqno": bytes(8), "signature": os.urandom(64), "key": os.urandom(36)},
        {"from_id": someone, "seqno": bytes(8), "signature": b"", "key": b""},
        {"from_id": someone, "seqno": bytes(9000), "signature": os.urandom(64)},
        {},
    ]
    messages = [rpc_pb2.Message(data=b"x", topicIDs=[TOPIC], **each) for each in fields]
    await attacker.gossip(rpc_pb2.RPC(publish=messages))


async def gossip_with_broken_control(attacker: Attacker) -> None:
    rpc = rpc_pb2.RPC()
    rpc.control.ihave.add(topicID="unknown", messageIDs=[b"x", b"not python"])
    rpc.control.ihave.add(topicID=TOPIC, messageIDs=[os.urandom(20) for _ in range(1000)])
    rpc.control.iwant.add(messageIDs=[b"nothing", b"(1)", b"__import__('os')"])
    rpc.control.graft.add(topicID="unknown")
    rpc.control.prune.add(topicID="unknown")
    await attacker.gossip(rpc)


async def gossip_with_a_broken_record(attacker: Attacker) -> None:
    await attacker.gossip(rpc_pb2.RPC(senderRecord=os.urandom(80)))


async def gossip_that_subscribes_to_everything(attacker: Attacker) -> None:
    topics = [rpc_pb2.RPC.SubOpts(subscribe=True, topicid=f"t{number}") for number in range(4000)]
    await attacker.gossip(rpc_pb2.RPC(subscriptions=topics))


async def a_protocol_name_of_a_terabyte(attacker: Attacker) -> None:
    stream = await attacker.muxed.open_stream()
    with suppress(Exception), trio.move_on_after(2):
        await stream.write(encode_uvarint(2**40) + bytes(60_000))
        for _ in range(100):
            await stream.write(bytes(60_000))


async def random_bytes_instead_of_yamux(attacker: Attacker) -> None:
    await attacker.secured.write(b"\x07" + os.urandom(4000))


async def random_bytes_instead_of_noise(attacker: Attacker) -> None:
    await attacker.secured.conn.read_writer.write_msg(os.urandom(4000))


async def a_yamux_frame_of_four_gigabytes(attacker: Attacker) -> None:
    with suppress(Exception):
        await attacker.secured.write(struct.pack(">BBHII", 0, 0, 1, 1001, 0xFFFFFFF0))
        for _ in range(100):
            await attacker.secured.write(bytes(60_000))


async def more_than_the_window_holds(attacker: Attacker) -> None:
    stream = await attacker.stream(SYNC)
    number = stream.muxed_stream.stream_id
    with suppress(Exception), trio.move_on_after(5):
        await attacker.secured.write(struct.pack(">BBHII", 0, 0, 0, number, 4) + struct.pack(">I", 1_000_000))
        for _ in range(1000):
            await attacker.secured.write(struct.pack(">BBHII", 0, 0, 0, number, 60_000) + bytes(60_000))


async def pings_whose_answers_are_not_read(attacker: Attacker) -> None:
    pings = b"".join(struct.pack(">BBHII", 0, 2, 1, 0, number) for number in range(5000))
    with suppress(Exception), trio.move_on_after(3):
        for _ in range(50):
            await attacker.secured.write(pings)


async def a_thousand_sync_streams(attacker: Attacker) -> None:
    async def one() -> None:
        with suppress(Exception), trio.move_on_after(3):
            await attacker.stream(SYNC)

    for _ in range(20):
        async with trio.open_nursery() as nursery:
            for _ in range(50):
                nursery.start_soon(one)


async def a_thousand_streams_that_say_nothing(attacker: Attacker) -> None:
    with suppress(Exception), trio.move_on_after(3):
        for _ in range(1000):
            await attacker.muxed.open_stream()


async def streams_opened_and_reset_at_once(attacker: Attacker) -> None:
    with suppress(Exception), trio.move_on_after(3):
        for first in range(0, 20_000, 1000):
            frames = b"".join(
                struct.pack(">BBHII", 0, 1, flags, 2 * number + 1001, 0)
                for number in range(first, first + 1000)
                for flags in (1, 8)
            )
            await attacker.secured.write(frames)


SYNC_ATTACKS: list[Attack] = [
    random_bytes_instead_of_a_frame,
    a_frame_of_four_gigabytes,
    a_frame_of_nothing,
    half_a_frame_and_a_reset,
    half_a_frame_and_an_end,
]
GOSSIP_ATTACKS: list[Attack] = [
    gossip_of_random_bytes,
    gossip_of_a_terabyte,
    gossip_beyond_the_limit,
    gossip_with_broken_fields,
    gossip_with_broken_control,
    gossip_with_a_broken_record,
    gossip_that_subscribes_to_everything,
]
CONNECTION_ATTACKS: list[Attack] = [
    a_protocol_name_of_a_terabyte,
    random_bytes_instead_of_yamux,
    random_bytes_instead_of_noise,
    a_yamux_frame_of_four_gigabytes,
    more_than_the_window_holds,
    pings_whose_answers_are_not_read,
    a_thousand_sync_streams,
    a_thousand_streams_that_say_nothing,
    streams_opened_and_reset_at_once,
]

_GREETING = b"\x13/multistream/1.0.0\n"
SOCKET_ATTACKS: dict[str, list[bytes]] = {
    "a web browser": [b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"],
    "random bytes": [os.urandom(1 + size * 200) for size in range(20)],
    "random bytes instead of a handshake": [_GREETING + b"\x07/noise\n" + os.urandom(500) for _ in range(8)],
    "a protocol name of a terabyte": [encode_uvarint(2**40) + bytes(200_000)],
    "a protocol name of an exabyte": [encode_uvarint(2**62) + bytes(200_000)],
    "a thousand protocol names": [_GREETING + b"\x06/none\n" * 30_000],
    "a text that is not one": [b"\x05\xff\xfe\xfd\xfc\n"],
    "plain text security": [_GREETING + b"\x11/plaintext/2.0.0\n" + bytes(100)],
}


def throw(address: str, data: bytes) -> None:
    """Connect a bare socket, send bytes, and read what comes until the victim has had enough, or a little while."""
    with suppress(OSError), socket.create_connection(endpoint(address), timeout=0.2) as connection:
        connection.sendall(data)
        while connection.recv(4096):
            pass
