"""People's text: what they meant stays, what could harm does not."""

import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.markup import Difference, differences, excerpt, rendered, tame

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<iframe src=https://example.org></iframe>",
    "<style>*{display:none}</style>",
    "<a href='javascript:alert(1)'>x</a>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:msgbox)",
    "[x](file:///etc/passwd)",
    "<javascript:alert(1)>",
    "![x](javascript:alert(1))",
    "![x](https://example.org/pixel.gif)",
    '[x](https://example.org "onmouseover=alert(1)")',
    '[x](https://example.org/"onmouseover="alert(1))',
    "[a]: javascript:alert(1)\n\n[a]",
    "<div hx-get=/steal hx-trigger=load>x</div>",
    "```html\n<script>alert(1)</script>\n```",
    "`<script>alert(1)</script>`",
    "<!-- --><script>alert(1)</script>",
    "<math><mtext></mtext><mglyph><style><img src=x onerror=alert(1)>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
]

ALLOWED_ATTRIBUTES = {"dir", "href", "rel", "start"}


class Inspector(HTMLParser):
    """Collects the tags, attributes and addresses of a piece of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.addresses: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]


def assert_harmless(html: str) -> None:
    seen = Inspector(html)
    assert seen.tags.isdisjoint({"script", "img", "svg", "iframe", "style", "div", "math", "object", "form"})
    assert seen.attributes <= ALLOWED_ATTRIBUTES
    assert all(re.match(r"(https?:|mailto:|[^:]*$)", address) for address in seen.addresses)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("heading_base", [None, 2])
def test_nothing_hostile_gets_through(text: str, heading_base: int | None) -> None:
    assert_harmless(rendered(text, heading_base))


@given(st.text(alphabet="<>[]()!*_`#:/ \n\t&;\"'=javscriptonexml-|~\\", max_size=200))
def test_no_mixture_of_marks_gets_anything_harmful_through(text: str) -> None:
    assert_harmless(rendered(text))


def test_a_tag_is_shown_as_it_was_written() -> None:
    assert "&lt;b&gt;" in rendered("use <b> for bold")


def test_a_picture_becomes_a_link_to_it() -> None:
    html = rendered("![the shed](https://example.org/shed.png)")

    assert html == (
        '<p dir="auto"><a href="https://example.org/shed.png" rel="nofollow noopener noreferrer">the shed</a></p>\n'
    )


def test_every_link_tells_the_other_side_nothing() -> None:
    assert 'rel="nofollow noopener noreferrer"' in rendered("[x](https://example.org)")


def test_each_paragraph_takes_its_own_direction() -> None:
    assert rendered("hello\n\nمرحبا").count('dir="auto"') == 2


def test_a_post_has_no_headings_but_a_page_has_them_without_gaps() -> None:
    text = "# One\n\n#### Two\n\n# Three"

    assert re.findall(r"</?h\d", rendered(text)) == []
    assert re.findall(r"<h\d", rendered(text, heading_base=2)) == ["<h2", "<h3", "<h2"]


def test_a_page_that_begins_with_a_deep_heading_leaves_no_gap() -> None:
    assert re.findall(r"<h\d", rendered("### Deep\n\n# Top", heading_base=2)) == ["<h2", "<h2"]


def test_direction_overrides_and_control_characters_are_taken_out() -> None:
    assert tame("pay\u202egnp.exe\u2066x\u2069\x00\x1b[31m\u200d\u200f") == "paygnp.exex[31m\u200d\u200f"


@pytest.mark.parametrize("piece", ["[", "![", "*a_", "> ", "- ", "`", "<b>", "&amp;", "a\n\n", "|a", "w ", "[a](b) "])
def test_a_hundred_thousand_hostile_characters_end_soon(piece: str) -> None:
    text = (piece * 100_000)[:100_000]
    start = time.process_time()

    rendered(text)
    excerpt(text)

    assert time.process_time() - start < 3.0  # a guard against hanging, thirty times what it takes; no measurement


def test_deep_nesting_ends() -> None:
    assert rendered("> " * 5000 + "deep").count("<blockquote") <= 20


def test_an_excerpt_is_one_line_of_plain_words() -> None:
    text = "# Pump\n\n**Bed 7** has [stopped](https://example.org).\n\n- again"

    assert excerpt(text) == "Pump Bed 7 has stopped. again"


def test_an_excerpt_is_cut_between_words() -> None:
    assert excerpt("one two three four", 10) == "one two …"


@given(st.text(max_size=400), st.integers(5, 80))
def test_an_excerpt_never_exceeds_its_limit_by_more_than_the_ellipsis(text: str, limit: int) -> None:
    assert len(excerpt(text, limit)) <= limit + 2
    assert "\n" not in excerpt(text, limit)


def test_a_changed_line_is_shown_as_removed_and_added_between_its_neighbours() -> None:
    old = "\n".join(f"line {n}" for n in range(10))

    rows = differences(old, old.replace("line 5", "line five"))

    assert rows == (
        Difference("skipped", skipped=2),
        *(Difference("same", f"line {n}") for n in (2, 3, 4)),
        Difference("removed", "line 5"),
        Difference("added", "line five"),
        *(Difference("same", f"line {n}") for n in (6, 7, 8)),
        Difference("skipped", skipped=1),
    )


def test_equal_versions_have_no_differences() -> None:
    assert differences("a\nb", "a\r\nb") == ()


LINES = st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=30).map("\n".join)


@given(LINES, LINES)
def test_both_versions_can_be_read_back_from_the_comparison(old: str, new: str) -> None:
    rows = differences(old, new)

    removed = sum(row.kind == "removed" for row in rows)
    added = sum(row.kind == "added" for row in rows)
    untouched = sum(row.skipped or row.kind == "same" for row in rows)
    if rows:
        assert untouched + removed == len(old.split("\n"))
        assert untouched + added == len(new.split("\n"))


def test_long_texts_that_differ_everywhere_are_compared_in_one_piece() -> None:
    old, new = "a\n" * 50_000, "b\na\n" * 25_000

    start = time.process_time()
    rows = differences(old, new)

    assert time.process_time() - start < 5.0  # a guard against hanging
    assert rows[0].kind == "removed"
