"""A person's several devices: added by a link, entered after a restore."""

import shutil
from pathlib import Path

import pytest
from loopback import Neighbourhood, link_to, same, until

from identity.errors import Refused
from node.ingest.writing import post_command
from node.store import queries


async def test_a_second_device_acts_for_the_same_person_in_every_space(start: Neighbourhood) -> None:
    laptop = await start("Amina")
    garden, library = await laptop.found("Garden"), await laptop.found("Seed library")
    phone = await start.nameless("phone")

    await phone.add_to_person(await link_to(laptop, garden, device=True))
    await until(lambda: same(garden.id, laptop, phone) and same(library.id, laptop, phone))
    there = phone.road.spaces[library.id]
    await phone.road.submit(there, await post_command(phone.road, there, "from my phone", None))
    await until(lambda: same(library.id, laptop, phone))

    assert phone.me.person == laptop.me.person
    assert len(library.law.members()) == 1
    [line] = await laptop.database.read(lambda db: queries.feed(db, library.index.no, None, 10))
    assert (line.text, line.person, line.name) == ("from my phone", laptop.me.person, "Amina")


async def test_a_restored_folder_goes_on_as_a_new_device(start: Neighbourhood, tmp_path: Path) -> None:
    first = await start("Amina")
    space = await first.found("Garden")
    await first.close()
    old_device = first.road.device.public
    shutil.copytree(tmp_path / "Amina", tmp_path / "copy")

    restored = await start.nameless("copy")
    there = restored.road.spaces[space.id]
    change = await restored.road.submit(there, await post_command(restored.road, there, "after the restore", None))

    assert restored.road.device.public != old_device
    assert change.header.author == restored.road.device.public
    assert list(there.law.members()) == [restored.me.person]
    [line] = await restored.database.read(lambda db: queries.feed(db, there.index.no, None, 10))
    assert (line.text, line.name) == ("after the restore", "Amina")


async def test_a_device_link_is_not_an_invitation_for_people(start: Neighbourhood) -> None:
    laptop = await start("Amina")
    garden = await laptop.found("Garden")
    link = await link_to(laptop, garden, device=True)
    other = await start("Mallory")

    with pytest.raises(Refused, match="invites nobody else"):
        await other.join(link)

    assert not other.road.spaces
