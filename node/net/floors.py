"""Floors for `commons bench`: one bare libp2p stream (TCP, Noise, its own Yamux), without guards, sync or store."""

import logging
import secrets
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import trio
from libp2p import new_host
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.crypto.x25519 import create_new_key_pair as create_noise_key_pair
from libp2p.network.config import ConnectionConfig
from libp2p.peer.peerinfo import info_from_p2p_addr
from libp2p.security.noise.transport import PROTOCOL_ID as NOISE
from libp2p.security.noise.transport import Transport as Noise
from multiaddr import Multiaddr

_PROTOCOL = "/commons-floor/1"
_LOOPBACK = "/ip4/127.0.0.1/tcp/0"
_READ_BYTES = 65_536
_SETTLE_S = 0.5
logging.getLogger("libp2p").setLevel(logging.CRITICAL)

Turn = tuple[Iterable[bytes], float]
"""Frames, each made when it is its turn to be sent, and the pause in seconds after each."""


def _host() -> Any:
    keys = create_new_key_pair(secrets.token_bytes(32))
    noise = Noise(keys, noise_privkey=create_noise_key_pair().private_key)
    return new_host(
        key_pair=keys, sec_opt={NOISE: noise}, connection_config=ConnectionConfig(max_connections_per_peer=1)
    )


def serve(frame_bytes: int, tell: Callable[[str], None], take: Callable[[bytes], bool]) -> None:
    """Listen on loopback, tell the address, and hand over whole frames until `take` says that it was the last.

    `take` runs in the stream's own thread: nothing is nearer to the wire.
    """
    trio.run(_serve, frame_bytes, tell, take)


async def _serve(frame_bytes: int, tell: Callable[[str], None], take: Callable[[bytes], bool]) -> None:
    host, done = _host(), trio.Event()

    async def on_stream(stream: Any) -> None:
        buffer = bytearray()
        while not done.is_set():
            buffer += await stream.read(_READ_BYTES)
            while len(buffer) >= frame_bytes and not done.is_set():
                frame = bytes(buffer[:frame_bytes])
                del buffer[:frame_bytes]
                if take(frame):
                    done.set()

    host.set_stream_handler(_PROTOCOL, on_stream)
    async with host.run(listen_addrs=[Multiaddr(_LOOPBACK)]):
        tell(str(host.get_addrs()[0]))
        await done.wait()


def dial(address: str, turns: Iterator[Turn]) -> None:
    """Open a stream and send what each turn gives; the iterator may block between turns."""
    trio.run(_dial, address, turns)


async def _dial(address: str, turns: Iterator[Turn]) -> None:
    host, peer = _host(), info_from_p2p_addr(Multiaddr(address))
    async with host.run(listen_addrs=[]):
        await host.connect(peer)
        stream = await host.new_stream(peer.peer_id, [_PROTOCOL])
        await trio.sleep(_SETTLE_S)
        while (turn := await trio.to_thread.run_sync(next, turns, None)) is not None:
            frames, pause_s = turn
            for frame in frames:
                await stream.write(frame)
                if pause_s:
                    await trio.sleep(pause_s)
        await trio.sleep(_SETTLE_S)
