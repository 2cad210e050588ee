"""A person's several devices: added by a link, entered after a restore."""

import shutil
from pathlib import Path

import pytest
from loopback import Neighbourhood, link_to, same, until

from crdt.batch import Batch
from crdt.change import Change, Header, encode_body, make
from identity.certificates import certify
from identity.errors import Refused
from identity.keys import SigningKey
from node.domain.area import wire_fields
from node.domain.law.membership import CertifyDevice
from node.domain.posts import EditPost, WritePost
from node.ingest.spaces import Space
from node.ingest.writing import post_command
from node.runtime import Node, now_ms
from node.store import queries
from node.store.readmodel import dangling_subjects


def make_post(space: Space, key: SigningKey, seq: int, prev: bytes, command: WritePost | EditPost) -> Change:
    """Sign a command of talk without a node."""
    deps = space.history.next_deps(key.public, 32)
    header = Header(space.id, key.public, seq, prev, deps, now_ms(), command.klass, b"", b"", 0)
    return make(header, encode_body(command.kind, wire_fields(command)), key, space.secret_for(command.klass))


def head(space: Space, node: Node) -> tuple[int, bytes]:
    """Return where a node's log goes on in a space."""
    log = space.history.logs[node.road.device.public]
    return log.seq + 1, log.head


async def test_a_second_device_acts_for_the_same_person_in_every_space(start: Neighbourhood) -> None:
    laptop = await start("Amina")
    garden, library = await laptop.found("Garden"), await laptop.found("Seed library")
    phone = await start.nameless("phone")

    await phone.add_to_person(await link_to(laptop, garden, device=True))
    await until(lambda: same(garden.id, laptop, phone) and same(library.id, laptop, phone))
    there = phone.road.spaces[library.id]
    await until(lambda: there.law.person_of(phone.road.device.public))
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


async def test_nobody_makes_anothers_device_their_own(start: Neighbourhood) -> None:
    amina, eve = await start("Amina"), await start("Eve")
    garden = await amina.found("Garden")
    await eve.join(await link_to(amina, garden))
    await until(lambda: same(garden.id, amina, eve))
    root = eve.me.root
    assert root is not None
    stolen = amina.road.device.public

    hers = eve.road.spaces[garden.id]
    await eve.road.submit(hers, CertifyDevice(b"", certify(root, stolen, 7, now_ms()), []))
    await until(lambda: same(garden.id, amina, eve))

    for space in (garden, hers):
        assert space.law.person_of(stolen) == amina.me.person
        assert len(space.law.devices_of(eve.me.person)) == 1


async def test_what_is_said_about_a_post_before_it_comes_counts_when_it_comes(start: Neighbourhood) -> None:
    amina, bola = await start("Amina"), await start("Bola")
    garden = await amina.found("Garden")
    await bola.join(await link_to(amina, garden, uses=2))
    await until(lambda: same(garden.id, amina, bola))
    await bola.stop_network()
    other = SigningKey.generate()
    post = make_post(garden, other, 1, b"", WritePost("first", None, None, []))
    edit = make_post(garden, bola.road.device, *head(garden, bola), EditPost(post.id, "not mine to edit"))

    await amina.road.receive(garden, Batch([edit], {}), bola.road.device.public)
    dangling = set(garden.dangling)
    mine = await amina.road.submit(garden, WritePost("second", None, None, []))

    assert dangling == {post.id}
    assert mine.id not in garden.dangling
    reopened = await amina.road.database.read(lambda db: dangling_subjects(db, garden.index.no))
    assert reopened == {post.id}
