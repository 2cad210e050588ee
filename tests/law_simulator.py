"""A town under its own law in one thread and in virtual time, from one seed: `python tests/law_simulator.py SEED`.

Every laptop runs the program's own node: its road, its store, its offices' duties, its keys, its sync sessions. Only
the machine is simulated: clocks that are wrong, disks that lose power, links that are late, slow and broken, towns that
fall apart. People found, invite, vouch, propose, vote, pause, leave; auditors seal; some copy their keys or lie.
"""

import argparse
import asyncio
import random
import time
from dataclasses import dataclass, field
from typing import Any

from simulated_deeds import Deeds
from simulated_findings import Findings, agree, settled, space_of
from simulated_hostility import Hostility
from simulated_house import Resident
from simulated_luck import luck
from simulated_town import House, Town
from simulated_wires import Weather
from simulator import ROUND_S, ROUNDS, signatures_checked_once, simulate

CALM_S = 30.0
PATIENCE_S = 2_400.0  # auditors take turns, ten minutes each
PACE_S = 15.0


@dataclass(frozen=True)
class Plan:
    """What a run is like: how many laptops, how many deeds, and whether some people are two-faced."""

    houses: int = 9
    deeds: int = 90
    hostile: bool = False


@dataclass
class Report:
    """How a run went; `rounds` after healing until all who belong held the same, 0 if they never did."""

    rounds: int = 0
    houses: int = 0
    members: int = 0
    changes: int = 0
    proposals: int = 0
    finals: dict[str, int] = field(default_factory=dict)
    done: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    forked: int = 0
    faults: list[str] = field(default_factory=list)
    trace: str = ""
    virtual_s: float = 0.0
    frames: int = 0

    def line(self) -> str:
        """Return all but the faults, in a line."""
        return " ".join(f"{name}={value}" for name, value in vars(self).items() if name not in ("faults", "done"))


