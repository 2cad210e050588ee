"""Nodes find each other by multicast DNS alone, tell nothing but a peer id, and follow a machine as it moves."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from identity.keys import SigningKey
from node.net import interfaces
from node.net.addresses import peer_id
from node.net.discovery import SERVICE, Discovery

SEEKER = Path(__file__).parent / "net_seeker.py"
HERE = interfaces.addresses()
needs_network = pytest.mark.skipif(not HERE, reason="this machine has no network interface but loopback")


def somebody() -> str:
    return peer_id(SigningKey.generate().public)


class Finder:
    """A discovery, with what it found."""

    def __init__(self, port: int, addresses: Callable[[], list[str]] = interfaces.addresses) -> None:
        self.peer = somebody()
        self.found: dict[str, list[str]] = {}
        self.discovery = Discovery(self.peer, port, self.found.__setitem__, check_s=0.1, addresses=addresses)

    async def finds(self, peer: str, timeout_s: float = 8) -> list[str]:
        async with asyncio.timeout(timeout_s):
            while peer not in self.found:
                await asyncio.sleep(0.02)
        return self.found[peer]


@needs_network
async def test_two_nodes_on_a_network_find_each_other_and_not_themselves() -> None:
    one, other = Finder(4001), Finder(4002)
    await one.discovery.start()
    await other.discovery.start()

    addresses = await one.finds(other.peer)
    await other.finds(one.peer)
    await one.discovery.stop()
    await other.discovery.stop()

    expected = [f"/ip{4 if '.' in ip else 6}/{ip}/tcp/4002/p2p/{other.peer}" for ip in HERE[:8]]
    assert sorted(addresses) == sorted(expected)
    assert (one.peer in one.found, other.peer in other.found) == (False, False)


@needs_network
async def test_the_announcement_says_only_a_random_name_and_the_peer_id() -> None:
    one = Finder(4001)
    await one.discovery.start()
    name = one.discovery._name
    listener = AsyncZeroconf(interfaces=HERE[:1])
    info = AsyncServiceInfo(SERVICE, name)
    assert await info.async_request(listener.zeroconf, 3000)
    await listener.async_close()
    await one.discovery.stop()

    assert info.decoded_properties == {"id": one.peer}
    assert (info.port, len(name.partition(".")[0])) == (4001, 16)
    assert Finder(4001).discovery._name != name


@needs_network
async def test_an_announcement_that_is_nonsense_is_passed_over() -> None:
    one, other = Finder(4001), Finder(4002)
    await one.discovery.start()
    liar = AsyncZeroconf(interfaces=HERE[:1])
    for number, claim in enumerate(({"id": "nonsense"}, {}, {"id": "1" * 200}, {b"id": b"\xff\xfe"})):
        info = AsyncServiceInfo(
            SERVICE,
            f"liar{number}.{SERVICE}",
            port=1,
            properties=claim,
            server="liar.local.",
            parsed_addresses=HERE[:1],
        )
        await liar.async_register_service(info, cooperating_responders=True)
    await other.discovery.start()

    await one.finds(other.peer)
    await asyncio.sleep(0.3)
    for stopping in (one.discovery.stop(), other.discovery.stop(), liar.async_close()):
        await stopping

    assert not any("/tcp/1/" in address for addresses in one.found.values() for address in addresses)


@needs_network
async def test_a_node_without_a_network_is_announced_as_soon_as_there_is_one() -> None:
    network: list[str] = []
    one, other = Finder(4001, lambda: list(network)), Finder(4002)
    await one.discovery.start()
    await other.discovery.start()
    assert not one.discovery.announced

    network.extend(HERE)
    await other.finds(one.peer)
    network.clear()
    async with asyncio.timeout(8):
        while one.discovery.announced:
            await asyncio.sleep(0.02)

    await one.discovery.stop()
    await other.discovery.stop()


async def test_an_address_that_is_not_ours_is_survived() -> None:
    one = Finder(4001, lambda: ["203.0.113.9"])

    await one.discovery.start()
    await asyncio.sleep(0.3)

    assert not one.discovery.announced
    await one.discovery.stop()


async def test_stopping_twice_or_before_the_start_is_harmless() -> None:
    one = Finder(4001)
    await one.discovery.stop()
    await one.discovery.start()
    await one.discovery.stop()
    await one.discovery.stop()

    assert not one.discovery.announced
    assert len(asyncio.all_tasks()) == 1


def ip(*args: str) -> None:
    subprocess.run(["ip", *args], check=True, capture_output=True)


@contextmanager
def network(count: int) -> Iterator[list[str]]:
    """Make namespaces on one bridge, with the addresses 10.77.0.1 and up; the bridge lies in a namespace as well."""
    tag = f"cn{os.getpid() % 100_000}"
    hub, names = f"{tag}h", [f"{tag}n{number}" for number in range(count)]
    try:
        for name in (hub, *names):
            ip("netns", "add", name)
        ip("-n", hub, "link", "add", "br0", "type", "bridge")
        ip("-n", hub, "link", "set", "br0", "up")
        for number, name in enumerate(names):
            ip("-n", hub, "link", "add", f"v{number}", "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("-n", hub, "link", "set", f"v{number}", "master", "br0", "up")
            ip("-n", name, "link", "set", "lo", "up")
            ip("-n", name, "link", "set", "eth0", "up")
            ip("-n", name, "addr", "add", f"10.77.0.{number + 1}/24", "dev", "eth0")
        yield names
    finally:
        for name in (hub, *names):
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


class Seeker:
    """`net_seeker.py` in a namespace, with the lines it printed."""

    def __init__(self, namespace: str, seed: int) -> None:
        command = [
            "ip",
            "netns",
            "exec",
            namespace,
            sys.executable,
            "-W",
            "error",
            str(SEEKER),
            str(seed),
        ]
        self.peer = peer_id(SigningKey(bytes([seed]) * 32).public)
        self.lines: list[str] = []
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.strip())

    def says(self, start: str, timeout_s: float = 15) -> str:
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            if found := next((line for line in self.lines if line.startswith(start)), None):
                return found
            time.sleep(0.05)
        pytest.fail(f"{start!r} was never said, but: {self.lines}", pytrace=False)

    def ends(self) -> tuple[int, str]:
        """Let it end; return its exit code and what it complained of."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.process.stdin.close()
        complaint = self.process.stderr.read()
        self._reader.join()
        self.process.stdout.close()
        self.process.stderr.close()
        return self.process.wait(), complaint


