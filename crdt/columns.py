"""The column codec of Automerge's binary format: LEB128 numbers, run lengths, deltas, alternating flags.

Writing is canonical. Reading is lenient about spelling (`chunk.decode` compares with the canonical one) but
strict about work: a run is checked against the room that is left before it is expanded. Every reader raises
`Malformed` for what is cut short, too long or out of range.
"""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TypeVar

from identity.errors import Malformed

_MAX_NUMBER_BITS = 35
_ONE_BYTE = [bytes((value,)) for value in range(0x80)]

T = TypeVar("T")
Reader = Callable[[bytes, int], tuple[T, int]]
"""Takes bytes and an offset; gives what stands there and the offset behind it."""


def write_uleb(value: int) -> bytes:
    """Write a number from 0 as unsigned LEB128."""
    if value < 0x80:
        return _ONE_BYTE[value]
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def write_sleb(value: int) -> bytes:
    """Write a number as signed LEB128."""
    out = bytearray()
    while not -0x40 <= value < 0x40:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value & 0x7F)
    return bytes(out)


def read_uleb(data: bytes, at: int) -> tuple[int, int]:
    """Read an unsigned LEB128 number of at most 35 bits."""
    end = len(data)
    if at < end and data[at] < 0x80:
        return data[at], at + 1
    value = shift = 0
    while at < end and shift < _MAX_NUMBER_BITS:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise Malformed("a number in an edit is cut short or too long")


def read_sleb(data: bytes, at: int) -> tuple[int, int]:
    """Read a signed LEB128 number of at most 35 bits."""
    start = at
    value, at = read_uleb(data, at)
    if data[at - 1] & 0x40:
        value -= 1 << 7 * (at - start)
    return value, at


def read_text(data: bytes, at: int) -> tuple[str, int]:
    """Read a length and that many bytes of UTF-8."""
    length, at = read_uleb(data, at)
    if length > len(data) - at:
        raise Malformed("a name in an edit is cut short")
    return utf8(data[at : at + length]), at + length


def utf8(data: bytes) -> str:
    """Decode UTF-8, strictly."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Malformed("an edit holds text that is not UTF-8") from error


def write_text(value: str) -> bytes:
    """Write a length and a text in UTF-8."""
    data = value.encode()
    return write_uleb(len(data)) + data


def write_runs(values: Sequence[T | None], write: Callable[[T], bytes]) -> bytes:
    """Run-length encode: repeats as (count, value), nulls as (0, count), the rest as (-count, values…)."""
    if values.count(None) == len(values):
        return b""
    out: list[bytes] = []
    lone: list[T] = []

    def flush() -> None:
        if lone:
            out.append(write_sleb(-len(lone)))
            out.extend(map(write, lone))
            lone.clear()

    for value, group in groupby(values):
        count = sum(1 for _ in group)
        if value is not None and count == 1:
            lone.append(value)
            continue
        flush()
        out.append(b"\x00" + write_uleb(count) if value is None else write_sleb(count) + write(value))
    flush()
    return b"".join(out)


def write_deltas(values: Sequence[int | None]) -> bytes:
    """Run-length encode the steps from one value to the next, the first one from 0."""
    previous = 0
    steps: list[int | None] = []
    for value in values:
        steps.append(None if value is None else value - previous)
        previous = previous if value is None else value
    return write_runs(steps, write_sleb)


def write_flags(values: Sequence[bool]) -> bytes:
    """Count alternating runs, the first one of False."""
    counts = [] if not values or not values[0] else [0]
    counts += [sum(1 for _ in group) for _, group in groupby(values)]
    return b"".join(map(write_uleb, counts))


def read_runs(data: bytes, read: Reader[T], limit: int) -> list[T | None]:
    """Expand a run-length encoded column; every run is checked against the limit before it is expanded."""
    out: list[T | None] = []
    at = 0
    while at < len(data):
        count, at = read_sleb(data, at)
        if count > 0:
            _check_room(count, limit - len(out))
            value, at = read(data, at)
            out += [value] * count
        elif count < 0:
            _check_room(-count, limit - len(out))
            for _ in range(-count):
                value, at = read(data, at)
                out.append(value)
        else:
            count, at = read_uleb(data, at)
            _check_room(count, limit - len(out))
            out += [None] * count
    return out


def _check_room(count: int, room: int) -> None:
    if not 0 < count <= room:
        raise Malformed("a run in an edit is longer than the edit may be")


def read_deltas(data: bytes, limit: int) -> list[int | None]:
    """Expand a column of steps into at most `limit` values."""
    previous = 0
    out: list[int | None] = []
    for step in read_runs(data, read_sleb, limit):
        previous += step or 0
        out.append(None if step is None else previous)
    return out


def read_flags(data: bytes, count: int) -> list[bool]:
    """Expand alternating runs into exactly `count` flags."""
    out: list[bool] = []
    at, flag = 0, False
    while at < len(data):
        run, at = read_uleb(data, at)
        if run > count - len(out) or (not run and flag):
            raise Malformed("a run in an edit is longer than the edit may be")
        out += [flag] * run
        flag = not flag
    if len(out) != count:
        raise Malformed("an edit does not say what it inserts")
    return out
