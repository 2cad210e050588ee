"""A Mastodon export comes back whole: posts, pictures and whose they are."""

from pathlib import Path

import mastodon_exports as made
import pytest
from mastodon_exports import ME, PICTURE, PICTURE_NAME, create, note, picture, read

from identity.errors import Refused
from node.archives.posts import ArchivedPost, Reason, Summary
from node.archives.reading import open_archive

BO = "https://elsewhere.example/users/bo"
WRITERS = {"a.zip": made.as_zip, "a.tar": made.as_tar, "a.tar.gz": made.as_tar, "folder": made.as_folder}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_mastodon_export_gives_whole_posts_whatever_it_is_packed_in(tmp_path: Path, kind: str) -> None:
    content = f"<p>Look <a href='{ME}' class='u-url mention'>@<span>ana</span></a></p>"
    post = note(
        7,
        content=content,
        contentMap={"pt-BR": content},
        summary="bees",
        sensitive=True,
        inReplyTo=f"{ME}/statuses/6",
        attachment=[picture()],
        tag=[{"type": "Hashtag", "name": "#Bees", "href": "x"}, {"type": "Mention", "name": "@ana"}],
    )

    path = WRITERS[kind](tmp_path / kind, made.export(create(post)))
    with open_archive(path) as archive:
        (found,) = archive.posts()
        (media,) = found.media
        raw = media.read(1_000)

    assert archive.summary == Summary(1, {}, 1, 0)
    assert found == ArchivedPost(
        source_id=f"{ME}/statuses/7",
        url="https://garden.example/@ana/7",
        published_ms=1_683_540_000_000,
        text=f"Look [@ana]({ME})",
        summary="bees",
        sensitive=True,
        language="pt-BR",
        in_reply_to=f"{ME}/statuses/6",
        media=found.media,
        visibility="public",
        hashtags=("Bees",),
    )
    assert (media.name, media.media_type, media.alt) == ("bee.png", "image/png", "A bee on thyme")
    assert (media.size_bytes, raw) == (len(PICTURE), PICTURE)


@pytest.mark.parametrize(
    "url",
    [
        f"/{PICTURE_NAME}",
        PICTURE_NAME,
        f"/bucket/{PICTURE_NAME}",
        f"/system/{PICTURE_NAME}",
        f"https://files.garden.example/{PICTURE_NAME}?v=1",
    ],
)
def test_a_picture_is_found_however_its_address_is_written(tmp_path: Path, url: str) -> None:
    for holder in (PICTURE_NAME, f"disk/public/system/{PICTURE_NAME}"):
        files = made.export(create(note(attachment=[picture(url)])))
        files[holder] = files.pop(PICTURE_NAME)

        with open_archive(made.as_zip(tmp_path / "a.zip", files)) as archive:
            (post,) = archive.posts()
            assert post.media[0].read(100) == PICTURE


def test_a_picture_that_the_archive_lacks_or_holds_empty_is_told_and_the_post_stays(tmp_path: Path) -> None:
    gone = picture("https://files.garden.example/gone.png", mediaType="IMAGE/PNG ", name=None)
    files = made.export(create(note(attachment=[picture(), gone, picture("../../x"), {"type": "Document"}, 4])))
    files[PICTURE_NAME] = b""

    summary, (post,) = read(made.as_zip(tmp_path / "a.zip", files))

    assert (summary.media_count, summary.media_missing) == (3, 3)
    assert [media.name for media in post.media] == ["bee.png", "gone.png", "x"]
    assert post.media[1].address == "https://files.garden.example/gone.png"
    assert (post.media[1].media_type, post.media[1].alt) == ("image/png", "")
    with pytest.raises(Refused, match=r"does not hold gone\.png"):
        post.media[1].read(100)


def test_an_export_in_a_folder_within_the_archive_is_found(tmp_path: Path) -> None:
    files = {f"archive-2024/{name}": raw for name, raw in made.export(create(note(attachment=[picture()]))).items()}

    with open_archive(made.as_zip(tmp_path / "a.zip", files)) as archive:
        (post,) = archive.posts()
        assert post.media[0].read(100) == PICTURE


def test_two_exports_in_one_archive_are_refused(tmp_path: Path) -> None:
    files = {"a/outbox.json": made.outbox(), "b/outbox.json": made.outbox()}

    with pytest.raises(Refused, match="more than one outbox"):
        open_archive(made.as_zip(tmp_path / "a.zip", files))


def test_an_old_export_without_actor_is_its_first_authors(tmp_path: Path) -> None:
    files = {"outbox.json": made.outbox(made.boost(), create(note(1)), create(note(2, attributedTo=BO), actor=BO))}

    summary, posts = read(made.as_tar(tmp_path / "a.tar.gz", files))

    assert [post.source_id for post in posts] == [f"{ME}/statuses/1"]
    assert summary.skipped == {Reason.BOOST: 1, Reason.OTHER_AUTHOR: 1}


def test_an_unpacked_outbox_finds_its_actor_and_pictures_beside_it(tmp_path: Path) -> None:
    stranger = create(note(1, attributedTo=BO), actor=BO)
    folder = made.as_folder(tmp_path / "x", made.export(stranger, create(note(2, attachment=[picture()]))))

    with open_archive(folder / "outbox.json") as archive:
        (post,) = archive.posts()

        assert archive.summary.skipped == {Reason.OTHER_AUTHOR: 1}
        assert post.media[0].read(100) == PICTURE


@pytest.mark.parametrize("actor", [b"{", b"\xff", b"[" * 100_000])
def test_a_damaged_actor_refuses_the_export(tmp_path: Path, actor: bytes) -> None:
    files = made.export(create(note())) | {"actor.json": actor}

    with pytest.raises(Refused, match=r"actor\.json"):
        open_archive(made.as_zip(tmp_path / "a.zip", files))


def test_a_damaged_entry_late_in_the_outbox_refuses_it_before_the_first_post(tmp_path: Path) -> None:
    raw = made.outbox(*(create(note(number)) for number in range(1, 500)))
    files = made.export() | {"outbox.json": raw[:-300] + b"?" + raw[-299:]}

    with pytest.raises(Refused, match=r"outbox\.json in a\.zip is not readable: .* near character"):
        open_archive(made.as_zip(tmp_path / "a.zip", files))
