"""Finds nodes on the local network by multicast DNS, and is found: no server, no address to type.

The announced name is random and new at every start; the only text beside it is the peer id, which a listener would
learn by connecting. Nothing tells of spaces or people. What others announce is a claim: Noise proves it when dialled.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable
from typing import Any

from zeroconf import Error as ZeroconfError
from zeroconf import IPVersion, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from identity.errors import Malformed
from node.net import interfaces
from node.net.addresses import key_of, of_ip

logger = logging.getLogger(__name__)

# zeroconf writes a trace for every packet that finds no way out, as happens whenever a laptop changes its network.
logging.getLogger("zeroconf").setLevel(logging.CRITICAL)

SERVICE = "_commons._tcp.local."
_RESOLVE_MS = 3000
_RESOLVING = 32  # names that are looked up at a time; a flood of false ones goes no further
_ADDRESSES = 8  # that one node may announce
_CLOSE_S = 3.0

OnFound = Callable[[str, list[str]], None]


class Discovery:
    """Announces this node under `peer_id` and `port`; calls `on_found(peer id, multiaddrs)` for each other node.

    A node may be told more than once, and again when its addresses change. Every `check_s` seconds the machine's own
    `addresses()` are looked at; when they have changed (another Wi-Fi, a cable) the announcement starts anew.
    """

    def __init__(
        self,
        peer_id: str,
        port: int,
        on_found: OnFound,
        *,
        check_s: float = 5.0,
        addresses: Callable[[], list[str]] = interfaces.addresses,
    ) -> None:
        self._peer_id = peer_id
        self._port = port
        self._on_found = on_found
        self._check_s = check_s
        self._look = addresses
        self._name = f"{secrets.token_hex(8)}.{SERVICE}"
        self._addresses: list[str] = []
        self._zeroconf: AsyncZeroconf | None = None
        self._browser: AsyncServiceBrowser | None = None
        self._resolving: dict[str, asyncio.Task[None]] = {}
        self._announcing: asyncio.Future[Any] | None = None
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def announced(self) -> bool:
        """Whether the node is announced now; not while the machine has no network."""
        return self._zeroconf is not None

    async def start(self) -> None:
        """Announce this node and look for others; where there is no network, as soon as there is one."""
        if self._task is None:
            self._stopping.clear()
            await self._refresh()
            self._task = asyncio.create_task(self._follow(), name="discovery")

    async def stop(self) -> None:
        """Say goodbye and stop."""
        task, self._task = self._task, None
        if task is not None:
            self._stopping.set()  # not a cancellation: in the middle of a closing it would leave sockets open
            await task

    async def _follow(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._check_s):
                    await self._stopping.wait()
                break
            await self._refresh()
        await self._close()

    async def _refresh(self) -> None:
        addresses = [address for address in self._look() if interfaces.speaks_multicast(address)]
        if addresses == self._addresses and (self.announced or not addresses):
            return
        await self._close()
        self._addresses = addresses
        if not addresses:
            return
        try:
            await self._open(addresses)
        except (OSError, ZeroconfError) as error:  # the network went away meanwhile, or it keeps us out
            logger.warning("discovery failed error=%s", type(error).__name__)
            await self._close()

    async def _open(self, addresses: list[str]) -> None:
        only4 = all("." in address for address in addresses)
        version = IPVersion.V4Only if only4 else IPVersion.All
        self._zeroconf = AsyncZeroconf(interfaces=list(addresses), ip_version=version)
        info = AsyncServiceInfo(
            SERVICE,
            self._name,
            port=self._port,
            properties={"id": self._peer_id},
            server=f"{self._name.partition('.')[0]}.local.",
            parsed_addresses=addresses[:_ADDRESSES],
        )
        # The name is random: nobody else has it, so nobody need be asked for it.
        announcing = await self._zeroconf.async_register_service(info, cooperating_responders=True)
        self._announcing = asyncio.ensure_future(announcing)
        self._browser = AsyncServiceBrowser(self._zeroconf.zeroconf, SERVICE, handlers=[self._on_change])
        logger.info("announced addresses=%d port=%d", len(addresses), self._port)

    async def _close(self) -> None:
        tasks: list[asyncio.Future[Any]] = [*self._resolving.values()]
        if self._announcing is not None:
            tasks.append(self._announcing)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        zeroconf, self._zeroconf = self._zeroconf, None
        browser, self._browser = self._browser, None
        if browser is not None:
            await browser.async_cancel()
        if zeroconf is not None:
            with contextlib.suppress(OSError, ZeroconfError, TimeoutError):  # the network may be gone
                async with asyncio.timeout(_CLOSE_S):
                    await zeroconf.async_unregister_all_services()
            await zeroconf.async_close()

    def _on_change(self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        gone = state_change is ServiceStateChange.Removed
        if gone or name == self._name or name in self._resolving or len(self._resolving) >= _RESOLVING:
            return
        task = asyncio.get_running_loop().create_task(self._resolve(zeroconf, service_type, name))
        self._resolving[name] = task
        task.add_done_callback(lambda _: self._resolving.pop(name, None))

    async def _resolve(self, zeroconf: Zeroconf, service_type: str, name: str) -> None:
        try:
            info = AsyncServiceInfo(service_type, name)
            if await info.async_request(zeroconf, _RESOLVE_MS):
                self._tell(info)
        except (OSError, ZeroconfError, Malformed) as error:
            logger.info("announcement ignored error=%s", type(error).__name__)

    def _tell(self, info: AsyncServiceInfo) -> None:
        """Hand on what a node announces, if it can be read."""
        claimed = info.decoded_properties.get("id") or ""
        key = key_of(claimed)
        if claimed == self._peer_id or not info.port:
            return
        hosts = [host for host in info.parsed_addresses()[:_ADDRESSES] if "%" not in host]
        if hosts:
            self._on_found(claimed, [str(of_ip(host, info.port, key)) for host in hosts])
