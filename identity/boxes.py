"""Sealing among some devices without saying which: whoever is none of them sees bytes and a round number of boxes.

The value is sealed once under a fresh key. A box holds that key for one device; nothing outside it says whose it is,
and boxes that nobody can open make their number a multiple of eight. A note, such as for whom the value was meant,
opens only for the author's own devices: the boxes of all others hold chance in the place of its key.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

import msgpack

from identity.errors import Malformed
from identity.keys import SigningKey
from identity.sealed import SECRET_BYTES, new_secret, open_with, seal_to, seal_with

BOX_BYTES = 2 * SECRET_BYTES + 48
BOXES_STEP = 8
_PADDED_BYTES = 128
_NOTE_BYTES_A_BOX = 80


class Boxed(NamedTuple):
    """A sealed value, its sealed note, and the boxes with their keys."""

    value: bytes
    note: bytes
    boxes: list[bytes]


def seal_among(value: bytes, note: bytes, others: Sequence[bytes], own: Sequence[bytes]) -> Boxed:
    """Seal a value to the devices of others and to one's own; only one's own open the note.

    A device whose key cannot be sealed to is passed over.
    """
    of_value, of_note = new_secret(), new_secret()
    wanted = [(of_value + of_note, device) for device in own] + [(of_value + new_secret(), device) for device in others]
    boxes: list[bytes] = []
    for keys, device in wanted:
        with suppress(Malformed):
            boxes.append(seal_to(keys, device))
    while not boxes or len(boxes) % BOXES_STEP:
        boxes.append(seal_to(new_secret() + new_secret(), SigningKey.generate().public))
    size = len(boxes) * _NOTE_BYTES_A_BOX
    boxes.sort()  # each begins with a key drawn for it alone, so this is an order by chance
    return Boxed(seal_with(_padded(value, _PADDED_BYTES), of_value), seal_with(_padded(note, size), of_note), boxes)


def open_among(boxed: Boxed, open_box: Callable[[bytes], bytes | None]) -> tuple[bytes, bytes | None] | None:
    """Open a value with its note, where it is one's own; None if none of the boxes is for this device.

    `open_box` opens one box, or returns None.

    Raises:
        Malformed: if a box opens, and the value does not.
    """
    keys = next((opened for box in boxed.boxes if (opened := open_box(box)) is not None), None)
    if keys is None:
        return None
    if len(keys) != 2 * SECRET_BYTES:
        raise Malformed("a box holds something else than keys")
    value = _unpadded(open_with(boxed.value, keys[:SECRET_BYTES]))
    try:
        return value, _unpadded(open_with(boxed.note, keys[SECRET_BYTES:]))
    except Malformed:
        return value, None


def _padded(data: bytes, step: int) -> bytes:
    """Return data with chance-free filling behind it, so that its exact length is not seen."""
    packed: bytes = msgpack.packb([data, bytes(-(len(data) + 8) % step)])
    return packed


def _unpadded(packed: bytes) -> bytes:
    try:
        data, _ = msgpack.unpackb(packed, use_list=True)
    except (ValueError, TypeError, msgpack.exceptions.UnpackException) as error:
        raise Malformed("a sealed value is malformed") from error
    if type(data) is not bytes:
        raise Malformed("a sealed value is malformed")
    return data
