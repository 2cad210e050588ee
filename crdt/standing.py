"""What of forked logs has effect: what somebody else built on.

From the place on where a log is forked or cut, its changes are *suspect*. A change has effect if it is not suspect, or
if a change of another person that has effect itself has it in its past, however far back. So nodes with the same logs,
proofs and cuts agree, whatever came first: what one node alone holds beyond a fork lies in the past of nothing that
stands.

Pure. Changes go by their numbers in the store, which grow from parents to children: taken from the last to the first,
each is settled once all that have it in their past are. Of the persons who built on a change it is enough to know one,
or that there are several.
"""

import heapq
from collections import ChainMap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

SEVERAL = b"several"
"""Stands for more than one person, of whom one at least is not the author: no key is as short."""


class Node(NamedTuple):
    """A change as far as it matters here: whose it is, what it names, whether it lies beyond a fork or a cut."""

    person: bytes
    parents: tuple[int, ...]
    suspect: bool


@dataclass(slots=True)
class Step:
    """What new changes alter: which of them are void, which older ones have effect again, and who built on what."""

    fresh: Mapping[int, Node] = field(default_factory=dict)
    void: set[int] = field(default_factory=set)
    back: set[int] = field(default_factory=set)
    seen: dict[int, bytes] = field(default_factory=dict)


class Doubts:
    """The void changes of one space, and those that have one in their past: only what names these can alter anything.

    What has effect above a void change is by the same person, or the void one would have effect. So these are few, but
    where somebody wrote much that nobody answered.
    """

    def __init__(self) -> None:
        self.void: set[int] = set()
        self._nodes: dict[int, Node] = {}
        self._seen: dict[int, bytes] = {}

    def concern(self, parents: Iterable[int]) -> bool:
        """Tell whether a change that names these may alter what has effect."""
        return bool(self._nodes) and not self._nodes.keys().isdisjoint(parents)

    def step(self, fresh: Mapping[int, Node]) -> Step:
        """Return what new changes alter; nothing is taken over yet.

        They have to be all that are new and suspect, concerned by doubts, or above another of them.
        """
        step = Step(fresh)
        nodes = ChainMap(dict(fresh), self._nodes)
        seen = ChainMap(step.seen, self._seen)
        todo = [-number for number in fresh]
        heapq.heapify(todo)
        while todo:
            number = -heapq.heappop(todo)
            handed = self._settle(number, nodes[number], seen.get(number), step)
            if not handed:
                continue
            for parent in nodes[number].parents:
                if parent not in nodes or (before := seen.get(parent)) == handed or before == SEVERAL:
                    continue
                if parent not in step.seen and parent not in fresh:
                    heapq.heappush(todo, -parent)
                step.seen[parent] = SEVERAL if before else handed
        return step

    def _settle(self, number: int, node: Node, seen: bytes | None, step: Step) -> bytes | None:
        """Settle a change that is built on by those in `seen`; returns whom those below it are built on by then."""
        by_others = seen not in (None, node.person)
        if node.suspect and not by_others:
            if number in step.fresh:
                step.void.add(number)
            return seen
        if number in self.void:
            step.back.add(number)
        return SEVERAL if by_others else node.person

    def take(self, step: Step) -> None:
        """Take over what a step altered, once it is stored."""
        self.void |= step.void
        self.void -= step.back
        looked_at, self._seen = {**step.fresh}, {**self._seen, **step.seen}
        if step.back:
            looked_at, self._nodes = {**self._nodes, **step.fresh}, {}
        for number in sorted(looked_at):
            if number in self.void or self.concern(looked_at[number].parents):
                self._nodes[number] = looked_at[number]
        self._seen = {number: person for number, person in self._seen.items() if number in self._nodes}
