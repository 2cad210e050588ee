"""Looking after a node's data: verify everything, rebuild what can be rebuilt."""

import asyncio
from collections.abc import Mapping
from typing import Any

from crdt.change import Change, verify_change
from crdt.history import History, Log
from identity.errors import BadSignature
from node.doctor.comparing import altered_parts, copied, has_room
from node.ingest.spaces import Space
from node.runtime import Node
from node.store import log as store_log
from node.store import readmodel
from node.store.database import Database

MAX_FAULTS = 100
DIFFERS = "what is shown differs from the log"
REBUILD = "commons rebuild"
DOCTOR = "commons doctor"


async def verify_space(node: Node, space: Space) -> dict[str, Any]:
    """Check every signature and chain of a space's log, and whether what is shown follows from it.

    Returns digests, faults in words, the way out if there are any, and whether what is shown could be compared: that
    takes room on the disk for a copy.
    """
    found = await verify_log(node.database, space)
    compared = bool(found["good"]) and node.keyring is not None and await asyncio.to_thread(has_room, node.folder)
    if compared and node.keyring is not None:
        async with copied(node.folder, node.keyring.keys, node.clock_ms) as road:
            altered = await altered_parts(road, space.id)
        if altered:
            found |= {"faults": [f"{DIFFERS} ({', '.join(altered)})"], "good": False, "way_out": REBUILD}
    return {"way_out": "" if found["good"] else DOCTOR, "compared": compared} | found


async def verify_log(database: Database, space: Space) -> dict[str, Any]:
    """Check a space's log as it lies in a database; returns digests and faults."""
    index = space.index
    chains = Chains(space.history.logs)
    faults: list[str] = []
    numbers = await database.read(lambda db: store_log.numbers_of(db, index.no))
    for start in range(0, len(numbers), 500):
        part = numbers[start : start + 500]
        stored = await database.read(lambda db, part=part: store_log.read_changes(db, index, part))  # type: ignore[misc]
        for entry in stored:
            fault = _fault(entry.change, chains)
            if fault and len(faults) < MAX_FAULTS:
                faults.append(f"change {entry.number}: {fault}")
        await asyncio.sleep(0)
    history = History()
    for author, log in space.history.logs.items():
        if chains.ends.get(author, (0, b"")) != (log.seq, log.head):
            faults.append(f"the head of log {author.hex()[:8]} is not what the log says")
        history.add_log(log)
    rows = await database.read(lambda db: readmodel.rows_digest(db, index.no))
    return {
        "space": space.id.hex(), "changes": len(numbers), "faults": faults, "digest": history.root().hex(),
        "rows": rows.hex(), "good": not faults,
    }  # fmt: skip


class Chains:
    """How far each log was walked along: to one end, and from the place of a fork on to several."""

    def __init__(self, logs: Mapping[bytes, Log]) -> None:
        self.ends: dict[bytes, tuple[int, bytes]] = {}
        self._logs = logs
        self._branches: dict[bytes, set[tuple[int, bytes]]] = {}

    def goes_on(self, change: Change) -> bool:
        """Tell whether a change follows one that was walked over before it, and step on to it."""
        header = change.header
        place, before = (header.seq, change.id), (header.seq - 1, header.prev)
        log = self._logs.get(header.author)
        end = self.ends.get(header.author, (0, b""))
        if log is None or log.forked is None or header.seq < log.forked:
            self.ends[header.author] = place
            return before == end
        branches = self._branches.setdefault(header.author, {end})
        branches.add(place)
        return before in branches


def _fault(change: Change, chains: Chains) -> str | None:
    if not chains.goes_on(change):
        return "does not follow the change before it"
    if store_log.id_of(change) != change.id:
        return "its bytes were altered: they give another id"
    try:
        verify_change(change)
    except BadSignature:
        return "its own signature does not fit; only a later one of its author vouches for it"
    return None


async def rebuild_space(node: Node, space: Space) -> dict[str, Any]:
    """Make the read model anew from the log; the digest of its rows stays the same."""
    before = await node.database.read(lambda db: readmodel.rows_digest(db, space.index.no))
    await node.database.transaction(lambda db: readmodel.forget_space(db, space.index.no))
    await node.road.rebuild(space)
    after = await node.database.read(lambda db: readmodel.rows_digest(db, space.index.no))
    return {"space": space.id.hex(), "rows": after.hex(), "same": before == after}
