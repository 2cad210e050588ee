"""Mastodon exports made up for the tests, in the layout that its backup service writes."""

import gzip
import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

from node.archives.posts import ArchivedPost, Summary
from node.archives.reading import open_archive

ME = "https://garden.example/users/ana"
FOLLOWERS = f"{ME}/followers"
PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
PICTURE = b"\x89PNG picture"
PICTURE_NAME = "media_attachments/files/110/001/original/bee.png"

Files = dict[str, bytes]


def note(number: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a post as Mastodon serialises it."""
    status = f"{ME}/statuses/{number}"
    return {
        "id": status,
        "type": "Note",
        "summary": None,
        "inReplyTo": None,
        "published": f"2023-05-{number % 28 + 1:02}T10:00:00Z",
        "url": f"https://garden.example/@ana/{number}",
        "attributedTo": ME,
        "to": [PUBLIC],
        "cc": [FOLLOWERS],
        "sensitive": False,
        "atomUri": status,
        "inReplyToAtomUri": None,
        "conversation": None,
        "content": f"<p>Post {number}</p>",
        "contentMap": {"en": f"<p>Post {number}</p>"},
        "attachment": [],
        "tag": [],
        "replies": {"id": f"{status}/replies", "type": "Collection", "first": {"type": "CollectionPage", "items": []}},
    } | changes


def create(post: Any, **changes: Any) -> dict[str, Any]:
    """Return the activity in which an outbox holds a post."""
    activity = {"type": "Create", "actor": ME, "to": [PUBLIC], "cc": [FOLLOWERS], "object": post}
    if isinstance(post, dict):
        activity |= {"id": f"{post.get('id')}/activity", "published": post.get("published")}
    return activity | changes


def boost(number: int = 1) -> dict[str, Any]:
    """Return a boost of someone else's post."""
    return {
        "id": f"{ME}/statuses/{number}/activity",
        "type": "Announce",
        "actor": ME,
        "published": "2023-05-01T10:00:00Z",
        "to": [PUBLIC],
        "cc": ["https://elsewhere.example/users/bo", FOLLOWERS],
        "object": f"https://elsewhere.example/users/bo/statuses/{number}",
    }


def picture(url: str = f"/{PICTURE_NAME}", **changes: Any) -> dict[str, Any]:
    """Return an attachment as Mastodon serialises it."""
    return {
        "type": "Document",
        "mediaType": "image/png",
        "url": url,
        "name": "A bee on thyme",
        "blurhash": "UBL_:rOpGG-;~qRjWBay",
        "focalPoint": [0.0, 0.0],
        "width": 600,
        "height": 400,
    } | changes


def outbox(*items: Any, **changes: Any) -> bytes:
    """Return an outbox.json."""
    collection = {
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": "outbox.json",
        "type": "OrderedCollection",
        "totalItems": len(items),
        "orderedItems": list(items),
    }
    return json.dumps(collection | changes).encode()


def export(*items: Any, **more: bytes) -> Files:
    """Return the files of an export with some posts and one picture."""
    actor = {"@context": [], "id": ME, "type": "Person", "outbox": "outbox.json", "preferredUsername": "ana"}
    files = {
        PICTURE_NAME: PICTURE,
        "outbox.json": outbox(*items),
        "likes.json": outbox("https://elsewhere.example/users/bo/statuses/9", id="likes.json"),
        "bookmarks.json": outbox(id="bookmarks.json"),
        "actor.json": json.dumps(actor).encode(),
        "avatar.png": b"avatar",
    }
    return files | more


def as_zip(path: Path, files: Files) -> Path:
    """Write files as a zip."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, raw in files.items():
            archive.writestr(name, raw)
    return path


def as_tar(path: Path, files: Files) -> Path:
    """Write files as a tar, gzipped if the name says so."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, raw in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(raw)
            archive.addfile(member, io.BytesIO(raw))
    path.write_bytes(gzip.compress(made.getvalue()) if path.name.endswith("gz") else made.getvalue())
    return path


def as_folder(path: Path, files: Files) -> Path:
    """Write files below a folder."""
    for name, raw in files.items():
        place = path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(raw)
    return path


def read(path: Path, *, include_direct: bool = False) -> tuple[Summary, list[ArchivedPost]]:
    with open_archive(path, include_direct=include_direct) as archive:
        posts = list(archive.posts())
        assert len(posts) == archive.summary.count
        assert list(archive.posts()) == posts
        return archive.summary, posts


def read_items(tmp_path: Path, *items: Any, **options: bool) -> tuple[Summary, list[ArchivedPost]]:
    return read(as_zip(tmp_path / "a.zip", export(*items)), **options)


def read_note(tmp_path: Path, **changes: Any) -> ArchivedPost:
    _, (post,) = read_items(tmp_path, create(note(**changes)), include_direct=True)
    return post


def write_lines(tmp_path: Path, *lines: Any) -> Path:
    path = tmp_path / "posts.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path
