"""Spaces within spaces between real nodes: who is let in, what shows where, and two communities that share one."""

import pytest
from gardens import QUICK, decided, deep_feed, here, law, say, texts, welcome
from loopback import DAY_MS, Neighbourhood, link_to, until

from node.domain.law.membership import LeaveSpace
from node.domain.posts import ImportPost
from node.ingest import holons
from node.ingest.spaces import Space
from node.runtime import Node
from node.store import queries
from node.store.queries import PostLine


async def part_of(node: Node, *parents: Space, name: str = "Part", **rules: object) -> Space:
    return await node.found(name, {**QUICK, "parents": [parent.id for parent in parents], **rules})


async def test_a_post_of_a_part_shows_in_every_ancestor_and_nowhere_below(start: Neighbourhood) -> None:
    amina = await start("Amina")
    town = await amina.found("Town")
    street = await part_of(amina, town, name="Street")
    house = await part_of(amina, street, name="House")
    other = await amina.found("Elsewhere")

    for space in (town, street, house, other):
        await say(amina, space.id, space.name)

    assert [line.text for line in await deep_feed(amina, town)] == ["House", "Street", "Town"]
    assert [line.text for line in await deep_feed(amina, street)] == ["House", "Street"]
    assert [line.text for line in await deep_feed(amina, house)] == ["House"]


async def test_the_deep_feed_is_read_page_by_page_without_a_gap_or_a_repetition(start: Neighbourhood) -> None:
    amina = await start("Amina")
    town = await amina.found("Town")
    parts = [town, *[await part_of(amina, town, name=f"Street {number}") for number in range(3)]]
    for number in range(23):
        old = ImportPost(f"{number}", None, None, [], (number * 7 % 23) // 2, "", bytes([number]) * 16)
        await amina.road.submit(parts[number % 4], old)

    whole = await deep_feed(amina, town)
    paged: list[PostLine] = []
    before = None
    while page := await deep_feed(amina, town, before, 5):
        paged += page
        before = page[-1].place

    assert [line.id for line in paged] == [line.id for line in whole]
    assert [line.place for line in whole] == sorted((line.place for line in whole), reverse=True)
    assert len(whole) == 23


async def test_a_part_that_one_is_no_member_of_does_not_show(start: Neighbourhood) -> None:
    amina, bola = await start("Amina"), await start("Bola")
    town = await amina.found("Town")
    await welcome(amina, town, bola)
    street = await part_of(amina, town, name="Street")
    await say(amina, street.id, "for the street")
    await say(amina, town.id, "for the town")

    async def has_heard() -> bool:
        return "for the town" in await texts(bola, town.id)

    await until(has_heard)

    assert [line.text for line in await deep_feed(bola, town)] == ["for the town"]


async def test_a_ring_of_spaces_is_read_deep_all_the_same(start: Neighbourhood) -> None:
    amina = await start("Amina")
    one = await amina.found("One", QUICK)
    two = await part_of(amina, one, name="Two")
    await decided(one.id, [amina], ["rule", "parents", [two.id]])
    await say(amina, one.id, "in one")
    await say(amina, two.id, "in two")

    assert [line.text for line in await deep_feed(amina, one)] == ["in two", "in one"]
    assert [line.text for line in await deep_feed(amina, two)] == ["in two", "in one"]


async def test_who_is_in_no_parent_is_let_in_once_they_are(start: Neighbourhood) -> None:
    amina, bola = await start("Amina"), await start("Bola")
    town = await amina.found("Town")
    street = await part_of(amina, town, name="Street", members_of_parent=True)
    await bola.join(await link_to(amina, street))
    await until(lambda: bola.keeper.refusals.get(street.id) == holons.OUTSIDER)
    assert len(law(amina, street.id).members()) == 1

    await welcome(amina, town, bola)

    await until(lambda: here(bola, street.id).state == "member")


async def test_where_the_rules_do_not_ask_for_it_strangers_to_the_parent_come_in(start: Neighbourhood) -> None:
    amina, bola = await start("Amina"), await start("Bola")
    town = await amina.found("Town")
    street = await part_of(amina, town, name="Street")

    await welcome(amina, street, bola)

    assert town.id not in bola.road.spaces


async def test_two_communities_share_a_space_and_each_lets_its_own_people_in(start: Neighbourhood) -> None:
    amina, chidi = await start("Amina"), await start("Chidi")
    bola, dina = await start("Bola"), await start("Dina")
    north, south = await amina.found("North", QUICK), await bola.found("South", QUICK)
    await welcome(amina, north, chidi)
    await welcome(bola, south, dina)
    hall = await part_of(amina, north, name="Hall")
    await welcome(amina, hall, bola)
    until_ms = amina.clock_ms() + 30 * DAY_MS
    await decided(
        hall.id, [amina, bola], ["rule", "inviters", "stewards"], ["rule", "members_of_parent", True],
        ["rule", "parents", [north.id, south.id]],
        ["role", amina.road.me, "steward", holons.scope_of(north.id), until_ms],
        ["role", bola.road.me, "steward", holons.scope_of(south.id), until_ms],
    )  # fmt: skip

    await welcome(amina, hall, chidi)
    await welcome(bola, hall, dina)
    await until(lambda: len(law(amina, hall.id).members()) == len(law(dina, hall.id).members()) == 4)

    people = {node: holons.belonging(amina.road, here(amina, hall.id), node.road.me) for node in (chidi, dina)}
    assert people[chidi] == holons.Belonging((north.id,), north.id, ())
    assert people[dina] == holons.Belonging((), south.id, ())  # South's list is not Amina's to see
    assert holons.belonging(bola.road, here(bola, hall.id), dina.road.me).member_of == (south.id,)


async def test_a_steward_does_not_let_the_other_community_s_people_in(start: Neighbourhood) -> None:
    amina, bola, dina = await start("Amina"), await start("Bola"), await start("Dina")
    north, south = await amina.found("North", QUICK), await bola.found("South", QUICK)
    await welcome(bola, south, dina)
    hall = await part_of(amina, north, south, name="Hall", members_of_parent=True)

    await dina.join(await link_to(amina, hall))

    await until(lambda: dina.keeper.refusals.get(hall.id) == holons.OUTSIDER)
    assert len(law(amina, hall.id).members()) == 1


async def test_who_leaves_a_community_stays_in_the_shared_space_and_it_shows(start: Neighbourhood) -> None:
    amina, chidi = await start("Amina"), await start("Chidi")
    north = await amina.found("North", QUICK)
    await welcome(amina, north, chidi)
    hall = await part_of(amina, north, name="Hall", members_of_parent=True)
    await welcome(amina, hall, chidi)

    await chidi.road.submit(here(chidi, north.id), LeaveSpace())
    await until(lambda: len(law(amina, north.id).members()) == 1)

    assert chidi.road.me in law(amina, hall.id).members()
    found = holons.belonging(amina.road, here(amina, hall.id), chidi.road.me)
    assert (found.member_of, found.left) == ((), (north.id,))


@pytest.mark.parametrize("size", [1, 3])
async def test_the_deep_view_of_a_space_without_parts_is_its_feed(start: Neighbourhood, size: int) -> None:
    amina = await start("Amina")
    town = await amina.found("Town")
    for number in range(size):
        await say(amina, town.id, f"{number}")

    shallow = await amina.database.read(lambda db: queries.feed(db, town.index.no, None, 100))

    assert await deep_feed(amina, town) == shallow
