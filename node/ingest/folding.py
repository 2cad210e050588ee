"""Folding what a batch says about subjects into rows, with what the store holds about them."""

from collections.abc import Sequence
from typing import Any

from crdt.change import TALK
from crdt.history import Accepted
from node.domain.area import Erased, Eraser, Fact, kind_of
from node.ingest.intake import Intake
from node.ingest.pauses import REASON, is_paused, without_paused
from node.ingest.spaces import Space
from node.store import forks as store_forks
from node.store import log as store_log
from node.store.database import Database


async def fold(database: Database, work: Intake) -> None:
    """Fold every subject that a batch is about, and drop what is taken back."""
    plan = work.plan
    for subject, fresh in work.facts.items():
        touched = subject in work.touched
        facts = await _all_facts(database, work, subject, fresh) if touched else fresh
        counting = without_paused(work.space, facts)
        if len(counting) < len(facts):
            plan.refusals += [(fact.number, REASON) for fact in facts if is_paused(work.space, fact)]
        row = _row(counting)
        if row is None:
            work.space.dangling.add(subject)
            plan.gone.append(subject)
            continue
        work.space.dangling.discard(subject)
        (plan.replaced if touched else plan.fresh).append(row)
    for entry, command in work.erasers:
        await _erase(database, work, entry, command)


def _row(facts: Sequence[Fact]) -> Any:
    """Fold a subject into its row; None while there is none, or no kind of what is said is known here.

    Anybody may say something of another area about it: what a subject is, is for the fold to tell that knows its id.
    """
    kinds = (kind_of(fact.command.kind) for fact in facts)
    folds = dict.fromkeys(kind.fold for kind in kinds if kind is not None and kind.fold is not None)
    rows = (fold(facts) for fold in folds)
    return next((row for row in rows if row is not None), None)


async def _all_facts(database: Database, work: Intake, subject: bytes, fresh: Sequence[Fact]) -> list[Fact]:
    """Return everything known about a subject: what is stored, and what just came."""
    space, turned = work.space, work.plan.turned
    stored = await database.read(lambda db: store_forks.effective_about(db, space.index, subject, turned))
    facts = {fact.number: fact for fact in fresh}
    for entry in stored:
        opened = space.open(entry.change)
        command = Erased() if opened.erased else opened.command
        if command is not None and _is_about(entry, command, subject):
            facts[entry.number] = space.fact(entry, command)
    return [facts[number] for number in sorted(facts)]


def _is_about(entry: store_log.Stored, command: Any, subject: bytes) -> bool:
    """Tell whether a change says something of a subject; what others name as one may be about something else."""
    kind = kind_of(command.kind)
    about = kind.subject(command) if kind else None
    return subject == (about or entry.change.id) or isinstance(command, Erased)


async def _erase(database: Database, work: Intake, entry: Accepted | store_log.Stored, command: Eraser) -> None:
    """Drop the bodies that a command takes back, where they are its author's own."""
    space = work.space
    author = entry.change.header.author
    person = space.law.owner_of(author)
    here = {kept.change.id: kept for kept in work.plan.accepted}
    for id_ in command.erases():
        target = here.get(id_) or await _stored(database, space, id_)
        if target is None or target.change.body is None or target.change.header.klass < TALK:
            continue
        wrote = target.change.header.author
        if wrote == author or (person is not None and space.law.owner_of(wrote) == person):
            work.plan.erased.append((target.change, target.number, entry.change))


async def _stored(database: Database, space: Space, id_: bytes) -> store_log.Stored | None:
    def read(connection: Any) -> store_log.Stored | None:
        number = store_log.number_of(connection, id_)
        return store_log.read_changes(connection, space.index, [number])[0] if number else None

    return await database.read(read)
