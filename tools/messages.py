"""Collect the words of the interface into its catalogues: python tools/messages.py [--check].

Every phrase that templates and modules hand to gettext is written into each language's .po file, beside what was
translated before; phrases that are no longer used are dropped. Checking only tells whether a catalogue is behind.
"""

import argparse
import sys
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "ui"
METHODS = [("templates/**.html", "jinja2"), ("**.py", "python")]
OPTIONS = {"templates/**.html": {"silent": "false", "trim_blocks": "true", "lstrip_blocks": "true"}}
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "plural_forms": (1, 2)}


def collected() -> Catalog:
    """Return every phrase of the interface, in the order of its text, with the files that use it."""
    catalog = Catalog(fuzzy=False)
    for file, _, message, _, _ in extract_from_dir(SOURCES, METHODS, OPTIONS, KEYWORDS):
        catalog.add(message, locations=[(f"ui/{Path(file).as_posix()}", 0)])
    return catalog


def renewed(path: Path, phrases: Catalog) -> bytes:
    """Return the text of a catalogue that has all phrases and keeps what was translated."""
    language = path.parent.parent.name
    with path.open("rb") as file:
        catalog = read_po(file, locale=language)
    catalog.update(phrases, no_fuzzy_matching=True)
    catalog.obsolete.clear()
    text = BytesIO()
    write_po(text, catalog, width=116, sort_output=True, omit_header=True, include_lineno=False)
    return text.getvalue()


def main() -> int:
    """Renew or check every catalogue; the exit code tells whether one was behind."""
    parser = argparse.ArgumentParser(description="Collect the words of the interface into its catalogues.")
    parser.add_argument("--check", action="store_true", help="only tell which catalogues are behind")
    check = parser.parse_args().check
    phrases = collected()
    behind = 0
    for path in sorted(SOURCES.glob("locale/*/LC_MESSAGES/commons.po")):
        text = renewed(path, phrases)
        if text != path.read_bytes():
            behind += 1
            print(f"{path.relative_to(ROOT)} {'is behind' if check else 'was renewed'}")
            if not check:
                path.write_bytes(text)
    return int(check and behind > 0)


if __name__ == "__main__":
    sys.exit(main())
