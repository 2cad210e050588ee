"""A node that announces itself and looks for others, for tests: `net_seeker.py SEED`; it ends with its stdin."""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from identity.errors import CommonsError  # the path above comes first
from node.net.addresses import peer_id
from node.net.discovery import Discovery
from node.net.links import Link
from node.net.transport import Transport


async def main(seed: str) -> None:
    async def serve(link: Link) -> None:
        print("MET", peer_id(link.peer), flush=True)
        await link.receive()

    async def dial(address: str) -> None:
        try:
            print("REACHED", peer_id((await transport.dial(address)).peer), flush=True)
        except CommonsError as error:
            print("FAILED", address, error, flush=True)

    def found(peer: str, addresses: list[str]) -> None:
        print("FOUND", peer, *addresses, flush=True)
        tasks.extend(asyncio.ensure_future(dial(address)) for address in addresses if "/ip4/" in address)

    tasks: list[asyncio.Future[None]] = []
    transport = Transport(bytes([int(seed)]) * 32, serve, lambda *_: None)
    await transport.start(["/ip4/0.0.0.0/tcp/0"])
    discovery = Discovery(peer_id(transport.public), transport.port, found, check_s=0.3)
    await discovery.start()
    print("ANNOUNCED", discovery.announced, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await discovery.stop()
    await transport.stop()


asyncio.run(main(*sys.argv[1:]))
