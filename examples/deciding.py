"""What examples about deciding share: a calendar that can be turned, a cooperative of laptops, and a cheat's stick."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from laptops import Laptop, agree, until

from crdt.batch import Batch
from crdt.change import Change, Header, encode_body, make
from identity.errors import CommonsError
from node.domain.area import wire_fields
from node.domain.law.deciding import present_opening
from node.domain.law.decisions import CloseVote, SupportSeal

Say = Callable[[str], None]
PATIENCE_S = 60.0
DAY_MS = 86_400_000
HOUR_MS = 3_600_000


class Calendar:
    """The clock of all laptops of one story: it goes as clocks do, but it can be turned on."""

    day_ms = DAY_MS

    def __init__(self) -> None:
        self._ahead_ms = 0
        self.turned: list[Callable[[], Any]] = []

    def now_ms(self) -> int:
        """Return the story's time in ms since the epoch."""
        return int(time.time() * 1000) + self._ahead_ms

    async def turn(self, *, days: int = 0, hours: int = 0) -> None:
        """Let days and hours pass; whoever waits for them wakes up."""
        self._ahead_ms += days * DAY_MS + hours * HOUR_MS
        for wake in self.turned:
            await wake()


class Cooperative:
    """The laptops of a cooperative by their owners' names: those who still belong."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self.calendar = Calendar()
        self.people = {name: Laptop(folder, name, self.calendar.now_ms) for name in names}
        self.link = ""
        self._all = list(self.people.values())
        self.calendar.turned.append(self._wake)

    async def _wake(self) -> None:
        for laptop in self._all:
            if laptop.is_open:
                await laptop.node.duties.look_around()

    async def close(self) -> None:
        """Close every laptop."""
        await asyncio.gather(*(laptop.close() for laptop in self._all))

    async def until(self, check: Callable[[], bool], what: str) -> None:
        """Wait until something holds."""
        await until(check, what, PATIENCE_S)

    async def until_equal(self) -> None:
        """Wait until all who belong hold the same, and nothing moves."""
        await self.until(lambda: agree(list(self.people.values())), "all holding the same")

    # -- coming together ----------------------------------------------------------------------------------------------

    async def knock(self, laptop: Laptop) -> None:
        """Open a newcomer's laptop, and knock with the link."""
        await laptop.open()
        await laptop.node.join(self.link)

    def waiting(self, laptop: Laptop) -> int:
        """Return how many knocks wait, as a laptop sees it."""
        return sum(not join.admitted for join in laptop.space.law.joins.values())

    async def vouch(self, vouchers: Sequence[Laptop], count: int) -> None:
        """Let some members vouch for everybody who waits, as soon as they see that many."""
        for voucher in vouchers:
            await self.until(lambda voucher=voucher: self.waiting(voucher) == count, "the knocks")  # type: ignore[misc]
            for knock in (await voucher.ask("knocks", space="-"))["knocks"]:
                await voucher.ask("vouch", space="-", knock=knock["id"])

    async def until_members(self, *laptops: Laptop) -> None:
        """Wait until newcomers were let in."""
        await self.until(lambda: all(each.space.state == "member" for each in laptops), "newcomers being let in")

    def members(self, laptop: Laptop) -> list[bytes]:
        """Return who belongs, as a laptop sees it."""
        return list(laptop.space.law.members())

    async def apart(self, *laptops: Laptop) -> None:
        """Take laptops off the network."""
        for laptop in laptops:
            await laptop.node.stop_network()

    async def together(self, *laptops: Laptop) -> None:
        """Bring laptops back, and let them meet the others."""
        for laptop in laptops:
            await laptop.node.start_network()
        for laptop in laptops:
            for other in self.people.values():
                if other is not laptop and other.is_open:
                    laptop.meet(other)

    # -- deciding -----------------------------------------------------------------------------------------------------

    async def propose(self, by: str, effects: list[Any], why: str) -> str:
        """Propose something, let another member support it, and wait until the vote is open for all."""
        made = await self.people[by].ask("propose", space="-", effects=effects, text=why)
        proposal: str = made["id"]
        second = next(name for name in self.people if name not in (by, *_named(effects)))
        await self._until_state(proposal, "proposed")
        await self.people[second].ask("support", space="-", proposal=proposal)
        await self._until_state(proposal, "voting")
        await self.until_equal()
        return proposal

    async def vote(self, proposal: str, choices: Mapping[str, str]) -> None:
        """Let people vote."""
        for name, choice in choices.items():
            await self.people[name].ask("ballot", space="-", proposal=proposal, choice=choice)

    async def decide(self, by: str, effects: list[Any], why: str, against: Sequence[str] = ()) -> str:
        """Propose, vote, let the deadline pass, and wait until it is sealed everywhere but with those against."""
        proposal = await self.propose(by, effects, why)
        await self.vote(proposal, {name: "no" if name in against else "yes" for name in self.people})
        await self.until_equal()
        await self.calendar.turn(days=2)
        await self.until_sealed(proposal, but=against)
        return proposal

    async def until_sealed(self, proposal: str, but: Sequence[str] = ()) -> None:
        """Wait until all know how a vote ended."""
        ends = [each for name, each in self.people.items() if name not in but]
        await self.until(lambda: all(_final(each, proposal) is not None for each in ends), "the seal")

    async def result(self, name: str, proposal: str) -> dict[str, Any]:
        """Return how a vote ended, as somebody's laptop says it."""
        found = (await self.people[name].ask("proposal", space="-", proposal=proposal))["result"]
        return {**found, "electorate": sum(found["tally"].values())}

    async def until_result(self, laptop: Laptop, proposal: str) -> str:
        """Wait until a laptop knows a result; returns it."""
        await self.until(lambda: _final(laptop, proposal) is not None, "a result")
        outcome = _final(laptop, proposal).outcome
        return outcome.winner if outcome else "contested"

    async def until_contested(self, proposal: str) -> list[str]:
        """Wait until all say that a result is contested; returns who is named."""

        def contested(laptop: Laptop) -> bool:
            final = _final(laptop, proposal)
            return final is not None and final.outcome is None

        await self.until(lambda: all(map(contested, self.people.values())), "the cheat being found out")
        told = [await each.ask("proposal", space="-", proposal=proposal) for each in self.people.values()]
        (names,) = {tuple(each["result"]["forker_names"]) for each in told}
        return list(names)

    async def _until_state(self, proposal: str, state: str) -> None:
        """Wait until all see a proposal as far as that."""
        for laptop in self.people.values():
            await self.until(lambda laptop=laptop: _state(laptop, proposal) == state, f"a proposal {state}")  # type: ignore[misc]

    # -- looking ------------------------------------------------------------------------------------------------------

    def holds(self, powers: Mapping[str, Any], laptop: Laptop) -> bool:
        """Tell whether somebody is treasurer, from what the page of powers says."""
        name = laptop.name
        return any(r["role"] == "treasurer" for each in powers["roles"] if each["name"] == name for r in each["roles"])

    def key(self, laptop: Laptop) -> bytes | None:
        """Return the secret that a laptop seals talk with."""
        return laptop.space.secrets.present.get("talk")

    def is_new_to(self, read: Mapping[str, list[str]]) -> bool:
        """Tell whether the last word of those who stay is on the laptop of the one who was removed."""
        return any("ovens" in text for text in read["Hugo"])

    async def refusal(self, laptop: Laptop, text: str) -> str:
        """Return why somebody's post is refused; nothing if it is not."""
        try:
            await laptop.node.road.submit(laptop.space, await _post(laptop, text))
        except CommonsError as error:
            return str(error)
        return ""


