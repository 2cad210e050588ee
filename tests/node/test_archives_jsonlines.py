"""JSON Lines: every field, and the number of the line that is wrong."""

from pathlib import Path

import mastodon_exports as made
import pytest
from mastodon_exports import PICTURE, read

from identity.errors import Refused
from node.archives.posts import ArchivedPost, Reason, Summary
from node.archives.reading import open_archive


def test_json_lines_are_read_with_all_their_fields(tmp_path: Path) -> None:
    made.as_folder(tmp_path, {"pictures/bee.png": PICTURE})
    line = {
        "id": "post-1",
        "text": "Hello *there*",
        "published": "2020-02-02T02:02:02Z",
        "url": "https://blog.example/1",
        "reply_to": "https://blog.example/0",
        "summary": "greeting",
        "language": "en",
        "visibility": "unlisted",
        "hashtags": ["#Hi", "hi there", 4, "Hi"],
        "media": [{"path": "pictures/bee.png", "type": "image/png", "alt": "bee"}, {"path": "../x"}, {}, 3],
        "unknown": {"x": 1},
    }

    with open_archive(made.write_lines(tmp_path, line)) as archive:
        (post,) = archive.posts()
        raw = post.media[0].read(100)

    assert raw == PICTURE
    assert archive.summary == Summary(1, {}, 2, 1)
    assert post == ArchivedPost(
        source_id="post-1",
        url="https://blog.example/1",
        published_ms=1_580_608_922_000,
        text="Hello *there*",
        summary="greeting",
        sensitive=True,
        language="en",
        in_reply_to="https://blog.example/0",
        media=post.media,
        visibility="unlisted",
        hashtags=("Hi",),
    )


def test_json_lines_are_known_by_their_first_line_too(tmp_path: Path) -> None:
    lines = made.write_lines(tmp_path, {"text": "a", "published": 1, "media": [{"path": "x", "type": "image/png"}]})
    path = lines.rename(tmp_path / "posts.json")

    assert [post.text for post in read(path)[1]] == ["a"]


def test_lines_that_make_no_post_are_left_out_and_counted(tmp_path: Path) -> None:
    day = "2020-01-01"
    path = made.write_lines(
        tmp_path,
        {"text": "kept", "published": day},
        {"text": "kept", "published": day},
        {"text": "kept", "published": day, "id": 4, "url": "javascript:x"},
        {"text": "", "published": day},
        {"published": day},
        {"text": 3, "published": day},
        {"text": "x"},
        {"text": "x" * 50_001, "published": day},
        {"text": "x", "published": day, "visibility": "direct"},
        {"text": "x", "published": day, "visibility": "secret"},
    )

    summary, posts = read(path)

    assert [post.text for post in posts] == ["kept"]
    assert posts[0].source_id.startswith("made:")
    assert summary.skipped == {
        Reason.REPEATED: 2,
        Reason.EMPTY: 2,
        Reason.NO_POST: 2,
        Reason.NO_DATE: 1,
        Reason.TOO_LONG: 1,
        Reason.DIRECT: 1,
    }


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"{", "no JSON"),
        (b"[]", "no JSON object"),
        (b"7", "no JSON object"),
        (b'{"text": "\xff"}', "no UTF-8 text"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"text": ' + b"9" * 5_000 + b"}", "endless number"),
        (b'{"text": "' + b"x" * (4 * 1024 * 1024) + b'"}', "longer than 4,194,304 bytes"),
    ],
)
def test_a_line_that_is_no_object_refuses_the_file_with_its_number(tmp_path: Path, line: bytes, words: str) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_bytes(b'{"text": "a", "published": 1}\n\n' + line + b'\n{"text": "b", "published": 2}\n')

    with pytest.raises(Refused, match=r"line 3 of posts\.jsonl .* nothing was imported") as caught:
        open_archive(path)

    assert words in str(caught.value)
