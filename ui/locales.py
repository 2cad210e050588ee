"""Languages: catalogues read from .po files at the start, and the direction of each language's writing."""

import gettext
import unicodedata
from functools import lru_cache
from io import BytesIO
from pathlib import Path

from babel import Locale

FOLDER = Path(__file__).parent / "locale"
DOMAIN = "commons"
SOURCE_LANGUAGE = "en"
PLURALS = {
    "ar": "nplurals=6; plural=(n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 && n%100<=10 ? 3 : n%100>=11 ? 4 : 5)",
}
"""Plural rules of which babel has others than the CLDR: from 11 to 99 Arabic has a form of its own."""


def catalogue_path(language: str) -> Path:
    """Return where the words of a language lie."""
    return FOLDER / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def languages() -> tuple[str, ...]:
    """Return the languages that have a catalogue, the source language first."""
    found = {path.parent.parent.name for path in FOLDER.glob(f"*/LC_MESSAGES/{DOMAIN}.po")}
    return (SOURCE_LANGUAGE, *sorted(found - {SOURCE_LANGUAGE}))


def choose_language(accept_language: str, wish: str = "") -> str:
    """Return the language to speak: the person's own wish, else the first that their browser names and we have."""
    known = languages()
    asked = [wish, *(part.partition(";")[0].strip() for part in accept_language[:200].split(","))]
    return next((tag for name in asked if (tag := name.partition("-")[0].lower()) in known), SOURCE_LANGUAGE)


@lru_cache
def translations(language: str) -> gettext.NullTranslations:
    """Return a language's words; what is not translated yet stays in the source language."""
    if language == SOURCE_LANGUAGE:
        return gettext.NullTranslations()
    from babel.messages.mofile import write_mo  # the source language starts without them
    from babel.messages.pofile import read_po

    with catalogue_path(language).open("rb") as file:
        catalogue = read_po(file, locale=language, domain=DOMAIN)
    if language in PLURALS:
        catalogue.mime_headers = [("Plural-Forms", PLURALS[language])]
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


@lru_cache
def direction(language: str) -> str:
    """Return "ltr" or "rtl"."""
    return Locale.parse(language).text_direction


def isolated(words: str, language: str) -> str:
    """Return what somebody else wrote as it may stand within a sentence of a language.

    Words of the other direction are set apart by the marks of Unicode for that, or they would turn round the digits
    and the punctuation beside them.
    """
    against = ("L",) if direction(language) == "rtl" else ("R", "AL")
    if not any(unicodedata.bidirectional(letter) in against for letter in words):
        return words
    return f"\u2068{words}\u2069"
