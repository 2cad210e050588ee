"""Bending bytes, msgpack and JSON: what a fuzzer does to good input. Everything is drawn from one generator."""

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

import msgpack

EDGES = (0, 1, -1, 31, 32, 33, 127, 128, 255, 256, 2**16, 2**31, 2**32 - 1, 2**53 - 1, 2**53, 2**63 - 1, 2**64 - 1)
TEXTS = ("", "a", "\x00", "😀", "\ud7ff", "..", "/", "-", "%s", "<b>", "a" * 70_000, "\u202e", "\r\n", "NaN")


def bent_bytes(dice: random.Random, samples: Sequence[bytes]) -> bytes:
    """Flip, cut, repeat, insert or splice."""
    data = bytearray(dice.choice(samples))
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(data) + 1)
        way = dice.randrange(6)
        if way == 0 and data:
            data[at % len(data)] ^= 1 << dice.randrange(8)
        elif way == 1 and data:
            data[at % len(data)] = dice.choice((0, 1, 0x7F, 0x80, 0xC1, 0xDD, 0xFF, dice.randrange(256)))
        elif way == 2:
            del data[at : at + dice.choice((1, 1, 2, 8, 1000))]
        elif way == 3:
            data[at:at] = dice.randbytes(dice.choice((1, 2, 4, 9, 40)))
        elif way == 4:
            data[at:at] = data[at : at + dice.choice((1, 8, 64))] * dice.choice((1, 2, 50))
        else:
            other = dice.choice(samples)
            data[at:] = other[dice.randrange(len(other) + 1) :]
    return bytes(data)


def odd_value(dice: random.Random, *, in_json: bool) -> Any:
    """Return a value of some other type, or an edge of one."""
    makers: list[Callable[[], Any]] = [
        lambda: dice.choice(EDGES),
        lambda: dice.choice(TEXTS),
        lambda: dice.choice((None, True, False, 1.5, float("inf"), [], {}, [[]], {"a": [1]})),
        lambda: [0] * dice.choice((1, 33, 9000)),
        lambda: dice.randbytes(dice.choice((0, 1, 16, 31, 32, 33, 64, 5000))),
    ]
    value = dice.choice(makers[:-1] if in_json else makers)()
    nested: Any = value
    for _ in range(dice.choice((0, 0, 0, 0, 1, 5, 600))):
        nested = [nested]
    return nested


def bent_tree(dice: random.Random, tree: Any, *, in_json: bool = False) -> Any:
    """Replace, drop, repeat or swap something somewhere inside."""
    if dice.random() < 0.25 or not isinstance(tree, list | dict) or not tree:
        return odd_value(dice, in_json=in_json)
    if isinstance(tree, dict):
        key = dice.choice(list(tree))
        rest = {name: value for name, value in tree.items() if name != key}
        return rest if dice.random() < 0.2 else rest | {key: bent_tree(dice, tree[key], in_json=in_json)}
    at = dice.randrange(len(tree))
    way = dice.randrange(5)
    if way == 0:
        return tree[:at] + tree[at + 1 :]
    if way == 1:
        return [*tree[:at], tree[at], *tree[at:]]
    if way == 2:
        return [*tree, odd_value(dice, in_json=in_json)]
    return [*tree[:at], bent_tree(dice, tree[at], in_json=in_json), *tree[at + 1 :]]


def bent_msgpack(dice: random.Random, samples: Sequence[bytes]) -> bytes:
    """Bend a message in perfect spelling, or its bytes."""
    if dice.random() < 0.4:
        return bent_bytes(dice, samples)
    tree = msgpack.unpackb(dice.choice(samples), strict_map_key=False)
    for _ in range(dice.randint(1, 2)):
        tree = bent_tree(dice, tree)
    try:
        packed: bytes = msgpack.packb(tree)
    except (ValueError, TypeError):  # too deep, or a half of a surrogate pair: as bytes then
        return bent_bytes(dice, samples)
    return packed


def bent_json(dice: random.Random, samples: Sequence[bytes]) -> bytes:
    """Bend a document in perfect spelling, or its bytes."""
    if dice.random() < 0.4:
        return bent_bytes(dice, samples)
    tree = json.loads(dice.choice(samples))
    for _ in range(dice.randint(1, 2)):
        tree = bent_tree(dice, tree, in_json=True)
    try:
        return json.dumps(tree).encode()
    except (ValueError, RecursionError):
        return bent_bytes(dice, samples)


def bent_text(dice: random.Random, samples: Sequence[str]) -> str:
    """Bend a text by its characters."""
    text = dice.choice(samples)
    for _ in range(dice.randint(1, 3)):
        at = dice.randrange(len(text) + 1)
        put = dice.choice((*TEXTS, *text[at : at + 1], chr(dice.randrange(32, 0x300))))
        text = text[:at] + put + text[at + dice.choice((0, 0, 1, 2, 20)) :]
    return text
