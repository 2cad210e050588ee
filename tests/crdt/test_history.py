"""Acceptance does not depend on order, duplication or partition; runs vouch for what they hold; laws of pasts."""

import time
from collections.abc import Sequence
from itertools import pairwise

import pytest
from authors import Author, Reader, badly_signed, founding_of, key_of
from hypothesis import given
from hypothesis import strategies as st

from crdt.change import LAW, TALK, Change
from crdt.history import Gap, Log
from crdt.pasts import Pasts
from identity.errors import BadSignature

SPACE = founding_of("Ada").id
NAMES = ("Ada", "Ben", "Eve", "Kim")


@st.composite
def conversations(draw: st.DrawFn) -> list[Change]:
    """Draw a random causal graph of changes by several authors, in one causal order."""
    authors = [Author(name, SPACE) for name in NAMES]
    changes: list[Change] = []
    for _ in range(draw(st.integers(1, 24))):
        author = draw(st.sampled_from(authors))
        others = [change for change in changes if change not in author.log]
        deps = draw(st.lists(st.sampled_from(others), max_size=3, unique=True)) if others else []
        changes.append(author.write(*deps, klass=draw(st.sampled_from([LAW, TALK]))))
    return changes


def runs_of(changes: Sequence[Change], cuts: Sequence[int]) -> list[list[Change]]:
    """Part changes in causal order into batches at some places."""
    places = sorted({0, len(changes), *(cut % len(changes) for cut in cuts)})
    return [list(changes[start:end]) for start, end in pairwise(places)]


def take_all(reader: Reader, batches: Sequence[Sequence[Change]]) -> None:
    """Offer batches again and again until nothing of them is accepted any more."""
    held = -1
    while held < reader.history.size:
        held = reader.history.size
        for batch in batches:
            reader.take(batch)


@given(conversations(), st.data())
def test_any_order_duplication_and_partition_ends_with_the_same_root(
    changes: list[Change], data: st.DataObject
) -> None:
    straight, shuffled = Reader(), Reader()
    batches = runs_of(changes, data.draw(st.lists(st.integers(0, 100), max_size=6)))
    again = data.draw(st.lists(st.sampled_from(batches), max_size=3))

    straight.take(changes)
    take_all(shuffled, data.draw(st.permutations([*batches, *again])))

    assert shuffled.history.root() == straight.history.root()
    assert shuffled.held.keys() == straight.held.keys() == {change.id for change in changes}
    assert shuffled.history.tips.keys() == straight.history.tips.keys()
    depths = {id_: parent.depth for id_, parent in straight.held.items()}
    assert {id_: parent.depth for id_, parent in shuffled.held.items()} == depths


def laws_before(reader: Reader, change: Change) -> set[bytes]:
    """Return the ids of the law changes in what a change hands on."""
    names = {parent.number: id_ for id_, parent in reader.held.items()}
    pasts = reader.history.pasts
    past = reader.held[change.id].past
    return {names[number] for number in pasts.laws() if pasts.includes(past, number)}


def ancestors(changes: Sequence[Change]) -> dict[bytes, set[bytes]]:
    """Return the ids in each change's past, itself included, worked out one by one."""
    found: dict[bytes, set[bytes]] = {}
    for change in changes:
        names = [name for name in (change.header.prev, *change.header.deps) if name]
        found[change.id] = {change.id}.union(*(found[name] for name in names))
    return found


@given(conversations(), st.data())
def test_a_past_holds_exactly_the_law_among_the_ancestors(changes: list[Change], data: st.DataObject) -> None:
    reader = Reader()
    batches = runs_of(changes, data.draw(st.lists(st.integers(0, 100), max_size=4)))
    take_all(reader, data.draw(st.permutations(batches)))
    law = {change.id for change in changes if change.header.klass == LAW}
    before = ancestors(changes)

    for change in changes:
        assert laws_before(reader, change) == before[change.id] & law


