"""Posts out of ActivityStreams 2.0, as Mastodon and its neighbours write them (W3C Activity Vocabulary, 2017).

Nothing in it is trusted to have the type that it should: what is missing or odd is left out, and what makes no post
is told as a reason.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from node.archives.markdown import MAX_HTML_CHARS, MAX_TAGS, escape, to_markdown, to_plain
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

PUBLIC = frozenset({"https://www.w3.org/ns/activitystreams#Public", "as:Public", "Public"})
COLLECTIONS = frozenset({"OrderedCollection", "OrderedCollectionPage", "Collection", "CollectionPage"})
POSTS = frozenset({"Note", "Article", "Question", "Page"})
ACTIVITIES = frozenset({"Create", "Announce"})
_MAX_LISTED = 200
_MAX_SUMMARY_HTML_CHARS = 10_000

FindMedia = Callable[[str], tuple[int, Callable[[int], bytes]] | None]
"""Looks for a file by the address that a post gives it: its size and how to read it, or None."""


@dataclass(frozen=True, slots=True)
class Context:
    """What reading an entry needs to know: whose outbox it is, if that is known, and where its files are."""

    owner: str | None
    find_media: FindMedia
    include_direct: bool = False


def read_entry(entry: Any, context: Context) -> ArchivedPost | Reason:
    """Return the post that an outbox's entry holds, or why it holds none."""
    activity, note = _unwrap(entry)
    if isinstance(note, Reason):
        return note
    if context.owner is not None and not _is_by(context.owner, activity, note):
        return Reason.OTHER_AUTHOR
    visibility = _visibility(note if "to" in note or "cc" in note else activity)
    if visibility == "direct" and not context.include_direct:
        return Reason.DIRECT
    published_ms = read_time(note.get("published", activity.get("published")))
    if published_ms is None:
        return Reason.NO_DATE
    text = _text(note)
    if isinstance(text, Reason):
        return text
    summary = _summary(note)
    media = tuple(_media(note, context.find_media))
    if not text and not media:
        return Reason.EMPTY
    url = _url(note)
    return ArchivedPost(
        source_id=tidy_reference(_id(note)) or tidy_reference(_id(activity)) or _made_id(published_ms, text),
        url=url,
        published_ms=published_ms,
        text=text,
        summary=summary,
        sensitive=note.get("sensitive") is True or summary is not None,
        language=_language(note),
        in_reply_to=tidy_reference(_id(note.get("inReplyTo"))),
        media=media,
        visibility=visibility,
        hashtags=_hashtags(note),
    )


def author_of(entry: Any) -> str | None:
    """Return who made an entry, if it is a post and says so."""
    activity, note = _unwrap(entry)
    if isinstance(note, Reason):
        return None
    return next(_ids(activity.get("actor")), None) or next(_ids(note.get("attributedTo")), None)


def types_of(thing: Any) -> set[str]:
    """Return the types that an object says it has."""
    if not isinstance(thing, dict):
        return set()
    return {one for one in _listed(thing.get("type")) if isinstance(one, str)}


def _unwrap(entry: Any) -> tuple[dict[str, Any], dict[str, Any] | Reason]:
    """Return an activity and the post in it; a bare post stands for its own activity."""
    if isinstance(entry, str):
        return {}, Reason.ONLY_NAMED
    types = types_of(entry)
    if types & POSTS:
        return entry, entry
    if "Announce" in types:
        return entry, Reason.BOOST
    if "Create" not in types:
        return {}, Reason.NO_POST
    note = entry.get("object")
    if isinstance(note, str):
        return entry, Reason.ONLY_NAMED
    return entry, note if types_of(note) & POSTS else Reason.NO_POST


def _is_by(owner: str, activity: dict[str, Any], note: dict[str, Any]) -> bool:
    """Tell whether activity and post, where they name their makers, name the owner among them."""
    makers = (set(_ids(activity.get("actor"))), set(_ids(note.get("attributedTo"))))
    return all(owner in named for named in makers if named)


def _visibility(addressed: dict[str, Any]) -> Visibility:
    """Return who could see a post; one that names nobody counts as private, so that no secret slips out."""
    to, cc = set(_ids(addressed.get("to"))), set(_ids(addressed.get("cc")))
    if to & PUBLIC:
        return "public"
    if cc & PUBLIC:
        return "unlisted"
    if any(one.rstrip("/").endswith("/followers") for one in to | cc):
        return "followers"
    return "direct"


