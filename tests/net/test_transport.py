"""Two and more real nodes over loopback: frames, keys, limits, deaths and gossip."""

import asyncio
import os
import signal
import time
from dataclasses import replace

import pytest
from net_nodes import BRISK, LOOPBACK, Node, answers, process, running

from identity.errors import ConfigError, Malformed, NetworkError
from identity.keys import SigningKey
from node.net.addresses import peer_id
from node.net.links import MAX_FRAME_BYTES, Link
from node.net.transport import Transport


async def never(_: Link) -> None:
    """Read nothing."""
    await asyncio.sleep(60)


async def test_frames_of_every_size_arrive_whole_and_in_order() -> None:
    frames = [os.urandom(size) for size in (1, 3, 300, 65_507, 65_508, 262_144, 1_000_000, MAX_FRAME_BYTES)]
    async with running() as here, running() as there:
        link = await here.transport.dial(there.address)

        async def send_all() -> None:
            for frame in frames:
                await link.send(frame)

        sending = asyncio.create_task(send_all())
        received = [await link.receive() for _ in frames]
        await sending

    assert received == frames


async def test_both_ends_know_the_proven_key_of_the_other() -> None:
    seed = os.urandom(32)
    async with running(seed=seed) as here, running() as there:
        link = await here.transport.dial(there.address)
        await link.send(b"hello")
        await link.receive()

        assert (link.peer, link.outbound, link.address) == (there.transport.public, True, there.address)
        inbound = there.links[0]
        assert (inbound.peer, inbound.outbound, inbound.address) == (SigningKey(seed).public, False, None)


async def test_nobody_answers_under_another_ones_key() -> None:
    async with running() as here, running() as there:
        stranger = there.address.replace(peer_id(there.transport.public), peer_id(SigningKey.generate().public))

        with pytest.raises(NetworkError):
            await here.transport.dial(stranger)

        assert there.links == []


async def test_an_address_without_a_key_and_our_own_address_are_not_dialled() -> None:
    async with running() as here:
        for address in (f"/ip4/127.0.0.1/tcp/{here.port}", here.address):
            with pytest.raises(NetworkError):
                await here.transport.dial(address)
        with pytest.raises(Malformed):
            await here.transport.dial("/ip4/127.0.0.1/udp/1/quic-v1")


async def test_dialling_where_nobody_listens_fails_at_once() -> None:
    async with running() as here, running() as there:
        address = there.address
        await there.transport.stop()
        started = time.monotonic()

        with pytest.raises(NetworkError, match="no connection"):
            await here.transport.dial(address)

        assert time.monotonic() - started < 1


async def test_dialling_who_accepts_and_stays_silent_ends_in_time() -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with running(limits=replace(BRISK, dial_s=0.5)) as here:
        started = time.monotonic()

        with pytest.raises(NetworkError, match="in time"):
            await here.transport.dial(f"/ip4/127.0.0.1/tcp/{port}/p2p/{peer_id(SigningKey.generate().public)}")

        assert time.monotonic() - started < 2
    server.close()
    await server.wait_closed()


async def test_a_dial_that_is_given_up_leaves_no_stream_behind() -> None:
    async with running() as here, running() as there:
        dialling = asyncio.create_task(here.transport.dial(there.address))
        await asyncio.sleep(0.004)
        dialling.cancel()
        await asyncio.gather(dialling, return_exceptions=True)

        await there.settles(lambda: here.has_connections(0))
        await answers(there)


