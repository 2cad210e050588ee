"""Reading one large JSON document entry by entry, so that memory holds one entry and not the file.

An outbox is an object with a long array in it, or that array alone. Its entries are handed out one by one as they are
read; what else stands in the object is kept in `head`. Nothing after the document may follow.
"""

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, Protocol

from identity.errors import Refused

MAX_ENTRY_CHARS = 8 * 1024 * 1024
MAX_HEAD_CHARS = 64 * 1024 * 1024
ENTRY_KEYS = ("orderedItems", "items")
_CHUNK_BYTES = 256 * 1024
_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER_TAIL = re.compile(r"[0-9.eE+-]*")
_MAX_DIGITS = 30  # more are read as 0: the interpreter refuses thousands


class Readable(Protocol):
    """Something that gives bytes, none at its end."""

    def read(self, size: int, /) -> bytes:
        """Return at most so many bytes."""


class JsonDocument:
    """One JSON document that is read once, front to back.

    `label` names the file in errors. `head` fills while `entries` is walked.
    """

    def __init__(self, stream: Readable, label: str) -> None:
        self.head: dict[str, Any] = {}
        self.is_array = False
        self._text = _Text(stream, label)

    def entries(self) -> Iterator[Any]:
        """Give each entry of the document's long array, or of the document that is an array.

        Raises:
            Refused: if the file is not one JSON document in UTF-8; the words name the place.
        """
        self.is_array = self._text.peek() == "["
        if self.is_array:
            yield from self._array()
        else:
            yield from self._object()
        if self._text.peek():
            raise self._text.refuse("something stands after its end")

    def _array(self) -> Iterator[Any]:
        self._text.take("[")
        if self._text.peek() == "]":
            self._text.take("]")
            return
        while True:
            yield self._text.value(MAX_ENTRY_CHARS)
            if self._text.peek() != ",":
                self._text.take("]")
                return
            self._text.take(",")

    def _object(self) -> Iterator[Any]:
        self._text.take("{")
        if self._text.peek() == "}":
            self._text.take("}")
            return
        room = MAX_HEAD_CHARS
        while True:
            key = self._key()
            if key in ENTRY_KEYS and self._text.peek() == "[":
                yield from self._array()
            else:
                before = self._text.place
                self.head[key] = self._text.value(room)
                room -= self._text.place - before
            if self._text.peek() != ",":
                self._text.take("}")
                return
            self._text.take(",")

    def _key(self) -> str:
        if self._text.peek() != '"':
            raise self._text.refuse("a name was expected")
        key = self._text.value(MAX_ENTRY_CHARS)
        self._text.take(":")
        return str(key)


class _Text:
    """Decoded text of which only the part that is being read is held."""

    def __init__(self, stream: Readable, label: str) -> None:
        self._stream = stream
        self._label = label
        self._decode = codecs.getincrementaldecoder("utf-8-sig")("strict")
        self._parser = json.JSONDecoder(parse_int=_read_int)
        self._buffer = ""
        self._at = 0
        self._dropped = 0
        self._is_at_end = False

    @property
    def place(self) -> int:
        """How many characters were read so far."""
        return self._dropped + self._at

    def refuse(self, what: str, at: int | None = None) -> Refused:
        """Return an error that names the file and the place in it."""
        place = self.place if at is None else self._dropped + at
        return Refused(f"{self._label} is not readable: {what}, near character {place + 1:,}")

    def peek(self) -> str:
        """Return the next character that is no space; none at the end."""
        while True:
            space = _SPACE.match(self._buffer, self._at)
            self._at = space.end() if space is not None else self._at
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if self._is_at_end:
                return ""
            self._more()

    def take(self, char: str) -> None:
        """Step over one character that must stand here."""
        found = self.peek()
        if found != char:
            raise self.refuse(f"“{char}” was expected" if found else "it ends too early")
        self._at += 1

    def value(self, max_chars: int) -> Any:
        """Return the next value, of at most so many characters."""
        self.peek()
        while True:
            try:
                value, end = self._parser.raw_decode(self._buffer, self._at)
            except json.JSONDecodeError as error:
                # Half a value looks like a wrong one: only with all of it at hand is it judged.
                if self._is_at_end or len(self._buffer) - self._at > max_chars:
                    what = "it ends too early" if error.pos >= len(self._buffer) else error.msg
                    raise self.refuse(what, error.pos) from error
            except (RecursionError, ValueError) as error:
                raise self.refuse("it is nested too deeply") from error
            else:
                if end - self._at > max_chars:
                    raise self.refuse("one entry is far too large")
                # A number may go on where the buffer ends.
                if self._is_at_end or not _NUMBER_TAIL.fullmatch(self._buffer, end):
                    self._at = end
                    return value
            self._more()

    def _more(self) -> None:
        """Read at least as much again as is held: a value that grows is parsed a few times, not hundreds."""
        held = self._buffer[self._at :]
        self._dropped += self._at
        try:
            raw = self._stream.read(max(_CHUNK_BYTES, len(held)))
            self._buffer = held + self._decode.decode(raw, final=not raw)
        except UnicodeDecodeError as error:
            self._at = 0
            good = error.object[: error.start].decode("utf-8", "replace")
            raise self.refuse("it is no UTF-8 text", len(held) + len(good)) from error
        self._at = 0
        self._is_at_end = not raw


def _read_int(digits: str) -> int:
    return int(digits) if len(digits) <= _MAX_DIGITS else 0
