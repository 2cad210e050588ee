"""The recovery phrase: 24 words that carry a person's root seed (BIP-39, English list, 256 bits, 8 bits checksum)."""

import difflib
import functools
import re
import unicodedata

from mnemonic import Mnemonic

from identity.errors import Malformed, Refused

WORDS = 24
ENTROPY_BYTES = 32
_PREFIX_LETTERS = 4  # no two words of the list share their first four letters
_MAX_LETTERS = 4_000
_BETWEEN_WORDS = re.compile(r"[\W\d_]+")


def write_phrase(seed: bytes) -> str:
    """Return the 24 words of a root seed, separated by single spaces.

    Raises:
        Malformed: if the seed has not 32 bytes.
    """
    if len(seed) != ENTROPY_BYTES:
        raise Malformed(f"a root seed has {ENTROPY_BYTES} bytes, not {len(seed)}")
    return str(_book().to_mnemonic(seed))


def read_phrase(text: str) -> bytes:
    """Return the root seed of a phrase as people write it down.

    Letters may be large or small, words may be numbered, listed, shortened to their first four letters or more.

    Raises:
        Refused: naming the word that is not in the list, or what else is wrong.
    """
    if len(text) > _MAX_LETTERS:
        raise Refused(f"this is too long for a recovery phrase; it has {WORDS} words")
    words = [_find(position, token) for position, token in enumerate(_tokens(text), start=1)]
    if len(words) != WORDS:
        raise Refused(f"a recovery phrase has {WORDS} words; here are {len(words)}")
    try:
        return bytes(_book().to_entropy(words))
    except ValueError:
        # from None: the library's traceback would hold the words.
        raise Refused(
            "every word is in the list, but together they do not fit: a word may be wrong or out of place"
        ) from None


@functools.cache
def _book() -> Mnemonic:
    return Mnemonic("english")


@functools.cache
def _prefixes() -> dict[str, str]:
    return {word[:_PREFIX_LETTERS]: word for word in _book().wordlist}


def _tokens(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(char for char in plain if unicodedata.category(char) not in ("Mn", "Cf"))
    return [token for token in _BETWEEN_WORDS.split(letters) if token]


def _find(position: int, token: str) -> str:
    word = _prefixes().get(token[:_PREFIX_LETTERS])
    if word is not None and word.startswith(token):
        return word
    near = difflib.get_close_matches(token[:20], _book().wordlist, n=1)
    hint = f"; did you mean “{near[0]}”?" if near else ""
    raise Refused(f"word {position}, “{token[:20]}”, is not in the list of recovery words{hint}")
