"""Mentions: `@name` in a text, kept as `[@name](did:key:…)` where it means a member who lets themself be mentioned.

A mention is a piece of Markdown, so it outlives this program and every name that changes. Whether it is shown as one
is decided where it is read, by the consent of whom it names as that stands then.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from identity.errors import Malformed
from identity.keys import from_did, to_did

MAX_MENTIONS = 50
MAX_LABEL_CHARS = 80
_MENTION = re.compile(r"\[@([^\[\]()\\\n]{1,80})\]\((did:key:z[1-9A-HJ-NP-Za-km-z]{40,60})\)")
_BEGIN = re.compile(r"(?<![^\s(«“\"'’>*_–—-])@(?=\w)")
_FENCE = re.compile(r"^ {0,3}(```|~~~)")
_UNUSABLE = set("[]()\\\n`")


class Mention(NamedTuple):
    """Somebody who is named in a text, by the words that were typed."""

    label: str
    person: bytes


def mentions(text: str) -> list[Mention]:
    """Return whom a text mentions, in order, at most fifty."""
    found: list[Mention] = []
    for match in _MENTION.finditer(text):
        person = _person(match[2])
        if person is not None and len(found) < MAX_MENTIONS:
            found.append(Mention(match[1], person))
    return found


def without_links(text: str) -> str:
    """Return a text as it was typed: each mention only its `@name`."""
    return _MENTION.sub(lambda match: f"@{match[1]}", text) if "](did:key:" in text else text


def with_mentions(text: str, names: Mapping[bytes, str], may: Collection[bytes]) -> str:
    """Turn each `@name` that means one member, who lets themself be mentioned, into a mention of them.

    A whole name goes before its first word; what fits several people means nobody. In code nothing is a mention.
    """
    if "@" not in text:
        return text
    called = _called(names)
    longest = max(map(len, called), default=0)
    count = len(mentions(text))
    lines = []
    for line, is_code in _lines(text):
        if not is_code and count < MAX_MENTIONS:
            line, more = _in_line(line, called, longest, may)  # noqa: PLW2901 - the line as it goes on
            count += more
        lines.append(line)
    return "\n".join(lines)


def _lines(text: str) -> Iterator[tuple[str, bool]]:
    """Give each line, and whether it is code."""
    fenced = False
    for line in text.split("\n"):
        fence = bool(_FENCE.match(line))
        yield line, fenced or fence or line.startswith(("    ", "\t"))
        fenced ^= fence


def _called(names: Mapping[bytes, str]) -> dict[str, set[bytes]]:
    """Return who may be meant by each name, and by each first word of one, in small letters."""
    called: dict[str, set[bytes]] = {}
    first: dict[str, set[bytes]] = {}
    for person, name in names.items():
        whole = " ".join(name.split()).casefold()
        if whole and not _UNUSABLE & set(whole) and len(whole) <= MAX_LABEL_CHARS:
            called.setdefault(whole, set()).add(person)
            first.setdefault(whole.split()[0], set()).add(person)
    return {**first, **called}


def _in_line(line: str, called: Mapping[str, set[bytes]], longest: int, may: Collection[bytes]) -> tuple[str, int]:
    parts, at, count = [], 0, 0
    for match in _BEGIN.finditer(line):
        start = match.end()
        if match.start() < at:
            continue
        length, person = _longest(line[start : start + longest + 1], called)
        if person is not None and person in may:
            parts += [line[at : match.start()], f"[@{line[start : start + length]}]({to_did(person)})"]
            at, count = start + length, count + 1
    return "".join([*parts, line[at:]]), count


def _longest(words: str, called: Mapping[str, set[bytes]]) -> tuple[int, bytes | None]:
    """Return how long the longest name is that some words begin with, and whom it means, if it is one person."""
    for length in range(len(words), 0, -1):
        behind = words[length : length + 1]
        if behind.isalnum() or behind == "_":
            continue
        people = called.get(words[:length].casefold())
        if people:
            return length, next(iter(people)) if len(people) == 1 else None
    return 0, None


def person_of(address: str) -> bytes | None:
    """Return whom the address of a link means, if it is a mention's."""
    return _person(address) if address.startswith("did:key:") else None


def _person(did: str) -> bytes | None:
    try:
        return from_did(did)
    except Malformed:
        return None
