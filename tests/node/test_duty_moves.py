"""The office of sealing goes over to the laptop that ends the one that had it; and a key leaves who was removed."""

import shutil
from pathlib import Path

from cables import meet
from gardens import QUICK, decided, garden_of, here, law
from loopback import Neighbourhood, link_to, until
from test_moving import packed, unpacked

from identity.keys import to_did
from node.ingest import recovery
from node.runtime import Node
from ui.operations import perform


def seals(node: Node, space: bytes) -> bool:
    return law(node, space).present().is_duty_device(node.road.device.public)


async def test_a_restored_laptop_seals_once_it_has_ended_the_one_it_came_from(
    start: Neighbourhood, tmp_path: Path
) -> None:
    (amina, bola), space = await garden_of(start, "Amina", "Bola")
    old = amina.road.device.public
    await amina.close()
    shutil.copytree(tmp_path / "Amina", tmp_path / "copy")
    again = await start.nameless("copy")
    await again.stop_network()
    await bola.stop_network()
    await meet(space, again, bola)
    before = seals(again, space)
    await perform(again, "revoke", {"space": space.hex(), "device": to_did(old)})
    await meet(space, again, bola)
    for node in (again, bola):
        await node.start_network()
    again.neighbours.learn(bola.addresses)

    await decided(space, [again, bola], ["rule", "invitations", 7])

    assert not before
    assert seals(again, space)
    for node in (again, bola):
        assert law(node, space).present().sealed.charter["invitations"] == 7


async def test_after_a_move_by_archive_the_new_laptop_seals_once_the_old_one_is_ended(
    start: Neighbourhood, tmp_path: Path
) -> None:
    old = await start("Amina")
    space = (await old.found("Garden", QUICK)).id
    await packed(old, here(old, space), tmp_path / "garden.commons")
    await old.close()
    new = await start.nameless("elsewhere")
    await unpacked(new, tmp_path / "garden.commons")
    before = seals(new, space)

    await perform(new, "revoke_everywhere", {"device": to_did(old.road.device.public)})
    await decided(space, [new], ["rule", "invitations", 9])

    assert not before
    assert law(new, space).present().sealed.charter["invitations"] == 9


async def test_when_one_who_is_trusted_is_removed_the_key_is_shared_anew_without_them(start: Neighbourhood) -> None:
    (amina, bola, chidi, dina), space = await garden_of(start, "Amina", "Bola", "Chidi", "Dina")
    people = [bola.road.me, chidi.road.me, dina.road.me]
    await recovery.share_key(amina.road, amina.me, here(amina, space), people, 2)

    await decided(space, [amina, bola, dina], ["remove", chidi.road.me])

    async def anew() -> bool:
        sharing = await recovery.sharing_of(amina.road, here(amina, space), amina.me.person)
        return sharing is not None and {part[0] for part in sharing.parts} == {bola.road.me, dina.road.me}

    await until(anew)


async def test_a_laptop_that_was_ended_seals_no_more(start: Neighbourhood) -> None:
    (amina, bola), space = await garden_of(start, "Amina", "Bola")
    phone = await start.nameless("phone")
    await phone.add_to_person(await link_to(amina, here(amina, space), device=True))
    await until(lambda: space in phone.road.spaces and law(phone, space).person_of(phone.road.device.public))
    await until(lambda: law(bola, space).person_of(phone.road.device.public) == amina.me.person)
    await amina.stop_network()
    phone.neighbours.learn(bola.addresses)
    await perform(phone, "revoke", {"space": space.hex(), "device": to_did(amina.road.device.public)})

    await decided(space, [phone, bola], ["rule", "invitations", 7])

    assert seals(phone, space)
    assert law(bola, space).present().sealed.charter["invitations"] == 7
    assert law(amina, space).present().sealed.charter["invitations"] != 7
