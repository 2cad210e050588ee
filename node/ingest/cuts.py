"""Cuts: where a log ends for everybody, because its person was removed or its device revoked.

Law says how far a log counts; what lies beyond is void like the branch of a fork: it stays on disk, has no effect,
and only what others built on keeps its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from node.domain.law.keys import rotations
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


def due_lifts(space: Space) -> list[bytes]:
    """Return the logs that this node has cut, and law cuts no more: what ended them was itself beyond an end."""
    cuts, forked = space.law.present().cuts(), space.law.forked
    logs = space.history.logs.items()
    return [device for device, log in logs if log.forked is not None and device not in cuts and device not in forked]


async def make_cuts(road: Road, space: Space) -> None:
    """Void what lies beyond the cuts that law made, and give effect back where it makes them no more."""
    if space.law.forked:  # what lies beyond a fork stands once others built on it, new keys too
        space.secrets.adopt_among(rotations(space.law.present()))
    cuts, lifts = due_cuts(space), due_lifts(space)
    if not cuts and not lifts:
        return

    def work(connection: Any) -> list[int]:
        back = [number for device in lifts for number in _lift(connection, space, device)]
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
        return back + void

    changed = await road.database.transaction(work)
    await road.reload(space)
    await refold(road, road.spaces[space.id], changed)


def _lift(connection: Any, space: Space, device: bytes) -> list[int]:
    """Let a log go on as far as it is held; returns what has effect again."""
    log = space.history.logs[device]
    whole = store_forks.end_of(connection, log)
    store_log.write_logs(connection, space.index.no, [(whole, space.person_of(device))])
    return store_forks.restore_log(connection, log.number)
