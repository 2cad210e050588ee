"""What an export holds: all that can be read, for people and programs that never heard of this one."""

import base64
import json
import stat
import zlib
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgpack
import nacl.bindings
import nacl.signing
import pytest
from mastodon_exports import as_zip, create, export, note, picture

from identity.errors import Refused
from identity.keys import to_did
from node.export import export_space
from node.importing.bringing import import_archive
from node.ingest import writing
from node.ingest.spaces import Space
from node.runtime import Node
from node.store import queries
from node.store.queries import PostLine

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
PICTURE = "media_attachments/files/1/original/bee.png"


@pytest.fixture
async def garden(node: Node, tmp_path: Path) -> Space:
    """A space with an imported picture, a thread, an edit, a retraction and a page."""
    space = await node.found("Garden")
    archive = as_zip(tmp_path / "a.zip", export(create(note(1, attachment=[picture(f"/{PICTURE}")])), **{PICTURE: PNG}))
    await import_archive(node.road, space, archive)
    first = await node.road.submit(space, await writing.post_command(node.road, space, "First\nü 🌿", None))
    answer = await node.road.submit(space, await writing.post_command(node.road, space, "Answer", first.id))
    await node.road.submit(space, await writing.edit_command(node.road, answer.id, "Better answer"))
    gone = await node.road.submit(space, await writing.post_command(node.road, space, "Secret", first.id))
    await node.road.submit(space, await writing.retract_command(node.road, space, gone.id))
    await writing.edit_page(node.road, space, "Our garden", "Come in.")
    return space


async def exported(node: Node, space: Space, path: Path, **options: Any) -> list[dict[str, Any]]:
    await export_space(node.road, space, path, **options)
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


async def lines_of(node: Node, space: Space) -> list[PostLine]:
    return await node.database.read(lambda db: queries.by_person(db, space.index.no, node.me.person, 1000))


