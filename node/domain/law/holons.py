"""Spaces within spaces: a part names the spaces it is part of; from that follow the tree and its parts.

What a space says of its parents is a claim of its own charter, and every node knows the charters of its own spaces
only. So a tree is what one node sees. A space may have several parents, and charters may even name each other in a
ring: everything here ends in any case.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from node.domain.law.charter import Charter

Parents = Mapping[bytes, Sequence[bytes]]
"""The parents that each known space names, by the id of the space."""

MAX_DEPTH = 64


@dataclass(frozen=True, slots=True)
class Branch:
    """A line of the outline of all spaces.

    `is_again` says that the space and its parts stand above already; `is_loop`, that it contains itself: cut here.
    """

    space: bytes
    depth: int
    is_again: bool = False
    is_loop: bool = False


def outline(parents: Parents) -> list[Branch]:
    """Return all spaces, each below every parent that it names, its own parts only the first time it is shown.

    Parents that are not known stand in it too. The order is that of the mapping; of a ring its first space is the top.
    """
    order = list(dict.fromkeys([*parents, *(parent for named in parents.values() for parent in named)]))
    children: dict[bytes, list[bytes]] = {space: [] for space in order}
    for space, named in parents.items():
        for parent in dict.fromkeys(named):
            children[parent].append(space)
    lines: list[Branch] = []
    shown: set[bytes] = set()
    for top in [*(space for space in order if not parents.get(space)), *order]:
        if top not in shown:
            _show(top, children, lines, shown)
    return lines


def _show(top: bytes, children: Mapping[bytes, Sequence[bytes]], lines: list[Branch], shown: set[bytes]) -> None:
    """Walk down from a space; without recursion, as a hostile chain may be long."""
    left: list[tuple[bytes, tuple[bytes, ...]]] = [(top, ())]
    while left:
        space, above = left.pop()
        is_loop, is_again = space in above, space in shown
        lines.append(Branch(space, min(len(above), MAX_DEPTH), is_again and not is_loop, is_loop))
        shown.add(space)
        if not is_loop and not is_again:
            left += [(child, (*above, space)) for child in reversed(children[space])]


def parts_of(space: bytes, parents: Parents) -> set[bytes]:
    """Return everything that is part of a space, and the parts of that; never the space itself."""
    children: dict[bytes, list[bytes]] = {}
    for part, named in parents.items():
        for parent in named:
            children.setdefault(parent, []).append(part)
    found: set[bytes] = set()
    left = [space]
    while left:
        fresh = set(children.get(left.pop(), ())) - found
        found |= fresh
        left += fresh
    return found - {space}


def continued(space: bytes, origins: Mapping[bytes, bytes]) -> list[bytes]:
    """Return the spaces that a space continues, the nearest first; `origins` maps each to the one before it."""
    found: list[bytes] = []
    before = origins.get(space)
    while before is not None and before != space and before not in found:
        found.append(before)
        before = origins.get(before)
    return found


def binds(charter: Charter) -> list[str]:
    """Return about what a space decides for its parts; in whatever its charter does not list, a part is free."""
    return list(charter["competences"])
