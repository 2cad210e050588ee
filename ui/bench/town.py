"""A town with law: a thousand members and ten thousand changes of law, founded, voted in and read by a real node."""

import gc
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crdt.batch import Batch, encode_batch
from crdt.change import Change, Header, encode_body, make
from identity.keys import SigningKey
from node.config import Config
from node.domain.area import require, wire_fields
from node.domain.law.deciding import present_opening
from node.domain.law.decisions import CastBallot
from node.domain.law.membership import LeaveSpace
from node.ingest import deciding
from node.ingest.keys import renew_keys
from node.ingest.spaces import Space
from node.runtime import Node, now_ms
from ui.bench.measures import Data
from ui.bench.part import Orders
from ui.bench.seeding import admit, keys_file, read_devices
from ui.bench.waiting import until

DAY_MS = 86_400_000
RULES = {
    "admission": "open", "invitations": 10_000, "voting_days": 1, "grace_hours": 0, "quorum": [0, 1], "sponsors": 1,
}  # fmt: skip
_AGO_DAYS = 60


class Town(Orders):
    """A node with law to read; its clock can be set back, so that votes end while it is filled."""

    def __init__(self) -> None:
        super().__init__()
        self._ahead_ms = 0

    def make_node(self, folder: Path, config: Config) -> Node:
        """Return a node whose clock is this town's."""
        return Node(folder, config, lambda: now_ms() + self._ahead_ms)

    async def populate(self, members: int, votes: int) -> Data:
        """Let so many people in, and have all of them vote so often; returns how much law that is."""
        self._ahead_ms = -_AGO_DAYS * DAY_MS
        space = await self.node.found("Bench", RULES)
        devices = [SigningKey.generate() for _ in range(members)]
        keys_file(self.node.folder).write_text(json.dumps([d.seed.hex() for d in devices]), encoding="ascii")
        heads = dict(zip(devices, await admit(self.node, space, devices), strict=True))
        for at in range(votes):
            await self._vote(heads, at)
        self._ahead_ms = 0
        return await self.size()

    async def size(self) -> Data:
        """Return how many changes of law and how many members there are."""
        law = self.space.law
        return {"changes": len(law.pasts.laws()), "members": len(law.members())}

    async def which(self) -> Data:
        """Return where the pages of the only space begin."""
        from ui.pages.visit import space_url  # only where pages are asked for

        return {"space": space_url(self.space)}

    async def _vote(self, heads: dict[SigningKey, Change], at: int) -> None:
        made = await deciding.propose(self.node.road, self.space, [["rule", "vouchers", 1 + at % 20]])
        opening = self.space.law.proposals[made.id].openings[0]
        batch = list(self._ballots(heads, opening))
        outcome = await self.node.road.receive(self.space, Batch(batch, {}), batch[0].header.author)
        require(len(outcome.accepted) == len(batch), "The benchmark's ballots were not taken in.")
        self._ahead_ms += 2 * DAY_MS
        await self.node.duties.look(self.space.id)
        await until(lambda: made.id in self.space.law.present().sealed.finals)

    def _ballots(self, heads: dict[SigningKey, Change], opening: bytes) -> Iterator[Change]:
        last, now = opening, self.node.clock_ms()
        for device, head in list(heads.items()):
            ballot = _signed(self.space, device, (head.header.seq, head.id), last, (CastBallot(opening, "yes"), now))
            heads[device], last = ballot, ballot.id
            yield ballot

    # -- measuring ----------------------------------------------------------------------------------------------------

    async def read_law(self) -> Data:
        """Read the space anew from its folder, as a start does; returns the seconds, those of judging apart."""
        gc.collect()
        cpu, began = time.process_time(), time.perf_counter()
        await self.node.road.reload(self.space)
        took, used = time.perf_counter() - began, time.process_time() - cpu
        began = time.perf_counter()
        view = self.space.law.present()
        return {"s": took, "cpu_s": used, "members": len(view.members()), "view_s": time.perf_counter() - began}

    async def one_more(self, count: int) -> Data:
        """Take in single ballots as a session does; returns the seconds of each."""
        made = await deciding.propose(self.node.road, self.space, [["rule", "vouchers", 7]])
        opening = present_opening(self.space.law, self.space.law.proposals[made.id], self.space.law.present())
        require(opening is not None, "The benchmark's vote did not open.")
        assert opening is not None  # noqa: S101 - require said so
        times: list[float] = []
        last = opening.change.id
        for device in read_devices(self.node.folder)[:count]:
            log = self.space.history.logs[device.public]
            said = CastBallot(opening.change.id, "yes"), self.node.clock_ms()
            ballot = _signed(self.space, device, (log.seq, log.head), last, said)
            data, last = encode_batch([ballot]), ballot.id
            began = time.perf_counter()
            keeper = self.node.keeper
            await keeper.deliver(self.space.id, keeper.prepare(self.space.id, data), device.public)
            times.append(time.perf_counter() - began)
        return {"times": times}

    async def rotate(self) -> Data:
        """Let somebody leave, and change the space's key; returns the seconds of the change and of what it takes in."""
        device = read_devices(self.node.folder)[-1]
        log = self.space.history.logs[device.public]
        leave = _signed(self.space, device, (log.seq, log.head), log.head, (LeaveSpace(), self.node.clock_ms()))
        async with self.node.duties.lock:
            await self.node.road.receive(self.space, Batch([leave], {}), device.public)
            before = self.space.secrets.present["talk"]
            cpu, began = time.process_time(), time.perf_counter()
            renewed = await renew_keys(self.node.road, self.space)
            took, used = time.perf_counter() - began, time.process_time() - cpu
        require(renewed and self.space.secrets.present["talk"] != before, "The benchmark's key was not changed.")
        return {"s": took, "cpu_s": used, "members": len(self.space.law.members())}


def _signed(space: Space, device: SigningKey, place: tuple[int, bytes], last: bytes, said: tuple[Any, int]) -> Change:
    """Sign a command at a time, after a place (sequence number and id) in a device's log, with `last` in its past."""
    (seq, head), (command, time_ms) = place, said
    deps = (last,) if last != head else ()
    header = Header(space.id, device.public, seq + 1, head, deps, time_ms, command.klass, b"", b"", 0)
    body = encode_body(command.kind, wire_fields(command))
    return make(header, body, device, space.secret_for(command.klass))
