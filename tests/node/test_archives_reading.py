"""Whatever file it is given, an archive is read, or refused in words before the first post."""

import json
import os
from pathlib import Path
from typing import Any

import mastodon_exports as made
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mastodon_exports import ME, PUBLIC, create, note, read, read_items

from identity.errors import Refused
from node.archives.posts import Reason
from node.archives.reading import open_archive

a_scratch_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.mark.parametrize(
    "document",
    [
        made.outbox(create(note())),
        made.outbox(create(note()), type="OrderedCollectionPage"),
        json.dumps({"type": "Collection", "items": [note()]}).encode(),
        json.dumps({"type": "OrderedCollection", "first": {"orderedItems": [create(note())]}}, indent=2).encode(),
        json.dumps([create(note())]).encode(),
        json.dumps([note()], indent=1).encode(),
        json.dumps(create(note())).encode(),
        json.dumps(note()).encode(),
        b"\xef\xbb\xbf\n " + json.dumps(note()).encode(),
    ],
)
def test_a_plain_outbox_is_read_in_every_form_it_comes_in(tmp_path: Path, document: bytes) -> None:
    path = tmp_path / "my posts.json"
    path.write_bytes(document)

    _, posts = read(path)

    assert [post.text for post in posts] == ["Post 1"]


@pytest.mark.parametrize(
    ("name", "raw", "words"),
    [
        ("a.json", b"", "no archive that can be read"),
        ("a.txt", b"hello", "no archive that can be read"),
        ("a.json", b"{}", "no outbox"),
        ("a.json", b'{"type": "Person", "id": "x"}', "no outbox"),
        ("a.json", b'{"type": "OrderedCollection", "orderedItems": [1,', r"a\.json is not readable"),
        ("a.json", b'[{"a": "\xff"}]', "no UTF-8 text"),
        ("a.json", b"[]]", "after its end"),
        ("outbox.json", b"{", r"outbox\.json is not readable"),
        ("a.zip", b"PK\x03\x04 and no more", "damaged or incomplete"),
    ],
)
def test_what_is_no_archive_is_refused_in_words(tmp_path: Path, name: str, raw: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(raw)

    with pytest.raises(Refused, match=words):
        open_archive(tmp_path / name)


def test_a_missing_file_and_a_pipe_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="cannot be opened"):
        open_archive(tmp_path / "nothing.zip")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(Refused, match="is no file"):
            open_archive(tmp_path / "pipe")


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([ME, PUBLIC, "Note"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "type", "name", "url", "href", "mediaType", "items", "en"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)
FIELDS = [*sorted(note()), "oneOf", "anyOf"]


@a_scratch_folder
@given(
    st.dictionaries(st.sampled_from(FIELDS), anything, max_size=6),
    st.dictionaries(st.sampled_from(["actor", "to", "cc", "published", "type", "object"]), anything, max_size=2),
)
def test_whatever_types_an_entry_has_it_is_a_post_or_left_out(
    tmp_path: Path, changes: dict[str, Any], around: dict[str, Any]
) -> None:
    entry = create(note(1, **changes)) | around

    summary, posts = read_items(tmp_path, entry, create(note(2)))

    assert len(posts) + sum(summary.skipped.values()) == 2
    assert f"{ME}/statuses/2" in {post.source_id for post in posts} or Reason.REPEATED in summary.skipped
    for post in posts:
        repr(post).encode()


@a_scratch_folder
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(
                ["text", "published", "id", "url", "media", "visibility", "hashtags", "summary", "reply_to", "language"]
            ),
            anything,
        ),
        min_size=1,
        max_size=4,
    )
)
def test_whatever_types_a_line_has_it_is_a_post_or_left_out(tmp_path: Path, lines: list[dict[str, Any]]) -> None:
    summary, posts = read(made.write_lines(tmp_path, *lines))

    assert len(posts) + sum(summary.skipped.values()) == len(lines)


@a_scratch_folder
@given(anything | st.lists(anything))
def test_any_json_at_all_is_read_or_refused(tmp_path: Path, document: Any) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(document))

    try:
        read(path)
    except Refused:
        return


@a_scratch_folder
@given(st.binary(max_size=80), st.sampled_from([b"", b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b\x08", b"[", b'{"type":']))
def test_any_bytes_at_all_are_read_or_refused(tmp_path: Path, raw: bytes, start: bytes) -> None:
    for name in ("a.bin", "a.jsonl"):
        (tmp_path / name).write_bytes(start + raw)
        try:
            read(tmp_path / name)
        except Refused:
            continue
