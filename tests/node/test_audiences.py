"""Profiles between real nodes: encryption hides what is not meant for somebody, and follows who belongs."""

import pytest
from gardens import decided, garden_of, here, law, rows, until_same
from loopback import Neighbourhood, link_to, until

from crdt.change import PUBLIC, decode_body
from identity.boxes import BOX_BYTES
from identity.errors import Refused
from node.domain.law.membership import LeaveSpace
from node.domain.posts import EditPost
from node.domain.profiles import EraseField, SetField, field_id, unpack_boxes
from node.ingest.profiles import MAX_TRIED_BOXES, Field, Wish, edit_profile, fields_of, set_fields
from node.ingest.writing import facts_about
from node.runtime import Node
from node.store import people, readmodel

PHONE = "0151-plaintext-4711"


async def says(node: Node, space: bytes, *wishes: Wish) -> None:
    await set_fields(node.road, here(node, space), wishes)


async def read(node: Node, space: bytes, person: bytes) -> dict[str, str]:
    return {field.name: field.value for field in await fields_of(node.road, here(node, space), person)}


def on_disk(node: Node) -> bytes:
    """Return everything that a node keeps on its disk."""
    return b"".join(path.read_bytes() for path in sorted(node.folder.rglob("*")) if path.is_file())


async def test_what_is_for_some_is_read_by_them_and_hidden_from_the_rest(start: Neighbourhood) -> None:
    (amina, bola, chidi), space = await garden_of(start, "Amina", "Bola", "Chidi")
    me = amina.road.me

    await says(
        amina, space, Wish("contact", PHONE, "people", [bola.road.me]), Wish("needs", f"{PHONE}-mine", "me"),
        Wish("skills", "bicycles"), Wish("own:0123456789abcdef", f"{PHONE}-own", "people", [bola.road.me], "Diet"),
    )  # fmt: skip
    await until_same(space, amina, bola, chidi)

    assert await read(chidi, space, me) == {"name": "Amina", "skills": "bicycles"}
    assert (await read(bola, space, me))["contact"] == PHONE
    assert "needs" not in await read(bola, space, me)
    own = [field for field in await fields_of(bola.road, here(bola, space), me) if field.label]
    assert [(field.label, field.value, field.audience) for field in own] == [("Diet", f"{PHONE}-own", "some")]
    assert (await read(amina, space, me))["needs"] == f"{PHONE}-mine"
    assert PHONE.encode() not in on_disk(chidi)
    assert len({await rows(node, space) for node in (amina, bola, chidi)}) == 1


async def test_my_own_node_remembers_whom_i_chose(start: Neighbourhood) -> None:
    (amina, bola), space = await garden_of(start, "Amina", "Bola")

    await says(amina, space, Wish("contact", PHONE, "people", [bola.road.me]), Wish("needs", "rest", "me"))
    before = here(amina, space).history.size
    await says(amina, space, Wish("contact", PHONE, "people", [bola.road.me]))

    found = {field.name: field for field in await fields_of(amina.road, here(amina, space), amina.road.me)}
    contact, needs = found["contact"], found["needs"]
    assert (contact.audience, contact.people) == ("people", (bola.road.me,))
    assert isinstance(needs, Field)
    assert (needs.audience, needs.people) == ("me", ())
    assert here(amina, space).history.size == before


async def test_what_is_public_is_readable_without_keys_and_the_rest_is_not(start: Neighbourhood) -> None:
    (amina,), space = await garden_of(start, "Amina")
    road = amina.road

    changes = await set_fields(road, here(amina, space), [Wish("offers", "bread", "public"), Wish("needs", "flour")])

    offered, needed = changes
    assert offered.header.epoch == PUBLIC
    assert decode_body(offered.body or b"")[5] == "bread"
    assert needed.header.epoch != PUBLIC
    assert b"flour" not in (needed.body or b"")


async def test_a_new_device_of_a_reader_reads_what_was_sealed_before(start: Neighbourhood) -> None:
    (amina, bola), space = await garden_of(start, "Amina", "Bola")
    await says(amina, space, Wish("contact", PHONE, "people", [bola.road.me]), Wish("needs", "rest", "me"))
    laptop = await start.nameless("Bola's laptop")
    await laptop.add_to_person(await link_to(bola, here(bola, space), device=True))
    await until(lambda: space in laptop.road.spaces and here(laptop, space).state == "member")

    async def reads() -> bool:
        return (await read(laptop, space, amina.road.me)).get("contact") == PHONE

    await until(reads)
    assert "needs" not in await read(laptop, space, amina.road.me)