async def test_a_reader_that_does_not_read_holds_the_sender_and_little_memory() -> None:
    go_on = asyncio.Event()

    async def late(link: Link) -> None:
        await go_on.wait()
        while True:
            await link.send((await link.receive())[:8])

    frame = os.urandom(100_000)
    async with (
        running(late, limits=replace(BRISK, stall_s=30)) as there,
        running(limits=replace(BRISK, stall_s=30)) as here,
    ):
        link = await here.transport.dial(there.address)
        sent = 0
        refused = 0
        while refused < 100:  # full for good, not only until the p2p thread comes round
            taken = link.send_nowait(frame)
            sent, refused = sent + taken, 0 if taken else refused + 1
            await asyncio.sleep(0.005)
        waiting = asyncio.create_task(link.send(frame))
        await asyncio.sleep(0.2)

        assert not waiting.done()
        assert link.queued_bytes <= BRISK.send_queue
        assert sent * len(frame) <= BRISK.send_queue + BRISK.receive_window + 2 * len(frame)

        go_on.set()
        await waiting
        assert [await link.receive() for _ in range(sent + 1)] == [frame[:8]] * (sent + 1)


async def test_a_peer_that_stops_reading_is_dropped() -> None:
    async with running(never, limits=replace(BRISK, stall_s=30)) as there, running() as here:
        link = await here.transport.dial(there.address)

        with pytest.raises(NetworkError, match="does not read"):
            await send_each(link, [bytes(100_000)] * 100)


async def test_the_end_of_a_link_is_told_after_its_last_frame() -> None:
    async def three(link: Link) -> None:
        for number in (b"one", b"two", b"three"):
            await link.send(number)

    async with running(three) as there, running() as here:
        link = await here.transport.dial(there.address)
        await asyncio.sleep(0.1)

        assert [await link.receive() for _ in range(3)] == [b"one", b"two", b"three"]
        with pytest.raises(NetworkError):
            await link.receive()
        with pytest.raises(NetworkError):
            await link.send(b"four")


async def test_an_error_in_one_session_ends_only_that_session() -> None:
    async def fragile(link: Link) -> None:
        if await link.receive() == b"break":
            raise NetworkError("this session broke")
        await link.send(b"well")

    async with running(fragile) as there, running() as here:
        bad, good = await here.transport.dial(there.address), await here.transport.dial(there.address)
        await bad.send(b"break")
        with pytest.raises(NetworkError):
            await bad.receive()

        await good.send(b"go on")
        assert await good.receive() == b"well"


async def test_a_connection_without_a_session_is_closed() -> None:
    async with running() as there, running() as here:
        link = await here.transport.dial(there.address)
        await link.close()

        await there.settles(lambda: there.has_connections(0), BRISK.session_s + 3)


async def test_dropping_a_peer_ends_its_links() -> None:
    async with running() as there, running() as here:
        link = await here.transport.dial(there.address)
        await link.send(b"x")
        await link.receive()

        await there.transport.drop(here.transport.public)

        with pytest.raises(NetworkError):
            await link.receive()


async def test_a_node_comes_back_on_its_port_under_its_key() -> None:
    seed = os.urandom(32)
    async with running(seed=seed) as there:
        address = there.address
        async with running() as here:
            await (await here.transport.dial(address)).send(b"x")

    async with running(seed=seed, listen=address.partition("/p2p/")[0]) as again:
        assert again.address == address
        await answers(again)


async def test_a_port_that_is_taken_is_named() -> None:
    async with running() as there:
        second = Transport(os.urandom(32), never, lambda *_: None)

        with pytest.raises(NetworkError, match=str(there.port)):
            await second.start([f"/ip4/127.0.0.1/tcp/{there.port}"])
        with pytest.raises(ConfigError, match="listen"):
            await second.start(["tcp:4001"])


async def test_peers_that_come_and_go_leave_no_tasks_behind() -> None:
    async with running() as there, running() as here:

        async def visit() -> None:
            link = await here.transport.dial(there.address)
            await here.transport.allow_gossip(there.transport.public)
            await link.send(b"x")
            await link.receive()
            await here.transport.drop(there.transport.public)
            await there.settles(lambda: there.has_connections(0))

        for _ in range(3):
            await visit()
        await asyncio.sleep(0.3)
        before = [await node.transport.counts() for node in (here, there)]
        for _ in range(50):
            await visit()

        async def as_before() -> bool:
            return [await node.transport.counts() for node in (here, there)] == before

        await there.settles(as_before)


