"""All sixteen places for a person's devices are taken: a restored folder opens all the same, and takes another's."""

import shutil
from pathlib import Path

import pytest
from cables import meet
from gardens import decided, garden_of
from loopback import Neighbourhood, link_to, until
from more_devices import enter

from identity.certificates import SLOTS
from identity.errors import Refused
from node.domain.law.membership import RevokeDevice
from node.domain.posts import WritePost
from node.ingest import deciding, places
from node.ingest.spaces import Space
from node.recovering import needs_place, take_place
from node.runtime import Node
from node.store import queries


async def fill(node: Node, space: Space) -> list[bytes]:
    """Let devices of a person enter until all places are taken, as by so many restored backups."""
    return [await enter(node, space, slot) for slot in range(1, SLOTS)]


async def restored(start: Neighbourhood, folder: Path) -> tuple[Node, bytes, list[bytes]]:
    """Amina's folder, restored on another laptop after all her places were taken, with the space and her devices."""
    first = await start("Amina")
    space = await first.found("Garden")
    await first.road.submit(space, WritePost("from before", None, None, []))
    others = await fill(first, space)
    await first.close()
    shutil.copytree(folder / "Amina", folder / "copy")
    return await start.nameless("copy"), space.id, [first.road.device.public, *others]


async def test_a_folder_restored_with_all_places_taken_opens_and_takes_the_place_of_a_device_one_names(
    start: Neighbourhood, tmp_path: Path
) -> None:
    node, id_, devices = await restored(start, tmp_path)
    space = node.road.spaces[id_]
    waited = needs_place(node)
    read = [line.text for line in await node.database.read(lambda db: queries.feed(db, space.index.no, None, 9))]
    with pytest.raises(Refused, match="let in"):
        await node.road.submit(space, WritePost("not yet", None, None, []))

    entered = await take_place(node, devices[7])
    await node.road.submit(node.road.spaces[id_], WritePost("I am back", None, None, []))

    law = node.road.spaces[id_].law
    assert waited
    assert read == ["from before"]
    assert [one.id for one in entered] == [id_]
    assert law.person_of(node.road.device.public) == node.me.person
    assert law.person_of(devices[7]) is None
    assert len(law.devices_of(node.me.person)) == SLOTS
    assert not needs_place(node)


async def test_a_folder_restored_by_somebody_who_was_removed_opens_all_the_same(
    start: Neighbourhood, tmp_path: Path
) -> None:
    (amina, bola), id_ = await garden_of(start, "Amina", "Bola")
    await decided(id_, [amina], ["remove", bola.road.me])
    await until(lambda: not bola.road.spaces[id_].law.present().is_member(bola.road.me))
    await bola.close()
    shutil.copytree(tmp_path / "Bola", tmp_path / "copy")

    copy = await start.nameless("copy")

    assert copy.is_ready
    assert copy.road.device.public != bola.road.device.public
    assert copy.road.device.public not in copy.road.spaces[id_].history.logs


async def test_a_place_is_taken_once_and_only_from_a_device_of_ones_own(start: Neighbourhood, tmp_path: Path) -> None:
    node, _, devices = await restored(start, tmp_path)

    for device in (bytes(32), node.road.device.public):
        with pytest.raises(Refused, match="no such device"):
            await take_place(node, device)
    await take_place(node, devices[3])
    with pytest.raises(Refused, match="place of its own already"):
        await take_place(node, devices[4])


async def test_others_take_in_the_device_that_took_a_place(start_apart: Neighbourhood, tmp_path: Path) -> None:
    amina, bola = await start_apart("Amina"), await start_apart("Bola")
    space = await amina.found("Garden")
    await bola.join(await link_to(amina, space))
    await meet(space.id, bola, amina)
    others = await fill(amina, space)
    await meet(space.id, amina, bola)
    await amina.close()
    shutil.copytree(tmp_path / "Amina", tmp_path / "copy")
    node = await start_apart.nameless("copy")

    await take_place(node, others[0])
    await meet(space.id, node, bola)

    law = bola.road.spaces[space.id].law
    assert law.person_of(node.road.device.public) == node.me.person
    assert law.person_of(others[0]) is None


async def test_once_a_device_is_ended_the_next_start_finds_a_place(start: Neighbourhood, tmp_path: Path) -> None:
    first = await start("Amina")
    space = await first.found("Garden")
    others = await fill(first, space)
    await deciding.submit(first.road, space, RevokeDevice(others[2], 1))
    await first.close()
    shutil.copytree(tmp_path / "Amina", tmp_path / "copy")

    node = await start.nameless("copy")

    assert not needs_place(node)
    assert node.road.spaces[space.id].law.person_of(node.road.device.public) == node.me.person


async def test_a_seventeenth_device_is_not_added_and_the_words_say_what_to_do(start: Neighbourhood) -> None:
    amina = await start("Amina")
    space = await amina.found("Garden")
    await fill(amina, space)

    with pytest.raises(Refused, match="All 16 places for your devices are taken: end one"):
        places.free_slot(amina.road, amina.me.person)


async def test_the_device_that_gives_way_is_the_one_not_heard_of_for_longest(start: Neighbourhood) -> None:
    amina = await start("Amina")
    space = await amina.found("Garden")
    others = await fill(amina, space)
    await amina.road.submit(space, WritePost("I am here", None, None, []))

    grant = places.silent_longest(amina.road, amina.me.person)

    assert grant is not None
    assert grant.device == others[0]
