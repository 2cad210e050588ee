"""A space in which a device key was used twice is taken along, and its log published, like any other."""

from pathlib import Path

from forking import branch, head
from gardens import rows, texts
from loopback import Neighbourhood, link_to, same, until

from crdt.batch import Batch
from node.ingest.spaces import Space
from node.ingest.writing import post_command
from node.moving.packing import Wish, pack
from node.moving.unpacking import Archive, free_slot, unpack
from node.publiclog import check, publish
from node.runtime import Node

PASSPHRASE = "seven quiet otters"


async def forked_garden(start: Neighbourhood) -> tuple[Node, Space]:
    """Return a garden whose second member used their key twice, and in which somebody answered one branch."""
    amina, bola = await start("Amina"), await start("Bola")
    garden = await amina.found("Garden", {"publish_log": True})
    await bola.join(await link_to(amina, garden))
    await until(lambda: garden.id in bola.road.spaces and same(garden.id, amina, bola))
    await until(lambda: garden.history.logs[bola.road.device.public].seq > 1)
    key, place = bola.road.device, head(garden, bola.road.device.public)
    await bola.close()
    one, other = branch(garden, key, place, "one 1", "one 2"), branch(garden, key, place, "other 1", "other 2")
    here = amina.road.spaces[garden.id]
    await amina.road.receive(here, Batch(one, {}), key.public)
    await amina.road.submit(here, await post_command(amina.road, here, "an answer", one[0].id))
    await amina.road.receive(amina.road.spaces[garden.id], Batch(other, {}), key.public)
    await until(lambda: amina.road.spaces[garden.id].law.forked)
    return amina, amina.road.spaces[garden.id]


async def test_an_archive_of_a_forked_log_gives_the_same_rows_elsewhere(start: Neighbourhood, tmp_path: Path) -> None:
    amina, garden = await forked_garden(start)
    await pack(amina.road, amina.me, garden, tmp_path / "g.commons", Wish("identity", PASSPHRASE, "Amina"))
    new = await start.nameless("elsewhere")

    with Archive(tmp_path / "g.commons") as archive:
        carried = archive.keys(PASSPHRASE)
        assert carried is not None
        await new.name_yourself("Amina", None, carried.root, free_slot(archive, carried))
        found = await unpack(new.road, new.me, archive, carried)

    there = new.road.spaces[garden.id]
    assert found.whole
    assert there.law.forked == garden.law.forked
    assert await texts(new, garden.id) == await texts(amina, garden.id)
    assert await rows(new, garden.id) == await rows(amina, garden.id)


async def test_the_public_log_of_a_forked_space_is_checked_like_any_other(start: Neighbourhood, tmp_path: Path) -> None:
    amina, garden = await forked_garden(start)
    await publish(amina.road, garden, tmp_path / "log.jsonl")
    found = check(tmp_path / "log.jsonl")

    assert found.faults == []
    assert found.law is not None
    assert set(found.law.members()) == set(garden.law.members())
    assert found.law.forked == garden.law.forked
