"""A device key used in two places at once: proven, frozen alike everywhere, and nothing of others' lost."""

import sqlite3
from pathlib import Path

import pytest
from forking import branch, head
from gardens import garden_of, here, rows, texts
from loopback import SETTINGS, Neighbourhood, same, until
from other_members import Member

from crdt.batch import Batch
from crdt.change import Change, encode_change
from identity.errors import Malformed, Refused
from identity.keys import SigningKey
from node.domain.posts import WritePost
from node.ingest.forks import take_proof
from node.ingest.writing import edit_page, post_command
from node.runtime import Node
from node.store import log as store_log
from node.store import queries


async def test_two_branches_meet_and_every_node_freezes_the_log_alike(start: Neighbourhood) -> None:
    (amina, bola, carla), space = await garden_of(start, "Amina", "Bola", "Carla")
    garden = here(amina, space)
    key = bola.road.device
    place = head(garden, key.public)
    await bola.close()
    await amina.stop_network()
    one = branch(garden, key, place, "one 1", "one 2", "one 3")
    other = branch(garden, key, place, "other 1", "other 2")

    await amina.road.receive(amina.road.spaces[garden.id], Batch(one, {}), key.public)
    await carla.road.receive(carla.road.spaces[garden.id], Batch(other, {}), key.public)
    await amina.start_network()
    carla.neighbours.learn(amina.addresses)
    await until(lambda: same(garden.id, amina, carla) and amina.road.spaces[garden.id].law.forked)

    assert (
        amina.road.spaces[garden.id].law.forked == carla.road.spaces[garden.id].law.forked == {key.public: place[0] + 1}
    )
    assert await texts(amina, garden.id) == await texts(carla, garden.id) == set()
    assert await rows(amina, garden.id) == await rows(carla, garden.id)


async def test_what_another_answered_keeps_its_effect_on_every_node(start: Neighbourhood) -> None:
    (amina, bola, carla), space = await garden_of(start, "Amina", "Bola", "Carla")
    garden = here(amina, space)
    key = bola.road.device
    place = head(garden, key.public)
    await bola.close()
    await amina.stop_network()
    one = branch(garden, key, place, "one 1", "one 2")
    other = branch(garden, key, place, "other 1")
    mine = amina.road.spaces[garden.id]

    await amina.road.receive(mine, Batch(one, {}), key.public)
    await amina.road.submit(mine, await post_command(amina.road, mine, "I answer", one[0].id))
    await carla.road.receive(carla.road.spaces[garden.id], Batch(other, {}), key.public)
    await amina.start_network()
    carla.neighbours.learn(amina.addresses)
    await until(lambda: same(garden.id, amina, carla) and carla.road.spaces[garden.id].law.forked)
    await until(lambda: amina.road.spaces[garden.id].law.forked)

    assert await texts(amina, garden.id) == await texts(carla, garden.id) == {"one 1", "one 2"}
    assert await rows(amina, garden.id) == await rows(carla, garden.id)


async def test_a_page_is_written_on_without_what_a_fork_took_from_it(start: Neighbourhood) -> None:
    amina = await start("Amina")
    garden = await amina.found("Garden")
    mallory = await Member.join(amina, garden, "Mallory")
    place = head(garden, mallory.device.public)
    await mallory.begin_page("Mallory's garden", "all of it")
    other = branch(garden, mallory.device, place, "elsewhere")[0]
    index = garden.index

    def first_edit(connection: sqlite3.Connection) -> Change:
        return store_log.read_place(connection, index, index.logs[mallory.device.public], place[0] + 1)[0].change

    one = await amina.database.read(first_edit)
    assert await take_proof(amina.road, garden, encode_change(one), encode_change(other))

    here = amina.road.spaces[garden.id]
    await edit_page(amina.road, here, "Our garden", "for everybody")

    assert await amina.database.read(lambda db: queries.page_text(db, here.index.no)) == "Our garden\n\nfor everybody"


