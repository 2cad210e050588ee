"""Forks: two different changes that one device signed for one place in its log.

Such a pair is a proof that stands alone. From that place on the log is void, but for what others' changes have in
their past; what it said before stays. Every node that hears of the proof comes to the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from crdt.change import Change, decode_change, verify_change
from crdt.history import Accepted, Log
from identity.errors import BadSignature, Malformed
from node.ingest.intake import Intake
from node.ingest.spaces import Space
from node.store import forks as store_forks
from node.store import log as store_log
from node.store import readmodel

if TYPE_CHECKING:  # the road calls these functions
    from node.ingest.road import Road

LOOK_BACK = 64
MAX_CANDIDATES = 32


async def settle_forks(road: Road, space: Space, candidates: Sequence[Change]) -> list[tuple[bytes, int, int]]:
    """Freeze logs that a batch proved to be forked; returns where a peer's branch has to be looked at further back."""
    back: list[tuple[bytes, int, int]] = []
    for change in candidates[:MAX_CANDIDATES]:
        header = change.header
        log = road.spaces[space.id].history.logs.get(header.author)
        if log is None or (log.forked is not None and header.seq >= log.forked):
            continue
        if header.seq > log.seq:
            back.append((header.author, max(1, header.seq - LOOK_BACK), header.seq))
            continue
        held = await road.database.read(lambda db, log=log, seq=header.seq: _held(db, space, log, seq))  # type: ignore[misc]
        if held is None or held.id == change.id or not (_signed(held) and _signed(change)):
            continue
        if held.header.prev != change.header.prev:
            back.append((header.author, max(1, header.seq - LOOK_BACK), header.seq))
        await freeze(road, space, held, change)
    return back


async def take_proof(road: Road, space: Space, one: bytes, other: bytes) -> bool:
    """Take in a proof that a peer sent; tell whether it was news.

    Raises:
        Malformed, BadSignature: if it proves nothing: another place, another log, or one change named twice.
    """
    first, second = decode_change(one), decode_change(other)
    places = {(change.header.space, change.header.author, change.header.seq) for change in (first, second)}
    if len(places) != 1 or first.id == second.id or first.header.space != space.id:
        raise Malformed("this does not prove a fork")
    return await road.work.whole(_take_proof(road, space.id, first, second))


async def _take_proof(road: Road, id_: bytes, first: Change, second: Change) -> bool:
    async with road.lock:
        space = road.spaces[id_]
        log = space.history.logs.get(first.header.author)
        if log is None or (log.forked is not None and first.header.seq >= log.forked):
            return False
        await freeze(road, space, first, second)
    return True


async def freeze(road: Road, space: Space, one: Change, other: Change) -> None:
    """Void a log from a forked place on, and show again what that changes."""
    author, seq = one.header.author, one.header.seq
    log = space.history.logs[author]

    def work(connection: Any) -> list[int]:
        store_forks.write_fork(connection, space.index.no, one, other)
        behind = log.seq < seq  # the proof came before the log: what lies before the fork is still to be fetched
        ended = replace(log, forked=seq) if behind else store_forks.end_before(connection, log, seq)
        person = space.person_of(author)
        store_log.write_logs(connection, space.index.no, [(ended, person)])
        void = store_forks.void_from(connection, space.index.no, log.number, seq)
        store_forks.reset_tips(connection, space.index.no)
        files = readmodel.remove_posts(connection, void)
        if not (person and road.is_me(person)):  # one's own may be published again, with its pictures
            readmodel.drop_unused(connection, files)
        return void

    void = await road.database.transaction(work)
    await road.reload(space)
    await refold(road, road.spaces[space.id], void)


async def vouch(road: Road, space: Space, entries: Sequence[Accepted]) -> None:
    """Give effect back to void changes that others' new changes have in their past."""
    person_of = space.law.person_of
    named = [
        (number, person_of(entry.change.header.author))
        for entry in entries
        if not space.history.is_branch(entry.change)
        for number in entry.parents
    ]
    back = await road.database.transaction(lambda db: store_forks.restore_vouched(db, named))
    if back:
        await refold(road, space, back)


async def refold(road: Road, space: Space, numbers: list[int]) -> None:
    """Fold again whatever some changes are about."""

    def read(connection: Any) -> set[bytes]:
        return store_forks.subjects_of(connection, space.index.no, numbers)

    subjects = await road.database.read(read)
    work: Intake = road.intake(space)
    work.touched |= subjects
    work.facts = {subject: [] for subject in subjects}
    await road.fold(work)
    await road.database.transaction(work.plan.write)


def _held(connection: Any, space: Space, log: Log, seq: int) -> Change | None:
    places = store_log.read_place(connection, space.index, log.number, seq)
    return places[0].change if places else None


def _signed(change: Change) -> bool:
    try:
        verify_change(change)
    except BadSignature:
        return False
    return True
