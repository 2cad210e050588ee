"""Pasts: which law and binding changes a change has seen, each an interned set of the latest among them.

Each law change has a bit, in order of acceptance. What lies in its past is a bit set in chunks, and nearly all chunks
are shared: what is old lies in every past, or is missing from all that came later. Whole bit sets would take room with
the square of the number of law changes, 150 MB for 50,000; so only some of the latest are kept whole.
"""

from collections.abc import Iterable, KeysView

EMPTY_PAST = 0
CHUNK = 2_048  # bits: a tuple of chunks then weighs about as much as the chunk that a change has for itself
KEPT = 64
_BYTES = CHUNK // 8
_FULL = (1 << CHUNK) - 1

Chunks = tuple[int, ...]


class Pasts:
    """Interned sets of latest law changes, each a sorted tuple of their numbers in the store."""

    def __init__(self) -> None:
        self.sets: list[tuple[int, ...]] = [()]
        self._index: dict[tuple[int, ...], int] = {(): 0}
        self._bit: dict[int, int] = {}
        self._past: list[int] = []  # of each law change, by its bit
        self._chunks: dict[int, Chunks] = {}
        self._whole: dict[int, int] = {}
        self._last = EMPTY_PAST, 0  # a past, and its bits

    # -- law changes --------------------------------------------------------------------------------------------------

    def add_law(self, number: int, past: int) -> None:
        """Remember a law change and everything before it."""
        bit = self._bit[number] = len(self._bit)
        self._past.append(past)
        laws = self.sets[past]
        before = self._chunks[laws[0]] if len(laws) == 1 else _union([self._chunks[law] for law in laws])
        self._chunks[number] = _with_bit(before, bit)

    def forget_from(self, number: int) -> None:
        """Forget the law changes from a number on: they were tried, and not kept."""
        self._last = EMPTY_PAST, 0
        while self._bit and next(reversed(self._bit)) >= number:
            last, _ = self._bit.popitem()
            del self._chunks[last], self._past[-1]
            self._whole.pop(last, None)

    def has(self, number: int) -> bool:
        """Tell whether a number is that of a law change."""
        return number in self._bit

    def laws(self) -> KeysView[int]:
        """Return the numbers of all law changes, in order of acceptance."""
        return self._bit.keys()

    def place(self, number: int) -> int:
        """Return which bit stands for a law change."""
        return self._bit[number]

    def covers(self, number: int) -> int:
        """Return the bit set of the law changes in the past of one, itself included."""
        whole = self._whole.get(number)
        if whole is None:
            whole = self._whole_of(number)
            if len(self._whole) >= KEPT:
                self._whole.clear()
            self._whole[number] = whole
        return whole

    def covers_all(self, numbers: Iterable[int]) -> int:
        """Return the bit set of several law changes and of everything in their pasts."""
        return _joined(_union([self._chunks[number] for number in numbers]))

    def _whole_of(self, number: int) -> int:
        bit = self._bit[number]
        laws = self.sets[self._past[bit]]
        if len(laws) == 1 and laws[0] in self._whole:  # where law is gone through in its order
            return self._whole[laws[0]] | (1 << bit)
        return _joined(self._chunks[number])

    def knows(self, number: int, other: int) -> bool:
        """Tell whether a law change lies in the past of one, or is that one."""
        at, bit = divmod(self._bit[other], CHUNK)
        chunks = self._chunks[number]
        return at < len(chunks) and bool(chunks[at] >> bit & 1)

    # -- pasts --------------------------------------------------------------------------------------------------------

    def bits(self, past: int) -> int:
        """Return the bit set of all law changes in a past."""
        if past != self._last[0]:  # whoever judges a change asks for its past several times
            bits = 0
            for number in self.sets[past]:
                bits |= self.covers(number)
            self._last = past, bits
        return self._last[1]

    def includes(self, past: int, law: int) -> bool:
        """Tell whether a law change is in a past."""
        return any(self.knows(number, law) for number in self.sets[past])

    def intern(self, laws: tuple[int, ...]) -> int:
        """Return the number of a set of latest law changes."""
        number = self._index.get(laws)
        if number is None:
            number = self._index[laws] = len(self.sets)
            self.sets.append(laws)
        return number

    def join(self, pasts: Iterable[int]) -> int:
        """Return the past that holds several: the latest law changes among them."""
        distinct = set(pasts)
        if len(distinct) == 1:
            return distinct.pop()
        laws = {law for past in distinct for law in self.sets[past]}
        before = 0
        for law in laws:
            before |= self.covers(law) ^ (1 << self._bit[law])
        return self.intern(tuple(sorted(law for law in laws if not before >> self._bit[law] & 1)))


def _union(sets: list[Chunks]) -> Chunks:
    """Return what lies in any of several bit sets, sharing what chunks they share."""
    longest = max(map(len, sets), default=0)
    return tuple([_merged([chunks[at] for chunks in sets if at < len(chunks)]) for at in range(longest)])


def _joined(chunks: Chunks) -> int:
    """Return a bit set in one piece."""
    return int.from_bytes(b"".join([part.to_bytes(_BYTES, "little") for part in chunks]), "little")


def _merged(parts: list[int]) -> int:
    first = parts[0]
    if all(part is first for part in parts):
        return first
    merged = 0
    for part in parts:
        merged |= part
    return _FULL if merged == _FULL else next((part for part in parts if part == merged), merged)


def _with_bit(chunks: Chunks, bit: int) -> Chunks:
    """Return a bit set with one bit more, which is the last of all there are."""
    at, bit = divmod(bit, CHUNK)
    if at < len(chunks):
        last = chunks[at] | (1 << bit)
        return (*chunks[:at], _FULL if last == _FULL else last)
    return (*chunks, *([0] * (at - len(chunks))), 1 << bit)