def _text(note: dict[str, Any]) -> str | Reason:
    content = _content(note)
    if len(content) > MAX_HTML_CHARS or content.count("<") > MAX_TAGS:
        return Reason.TOO_LONG
    parts = [_title(note), to_markdown(content), *_options(note)]
    text = tidy("\n\n".join(part for part in parts if part)).strip()
    return text if len(text) <= MAX_TEXT_CHARS else Reason.TOO_LONG


def _content(note: dict[str, Any]) -> str:
    content = note.get("content")
    if not isinstance(content, str):
        by_language = note.get("contentMap")
        texts = by_language.values() if isinstance(by_language, dict) else ()
        content = next((text for text in texts if isinstance(text, str)), "")
    return tidy(content)


def _title(note: dict[str, Any]) -> str:
    """Return an article's or page's name as a heading; a note's name is no part of what it says."""
    name = tidy_line(note.get("name"), MAX_NAME_CHARS) if types_of(note) & {"Article", "Page"} else ""
    return f"## {escape(name)}" if name else ""


def _options(note: dict[str, Any]) -> Iterator[str]:
    """Give a question's options as a list: the poll itself is over."""
    options = [*_listed(note.get("oneOf")), *_listed(note.get("anyOf"))] if "Question" in types_of(note) else []
    names = (tidy_line(option.get("name"), MAX_NAME_CHARS) for option in options if isinstance(option, dict))
    lines = [f"- {escape(name)}" for name in names if name]
    if lines:
        yield "\n".join(lines)


def _summary(note: dict[str, Any]) -> str | None:
    summary = note.get("summary")
    if not isinstance(summary, str):
        return None
    return tidy_line(to_plain(tidy(summary[:_MAX_SUMMARY_HTML_CHARS])), MAX_SUMMARY_CHARS) or None


def _media(note: dict[str, Any], find_media: FindMedia) -> Iterator[ArchivedMedia]:
    attachments = (one for one in _listed(note.get("attachment")) if isinstance(one, dict))
    with_address = ((one, tidy_reference(_href(one.get("url", one.get("href"))))) for one in attachments)
    for attachment, address in [pair for pair in with_address if pair[1]][:MAX_MEDIA]:
        found = find_media(address or "")
        yield ArchivedMedia(
            name=(address or "").split("?")[0].rstrip("/").rsplit("/", 1)[-1][:MAX_NAME_CHARS],
            media_type=tidy_media_type(attachment.get("mediaType")),
            alt=tidy_line(attachment.get("name") or attachment.get("summary"), MAX_ALT_CHARS),
            address=tidy_address(address),
            size_bytes=found[0] if found is not None else None,
            load=found[1] if found is not None else None,
        )


def _url(note: dict[str, Any]) -> str | None:
    return tidy_address(_href(note.get("url"))) or tidy_address(_id(note))


def _href(url: Any) -> str | None:
    """Return the address of a link given as text, as an object, or as a list of either (a web page before others)."""
    links = _listed(url)
    pages = [link for link in links if isinstance(link, dict) and link.get("mediaType") == "text/html"]
    for link in [*pages, *links]:
        href = link.get("href", link.get("url")) if isinstance(link, dict) else link
        if isinstance(href, str):
            return href
    return None


def _language(note: dict[str, Any]) -> str | None:
    by_language = note.get("contentMap")
    if isinstance(by_language, dict) and len(by_language) == 1:
        return tidy_language(next(iter(by_language)))
    return None


def _hashtags(note: dict[str, Any]) -> tuple[str, ...]:
    tags = (tag for tag in _listed(note.get("tag")) if "Hashtag" in types_of(tag))
    return tidy_hashtags([tag.get("name") for tag in tags])


def _listed(value: Any) -> list[Any]:
    """Return what may be one thing, several or none as a list, cut to a sensible length."""
    if value is None:
        return []
    return value[:_MAX_LISTED] if isinstance(value, list) else [value]


def _ids(value: Any) -> Iterator[str]:
    yield from (one for one in map(_id, _listed(value)) if one is not None)


def _id(value: Any) -> str | None:
    found = value.get("id") if isinstance(value, dict) else value
    return found if isinstance(found, str) and found else None


def _made_id(published_ms: int, text: str) -> str:
    return "made:" + blake2b(f"{published_ms}\n{text}".encode(), digest_size=16).hexdigest()
