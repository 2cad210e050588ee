"""Hostile peers against one of our nodes: whatever they do, it lives, keeps its friends, and lets newcomers in."""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

import net_attacker as attacks
import psutil
import pytest
import trio
from libp2p.security.insecure.transport import PLAINTEXT_PROTOCOL_ID, InsecureTransport
from libp2p.security.tls.transport import PROTOCOL_ID as TLS
from libp2p.security.tls.transport import TLSTransport
from net_attacker import TOPIC, Attack, Attacker, connected
from net_nodes import BRISK, Node, answers, running

from identity.errors import RemoteProtocolError
from identity.keys import SigningKey
from node.net.links import Link

MEGABYTE = 1024 * 1024


@dataclass
class Victim:
    node: Node
    friend: Link

    async def stands(self) -> None:
        """Check that the old friend is still served, newcomers are, and nothing had to be started anew."""
        async with asyncio.timeout(3):
            await self.friend.send(b"still there?")
            assert await self.friend.receive() == b"still there?"
        await answers(self.node)
        assert not self.node.transport.closed.done()


@asynccontextmanager
async def victim() -> AsyncIterator[Victim]:
    async with running() as node, running() as other:
        await node.transport.subscribe(TOPIC)
        yield Victim(node, await other.transport.dial(node.address))


async def attack(
    node: Node, how: Attack, seed: bytes | None = None, before: Callable[[], Awaitable[None]] | None = None
) -> None:
    """Let a stock host do one attack, in a thread of its own."""
    loop = asyncio.get_running_loop()

    async def strike() -> None:
        async with connected(node.address, seed) as attacker:
            if before is not None:
                await trio.to_thread.run_sync(asyncio.run_coroutine_threadsafe(before(), loop).result)
            with trio.move_on_after(10):
                await how(attacker)

    await asyncio.to_thread(trio.run, strike)


def names(how: object) -> str:
    return getattr(how, "__name__", str(how)).replace("_", " ")


@pytest.mark.parametrize("how", attacks.SYNC_ATTACKS, ids=names)
async def test_a_node_survives_on_a_sync_stream(how: Attack) -> None:
    async with victim() as v:
        await attack(v.node, how)

        await v.stands()


@pytest.mark.parametrize("how", [attacks.a_frame_of_four_gigabytes, attacks.a_frame_of_nothing], ids=names)
async def test_a_frame_of_a_wrong_length_is_its_senders_fault(how: Attack) -> None:
    async with running() as node:
        await attack(node, how)
        await node.settles(lambda: bool(node.ends))

        assert isinstance(node.ends[0], RemoteProtocolError)


@pytest.mark.parametrize("how", attacks.GOSSIP_ATTACKS, ids=names)
async def test_a_node_survives_in_gossip_from_a_member(how: Attack) -> None:
    seed = os.urandom(32)
    async with victim() as v:
        await attack(v.node, how, seed, lambda: v.node.transport.allow_gossip(SigningKey(seed).public))

        await v.stands()
        assert v.node.gossip == []


async def test_gossip_from_strangers_is_not_read() -> None:
    async with victim() as v:
        await attack(v.node, attacks.gossip_with_broken_fields)

        assert (await v.node.transport.counts())["gossip_peers"] == 0
        await v.stands()


@pytest.mark.parametrize("how", attacks.CONNECTION_ATTACKS, ids=names)
async def test_a_node_survives_on_a_connection(how: Attack) -> None:
    process = psutil.Process()
    async with victim() as v:
        before = process.memory_info().rss
        await attack(v.node, how)

        await v.stands()
        assert process.memory_info().rss - before < 50 * MEGABYTE


async def test_a_node_serves_while_a_thousand_streams_are_held() -> None:
    async with victim() as v:

        async def hold(attacker: Attacker) -> None:
            await attacks.a_thousand_streams_that_say_nothing(attacker)
            await trio.to_thread.run_sync(asyncio.run_coroutine_threadsafe(v.stands(), loop).result)

        loop = asyncio.get_running_loop()
        await attack(v.node, hold)


