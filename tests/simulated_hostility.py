"""What two-faced people do in the simulated town: copy their keys, lie about ballots, sign everything."""

from typing import Any

from simulated_deeds import Deeds
from simulated_town import House, Town

from crdt.change import Change
from identity.errors import Refused
from node.domain.law.decisions import CastBallot, CloseVote, SealVote, SupportSeal
from node.domain.law.records import Opening
from node.domain.law.view import View
from node.ingest.road import Road
from node.ingest.spaces import Space

MAX_TWINS = 2


class Hostility:
    """Lets somebody act against the rules, past everything that would keep their own node from it."""

    def __init__(self, town: Town, deeds: Deeds) -> None:
        self.town = town
        self.deeds = deeds
        self.rng = town.rng
        self.twins = 0

    async def something(self) -> None:
        """Let somebody do one bad thing."""
        houses = [house for house in self.town.places if house.node is not None and house.node.is_member]
        if not houses:
            return
        house = self.rng.choice(houses)
        if self.rng.random() < 0.3 and self.twins < MAX_TWINS:
            self.copy(house)
        else:
            self.town.spawn(house, self._lie(house))

    def copy(self, house: House) -> None:
        """Copy a laptop; the two are apart at first, or their neighbours would notice at once."""
        self.twins += 1
        twin = self.town.copy(house)
        sides = {index: self.rng.randrange(2) for index in range(twin.index + 1)}
        self.town.split({**sides, house.index: 0, twin.index: 1})
        self.town.start(twin)

    async def _lie(self, house: House) -> None:
        if house.node is None or not house.node.is_member:
            return
        _, road, space, view = self.deeds.at(house)
        try:
            for command in self._lies(space, view):
                await self._say(road, space, command)
        except Refused:
            self.deeds.refused += 1

    @staticmethod
    async def _say(road: Road, space: Space, command: Any) -> Change:
        return await road.submit(space, command)

    def _lies(self, space: Space, view: View) -> list[Any]:
        law = space.law
        lies: list[Any] = [SupportSeal(id_) for id_ in law.seals if self.rng.random() < 0.5]
        for proposal in law.proposals.values():
            for id_ in proposal.openings:
                if self.rng.random() < 0.5:
                    lies.append(CastBallot(id_, self.rng.choice(["yes", "no"])))
                if self.rng.random() < 0.5:
                    lies += self._false_seal(law.openings[id_], view)
        self.rng.shuffle(lies)
        return lies[:4]

    def _false_seal(self, opening: Opening, view: View) -> list[Any]:
        """Close a vote and seal it with some other root, or with some of its closings only."""
        closings = sorted(self.rng.sample(sorted(opening.closings), self.rng.randint(0, len(opening.closings))))
        root = self.rng.randbytes(32)
        return [
            CloseVote(opening.change.id),
            SealVote(opening.change.id, closings, root, view.sealed.digest(), b""),
        ]