async def test_two_processes_exchange_frames() -> None:
    with process("echo") as (_, address):
        async with running() as here:
            link = await here.transport.dial(address)
            frames = [os.urandom(50_000) for _ in range(40)]
            sending = asyncio.create_task(send_each(link, frames))

            assert [await link.receive() for _ in frames] == frames
            await sending


async def test_the_sudden_death_of_a_peer_in_the_middle_of_a_transfer_is_noticed() -> None:
    arrived = asyncio.Event()

    async def drink(link: Link) -> None:
        while True:
            await link.receive()
            arrived.set()

    async with running(drink) as there:
        with process("pour", there.address) as (child, _):
            await arrived.wait()
            child.kill()

            await there.settles(lambda: bool(there.ends), 5)
        assert isinstance(there.ends[0], NetworkError)


async def test_a_frozen_peer_is_dropped() -> None:
    with process("echo") as (child, address):
        async with running() as here:
            link = await here.transport.dial(address)
            child.send_signal(signal.SIGSTOP)
            started = time.monotonic()

            with pytest.raises(NetworkError, match="does not answer"):
                async with asyncio.timeout(10):
                    await link.receive()

            assert time.monotonic() - started < 3 * BRISK.ping_s + 1


async def test_a_silent_peer_that_answers_pings_stays() -> None:
    async with running() as there, running() as here:
        link = await here.transport.dial(there.address)
        await asyncio.sleep(BRISK.ping_s * 4)

        await link.send(b"still here")
        assert await link.receive() == b"still here"


async def test_a_busy_event_loop_does_not_starve_the_network() -> None:
    async def work_in_slices() -> None:
        while True:
            until = time.perf_counter() + 0.002
            while time.perf_counter() < until:
                sum(range(200))
            await asyncio.sleep(0)

    with process("echo") as (_, address):
        async with running() as here:
            link = await here.transport.dial(address)
            working = asyncio.create_task(work_in_slices())
            async with asyncio.timeout(10):
                for _ in range(50):
                    await link.send(b"ping")
                    await link.receive()
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)


async def test_gossip_reaches_members_only_after_hello() -> None:
    async with running() as a, running() as b, running() as c:
        for node in (a, b, c):
            await node.transport.subscribe("heads")
        links = [await a.transport.dial(b.address), await b.transport.dial(c.address)]
        for link in links:
            await link.send(b"x")
            await link.receive()
        await asyncio.sleep(0.3)
        await a.transport.publish("heads", b"too early")
        await asyncio.sleep(0.3)
        assert (b.gossip, c.gossip) == ([], [])

        for one, other in ((a, b), (b, a), (b, c), (c, b)):
            await one.transport.allow_gossip(other.transport.public)
        await c.settles(lambda: heard(a, c, b"now"))

        assert ("heads", a.transport.public, b"now") in c.gossip
        await c.transport.unsubscribe("heads")


async def test_every_real_address_is_given_with_the_peer_id() -> None:
    async with running(listen="/ip4/0.0.0.0/tcp/0") as here:
        addresses = here.transport.addresses

    assert addresses
    assert not any("/0.0.0.0/" in address for address in addresses)
    assert all(address.endswith(f"/p2p/{peer_id(here.transport.public)}") for address in addresses)
    assert LOOPBACK.rpartition("/")[0] not in addresses


async def heard(publisher: Node, listener: Node, data: bytes) -> bool:
    """Publish once more, and say whether the listener has heard it."""
    await publisher.transport.publish("heads", data)
    await asyncio.sleep(0.1)
    return any(message == data for _, _, message in listener.gossip)


async def send_each(link: Link, frames: list[bytes]) -> None:
    for frame in frames:
        await link.send(frame)