@pytest.mark.parametrize("name", attacks.SOCKET_ATTACKS)
async def test_a_node_survives_bytes_of_strangers(name: str) -> None:
    async with victim() as v:
        for data in attacks.SOCKET_ATTACKS[name]:
            await asyncio.to_thread(attacks.throw, v.node.address, data)

        await v.stands()


@pytest.mark.parametrize(
    "protocol",
    ["/ipfs/id/1.0.0", "/ipfs/id/push/1.0.0", "/ipfs/ping/1.0.0", "/ipfs/kad/1.0.0", "/libp2p/circuit/relay/0.2.0/hop"],
)
async def test_nothing_but_sync_and_gossip_is_served(protocol: str) -> None:
    opened = []

    async def ask(attacker: Attacker) -> None:
        with pytest.raises(Exception, match="failed to open a stream"):
            opened.append(await attacker.stream(protocol))

    async with running() as node:
        await attack(node, ask)

    assert opened == []


@pytest.mark.parametrize("protocol", [PLAINTEXT_PROTOCOL_ID, TLS])
async def test_only_noise_is_accepted(protocol: str) -> None:
    def security(keys: object) -> dict[str, object]:
        return {protocol: InsecureTransport(keys) if protocol == PLAINTEXT_PROTOCOL_ID else TLSTransport(keys)}

    async def strike() -> None:
        async with connected(node.address, security=security):
            pass

    async with running() as node:
        with pytest.raises(BaseExceptionGroup):
            await asyncio.to_thread(trio.run, strike)

        assert (await node.transport.counts())["connections"] == 0


async def hold_silent(node: Node, count: int) -> list[socket.socket]:
    """Open bare connections that say nothing."""

    def all_of_them() -> list[socket.socket]:
        return [socket.create_connection(attacks.endpoint(node.address), timeout=5) for _ in range(count)]

    return await asyncio.to_thread(all_of_them)


async def flood(count: int) -> None:
    async with victim() as v:
        held = await hold_silent(v.node, count)
        try:
            started = time.monotonic()
            await v.stands()

            assert time.monotonic() - started < 2
            assert (await v.node.transport.counts())["half_open"] <= BRISK.half_open
        finally:
            for connection in held:
                connection.close()


async def test_a_hundred_silent_connections_keep_nobody_out() -> None:
    await flood(100)


@pytest.mark.long
async def test_six_hundred_silent_connections_keep_nobody_out() -> None:
    await flood(600)


async def test_a_silent_connection_is_closed_in_time() -> None:
    async with running() as node:
        held = await hold_silent(node, 3)
        await node.settles(lambda: half_open(node, 3))

        await node.settles(lambda: half_open(node, 0), BRISK.handshake_s + 2)
        for connection in held:
            connection.close()


async def half_open(node: Node, count: int) -> bool:
    return (await node.transport.counts())["half_open"] == count


async def test_one_key_cannot_take_all_places() -> None:
    seed = os.urandom(32)
    async with victim() as v, AsyncExitStack() as stack:
        twins = [await stack.enter_async_context(running(seed=seed)) for _ in range(8)]

        await asyncio.gather(*(twin.transport.dial(v.node.address) for twin in twins), return_exceptions=True)

        assert (await v.node.transport.counts())["connections"] == 1 + BRISK.connections_per_peer
        await v.stands()


async def test_when_all_places_are_taken_strangers_make_room_and_members_stay() -> None:
    limits = replace(BRISK, connections=6, session_s=20)
    async with running(limits=limits) as node, running() as member:
        link = await member.transport.dial(node.address)
        await link.send(b"x")
        await link.receive()
        await node.transport.allow_gossip(member.transport.public)
        async with running() as a, running() as b, running() as c, running() as d, running() as e:
            for stranger in (a, b, c, d, e):
                await stranger.transport.dial(node.address)
            await asyncio.sleep(1.2)
            await answers(node)

        await link.send(b"still a member")
        assert await link.receive() == b"still a member"


@pytest.mark.long
async def test_a_node_survives_all_attacks_at_once_and_again() -> None:
    async with victim() as v:
        for _ in range(5):
            await asyncio.gather(
                *(attack(v.node, how) for how in attacks.SYNC_ATTACKS + attacks.CONNECTION_ATTACKS),
                return_exceptions=True,
            )
            await v.stands()
