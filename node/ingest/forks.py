"""Forks: two different changes that one device signed for one place in its log.

Such a pair is a proof that stands alone. From that place on the log is void, but for what others' changes have in
their past (see crdt.standing); what it said before stays. Every node that hears of the proof comes to the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

from crdt.change import BINDING, Change, decode_change, verify_change
from crdt.history import Accepted, Log
from crdt.standing import Doubts, Node, Step
from identity.errors import BadSignature, Malformed
from node.ingest.intake import Intake
from node.ingest.spaces import Space
from node.store import forks as store_forks
from node.store import log as store_log
from node.store.forks import Turned

if TYPE_CHECKING:  # the road calls these functions
    from node.ingest.road import Road

LOOK_BACK = 64
MAX_CANDIDATES = 32


async def settle_forks(road: Road, space: Space, candidates: Sequence[Change]) -> list[tuple[bytes, int, int]]:
    """Freeze logs that a batch proved to be forked; returns where a peer's branch has to be looked at further back."""
    back: list[tuple[bytes, int, int]] = []
    frozen = False
    logs = space.history.logs
    news = [change for change in candidates if change.header.author in logs and not space.history.is_branch(change)]
    for change in news[:MAX_CANDIDATES]:
        header = change.header
        log = road.spaces[space.id].history.logs[header.author]
        if log.forked is not None and header.seq >= log.forked:
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
        frozen = True
    if frozen:
        await road.follow_law(space.id)
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
        await road.follow_law(id_)
    return True


async def freeze(road: Road, space: Space, one: Change, other: Change) -> None:
    """Void a log from a forked place on, and show again what that changes."""
    author, seq = one.header.author, one.header.seq
    space = road.spaces[space.id]
    log, person = space.history.logs[author], space.person_of(author)

    def work(connection: Any) -> None:
        store_forks.write_fork(connection, space.index.no, one, other)
        ended = store_forks.end_before(
            connection, space.history.pasts, log, seq
        )  # held as far as that, or still to be fetched
        store_log.write_logs(connection, space.index.no, [(ended, person)])
        store_forks.reset_tips(connection, space.index.no)

    await road.database.transaction(work)
    await settle_anew(road, space)


# -- what has effect ---------------------------------------------------------------------------------------------------


async def settle_anew(road: Road, space: Space) -> None:
    """Read a space anew whose logs end elsewhere now; whoever looks at it sees what is settled."""
    fresh = await road.read_anew(space)
    await settle(road, fresh)
    road.spaces[space.id] = fresh


async def settle(road: Road, space: Space) -> Doubts:
    """Have exactly that void which is void by what is held now, and show again what that changes."""
    persons = space.persons()
    logs = {no: persons[author] for no, author in space.index.authors.items()}
    no = space.index.no

    def read(connection: Any) -> tuple[Doubts, set[int], set[int]]:
        nodes = store_forks.read_nodes(connection, space.index, space.index.forked, logs)
        doubts = Doubts()
        doubts.take(doubts.step(nodes))
        mine = {number for number in doubts.void if road.is_me(nodes[number].person)}
        return doubts, store_forks.void_numbers(connection, no), mine

    doubts, was, mine = await road.database.read(read)
    turned = Turned(doubts.void - was, was - doubts.void)
    if turned.void or turned.back:
        work: Intake = road.intake(space)
        work.plan.turned, work.plan.keeps = turned, mine  # one's own may be published again, with its pictures
        await _gather(road, work, turned.back)
        await _show_again(road, work, turned.void)
    space.doubts = doubts
    space.settled_for = persons
    return doubts


async def settle_again(road: Road, space: Space) -> None:
    """Settle what is void, if that was not done yet, or if devices turned out to be others' than was thought."""
    known = space.settled_for
    if not space.index.forked:
        return
    if space.doubts is None or any(known.get(author, own) != own for author, own in space.persons().items()):
        await settle(road, space)


async def weigh(road: Road, work: Intake, kept: Sequence[Accepted]) -> Step:
    """Tell which of a batch's changes are void, and what they give effect back to; gather what that changes."""
    space = work.space
    doubts = space.doubts or await settle(road, space)
    step = doubts.step(_concerned(space, doubts, kept))
    work.plan.turned = Turned(step.void, step.back)
    work.gather_branches(step.void)
    await _gather(road, work, step.back)
    return step


def _concerned(space: Space, doubts: Doubts, kept: Sequence[Accepted]) -> dict[int, Node]:
    """Return what of a batch may be void itself, or alter what is."""
    fresh: dict[int, Node] = {}
    persons: dict[bytes, bytes] = {}
    for entry in kept:
        suspect = space.history.is_branch(entry.change)
        if suspect or doubts.concern(entry.parents) or not fresh.keys().isdisjoint(entry.parents):
            persons = persons or space.persons()
            author = entry.change.header.author
            space.settled_for.setdefault(author, persons[author])
            fresh[entry.number] = Node(persons[author], entry.parents, suspect)
    return fresh


async def _gather(road: Road, work: Intake, back: AbstractSet[int]) -> None:
    """Gather what stored changes say that have effect again."""
    if not back:
        return
    index = work.space.index
    stored = await road.database.read(lambda db: store_log.read_changes(db, index, sorted(back)))
    for entry in stored:
        if entry.change.header.klass > BINDING and entry.change.body is not None:
            opened = work.space.open(entry.change)
            work.gather(entry, opened)
            work.plan.read += [] if opened.locked else [entry.number]
    await _touch(road, work, back)


async def _touch(road: Road, work: Intake, numbers: AbstractSet[int]) -> None:
    """Have whatever some changes are about folded again."""
    no = work.space.index.no
    subjects = await road.database.read(lambda db: store_forks.subjects_of(db, no, numbers))
    work.touched |= subjects
    for subject in subjects:
        work.facts.setdefault(subject, [])


async def refold(road: Road, space: Space, numbers: list[int]) -> None:
    """Fold again whatever some changes are about."""
    await _show_again(road, road.intake(space), set(numbers))


async def _show_again(road: Road, work: Intake, numbers: AbstractSet[int]) -> None:
    await _touch(road, work, numbers)
    await road.fold(work)
    await road.database.transaction(work.plan.write)
    work.space.may_lack_files = True
    if work.plan.erased:
        await road.database.forget()


def _held(connection: Any, space: Space, log: Log, seq: int) -> Change | None:
    places = store_log.read_place(connection, space.index, log.number, seq)
    return places[0].change if places else None


def _signed(change: Change) -> bool:
    try:
        verify_change(change)
    except BadSignature:
        return False
    return True
