"""The templates' surroundings: one Jinja environment for each language, with filters for people's dates and numbers.

Every variable that a template names must be given (StrictUndefined), and everything that is not Markup is escaped.
"""

import gettext
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from babel import Locale
from babel.dates import format_date, format_datetime, format_time, format_timedelta
from babel.numbers import format_decimal
from babel.units import format_unit
from jinja2 import Environment, FileSystemBytecodeCache, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from ui.assets import Assets
from ui.locales import direction, isolated, translations
from ui.markup import excerpt, rendered
from ui.quilt import quilt, strip
from ui.refusals import told

FOLDER = Path(__file__).parent / "templates"
WEB_ADDRESS = re.compile(r"https?://[^\s\x00-\x1f]+\Z", re.IGNORECASE)
FAR_S = 100_000_000_000
"""Three thousand years: whoever claims more has a broken clock."""

DATES_KEPT = 1_024
"""So many spelled-out dates are kept for each language: those of the pages that are open, and more."""

JUST_NOW_S = 45
REGIONS = {"en": "en_GB", "pt": "pt_PT"}
"""Whose habits of writing dates a language without a region follows: day before month, 24 hours."""

OWN_UNITS = ("ar", "fr")
"""Languages that write the units of sizes with letters of their own."""

UNITS = (("byte", 1), ("kilobyte", 10**3), ("megabyte", 10**6), ("gigabyte", 10**9))


