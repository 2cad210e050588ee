"""Bringing a person's past in: once each, in threads, resumable, with pictures."""

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from mastodon_exports import ME, as_tar, as_zip, create, export, note, picture, write_lines

from crdt.change import digest
from identity.errors import Refused
from node.config import Config
from node.domain.media import MAX_MEDIA_BYTES, MEDIA_TYPES, ending_of, media_type_of
from node.domain.posts import unpack_media
from node.importing import bringing
from node.importing.bringing import Progress, import_archive
from node.importing.threads import source_of
from node.ingest import writing
from node.ingest.spaces import Space
from node.runtime import Node
from node.store import queries
from node.store.blobs import get_blob
from node.store.queries import PostLine

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


async def bring(node: Node, space: Space, path: Path, **options: Any) -> Progress:
    return await import_archive(node.road, space, path, **options)


async def lines_of(node: Node, space: Space) -> list[PostLine]:
    me = node.me.person
    return (await node.database.read(lambda db: queries.by_person(db, space.index.no, me, 1000)))[::-1]


async def texts_of(node: Node, space: Space) -> list[str]:
    return sorted(line.text for line in await lines_of(node, space))


def lines(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"text": f"Post {n}", "published": 1_600_000_000_000 + n, "id": f"post-{n}", **more} for n in range(count)]


async def test_an_imported_post_keeps_its_date_and_address(node: Node, space: Space, tmp_path: Path) -> None:
    progress = await bring(node, space, as_zip(tmp_path / "a.zip", export(create(note(1)))))

    (line,) = await lines_of(node, space)
    assert (progress.imported, progress.already) == (1, 0)
    assert (line.text, line.published, line.address) == ("Post 1", 1_683_021_600_000, "https://garden.example/@ana/1")


async def test_what_was_taken_back_does_not_come_again(node: Node, space: Space, tmp_path: Path) -> None:
    path = as_zip(tmp_path / "a.zip", export(create(note(1))))
    await bring(node, space, path)
    (line,) = await lines_of(node, space)
    await node.road.submit(space, await writing.retract_command(node.road, space, line.id))

    progress = await bring(node, space, path)

    assert (progress.imported, progress.already) == (0, 1)
    assert await texts_of(node, space) == []


async def test_importing_twice_brings_nothing_twice(node: Node, space: Space, tmp_path: Path) -> None:
    path = as_zip(tmp_path / "a.zip", export(*(create(note(n)) for n in range(300))))
    await bring(node, space, path)
    size = space.history.size

    again = await bring(node, space, path)

    assert (again.imported, again.already, space.history.size) == (0, 300, size)


async def test_a_larger_archive_later_brings_only_what_is_new(node: Node, space: Space, tmp_path: Path) -> None:
    await bring(node, space, write_lines(tmp_path, *lines(10)))

    more = await bring(node, space, write_lines(tmp_path, *lines(15)))

    assert (more.imported, more.already) == (5, 10)
    assert await texts_of(node, space) == sorted(f"Post {n}" for n in range(15))


@pytest.mark.parametrize("newest_first", [False, True])
async def test_threads_stay_threads(newest_first: bool, node: Node, space: Space, tmp_path: Path) -> None:
    chain = lines(5)
    for n in range(1, 5):
        chain[n]["reply_to"] = f"post-{n - 1}"

    await bring(node, space, write_lines(tmp_path, *(chain[::-1] if newest_first else chain)))

    found = {line.text: line for line in await lines_of(node, space)}
    first = found["Post 0"]
    assert (first.thread, first.parent, first.replies) == (None, None, 4)
    for n in range(1, 5):
        assert found[f"Post {n}"].parent == found[f"Post {n - 1}"].id
        assert found[f"Post {n}"].thread == first.id


async def test_a_reply_finds_its_post_by_address_and_across_imports(node: Node, space: Space, tmp_path: Path) -> None:
    old = {"text": "Old", "published": 1, "id": "old", "url": "https://garden.example/old"}
    new = {"text": "New", "published": 2, "id": "new", "reply_to": "https://garden.example/old"}
    await bring(node, space, write_lines(tmp_path, old))

    await bring(node, space, write_lines(tmp_path, old, new))

    found = {line.text: line for line in await lines_of(node, space)}
    assert found["New"].parent == found["Old"].id


async def test_a_reply_to_someone_else_begins_a_thread(node: Node, space: Space, tmp_path: Path) -> None:
    elsewhere = note(1, inReplyTo="https://elsewhere.example/9")

    await bring(node, space, as_zip(tmp_path / "a.zip", export(create(elsewhere))))

    assert [line.parent for line in await lines_of(node, space)] == [None]


async def test_posts_that_answer_each_other_in_a_ring_all_come(node: Node, space: Space, tmp_path: Path) -> None:
    ring = lines(3)
    for n in range(3):
        ring[n]["reply_to"] = f"post-{(n + 1) % 3}"
    itself = {"text": "Me", "published": 5, "id": "me", "reply_to": "me"}

    progress = await bring(node, space, write_lines(tmp_path, *ring, itself))

    roots = [line for line in await lines_of(node, space) if line.parent is None]
    assert (progress.imported, len(roots)) == (4, 2)


