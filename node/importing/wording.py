"""What an imported post says here: its text, a content warning before it, and what became of its pictures."""

from collections.abc import Sequence
from urllib.parse import quote

from node.archives.markdown import escape
from node.archives.posts import ArchivedMedia, ArchivedPost
from node.domain.posts import MAX_TEXT_CHARS

_KEPT_IN_ADDRESSES = "/:?#[]@!$&'*+,;=%~"


def wording(post: ArchivedPost, lost: Sequence[ArchivedMedia]) -> str | None:
    """Return the Markdown of a post; None if it is longer than a post may be.

    A content warning becomes its first line. A picture that could not be brought stays as its description, linked to
    where it once lay, unless that makes the post too long.
    """
    parts = [f"**⚠ {escape(post.summary)}**"] if post.summary else []
    parts += [post.text] if post.text else []
    whole = "\n\n".join([*parts, *map(_mention, lost)])
    text = whole if len(whole) <= MAX_TEXT_CHARS else "\n\n".join(parts)
    return text if len(text) <= MAX_TEXT_CHARS else None


def _mention(media: ArchivedMedia) -> str:
    words = escape(media.alt or media.name or media.media_type)
    return f"[{words}]({quote(media.address, safe=_KEPT_IN_ADDRESSES)})" if media.address else f"*{words}*"
