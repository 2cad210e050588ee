"""Languages: every catalogue is whole, its placeholders are those of the English words, numbers take their forms."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel import Locale
from babel.messages.catalog import Message
from babel.messages.pofile import read_po

from ui.locales import catalogue_path, choose_language, languages, translations
from ui.refusals import SENTENCES, as_sentence, told
from ui.templating import REGIONS

ROOT = Path(__file__).parent.parent.parent
TRANSLATED = [language for language in languages() if language != "en"]
PLACE = re.compile(r"%\(\w+\)s")
PEOPLE = "%(num)s person, one patch.", "%(num)s people, one patch each."


def messages(language: str) -> Iterator[Message]:
    """Yield every message of a catalogue."""
    with catalogue_path(language).open("rb") as file:
        yield from (message for message in read_po(file, locale=language) if message.id)


def forms(message: Message) -> tuple[str, ...]:
    """Return a message's translation, or its plural forms."""
    return tuple(message.string) if isinstance(message.string, list | tuple) else (message.string,)


def test_the_languages_of_the_first_communities_are_there() -> None:
    assert languages() == ("en", "ar", "es", "fr", "pt")


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_catalogue_is_whole(language: str) -> None:
    missing = [message.id for message in messages(language) if message.fuzzy or not all(forms(message))]

    assert missing == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_has_the_places_of_its_words_and_no_others(language: str) -> None:
    one = translations(language).plural(1)  # type: ignore[attr-defined]
    wrong = []

    for message in messages(language):
        ids = (message.id,) if isinstance(message.id, str) else message.id
        optional = {"%(num)s"} if len(ids) > 1 else set()  # "a reply", "two replies" need no number
        for number, form in enumerate(forms(message)):
            known = set(PLACE.findall(ids[0] if number == one else ids[-1])) | optional
            if not known - optional <= set(PLACE.findall(form)) <= known:
                wrong.append((message.id, form))

    assert wrong == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_words_of_commands_and_marks_stay_as_they_are_typed(language: str) -> None:
    kept = ("commons doctor", "/p2p/", "/ip4", "--home FOLDER", "Ed25519", "base58")
    words = {message.id: forms(message) for message in messages(language) if isinstance(message.id, str)}

    lost = [(mark, id_) for id_, (form,) in words.items() for mark in kept if (mark in id_) != (mark in form)]

    assert lost == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_number_takes_the_form_that_its_language_has_for_it(language: str) -> None:
    words, category = translations(language), Locale.parse(REGIONS.get(language, language)).plural_form
    said: dict[str, set[str]] = {}

    for number in range(250):
        said.setdefault(category(number), set()).add(words.ngettext(*PEOPLE, number))

    assert {name: len(found) for name, found in said.items()} == dict.fromkeys(said, 1)
    assert len({form for found in said.values() for form in found}) == len(said)


@pytest.mark.parametrize(
    ("language", "number", "words"),
    [
        ("ar", 0, "لا ردود"),
        ("ar", 2, "ردان"),
        ("ar", 7, "7 ردود"),
        ("ar", 40, "40 ردًا"),
        ("ar", 100, "100 رد"),
        ("es", 0, "0 respuestas"),
        ("es", 1, "1 respuesta"),
        ("fr", 0, "0 réponse"),
        ("fr", 2, "2 réponses"),
        ("pt", 1, "1 resposta"),
        ("pt", 5, "5 respostas"),
    ],
)
def test_replies_are_counted_as_one_says_it(language: str, number: int, words: str) -> None:
    said = translations(language).ngettext("%(num)s reply", "%(num)s replies", number)

    assert said % {"num": number} == words


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("es-AR,es;q=0.9,en;q=0.8", "es"),
        ("pt-BR", "pt"),
        ("fr-CA, en", "fr"),
        ("ar-EG", "ar"),
        ("de, fr;q=0.5", "fr"),
        ("xx", "en"),
        ("", "en"),
    ],
)
def test_the_browser_chooses_the_language(header: str, language: str) -> None:
    assert choose_language(header) == language


# -- refusals ---------------------------------------------------------------------------------------------------------


def said_in_the_source() -> Iterator[re.Pattern[str]]:
    """Yield every text of the program as a pattern: what is put into it may be anything."""
    for folder in ("identity", "node", "ui"):
        for path in (ROOT / folder).rglob("*.py"):
            if path.name == "refusals.py":
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    parts = [re.escape(p.value) if isinstance(p, ast.Constant) else ".*" for p in node.values]
                    yield re.compile("".join(parts), re.IGNORECASE)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
                    yield re.compile(re.escape(node.value), re.IGNORECASE)


def test_every_refusal_that_is_translated_is_one_that_the_program_says() -> None:
    patterns = {pattern.pattern: pattern for pattern in said_in_the_source()}.values()

    stale = [
        words
        for words in SENTENCES
        if not any(pattern.fullmatch(said) for said in (words, words.removesuffix(".")) for pattern in patterns)
    ]

    assert stale == []


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ("this is not the passphrase", "Esta no es la frase de contraseña."),
        (
            "word 3, “gardin”, is not in the list of recovery words; did you mean “garden”?",
            "La palabra 3, «gardin», no está en la lista de palabras de recuperación; ¿querías decir «garden»?",
        ),
        ("a recovery phrase has 24 words; here are 23", "Una frase de recuperación tiene 24 palabras; aquí hay 23."),
        ("A post needs some words.", "Una publicación necesita algunas palabras."),
        ("something new that is not listed", "something new that is not listed"),
        ("word %(x)s", "word %(x)s"),
        ("", ""),
    ],
)
def test_a_refusal_is_said_in_the_readers_language(refusal: str, words: str) -> None:
    assert told(refusal, translations("es")) == words


def test_what_a_member_typed_into_a_refusal_stays_as_they_typed_it() -> None:
    refusal = "word 1, “%(near)s”, is not in the list of recovery words"

    assert "«%(near)s»" in told(refusal, translations("es"))


def test_a_refusal_becomes_a_sentence() -> None:
    assert [as_sentence(words) for words in ("no room", "Why?", " x. ", "")] == ["No room.", "Why?", "X.", ""]
