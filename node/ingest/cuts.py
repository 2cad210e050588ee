"""Cuts: where a log ends for everybody, because its person was removed or its device revoked.

Law says how far a log counts; what lies beyond is void like the branch of a fork: it stays on disk, has no effect,
and only what others built on keeps its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from crdt.change import LAW
from crdt.history import Accepted, History, Log
from node.domain.law.keys import rotations
from node.ingest.forks import settle_anew
from node.ingest.spaces import Space
from node.store import forks as store_forks
from node.store import log as store_log
from node.store.ancestry import last_seen

if TYPE_CHECKING:  # the road calls these functions
    from node.ingest.road import Road


class Seen:
    """How far the logs of the removed lie in the past of the seals that removed them: worked out once for each."""

    def __init__(self) -> None:
        self._known: dict[bytes, dict[bytes, int]] = {}

    def know(self, seal: bytes, ends: Mapping[bytes, int]) -> None:
        """Remember up to where logs lie in the past of a seal."""
        self._known.setdefault(seal, {}).update(ends)

    async def ends(self, road: Road, space: Space) -> dict[bytes, int]:
        """Return, of every log that ends for everybody, the first place that is void."""
        cuts = space.law.present().cuts()
        wanted: dict[bytes, set[bytes]] = {}
        for device, end in cuts.items():
            for seal in end.seals:
                if device not in self._known.get(seal, ()):
                    wanted.setdefault(seal, set()).add(device)
        for seal, devices in wanted.items():
            seen = await road.database.read(lambda db, seal=seal, of=devices: last_seen(db, space.index, seal, of))  # type: ignore[misc]
            self.know(seal, seen)
        known = self._known
        return {
            device: 1 + min([end.last, *(known[seal][device] for seal in end.seals)]) for device, end in cuts.items()
        }


def due_ends(space: Space, cuts: Mapping[bytes, int]) -> dict[bytes, int | None]:
    """Return the logs that end elsewhere than this node has them end, each with the first place that is void.

    A log ends at its cut or where it is forked, whichever comes first. Law may move a cut or take it back: another seal
    of the same result came to hold, or what ended a device was itself beyond an end. None where a log goes on.
    """
    forked = space.law.forked
    ends: dict[bytes, int | None] = {}
    for device, log in space.history.logs.items():
        places = [at[device] for at in (cuts, forked) if device in at]
        end = min(places, default=None)
        if end != log.forked:
            ends[device] = end
    return ends


def moves_law(space: Space, kept: Sequence[Accepted]) -> bool:
    """Tell whether what was just stored may alter law: it is law itself, or builds on some that nobody had built on."""
    return any(entry.change.header.klass == LAW for entry in kept) or space.law.left_out() != space.left_out


async def make_cuts(road: Road, space: Space) -> None:
    """Void what lies beyond the cuts that law made, and give effect back where it makes them no more.

    What is void now may have made another cut, or kept one from being made. A log that went on in one go, and ends
    again, ends.
    """
    gone_on: set[bytes] = set()
    while True:
        law = space.law
        if law.left_out():  # what lies beyond an end stands once others built on it, new keys too
            space.secrets.adopt_among(rotations(law.present()))
        ends = due_ends(space, await road.seen.ends(road, space))
        later = {device for device, end in ends.items() if _is_later(end, space.history.logs[device].forked)}
        ends = {device: end for device, end in ends.items() if device not in later & gone_on}
        if not ends:
            space.left_out = law.left_out()
            return
        gone_on |= later
        await _move_ends(road, space, ends)
        space = road.spaces[space.id]


def _is_later(end: int | None, present: int | None) -> bool:
    return present is not None and (end is None or end > present)


async def _move_ends(road: Road, space: Space, ends: Mapping[bytes, int | None]) -> None:
    def work(connection: Any) -> None:
        logs = [(_ended(connection, space.history, device, seq), device) for device, seq in ends.items()]
        known = [(log, space.person_of(device)) for log, device in logs]
        store_log.write_logs(connection, space.index.no, known)
        store_forks.reset_tips(connection, space.index.no)

    await road.database.transaction(work)
    await settle_anew(road, space)


def _ended(connection: Any, history: History, device: bytes, seq: int | None) -> Log:
    """Return how a log stands that ends before a place, or goes on as far as it is held."""
    log = history.logs[device]
    if seq is None:
        return store_forks.end_of(connection, history.pasts, log)
    return store_forks.end_before(connection, history.pasts, log, seq)