async def _post(laptop: Laptop, text: str) -> Any:
    from node.ingest.writing import post_command

    return await post_command(laptop.node.road, laptop.space, text, None)


def _state(laptop: Laptop, proposal: str) -> str:
    """Return how far a proposal is, as a laptop sees it; nothing while it has not heard of it."""
    law = laptop.space.law
    found = law.proposals.get(bytes.fromhex(proposal))
    if found is None:
        return ""
    return "voting" if present_opening(law, found, law.present()) is not None else "proposed"


def _named(effects: Sequence[Any]) -> set[str]:
    return {effect[1] for effect in effects if effect[0] in ("remove", "role")}


def _final(laptop: Laptop, proposal: str) -> Any:
    return laptop.space.law.present().sealed.finals.get(bytes.fromhex(proposal))


class Stick:
    """An auditor's key on a stick: it signs for places in their log where their own laptop writes something else.

    This drives a node's road by hand: the program itself never signs like that.
    """

    def __init__(self, cheat: Laptop, beside: Laptop) -> None:
        self._key = cheat.node.road.device
        self._beside = beside
        log = beside.space.history.logs[self._key.public]
        self._seq, self._head = log.seq, log.head

    async def close(self, proposal: str) -> None:
        """Close a vote on the laptop beside, as if the own one had never spoken."""
        await self._sign(CloseVote(self._beside.space.law.proposals[bytes.fromhex(proposal)].openings[0]))

    async def support(self, proposal: str) -> None:
        """Support what the laptop beside has sealed."""
        await until(lambda: bool(self._seals(proposal)), "the other seal", PATIENCE_S)
        await self._sign(SupportSeal(self._seals(proposal)[0]))

    def _seals(self, proposal: str) -> list[bytes]:
        return self._beside.space.law.proposals[bytes.fromhex(proposal)].seals

    async def _sign(self, command: Any) -> Change:
        node, space = self._beside.node, self._beside.space
        deps = space.history.next_deps(self._key.public, 32)
        place = (self._seq + 1, self._head, deps, node.clock_ms(), command.klass, b"", b"", 0)
        header = Header(space.id, self._key.public, *place)
        secret = space.secret_for(command.klass)
        change = make(header, encode_body(command.kind, wire_fields(command)), self._key, secret)
        await node.road.receive(space, Batch([change], {}), self._key.public)
        self._seq, self._head = self._seq + 1, change.id
        return change
