"""Each post keeps its date, audience and words; what makes no post is told with its reason."""

from pathlib import Path
from typing import Any

import mastodon_exports as made
import pytest
from mastodon_exports import ME, PUBLIC, create, note, picture, read_items, read_note

from node.archives.posts import Reason

BO = "https://elsewhere.example/users/bo"


def test_what_is_left_out_is_counted_with_its_reason(tmp_path: Path) -> None:
    theirs = note(3, attributedTo=BO)
    direct = note(4, to=[BO], cc=[])

    summary, posts = read_items(
        tmp_path,
        create(note(1)),
        create(note(1)),
        made.boost(),
        create(theirs),
        create(theirs, actor=BO),
        create(direct, to=[BO], cc=[]),
        create("https://garden.example/1"),
        "https://garden.example/2",
        create(note(5, published="yesterday")),
        create(note(6, content="<p> </p>", contentMap={})),
        create(note(8, content="x" * 60_000)),
        create(note(9, content="x" * 200_000)),
        {"type": "Delete", "actor": ME},
        create({"type": "Person"}),
        None,
        7,
        [],
    )

    assert [post.source_id for post in posts] == [f"{ME}/statuses/1"]
    assert summary.skipped == {
        Reason.REPEATED: 1,
        Reason.BOOST: 1,
        Reason.OTHER_AUTHOR: 2,
        Reason.DIRECT: 1,
        Reason.ONLY_NAMED: 2,
        Reason.NO_DATE: 1,
        Reason.EMPTY: 1,
        Reason.TOO_LONG: 2,
        Reason.NO_POST: 5,
    }


@pytest.mark.parametrize(
    ("to", "cc", "visibility"),
    [
        ([PUBLIC], [made.FOLLOWERS], "public"),
        ("as:Public", None, "public"),
        ([made.FOLLOWERS], [PUBLIC], "unlisted"),
        ([made.FOLLOWERS], [], "followers"),
        ([made.FOLLOWERS, BO], [BO], "followers"),
        ([BO], [], "direct"),
        ([], [], "direct"),
        (None, None, "direct"),
        (7, {"id": 3}, "direct"),
    ],
)
def test_the_audience_is_read_off_the_addressees(tmp_path: Path, to: Any, cc: Any, visibility: str) -> None:
    assert read_note(tmp_path, to=to, cc=cc).visibility == visibility


def test_a_post_that_names_no_audience_has_that_of_its_activity(tmp_path: Path) -> None:
    bare = {key: value for key, value in note(1).items() if key not in ("to", "cc")}

    _, (post,) = read_items(tmp_path, create(bare))

    assert post.visibility == "public"


def test_a_question_keeps_its_options_and_an_article_its_title(tmp_path: Path) -> None:
    options = [{"type": "Note", "name": "*yes*", "replies": {"totalItems": 3}}, {"type": "Note", "name": "no"}, 5]

    question = read_note(tmp_path, type="Question", content="<p>Bees?</p>", oneOf=options)
    article = read_note(tmp_path, type="Article", name="On bees", content="<p>They hum.</p>")

    assert question.text == "Bees?\n\n- \\*yes\\*\n- no"
    assert article.text == "## On bees\n\nThey hum."


def test_a_post_of_a_picture_alone_is_a_post(tmp_path: Path) -> None:
    post = read_note(tmp_path, content="", contentMap={}, attachment=[picture()])

    assert (post.text, len(post.media)) == ("", 1)


def test_halves_of_letters_and_control_signs_never_come_through(tmp_path: Path) -> None:
    odd = "a\ud800b\x00c\x1fd\u2028e\r\nf"

    post = read_note(
        tmp_path, content=odd, summary=odd, tag=[{"type": "Hashtag", "name": odd}], attachment=[picture(name=odd)]
    )

    shown = "".join((post.text, post.summary or "", *post.hashtags, post.media[0].alt))
    shown.encode()
    assert not set(shown) & {"\ud800", "\x00", "\x1f", "\u2028", "\r"}
    assert "a\ufffdbcd" in post.text


@pytest.mark.parametrize(
    ("published", "time_ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2023-05-08T10:00:00.123Z", 1_683_540_000_123),
        ("2023-05-08T12:00:00+02:00", 1_683_540_000_000),
        ("2023-05-08T10:00:00", 1_683_540_000_000),
        ("2023-05-08", 1_683_504_000_000),
        (1_683_540_000_000, 1_683_540_000_000),
    ],
)
def test_dates_are_read_in_every_common_form(tmp_path: Path, published: Any, time_ms: int) -> None:
    assert read_note(tmp_path, published=published).published_ms == time_ms


@pytest.mark.parametrize(
    "published", [None, "", "soon", -1, 2**60, True, 1.5, [], "1890-01-01", "0001-01-01T00:00:00+23:00"]
)
def test_a_post_whose_date_is_garbage_is_left_out(tmp_path: Path, published: Any) -> None:
    summary, posts = read_items(tmp_path, create(note(published=published), published="2023-01-01"))

    assert (posts, summary.skipped) == ([], {Reason.NO_DATE: 1})
