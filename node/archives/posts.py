"""A post as an archive holds it, whatever format it came in.

All texts are tidy: no control characters, no halves of characters, the newline as the only line break.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal, NamedTuple

from identity.errors import Refused

Visibility = Literal["public", "unlisted", "followers", "direct"]

MAX_TEXT_CHARS = 50_000
MAX_SUMMARY_CHARS = 500
MAX_ALT_CHARS = 2_000
MAX_ADDRESS_CHARS = 2_000
MAX_NAME_CHARS = 200
MAX_MEDIA = 16
MAX_HASHTAGS = 100
_MAX_TIME_MS = 253_402_300_799_999  # the end of the year 9999
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,3}")
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,40}/[a-z0-9][a-z0-9.+-]{0,50}")
_HALVES = re.compile("[\ud800-\udfff]")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


class Reason(StrEnum):
    """Why an entry of an archive gave no post; the words go with a number."""

    BOOST = "boosts of other people's posts"
    DIRECT = "private messages"
    OTHER_AUTHOR = "posts by someone else"
    ONLY_NAMED = "posts that the archive names but does not hold"
    NO_POST = "entries that are no posts"
    NO_DATE = "posts whose date cannot be read"
    EMPTY = "posts with nothing in them"
    TOO_LONG = "posts that are too long"
    REPEATED = "posts that stood in the archive before"


@dataclass(frozen=True, slots=True)
class ArchivedMedia:
    """A picture or file of a post; its bytes are read only when asked for.

    `size_bytes` is None if the archive names the file but does not hold it; `address` is where it once lay.
    """

    name: str
    media_type: str
    alt: str
    address: str | None
    size_bytes: int | None
    load: Callable[[int], bytes] | None = field(default=None, repr=False, compare=False)

    def read(self, max_bytes: int) -> bytes:
        """Return the file's bytes.

        Raises:
            Refused: if the archive does not hold it, it is larger than asked for, or damaged.
        """
        if self.load is None:
            raise Refused(f"the archive does not hold {self.name}")
        return self.load(max_bytes)


class ArchivedPost(NamedTuple):
    """One of a person's own posts; `text` is Markdown, `published_ms` ms since the epoch.

    `source_id` is the same each time the same archive is read. `summary` is a content warning.
    """

    source_id: str
    url: str | None
    published_ms: int
    text: str
    summary: str | None = None
    sensitive: bool = False
    language: str | None = None
    in_reply_to: str | None = None
    media: tuple[ArchivedMedia, ...] = ()
    visibility: Visibility = "public"
    hashtags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """What an archive holds, known before the first post is handed out."""

    count: int
    skipped: Mapping[Reason, int]
    media_count: int
    media_missing: int


def tidy(text: str) -> str:
    """Return a text without control characters and halves of characters, with the newline as the only line break."""
    whole = _HALVES.sub("\ufffd", text)
    return _CONTROLS.sub("", whole.replace("\r\n", "\n").replace("\r", "\n"))


def tidy_line(text: object, max_chars: int) -> str:
    """Return a text on one line, cut to a length; empty if it is no text."""
    return " ".join(tidy(text).split())[:max_chars].rstrip() if isinstance(text, str) else ""


def tidy_address(address: object) -> str | None:
    """Return a web address, or None if it is none."""
    if not isinstance(address, str) or not address.startswith(("https://", "http://")):
        return None
    clean = tidy(address)
    return clean if len(clean) <= MAX_ADDRESS_CHARS and not any(map(str.isspace, clean)) else None


def tidy_reference(reference: object) -> str | None:
    """Return what a post answers to: an address or another id; None if it is neither."""
    return tidy_line(reference, MAX_ADDRESS_CHARS) or None


def tidy_language(language: object) -> str | None:
    """Return a language tag (BCP 47), or None if it is none."""
    return language if isinstance(language, str) and _LANGUAGE.fullmatch(language) else None


def tidy_media_type(media_type: object) -> str:
    """Return a media type in small letters; `application/octet-stream` if it is none."""
    small = media_type.strip().lower() if isinstance(media_type, str) else ""
    return small if _MEDIA_TYPE.fullmatch(small) else "application/octet-stream"


def tidy_hashtags(names: object) -> tuple[str, ...]:
    """Return hashtags without their sign, each once, in the order given."""
    if not isinstance(names, list | tuple):
        return ()
    tags = (tidy_line(name, MAX_NAME_CHARS).lstrip("#") for name in names[:MAX_HASHTAGS])
    return tuple(dict.fromkeys(tag for tag in tags if tag and " " not in tag))


def read_time(time: object) -> int | None:
    """Return ms since the epoch of an ISO 8601 text (UTC if it names no zone) or of a whole number of ms.

    None if it is neither, or lies outside of the years 1970 to 9999.
    """
    if type(time) is int:
        return time if 0 <= time <= _MAX_TIME_MS else None
    if not isinstance(time, str) or len(time) > 64:
        return None
    try:
        moment = datetime.fromisoformat(time.strip())
    except ValueError:
        return None
    zoned = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    try:
        time_ms = round(zoned.timestamp() * 1000)
    except (OverflowError, ValueError):
        return None
    return time_ms if 0 <= time_ms <= _MAX_TIME_MS else None
