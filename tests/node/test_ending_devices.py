"""Devices that end, between real nodes: void, unreadable, everywhere at once, and only by their own person."""

from dataclasses import replace

import pytest
from cables import meet
from loopback import Neighbourhood, link_to, same, until

from crdt.batch import Batch
from crdt.change import LAW, TALK, Change
from identity.certificates import certify
from identity.errors import Refused
from identity.keys import SigningKey, to_did
from node.domain.law.keys import readers
from node.domain.law.membership import RevokeDevice
from node.domain.law.view import View
from node.domain.posts import WritePost
from node.ingest import belonging, deciding
from node.ingest.spaces import Space
from node.runtime import Node
from node.store import log as store_log
from node.store import queries
from ui.operations import perform


async def say(node: Node, space: Space, text: str) -> None:
    """Write a post past the time of undo, as its pages do: keys are renewed first where somebody has gone."""
    await node.say_later(space, WritePost(text, None, None, []))


async def texts(node: Node, space: bytes) -> set[str]:
    no = node.road.spaces[space].index.no
    return {line.text for line in await node.database.read(lambda db: queries.feed(db, no, None, 100))}


async def reads(node: Node, space: bytes, text: str) -> bool:
    return text in await texts(node, space)


class Household:
    """Amina's laptop and phone, and Bola, all in the garden; Amina alone also has a library."""

    def __init__(self, laptop: Node, phone: Node, bola: Node, garden: bytes, library: bytes) -> None:
        self.laptop, self.phone, self.bola, self.garden, self.library = laptop, phone, bola, garden, library

    @property
    def all(self) -> tuple[Node, Node, Node]:
        return self.laptop, self.phone, self.bola

    def here(self, node: Node, space: bytes | None = None) -> Space:
        return node.road.spaces[space or self.garden]

    async def end(self, node: Node, device: Node) -> None:
        """End a device in all spaces, as its person's pages do."""
        await perform(node, "revoke_everywhere", {"device": to_did(device.road.device.public)})


@pytest.fixture
async def household(start: Neighbourhood) -> Household:
    laptop = await start("Amina")
    garden, library = await laptop.found("Garden"), await laptop.found("Library")
    phone = await start.nameless("phone")
    await phone.add_to_person(await link_to(laptop, garden, device=True))
    bola = await start("Bola")
    await bola.join(await link_to(laptop, garden))
    await until(lambda: same(garden.id, laptop, phone, bola) and same(library.id, laptop, phone))
    for space in (garden, library):
        await until(lambda space=space: laptop.road.spaces[space.id].law.person_of(phone.road.device.public))  # type: ignore[misc]
    return Household(laptop, phone, bola, garden.id, library.id)


async def apart(*nodes: Node) -> None:
    for node in nodes:
        await node.stop_network()


async def encounter(space: bytes, one: Node, other: Node) -> None:
    """Let two meet who have no other neighbour."""
    await apart(one, other)
    await meet(space, one, other)


async def hand(change: Change, node: Node, space: bytes) -> None:
    """Bring a change to a node, as a neighbour would who does not know better."""
    await node.road.receive(node.road.spaces[space], Batch([change], {}), change.header.author)


async def test_what_an_ended_device_says_is_void_and_its_person_goes_on_with_the_other(household: Household) -> None:
    laptop, phone, bola = household.all
    await say(phone, household.here(phone), "before the end")
    await until(lambda: reads(bola, household.garden, "before the end"))
    await until(lambda: reads(laptop, household.garden, "before the end"))
    await phone.stop_network()  # it lies in a train, and hears of nothing
    await household.end(laptop, phone)
    await until(lambda: household.here(bola).law.person_of(phone.road.device.public) is None)

    late = await phone.road.submit(household.here(phone), WritePost("after the end", None, None, []))
    for node in (laptop, bola):
        await hand(late, node, household.garden)
    await say(laptop, household.here(laptop), "I go on")
    await until(lambda: reads(bola, household.garden, "I go on"))

    for node in (laptop, bola):
        assert await texts(node, household.garden) == {"before the end", "I go on"}
        assert set(household.here(node).law.members()) == {laptop.me.person, bola.me.person}


