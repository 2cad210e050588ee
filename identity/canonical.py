"""Canonical msgpack for statements that are signed: an array of byte strings, texts and integers, one encoding each."""

from typing import TypeAlias

import msgpack

from identity.errors import Malformed

Field: TypeAlias = bytes | str | int


def encode(fields: tuple[Field, ...]) -> bytes:
    """Return the canonical bytes of a statement's fields."""
    return bytes(msgpack.packb(list(fields), use_bin_type=True))


def decode(raw: bytes, max_bytes: int) -> tuple[Field, ...]:
    """Read a statement's fields; only the very bytes that `encode` would write are accepted.

    Raises:
        Malformed: if the bytes are too many, no array of bytes, texts and integers, or written in another way.
    """
    if len(raw) > max_bytes:
        raise Malformed(f"a statement has {len(raw)} bytes; at most {max_bytes} are read")
    try:
        fields = msgpack.unpackb(raw, raw=False, strict_map_key=True, max_ext_len=0, max_map_len=0)
    except (ValueError, msgpack.exceptions.UnpackException) as error:
        raise Malformed("a statement is not readable msgpack") from error
    if not isinstance(fields, list) or any(type(field) not in (bytes, str, int) for field in fields):
        raise Malformed("a statement is not an array of bytes, texts and integers")
    if encode(tuple(fields)) != raw:
        raise Malformed("a statement is not written in its one canonical way")
    return tuple(fields)


def take_bytes(field: Field, size: int) -> bytes:
    """Return a field that must be a byte string of one size.

    Raises:
        Malformed: if it is anything else.
    """
    if not isinstance(field, bytes) or len(field) != size:
        raise Malformed(f"a statement lacks a field of {size} bytes")
    return field


def take_int(field: Field, lowest: int, highest: int) -> int:
    """Return a field that must be an integer within both bounds.

    Raises:
        Malformed: if it is anything else.
    """
    if not isinstance(field, int) or not lowest <= field <= highest:
        raise Malformed(f"a statement lacks a number from {lowest} to {highest}")
    return field


def take_text(field: Field, max_chars: int) -> str:
    """Return a field that must be a text of limited length.

    Raises:
        Malformed: if it is anything else.
    """
    if not isinstance(field, str) or len(field) > max_chars:
        raise Malformed(f"a statement lacks a text of at most {max_chars} letters")
    return field
