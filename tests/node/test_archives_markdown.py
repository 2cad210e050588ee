"""HTML becomes Markdown that says the same and holds no tag."""

import html
import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from node.archives.markdown import MAX_TAGS, escape, to_markdown, to_plain
from node.archives.posts import tidy

READER = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["strikethrough", "table"])
MENTION = (
    '<span class="h-card" translate="no"><a href="https://garden.example/@bo" class="u-url mention">@<span>bo</span>'
    "</a></span>"
)
HASHTAG = '<a href="https://garden.example/tags/bees" class="mention hashtag" rel="tag">#<span>bees</span></a>'
LONG_LINK = (
    '<a href="https://example.org/a_long_path/of/it" target="_blank" rel="nofollow noopener">'
    '<span class="invisible">https://</span><span class="ellipsis">example.org/a_long_pa</span>'
    '<span class="invisible">th/of/it</span></a>'
)
SOUP = (
    *("<p>", "</p>", "<b>", "</b>", "<a href='https://x.example/(y'>", "</a>", "<ul>", "<li>", "</ul>", "<br>"),
    *("<blockquote>", "</blockquote>", "<pre>", "</pre>", "<code>", "</code>", "<h2>", "<ol start=x>", "text "),
    *("<script>", "</script>", "<!--", "-->", "<table><td>", "&lt;b&gt;", "`", "*", "!", "\x00", "<![CDATA["),
)
MARKS = st.text(st.sampled_from("ab 1.)(*_~`#>+-=|:<&;![]\\/é𝄞 "), max_size=40)


class _Shown(HTMLParser):
    """What a browser would show of a page, and which tags it is made of."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text = ""
        self.tags: set[str] = set()
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, _: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.text += "\n" if tag == "br" else ""

    def handle_data(self, data: str) -> None:
        self.text += data


def words(text: str) -> list[str]:
    return text.split()


@pytest.mark.parametrize(
    ("source", "markdown"),
    [
        ("<p>Hello</p><p>you<br>there<br />all</p>", "Hello\n\nyou\nthere\nall"),
        (f"<p>{MENTION} look</p>", "[@bo](https://garden.example/@bo) look"),
        (f"<p>{HASHTAG} and more</p>", "#bees and more"),
        (f"<p>see {LONG_LINK}.</p>", "see <https://example.org/a_long_path/of/it>."),
        ('<a href="https://example.org/x(1)">a [b]</a>', r"[a \[b\]](https://example.org/x%281%29)"),
        ('wow!<a href="https://example.org/">x</a>', r"wow\![x](https://example.org/)"),
        ('no!<a href="https://a.example"></a><a href="https://b.example">x</a>', r"no\![x](https://b.example)"),
        ('<a href="javascript:alert(1)">press</a>', "press"),
        ('<a href="https://example.org/"></a>empty', "empty"),
        ("<p>Tom &amp; Jerry &lt;3 &quot;x&quot;</p>", 'Tom & Jerry \\<3 "x"'),
        ("<p>&amp;amp; &amp;copy; AT&amp;T</p>", r"\&amp; \&copy; AT&T"),
        ("<b>bold</b> <i>soft</i> <del>gone</del> <code>a`b</code>", "**bold** *soft* ~~gone~~ ``a`b``"),
        ("<strong> padded </strong>x<em></em>", "**padded** x"),
        ("<ul><li>one</li><li>two<ul><li>deep</li></ul></li></ul>", "- one\n- two\n  - deep"),
        ('<ol start="3"><li>c</li><li><p>d</p><p>e</p></li></ol>', "3. c\n4. d\n\n   e"),
        ("<blockquote><p>a</p><p>b</p></blockquote><p>c</p>", "> a\n>\n> b\n\nc"),
        ("<pre><code>x = 1\n  y = `2`\n</code></pre>", "```\nx = 1\n  y = `2`\n```"),
        ("<h1>Top</h1><p>x</p><h3>Sub<br>title</h3>", "## Top\n\nx\n\n### Sub title"),
        (
            "# no heading<br>1. no list<br>- nor this<br>&gt; nor that",
            "\\# no heading\n1\\. no list\n\\- nor this\n\\> nor that",
        ),
        ("a_b_c _d_ *e* ~~f~~", r"a_b_c \_d\_ \*e\* \~\~f\~\~"),
        ("<script>alert(1)</script><style>p{}</style><p onclick='x()'>safe</p><!-- note -->", "safe"),
        ("<iframe src='https://x.example'>in</iframe><svg><a>pic</a></svg>kept", "kept"),
        ('<img src="https://x.example/i.png" alt="a *cat*"> sits', r"a \*cat\* sits"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\n\nc"),
        ("<p>unclosed <b>mess<p>more</i>", "unclosed **mess**\n\n**more**"),
        ("", ""),
        ("   <p> </p> <br> ", ""),
    ],
)
def test_a_post_says_the_same_in_markdown(source: str, markdown: str) -> None:
    assert to_markdown(source) == markdown


@given(st.lists(MARKS, min_size=1, max_size=4))
@example(["a", "---"])
@example(["a | b", "- | -"])
@example(["~~~x", "```"])
@example(["&lt; &#60;"])
@example(["[a]: /x", "![y](z)"])
@example(["a=", "==="])
def test_text_that_looks_like_marks_stays_text(lines: list[str]) -> None:
    source = "<p>" + "<br>".join(html.escape(line) for line in lines) + "</p>"

    shown = _Shown(READER.render(to_markdown(source)))

    assert words(shown.text) == words("\n".join(lines))
    assert shown.tags <= {"p", "br"}


@given(MARKS)
def test_an_escaped_line_is_shown_as_it_is(line: str) -> None:
    shown = _Shown(READER.render(escape(" ".join(line.split()))))

    assert words(shown.text) == words(line)
    assert shown.tags <= {"p"}


@given(st.lists(st.sampled_from(SOUP), max_size=40))
def test_no_soup_of_tags_brings_a_tag_through(pieces: list[str]) -> None:
    markdown = to_markdown("".join(pieces))

    raw = MarkdownIt("commonmark", {"html": True}).render(markdown)

    allowed = {"p", "br", "strong", "em", "a", "ul", "ol", "li", "blockquote", "pre", "code", "h2", "s", "del", "hr"}
    assert _Shown(raw).tags <= allowed
    assert "script" not in raw


@given(st.text(max_size=300))
def test_any_text_at_all_is_read(source: str) -> None:
    assert isinstance(to_markdown(tidy(source)), str)
    assert "<" not in re.sub(r"\\<", "", to_markdown(html.escape(tidy(source))))


@pytest.mark.parametrize(
    "piece", ["<div>", "<blockquote>", "<b>", "<ul><li>", "<a href='https://x.example'>", "<p><i>"]
)
def test_nesting_beyond_all_measure_costs_little(piece: str) -> None:
    count = MAX_TAGS // piece.count("<")
    started = time.process_time()

    text = to_markdown(piece * count + "deep")

    assert "deep" in text
    assert time.process_time() - started < 10


def test_a_content_warning_loses_its_tags_but_not_its_signs() -> None:
    assert to_plain("<p>I &lt;3 <b>food</b></p> & more") == "I <3 food & more"
    assert to_plain("a < b, c > d") == "a < b, c > d"
