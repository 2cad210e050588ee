"""Other people's HTML as Markdown: what they said stays, no tag does.

nh3 first makes well-formed HTML of whatever came in and drops scripts with all they hold; only that is then walked.
Letters that Markdown would take for marks are escaped, so that text stays text. Line breaks within a paragraph are
plain newlines, as a reader with `breaks` shows them.
"""

import html
import re
from dataclasses import dataclass, field

import nh3

MAX_HTML_CHARS = 150_000
MAX_TAGS = 15_000  # beyond, deep nesting would cost seconds
_MAX_DEPTH = 16
_TAGS = {
    *("p", "div", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "code", "ul", "ol", "li"),
    *("a", "strong", "b", "em", "i", "del", "s", "strike", "img", "section", "article", "figure", "figcaption"),
    *("dl", "dt", "dd", "table", "tr", "td", "th", "thead", "tbody"),
}
_ATTRIBUTES = {"a": {"href", "class", "rel"}, "img": {"alt"}, "ol": {"start"}}
_WITHOUT_CONTENT = {"script", "style", "title", "template", "noscript", "iframe", "object", "svg", "math", "textarea"}
_SCHEMES = {"http", "https", "mailto"}
_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    clean_content_tags=_WITHOUT_CONTENT,
    attributes=_ATTRIBUTES,
    url_schemes=_SCHEMES,
    link_rel=None,
)
_STRIPPER = nh3.Cleaner(tags=set(), clean_content_tags=_WITHOUT_CONTENT)
_TOKEN = re.compile(r'<(/?)([a-z][a-z0-9]*)((?: [a-z]+="[^"]*")*)>|([^<]+)')  # as nh3 writes, and nobody else
_ATTRIBUTE = re.compile(r' ([a-z]+)="([^"]*)"')
_BORDERS = {"p", "div", "section", "article", "figure", "figcaption", "dl", "dt", "dd", "table", "tr"}
_HEADINGS = {"h1": 2, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
_CONTAINERS = {"blockquote", "ul", "ol", "li", "pre"}
_MARKS = {"strong": "**", "b": "**", "em": "*", "i": "*", "del": "~~", "s": "~~", "strike": "~~"}
_INLINE = {"a", "code", *_MARKS}

_SPECIAL = re.compile(r"[\\`*\[\]<]|(?<!\w)_|_(?!\w)|~|&(?=#?\w{1,32};)")
_LINE_START = re.compile(r"(?=#{1,6}(?:\s|$)|[-+](?:\s|$)|>|[-=]+\s*$|[|:-][|:\s-]*$)")
_NUMBERED = re.compile(r"(\d{1,9})([.)])(?=\s|$)")
_SPACE = re.compile(r"[ \t\n\f]+")
_BLANK_LINE = re.compile(r"\n\s*\n")
_LIST = re.compile(r"- |\d{1,9}\. ")
_SPACE_IN_ADDRESS = re.compile(r"\s")
_BREAKING = str.maketrans({"(": "%28", ")": "%29", "<": "%3C", ">": "%3E", "\\": "%5C", '"': "%22", "`": "%60"})
_BACKTICKS = re.compile(r"`+")


def to_markdown(source: str) -> str:
    """Return HTML as Markdown; the caller holds it to MAX_HTML_CHARS and MAX_TAGS."""
    writer = _Writer()
    for end, tag, attributes, text in _TOKEN.findall(_CLEANER.clean(source)):
        if text:
            writer.say(html.unescape(text))
        elif end:
            writer.end(tag)
        else:
            writer.start(tag, {name: html.unescape(value) for name, value in _ATTRIBUTE.findall(attributes)})
    return writer.finish()


def to_plain(source: str) -> str:
    """Return what HTML, or a text that only may be HTML, says, without any marks."""
    return html.unescape(_STRIPPER.clean(source))


def escape(text: str) -> str:
    """Return one line of plain text so that Markdown shows it as it is."""
    return _guard_line(_SPECIAL.sub(r"\\\g<0>", text))


@dataclass(slots=True)
class _Frame:
    """What is being written: the root, a container, or a stretch within a line."""

    tag: str
    blocks: list[str] = field(default_factory=list)
    line: list[str] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)
    href: str = ""
    is_hashtag: bool = False
    number: int = 1

    @property
    def is_inline(self) -> bool:
        return self.tag in _INLINE


