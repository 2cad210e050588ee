"""People's text made safe to show: Markdown, excerpts, and what changed between two versions.

Two walls stand one behind the other. The Markdown reader knows no HTML, so a tag that someone writes is
shown as they wrote it. The cleaner then lets only the tags and attributes listed here through, whatever the
reader made. Nothing is loaded from elsewhere: a picture becomes a link to it.
"""

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any, Literal, NamedTuple

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup, escape

from node.domain.mentions import without_links

MAX_MARKDOWN_CHARS = 20_000
MAX_MARKS = 1_500
"""Text beyond either is shown as plain paragraphs: thousands of brackets or stars cost time that grows faster
than their number, and no hand writes them."""

MARKS = re.compile(r"[\[\]*_~`<|#&>\-]")

MAX_COMPARED_LINES = 500
CONTEXT_LINES = 3
EXCERPT_CHARS = 180

TAGS = {
    *("p", "br", "hr", "strong", "em", "s", "code", "pre", "blockquote", "ul", "ol", "li", "a"),
    *("h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"),
}
OWN_DIRECTION = ("p", "ul", "ol", "li", "blockquote", "h2", "h3", "h4", "h5", "h6", "th", "td")
SCHEMES = {"http", "https", "mailto"}
REL = "nofollow noopener noreferrer"

UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]")
"""Control characters, and marks that reorder or hide the text after them.

The joiners and the plain direction marks stay: Persian, Arabic, Hindi and emoji need them.
"""


_OPEN, _CLOSE = "\ue000", "\ue001"
_MARKS_OF_OURS = re.compile(f"[{_OPEN}{_CLOSE}]")
"""Marks that stand for mentions until people's words are cleaned; out of people's words they are taken."""


def tame(text: str) -> str:
    """Return a text without control characters and marks that could reorder what follows it."""
    return UNWANTED.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def _picture_as_link(_: RendererHTML, tokens: Sequence[Token], index: int, *__: Any) -> str:
    token = tokens[index]
    words = token.content or str(token.attrGet("src") or "")
    return f'<a href="{escape(str(token.attrGet("src") or ""))}">{escape(words)}</a>'


def _reader() -> MarkdownIt:
    reader = MarkdownIt("commonmark", {"html": False, "linkify": False, "breaks": True, "maxNesting": 20})
    reader.enable(["strikethrough", "table"])
    reader.add_render_rule("image", _picture_as_link)
    return reader


READER = _reader()


def _clean(html: str) -> str:
    return nh3.clean(
        html,
        tags=TAGS,
        attributes={"*": set(), "a": {"href"}, "ol": {"start"}},
        url_schemes=SCHEMES,
        url_relative="deny",  # nobody else's words link into this node's own pages
        link_rel=REL,
        set_tag_attribute_values={tag: {"dir": "auto"} for tag in OWN_DIRECTION},
    )


def _set_headings(tokens: list[Token], base: int | None) -> None:
    """Bring headings in line with the page: from ``base`` on without a gap, or as loud paragraphs (None)."""
    level = (base or 2) - 1
    for token in tokens:
        if token.type == "heading_open":
            level = min(int(token.tag[1]) + (base or 1) - 1, level + 1, 6)
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{level}" if base else "p"


def _strengthen(tokens: list[Token]) -> Iterator[Token]:
    """Put the words of headings that became paragraphs in strong type."""
    for token in tokens:
        if token.type == "heading_close" and token.tag == "p":
            yield Token("strong_close", "strong", -1)
        yield token
        if token.type == "heading_open" and token.tag == "p":
            yield Token("strong_open", "strong", 1)


def _paragraphs(text: str) -> str:
    blocks = re.split(r"\n{2,}", text.strip("\n"))
    return "".join(f"<p>{escape(block)}</p>".replace("\n", "<br>") for block in blocks)


def _spell_mentions(tokens: Sequence[Token], shown: Sequence[str]) -> None:
    """Put marks in the place of mentions that are to be shown as such, and plain words in the place of all others."""
    for token in tokens:
        if token.type == "inline":
            token.children = list(_without_key_links(token.children or [], shown))


def _without_key_links(tokens: Sequence[Token], shown: Sequence[str]) -> Iterator[Token]:
    """Give a line's parts, where no link leads to a key: it is a mention's mark, or only its words."""
    inside = False
    for token in tokens:
        if token.type == "link_open" and (href := str(token.attrGet("href") or "")).startswith("did:"):
            inside = True
            mark = href in shown
            if mark:
                yield Token("text", "", 0, content=_OPEN + str(shown.index(href)) + _CLOSE)
            continue
        if inside and token.type == "link_close":
            inside = False
            continue
        if not (inside and mark):
            yield token


def _linked(html: str, people: Sequence["Mentioned"]) -> str:
    """Put links to people in the place of their marks; what they are made of is ours, and escaped."""

    def link(match: re.Match[str]) -> str:
        one = people[int(match[1])]
        return f'<a class="mention" href="{escape(one.url)}" dir="auto">@{escape(one.name)}</a>'

    return re.sub(f"{_OPEN}([0-9]{{1,3}}){_CLOSE}", link, html)


