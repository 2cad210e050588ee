"""Laptops on one local network find each other by zeroconf alone: no address is typed, none is in the link.

Each laptop is a process in a network namespace of its own, on one bridge; its pages and API listen on that
namespace's loopback, so it is asked from inside.
"""

import contextlib
import ctypes
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from processes import Laptop, Room, asked, room_at, same, until

from identity.links import read_link

pytestmark = pytest.mark.netns
ANYWHERE = "/ip4/0.0.0.0/tcp/{port}"
_NEW_NETWORK = 0x40000000  # CLONE_NEWNET


def ip(*args: str) -> None:
    subprocess.run(["ip", *args], check=True, capture_output=True)


@contextlib.contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Make the sockets that this thread opens meanwhile belong to a namespace."""
    setns = ctypes.CDLL(None, use_errno=True).setns
    with Path("/proc/thread-self/ns/net").open("rb") as here, Path(f"/var/run/netns/{namespace}").open("rb") as there:
        assert setns(there.fileno(), _NEW_NETWORK) == 0, os.strerror(ctypes.get_errno())
        try:
            yield
        finally:
            assert setns(here.fileno(), _NEW_NETWORK) == 0, os.strerror(ctypes.get_errno())


class Networked(Laptop):
    """A laptop in a namespace, which announces itself and looks for others."""

    def __init__(self, folder: Path, namespace: str) -> None:
        super().__init__(folder, ("ip", "netns", "exec", namespace), ANYWHERE)
        self.namespace = namespace
        self.discovery = True

    def call(self, operation: str, **given: Any) -> dict[str, Any]:
        """Perform an operation over the API, from inside the namespace."""
        with inside(self.namespace):
            return super().call(operation, **given)

    def cable(self, state: str) -> None:
        """Pull the cable (down) or put it in again (up)."""
        ip("-n", self.namespace, "link", "set", "eth0", state)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with room_at(tmp_path) as room:
        yield room


@pytest.fixture
def lan(room: Room) -> Iterator[list[Networked]]:
    """Three laptops on one bridge, all closed; what is open when the test ends is closed before its cable is gone."""
    tag = f"cl{os.getpid() % 100_000}"
    hub, places = f"{tag}h", {name: f"{tag}{name.lower()}" for name in ("Amina", "Bo", "Cem")}
    laptops = [Networked(room.folder / name, namespace) for name, namespace in places.items()]
    try:
        for name in (hub, *places.values()):
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        ip("-n", hub, "link", "add", "br0", "type", "bridge")
        ip("-n", hub, "link", "set", "br0", "up")
        for number, name in enumerate(places.values(), 1):
            ip("-n", hub, "link", "add", f"v{number}", "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("-n", hub, "link", "set", f"v{number}", "master", "br0", "up")
            ip("-n", name, "addr", "add", f"10.78.0.{number}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
        room.laptops += laptops
        yield laptops
        for laptop in laptops:
            if laptop.process is not None:
                laptop.close()
    finally:
        for name in (hub, *places.values()):
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


def test_laptops_find_each_other_with_no_address_typed_and_merge_after_the_cable_was_out(lan: list[Networked]) -> None:
    amina, bo, cem = lan
    invite = ("invite", {"space": "-", "uses": 2})
    link = asked(amina.folder, ("init", {"name": "Amina"}), ("found", {"name": "Garden"}), invite)[-1]["link"]
    assert read_link(link).ticket.addresses == ()

    for laptop in (amina, bo):
        laptop.launch()
    amina.ready()
    bo.ready().init().joins(link)
    hello = amina.post("Is anybody there?")
    until(lambda: hello in bo.posts(), "the post at Bo's")

    cem.open().init().joins(link)
    same(amina, bo, cem)
    assert cem.texts() == ["Is anybody there?"]

    bo.cable("down")
    amina.post("Written while the cable was out")
    bo.post("Written alone")
    until(lambda: amina.space()["digest"] == cem.space()["digest"], "Amina and Cem agreeing")
    assert bo.space()["digest"] != amina.space()["digest"]
    bo.cable("up")
    same(amina, bo, cem, timeout_s=60)

    assert bo.texts() == ["Is anybody there?", "Written alone", "Written while the cable was out"]


def test_a_laptop_that_was_closed_and_moved_is_found_at_its_new_address(lan: list[Networked]) -> None:
    amina, bo, _ = lan
    invite = ("invite", {"space": "-"})
    link = asked(amina.folder, ("init", {"name": "Amina"}), ("found", {"name": "Garden"}), invite)[-1]["link"]
    amina.open()
    bo.open().init().joins(link)
    bo.close()

    amina.post("While Bo was away")
    ip("-n", bo.namespace, "addr", "del", "10.78.0.2/24", "dev", "eth0")
    ip("-n", bo.namespace, "addr", "add", "10.78.0.77/24", "dev", "eth0")
    bo.listen = bo.listen.rsplit("/", 1)[0] + "/0"
    bo.open().post("From another place")

    same(amina, bo)
    assert amina.texts() == ["From another place", "While Bo was away"]