async def test_what_was_heard_from_it_before_its_end_was_heard_of_is_void_too(household: Household) -> None:
    laptop, phone, bola = household.all
    await apart(*household.all)
    await household.end(laptop, phone)
    late = await phone.road.submit(household.here(phone), WritePost("beyond the end", None, None, []))
    await hand(late, bola, household.garden)
    heard = await texts(bola, household.garden)

    await encounter(household.garden, laptop, bola)

    assert heard == {"beyond the end"}
    assert await texts(bola, household.garden) == set()
    assert household.here(bola).history.root() == household.here(laptop).history.root()


async def test_an_ended_device_reads_nothing_of_what_is_said_after_the_keys_changed(household: Household) -> None:
    laptop, phone, bola = household.all
    await phone.stop_network()
    before = household.here(phone).secrets.by_name.keys()
    await household.end(laptop, phone)
    await until(lambda: household.here(laptop).law.person_of(phone.road.device.public) is None)
    await say(laptop, household.here(laptop), "for those who are left")
    await until(lambda: reads(bola, household.garden, "for those who are left"))

    view = household.here(bola).law.present()
    numbers = await bola.database.read(lambda db: store_log.numbers_of(db, household.here(bola).index.no))
    stored = await bola.database.read(lambda db: store_log.read_changes(db, household.here(bola).index, numbers))
    (post,) = [
        one.change for one in stored if one.change.header.klass == TALK and one.change.header.time > view_ms(view)
    ]
    assert post.header.epoch not in before
    assert phone.road.device.public not in readers(view)
    handed = [one.change for one in stored if one.change.header.klass == LAW][-1]
    await hand(handed, phone, household.garden)  # somebody even brings it the rotation
    await hand(post, phone, household.garden)
    assert not await reads(phone, household.garden, "for those who are left")
    assert post.header.epoch not in household.here(phone).secrets.by_name


def view_ms(view: View) -> int:
    """Return when somebody ended a device."""
    return max(ending.act.time for endings in view.law.endings.values() for ending in endings)


async def test_a_lost_device_is_ended_in_all_spaces_at_once(household: Household) -> None:
    laptop, phone, _ = household.all
    both = (household.garden, household.library)
    assert all(household.here(laptop, space).law.person_of(phone.road.device.public) for space in both)

    await household.end(laptop, phone)

    assert not any(household.here(laptop, space).law.person_of(phone.road.device.public) for space in both)
    with pytest.raises(Refused, match="ended already"):
        await household.end(laptop, phone)


async def test_a_device_is_ended_in_one_space_alone(household: Household) -> None:
    laptop, phone, _ = household.all
    device = phone.road.device.public

    await perform(laptop, "revoke", {"space": household.library.hex(), "device": to_did(device)})

    assert household.here(laptop, household.library).law.person_of(device) is None
    assert household.here(laptop).law.person_of(device) == laptop.me.person


async def test_a_device_that_an_ended_device_added_does_not_count(household: Household, start: Neighbourhood) -> None:
    laptop, phone, bola = household.all
    await apart(phone, bola)
    tablet = await start.nameless("tablet")  # a thief has the laptop, and with it the key that adds devices
    await tablet.add_to_person(await link_to(laptop, household.here(laptop), device=True))
    await until(lambda: same(household.garden, laptop, tablet))
    await household.end(phone, laptop)
    await encounter(household.garden, laptop, bola)
    believed = household.here(bola).law.person_of(tablet.road.device.public)

    await encounter(household.garden, phone, bola)

    assert believed == laptop.me.person
    for node in (phone, bola):
        assert household.here(node).law.person_of(laptop.road.device.public) is None
        assert household.here(node).law.person_of(tablet.road.device.public) is None
        assert household.here(node).law.person_of(phone.road.device.public) == laptop.me.person