class Mentioned(NamedTuple):
    """Somebody whose mention is shown as one: their did:key, their name as it is now, and where they are found."""

    did: str
    name: str
    url: str


def rendered(text: str, heading_base: int | None = None, people: tuple[Mentioned, ...] = ()) -> Markup:
    """Return people's Markdown as safe HTML.

    Posts have no headings of their own (None): a heading is shown as strong words, so that the page's
    outline stays whole. A space's page passes the level that its first heading gets, and later ones follow
    without gaps. Paragraphs, list items and cells each take the direction of their own first letter. A mention leads
    to one of `people`; of anybody else it is only the words that were typed.
    """
    text = _MARKS_OF_OURS.sub("", tame(text))
    if len(text) > MAX_MARKDOWN_CHARS or len(MARKS.findall(text)) > MAX_MARKS:
        return Markup(_clean(_paragraphs(without_links(text))))  # noqa: S704 - escaped, then cleaned
    tokens = READER.parse(text)
    _set_headings(tokens, heading_base)
    _spell_mentions(tokens, [one.did for one in people])
    html = READER.renderer.render(list(_strengthen(tokens)), READER.options, {})
    return Markup(_linked(_clean(html), people))  # noqa: S704 - what the cleaner returns is safe, and our links are


def _spoken(tokens: Sequence[Token]) -> Iterator[str]:
    for token in tokens:
        if token.type == "inline":
            yield from _spoken(token.children or [])
            yield " "
        elif token.type in ("text", "code_inline", "code_block", "fence", "image"):
            yield token.content
        elif token.type in ("softbreak", "hardbreak"):
            yield " "


def excerpt(text: str, limit: int = EXCERPT_CHARS) -> str:
    """Return the beginning of people's Markdown as one line of plain text, cut between words, with an ellipsis."""
    head = tame(text[: limit * 4])
    line = " ".join("".join(_spoken(READER.parse(head))).split())
    if len(line) <= limit:
        return line + (" …" if len(text) > limit * 4 else "")
    return line[:limit].rsplit(" ", 1)[0].rstrip(" ,.;:–-") + " …"


class Difference(NamedTuple):
    """One line of a comparison, or a count of unchanged lines that are left out."""

    kind: Literal["same", "removed", "added", "skipped"]
    text: str = ""
    skipped: int = 0


def differences(old: str, new: str) -> tuple[Difference, ...]:
    """Return how one version of a text became the next, line by line.

    Unchanged stretches are cut to three lines beside each change. Where more than five hundred lines
    differ, that part is shown as removed and added in one piece, because comparing it line by line could
    take seconds.
    """
    before, after = tame(old).split("\n"), tame(new).split("\n")
    rows: list[Difference] = []
    groups = list(_grouped(before, after))
    at = 0
    for group in groups:
        rows += _left_out(group[0][1] - at)
        at = group[-1][2]
        for kind, a1, a2, b1, b2 in group:
            if kind == "equal":
                rows += [Difference("same", line) for line in before[a1:a2]]
            else:
                rows += [Difference("removed", line) for line in before[a1:a2]]
                rows += [Difference("added", line) for line in after[b1:b2]]
    return tuple(rows + _left_out(len(before) - at)) if groups else ()


Step = tuple[str, int, int, int, int]


def _common(before: list[str], after: list[str]) -> tuple[int, int]:
    """Return how many lines two versions share at their beginning and, beyond those, at their end."""
    shorter = min(len(before), len(after))
    head = next((i for i in range(shorter) if before[i] != after[i]), shorter)
    tail = next((i for i in range(shorter - head) if before[-1 - i] != after[-1 - i]), shorter - head)
    return head, tail


def _grouped(before: list[str], after: list[str]) -> Iterator[list[Step]]:
    """Give the changed stretches with the lines beside them; only the part that differs is compared."""
    if before == after:
        return
    head, tail = _common(before, after)
    start = max(0, head - CONTEXT_LINES)
    kept = max(0, tail - CONTEXT_LINES)
    end_before, end_after = len(before) - kept, len(after) - kept
    if max(end_before, end_after) - start > MAX_COMPARED_LINES:
        cut_before, cut_after = len(before) - tail, len(after) - tail
        yield [
            ("equal", start, head, start, head),
            ("replace", head, cut_before, head, cut_after),
            ("equal", cut_before, end_before, cut_after, end_after),
        ]
        return
    matcher = SequenceMatcher(None, before[start:end_before], after[start:end_after])
    for group in matcher.get_grouped_opcodes(CONTEXT_LINES):
        yield [(kind, a1 + start, a2 + start, b1 + start, b2 + start) for kind, a1, a2, b1, b2 in group]


def _left_out(lines: int) -> list[Difference]:
    return [Difference("skipped", skipped=lines)] if lines > 0 else []