class _Writer:
    """Writes Markdown from the tags and texts of well-formed HTML; `open` says of each tag whether it got a frame."""

    def __init__(self) -> None:
        self.frames = [_Frame("root")]
        self.open: list[tuple[str, bool]] = []

    def finish(self) -> str:
        """Return the whole text."""
        while self.open:
            self._close_last()
        _flush(self.frames[0])
        return "\n\n".join(self.frames[0].blocks)

    def start(self, tag: str, given: dict[str, str]) -> None:
        """Begin what a tag begins."""
        if tag == "br":
            self._say("\n", "\n")
        elif tag == "hr":
            self._border()
        elif tag == "img":
            self._say(_SPECIAL.sub(r"\\\g<0>", given.get("alt", "")), given.get("alt", ""))
        elif tag in ("td", "th"):
            self._say(" ", " ")
        elif tag in _BORDERS or tag in _HEADINGS:
            self._border()
            self.open.append((tag, False))
        elif tag in _CONTAINERS or tag in _INLINE:
            self._open_frame(tag, given)

    def end(self, tag: str) -> None:
        """End what a tag began, and what was left open in it."""
        if not any(tag == opened for opened, _ in self.open):
            return
        while self._close_last() != tag:
            pass

    def say(self, data: str) -> None:
        """Write text."""
        top = self.frames[-1]
        if any(frame.tag in ("pre", "code") for frame in self.frames):
            top.line.append(data)
            top.raw.append(data)
            return
        words = _SPACE.sub(" ", data)
        self._say(_SPECIAL.sub(r"\\\g<0>", words), words)

    def _say(self, marked: str, raw: str) -> None:
        self.frames[-1].line.append(marked)
        self.frames[-1].raw.append(raw)

    def _border(self) -> None:
        """End a paragraph; within a stretch of a line only the line ends."""
        if self.frames[-1].is_inline or self.frames[-1].tag == "pre":
            self._say("\n", "\n")
        else:
            _flush(self.frames[-1])

    def _open_frame(self, tag: str, given: dict[str, str]) -> None:
        top = self.frames[-1]
        within_line = top.is_inline or top.tag == "pre"
        has_frame = len(self.frames) <= _MAX_DEPTH and not (within_line and tag in _CONTAINERS)
        if tag in _CONTAINERS:
            self._border()
        if has_frame and top.tag != "pre":
            frame = _Frame(tag, href=given.get("href", ""))
            frame.is_hashtag = "hashtag" in given.get("class", "").split() or "tag" in given.get("rel", "").split()
            start = given.get("start", "")
            frame.number = int(start) if start.isascii() and start.isdigit() and len(start) < 9 else 1
            self.frames.append(frame)
        self.open.append((tag, has_frame and top.tag != "pre"))

    def _add_stretch(self, frame: _Frame) -> None:
        said = _stretch(frame)
        line = self.frames[-1].line
        while line and not line[-1]:
            line.pop()
        if said.startswith("[") and line and line[-1].endswith("!"):
            line[-1] = line[-1][:-1] + "\\!"  # or the link would become a picture
        self._say(said, "".join(frame.raw))

    def _close_last(self) -> str:
        tag, has_frame = self.open.pop()
        if has_frame:
            frame = self.frames.pop()
            if frame.is_inline:
                self._add_stretch(frame)
            else:
                _add_container(self.frames[-1], frame)
        elif tag in _HEADINGS and not self.frames[-1].is_inline:
            _flush(self.frames[-1], "#" * _HEADINGS[tag] + " ")
        elif tag in _BORDERS or tag in _HEADINGS or tag in _CONTAINERS:
            self._border()
        return tag