def test_a_gap_is_named_and_nothing_behind_it_is_taken() -> None:
    ben, eve = Author("Ben", SPACE), Author("Eve", SPACE)
    one, two, three = ben.write(), ben.write(), ben.write()
    answer = eve.write(three)

    behind = Reader().take([two, three])
    missing = Reader().take([answer])

    assert (behind.accepted, behind.gaps[0]) == ([], Gap(ben.key.public, 1, ()))
    assert (missing.accepted, missing.gaps) == ([], [Gap(eve.key.public, 1, (three.id,))])
    assert Reader().take([one, two, three, answer]).gaps == []


def test_what_is_known_already_is_counted_and_changes_nothing() -> None:
    ben, reader = Author("Ben", SPACE), Reader()
    log = [ben.write() for _ in range(5)]
    reader.take(log)
    root = reader.history.root()

    verdict = reader.take(log[1:4])

    assert (verdict.accepted, verdict.known, verdict.gaps, verdict.forks) == ([], 3, [], [])
    assert reader.history.root() == root


def test_an_old_head_never_brings_a_log_back() -> None:
    ben, reader = Author("Ben", SPACE), Reader()
    log = [ben.write() for _ in range(5)]
    reader.take(log)

    reader.take(log[:2])
    reader.take([log[0]])

    assert reader.history.logs[ben.key.public].head == log[4].id


def test_another_change_for_a_held_place_is_reported_as_a_fork() -> None:
    ben, reader = Author("Ben", SPACE), Reader()
    first = ben.write()
    reader.take([first, ben.write(text="one")])
    ben.log = [first]
    other = ben.write(text="other")

    verdict = reader.take([other])

    assert (verdict.accepted, verdict.forks) == ([], [other])


def test_a_forged_change_is_refused_before_anything_is_kept() -> None:
    ben, reader = Author("Ben", SPACE), Reader()
    good = ben.write()

    with pytest.raises(BadSignature):
        reader.take([badly_signed(good)])
    with pytest.raises(BadSignature):
        reader.take([good, ben.write(bad=True)])
    assert (reader.history.size, reader.history.logs) == (0, {})


def test_a_run_with_a_badly_signed_middle_stands_by_its_well_signed_end() -> None:
    ben, reader = Author("Ben", SPACE), Reader()
    run = [ben.write(), ben.write(bad=True), ben.write(bad=True), ben.write()]

    assert [entry.change for entry in reader.take(run).accepted] == run


def test_a_run_cut_at_a_badly_signed_change_is_left_out_whole() -> None:
    ben, eve, reader = Author("Ben", SPACE), Author("Eve", SPACE), Reader()
    unknown = eve.write()
    run = [ben.write(), ben.write(bad=True), ben.write(unknown)]

    verdict = reader.take(run)
    later = reader.take([unknown, *run])

    assert (verdict.accepted, verdict.gaps) == ([], [Gap(ben.key.public, 3, (unknown.id,))])
    assert [entry.change for entry in later.accepted] == [unknown, *run]


def test_what_rests_on_a_cut_run_waits_with_it() -> None:
    ben, eve, kim, reader = Author("Ben", SPACE), Author("Eve", SPACE), Author("Kim", SPACE), Reader()
    unknown = eve.write()
    cut = [ben.write(bad=True), ben.write(unknown)]
    rests = kim.write(cut[0])

    verdict = reader.take([*cut, rests])

    assert verdict.accepted == []


def test_a_cut_run_leaves_no_trace_in_the_pasts_of_others() -> None:
    ben, eve, kim, reader = Author("Ben", SPACE), Author("Eve", SPACE), Author("Kim", SPACE), Reader()
    law = reader.take([kim.write(klass=LAW)]).accepted[0]
    unknown = eve.write()
    cut = [ben.write(kim.log[0], klass=LAW, bad=True), ben.write(unknown)]
    ada = Author("Ada", SPACE)
    fresh = ada.write(klass=LAW)  # names nothing, and takes the number that the cut change had

    verdict = reader.take([*cut, fresh])

    assert [entry.change for entry in verdict.accepted] == [fresh]
    assert not reader.history.pasts.includes(reader.held[fresh.id].past, law.number)


