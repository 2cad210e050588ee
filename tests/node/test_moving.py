"""Taking a space along: what an archive holds comes back on another node, with the same identity and the same roles."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gardens import QUICK, decided, here, law, texts
from loopback import DAY_MS, Neighbourhood, link_to, same, until
from mastodon_exports import as_zip, create, export, note, picture

from crdt.change import digest
from identity.errors import CommonsError, Refused
from identity.keys import SigningKey
from node.domain.law.membership import LeaveSpace
from node.domain.posts import WritePost
from node.importing.bringing import import_archive
from node.ingest import writing
from node.ingest.spaces import Space
from node.moving.manifest import KEYS, MANIFEST, SIGNATURE, Kept, sign
from node.moving.packing import Wish, pack
from node.moving.unpacking import Archive, Unpacked, free_slot, unpack
from node.runtime import Node
from node.store import blobs

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
PICTURE = "media_attachments/files/1/original/bee.png"
PASSPHRASE = "seven quiet otters"


async def garden(node: Node, folder: Path) -> Space:
    """Return a space with a decision, a picture, a thread, an edit, a retraction and a page."""
    space = await node.found("Garden", QUICK)
    archive = as_zip(folder / "a.zip", export(create(note(1, attachment=[picture(f"/{PICTURE}")])), **{PICTURE: PNG}))
    await import_archive(node.road, space, archive)
    first = await node.road.submit(space, await writing.post_command(node.road, space, "First", None))
    answer = await node.road.submit(space, await writing.post_command(node.road, space, "Answer", first.id))
    await node.road.submit(space, await writing.edit_command(node.road, answer.id, "Better answer"))
    gone = await node.road.submit(space, await writing.post_command(node.road, space, "Secret", first.id))
    await node.road.submit(space, await writing.retract_command(node.road, space, gone.id))
    await writing.edit_page(node.road, space, "Our garden", "Come in.")
    await decided(space.id, [node], ["role", node.road.me, "treasurer", "", node.clock_ms() + 30 * DAY_MS])
    return here(node, space.id)


async def packed(node: Node, space: Space, path: Path, keys: Kept = "identity") -> Path:
    await pack(node.road, node.me, here(node, space.id), path, Wish(keys, PASSPHRASE, await node.name()))
    return path


async def unpacked(node: Node, path: Path, passphrase: str = PASSPHRASE) -> Unpacked:
    """Take an archive in; whoever is nobody yet becomes its person."""
    with Archive(path) as archive:
        carried = archive.keys(passphrase)
        if not node.is_ready:
            assert carried is not None
            await node.name_yourself(carried.name, None, carried.root, free_slot(archive, carried))
        return await unpack(node.road, node.me, archive, carried)


async def test_another_node_becomes_the_same_person_with_the_same_roles(start: Neighbourhood, tmp_path: Path) -> None:
    old = await start("Amina")
    space = await garden(old, tmp_path)
    await packed(old, space, tmp_path / "garden.commons")
    await old.close()
    new = await start.nameless("elsewhere")

    found = await unpacked(new, tmp_path / "garden.commons")

    assert found.whole
    assert (new.me.person, await new.name()) == (old.me.person, "Amina")
    assert new.road.device.public != old.road.device.public
    assert here(new, space.id).state == "member"
    assert law(new, space.id).present().has_role(new.me.person, "treasurer", new.clock_ms())
    assert law(new, space.id).present().has_role(new.me.person, "steward", new.clock_ms())
    assert "First" in await texts(new, space.id)
    assert await new.database.read(lambda db: blobs.get_blob(db, digest(PNG))) is not None


async def test_the_new_device_writes_with_the_space_s_keys_also_after_a_new_start(
    start: Neighbourhood, tmp_path: Path
) -> None:
    old = await start("Amina")
    space = await garden(old, tmp_path)
    await packed(old, space, tmp_path / "garden.commons")
    new = await start.nameless("elsewhere")
    await unpacked(new, tmp_path / "garden.commons")
    await new.close()
    new = await start.nameless("elsewhere")

    change = await new.road.submit(here(new, space.id), WritePost("from elsewhere", None, None, []))

    assert change.header.epoch
    assert here(new, space.id).secrets.present["talk"] == here(old, space.id).secrets.present["talk"]
    old.neighbours.learn(new.addresses)
    await until(lambda: same(space.id, old, new))
    assert "from elsewhere" in await texts(old, space.id)


async def test_an_archive_without_keys_brings_a_member_what_they_lack(start: Neighbourhood, tmp_path: Path) -> None:
    amina, bola = await start("Amina"), await start("Bola")
    space = await amina.found("Garden", QUICK)
    await bola.join(await link_to(amina, space))
    await until(lambda: space.id in bola.road.spaces and here(bola, space.id).state == "member")
    await until(lambda: same(space.id, amina, bola))
    await bola.stop_network()
    await amina.road.submit(here(amina, space.id), WritePost("carried on a stick", None, None, []))
    await packed(amina, space, tmp_path / "garden.commons", "none")

    found = await unpacked(bola, tmp_path / "garden.commons")

    assert (found.changes, found.whole) == (1, True)
    assert "carried on a stick" in await texts(bola, space.id)
    assert (await unpacked(bola, tmp_path / "garden.commons")).changes == 0


async def test_an_archive_without_keys_says_nothing_to_a_stranger(start: Neighbourhood, tmp_path: Path) -> None:
    amina, bola = await start("Amina"), await start("Bola")
    space = await garden(amina, tmp_path)
    await packed(amina, space, tmp_path / "garden.commons", "none")

    with pytest.raises(Refused, match="carries no keys"):
        await unpacked(bola, tmp_path / "garden.commons")

    assert bola.road.spaces == {}
    with zipfile.ZipFile(tmp_path / "garden.commons") as zipped:
        assert KEYS not in zipped.namelist()


async def test_the_space_s_keys_alone_let_a_stranger_read_and_make_nobody_a_member(
    start: Neighbourhood, tmp_path: Path
) -> None:
    amina, bola = await start("Amina"), await start("Bola")
    space = await garden(amina, tmp_path)
    await packed(amina, space, tmp_path / "garden.commons", "space")

    await unpacked(bola, tmp_path / "garden.commons")

    assert here(bola, space.id).state == "left"
    assert "First" in await texts(bola, space.id)
    assert set(law(bola, space.id).members()) == {amina.me.person}
    with pytest.raises(Refused):
        await bola.road.submit(here(bola, space.id), WritePost("me too", None, None, []))


async def test_who_has_left_takes_everything_along_and_is_no_member_there(start: Neighbourhood, tmp_path: Path) -> None:
    amina, bola = await start("Amina"), await start("Bola")
    space = await amina.found("Garden", QUICK)
    await bola.join(await link_to(amina, space))
    await until(lambda: space.id in bola.road.spaces and here(bola, space.id).state == "member")
    await bola.road.submit(here(bola, space.id), WritePost("mine", None, None, []))
    await bola.road.submit(here(bola, space.id), LeaveSpace())
    await packed(bola, space, tmp_path / "garden.commons")
    new = await start.nameless("elsewhere")

    await unpacked(new, tmp_path / "garden.commons")

    assert new.me.person == bola.me.person
    assert here(new, space.id).state == "left"
    assert "mine" in await texts(new, space.id)


async def test_the_archive_is_readable_by_other_programs(start: Neighbourhood, tmp_path: Path) -> None:
    amina = await start("Amina")
    space = await garden(amina, tmp_path)
    await packed(amina, space, tmp_path / "garden.commons")

    with zipfile.ZipFile(tmp_path / "garden.commons") as zipped:
        lines = [json.loads(line) for line in zipped.read("readable.jsonl").splitlines()]
        shown = [medium for line in lines for medium in line.get("media", ())]
        assert [digest(zipped.read(medium["path"])) for medium in shown] == [digest(PNG)]
        assert {info.compress_type for info in zipped.infolist()} == {zipfile.ZIP_STORED}

    assert {"person", "page", "post"} <= {line.get("kind") for line in lines[1:]}
    assert (tmp_path / "garden.commons").stat().st_mode & 0o077 == 0


async def test_no_key_lies_open_in_an_archive(start: Neighbourhood, tmp_path: Path) -> None:
    amina = await start("Amina")
    space = await garden(amina, tmp_path)

    raw = (await packed(amina, space, tmp_path / "garden.commons")).read_bytes()

    assert amina.me.root is not None
    keys = [amina.me.root.seed, amina.road.device.seed, *space.secrets.by_name.values(), space.secrets.discovery]
    assert not any(key in raw or key.hex().encode() in raw for key in keys)


async def test_keys_without_a_passphrase_are_refused_and_nothing_is_written(
    start: Neighbourhood, tmp_path: Path
) -> None:
    amina = await start("Amina")
    space = await amina.found("Garden")

    with pytest.raises(Refused, match="passphrase"):
        await pack(amina.road, amina.me, space, tmp_path / "garden.commons", Wish("space", "", ""))
    (tmp_path / "diary").write_text("dear diary")
    with pytest.raises(Refused, match="not overwritten"):
        await pack(amina.road, amina.me, space, tmp_path / "diary", Wish())

    assert not (tmp_path / "garden.commons").exists()
    assert (tmp_path / "diary").read_text() == "dear diary"


# -- what means harm ---------------------------------------------------------------------------------------------------

Alter = Callable[[dict[str, bytes]], None]


def altered(path: Path, alter: Alter) -> Path:
    """Return a copy of an archive in which something was altered."""
    with zipfile.ZipFile(path) as zipped:
        files = {name: zipped.read(name) for name in zipped.namelist()}
    alter(files)
    target = path.with_name("altered.commons")
    with zipfile.ZipFile(target, "w") as zipped:
        for name, data in files.items():
            zipped.writestr(name, data)
    return target


def flip(name: str, at: int = -10) -> Alter:
    def alter(files: dict[str, bytes]) -> None:
        found = next(each for each in files if each.startswith(name))
        data = bytearray(files[found])
        data[at] ^= 1
        files[found] = bytes(data)

    return alter


def add(name: str, data: bytes) -> Alter:
    return lambda files: files.update({name: data})


def drop(name: str) -> Alter:
    return lambda files: files.pop(next(each for each in files if each.startswith(name))) and None


ALTERED: dict[str, Alter] = {
    "a change": flip("changes/"),
    "the keys": flip(KEYS),
    "a picture": flip("media/"),
    "the words for people": flip("readable"),
    "the manifest": flip(MANIFEST),
    "the signature": flip(SIGNATURE),
    "a change left out": drop("changes/"),
    "the keys left out": drop(KEYS),
    "the signature left out": drop(SIGNATURE),
    "a file more": add("changes/000009", b"x"),
    "a path that leads out": add("../../home/.profile", b"evil"),
    "a path from the root": add("/etc/passwd", b"evil"),
    "a path of another system": add("C:\\autorun", b"evil"),
    "no archive": lambda files: files.clear(),
}


@pytest.mark.parametrize("what", sorted(ALTERED))
async def test_nothing_of_an_altered_archive_is_taken_in(start: Neighbourhood, tmp_path: Path, what: str) -> None:
    amina = await start("Amina")
    space = await garden(amina, tmp_path)
    path = altered(await packed(amina, space, tmp_path / "garden.commons"), ALTERED[what])
    bola = await start("Bola")
    before = sorted(tmp_path.iterdir())

    with pytest.raises(Refused):
        await unpacked(bola, path)

    assert bola.road.spaces == {}
    assert sorted(tmp_path.iterdir()) == before


async def test_a_wrong_passphrase_opens_nothing(start: Neighbourhood, tmp_path: Path) -> None:
    amina, bola = await start("Amina"), await start("Bola")
    space = await garden(amina, tmp_path)
    await packed(amina, space, tmp_path / "garden.commons")

    for wrong in ("seven quiet otter", ""):
        with pytest.raises(Refused):
            await unpacked(bola, tmp_path / "garden.commons", wrong)

    assert bola.road.spaces == {}


def resigned(path: Path, key: SigningKey, change: Callable[[dict[str, Any], dict[str, bytes]], None]) -> Path:
    """Return a copy whose manifest was altered and signed again."""

    def alter(files: dict[str, bytes]) -> None:
        fields = json.loads(files[MANIFEST])
        change(fields, files)
        files[MANIFEST] = json.dumps(fields).encode()
        files[SIGNATURE] = sign(files[MANIFEST], key)

    return altered(path, alter)


async def test_an_archive_signed_by_somebody_else_is_refused(start: Neighbourhood, tmp_path: Path) -> None:
    amina, bola = await start("Amina"), await start("Bola")
    path = await packed(amina, await garden(amina, tmp_path), tmp_path / "garden.commons")

    with pytest.raises(Refused):
        await unpacked(bola, resigned(path, bola.road.device, lambda _fields, _files: None))

    assert bola.road.spaces == {}


@pytest.mark.parametrize("size", [10**15, 2**70, -1, "many", None])
async def test_a_member_of_a_size_that_cannot_be_is_refused_before_it_is_read(
    start: Neighbourhood, tmp_path: Path, size: object
) -> None:
    amina, bola = await start("Amina"), await start("Bola")
    path = await packed(amina, await garden(amina, tmp_path), tmp_path / "garden.commons")

    def enlarge(fields: dict[str, Any], _files: dict[str, bytes]) -> None:
        fields["files"][0][1] = size

    with pytest.raises(Refused):
        await unpacked(bola, resigned(path, amina.road.device, enlarge))


async def test_a_member_that_swells_is_refused(start: Neighbourhood, tmp_path: Path) -> None:
    amina, bola = await start("Amina"), await start("Bola")
    path = await packed(amina, await garden(amina, tmp_path), tmp_path / "garden.commons")
    bomb = tmp_path / "bomb.commons"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, bytes(80 * 1024 * 1024) if name == MANIFEST else old.read(name))

    with pytest.raises(Refused):
        await unpacked(bola, bomb)


async def test_keys_that_ask_for_too_much_work_are_refused(start: Neighbourhood, tmp_path: Path) -> None:
    amina, bola = await start("Amina"), await start("Bola")
    path = await packed(amina, await garden(amina, tmp_path), tmp_path / "garden.commons")

    def burden(fields: dict[str, Any], files: dict[str, bytes]) -> None:
        keys = json.loads(files[KEYS])
        keys["kdf"]["memory_bytes"] = 2**50
        files[KEYS] = json.dumps(keys).encode()
        place = next(each for each in fields["files"] if each[0] == KEYS)
        place[1:] = [len(files[KEYS]), digest(files[KEYS]).hex()]

    with pytest.raises(Refused):
        await unpacked(bola, resigned(path, amina.road.device, burden))


async def test_a_forged_change_is_refused_even_if_the_archive_is_well_signed(
    start: Neighbourhood, tmp_path: Path
) -> None:
    amina, bola = await start("Amina"), await start("Bola")
    space = await garden(amina, tmp_path)
    path = await packed(amina, space, tmp_path / "garden.commons")

    def forge(fields: dict[str, Any], files: dict[str, bytes]) -> None:
        name = fields["files"][0][0]
        flip(name, -10)(files)
        fields["files"][0][2] = digest(files[name]).hex()

    with pytest.raises(CommonsError):
        await unpacked(bola, resigned(path, amina.road.device, forge))

    assert await texts(bola, space.id) == set() if bola.road.spaces else True
