"""Looking after a node's data: verify everything, rebuild what can be rebuilt."""

import asyncio
from typing import Any

from crdt.change import Change, verify_change
from crdt.history import History
from identity.errors import BadSignature
from node.ingest.spaces import Space
from node.runtime import Node
from node.store import log as store_log
from node.store import readmodel
from node.store.database import Database

MAX_FAULTS = 100


async def verify_space(node: Node, space: Space) -> dict[str, Any]:
    """Check every signature and chain of a space's log against its heads; returns digests and faults."""
    return await verify_log(node.database, space)


async def verify_log(database: Database, space: Space) -> dict[str, Any]:
    """Check a space's log as it lies in a database; returns digests and faults."""
    index = space.index
    heads: dict[bytes, tuple[int, bytes]] = {}
    faults: list[str] = []
    numbers = await database.read(lambda db: store_log.numbers_of(db, index.no))
    for start in range(0, len(numbers), 500):
        part = numbers[start : start + 500]
        stored = await database.read(lambda db, part=part: store_log.read_changes(db, index, part))  # type: ignore[misc]
        for entry in stored:
            fault = _fault(entry.change, heads)
            if fault and len(faults) < MAX_FAULTS:
                faults.append(f"change {entry.number}: {fault}")
        await asyncio.sleep(0)
    history = History()
    for author, log in space.history.logs.items():
        if heads.get(author) != (log.seq, log.head):
            faults.append(f"the head of log {author.hex()[:8]} is not what the log says")
        history.add_log(log)
    rows = await database.read(lambda db: readmodel.rows_digest(db, index.no))
    return {
        "space": space.id.hex(), "changes": len(numbers), "faults": faults, "digest": history.root().hex(),
        "rows": rows.hex(), "good": not faults,
    }  # fmt: skip


def _fault(change: Change, heads: dict[bytes, tuple[int, bytes]]) -> str | None:
    header = change.header
    seq, head = heads.get(header.author, (0, b""))
    heads[header.author] = (header.seq, change.id)
    if header.seq != seq + 1 or header.prev != head:
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