def test_a_cascade_of_cut_runs_does_not_cost_the_square() -> None:
    unknown = Author("Ada", SPACE).write()
    changes: list[Change] = []
    before = unknown
    for index in range(400):
        author = Author(f"sybil {index}", SPACE)
        first = author.write(bad=True)
        changes += [first, author.write(before)]
        before = first
    reader = Reader()

    began = time.thread_time()
    verdict = reader.take(changes)
    seconds = time.thread_time() - began

    assert verdict.accepted == []
    assert seconds < 0.5


def test_roots_differ_as_soon_as_any_head_does() -> None:
    ben, one, two = Author("Ben", SPACE), Reader(), Reader()
    log = [ben.write(), ben.write()]
    one.take(log)
    two.take(log[:1])
    unequal = one.history.root() != two.history.root()

    two.take(log[1:])

    assert unequal
    assert one.history.root() == two.history.root()
    assert one.history.buckets() == two.history.buckets()


def test_a_log_known_to_be_forked_shows_in_the_root() -> None:
    ben, reader = Author("Ben", SPACE), Reader()
    reader.take([ben.write()])
    before = reader.history.root()
    log = reader.history.logs[ben.key.public]

    log.forked = 2
    reader.history.touch(log)

    assert reader.history.root() != before


def test_a_new_change_names_the_tips_of_others_oldest_first() -> None:
    ada, ben, eve, reader = Author("Ada", SPACE), Author("Ben", SPACE), Author("Eve", SPACE), Reader()
    reader.take([ada.write(), ben.write(ada.log[0]), ada.write(), eve.write()])
    history = reader.history

    assert history.next_deps(key_of("Kim").public, 32) == (eve.log[0].id, *sorted([ada.log[1].id, ben.log[0].id]))
    assert history.next_deps(ben.key.public, 32) == (eve.log[0].id, ada.log[1].id)
    assert history.next_deps(ben.key.public, 1) == (eve.log[0].id,)


# Pasts


@st.composite
def law_graphs(draw: st.DrawFn) -> tuple[Pasts, list[int], dict[int, set[int]]]:
    """Draw law changes in which each comes after some others, and what lies before each."""
    pasts = Pasts()
    before: dict[int, set[int]] = {}
    singles: list[int] = []
    for number in range(1, draw(st.integers(2, 12))):
        parents = draw(st.lists(st.integers(1, number - 1), max_size=3, unique=True)) if number > 1 else []
        past = pasts.join([singles[parent - 1] for parent in parents]) if parents else 0
        pasts.add_law(number, past)
        before[number] = {number}.union(*(before[parent] for parent in parents))
        singles.append(pasts.intern((number,)))
    return pasts, singles, before


@given(law_graphs(), st.data())
def test_joining_pasts_is_union_whatever_the_order(
    drawn: tuple[Pasts, list[int], dict[int, set[int]]], data: st.DataObject
) -> None:
    pasts, singles, before = drawn
    chosen = data.draw(st.lists(st.sampled_from(singles), min_size=1, max_size=5)) if singles else [0]
    shuffled = data.draw(st.permutations(chosen))
    expected = set().union(*(before[singles.index(one) + 1] for one in chosen)) if singles else set()

    joined = pasts.join(chosen)
    stepwise = shuffled[0]
    for one in shuffled[1:]:
        stepwise = pasts.join([stepwise, one])

    assert joined == pasts.join(shuffled) == stepwise == pasts.join([joined, joined])
    assert {number for number in pasts.laws() if pasts.includes(joined, number)} == expected


def test_a_leaf_names_author_place_and_head() -> None:
    log = Log(bytes(32), 1, 5, b"head")

    assert len({log.leaf(), Log(bytes(32), 1, 6, b"head").leaf(), Log(bytes(32), 1, 5, b"other").leaf()}) == 3