class Run:
    """One seed: a town is founded, grows, falls apart, comes together and is looked at."""

    def __init__(self, town: Town, plan: Plan) -> None:
        self.town = town
        self.plan = plan
        self.rng = town.rng
        self.deeds = Deeds(town, plan.houses)
        self.hostility = Hostility(town, self.deeds)

    async def play(self) -> Report:
        """Run everything and report."""
        town = self.town
        await self._found()
        town.weather = Weather.draw(self.rng)
        storm = town.loop.create_task(self._storm())
        for _ in range(self.plan.deeds):
            await asyncio.sleep(self.rng.expovariate(1.0) * PACE_S)
            self._start_deed()
        storm.cancel()
        rounds = await self._heal()
        return self._report(rounds)

    # -- a town --------------------------------------------------------------------------------------------------------

    def _rules(self) -> dict[str, Any]:
        rng = self.rng
        rules = {"voting_days": 0, "grace_hours": 0, "quorum": rng.choice([[0, 1], [1, 4]]), "suspenders": 1}
        rules["grave_threshold"] = rng.choice([[1, 2], [2, 3]])
        rules["sponsors"] = rng.randint(1, 2)
        if rng.random() < 0.25:
            rules["newcomers_read_past"] = False
        return rules

    async def _found(self) -> None:
        """Found a space, let some people in, elect auditors, and perhaps change how people come in."""
        town = self.town
        founder = town.add()
        founder.jumps, founder.skew_ms = False, max(-90_000, min(founder.skew_ms, 90_000))

        async def found(here: Resident) -> None:
            await here.node.found("Town", self._rules())

        town.start(founder, found)
        await asyncio.sleep(5.0)
        for _ in range(self.rng.randint(3, 5)):
            inviter = self.rng.choice([house for house in town.places if house.node and house.node.is_member])
            await self.deeds.do(inviter, Deeds.bring)
            await asyncio.sleep(20.0)
        await self._elect(founder)

    async def _elect(self, founder: House) -> None:
        resident, _, _, view = self.deeds.at(founder)
        ends = resident.now_ms() + 120_000
        effects: list[list[Any]] = [["auditors", *self.deeds.auditors(view)]]
        if self.rng.random() < 0.5:
            effects.append(["rule", "admission", self.rng.choice(["open", "vouch", "vote"])])
        await self.deeds.put(founder, effects, ends)
        for _ in range(3):
            await asyncio.sleep(20.0)
            for house in self.town.places:
                await self.deeds.do(house, _agrees)
        await asyncio.sleep(120.0)

    # -- a storm -------------------------------------------------------------------------------------------------------

    def _start_deed(self) -> None:
        house = self.rng.choice(self.town.places)
        if house.node is not None:
            self.town.spawn(house, self.deeds.something(house))

    async def _storm(self) -> None:
        rng, town = self.rng, self.town
        while True:
            await asyncio.sleep(rng.expovariate(1.0) * 40.0)
            event = rng.random()
            house = rng.choice(town.places)
            if event < 0.25:
                self._crash(house)
            elif event < 0.55:
                parts = rng.randint(1, 3)
                town.split({index: rng.randrange(parts) for index in range(self.plan.houses + 2)})
            elif event < 0.65 and town.wires():
                rng.choice(town.wires()).snap()
            elif event < 0.75:
                town.weather = Weather.draw(rng)
            elif event < 0.8:
                house.backup = house.platter.image()
            elif self.plan.hostile:
                await self.hostility.something()
            self._renew_forked()

    def _crash(self, house: House, *, roll_back: bool = False) -> None:
        if house.node is not None and house.node.space is not None:
            self.town.stop(house, roll_back=roll_back or (self.plan.hostile and self.rng.random() < 0.2))
            self.town.loop.call_later(self.rng.uniform(0.0, 120.0), self.town.start, house)

    def _renew_forked(self) -> None:
        """Start a laptop again whose key was used in two places: it becomes a new device."""
        for house in self.town.places:
            if house.node is None or house.node.space is None:
                continue
            log = house.node.space.history.logs.get(house.node.key)
            if log is not None and log.forked is not None and house.node.is_member:
                self.town.stop(house)
                self.town.start(house)

    # -- and calm ------------------------------------------------------------------------------------------------------

    async def _heal(self) -> int:
        """End the storm; count the rounds until all who belong hold the same, now and when all votes have ended."""
        town = self.town
        town.weather = Weather()
        town.split({})
        town.pauses.clear()
        for house in town.places:
            house.neighbours = [other.index for other in town.places if other is not house]
            town.start(house)
        for wire in town.wires():
            wire.latency = min(wire.latency, town.weather.delay_s)
        await asyncio.sleep(CALM_S)
        first = await self._rounds()
        await asyncio.sleep(PATIENCE_S)
        self._renew_forked()
        await asyncio.sleep(PATIENCE_S / 4)
        second = await self._rounds()
        return max(first, second) if first and second else 0

    async def _rounds(self) -> int:
        for attempt in range(ROUNDS):
            if attempt:
                for house in settled(self.town):
                    assert house.node is not None
                    await house.node.syncer.look_again(space_of(house).id)
            for _ in range(10):
                await asyncio.sleep(ROUND_S / 10)
                if agree(self.town):
                    await asyncio.sleep(ROUND_S / 10)
                    if agree(self.town):
                        return attempt + 1
        return 0

    def _report(self, rounds: int) -> Report:
        town = self.town
        if not rounds:
            town.faults.append("they never held the same")
        findings = Findings(town)
        faults = [*town.faults, *(findings.all() if rounds else [])]
        finals = findings.view.sealed.finals.values()
        winners = [final.outcome.winner if final.outcome else "contested" for final in finals]
        return Report(
            rounds,
            len(town.places),
            len(findings.view.members()),
            len(findings.stored),
            len(findings.law.proposals),
            {winner: winners.count(winner) for winner in sorted(set(winners))},
            self.deeds.done,
            self.deeds.refused,
            len(findings.law.forked),
            faults,
            town.trace(),
            town.loop.time(),
            town.frames,
        )


async def _agrees(deeds: Deeds, house: House) -> None:
    """Support what was proposed, and vote for it."""
    space = deeds.at(house)[2]
    if any(not proposal.openings for proposal in space.law.proposals.values()):
        await deeds.sponsor(house)
    await deeds.vote(house, yes=1.0)


def run(seed: int, plan: Plan) -> Report:
    """Simulate one seed."""
    with signatures_checked_once(), luck(random.Random(seed)):
        report: Report = simulate(lambda town: Run(town, plan).play(), seed, Town)
    return report


def main() -> None:
    """Replay seeds from the command line."""
    parser = argparse.ArgumentParser(description="Simulate a town under its own law from a seed; print how it went.")
    parser.add_argument("seed", type=int)
    parser.add_argument("--houses", type=int, default=Plan.houses)
    parser.add_argument("--deeds", type=int, default=Plan.deeds)
    parser.add_argument("--hostile", action="store_true", help="let some people copy their keys, and lie")
    parser.add_argument("--count", type=int, default=1, help="how many seeds from this one on")
    given = parser.parse_args()
    for seed in range(given.seed, given.seed + given.count):
        began = time.perf_counter()
        report = run(seed, Plan(given.houses, given.deeds, given.hostile))
        print(seed, f"{time.perf_counter() - began:.1f} s", report.line(), flush=True)
        for fault in report.faults:
            print("   ", fault[:400], flush=True)


if __name__ == "__main__":
    main()
