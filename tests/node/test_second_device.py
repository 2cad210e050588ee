"""A person with two devices stays one person, whatever either of them does, or suffers."""

import shutil
from pathlib import Path

import pytest
from cables import meet
from loopback import Neighbourhood, link_to

from identity.errors import Refused
from node.domain.posts import WritePost
from node.ingest.spaces import Space
from node.ingest.writing import retract_command
from node.recovering import be_added, waits_to_be_added
from node.runtime import Node
from node.store import queries


async def laptop_and_phone(start_apart: Neighbourhood) -> tuple[Node, Node, Space]:
    laptop = await start_apart("Amina")
    garden = await laptop.found("Garden")
    phone = await start_apart.nameless("phone")
    await phone.add_to_person(await link_to(laptop, garden, device=True))
    await meet(garden.id, phone, laptop)
    return laptop, phone, garden


async def test_a_device_that_has_said_nothing_yet_is_nobody_else(start_apart: Neighbourhood) -> None:
    laptop, phone, garden = await laptop_and_phone(start_apart)

    for node in (laptop, phone):
        no = node.road.spaces[garden.id].index.no
        people = await node.database.read(lambda db, no=no: queries.people(db, no))  # type: ignore[misc]
        assert [(line.person, line.name) for line in people] == [(laptop.me.person, "Amina")]


async def test_a_post_that_a_later_device_took_back_stops_no_newcomer(start_apart: Neighbourhood) -> None:
    laptop = await start_apart("Amina")
    garden = await laptop.found("Garden")
    post = await laptop.road.submit(garden, WritePost("hasty", None, None, []))
    phone = await start_apart.nameless("phone")
    await phone.add_to_person(await link_to(laptop, garden, device=True))
    await meet(garden.id, phone, laptop)
    there = phone.road.spaces[garden.id]
    await phone.road.submit(there, await retract_command(phone.road, there, post.id))
    await meet(garden.id, phone, laptop)

    bola = await start_apart("Bola")
    await bola.join(await link_to(laptop, garden))
    await meet(garden.id, bola, laptop)

    line = await bola.database.read(lambda db: queries.post(db, post.id))
    assert line is not None
    assert (line.text, bool(line.retracted)) == ("", True)


async def test_a_restored_laptop_comes_back_beside_a_phone(start_apart: Neighbourhood, tmp_path: Path) -> None:
    laptop, phone, garden = await laptop_and_phone(start_apart)
    await laptop.close()
    shutil.copytree(tmp_path / "Amina", tmp_path / "backup")
    await (await start_apart.nameless("Amina")).close()
    shutil.rmtree(tmp_path / "Amina")
    shutil.move(tmp_path / "backup", tmp_path / "Amina")

    again = await start_apart.nameless("Amina")
    there = again.road.spaces[garden.id]
    await again.road.submit(there, WritePost("I am back", None, None, []))
    await meet(garden.id, again, phone)

    assert sorted(grant.slot for grant in there.law.devices_of(phone.me.person)) == [0, 1, 2]


async def test_a_restored_phone_that_holds_no_key_of_its_person_is_added_again_by_the_laptop(
    start_apart: Neighbourhood, tmp_path: Path
) -> None:
    laptop, phone, garden = await laptop_and_phone(start_apart)
    library = await laptop.found("Library")
    await phone.close()
    shutil.copytree(tmp_path / "phone", tmp_path / "copy")
    again = await start_apart.nameless("copy")
    waited = waits_to_be_added(again)
    link = await link_to(laptop, garden, device=True)
    with pytest.raises(Refused, match="invites a person"):
        await be_added(again, await link_to(laptop, garden))

    await be_added(again, link)
    await meet(garden.id, again, laptop)
    await again.road.submit(again.road.spaces[garden.id], WritePost("I am back", None, None, []))
    await meet(garden.id, again, laptop)

    assert waited
    assert not waits_to_be_added(again)
    assert again.me.person == laptop.me.person
    assert laptop.road.spaces[garden.id].law.person_of(again.road.device.public) == laptop.me.person
    assert library.id in again.road.spaces
    with pytest.raises(Refused, match="already"):
        await be_added(again, link)
