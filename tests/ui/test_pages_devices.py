"""One's own devices on the pages, without scripts: listed, ended with its meaning said, places, offices."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cables import meet
from loopback import link_to
from more_devices import enter
from page_reader import Browser, served

from crdt.batch import Batch
from crdt.change import Change
from identity.certificates import SLOTS
from identity.keys import to_did
from node.domain.posts import WritePost
from node.ingest.spaces import Space
from node.runtime import Node
from node.store import log as store_log


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[tuple[Node, Browser, list[Space], str]]:
    """Amina in two spaces, with a phone in both; its did:key."""
    async with served(tmp_path / "node") as (node, site), Browser(site) as browser:
        await node.name_yourself("Amina")
        spaces = [await node.found("Garden"), await node.found("Library")]
        phone, _ = [to_did(await enter(node, space, 1)) for space in spaces]
        yield node, browser, spaces, phone


async def test_devices_are_listed_and_lead_to_their_end(house: tuple[Node, Browser, list[Space], str]) -> None:
    _, browser, _, phone = house

    listed = await browser.open("/settings/devices")

    assert "Device 1 This device" in listed.text
    assert "Device 2" in listed.text
    assert "Seals decisions for you in: Garden , Library" in listed.text
    assert f"/settings/devices/{phone}/end" in listed.html
    assert "/settings#recovery" in listed.html
    assert "/trusted" in listed.html


async def test_a_device_is_ended_after_its_meaning_was_said(house: tuple[Node, Browser, list[Space], str]) -> None:
    node, browser, spaces, phone = house
    asked = await browser.open(f"/settings/devices/{phone}/end")
    form = asked.form("/end")

    unsure = await browser.send(form)
    ended = await browser.send(form, sure="1")

    assert "it reads nothing that is said afterwards" in asked.text
    assert "Invitations that were made on it let nobody in any more" in asked.text
    assert unsure.status == 422
    assert "Say that you are sure" in unsure.text
    assert ended.url == "/settings/devices"
    assert "Device 2 has ended." in ended.text
    assert "from Device 1" in ended.text
    for space in spaces:
        assert len(node.road.spaces[space.id].law.devices_of(node.me.person)) == 1


async def test_a_device_is_ended_in_one_space_alone(house: tuple[Node, Browser, list[Space], str]) -> None:
    node, browser, (garden, library), phone = house
    form = (await browser.open(f"/settings/devices/{phone}/end")).form("/end")

    ended = await browser.send(form, sure="1", where=library.id.hex())
    wrong = await browser.send(form, sure="1", where="elsewhere")

    assert "Only in: Garden" in ended.text
    assert len(node.road.spaces[garden.id].law.devices_of(node.me.person)) == 2
    assert len(node.road.spaces[library.id].law.devices_of(node.me.person)) == 1
    assert wrong.status == 422


@pytest.mark.parametrize("device", ["did:key:zzz", "phone", "did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH"])
async def test_a_device_that_is_not_ones_own_is_not_there(
    device: str, house: tuple[Node, Browser, list[Space], str]
) -> None:
    _, browser, _, _ = house

    for act in ("end", "place"):
        assert (await browser.open(f"/settings/devices/{device}/{act}")).status == 404


async def test_the_device_in_use_is_not_ended_here(house: tuple[Node, Browser, list[Space], str]) -> None:
    node, browser, _, phone = house
    mine = to_did(node.road.device.public)

    missing = await browser.open(f"/settings/devices/{mine}/end")
    no_need = await browser.open(f"/settings/devices/{phone}/place")

    assert missing.status == 404
    assert no_need.url == "/settings/devices"


async def test_with_all_places_taken_no_link_is_offered_and_words_say_why(
    house: tuple[Node, Browser, list[Space], str],
) -> None:
    node, browser, (garden, _), _ = house
    link = (await browser.open("/settings/devices")).form("/settings/devices")
    for slot in range(2, SLOTS):
        await enter(node, garden, slot)

    listed = await browser.open("/settings/devices")
    refused = await browser.send(link)

    assert "All 16 places for your devices are taken. End one" in listed.text
    assert not [form for form in listed.forms if form.action == "/settings/devices"]
    assert refused.status == 422
    assert "All 16 places" in refused.text


async def test_a_restored_folder_without_a_place_says_so_everywhere_and_takes_one(tmp_path: Path) -> None:
    async with served(tmp_path / "first") as (node, _):
        await node.name_yourself("Amina")
        space = await node.found("Garden")
        await node.road.submit(space, WritePost("from before", None, None, []))
        devices = [to_did(await enter(node, space, slot)) for slot in range(1, SLOTS)]
    shutil.copytree(tmp_path / "first", tmp_path / "copy")

    async with served(tmp_path / "copy") as (node, site), Browser(site) as browser:
        feed = await browser.open("/")
        listed = await browser.open("/settings/devices")
        asked = await browser.open(f"/settings/devices/{devices[3]}/place")
        taken = await browser.send(asked.form("/place"), sure="1")
        after = await browser.open("/")

        assert "from before" in feed.text
        assert "you can read, but not write" in feed.text
        assert "all 16 places for your devices are taken" in listed.text
        assert "Take the place of Device 5?" in asked.text
        assert "This laptop has the place of Device 5 now." in taken.text
        assert "but not write" not in after.text
        assert node.road.spaces[space.id].law.person_of(node.road.device.public) == node.me.person


async def copied(folder: Path) -> tuple[Space, str]:
    """Found a space on a laptop and copy its folder; returns the space, and the first laptop's device."""
    async with served(folder / "first") as (node, _):
        await node.name_yourself("Amina")
        space = await node.found("Garden")
        old = to_did(node.road.device.public)
    shutil.copytree(folder / "first", folder / "copy")
    return space, old


