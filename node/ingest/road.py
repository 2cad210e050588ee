"""The road: verify, store, fold, project. There is no second way in.

submit(command)  ─ rule ─ sign ─┐
                                ├─ judge ─ fold ─ one transaction ─ heard
receive(batch) ─────────────────┘
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from crdt.batch import Batch
from crdt.change import BINDING, LAW, MAX_DEPS, MAX_LAW_DEPS, TALK, Change, Header, encode_body, encode_change, make
from crdt.history import Accepted, Gap, Log, Parent, Verdict
from identity.errors import Malformed, StoreError
from identity.keys import SigningKey, short
from identity.sealed import name_of
from node.domain.area import Erased, Fact, kind_of, wire_fields
from node.domain.law.membership import AdmitMember, CertifyDevice, FoundSpace, JoinSpace
from node.domain.posts import RetractPost
from node.ingest.spaces import Opened, Secrets, Space, read_wrapped
from node.store import log as store_log
from node.store import readmodel
from node.store.database import Database
from node.store.plan import Plan
from node.store.spaces import SpaceRow, add_space, read_secrets, read_spaces
from node.store.vault import Vault

logger = logging.getLogger(__name__)
_GRANTING = (FoundSpace, AdmitMember, CertifyDevice)
PORTION = 2_000


@dataclass(slots=True)
class Outcome:
    """What became of a batch: what was stored, what was known, what is missing, what was turned away."""

    accepted: Sequence[Accepted] = ()
    known: int = 0
    gaps: list[Gap] = field(default_factory=list)
    forks: list[Change] = field(default_factory=list)
    strangers: int = 0


@dataclass(slots=True)
class Working:
    """A batch on its way through the road."""

    space: Space
    plan: Plan
    facts: dict[bytes, list[Fact]] = field(default_factory=dict)
    touched: set[bytes] = field(default_factory=set)
    new_logs: dict[bytes, Log] = field(default_factory=dict)
    retractions: list[tuple[Accepted | store_log.Stored, RetractPost]] = field(default_factory=list)
    unlocked: bool = False


Heard = Callable[[Space, Sequence[Accepted], bytes | None], Awaitable[None] | None]


class Road:
    """Where `submit` and `receive` meet: the only writer of changes."""

    def __init__(self, database: Database, vault: Vault, device: SigningKey, now_ms: Callable[[], int]) -> None:
        self.database = database
        self.vault = vault
        self.device = device
        self.now_ms = now_ms
        self.spaces: dict[bytes, Space] = {}
        self.heard: list[Heard] = []
        self._lock = asyncio.Lock()
        self._next_change = 1
        self._next_log = 1

    # -- in -------------------------------------------------------------------------------------------------------

    async def submit(self, space: Space, command: Any) -> Change:
        """Sign a command of this device's and store it; on disk when this returns."""
        async with self._lock:
            change = self._make(space, command)
            outcome = await self._take(space, Batch([change], {}))
        if not outcome.accepted:
            raise StoreError("this change does not fit what is stored; run `commons verify`")
        await self._tell(space, outcome.accepted, None)
        return change

    async def receive(self, space: Space, batch: Batch, peer: bytes) -> Outcome:
        """Take in what a peer sent.

        Raises:
            BadSignature, Malformed: if the peer is at fault.
            StoreError: if it could not be stored; nothing of it is then.
        """
        async with self._lock:
            outcome = await self._take(space, batch)
        if outcome.accepted:
            await self._tell(space, outcome.accepted, peer)
        return outcome

    async def unlock(self, space: Space, sealed: bytes) -> None:
        """Take in secrets that a member sealed to this device, and read what lay locked until now.

        Raises:
            Malformed: if it was not sealed to this device.
        """
        law, talk = read_wrapped(self.device.open_sealed(sealed))
        async with self._lock:
            secrets = space.secrets
            new = [(name_of(secret), "law") for secret in law if secrets.add("law", secret)]
            new += [(name_of(secret), "talk") for secret in talk if secrets.add("talk", secret)]
            if not new:
                return
            plan = Plan(space.index, ())
            self._number_secrets(space, plan, new)
            await self.database.transaction(plan.write)
            await self._read_locked(space)

    async def _tell(self, space: Space, accepted: Sequence[Accepted], peer: bytes | None) -> None:
        for listener in self.heard:
            answer = listener(space, accepted, peer)
            if answer is not None:
                await answer

    def _make(self, space: Space, command: Any) -> Change:
        klass = command.klass
        log = space.history.logs.get(self.device.public)
        secret = space.secrets.knock() if isinstance(command, JoinSpace) else space.secret_for(klass)
        header = Header(
            b"" if isinstance(command, FoundSpace) else space.id,
            self.device.public,
            log.seq + 1 if log else 1,
            log.head if log else b"",
            space.history.next_deps(self.device.public, MAX_LAW_DEPS if klass == LAW else MAX_DEPS),
            max(self.now_ms(), log.time if log else 0),
            klass,
            b"",
            b"",
            0,
        )
        return make(header, encode_body(command.kind, wire_fields(command)), self.device, secret)

    # -- one batch -------------------------------------------------------------------------------------------------

    async def _take(self, space: Space, batch: Batch) -> Outcome:
        held = await self._held(space, batch.changes)
        verdict = space.history.judge(batch.changes, held, self._next_change)
        self._next_change += len(verdict.accepted)
        work = Working(space, Plan(space.index, ()))
        try:
            kept = self._open_all(work, verdict, batch)
            if kept:
                work.plan.accepted = kept
                await self._fold(work)
                self._finish(work, kept)
                await self.database.transaction(work.plan.write)
                self._applied(work, kept)
        except BaseException:
            await self.reload(space)
            raise
        if work.unlocked:
            await self._read_locked(space)
        return Outcome(kept, verdict.known, verdict.gaps, verdict.forks, len(verdict.accepted) - len(kept))

    async def _held(self, space: Space, changes: Sequence[Change]) -> dict[bytes, Parent]:
        """Return what the store holds of a batch's parents, and of the changes themselves where that may be."""
        known = space.recent
        logs = space.history.logs
        inside = {change.id for change in changes}
        wanted: set[bytes] = set()
        held: dict[bytes, Parent] = {}
        for change in changes:
            header = change.header
            log = logs.get(header.author)
            ids = (*header.deps, change.id) if log is not None and header.seq <= log.seq else header.deps
            for id_ in ids:
                if id_ in known:
                    held[id_] = known[id_]
                elif id_ not in inside or id_ == change.id:
                    wanted.add(id_)
        if wanted:
            pasts = space.history.pasts
            held |= await self.database.read(lambda db: store_log.find_parents(db, space.index, pasts, wanted))
        return held

    def _open_all(self, work: Working, verdict: Verdict, batch: Batch) -> list[Accepted]:
        """Open and judge every accepted change in order; leave out strangers and what rests on them."""
        kept: list[Accepted] = []
        left_out: set[int] = set()
        for entry in verdict.accepted:
            if left_out and not left_out.isdisjoint(entry.parents):
                left_out.add(entry.number)
            elif self._belongs(work, entry, batch):
                kept.append(entry)
            else:
                left_out.add(entry.number)
        return kept

    def _belongs(self, work: Working, entry: Accepted, batch: Batch) -> bool:
        space, header = work.space, entry.change.header
        opened = space.open(entry.change)
        log = space.history.logs.get(header.author) or work.new_logs.get(header.author)
        if log is None:
            log = self._begin_log(work, header.author)
        if not log.standing:
            log.standing = bool(space.law.in_standing(header.author, entry.past))
        if header.klass == LAW:
            self._judge_law(work, entry, opened, log)
        if not log.standing and not self._knocks(space, entry, opened):
            return False
        if entry.change.body is None:
            self._keep_erased(work, entry, batch)
        elif header.klass > BINDING:
            self._gather(work, entry, opened)
        return True

    def _begin_log(self, work: Working, author: bytes) -> Log:
        index = work.space.index
        log = work.new_logs[author] = Log(author, self._next_log)
        index.authors[log.number] = author
        index.logs[author] = log.number
        self._next_log += 1
        return log

    def _knocks(self, space: Space, entry: Accepted, opened: Opened) -> bool:
        """A stranger may do one thing: knock, with a ticket, as the first change of their log."""
        return entry.change.header.seq == 1 and entry.change.id in space.law.joins

    def _judge_law(self, work: Working, entry: Accepted, opened: Opened, log: Log) -> None:
        space = work.space
        if opened.command is None:
            reason = opened.wrong or (
                "its body is sealed with a key this node lacks" if opened.locked else "unknown kind"
            )
            if opened.locked:
                self._lock_up(work, entry)
            work.plan.refusals.append((entry.number, reason))
            return
        if not space.law.judge(space.law_change(entry, opened.command)):
            work.plan.refusals.append((entry.number, space.law.refused[entry.number]))
            return
        if isinstance(opened.command, FoundSpace):
            log.standing = True
        if isinstance(opened.command, _GRANTING):
            self._unwrap(work, opened.command.wraps)

    def _unwrap(self, work: Working, wraps: Sequence[Any]) -> None:
        """Take in the secrets that were sealed to this device."""
        secrets = work.space.secrets
        for reader, sealed in wraps:
            if reader != self.device.public:
                continue
            law, talk = read_wrapped(self.device.open_sealed(sealed))
            new = [(name_of(secret), "law") for secret in law if secrets.add("law", secret)]
            new += [(name_of(secret), "talk") for secret in talk if secrets.add("talk", secret)]
            self._number_secrets(work.space, work.plan, new)
            work.unlocked = work.unlocked or bool(new)
            work.plan.state = work.space.state = "member"

    def _number_secrets(self, space: Space, plan: Plan, names: Iterable[tuple[bytes, str]]) -> None:
        index = space.index
        for name, use in names:
            no = index.secrets.setdefault(name, self.vault.next_number())
            index.names[no] = name
            secret = space.secrets.by_name.get(name)
            plan.secrets.append((no, name, use, self.vault.seal(secret) if secret else None))

    def _lock_up(self, work: Working, entry: Accepted | store_log.Stored) -> None:
        work.plan.unread.append((entry.number, work.space.index.secrets[entry.change.header.epoch]))

    def _gather(self, work: Working, entry: Accepted | store_log.Stored, opened: Opened) -> None:
        """Note what a change of talk says about which subject."""
        if opened.locked:
            self._ensure_numbered(work, entry)
            self._lock_up(work, entry)
        elif opened.wrong:
            work.plan.refusals.append((entry.number, opened.wrong))
        elif opened.command is not None:
            command = opened.command
            kind = kind_of(command.kind)
            subject = kind.subject(command) if kind else None
            fact = work.space.fact(entry, command)
            if subject is not None:
                work.plan.about.append((subject, entry.number))
                work.touched.add(subject)
            work.facts.setdefault(subject or entry.change.id, []).append(fact)
            if isinstance(command, RetractPost):
                work.retractions.append((entry, command))

    def _ensure_numbered(self, work: Working, entry: Accepted | store_log.Stored) -> None:
        epoch = entry.change.header.epoch
        if epoch not in work.space.index.secrets:
            self._number_secrets(work.space, work.plan, [(epoch, "unknown")])

    def _keep_erased(self, work: Working, entry: Accepted, batch: Batch) -> None:
        """A body may be missing only with the verified change that erased it."""
        space = work.space
        eraser = batch.erasers.get(entry.change.id)
        opened = space.open(eraser) if eraser and eraser.header.space == space.id else None
        command = opened.command if opened else None
        if eraser is None or not isinstance(command, RetractPost) or entry.change.id not in command.erases():
            raise Malformed("a change came without its body, and not with what erased it")
        if space.law.person_of(eraser.header.author) != space.law.person_of(entry.change.header.author):
            raise Malformed("a change was erased by somebody else")
        work.plan.erased.append((entry.change, entry.number, eraser))
        work.facts.setdefault(entry.change.id, []).append(space.fact(entry, Erased()))

    # -- folding ---------------------------------------------------------------------------------------------------

    async def _fold(self, work: Working) -> None:
        plan = work.plan
        for subject, facts in work.facts.items():
            if subject in work.touched:
                facts = await self._all_facts(work.space, subject, facts)
            fold = next((kind.fold for fact in facts if (kind := kind_of(fact.command.kind))), None)
            row = fold(facts) if fold else None
            if row is not None:
                (plan.replaced if subject in work.touched else plan.fresh).append(row)
        for entry, command in work.retractions:
            await self._erase(work, entry, command)

    async def _all_facts(self, space: Space, subject: bytes, fresh: Sequence[Fact]) -> list[Fact]:
        """Return everything known about a subject: what is stored, and what just came."""
        index = space.index

        def read(connection: Any) -> list[store_log.Stored]:
            numbers = readmodel.numbers_about(connection, index.no, subject)
            first = store_log.number_of(connection, subject)
            return store_log.read_changes(connection, index, sorted({*numbers, *([first] if first else [])}))

        stored = await self.database.read(read)
        facts = {fact.number: fact for fact in fresh}
        for entry in stored:
            opened = space.open(entry.change)
            command = Erased() if opened.erased else opened.command
            if command is not None:
                facts[entry.number] = space.fact(entry, command)
        return [facts[number] for number in sorted(facts)]

    async def _erase(self, work: Working, entry: Accepted | store_log.Stored, command: RetractPost) -> None:
        """Drop the bodies that a retraction names, where they are its author's own."""
        space = work.space
        person = space.law.person_of(entry.change.header.author)
        here = {kept.change.id: kept for kept in work.plan.accepted}
        for id_ in command.erases():
            target = here.get(id_) or await self._stored(space, id_)
            if target is None or target.change.body is None or target.change.header.klass < TALK:
                continue
            if space.law.person_of(target.change.header.author) == person:
                work.plan.erased.append((target.change, target.number, entry.change))

    async def _stored(self, space: Space, id_: bytes) -> store_log.Stored | None:
        def read(connection: Any) -> store_log.Stored | None:
            number = store_log.number_of(connection, id_)
            return store_log.read_changes(connection, space.index, [number])[0] if number else None

        return await self.database.read(read)

    async def _read_locked(self, space: Space) -> None:
        """Read what lay sealed until its secret came."""
        known = [no for name, no in space.index.secrets.items() if name in space.secrets.by_name]
        numbers = await self.database.read(lambda db: store_log.unread_numbers(db, known))
        await self._refold(space, numbers)

    async def rebuild(self, space: Space) -> None:
        """Make a space's read model anew from its log; the caller has emptied it."""
        async with self._lock:
            await self._refold(space, await self.database.read(lambda db: store_log.numbers_of(db, space.index.no)))

    async def _refold(self, space: Space, numbers: Sequence[int]) -> None:
        index = space.index
        for start in range(0, len(numbers), PORTION):
            part = numbers[start : start + PORTION]
            stored = await self.database.read(lambda db, part=part: store_log.read_changes(db, index, part))  # type: ignore[misc]
            work = Working(space, Plan(index, ()))
            for entry in stored:
                if entry.change.header.klass > BINDING and entry.change.body is not None:
                    self._gather(work, entry, space.open(entry.change))
            work.plan.read = [entry.number for entry in stored]
            await self._fold(work)
            await self.database.transaction(work.plan.write)

    # -- storing ---------------------------------------------------------------------------------------------------

    def _finish(self, work: Working, kept: Sequence[Accepted]) -> None:
        """Fill in what the log's own tables need."""
        space, plan = work.space, work.plan
        for entry in kept:
            self._ensure_numbered(work, entry)
        plan.logs = [
            (self._log_after(work, entry), space.person_of(entry.change.header.author))
            for entry in {entry.change.header.author: entry for entry in kept}.values()
        ]
        parents = {number for entry in kept for number in entry.parents}
        plan.gone_tips = parents
        plan.new_tips = [entry.number for entry in kept if entry.number not in parents]
        pasts = space.history.pasts
        plan.pasts = list(enumerate(pasts.sets[space.saved_pasts :], space.saved_pasts))

    def _log_after(self, work: Working, entry: Accepted) -> Log:
        header = entry.change.header
        log = work.space.history.logs.get(header.author) or work.new_logs[header.author]
        parent = work.space.history.as_parent(entry)
        return replace(log, seq=header.seq, head=entry.change.id, parent=parent, time=header.time)

    def _applied(self, work: Working, kept: Sequence[Accepted]) -> None:
        space = work.space
        space.history.apply(kept, {author: log.number for author, log in work.new_logs.items()})
        for author, log in work.new_logs.items():
            if author in space.history.logs:
                space.history.logs[author].standing = log.standing
        space.saved_pasts = len(space.history.pasts.sets)
        space.remember(kept)
        logger.debug("stored changes space=%s count=%d", short(space.id), len(kept))

    async def reload(self, space: Space) -> None:
        """Read a space anew from the store: what memory held may be ahead of it after a failure."""
        row = await self.database.read(lambda db: next(r for r in read_spaces(db, self.vault) if r.id == space.id))
        self.spaces[space.id] = await self.load(row)

    async def load(self, row: SpaceRow) -> Space:
        """Read one space's heads, secrets and law from the store."""

        def read(connection: Any) -> Space:
            law, talk = read_secrets(connection, self.vault, row.no)
            index = store_log.SpaceIndex(row.no, row.id)
            history = store_log.load_history(connection, index)
            space = Space(index, row.name, row.state, Secrets(row.discovery, law, talk), history)
            for entry in store_log.read_law(connection, index):
                opened = space.open(entry.change)
                if opened.command is not None:
                    space.law.judge(space.law_change(entry, opened.command))
            space.saved_pasts = len(history.pasts.sets)
            if row.state == "waiting":
                mine = next(
                    iter(store_log.read_changes(connection, index, store_log.numbers_of(connection, row.no))), None
                )
                space.knock = encode_change(mine.change) if mine else None
            return space

        return await self.database.read(read)

    async def open(self) -> None:
        """Read every space from the store."""

        def read(connection: Any) -> tuple[int, int, list[SpaceRow]]:
            self.vault.start_after(connection)
            return *store_log.next_numbers(connection), read_spaces(connection, self.vault)

        self._next_change, self._next_log, rows = await self.database.read(read)
        for row in rows:
            self.spaces[row.id] = await self.load(row)

    async def begin(self, row: SpaceRow, secrets: Secrets) -> Space:
        """Begin to keep a space: one just founded, or one whose door was knocked at."""
        no = await self.database.transaction(lambda db: add_space(db, self.vault, row))
        space = Space(store_log.SpaceIndex(no, row.id), row.name, row.state, secrets)
        self.spaces[row.id] = space
        plan = Plan(space.index, ())
        names = [(name_of(secrets.knock()), "knock")]
        names += [(name_of(secret), "law") for secret in secrets.law]
        names += [(name_of(secret), "talk") for secret in secrets.talk]
        self._number_secrets(space, plan, names)
        await self.database.transaction(plan.write)
        return space