async def test_what_waits_is_bounded_and_still_comes(
    node: Node, space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bringing, "MAX_WAITING", 3)
    monkeypatch.setattr(bringing, "BATCH_POSTS", 4)
    chain = lines(20)
    for n in range(1, 20):
        chain[n]["reply_to"] = f"post-{n - 1}"

    progress = await bring(node, space, write_lines(tmp_path, *chain[::-1]))

    found = {line.text: line for line in await lines_of(node, space)}
    assert (progress.imported, progress.already, len(found)) == (20, 0, 20)
    assert all(found[f"Post {n}"].parent == found[f"Post {n - 1}"].id for n in range(1, 20))


async def test_a_ring_among_more_than_may_wait_ends(
    node: Node, space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bringing, "MAX_WAITING", 2)
    ring = lines(9)
    for n in range(9):
        ring[n]["reply_to"] = f"post-{(n + 1) % 9}"

    progress = await bring(node, space, write_lines(tmp_path, *ring))

    assert (progress.imported, len(await lines_of(node, space))) == (9, 9)


async def test_a_content_warning_becomes_the_first_line(node: Node, space: Space, tmp_path: Path) -> None:
    await bring(node, space, write_lines(tmp_path, {"text": "Ants!", "published": 1, "summary": "in*sects"}))

    assert await texts_of(node, space) == ["**⚠ in\\*sects**\n\nAnts!"]


async def test_a_post_that_its_warning_makes_too_long_is_told(node: Node, space: Space, tmp_path: Path) -> None:
    path = write_lines(tmp_path, {"text": "x" * 50_000, "published": 1, "summary": "long"}, *lines(1))

    progress = await bring(node, space, path)

    assert (progress.imported, progress.done, progress.total) == (1, 2, 2)
    assert dict(progress.skipped) == {"posts that are too long": 1}


async def test_private_messages_come_only_when_asked_for(node: Node, space: Space, tmp_path: Path) -> None:
    path = write_lines(tmp_path, *lines(2, visibility="direct"))

    first = await bring(node, space, path)
    second = await bring(node, space, path, include_direct=True)

    assert (first.imported, dict(first.skipped), second.imported) == (0, {"private messages": 2}, 2)


# -- pictures ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pack", [as_zip, as_tar])
async def test_pictures_are_kept_by_hash_with_their_description(
    pack: Any, node: Node, space: Space, tmp_path: Path
) -> None:
    name = "media_attachments/files/1/original/bee.png"
    posts = [create(note(n, attachment=[picture(f"/{name}")])) for n in range(3)]
    path = pack(tmp_path / "a.tar.gz", export(*posts, **{name: PNG}))

    progress = await bring(node, space, path)

    (media,) = {tuple(unpack_media(line.media)) for line in await lines_of(node, space)}
    blob = await node.database.read(lambda db: get_blob(db, digest(PNG)))
    assert (progress.media, progress.media_missing) == (3, 0)
    assert media == ((digest(PNG), "image/png", "A bee on thyme", len(PNG)),)
    assert blob is not None
    assert (blob.data, blob.media_type) == (PNG, "image/png")


async def test_pictures_that_cannot_come_are_counted_and_stay_as_words(
    node: Node, space: Space, tmp_path: Path
) -> None:
    files = {"evil.png": b"<svg onload='alert(1)'/>", "huge.png": PNG + bytes(MAX_MEDIA_BYTES)}
    attached = [
        picture("/evil.png", name="evil"),
        picture("/huge.png", name="huge"),
        picture("https://x.example/gone(1).png", name="gone"),
    ]
    path = as_zip(tmp_path / "a.zip", export(create(note(1, attachment=attached)), **files))

    progress = await bring(node, space, path)

    refused = {"files larger than 16 MiB": 1, "files that are no picture, sound or film of a known kind": 1}
    (line,) = await lines_of(node, space)
    assert (progress.media, progress.media_missing, progress.media_refused) == (0, 1, refused)
    assert "*evil*" in line.text
    assert "[gone](https://x.example/gone%281%29.png)" in line.text
    assert line.media is None


@pytest.mark.parametrize(
    ("start", "media_type"),
    [
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"\0\0\0\x1cftypavif", "image/avif"),
        (b"\0\0\0\x1cftypisom", "video/mp4"),
        (b"\x1a\x45\xdf\xa3\x42\x82\x84webm", "video/webm"),
        (b"ID3\x04", "audio/mpeg"),
        (b"\xff\xfb\x90\x64", "audio/mpeg"),
        (b"OggS\0\x02OpusHead", "audio/ogg"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", None),
        (b"<!doctype html><script>", None),
        (b"%PDF-1.7", None),
        (b"\0\0\0\x1cftypqt  ", None),
        (b"\xff\xff\xff\xff", None),
        (b"", None),
    ],
)
def test_a_file_is_what_its_bytes_show(start: bytes, media_type: str | None) -> None:
    assert media_type_of(start) == media_type
    assert media_type is None or media_type in MEDIA_TYPES
    assert (ending_of(media_type) != "bin") if media_type else True