async def test_who_was_removed_reads_no_later_value_and_is_sealed_to_no_more(start: Neighbourhood) -> None:
    (amina, bola, chidi), space = await garden_of(start, "Amina", "Bola", "Chidi")
    me = amina.road.me
    await says(amina, space, Wish("contact", PHONE, "people", [bola.road.me, chidi.road.me]))
    await until_same(space, amina, bola, chidi)
    assert (await read(chidi, space, me))["contact"] == PHONE

    await decided(space, [amina, bola], ["remove", chidi.road.me])

    async def only_bola() -> bool:
        mine = {field.name: field for field in await fields_of(amina.road, here(amina, space), me)}
        return mine["contact"].people == (bola.road.me,)

    await until(only_bola)
    await edit_profile(amina.road, here(amina, space), {"contact": "later-plaintext-99"})

    async def bola_reads() -> bool:
        return (await read(bola, space, me)).get("contact") == "later-plaintext-99"

    await until(bola_reads)
    assert not law(amina, space).present().is_member(chidi.road.me)
    assert b"later-plaintext-99" not in on_disk(chidi)
    no = here(amina, space).index.no
    now = await amina.database.read(lambda db: people.sealed_fields(db, no, me))
    assert [chidi.road.vault.open_box(box) for row in now for box in unpack_boxes(row.sealed or b"").boxes] == [
        None
    ] * 8


async def test_what_another_says_about_my_field_changes_nothing_in_any_order(start: Neighbourhood) -> None:
    (amina, bola), space = await garden_of(start, "Amina", "Bola")

    await bola.road.submit(here(bola, space), EditPost(field_id(amina.road.me, "skills"), "not a post"))
    await until_same(space, amina, bola)
    await says(amina, space, Wish("skills", "bicycles"))
    await until_same(space, amina, bola)

    for node in (amina, bola):
        assert (await read(node, space, amina.road.me))["skills"] == "bicycles"


async def test_a_rebuild_gives_the_same_rows_also_of_those_who_left(start: Neighbourhood) -> None:
    (amina, bola), space = await garden_of(start, "Amina", "Bola")
    await says(bola, space, Wish("skills", "bread"), Wish("contact", PHONE, "people", [amina.road.me]))
    await until_same(space, amina, bola)
    await bola.road.submit(here(bola, space), LeaveSpace())
    await until(lambda: len(law(amina, space).members()) == 1)
    before = await rows(amina, space)

    await amina.database.writer.run(readmodel.drop_tables)
    await amina.road.rebuild(here(amina, space))

    assert await rows(amina, space) == before
    assert (await read(amina, space, bola.road.me))["contact"] == PHONE


async def test_a_field_that_was_emptied_is_gone_and_makes_room(start: Neighbourhood) -> None:
    (amina,), space = await garden_of(start, "Amina")
    own = [Wish(f"own:{at:016x}", "x", "me", (), "Food") for at in range(13)]
    await says(amina, space, *own[:12])
    with pytest.raises(Refused, match="at most 12"):
        await says(amina, space, own[12])

    await says(amina, space, own[0]._replace(value=""))
    await says(amina, space, own[12])
    before = here(amina, space).history.size
    await says(amina, space, own[0]._replace(value=""))

    names = set(await read(amina, space, amina.road.me))
    assert names == {"name", *(wish.name for wish in own[1:])}
    assert here(amina, space).history.size == before


async def test_a_profile_made_to_tire_its_readers_is_read_only_in_part(start: Neighbourhood) -> None:
    (amina, bola), space = await garden_of(start, "Amina", "Bola")
    box = bytes(BOX_BYTES)
    hostile = [SetField(bola.road.me, f"own:{at:016x}", "some", "", "", b"s", b"n", [box] * 256) for at in range(16)]
    plain = [SetField(bola.road.me, f"own:f{at:015x}", "space", "x", "y", b"", b"", []) for at in range(40)]
    for command in (*hostile, *plain):
        await bola.road.submit(here(bola, space), command)
    await says(bola, space, Wish("skills", "bread"))
    await until_same(space, amina, bola)
    tried: list[bytes] = []
    open_box = amina.road.vault.open_box
    amina.road.vault.open_box = lambda box: tried.append(box) or open_box(box)  # type: ignore[method-assign,func-returns-value]

    shown = await read(amina, space, bola.road.me)

    assert shown == {"name": "Bola", "skills": "bread"}
    assert len(tried) <= MAX_TRIED_BOXES


async def test_a_wish_that_does_not_fit_is_refused_before_anything_is_signed(start: Neighbourhood) -> None:
    (amina,), space = await garden_of(start, "Amina")
    before = here(amina, space).history.size
    fitting = Wish("skills", "bread")

    for wish in (
        Wish("name", "Amina", "me"), Wish("needs", "x", "people"), Wish("needs", "x", "friends"),
        Wish("needs", "x", "people", [b"S" * 32]), Wish("age", "7"), Wish("about", "x" * 2_001),
    ):  # fmt: skip
        with pytest.raises(Refused):
            await says(amina, space, fitting, wish)

    assert here(amina, space).history.size == before


