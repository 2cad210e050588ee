"""What people in the simulated town do: with the program's own functions, as its pages and its command line do it."""

import random
from collections.abc import Awaitable, Callable
from typing import Any

from simulated_house import DAY_MS, Resident
from simulated_town import House, Town

from identity.errors import Refused
from identity.tickets import Offer
from node.domain.law.decisions import Propose
from node.domain.law.membership import LeaveSpace, RevokeDevice, SuspendMember, VouchFor
from node.domain.law.records import Proposal
from node.domain.law.view import View
from node.domain.posts import WritePost
from node.ingest import belonging, deciding, keys
from node.ingest.road import Road
from node.ingest.spaces import Space
from node.ingest.writing import edit_page

Deed = Callable[["Deeds", House], Awaitable[object]]
ROLES = ("steward", "moderator", "treasurer", "facilitator", "welcomer")
SHORT_MS, LONG_MS = 60_000, 900_000


class Deeds:
    """Does things at random for whoever lives in a house; what the rules refuse is left."""

    def __init__(self, town: Town, size: int) -> None:
        self.town = town
        self.rng: random.Random = town.rng
        self.size = size
        self.refused = 0
        self.done: dict[str, int] = {}

    async def something(self, house: House) -> None:
        """Let somebody do one thing."""
        deed = self.rng.choices(_DEEDS, _WEIGHTS)[0]
        await self.do(house, deed)

    async def do(self, house: House, deed: Deed) -> None:
        """Let somebody do a certain thing, if the rules let them."""
        if house.node is None or not house.node.is_member:
            return
        try:
            await deed(self, house)
        except Refused:
            self.refused += 1
        else:
            name = getattr(deed, "__name__", "")
            self.done[name] = self.done.get(name, 0) + 1

    # -- what they see -----------------------------------------------------------------------------------------------

    @staticmethod
    def at(house: House) -> tuple[Resident, Road, Space, View]:
        assert house.node is not None
        space = house.node.space
        assert space is not None
        return house.node, house.node.node.road, space, space.law.present()

    def somebody(self, view: View) -> bytes:
        return self.rng.choice(sorted(view.members()))

    # -- talk ---------------------------------------------------------------------------------------------------------

    async def write(self, house: House) -> None:
        resident, _, space, _ = self.at(house)
        await resident.node.say_later(space, WritePost(f"{self.rng.randrange(10**9)}", None, None, []))

    async def edit(self, house: House) -> None:
        _, road, space, _ = self.at(house)
        await edit_page(road, space, f"Title {self.rng.randrange(9)}", f"{self.rng.randrange(10**6)}\n" * 3)

    # -- belonging ----------------------------------------------------------------------------------------------------

    async def bring_somebody(self, house: House) -> None:
        """Invite somebody, or a further device of one's own, who starts their laptop and knocks."""
        if len(self.town.places) < self.size:
            await self.bring(house, device=self.rng.random() < 0.15)

    async def bring(self, house: House, *, device: bool = False) -> None:
        resident, road, space, _ = self.at(house)
        purpose: Any = "device" if device else "member"
        expires = resident.now_ms() + 30 * DAY_MS
        offer = Offer(space.id, space.name, house.name, expires, space.secrets.discovery, 1, purpose, ())
        _, link = await belonging.invite(road, space, offer)
        newcomer = self.town.add(device=device)
        others = self.rng.sample(range(newcomer.index), min(newcomer.index, self.rng.randint(0, 3)))
        newcomer.neighbours = sorted({house.index, *others})
        for index in newcomer.neighbours:
            self.town.places[index].neighbours.append(newcomer.index)

        async def knock(here: Resident) -> None:
            await here.node.join(link)

        self.town.start(newcomer, knock)

    async def vouch(self, house: House) -> None:
        _, road, space, _ = self.at(house)
        waiting = [join for join in space.law.joins.values() if not join.admitted]
        if waiting:
            await deciding.submit(road, space, VouchFor(self.rng.choice(waiting).change.id))

    async def leave(self, house: House) -> None:
        _, road, space, view = self.at(house)
        if road.me not in view.sealed.auditors and len(view.members()) > 4:
            await road.submit(space, LeaveSpace())

    async def revoke(self, house: House) -> None:
        """End another device of one's own."""
        _, road, space, _ = self.at(house)
        others = [grant.device for grant in space.law.devices_of(road.me) if grant.device != road.device.public]
        if others:
            log = space.history.logs.get(others[0])
            await deciding.submit(road, space, RevokeDevice(others[0], log.seq if log else 0))

    async def pause(self, house: House) -> None:
        _, road, space, view = self.at(house)
        await deciding.submit(road, space, SuspendMember(self.somebody(view)))

    async def rotate(self, house: House) -> None:
        """Begin new keys though nobody has gone, as a steward may; another may do so at the same time."""
        _, road, space, _ = self.at(house)
        if keys.is_officer(road, space):
            await keys.begin_keys(road, space)

    # -- deciding -----------------------------------------------------------------------------------------------------

    async def propose(self, house: House) -> None:
        resident, _, _, view = self.at(house)
        ends = resident.now_ms() + self.rng.randrange(SHORT_MS, LONG_MS)
        await self.put(house, [self._effect(view, ends)], ends)

    async def put(self, house: House, effects: list[list[Any]], ends: int) -> bytes:
        """Put a question; the vote is open until a time on this house's clock."""
        _, road, space, _ = self.at(house)
        change = await deciding.submit(road, space, Propose(effects, ends, 0, b""))
        await deciding.open_ready(road, road.spaces[space.id])
        return change.id

    def _effect(self, view: View, ends: int) -> list[Any]:
        rng, person = self.rng, self.somebody(view)
        gone = sorted(view.sealed.removed) or [person]
        waiting = [j.change.command.person for j in view.law.joins.values() if not j.admitted] or [person]
        until = ends + rng.randrange(SHORT_MS, LONG_MS)
        return rng.choice(
            [
                ["remove", person],
                ["remove", person],
                ["readmit", rng.choice(gone)],
                ["admit", rng.choice(waiting)],
                ["resume", person],
                ["role", person, rng.choice(ROLES), "", until],
                ["role", person, "steward", "", ends + DAY_MS],
                ["unrole", person, rng.choice(ROLES)],
                ["rule", *self._rule()],
                ["rule", *self._rule()],
                ["auditors", *self.auditors(view)],
            ]
        )

    def _rule(self) -> tuple[str, Any]:
        rng = self.rng
        return rng.choice(
            [
                ("sponsors", rng.randint(1, 2)),
                ("vouchers", rng.randint(1, 3)),
                ("suspenders", rng.randint(1, 2)),
                ("quorum", rng.choice([[0, 1], [1, 4], [1, 2]])),
                ("threshold", rng.choice([[1, 2], [2, 3]])),
                ("grave_threshold", rng.choice([[1, 2], [2, 3]])),
                ("admission", rng.choice(["invite", "open", "vouch", "vote"])),
                ("inviters", rng.choice(["members", "members", "stewards"])),
            ]
        )

    def auditors(self, view: View, most: int = 5) -> tuple[list[list[bytes]], int]:
        """Draw new auditors, each with a device of theirs, and how many of them seal."""
        members = view.members()
        count = self.rng.randint(1, min(most, len(members)))
        people = sorted(self.rng.sample(sorted(members), count))
        return [[person, members[person][0].device] for person in people], self.rng.randint(count // 2 + 1, count)

    async def sponsor(self, house: House) -> None:
        _, road, space, _ = self.at(house)
        if found := self._open(space, road):
            await deciding.sponsor(road, space, self.rng.choice(found).change.id)

    async def vote(self, house: House, yes: float = 0.75) -> None:
        """Vote on everything that is open."""
        _, road, space, _ = self.at(house)
        for proposal in self._open(space, road):
            choice = "yes" if self.rng.random() < yes else "no"
            try:
                await deciding.vote(road, road.spaces[space.id], proposal.change.id, choice)
            except Refused:
                self.refused += 1

    @staticmethod
    def _open(space: Space, road: Road) -> list[Proposal]:
        finals, now = space.law.present().sealed.finals, road.now_ms()
        proposals = space.law.proposals.items()
        return [p for id_, p in proposals if id_ not in finals and p.change.command.deadline > now]


_WEIGHED: tuple[tuple[Deed, float], ...] = (
    (Deeds.write, 20),
    (Deeds.edit, 2),
    (Deeds.bring_somebody, 12),
    (Deeds.vouch, 6),
    (Deeds.leave, 1),
    (Deeds.revoke, 1),
    (Deeds.pause, 3),
    (Deeds.rotate, 3),
    (Deeds.propose, 12),
    (Deeds.sponsor, 6),
    (Deeds.vote, 30),
)
_DEEDS = [deed for deed, _ in _WEIGHED]
_WEIGHTS = [weight for _, weight in _WEIGHED]
