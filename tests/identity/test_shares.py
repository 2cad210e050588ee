"""A secret among people: so many rebuild it, fewer learn nothing."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.errors import Malformed
from identity.shares import combine, split

SEED = bytes(range(32))


@given(st.binary(min_size=32, max_size=32), st.data())
def test_any_so_many_shares_rebuild_the_secret(seed: bytes, data: st.DataObject) -> None:
    count = data.draw(st.integers(2, 6))
    needed = data.draw(st.integers(2, count))
    shares = split(seed, needed, count)

    for chosen in itertools.combinations(shares, needed):
        assert combine({number: shares[number] for number in chosen}) == seed


def test_one_share_too_few_gives_other_bytes_each_time() -> None:
    rebuilt = set()
    for _ in range(8):
        shares = split(SEED, 3, 5)
        rebuilt.add(combine({1: shares[1], 2: shares[2]}))

    assert SEED not in rebuilt
    assert len(rebuilt) == 8


def test_shares_of_two_splittings_do_not_go_together() -> None:
    first, second = split(SEED, 2, 3), split(SEED, 2, 3)

    assert combine({1: first[1], 2: second[2]}) != SEED


@pytest.mark.parametrize(("needed", "count"), [(1, 3), (0, 2), (4, 3), (2, 33), (2, 1)])
def test_a_splitting_that_protects_nobody_is_refused(needed: int, count: int) -> None:
    with pytest.raises(Malformed):
        split(SEED, needed, count)


@pytest.mark.parametrize("shares", [{}, {0: SEED}, {33: SEED}, {1: b""}, {1: SEED[:16], 2: SEED}])
def test_what_is_no_share_is_refused(shares: dict[int, bytes]) -> None:
    with pytest.raises(Malformed):
        combine(shares)
