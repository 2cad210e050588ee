"""Posts out of JSON Lines: one JSON object a line, UTF-8, for those who write an exporter of their own.

| field | |
|---|---|
| text | what was said, Markdown; needed unless there is media |
| published | ISO 8601 with or without a zone (then UTC), or whole ms since the epoch; needed |
| id | any text that stays the same; without it `url` counts, else date and text |
| url | where it stood, http or https |
| reply_to | the url or id of what it answers |
| summary, sensitive | a content warning; true or false |
| language | such as "en" or "pt-BR" |
| visibility | public (without it), unlisted, followers or direct |
| hashtags | a list of texts |
| media | a list of {"path", "type", "alt"}; paths lie below the file's folder |
| kind | "post", or left out; a line of another kind holds no post |
| person | who said it; left out unless it is whoever the first line says the export is `by` |

Fields of other names are left out. An export of this program starts with a line that says so (`format`, `by`). A
line that is no JSON object refuses the whole file with the line's number; an object that makes no post is skipped and
counted.
"""

import json
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

from identity.errors import Refused
from node.archives.activitystreams import Context
from node.archives.containers import open_file, shown
from node.archives.posts import (
    MAX_ALT_CHARS,
    MAX_MEDIA,
    MAX_NAME_CHARS,
    MAX_SUMMARY_CHARS,
    MAX_TEXT_CHARS,
    ArchivedMedia,
    ArchivedPost,
    Reason,
    Visibility,
    read_time,
    tidy,
    tidy_address,
    tidy_hashtags,
    tidy_language,
    tidy_line,
    tidy_media_type,
    tidy_reference,
)

MAX_LINE_BYTES = 4 * 1024 * 1024
_OWN_FORMAT = "commons/export/"
_VISIBILITIES: dict[str, Visibility] = {
    "public": "public",
    "unlisted": "unlisted",
    "followers": "followers",
    "private": "followers",
    "direct": "direct",
}


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Give the object of each line that is not blank.

    Raises:
        Refused: naming the file and the number of the line that is too long, no UTF-8 or no JSON object.
    """
    number = 0
    with open_file(path) as file:
        while raw := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            if len(raw) > MAX_LINE_BYTES:
                raise _refused(path, number, f"it is longer than {MAX_LINE_BYTES:,} bytes")
            if number == 1:
                raw = raw.removeprefix(b"\xef\xbb\xbf")
            if raw.strip():
                yield _parse(raw, path, number)


def read_owner(path: Path) -> str | None:
    """Return whose export a file is, if its first line says so.

    Raises:
        Refused: if the first line cannot be read.
    """
    head = next(read_lines(path), {})
    owner = head.get("by")
    return owner if is_head(head) and isinstance(owner, str) else None


def is_head(fields: dict[str, Any]) -> bool:
    """Tell the first line of an export of this program."""
    return isinstance(fields.get("format"), str) and fields["format"].startswith(_OWN_FORMAT)


def read_line(fields: dict[str, Any], context: Context) -> ArchivedPost | Reason:
    """Return the post that a line's object holds, or why it holds none."""
    visibility = _visibility(fields.get("visibility"))
    if visibility is None or fields.get("kind", "post") != "post" or is_head(fields):
        return Reason.NO_POST
    if context.owner is not None and fields.get("person") not in (None, context.owner):
        return Reason.OTHER_AUTHOR
    if visibility == "direct" and not context.include_direct:
        return Reason.DIRECT
    published_ms = read_time(fields.get("published"))
    if published_ms is None:
        return Reason.NO_DATE
    said = fields.get("text", "")
    if not isinstance(said, str):
        return Reason.NO_POST
    text = tidy(said).strip()
    media = tuple(_media(fields.get("media"), context))
    if not text and not media:
        return Reason.EMPTY
    if len(text) > MAX_TEXT_CHARS:
        return Reason.TOO_LONG
    return _post(fields, published_ms, text, media, visibility)


def _post(
    fields: dict[str, Any], published_ms: int, text: str, media: tuple[ArchivedMedia, ...], visibility: Visibility
) -> ArchivedPost:
    url = tidy_address(fields.get("url"))
    summary = tidy_line(fields.get("summary"), MAX_SUMMARY_CHARS) or None
    made = blake2b(f"{published_ms}\n{text}".encode(), digest_size=16).hexdigest()
    return ArchivedPost(
        source_id=tidy_reference(fields.get("id")) or url or f"made:{made}",
        url=url,
        published_ms=published_ms,
        text=text,
        summary=summary,
        sensitive=fields.get("sensitive") is True or summary is not None,
        language=tidy_language(fields.get("language")),
        in_reply_to=tidy_reference(fields.get("reply_to")),
        media=media,
        visibility=visibility,
        hashtags=tidy_hashtags(fields.get("hashtags")),
    )


def _visibility(named: Any) -> Visibility | None:
    if named is None:
        return "public"
    return _VISIBILITIES.get(named) if isinstance(named, str) else None


def _media(listed: Any, context: Context) -> Iterator[ArchivedMedia]:
    if not isinstance(listed, list):
        return
    for one in listed[:MAX_MEDIA]:
        path = tidy_reference(one.get("path")) if isinstance(one, dict) else None
        if path is None:
            continue
        found = context.find_media(path)
        yield ArchivedMedia(
            name=path.rsplit("/", 1)[-1][:MAX_NAME_CHARS],
            media_type=tidy_media_type(one.get("type")),
            alt=tidy_line(one.get("alt"), MAX_ALT_CHARS),
            address=None,
            size_bytes=found[0] if found is not None else None,
            load=found[1] if found is not None else None,
        )


def _parse(raw: bytes, path: Path, number: int) -> dict[str, Any]:
    try:
        fields = json.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _refused(path, number, "it is no UTF-8 text") from error
    except json.JSONDecodeError as error:
        raise _refused(path, number, f"it is no JSON ({error.msg} at column {error.colno})") from error
    except (RecursionError, ValueError) as error:
        raise _refused(path, number, "it is nested too deeply or holds an endless number") from error
    if not isinstance(fields, dict):
        raise _refused(path, number, "it is no JSON object")
    return fields


def _refused(path: Path, number: int, what: str) -> Refused:
    return Refused(f"line {number:,} of {shown(path.name)} cannot be read: {what}; nothing was imported")
