"""A town of simulated laptops: who lives where, crashes, backups, copied keys, and what everybody saw decided."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from simulated_cables import Cables, Spot
from simulated_house import DAY_MS, EPOCH_MS, Platter, Resident, SimKeyring

from crdt.change import LAW
from crdt.history import Accepted
from identity.errors import CommonsError, ProtocolError
from identity.keyfile import Keys, new_device, new_person
from node.domain.law.records import Final
from node.ingest.spaces import Space

YEAR_MS = 365 * DAY_MS
LONGEST_PAUSE_S = 120.0
Work = Callable[[Resident], Awaitable[None]]


@dataclass(kw_only=True)
class House(Spot[Resident]):
    """Where somebody's laptop stands: its keys and its disk, whether it runs or not."""

    ring: SimKeyring
    platter: Platter = field(default_factory=Platter)
    skew_ms: int = 0
    jumps: bool = False
    backup: bytes = b""
    opening: Resident | None = None

    @property
    def name(self) -> str:
        return f"House {self.index}"

    @property
    def person(self) -> bytes | None:
        """Whose laptop this is, once it has a certificate."""
        return self.ring.keys.person


class Flip(NamedTuple):
    """A node that saw a result become another, and who had signed the one it was."""

    house: int
    proposal: bytes
    before: Final
    after: Final | None
    signed: frozenset[bytes]


class Town(Cables[House]):
    """All houses, and what was seen in them."""

    def __init__(self, rng: random.Random, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(rng, loop)
        self.two_faced: set[bytes] = set()  # whose key was copied, or whose disk came back from a backup
        self.seen: dict[tuple[int, bytes], Final] = {}
        self.flips: list[Flip] = []
        self.said: dict[bytes, bytes] = {}  # every change of talk that is on its author's disk, by device
        self.sealed = 0
        self.pauses: dict[tuple[int, int], tuple[float, float]] = {}  # of each pair: how long, until when

    def is_expected(self, error: CommonsError) -> bool:
        """A session may also end because its peer forked, or does not belong any more."""
        return super().is_expected(error) or (isinstance(error, ProtocolError) and "answer" in str(error))

    def may_dial(self, one: int, other: int, *, apart: bool) -> bool:
        """A node that finds nothing in common with another, or loses it at once, tries again later and later."""
        pause, at = self.pauses.get((one, other), (2.0, 0.0))
        if not apart or self.loop.time() < at:
            if not apart and self.loop.time() > at + pause:
                self.pauses.pop((one, other), None)
            return False
        self.pauses[one, other] = min(2 * pause, LONGEST_PAUSE_S), self.loop.time() + pause
        return True

    # -- houses ------------------------------------------------------------------------------------------------------

    def add(self, *, device: bool = False) -> House:
        """Build a house for somebody new, or for a further device of somebody; its laptop does not run yet."""
        rng = self.rng
        skew = rng.choice([0, 0, 0, rng.randrange(-5_000, 5_000), rng.randrange(-90_000, 90_000)])
        if rng.random() < 0.05:
            skew = rng.choice([-10 * YEAR_MS, DAY_MS, -DAY_MS])
        now = EPOCH_MS + int(self.loop.time() * 1000) + skew
        return self._built(new_device(now) if device else new_person(now), skew)

    def _built(self, keys: Keys, skew: int) -> House:
        house = House(index=len(self.places), ring=SimKeyring(keys), skew_ms=skew, jumps=self.rng.random() < 0.02)
        self.places.append(house)
        return house

    def copy(self, house: House) -> House:
        """Copy a laptop's disk and keys to another one: from now on two act under one key."""
        twin = self._built(house.ring.keys, house.skew_ms)
        twin.platter = Platter(house.platter.image())
        twin.neighbours = [index for index in house.neighbours if index != twin.index]
        for index in twin.neighbours:
            self.places[index].neighbours.append(twin.index)
        if house.person is not None:
            self.two_faced.add(house.person)
        return twin

    def start(self, house: House, then: Work | None = None) -> None:
        """Switch a laptop on; `then` is done once its node runs."""
        if house.node is None and house.opening is None:
            self.spawn(house, self._start(house, then))

    async def _start(self, house: House, then: Work | None) -> None:
        resident = house.opening = Resident(house.ring, house.platter, self.loop.time, self.rng)
        resident.skew_ms, resident.jumps = house.skew_ms, house.jumps
        await resident.begin()
        await resident.introduce_as(house.name)
        house.node, house.opening = resident, None
        resident.node.road.heard.append(lambda space, entries, origin: self._heard(house, space, entries, origin))
        self.attend(house)
        if then is not None:
            await then(resident)

    def stop(self, house: House, *, roll_back: bool = False) -> None:
        """Cut a laptop's power; its disk may come back as it was at its last backup."""
        resident = house.node or house.opening
        self.cut_off(house)
        if resident is not None:
            resident.end()
        house.opening = None
        if roll_back and house.backup:
            house.platter.roll_back(house.backup)
            if house.person is not None:
                self.two_faced.add(house.person)
            for key in [key for key in self.seen if key[0] == house.index]:
                del self.seen[key]

    def residents(self) -> list[Resident]:
        """Return the nodes that run."""
        return [house.node for house in self.places if house.node is not None]

    # -- what is seen --------------------------------------------------------------------------------------------------

    def _heard(self, house: House, space: Space, entries: Sequence[Accepted], origin: bytes | None) -> None:
        if origin is None:
            self.said.update((e.change.id, e.change.header.author) for e in entries if e.change.header.klass > LAW)
        if any(entry.change.header.klass == LAW for entry in entries):
            self.look(house, space)

    def look(self, house: House, space: Space) -> None:
        """Compare the results that a node sees now with those it saw before."""
        finals = space.law.present().sealed.finals
        for (index, id_), before in list(self.seen.items()):
            if index == house.index and (after := finals.get(id_)) != before:
                if after is None or after.outcome != before.outcome:
                    seal = space.law.seals.get(before.seal)
                    signed = frozenset(act.person for act in seal.supporters) if seal is not None else frozenset()
                    self.flips.append(Flip(index, id_, before, after, signed))
                self.seen.pop((index, id_))
        self.sealed += sum((house.index, id_) not in self.seen for id_ in finals)
        self.seen.update(((house.index, id_), final) for id_, final in finals.items())
