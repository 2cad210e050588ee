"""Long threads in portions: the order in which answers are read, and which of them one page shows.

What answers a post stands below it, so the order is that of a tree, and no column holds it: it is made of the thread's
outline (who answers what, a few bytes each), and only what a page shows is read whole. A page is found by a post on it,
so that an address of one leads there whatever came between.
"""

from collections.abc import Sequence
from typing import NamedTuple

from node.store.queries import Answer

PAGE_SIZE = 100
LAST = "last"


class Place(NamedTuple):
    """An answer in its place; `depth` is 1 for what answers the first post."""

    answer: Answer
    depth: int


class Window(NamedTuple):
    """The answers of one page, and how many lie before and behind them."""

    places: Sequence[Place]
    before: int
    behind: int
    earlier: bytes | None
    later: bytes | None


def reading_order(first: bytes, answers: Sequence[Answer]) -> list[Place]:
    """Return a thread in reading order: what answers a post stands below it, each level by date."""
    children: dict[bytes, list[Answer]] = {}
    known = {first, *(answer.id for answer in answers)}
    for answer in answers:
        parent = answer.parent if answer.parent in known and answer.parent != answer.id else first
        children.setdefault(parent or first, []).append(answer)
    places: list[Place] = []
    todo = [Place(answer, 1) for answer in reversed(children.pop(first, []))]
    while todo:
        place = todo.pop()
        places.append(place)
        todo += [Place(child, place.depth + 1) for child in reversed(children.pop(place.answer.id, []))]
    rest = (answer for circle in children.values() for answer in circle)  # they name each other in a circle
    return places + [Place(answer, 1) for answer in rest]


def window_of(places: Sequence[Place], at: bytes | str | None, size: int = PAGE_SIZE) -> Window:
    """Return the page on which an answer stands; the last one for `LAST`, else the first one."""
    index = len(places) - 1 if at == LAST else next((n for n, place in enumerate(places) if place.answer.id == at), 0)
    start = max(0, index) // size * size
    end = start + size
    return Window(
        places[start:end],
        start,
        max(0, len(places) - end),
        places[start - size].answer.id if start else None,
        places[end].answer.id if end < len(places) else None,
    )
