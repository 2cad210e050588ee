"""The texts of the benchmark: 200 characters of made-up words, the same in every run."""

import hashlib

TEXT_CHARS = 200
LIVE = "LIVE"
_SYLLABLES = [first + second for first in "bdfghjklmnprstvz" for second in "aeiou"]
_WORDS = [
    _SYLLABLES[j % 80] + _SYLLABLES[(j * 7 + 3) % 80] + ("" if j % 3 else _SYLLABLES[(j * 13 + 5) % 80])
    for j in range(256)
]


def opening_of(author: int, i: int) -> str:
    """Return the words with which a post begins: no other post has them."""
    return f"author {author} post {i}"


def post_text(author: int, i: int) -> str:
    """Return the text of an author's post."""
    text, part = opening_of(author, i), 0
    while len(text) < TEXT_CHARS:
        digest = hashlib.sha256(f"{author}/{i}/{part}".encode()).digest()
        text += "".join(f" {_WORDS[byte]}" for byte in digest)
        part += 1
    return text[:TEXT_CHARS]


def live_text(name: str) -> str:
    """Return a post that carries a name of its own."""
    return f"{LIVE}|{name}|".ljust(TEXT_CHARS, ".")
