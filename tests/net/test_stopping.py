"""The end of the network: asked for, or come upon by accident; whoever waits is told."""

import asyncio
import contextlib

import pytest
from net_nodes import running

from identity.errors import NetworkError


async def test_stopping_ends_links_and_a_stopped_node_says_so() -> None:
    async with running() as there, running() as here:
        link = await here.transport.dial(there.address)
        await here.transport.stop()

        with pytest.raises(NetworkError):
            await link.receive()
        with pytest.raises(NetworkError):
            await here.transport.dial(there.address)
        assert here.transport.closed.result() is None


async def test_the_death_of_the_p2p_side_is_told() -> None:
    async def die() -> None:
        raise MemoryError("none left")

    async with running() as here, running() as there:
        link = await here.transport.dial(there.address)

        here.transport._host.enter(die)

        assert await here.transport.closed is not None
        with pytest.raises(NetworkError):
            await link.receive()
        with pytest.raises(NetworkError):
            await here.transport.counts()


async def test_what_is_asked_while_the_network_stops_is_refused_and_breaks_nothing() -> None:
    async with running() as here:
        answered: list[dict[str, int]] = []

        async def ask_until_it_is_over() -> None:
            with contextlib.suppress(NetworkError):
                while True:
                    answered.append(await here.transport.counts())

        asking = [asyncio.create_task(ask_until_it_is_over()) for _ in range(20)]
        await here.settles(lambda: len(answered) > 100)
        await here.transport.stop()
        await asyncio.gather(*asking)

        assert here.transport.closed.result() is None