@contextmanager
def seekers(*places: tuple[str, int]) -> Iterator[list[Seeker]]:
    """Run seekers in namespaces; they end without a complaint."""
    running = [Seeker(namespace, seed) for namespace, seed in places]
    try:
        yield running
    finally:
        ends = [seeker.ends() for seeker in running]
    assert ends == [(0, "")] * len(running)


@pytest.mark.netns
def test_nodes_in_two_namespaces_find_and_reach_each_other_by_zeroconf_alone() -> None:
    with network(2) as (first, second), seekers((first, 1), (second, 2)) as (one, other):
        assert one.says(f"FOUND {other.peer}").startswith(f"FOUND {other.peer} /ip4/10.77.0.2/tcp/")
        one.says(f"REACHED {other.peer}")
        other.says(f"REACHED {one.peer}")
        other.says(f"MET {one.peer}")


@pytest.mark.netns
def test_a_node_is_found_again_after_its_address_has_changed() -> None:
    with network(2) as (first, second), seekers((first, 1), (second, 2)) as (one, other):
        one.says(f"FOUND {other.peer}")
        ip("-n", second, "addr", "del", "10.77.0.2/24", "dev", "eth0")
        ip("-n", second, "addr", "add", "10.77.0.99/24", "dev", "eth0")

        one.says(f"FOUND {other.peer} /ip4/10.77.0.99/tcp/")


@pytest.mark.netns
def test_an_interface_without_multicast_does_not_stop_discovery_on_another() -> None:
    with network(2) as (first, second):
        ip("-n", first, "link", "add", "dull0", "type", "veth", "peer", "name", "dull1")
        ip("-n", first, "link", "set", "dull0", "up", "multicast", "off")
        ip("-n", first, "addr", "add", "10.88.0.1/24", "dev", "dull0")
        with seekers((first, 1), (second, 2)) as (one, other):
            one.says(f"FOUND {other.peer}")
            other.says(f"FOUND {one.peer}")


@pytest.mark.netns
def test_a_machine_without_any_network_starts_and_stops_in_peace() -> None:
    with network(1) as (only,):
        ip("-n", only, "link", "set", "eth0", "down")
        ip("-n", only, "addr", "del", "10.77.0.1/24", "dev", "eth0")
        with seekers((only, 1)) as (seeker,):
            seeker.says("ANNOUNCED False")