class Formats:
    """Dates, numbers and sizes as one language writes them, in one time zone."""

    def __init__(
        self, language: str, words: gettext.NullTranslations, clock_ms: Callable[[], int], zone: tzinfo | None
    ):
        self.locale = Locale.parse(REGIONS.get(language, language))
        self._words = words
        self._clock_ms = clock_ms
        self._zone = zone
        self._spelled = lru_cache(DATES_KEPT)(self._spell)

    def moment(self, time_ms: int) -> datetime:
        """Return a time as a date in the reader's zone; times beyond the calendar are held at its ends."""
        held = min(max(time_ms, -62_000_000_000_000), 253_000_000_000_000)
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=held)).astimezone(self._zone)

    def _in_words(self, form: str, moment: datetime) -> str:
        return self._spelled(form, moment, moment.utcoffset())

    def _spell(self, form: str, moment: datetime, _offset: timedelta | None) -> str:
        """Return a moment in one of the language's forms: kept, because pages show the same few again and again.

        Moments of two zones are equal if they are at once, so the offset has to tell them apart.
        """
        if form == "full":
            return format_datetime(moment, "full", locale=self.locale)
        if form == "clock":
            return format_time(moment, "short", locale=self.locale)
        return format_date(moment.date(), form, locale=self.locale)

    def _clock(self, moment: datetime) -> str:
        return self._in_words("clock", moment.replace(second=0, microsecond=0))

    def when(self, time_ms: int) -> str:
        """Return a date as one says it: "Today, 09:12", "Yesterday, 18:20", else the date with its time."""
        moment, today = self.moment(time_ms), self.moment(self._clock_ms()).date()
        days = (today - moment.date()).days
        if days == 0:
            return self._words.gettext("Today, %(clock)s") % {"clock": self._clock(moment)}
        if days == 1:
            return self._words.gettext("Yesterday, %(clock)s") % {"clock": self._clock(moment)}
        return self._date_and_clock(moment, today.year)

    def when_within(self, time_ms: int) -> str:
        """Return the same as it stands within a sentence: "since yesterday, 18:20"."""
        moment, today = self.moment(time_ms), self.moment(self._clock_ms()).date()
        days = (today - moment.date()).days
        if days == 0:
            return self._words.gettext("today, %(clock)s") % {"clock": self._clock(moment)}
        if days == 1:
            return self._words.gettext("yesterday, %(clock)s") % {"clock": self._clock(moment)}
        return self._date_and_clock(moment, today.year)

    def _date_and_clock(self, moment: datetime, this_year: int) -> str:
        skeleton = "MMMd" if moment.year == this_year else "yMMMd"
        pattern = self.locale.datetime_skeletons.get(skeleton)
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        date = self._in_words(str(pattern) if pattern else "medium", midnight)
        return self._words.gettext("%(date)s, %(clock)s") % {"date": date, "clock": self._clock(moment)}

    def full(self, time_ms: int) -> str:
        """Return the whole date with time, for those who want to know exactly."""
        return self._in_words("full", self.moment(time_ms).replace(microsecond=0))

    def day(self, time_ms: int) -> str:
        """Return the date alone."""
        return format_date(self.moment(time_ms).date(), "long", locale=self.locale)

    def iso(self, time_ms: int) -> str:
        """Return the date as machines read it."""
        return self.moment(time_ms).isoformat(timespec="seconds")

    def ago(self, time_ms: int) -> str:
        """Return how long ago, or how far ahead, a time is: "2 minutes ago", "in 3 days"."""
        ahead_s = max(-FAR_S, min(FAR_S, (time_ms - self._clock_ms()) // 1000))
        if abs(ahead_s) < JUST_NOW_S:
            return self._words.gettext("just now")
        threshold = 1.2
        if abs(ahead_s) < 2 * 60:  # nobody counts 61 seconds
            ahead_s, threshold = (60 if ahead_s > 0 else -60), 1.0
        return format_timedelta(timedelta(seconds=ahead_s), add_direction=True, locale=self.locale, threshold=threshold)

    def plural_forms(self, singular: str, plural: str) -> str:
        """Return every plural form of a phrase as JSON by CLDR category, for scripts that count on the page.

        The number is left as {n}. The catalogue is asked with a number of each category, as gettext wants it.
        """
        forms = {}
        for tag in (*self.locale.plural_form.rules, "other"):
            example = next((n for n in range(1000) if self.locale.plural_form(n) == tag), 1000)
            forms[tag] = self._words.ngettext(singular, plural, example).replace("%(num)s", "{n}")
        return json.dumps(forms, ensure_ascii=False)

    def number(self, value: float) -> str:
        """Return a number with the language's separators."""
        return format_decimal(value, locale=self.locale)

    def size(self, size_bytes: int) -> str:
        """Return a size in bytes in the largest unit that keeps it above one."""
        unit, scale = next(((u, s) for u, s in reversed(UNITS) if size_bytes >= s), UNITS[0])
        amount = size_bytes / scale
        shown = round(amount) if amount >= 10 or scale == 1 else round(amount, 1)
        if self.locale.language in OWN_UNITS:
            return format_unit(shown, f"digital-{unit}", "short", locale=self.locale)
        short = {"byte": "B", "kilobyte": "kB", "megabyte": "MB", "gigabyte": "GB"}[unit]
        return f"{self.number(shown)}\N{NO-BREAK SPACE}{short}"


def qr_drawing(text: str, title: str) -> Markup:
    """Return a QR code as an SVG that scales and prints: one path, no style, a quiet zone of four cells.

    Raises:
        ValueError: the text is too long for a QR code.
    """
    import segno  # a page in fifty shows a code; the others need not wait for this

    matrix = segno.make(text, micro=False, error="m").matrix
    edge = len(matrix) + 8
    cells = "".join(f"M{x + 4} {y + 4}h1v1h-1z" for y, row in enumerate(matrix) for x, dark in enumerate(row) if dark)
    return Markup(
        '<svg class="qr" viewBox="0 0 {0} {0}" role="img" aria-label="{1}" shape-rendering="crispEdges">'
        '<path class="qr-ground" d="M0 0h{0}v{0}H0z"/><path class="qr-cells" d="{2}"/></svg>'
    ).format(edge, title, cells)


@lru_cache
def make_icon(url: str, name: str, css_class: str = "") -> Markup:
    """Return the drawing of an icon by its name in the file of icons at ``url``."""
    return Markup('<svg class="{}" aria-hidden="true" focusable="false"><use href="{}#{}"/></svg>').format(
        f"icon {css_class}".strip(), url, name
    )


def web_address(address: str) -> str:
    """Return an address that may stand in a link: http or https; anything else, such as a script, as nothing."""
    return address if WEB_ADDRESS.match(address) else ""


@dataclass
class Templates:
    """Renders pages in any language; environments are made once for each language and kept.

    ``bytecode`` is a private folder that keeps compiled templates between runs: the first page then comes a third of
    a second sooner. It must exist and be writable by this person alone, because what lies in it is run.
    """

    assets: Assets
    clock_ms: Callable[[], int]
    zone: tzinfo | None = None
    bytecode: Path | None = None
    _environments: dict[str, Environment] = field(default_factory=dict)

    def render(self, name: str, language: str, context: Mapping[str, Any]) -> str:
        """Return a page as text; every variable that it names must be in the context."""
        return self.environment(language).get_template(name).render(context)

    def environment(self, language: str) -> Environment:
        """Return a language's environment."""
        if language not in self._environments:
            made = make_environment(self.assets, language, self.clock_ms, self.zone)
            made.bytecode_cache = FileSystemBytecodeCache(str(self.bytecode)) if self.bytecode else None
            self._environments[language] = made
        return self._environments[language]


def _isolating(say: Any, language: str) -> Callable[..., Any]:
    """Return how templates say sentences: what stands in them turns nothing round that stands beside it."""

    @pass_context
    def said(context: Context, *words: Any, **values: Any) -> Any:
        apart = {name: isolated(value, language) if type(value) is str else value for name, value in values.items()}
        return say(context, *words, **apart)

    return said


def make_environment(
    assets: Assets, language: str, clock_ms: Callable[[], int], zone: tzinfo | None = None
) -> Environment:
    """Return the Jinja environment of one language.

    The clock gives milliseconds since the epoch; without a zone times are shown in the machine's own.
    """
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    words = translations(language)
    formats = Formats(language, words, clock_ms, zone)
    environment.install_gettext_translations(words, newstyle=True)  # type: ignore[attr-defined]
    for name in ("gettext", "ngettext"):  # `_` is another name of the first
        environment.globals[name] = _isolating(environment.globals[name], language)
    environment.filters.update(
        {
            "when": formats.when,
            "when_within": formats.when_within,
            "full_date": formats.full,
            "day": formats.day,
            "iso": formats.iso,
            "ago": formats.ago,
            "number": formats.number,
            "size": formats.size,
            "quilt": quilt,
            "strip": strip,
            "markdown": rendered,
            "excerpt": excerpt,
            "web_address": web_address,
            "told": partial(told, translations=words),
        }
    )
    environment.globals.update(
        plural_forms=formats.plural_forms,
        asset=assets.url,
        icon=partial(make_icon, assets.url("icons.svg")),
        language=language,
        direction=direction(language),
    )
    return environment