# -- stopping and going on ---------------------------------------------------------------------------------------------


async def test_an_import_that_is_stopped_goes_on_where_it_was(
    node: Node, space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bringing, "BATCH_POSTS", 10)
    path = write_lines(tmp_path, *lines(100))

    def stop_at_30(progress: Progress) -> None:
        if progress.imported >= 30:
            raise asyncio.CancelledError

    with contextlib.suppress(asyncio.CancelledError):
        await bring(node, space, path, report=stop_at_30)
    again = await bring(node, space, path)

    assert (again.already, again.imported) == (30, 70)
    assert len(await lines_of(node, space)) == 100


async def test_a_job_runs_alone_can_be_stopped_and_says_how_it_failed(node: Node, space: Space, tmp_path: Path) -> None:
    path = write_lines(tmp_path, *lines(3000))
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"PK\x03\x04 and nothing more")

    job = node.imports.begin(node.road, space, path)
    with pytest.raises(Refused):
        node.imports.begin(node.road, space, path)
    stopped = await node.imports.stop(job.id)
    assert (stopped.state, stopped.is_over) == ("stopped", True)

    job = node.imports.begin(node.road, space, broken)
    assert job.task is not None
    await job.task
    assert (job.state, bool(job.error)) == ("failed", True)

    job = node.imports.begin(node.road, space, path)
    assert job.task is not None
    await job.task
    assert (job.state, job.progress.imported + job.progress.already) == ("done", 3000)
    assert len({line.text for line in await lines_of(node, space)}) == 1000  # as many as were asked for


async def test_closing_the_node_stops_its_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMONS_STATE_DIR", str(tmp_path / "state"))
    node = Node(tmp_path / "home", Config(discovery=False))
    await node.open()
    await node.name_yourself("Ana")
    job = node.imports.begin(node.road, await node.found("Garden"), write_lines(tmp_path, *lines(3000)))

    await node.close()

    assert job.state == "stopped"


@pytest.mark.parametrize("content", [b"", b"hello", b"{", b"[1,2", b"\xff\xfe\x00"])
async def test_what_is_no_archive_is_refused_and_changes_nothing(
    content: bytes, node: Node, space: Space, tmp_path: Path
) -> None:
    path = tmp_path / "posts.json"
    path.write_bytes(content)
    size = space.history.size

    with pytest.raises(Refused):
        await bring(node, space, path)

    assert space.history.size == size


async def test_a_retracted_import_stays_in_its_thread(node: Node, space: Space, tmp_path: Path) -> None:
    chain = lines(2)
    chain[1]["reply_to"] = "post-0"
    await bring(node, space, write_lines(tmp_path, *chain))
    first = next(line for line in await lines_of(node, space) if line.parent is None)

    await node.road.submit(space, await writing.retract_command(node.road, space, first.id))

    answer = next(line for line in await lines_of(node, space) if line.parent is not None)
    assert (answer.text, answer.thread) == ("Post 1", first.id)


async def test_the_digest_is_the_same_after_a_rebuild(node: Node, space: Space, tmp_path: Path) -> None:
    from node.upkeep import rebuild_space, verify_space

    posts = [create(note(n, inReplyTo=f"{ME}/statuses/{n - 1}")) for n in range(50)]
    await bring(node, space, as_zip(tmp_path / "a.zip", export(*posts)))

    assert (await verify_space(node, space))["good"]
    assert (await rebuild_space(node, space))["same"]


def test_a_source_is_known_again_by_16_bytes() -> None:
    assert len(source_of("https://garden.example/1")) == 16
    assert source_of("a") == source_of("a") != source_of("b")


async def test_the_api_shows_an_import_as_json(node: Node, space: Space, tmp_path: Path) -> None:
    from ui.operations import perform

    path = write_lines(tmp_path, *lines(5))
    data = await perform(node, "import_file", {"space": space.id.hex(), "path": str(path)})
    while data["state"] not in ("done", "failed"):
        await asyncio.sleep(0.01)
        data = await perform(node, "import_progress", {"import": data["id"]})

    assert json.loads(json.dumps(data))["imported"] == 5
    assert [job["id"] for job in (await perform(node, "imports", {}))["imports"]] == [data["id"]]
    for wrong in ("relative.zip", "", "/tmp/\0", str(tmp_path / "none.zip")):
        with contextlib.suppress(Refused):
            wrong_data = await perform(node, "import_file", {"space": "-", "path": wrong})
            assert (await node.imports.stop(wrong_data["id"])).state in ("failed", "stopped")
