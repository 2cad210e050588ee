"""A node without a network that writes until it is ended: `node_writer.py FOLDER COUNT`.

It prints the id of each post as soon as the post is acknowledged; whoever reads it may kill it at any moment.
"""

import asyncio
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from node.config import Config  # the path above comes first
from node.ingest.writing import post_command
from node.runtime import Node


async def main(folder: Path, count: int) -> None:
    node = Node(folder, Config(discovery=False))
    await node.open()
    if not node.is_ready:
        await node.name_yourself("Writer")
        await node.found("Garden")
    space = next(iter(node.road.spaces.values()))
    for number in range(count):
        change = await node.road.submit(space, await post_command(node.road, space, f"Written as {number}", None))
        os.write(1, change.id.hex().encode() + b"\n")
    await node.close()


asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
