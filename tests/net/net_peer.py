"""A node in a process of its own, for tests: `net_peer.py echo | pour ADDRESS`. It prints its address."""

import asyncio
import os
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[2])]

from net_nodes import running  # noqa: E402  # the path above comes first


async def main(job: str, address: str = "") -> None:
    async with running() as node:
        print(node.address, flush=True)
        if job == "pour":
            link = await node.transport.dial(address)
            chunk = os.urandom(256 * 1024)
            while True:
                await link.send(chunk)
        await asyncio.sleep(60)


asyncio.run(main(*sys.argv[1:]))