async def test_the_only_device_is_not_ended_and_nobodys_else_is(household: Household) -> None:
    laptop, phone, bola = household.all

    with pytest.raises(Refused, match="only device"):
        await household.end(bola, bola)
    with pytest.raises(Refused, match="using"):
        await household.end(laptop, laptop)
    with pytest.raises(Refused, match="no such device"):
        await household.end(bola, phone)
    with pytest.raises(Refused, match="ended by its own person"):
        await perform(bola, "revoke", {"space": household.garden.hex(), "device": to_did(phone.road.device.public)})
    with pytest.raises(Refused, match="ended by its own person"):
        await deciding.submit(bola.road, household.here(bola), RevokeDevice(phone.road.device.public, 1))
    await bola.road.submit(household.here(bola), RevokeDevice(phone.road.device.public, 1))  # past its own pages
    await until(lambda: same(household.garden, laptop, phone, bola))

    assert household.here(laptop).law.person_of(phone.road.device.public) == laptop.me.person


async def test_what_an_ended_device_said_of_a_third_is_undone_where_it_was_believed(
    household: Household, start: Neighbourhood
) -> None:
    laptop, phone, bola = household.all
    tablet = await start.nameless("tablet")
    await tablet.add_to_person(await link_to(laptop, household.here(laptop), device=True))
    await until(lambda: same(household.garden, laptop, phone, bola, tablet))
    await apart(*household.all, tablet)
    await household.end(laptop, phone)
    theft = await deciding.submit(phone.road, household.here(phone), RevokeDevice(tablet.road.device.public, 0))
    await hand(theft, bola, household.garden)
    await tablet.road.submit(household.here(tablet), WritePost("from the tablet", None, None, []))
    believed = household.here(bola).law.person_of(tablet.road.device.public)

    await encounter(household.garden, laptop, bola)
    await encounter(household.garden, tablet, bola)
    await encounter(household.garden, laptop, bola)

    assert believed is None
    for node in (laptop, bola, tablet):
        assert household.here(node).law.person_of(tablet.road.device.public) == laptop.me.person
        assert household.here(node).law.person_of(phone.road.device.public) is None
        assert await reads(node, household.garden, "from the tablet")


async def test_two_devices_that_end_each_other_in_a_partition_are_both_ended_for_all(
    household: Household, start: Neighbourhood
) -> None:
    laptop, phone, bola = household.all
    chidi = await start("Chidi")
    await chidi.join(await link_to(laptop, household.here(laptop)))
    await until(lambda: same(household.garden, laptop, phone, bola, chidi))
    await apart(laptop, phone, bola, chidi)
    await household.end(laptop, phone)
    await household.end(phone, laptop)
    await encounter(household.garden, laptop, bola)
    await encounter(household.garden, phone, chidi)

    for node, text in ((bola, "in one half"), (chidi, "in the other")):  # who writes changes the keys first
        await say(node, household.here(node), text)
        await until(lambda node=node, text=text: reads(node, household.garden, text))  # type: ignore[misc]
    await encounter(household.garden, bola, chidi)

    for node in (bola, chidi):
        law = household.here(node).law
        assert [law.person_of(one.road.device.public) for one in (laptop, phone)] == [None, None]
        assert set(law.members()) == {bola.me.person, chidi.me.person}
        assert await texts(node, household.garden) == {"in one half", "in the other"}


async def test_a_device_does_not_try_to_enter_where_its_person_is_no_member(start: Neighbourhood) -> None:
    amina = await start("Amina")
    garden = await amina.found("Garden")
    own, stranger = amina.road.device, SigningKey.generate()
    amina.road.device = SigningKey.generate()
    certificate = certify(stranger, amina.road.device.public, 0, amina.clock_ms())
    before = garden.history.size

    await belonging.enter(amina.road, replace(amina.me, certificate=certificate), garden)
    amina.road.device = own

    assert amina.road.spaces[garden.id].history.size == before
