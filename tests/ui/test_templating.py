"""Templates: every page in every language, dates and numbers as people write them, nothing unescaped."""

import gettext
import re
import subprocess
import sys
from datetime import UTC
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from babel.messages.catalog import Message
from babel.messages.checkers import num_plurals
from babel.messages.pofile import read_po
from jinja2 import UndefinedError

from ui.assets import Assets
from ui.locales import catalogue_path, choose_language, direction, languages, translations
from ui.pattern_examples import feed, frame, posts, space
from ui.pattern_pages import PAGES
from ui.patterns import pattern_page
from ui.people_views import News
from ui.templating import FOLDER, Formats, Templates, qr_drawing, web_address
from ui.views import ImportedFrom, PersonRef

ROOT = Path(__file__).resolve().parents[2]
NOW_MS = 1_795_161_600_000  # 20 November 2026, 08:00 UTC
HOUR_MS = 3_600_000
HOSTILE = "\"><script>alert(1)</script>'<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def templates() -> Templates:
    return Templates(Assets.read(), lambda: NOW_MS, UTC)


def formats(language: str) -> Formats:
    return Formats(language, translations(language), lambda: NOW_MS, UTC)


class Elements(HTMLParser):
    """All elements of a page with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("name", ["", *PAGES])
def test_every_example_page_renders_in_every_language(templates: Templates, name: str, language: str) -> None:
    html = pattern_page(templates, name, language, "")

    assert f'<html lang="{language}" dir="{direction(language)}"' in html


@pytest.mark.parametrize("name", ["", *PAGES])
def test_no_page_has_anything_inline_or_from_elsewhere(templates: Templates, name: str) -> None:
    for tag, attributes in Elements(pattern_page(templates, name, "en", "")).found:
        assert tag != "style"
        assert "style" not in attributes
        assert not any(attribute.startswith("on") for attribute in attributes)
        assert tag != "script" or (attributes.get("src") or "").startswith("/static/")
        assert tag not in ("link", "img", "use") or "//" not in (attributes.get("href") or attributes.get("src") or "")


@pytest.mark.parametrize("name", ["", *PAGES])
def test_every_form_that_changes_something_carries_the_token(templates: Templates, name: str) -> None:
    html = pattern_page(templates, name, "en", "")

    for form in re.findall(r"<form\b[^>]*method=\"post\".*?</form>", html, re.DOTALL):
        assert 'name="form_token" value="example"' in form


@pytest.mark.parametrize("name", ["", *PAGES])
def test_no_id_stands_twice_on_a_page(templates: Templates, name: str) -> None:
    ids = [
        attributes["id"]
        for _, attributes in Elements(pattern_page(templates, name, "en", "")).found
        if "id" in attributes
    ]

    assert sorted(ids, key=str) == sorted(set(ids), key=str)


def test_what_people_write_is_escaped_wherever_it_stands(templates: Templates) -> None:
    person = PersonRef(HOSTILE, HOSTILE, "/people/1")
    post = posts(NOW_MS)[1]._replace(author=person, imported=ImportedFrom(HOSTILE, NOW_MS), why=HOSTILE)
    context: dict[str, Any] = {
        "frame": frame("feed"),
        "space": space()._replace(name=HOSTILE, description=HOSTILE),
        "feed": feed(NOW_MS)._replace(posts=(post,), place=HOSTILE),
        "composer": PAGES["feed"][2](NOW_MS)["composer"],
        "here": (),
        "arrived": ((HOSTILE, 1),),
        "arriving": None,
        "news": News(),
    }

    html = templates.render("feed.html", "en", context)

    assert "<script>alert" not in html
    assert "<img" not in html


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "data:text/html,x", "//x", "ftp://x", "https://x y", " https://x"]
)
def test_only_web_addresses_become_links(address: str, templates: Templates) -> None:
    post = posts(NOW_MS)[1]._replace(imported=ImportedFrom(address, NOW_MS))

    html = templates.render("fragments/post.html", "en", {"post": post, "form_token": "t"})

    assert web_address(address) == ""
    assert f'href="{address}"' not in html


@pytest.mark.parametrize(
    ("language", "name", "words"),
    [
        ("en", "Bola", "Proposed by Bola, 3."),
        ("en", "يوسف <b>", "Proposed by \u2068يوسف &lt;b&gt;\u2069, 3."),
        ("ar", "Bola", "اقترحه \u2068Bola\u2069، 3."),
    ],
)
def test_a_name_turns_nothing_round_in_the_sentence_it_stands_in(
    templates: Templates, language: str, name: str, words: str
) -> None:
    sentence = '{{ _("Proposed by %(name)s, %(when)s.", name=name, when="3") }}'

    assert templates.environment(language).from_string(sentence).render(name=name) == words


def test_a_missing_variable_is_an_error_and_no_gap(templates: Templates) -> None:
    with pytest.raises(UndefinedError):
        templates.render("search.html", "en", {"frame": frame("search")})


def test_every_template_says_what_it_needs() -> None:
    for path in FOLDER.glob("*.html"):
        assert path.read_text().startswith("{#"), path.name


@pytest.mark.parametrize(
    ("language", "age_h", "words"),
    [
        ("en", 1, "Today, 07:00"),
        ("en", 10, "Yesterday, 22:00"),
        ("en", 24 * 30, "21 Oct, 08:00"),
        ("en", 24 * 900, "3 Jun 2024, 08:00"),
        ("ar", 1, "اليوم، 7:00 ص"),
    ],
)
def test_dates_are_written_as_one_says_them(language: str, age_h: int, words: str) -> None:
    assert formats(language).when(NOW_MS - age_h * HOUR_MS).replace("\u202f", " ") == words


def test_a_date_within_a_sentence_begins_small() -> None:
    assert formats("en").when_within(NOW_MS - 10 * HOUR_MS) == "yesterday, 22:00"


def test_the_hour_that_comes_twice_in_autumn_is_told_apart() -> None:
    zone = ZoneInfo("Europe/Berlin")
    half_past_two_ms = 1_792_888_200_000  # 25 October 2026, 00:30 UTC: clocks go back half an hour later
    shown = Formats("en", translations("en"), lambda: NOW_MS, zone)

    told = [shown.full(half_past_two_ms + hours * HOUR_MS) for hours in (0, 1, 0)]

    assert [shown.iso(half_past_two_ms + hours * HOUR_MS)[11:] for hours in (0, 1)] == [
        "02:30:00+02:00",
        "02:30:00+01:00",
    ]
    assert told == [
        "Sunday, 25 October 2026, 02:30:00 Central European Summer Time",
        "Sunday, 25 October 2026, 02:30:00 Central European Standard Time",
        "Sunday, 25 October 2026, 02:30:00 Central European Summer Time",
    ]


def test_a_year_later_the_year_is_written() -> None:
    now_ms = [NOW_MS]
    shown = Formats("en", translations("en"), lambda: now_ms[0], UTC)
    told = [shown.when(NOW_MS)]

    for days in (1, 2, 366):
        now_ms[0] = NOW_MS + days * 24 * HOUR_MS
        told.append(shown.when(NOW_MS))

    assert told == ["Today, 08:00", "Yesterday, 08:00", "20 Nov, 08:00", "20 Nov 2026, 08:00"]


@pytest.mark.parametrize("time_ms", [-(2**63), 2**63, 0, -62_135_596_800_001, 253_402_300_799_999])
def test_absurd_times_are_shown_and_break_nothing(time_ms: int) -> None:
    shown = formats("en")

    assert shown.when(time_ms)
    assert shown.full(time_ms)
    assert shown.iso(time_ms)
    assert shown.ago(time_ms)


def test_ages_and_sizes_are_said_in_words() -> None:
    shown = formats("en")

    assert shown.ago(NOW_MS - 1000) == "just now"
    assert shown.ago(NOW_MS - 61_000) == shown.ago(NOW_MS - 119_000) == "1 minute ago"
    assert shown.ago(NOW_MS + 61_000) == "in 1 minute"
    assert shown.ago(NOW_MS - 120_000) == "2 minutes ago"
    assert shown.ago(NOW_MS + 72 * HOUR_MS) == "in 3 days"
    assert [shown.size(size).replace("\xa0", " ") for size in (0, 999, 1500, 20_000_000)] == [
        "0 B",
        "999 B",
        "1.5 kB",
        "20 MB",
    ]
    assert formats("ar").size(999) == "999 بايت"


def test_every_plural_form_of_a_language_is_handed_to_the_scripts() -> None:
    assert formats("en").plural_forms("%(num)s new post", "%(num)s new posts") == (
        '{"one": "{n} new post", "other": "{n} new posts"}'
    )
    assert formats("ar").plural_forms("%(num)s new post", "%(num)s new posts").count("منشور") == 6


def test_a_qr_code_is_one_path_with_a_quiet_edge_and_cannot_be_broken_out_of() -> None:
    drawing = qr_drawing("https://example.org/", HOSTILE)

    assert drawing.count("<path") == 2
    assert "<script>" not in drawing
    assert 'd="M4 4h1' in drawing


def test_a_text_too_long_for_a_qr_code_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="too large"):
        qr_drawing("x" * 5000, "too long")


@pytest.mark.parametrize(
    ("header", "wish", "chosen"),
    [
        ("", "", "en"),
        ("ar-EG,en;q=0.5", "", "ar"),
        ("xx,ar", "", "ar"),
        ("ar", "en", "en"),
        ("../../etc", "../x", "en"),
        ("q" * 9999, "", "en"),
    ],
)
def test_the_language_is_the_persons_wish_or_their_browsers(header: str, wish: str, chosen: str) -> None:
    assert choose_language(header, wish) == chosen


def test_the_catalogues_have_every_phrase_of_the_interface() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "messages.py", "--check"], capture_output=True, text=True, check=False
    )

    assert done.stdout == ""
    assert done.returncode == 0


@pytest.mark.parametrize("language", languages())
def test_translations_keep_every_placeholder(language: str) -> None:
    with catalogue_path(language).open("rb") as file:
        catalogue = read_po(file, locale=language)
    one = gettext.c2py(catalogue.plural_expr)(1)

    for message in catalogue:
        num_plurals(catalogue, message)

    alone = [
        each for message in catalogue for each in (forms_alone(message, one) if message.pluralizable else [message])
    ]
    assert [str(error) for message in alone for error in message.check(catalogue)] == []


def forms_alone(message: Message, one: int) -> list[Message]:
    """Return each form of a translation as a message of its own, beside the English words for the same number."""
    words = [message.id[0] if number == one else message.id[1] for number in range(len(message.string))]
    return [Message(id_, form, flags=message.flags) for id_, form in zip(words, message.string, strict=True)]


def test_example_views_cover_every_state_of_a_post() -> None:
    shown = posts(NOW_MS)

    assert {post.sending for post in shown} >= {"waiting", "shared"}
    for name in ("is_new", "is_mine", "is_retracted", "is_future_dated", "imported", "edited_ms", "reached", "why"):
        assert name in shown[0]._fields
        assert any(getattr(post, name) for post in shown), name


def test_compiled_templates_are_kept_between_runs_and_give_the_same_page(tmp_path: Path) -> None:
    assets = Assets.read()
    pages = [
        pattern_page(Templates(assets, lambda: NOW_MS, UTC, bytecode), "feed", "en", "")
        for bytecode in (None, tmp_path, tmp_path)
    ]

    assert pages[0] == pages[1] == pages[2]
    assert list(tmp_path.iterdir())