def _flush(frame: _Frame, prefix: str = "") -> None:
    """Make a paragraph of the line that was being written."""
    lines = [_guard_line(" ".join(line.split())) for line in "".join(frame.line).split("\n")]
    frame.line.clear()
    frame.raw.clear()
    paragraphs = [part.strip("\n") for part in re.split(r"\n{2,}", "\n".join(lines))]
    whole = [part for part in paragraphs if part]
    if prefix:
        whole = [prefix + part.replace("\n", " ") for part in whole]
    frame.blocks.extend(whole)


def _guard_line(line: str) -> str:
    """Escape what would be a heading, list, quote, rule or table at the start of a line."""
    if _NUMBERED.match(line):
        return _NUMBERED.sub(r"\1\\\2", line, count=1)
    return "\\" + line if _LINE_START.match(line) else line


def _add_container(parent: _Frame, frame: _Frame) -> None:
    if frame.tag == "pre":
        parent.blocks.append(_fenced("".join(frame.line)))
        return
    _flush(frame)
    if not frame.blocks:
        return
    if frame.tag == "li":
        parent.blocks.append(_item(parent, frame))
    elif frame.tag == "blockquote":
        quoted = "\n\n".join(frame.blocks).split("\n")
        parent.blocks.append("\n".join(f"> {line}".rstrip() for line in quoted))
    else:
        parent.blocks.append("\n".join(frame.blocks))


def _item(parent: _Frame, frame: _Frame) -> str:
    mark = "- "
    if parent.tag == "ol":
        mark = f"{parent.number}. "
        parent.number += 1
    indent = " " * len(mark)
    between = ("\n" if _LIST.match(block) else "\n\n" for block in frame.blocks[1:])
    rest = "".join(f"{gap}{block}" for gap, block in zip(between, frame.blocks[1:], strict=True))
    lines = (frame.blocks[0] + rest).split("\n")
    return mark + "\n".join(indent + line if number and line else line for number, line in enumerate(lines))


def _fenced(code: str) -> str:
    longest = max((len(run) for run in _BACKTICKS.findall(code)), default=0)
    fence = "`" * max(3, longest + 1)
    body = code.strip("\n")
    return f"{fence}\n{body}\n{fence}" if body.strip() else ""


def _stretch(frame: _Frame) -> str:
    inner = "".join(frame.line)
    if frame.tag == "code":
        return _code(inner)
    if frame.tag == "a":
        return _link(frame, inner)
    core = inner.strip()
    if not core or _BLANK_LINE.search(core):
        return inner
    mark = _MARKS[frame.tag]
    before, after = inner[: len(inner) - len(inner.lstrip())], inner[len(inner.rstrip()) :]
    return f"{before}{mark}{core}{mark}{after}"


def _code(inner: str) -> str:
    core = " ".join(inner.split())
    if not core:
        return " " if inner else ""
    longest = max((len(run) for run in _BACKTICKS.findall(core)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if core.startswith("`") or core.endswith("`") else ""
    return f"{fence}{pad}{core}{pad}{fence}"


def _link(frame: _Frame, inner: str) -> str:
    label = " ".join(inner.split())
    address = _address(frame.href)
    said = "".join(frame.raw).strip()
    if frame.is_hashtag or not address or not label:
        return label
    if said in (frame.href, frame.href.split("://", 1)[-1]):
        return f"<{address}>"
    return f"[{label}]({address})"


def _address(href: str) -> str:
    """Return an address that neither a link's brackets nor Markdown's escapes can break out of."""
    if not href.lower().startswith(("https://", "http://", "mailto:")):
        return ""
    return _SPACE_IN_ADDRESS.sub("%20", href).translate(_BREAKING)
