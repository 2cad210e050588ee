"""What of the law that was heard stands: all of it, but for what lies beyond the end of a log and nobody built on.

Where a log is forked or ends, one node holds more of what lies beyond than another: who heard it before the proof or
the end. What anything that stands has in its past is held by everybody. So only that counts of it.

Where logs end is itself said by law, and what says so may lie beyond another end. So it is worked out again and again,
beginning with all that was heard, until it comes to the same. Where two decisions hang on each other, each ending the
log by which the other is complete, it never does; then both stand.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from node.domain.law.records import LogEnd
from node.domain.law.view import View

if TYPE_CHECKING:  # the fold that is looked at
    from node.domain.law.fold import Law

Ends = Mapping[bytes, LogEnd]


def as_it_stands(law: "Law") -> View:
    """Return the law as far as it stands; where all of it does, and no log is forked, the view holds all bits."""
    bits = _bits(law, {}) if law.forked else law.heard
    tried: list[View] = []
    while all(view.bits != bits for view in tried):
        tried.append(View(law, bits, law.sealed(bits), now=True))
        ends = tried[-1].cuts()
        if bits == law.heard and not _something_beyond(law, ends):
            return tried[-1]
        bits = _bits(law, ends)
    if bits == tried[-1].bits:
        return tried[-1]
    first = next(at for at, view in enumerate(tried) if view.bits == bits)
    for view in tried[first:]:
        bits |= view.bits
    return View(law, bits, law.sealed(bits), now=True)


def _something_beyond(law: "Law", ends: Ends) -> bool:
    """Tell whether any law was heard that lies beyond the end of its log."""
    if law.forked:
        return True
    for author, end in ends.items():
        acts = law.acts_of(author)
        last = acts if author in law.branches else acts[-1:]
        if any(is_beyond(law, end, number, seq) for number, seq, _ in last):
            return True
    return False


def _bits(law: "Law", ends: Ends) -> int:
    """Return the law within the ends of all logs, and all that lies in the past of anything within them."""
    numbers: set[int] = set()
    for author, seq, past in law.latest():
        end = ends.get(author)
        # of a log that a seal cut, what stands lies in that seal's past
        if end is None or (not end.seals and seq <= end.last):
            numbers.update(law.pasts.sets[past])
    for author in law.authors():
        last = _last_within(law, author, ends.get(author))
        if last is not None:
            numbers.add(last)
    return law.pasts.covers_all(numbers)


def _last_within(law: "Law", author: bytes, end: LogEnd | None) -> int | None:
    fork = law.forked.get(author)
    for number, seq, _ in reversed(law.acts_of(author)):
        if (fork is None or seq < fork) and not (end is not None and is_beyond(law, end, number, seq)):
            return number
    return None


def is_beyond(law: "Law", end: LogEnd, number: int, seq: int) -> bool:
    """Tell whether a law change lies beyond the end of its log."""
    if seq > end.last:
        return True
    return not all(law.pasts.knows(law.seals[seal].change.number, number) for seal in end.seals)
