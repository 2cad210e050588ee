"""A node that closes does so at any moment."""

import asyncio

import pytest
from loopback import PATIENCE_S, Neighbourhood, until


@pytest.mark.parametrize("steps", range(6))
async def test_a_network_stops_also_in_the_moment_in_which_somebody_is_found(start: Neighbourhood, steps: int) -> None:
    node = await start("Amina")
    await until(lambda: node.network is not None and node.addresses)
    node.neighbours.try_again()
    for _ in range(steps):
        await asyncio.sleep(0)

    async with asyncio.timeout(PATIENCE_S):
        await node.neighbours.stop()

    assert not [task for task in asyncio.all_tasks() if task.get_name() == "neighbours"]