def of_kind(lines: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [line for line in lines if line.get("kind") == kind]


async def test_the_first_line_names_the_format_the_space_and_the_digest(
    node: Node, garden: Space, tmp_path: Path
) -> None:
    head = (await exported(node, garden, tmp_path / "out.jsonl"))[0]

    assert head == {
        "format": "commons/export/1", "space": garden.id.hex(), "name": "Garden", "by": to_did(node.me.person),
        "digest": garden.history.root().hex(), "raw": False,
    }  # fmt: skip


async def test_everything_readable_is_in_it(node: Node, garden: Space, tmp_path: Path) -> None:
    lines = await exported(node, garden, tmp_path / "out.jsonl")

    (person,) = of_kind(lines, "person")
    (page,) = of_kind(lines, "page")
    posts = {line["text"]: line for line in of_kind(lines, "post")}
    assert (person["name"], person["person"], len(person["devices"])) == ("Ana", to_did(node.me.person), 1)
    assert (page["title"], page["text"], bool(page["history"])) == ("Our garden", "Come in.", True)
    assert set(posts) == {"Post 1", "First\nü 🌿", "Better answer", ""}
    assert posts["Better answer"]["reply_to"] == posts["First\nü 🌿"]["id"]
    assert [each["text"] for each in posts["Better answer"]["history"]] == ["Answer", "Better answer"]
    assert (posts[""]["retracted"], posts[""]["reply_to"]) == (True, posts["First\nü 🌿"]["id"])
    assert posts["Post 1"]["url"] == "https://garden.example/@ana/1"
    assert posts["Post 1"]["published"] == 1_683_021_600_000


async def test_what_was_taken_back_is_in_no_line(node: Node, garden: Space, tmp_path: Path) -> None:
    await exported(node, garden, tmp_path / "out.jsonl", raw=True)

    assert b"Secret" not in (tmp_path / "out.jsonl").read_bytes()


async def test_pictures_lie_beside_the_file(node: Node, garden: Space, tmp_path: Path) -> None:
    lines = await exported(node, garden, tmp_path / "out.jsonl")

    (media,) = next(line["media"] for line in of_kind(lines, "post") if "media" in line)
    assert (tmp_path / media["path"]).read_bytes() == PNG
    assert (media["type"], media["alt"], media["size"]) == ("image/png", "A bee on thyme", len(PNG))


async def test_an_export_imported_elsewhere_gives_the_same_posts(node: Node, garden: Space, tmp_path: Path) -> None:
    await export_space(node.road, garden, tmp_path / "out.jsonl")
    other = await node.found("Orchard")

    progress = await import_archive(node.road, other, tmp_path / "out.jsonl")
    again = await import_archive(node.road, other, tmp_path / "out.jsonl")

    assert (progress.imported, progress.media, again.imported, again.already) == (3, 1, 0, 3)
    assert await outline(node, other) == [each for each in await outline(node, garden) if each[0]]


async def outline(node: Node, space: Space) -> list[tuple[Any, ...]]:
    """Return text, original date, address, pictures and the text of what is answered, of every post."""
    lines = await lines_of(node, space)
    texts = {line.id: line.text for line in lines}
    return sorted(
        (line.text, line.published if line.published is not None else line.time, line.address or "",
         line.media or b"", texts[line.parent] if line.parent else "", texts[line.thread] if line.thread else "")
        for line in lines
    )  # fmt: skip


async def test_an_export_imported_where_it_came_from_changes_nothing(node: Node, garden: Space, tmp_path: Path) -> None:
    await export_space(node.road, garden, tmp_path / "out.jsonl")
    digest = garden.history.root()

    progress = await import_archive(node.road, garden, tmp_path / "out.jsonl")

    assert (progress.imported, progress.already, garden.history.root()) == (0, 3, digest)


async def test_other_peoples_words_are_never_imported_as_ones_own(node: Node, garden: Space, tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    lines = await exported(node, garden, path)
    stranger = to_did(bytes(31) + b"\x01")
    lines[0]["by"] = stranger
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    other = await node.found("Orchard")

    progress = await import_archive(node.road, other, path)

    assert progress.imported == 0
    assert progress.skipped["posts by someone else"] == 4


async def test_a_raw_export_is_verified_without_this_program(node: Node, garden: Space, tmp_path: Path) -> None:
    lines = await exported(node, garden, tmp_path / "out.jsonl", raw=True)

    heads: dict[bytes, bytes] = {}
    kinds = []
    for line in of_kind(lines, "change"):
        signature, header, body = msgpack.unpackb(base64.b64decode(line["change"]))
        fields = msgpack.unpackb(header)
        nacl.signing.VerifyKey(fields[2]).verify(b"commons/change/1" + header, signature)
        assert blake2b(signature + header, digest_size=32).hexdigest() == line["id"]
        assert fields[4] == heads.get(fields[2], b"")
        heads[fields[2]] = bytes.fromhex(line["id"])
        if body is not None:
            assert blake2b(body, digest_size=32).digest() == fields[9]
            kinds.append(opened(header, fields, body, bytes.fromhex(line["key"]))[0])
    assert len(of_kind(lines, "change")) == garden.history.size
    talk = {"post.write", "post.import", "post.edit", "post.retract", "doc.edit", "profile.set"}
    assert {"space.found", *talk} == set(kinds)


def opened(header: bytes, fields: list[Any], body: bytes, key: bytes) -> list[Any]:
    """Open a body as the documentation of the format says."""
    start = header[: len(header) - len(msgpack.packb(fields[9])) - len(msgpack.packb(fields[10]))]
    decrypt = nacl.bindings.crypto_aead_xchacha20poly1305_ietf_decrypt
    plain = decrypt(body[24:], start, body[:24], key)
    packed = zlib.decompress(plain[1:], -15) if plain[0] else plain[1:]
    found: list[Any] = msgpack.unpackb(packed)
    return found


async def test_an_erased_change_comes_with_what_erased_it(node: Node, garden: Space, tmp_path: Path) -> None:
    lines = await exported(node, garden, tmp_path / "out.jsonl", raw=True)

    (erased,) = [line for line in of_kind(lines, "change") if "erased_by" in line]
    assert msgpack.unpackb(base64.b64decode(erased["change"]))[2] is None
    assert erased["key"] is None


async def test_an_earlier_export_is_replaced_and_nothing_else_is(node: Node, garden: Space, tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    mine = tmp_path / "diary.txt"
    mine.write_text("Dear diary")
    link = tmp_path / "link.jsonl"
    link.symlink_to(mine)
    await export_space(node.road, garden, path)
    await export_space(node.road, garden, path)

    for place in (mine, link, tmp_path, tmp_path / "none" / "out.jsonl", node.folder / "keys.json"):
        with pytest.raises(Refused):
            await export_space(node.road, garden, place)

    assert mine.read_text() == "Dear diary"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(each.name for each in tmp_path.glob("*out*")) == ["out.jsonl", "out.media"]


async def test_many_posts_are_exported_in_portions(node: Node, tmp_path: Path) -> None:
    space = await node.found("Garden")
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps({"text": f"Post {n}", "published": n}) + "\n" for n in range(450)))
    await import_archive(node.road, space, source)

    lines = await exported(node, space, tmp_path / "out.jsonl")

    assert sorted(line["text"] for line in of_kind(lines, "post")) == sorted(f"Post {n}" for n in range(450))
