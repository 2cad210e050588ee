"""Pasts in chunks say the same as whole bit sets, and take room with the number of law changes, not with its square."""

import random
import sys
from collections.abc import Iterable

import pytest

from crdt.pasts import CHUNK, KEPT, Pasts


def grown(rng: random.Random, size: int, chance: float) -> tuple[Pasts, dict[int, int]]:
    """Return pasts of so many law changes, of which some are unaware of others, and what each knows, as one bit set."""
    pasts, known = Pasts(), dict[int, int]()
    heads: list[int] = []
    for bit in range(size):
        number = 10 * bit + 3
        parents = rng.sample(heads, min(len(heads), rng.choice([1, 1, 2, 5])))
        past = pasts.join([pasts.intern((parent,)) for parent in parents]) if parents else 0
        pasts.add_law(number, past)
        known[number] = 1 << bit
        for parent in parents:
            known[number] |= known[parent]
        heads = [*(head for head in heads if head not in parents or rng.random() < chance), number][-30:]
    return pasts, known


@pytest.mark.parametrize("chance", [0.0, 0.02, 0.4])
def test_each_knows_exactly_what_its_parents_know_and_itself(chance: float) -> None:
    rng = random.Random(int(chance * 100))
    pasts, known = grown(rng, 2 * CHUNK + 100, chance)
    numbers = list(known)

    for number in [*rng.sample(numbers, 200), *numbers[-5:], numbers[0]]:
        assert pasts.covers(number) == known[number]
        for other in rng.sample(numbers, 20):
            assert pasts.knows(number, other) == bool(known[number] >> pasts.place(other) & 1)
            assert pasts.includes(pasts.intern((number,)), other) == pasts.knows(number, other)


def test_what_was_only_tried_is_forgotten_and_its_numbers_may_come_again() -> None:
    pasts, known = grown(random.Random(1), CHUNK + 20, 0.0)
    numbers = list(known)
    again = numbers[-30]

    pasts.forget_from(again)
    pasts.add_law(again, pasts.intern((numbers[0],)))

    assert list(pasts.laws()) == [*numbers[:-30], again]
    assert not pasts.has(numbers[-1])
    assert pasts.covers(again) == 1 | 1 << pasts.place(again)
    assert pasts.covers(numbers[-31]) == known[numbers[-31]]


def room(pasts: Pasts) -> int:
    """Return how many bytes the bit sets take, each of what they share counted once."""
    parts = {id(part): sys.getsizeof(part) for chunks in pasts._chunks.values() for part in chunks}
    return sum(parts.values()) + _sizes(pasts._chunks.values()) + _sizes(pasts._whole.values())


def _sizes(values: Iterable[object]) -> int:
    return sum(map(sys.getsizeof, values))


@pytest.mark.parametrize("chance", [0.0, 0.02])
def test_four_times_as_much_law_takes_hardly_more_room_each(chance: float) -> None:
    few, many = (grown(random.Random(2), size, chance)[0] for size in (2_500, 10_000))

    assert room(many) < 6 * room(few)
    assert len(many._whole) <= KEPT