async def test_what_a_field_said_before_is_erased_on_every_node_when_it_is_for_fewer(start: Neighbourhood) -> None:
    (amina, bola, chidi), space = await garden_of(start, "Amina", "Bola", "Chidi")
    me = amina.road.me
    await says(amina, space, Wish("contact", f"{PHONE}-for-all"), Wish("skills", "bicycles"))
    await until_same(space, amina, bola, chidi)
    before = [PHONE.encode() in on_disk(node) for node in (amina, bola, chidi)]

    await says(amina, space, Wish("contact", PHONE, "people", [bola.road.me]))
    await until_same(space, amina, bola, chidi)

    assert before == [True, True, True]
    await until(lambda: not any(PHONE.encode() in on_disk(node) for node in (amina, bola, chidi)))
    assert (await read(bola, space, me))["contact"] == PHONE
    assert await read(chidi, space, me) == {"name": "Amina", "skills": "bicycles"}

    async def rows_are_the_same() -> bool:
        return len({await rows(node, space) for node in (amina, bola, chidi)}) == 1

    await until(rows_are_the_same)


async def test_an_emptied_field_leaves_nothing_also_of_what_was_sealed_to_some(start: Neighbourhood) -> None:
    (amina, bola), space = await garden_of(start, "Amina", "Bola")
    await says(amina, space, Wish("contact", PHONE, "people", [bola.road.me]), Wish("offers", "bread", "public"))
    await until_same(space, amina, bola)
    await says(amina, space, Wish("contact", ""), Wish("offers", ""))
    await until_same(space, amina, bola)

    assert await read(bola, space, amina.road.me) == {"name": "Amina"}
    await until(lambda: b"bread" not in on_disk(bola))
    bodies = await bola.database.read(lambda db: db.execute("SELECT count(*) FROM erased").fetchone()[0])
    assert bodies == 2


async def test_a_newcomer_comes_to_the_same_rows_without_the_bodies(start: Neighbourhood) -> None:
    (amina, bola), space = await garden_of(start, "Amina", "Bola")
    await says(amina, space, Wish("contact", PHONE))
    await says(amina, space, Wish("contact", "by letter"))
    await until_same(space, amina, bola)
    chidi = await start("Chidi")

    await chidi.join(await link_to(bola, here(bola, space)))
    await until(lambda: space in chidi.road.spaces and here(chidi, space).state == "member")
    await until_same(space, amina, bola, chidi)

    assert (await read(chidi, space, amina.road.me))["contact"] == "by letter"
    assert PHONE.encode() not in on_disk(chidi)

    async def rows_are_the_same() -> bool:
        return len({await rows(node, space) for node in (amina, bola, chidi)}) == 1

    await until(rows_are_the_same)


async def test_another_device_takes_back_what_the_first_said(start: Neighbourhood) -> None:
    (amina, bola), space = await garden_of(start, "Amina", "Bola")
    await says(bola, space, Wish("contact", PHONE))
    laptop = await start.nameless("Bola's laptop")
    await laptop.add_to_person(await link_to(bola, here(bola, space), device=True))
    await until(lambda: space in laptop.road.spaces and here(laptop, space).state == "member")

    async def reads() -> bool:
        return (await read(laptop, space, bola.road.me)).get("contact") == PHONE

    await until(reads)
    await until_same(space, amina, bola, laptop)

    await says(laptop, space, Wish("contact", ""))
    await until_same(space, amina, bola, laptop)

    assert "contact" not in await read(amina, space, bola.road.me)
    await until(lambda: not any(PHONE.encode() in on_disk(node) for node in (amina, bola, laptop)))


async def test_nobody_takes_back_what_another_said(start: Neighbourhood) -> None:
    (amina, bola), space = await garden_of(start, "Amina", "Bola")
    await says(amina, space, Wish("contact", PHONE))
    await until_same(space, amina, bola)
    (said,) = [fact.id for fact in await facts_about(bola.road, here(bola, space), field_id(amina.road.me, "contact"))]

    for person in (amina.road.me, bola.road.me):
        await bola.road.submit(here(bola, space), EraseField(person, "contact", [said]))
    await until_same(space, amina, bola)

    for node in (amina, bola):
        assert (await read(node, space, amina.road.me))["contact"] == PHONE
        assert PHONE.encode() in on_disk(node)


async def test_where_newcomers_read_no_past_what_was_taken_back_before_keeps_nobody_out(start: Neighbourhood) -> None:
    (amina, bola), space = await garden_of(start, "Amina", "Bola", newcomers_read_past=False)
    await says(amina, space, Wish("contact", PHONE))
    await says(amina, space, Wish("contact", ""))
    await until_same(space, amina, bola)
    chidi = await start("Chidi")

    await chidi.join(await link_to(bola, here(bola, space)))

    await until(lambda: space in chidi.road.spaces and here(chidi, space).state == "member")
    await until_same(space, amina, bola, chidi)