async def test_a_proof_that_comes_before_the_log_leaves_what_is_before_the_fork_to_be_fetched(
    start: Neighbourhood,
) -> None:
    (amina, bola, carla), space = await garden_of(start, "Amina", "Bola", "Carla")
    garden = here(amina, space)
    key = bola.road.device
    place = head(garden, key.public)
    for node in (bola, amina, carla):
        await node.stop_network()
    common = branch(garden, key, place, "common 1", "common 2")
    end = common[-1].header.seq, common[-1].id
    one, other = branch(garden, key, end, "one"), branch(garden, key, end, "other")

    await amina.road.receive(amina.road.spaces[garden.id], Batch([*common, *one], {}), key.public)
    await amina.road.receive(amina.road.spaces[garden.id], Batch(other, {}), key.public)
    hers = carla.road.spaces[garden.id]
    await take_proof(carla.road, hers, encode_change(one[0]), encode_change(other[0]))
    held = head(carla.road.spaces[garden.id], key.public)
    await amina.start_network()
    await carla.start_network()
    carla.neighbours.learn(amina.addresses)
    await until(lambda: same(garden.id, amina, carla))

    assert held == place
    assert await texts(amina, garden.id) == await texts(carla, garden.id) == {"common 1", "common 2"}
    assert await rows(amina, garden.id) == await rows(carla, garden.id)


async def test_a_log_forked_twice_ends_before_the_first_fork_whichever_was_proven(start: Neighbourhood) -> None:
    (amina, bola, carla), space = await garden_of(start, "Amina", "Bola", "Carla")
    garden = here(amina, space)
    key = bola.road.device
    place = head(garden, key.public)
    for node in (bola, amina, carla):
        await node.stop_network()

    for node, name in ((amina, "one"), (carla, "other")):
        first, second = branch(garden, key, place, f"{name} 1", f"{name} 2")
        again = branch(garden, key, (first.header.seq, first.id), f"{name} 2, again")
        await node.road.receive(here(node, space), Batch([first, second], {}), key.public)
        await node.road.receive(here(node, space), Batch(again, {}), key.public)
    proven = [here(node, space).law.forked for node in (amina, carla)]
    await amina.start_network()
    await carla.start_network()
    carla.neighbours.learn(amina.addresses)
    await until(lambda: same(space, amina, carla))

    assert proven == [{key.public: place[0] + 2}] * 2
    assert here(amina, space).law.forked == here(carla, space).law.forked == {key.public: place[0] + 1}
    assert await texts(amina, space) == await texts(carla, space) == set()


async def test_a_false_proof_is_refused(start: Neighbourhood) -> None:
    (amina,), space = await garden_of(start, "Amina")
    garden = here(amina, space)
    key = amina.road.device
    one, two = branch(garden, key, head(garden, key.public), "a", "b")
    stranger = branch(garden, SigningKey.generate(), (1, one.id), "c")[0]

    for first, second in ((one, one), (one, two), (one, stranger)):
        with pytest.raises(Malformed):
            await take_proof(amina.road, garden, encode_change(first), encode_change(second))

    assert not garden.law.forked


async def test_a_device_that_was_copied_stops_writing_and_comes_back_as_a_new_one(
    start: Neighbourhood, tmp_path: Path
) -> None:
    (amina, bola), space = await garden_of(start, "Amina", "Bola")
    garden = here(amina, space)
    key = bola.road.device
    elsewhere = branch(garden, key, head(garden, key.public), "from the copy")
    mine = here(bola, space)
    await bola.road.submit(mine, await post_command(bola.road, mine, "from here", None))
    await until(lambda: same(garden.id, amina, bola))

    await amina.road.receive(amina.road.spaces[garden.id], Batch(elsewhere, {}), key.public)
    await until(lambda: amina.road.spaces[garden.id].law.forked)
    await amina.syncer.look_again(garden.id)
    await until(lambda: bola.road.spaces[garden.id].law.forked)
    there = bola.road.spaces[garden.id]
    with pytest.raises(Refused, match="new device"):
        await bola.road.submit(there, WritePost("again", None, None, []))
    await bola.close()
    again = Node(tmp_path / "Bola", SETTINGS)
    await again.open()
    fresh = again.road.spaces[garden.id]
    await again.road.submit(fresh, WritePost("again", None, None, []))

    assert again.road.device.public != key.public
    assert again.me.person == bola.me.person
    await again.close()


async def test_who_holds_on_to_an_old_view_of_a_space_does_not_fork_their_log(start: Neighbourhood) -> None:
    (amina,), space = await garden_of(start, "Amina")
    old = here(amina, space)
    await amina.road.submit(old, WritePost("one", None, None, []))
    await amina.road.reload(old)

    second = await amina.road.submit(old, WritePost("two", None, None, []))
    third = await amina.road.submit(old, WritePost("three", None, None, []))

    assert amina.road.spaces[old.id] is not old
    assert third.header.seq == second.header.seq + 1
    assert third.header.prev == second.id
