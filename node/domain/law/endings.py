"""Which endings of devices hold: what an ended device says beyond its own end ends no other.

One device says that another has ended; it may itself have been ended, unaware of it or on purpose. What was said by a
device that an ending which holds had ended before is void; where devices end each other in a ring, all are ended,
for nobody can tell which of them was lost.
"""

from collections.abc import Callable, Sequence

from node.domain.law.records import Ending


def holding(said: Sequence[Ending], place: Callable[[int], int]) -> list[Ending]:
    """Return which of one person's endings hold, of those that lie in one past; `place` gives a change its bit."""
    of: dict[bytes, list[Ending]] = {}
    for ending in said:
        of.setdefault(ending.device, []).append(ending)
    against = {ending.act.number: _against(ending, of, place(ending.act.number)) for ending in said}
    void: set[int] = set()
    firm: set[int] = set()
    while True:
        open_ = against.keys() - void - firm
        stands = {number for number in open_ if against[number] <= void}
        falls = {number for number in open_ if against[number] & (firm | stands)}
        if not stands and not falls:
            return [ending for ending in said if ending.act.number not in void]
        firm |= stands
        void |= falls


def _against(ending: Ending, of: dict[bytes, list[Ending]], place: int) -> set[int]:
    """Return by which endings this one would be void: of the device that said it, before it said so."""
    others = of.get(ending.act.device, ())
    return {o.act.number for o in others if o.act.device != ending.device and not o.bits >> place & 1}
