"""A person's several devices: added by a link, entered after a restore."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from identity.errors import Refused
from identity.tickets import Offer
from node.config import Config
from node.ingest.belonging import invite
from node.ingest.spaces import Space
from node.ingest.writing import post_command
from node.runtime import Node, now_ms
from node.store import queries

LOOPBACK = Config(listen=("/ip4/127.0.0.1/tcp/0",), discovery=False, undo_s=0.0)
DAY_MS = 86_400_000
Start = Callable[[str], Awaitable[Node]]


@pytest.fixture
async def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Start]:
    monkeypatch.setenv("COMMONS_STATE_DIR", str(tmp_path / "state"))
    running: list[Node] = []

    async def begin(folder: str) -> Node:
        node = Node(tmp_path / folder, LOOPBACK)
        await node.open()
        running.append(node)
        await node.start_network_when_ready()
        return node

    yield begin
    for node in running:
        await node.close()


async def until(holds: Callable[[], object], seconds: float = 15.0) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.01)


async def link_for(node: Node, space: Space, *, device: bool = False) -> str:
    offer = Offer(
        space.id,
        space.name,
        await node.name(),
        now_ms() + DAY_MS,
        space.secrets.discovery,
        purpose="device" if device else "member",
        addresses=tuple(node.addresses),
    )
    return (await invite(node.road, space, offer))[1]


def same(one: Node, other: Node, space: bytes) -> bool:
    spaces = one.road.spaces.get(space), other.road.spaces.get(space)
    return all(spaces) and spaces[0].history.root() == spaces[1].history.root()  # type: ignore[union-attr]


async def test_a_second_device_acts_for_the_same_person_in_every_space(start: Start) -> None:
    laptop = await start("laptop")
    await laptop.name_yourself("Amina")
    garden, library = await laptop.found("Garden"), await laptop.found("Seed library")
    phone = await start("phone")

    await phone.add_to_person(await link_for(laptop, garden, device=True))
    await until(lambda: same(laptop, phone, garden.id) and same(laptop, phone, library.id))
    await until(lambda: all(space.state == "member" for space in phone.road.spaces.values()))
    there = phone.road.spaces[library.id]
    await phone.road.submit(there, await post_command(phone.road, there, "from my phone", None))
    await until(lambda: same(laptop, phone, library.id))

    assert phone.me.person == laptop.me.person
    assert len(library.law.members()) == 1
    [line] = await laptop.database.read(lambda db: queries.feed(db, library.index.no, None, 10))
    assert (line.text, line.person, line.name) == ("from my phone", laptop.me.person, "Amina")


async def test_a_restored_folder_goes_on_as_a_new_device(start: Start, tmp_path: Path) -> None:
    first = await start("node")
    await first.name_yourself("Amina")
    space = await first.found("Garden")
    await first.close()
    old_device = first.road.device.public
    shutil.copytree(tmp_path / "node", tmp_path / "copy")

    restored = await start("copy")
    there = restored.road.spaces[space.id]
    change = await restored.road.submit(there, await post_command(restored.road, there, "after the restore", None))

    assert restored.road.device.public != old_device
    assert change.header.author == restored.road.device.public
    assert list(there.law.members()) == [restored.me.person]
    [line] = await restored.database.read(lambda db: queries.feed(db, there.index.no, None, 10))
    assert (line.text, line.name) == ("after the restore", "Amina")


async def test_a_device_link_is_not_an_invitation_for_people(start: Start) -> None:
    laptop = await start("laptop")
    await laptop.name_yourself("Amina")
    garden = await laptop.found("Garden")
    link = await link_for(laptop, garden, device=True)
    other = await start("other")
    await other.name_yourself("Mallory")

    with pytest.raises(Refused, match="invites nobody else"):
        await other.join(link)

    assert not other.road.spaces