async def test_an_office_on_another_device_is_told_with_the_way_to_bring_it_here(tmp_path: Path) -> None:
    space, old = await copied(tmp_path)

    async with served(tmp_path / "copy") as (node, site), Browser(site) as browser:
        listed = await browser.open("/settings/devices")
        end = await browser.open(f"/settings/devices/{old}/end")
        ended = await browser.send(end.form("/end"), sure="1")

        assert "You seal decisions in Garden" in listed.text
        assert "now it is Device 1. If you no longer use that one, end it" in listed.text
        assert "It seals decisions for you in: Garden . That comes to this laptop." in end.text
        assert "You seal decisions in Garden" not in ended.text
        assert "Seals decisions for you in: Garden" in ended.text
        assert node.road.spaces[space.id].law.present().is_duty_device(node.road.device.public)


async def said_by(node: Node, space: Space) -> list[Change]:
    """Return what a node's device said in a space."""
    here = node.road.spaces[space.id]
    numbers = await node.database.read(lambda db: store_log.numbers_of(db, here.index.no))
    stored = await node.database.read(lambda db: store_log.read_changes(db, here.index, numbers))
    return [one.change for one in stored if one.change.header.author == node.road.device.public]


async def test_an_ended_laptop_that_heard_of_it_says_so(tmp_path: Path) -> None:
    space, old = await copied(tmp_path)
    async with served(tmp_path / "copy") as (copy, site), Browser(site) as theirs:
        await theirs.send((await theirs.open(f"/settings/devices/{old}/end")).form("/end"), sure="1")
        said, sender = await said_by(copy, space), copy.road.device.public

    async with served(tmp_path / "first") as (node, site), Browser(site) as browser:
        await node.road.receive(node.road.spaces[space.id], Batch(said, {}), sender)
        feed = await browser.open("/")

        assert "This laptop was ended in Garden from another device of yours." in feed.text


async def test_a_copied_phone_says_that_it_has_to_be_added_again_and_takes_the_link(tmp_path: Path) -> None:
    async with served(tmp_path / "laptop") as (laptop, _), served(tmp_path / "phone") as (phone, _):
        await laptop.name_yourself("Amina")
        space = await laptop.found("Garden")
        await phone.add_to_person(await link_to(laptop, space, device=True))
        await meet(space.id, phone, laptop)
        await phone.close()
        shutil.copytree(tmp_path / "phone", tmp_path / "copy")
        async with served(tmp_path / "copy") as (copy, site), Browser(site) as browser:
            feed = await browser.open("/")
            listed = await browser.open("/settings/devices")
            refused = await browser.send(listed.form("/again"), link="hello")
            waiting = await browser.send(refused.form("/again"), link=await link_to(laptop, space, device=True))
            await meet(space.id, copy, laptop)
            after = await browser.open("/settings/devices")

            assert "your other laptop has to add it again" in feed.text
            assert "This laptop has to be added again" in listed.text
            assert refused.status == 422
            assert waiting.url.endswith("/waiting")
            assert "This laptop has to be added again" not in after.text
            assert copy.me.person == laptop.me.person
