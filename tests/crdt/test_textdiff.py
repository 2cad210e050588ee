import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crdt.textdiff import Span, changed_spans

TEXT = st.text("ab \n.ü水", max_size=60)


def spliced(old: str, new: str, spans: list[Span]) -> str:
    """Return the old text with its spans replaced by the new text's."""
    parts, at = [], 0
    for span in spans:
        parts += [old[at : span.start], new[span.new_start : span.new_end]]
        at = span.end
    return "".join([*parts, old[at:]])


@given(TEXT, TEXT, st.sampled_from([0, 5, 40, 300_000]))
def test_the_spans_turn_the_old_text_into_the_new_one(old: str, new: str, budget_steps: int) -> None:
    spans = changed_spans(old, new, budget_steps)

    assert spliced(old, new, spans) == new
    assert all(span.end > span.start or span.new_end > span.new_start for span in spans)
    assert all(left.end <= right.start for left, right in pairwise(spans))


@given(TEXT)
def test_equal_texts_have_no_spans(text: str) -> None:
    assert changed_spans(text, text) == []


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ("the color of it", "the colour of it", [("", "u")]),
        ("a cat sat", "a dog sat", [("cat", "dog")]),
        ("one\ntwo\nthree\n", "one\nthree\n", [("two\n", "")]),
        ("one\nthree\n", "one\ntwo\nthree\n", [("", "two\n")]),
        ("first line\nsame\nlast line\n", "First line\nsame\nlast lines\n", [("f", "F"), ("", "s")]),
        ("水を飲む人", "水を汲む人", [("飲", "汲")]),
        ("", "new", [("", "new")]),
        ("old", "", [("old", "")]),
    ],
)
def test_a_small_change_stays_small(old: str, new: str, changes: list[tuple[str, str]]) -> None:
    spans = changed_spans(old, new)

    assert [(old[s.start : s.end], new[s.new_start : s.new_end]) for s in spans] == changes


def test_edits_at_both_ends_of_a_long_page_leave_the_middle_alone() -> None:
    lines = [f"line {number} of the page\n" for number in range(4_000)]
    old = "".join(lines)
    lines[0], lines[3_999] = "line zero of the page\n", lines[3_999][:-1] + "!\n"
    lines.insert(2_000, "a new one\n")

    spans = changed_spans(old, "".join(lines))

    assert sum(span.end - span.start for span in spans) <= 2
    assert sum(span.new_end - span.new_start for span in spans) <= 15


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a\n" * 50_000, "b\n" * 50_000),
        ("a\n" * 50_000, "a\nb\n" * 25_000),
        (" a" * 50_000, "a b" * 33_000),
        ("ab" * 50_000, "ba" * 50_000),
        (" \n" * 50_000, "\n " * 50_000),
        ("a b c d " * 12_500, "d c b a " * 12_500),
    ],
)
def test_the_hardest_pages_of_a_hundred_kilobytes_take_less_than_a_second(old: str, new: str) -> None:
    before = time.process_time()
    spans = changed_spans(old, new)
    spent_s = time.process_time() - before

    assert spliced(old, new, spans) == new
    assert spent_s < 1
