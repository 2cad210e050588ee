"""Cuts: where a log ends for everybody, because its person was removed or its device revoked.

Law says how far a log counts; what lies beyond is void like the branch of a fork: it stays on disk, has no effect,
and only what others built on keeps its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from node.ingest.forks import refold
from node.ingest.spaces import Space
from node.store import forks as store_forks
from node.store import log as store_log
from node.store import readmodel

if TYPE_CHECKING:  # the road calls these functions
    from node.ingest.road import Road


def due_cuts(space: Space) -> dict[bytes, int]:
    """Return the logs that law cuts, and this node has not cut yet, with the first place that is void."""
    logs = space.history.logs
    cuts = {device: last + 1 for device, last in space.law.present().cuts().items() if device in logs}
    return {device: seq for device, seq in cuts.items() if (logs[device].forked or seq + 1) > seq}


async def make_cuts(road: Road, space: Space) -> None:
    """Void what lies beyond the cuts that law made."""
    cuts = due_cuts(space)
    if not cuts:
        return

    def work(connection: Any) -> list[int]:
        void: list[int] = []
        for device, seq in cuts.items():
            log = space.history.logs[device]
            person = space.person_of(device)
            ended = store_forks.end_before(connection, log, seq) if log.seq >= seq else log
            ended.forked = seq
            store_log.write_logs(connection, space.index.no, [(ended, person)])
            void += store_forks.void_from(connection, space.index.no, log.number, seq)
        store_forks.reset_tips(connection, space.index.no)
        readmodel.remove_posts(connection, void)
        return void

    void = await road.database.transaction(work)
    await road.reload(space)
    await refold(road, road.spaces[space.id], void)
