"""Which characters differ between two texts: the edit that disturbs other people's edits least.

Lines are compared first, then the words of lines that differ, then each pair of words loses what they share at
both ends. So a comma added to a paragraph is one inserted character, and a word put in another's place is replaced
whole rather than woven into it.

Lines or words that occur once in both texts anchor the comparison (patience diff, B. Cohen); between anchors it is
Myers' greedy algorithm ("An O(ND) difference algorithm", 1986) with a budget of steps. What would cost more is
replaced whole: the result is then larger than need be, and still right.
"""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

BUDGET_STEPS = 300_000
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
# Scripts that are written without spaces count as one word a character.
_SPACELESS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_SPACELESS}]|[^\W{_SPACELESS}]+|\s|[^\w\s]")


class Span(NamedTuple):
    """Characters `start:end` of the old text become `new_start:new_end` of the new one."""

    start: int
    end: int
    new_start: int
    new_end: int


class _Budget:
    """Steps left; every comparison draws on the same one."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def draw(self, steps: int) -> bool:
        self.steps -= steps
        return self.steps >= 0


def changed_spans(old: str, new: str, budget_steps: int = BUDGET_STEPS) -> list[Span]:
    """Return the spans that differ, in order, not touching each other."""
    budget = _Budget(budget_steps)
    spans: list[Span] = []
    for lines in _refine(Span(0, len(old), 0, len(new)), old, new, _LINE.findall, budget):
        for words in _refine(lines, old, new, _WORD.findall, budget):
            trimmed = _trim(words, old, new)
            if spans and spans[-1].end == trimmed.start and spans[-1].new_end == trimmed.new_start:
                trimmed = Span(spans[-1].start, trimmed.end, spans.pop().new_start, trimmed.new_end)
            spans.append(trimmed)
    return spans


Split = Callable[[str], list[str]]


def _refine(span: Span, old: str, new: str, split: Split, budget: _Budget) -> Iterator[Span]:
    """Narrow a span to its tokens that differ; positions stay those of the whole texts."""
    ours, theirs = split(old[span.start : span.end]), split(new[span.new_start : span.new_end])
    old_at, new_at = _offsets(ours, span.start), _offsets(theirs, span.new_start)
    for start, end, new_start, new_end in _differences(ours, theirs, budget):
        yield Span(old_at[start], old_at[end], new_at[new_start], new_at[new_end])


def _offsets(tokens: Sequence[str], start: int) -> list[int]:
    offsets = [start]
    for token in tokens:
        offsets.append(offsets[-1] + len(token))
    return offsets


def _trim(span: Span, old: Sequence[str], new: Sequence[str]) -> Span:
    """Drop what both sides share at their beginning and at their end."""
    start, end, new_start, new_end = span
    while start < end and new_start < new_end and old[start] == new[new_start]:
        start, new_start = start + 1, new_start + 1
    while start < end and new_start < new_end and old[end - 1] == new[new_end - 1]:
        end, new_end = end - 1, new_end - 1
    return Span(start, end, new_start, new_end)


def _differences(old: Sequence[str], new: Sequence[str], budget: _Budget) -> Iterator[Span]:
    at, new_at = 0, 0
    for anchor, new_anchor in [*_anchors(old, new), (len(old), len(new))]:
        yield from _compare(_trim(Span(at, anchor, new_at, new_anchor), old, new), old, new, budget)
        at, new_at = anchor + 1, new_anchor + 1


def _anchors(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """Return the longest rising row of (old, new) positions of tokens that occur once in each."""
    once = {token for token, count in Counter(old).items() if count == 1}
    once &= {token for token, count in Counter(new).items() if count == 1}
    where = {token: at for at, token in enumerate(new) if token in once}
    pairs = [(at, where[token]) for at, token in enumerate(old) if token in once]
    tails: list[int] = []
    tops: list[int] = []
    below: list[int] = []
    for index, (_, position) in enumerate(pairs):
        pile = bisect_left(tails, position)
        below.append(tops[pile - 1] if pile else -1)
        tails[pile : pile + 1] = [position]
        tops[pile : pile + 1] = [index]
    row: list[tuple[int, int]] = []
    index = tops[-1] if tops else -1
    while index >= 0:
        row.append(pairs[index])
        index = below[index]
    return row[::-1]


def _compare(span: Span, old: Sequence[str], new: Sequence[str], budget: _Budget) -> Iterator[Span]:
    """Yield the differing spans within one, by token; the span itself if the budget does not suffice."""
    start, end, new_start, new_end = span
    if start == end and new_start == new_end:
        return
    if start == end or new_start == new_end:
        yield span
        return
    trace = _myers(old[start:end], new[new_start:new_end], budget)
    if trace is None:
        yield span
        return
    at, new_at = end - start, new_end - new_start
    spans: list[Span] = []
    for x, y in _matches(trace, at, new_at):
        if (x + 1, y + 1) != (at, new_at):
            spans.append(Span(start + x + 1, start + at, new_start + y + 1, new_start + new_at))
        at, new_at = x, y
    if (at, new_at) != (0, 0):
        spans.append(Span(start, start + at, new_start, new_start + new_at))
    yield from reversed(spans)


def _myers(old: Sequence[str], new: Sequence[str], budget: _Budget) -> list[dict[int, int]] | None:
    """Return how far each diagonal reached after 0, 1, … edits, up to the end; None if out of budget."""
    reach = {1: 0}
    trace: list[dict[int, int]] = []
    for edits in range(len(old) + len(new) + 1):
        trace.append(reach)
        step: dict[int, int] = {}
        for diagonal in range(-edits, edits + 1, 2):
            x = _first_x(reach, diagonal, edits)
            begun = x
            while x < len(old) and x - diagonal < len(new) and old[x] == new[x - diagonal]:
                x += 1
            step[diagonal] = x
            if not budget.draw(1 + x - begun):
                return None
            if x >= len(old) and x - diagonal >= len(new):
                return trace
        reach = step
    return None


def _goes_down(reach: dict[int, int], diagonal: int, edits: int) -> bool:
    """Say whether a diagonal is best entered by an insertion, rather than by a deletion."""
    return diagonal == -edits or (diagonal != edits and reach[diagonal - 1] < reach[diagonal + 1])


def _first_x(reach: dict[int, int], diagonal: int, edits: int) -> int:
    return reach[diagonal + 1] if _goes_down(reach, diagonal, edits) else reach[diagonal - 1] + 1


def _matches(trace: list[dict[int, int]], x: int, y: int) -> Iterator[tuple[int, int]]:
    """Walk a trace back from the end and yield the positions that match, last first."""
    for edits in range(len(trace) - 1, -1, -1):
        reach, diagonal = trace[edits], x - y
        begun = _first_x(reach, diagonal, edits)
        while x > begun:
            x, y = x - 1, y - 1
            yield x, y
        if edits:
            x, y = (x, y - 1) if _goes_down(reach, diagonal, edits) else (x - 1, y)
