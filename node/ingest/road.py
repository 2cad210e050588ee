"""The road: verify, store, fold, project. There is no second way in.

submit(command)  ─ rule ─ sign ─┐
                                ├─ judge ─ fold ─ one transaction ─ heard
receive(batch) ─────────────────┘
"""

import asyncio
import logging
from collections.abc import Callable, Generator, Sequence
from typing import Any

from crdt.acceptance import judge
from crdt.batch import Batch
from crdt.change import BINDING, LAW, TALK, Change
from crdt.history import Accepted, Log, Parent, Verdict
from crdt.standing import Step
from identity.errors import BadSignature, Malformed, Refused, StoreError
from identity.keys import SigningKey, short
from identity.sealed import name_of
from node.domain.area import require
from node.domain.law.membership import AdmitMember, CertifyDevice, FoundSpace
from node.ingest.cuts import Seen, make_cuts, moves_law
from node.ingest.folding import fold
from node.ingest.forks import settle_again, settle_forks, weigh
from node.ingest.intake import Arrival, Intake
from node.ingest.keys import renewal
from node.ingest.loading import read_again, read_space, write_reasons
from node.ingest.pauses import follow_pauses
from node.ingest.signing import Signer
from node.ingest.spaces import Elsewhere, Secrets, Space, read_wrapped
from node.ingest.telling import Part, Telling
from node.ingest.together import Given, Outcome, groups, joined, parts_of, share
from node.ingest.whole import Whole
from node.store import log as store_log
from node.store.database import Database
from node.store.forks import void_numbers
from node.store.spaces import SpaceRow, add_space, read_spaces
from node.store.vault import Vault

logger = logging.getLogger(__name__)
_GRANTING = (FoundSpace, AdmitMember, CertifyDevice)
PORTION = 2_000
MAX_WANTED = 4_096


class Road:
    """Where `submit` and `receive` meet: the only writer of changes."""

    def __init__(
        self, database: Database, vault: Vault, device: SigningKey, me: bytes, now_ms: Callable[[], int]
    ) -> None:
        self.database = database
        self.vault = vault
        self.device = device
        self.now_ms = now_ms
        self.spaces: dict[bytes, Space] = {}
        self.telling = Telling()
        self.heard = self.telling.heard
        self.elsewhere: list[Elsewhere] = []
        self.certificate: bytes | None = None
        self.lock = asyncio.Lock()
        self.signer = Signer(device, me, now_ms)
        self.editing = asyncio.Lock()  # who edits a document holds it: each edit builds on the one before
        self._wanted: dict[bytes, set[bytes]] = {}
        self._given: dict[bytes, list[Given]] = {}
        self.work = Whole(self.lock)
        self.seen = Seen()
        self._next_change = 1
        self._next_log = 1

    @property
    def me(self) -> bytes:
        """The person who uses this node; a device that its person's other one certified learns it then."""
        return self.signer.me

    @me.setter
    def me(self, person: bytes) -> None:
        self.signer.me = person

    def is_me(self, person: bytes) -> bool:
        """Tell whether a person is the one who uses this node."""
        return person == self.me

    # -- in -------------------------------------------------------------------------------------------------------

    async def submit(self, space: Space, command: Any, pending: int | None = None) -> Change:
        """Sign a command of this device's and store it; on disk when this returns.

        `pending` numbers what waited to be signed: it goes in the same transaction in which the change comes.

        Raises:
            Refused: if this device may not write, or what waited was taken back meanwhile.
        """
        return await self.work.whole(self._submit(space.id, command, pending))

    async def _submit(self, id_: bytes, command: Any, pending: int | None) -> Change:
        async with self.lock:
            renewed = await self._renew(id_, command.klass)
            space = self._present(id_)
            change = self.signer.make(space, command)
            outcome = await self._take(space, Arrival(Batch([change], {}), settles=pending))
        if not outcome.accepted:
            raise StoreError("this change does not fit what is stored; run `commons verify`")
        await self._tell(id_, [([*renewed, *outcome.accepted], None)])
        return change

    async def _renew(self, id_: bytes, klass: int = TALK) -> list[Accepted]:
        """Begin new secrets before something is written, if who has gone reads what it would be sealed with."""
        accepted: list[Accepted] = []
        for command in renewal(self.spaces[id_], self.device.public) if klass > LAW else ():
            space = self._present(id_)
            outcome = await self._take(space, Batch([self.signer.make(space, command)], {}))
            accepted += outcome.accepted
        return accepted

    async def submit_all(self, space: Space, commands: Generator[Any, Change, None]) -> list[Change]:
        """Sign this device's commands one after another and store them as one batch, on disk when this returns.

        Each command that is yielded answers with the change made of it, so that a later one can name it.
        """
        return await self.work.whole(self._submit_all(space.id, commands))

    async def _submit_all(self, id_: bytes, commands: Generator[Any, Change, None]) -> list[Change]:
        async with self.lock:
            renewed = await self._renew(id_)
            space = self._present(id_)
            changes = self.signer.make_all(space, commands)
            outcome = await self._take(space, Batch(changes, {}))
        if len(outcome.accepted) != len(changes):
            raise StoreError("these changes do not fit what is stored; run `commons verify`")
        if changes or renewed:
            await self._tell(id_, [([*renewed, *outcome.accepted], None)])
        return changes

    def _present(self, id_: bytes) -> Space:
        """Return a space as it stands now, to sign in it: on the heads that a caller once saw it would be a fork."""
        space = self.spaces[id_]
        mine = space.history.logs.get(device := self.device.public)
        if mine is not None and mine.forked is not None:
            view = space.law.present()
            cut = view.is_revoked(device) or (device in view.cuts() and not view.is_member(self.me))
            require(not cut, "You are no longer a member of this space, or ended this device: nothing it says counts.")
            raise Refused(
                "This device's key was used in two places at once. Start commons again: it becomes a new device."
            )
        return space

    async def receive(self, space: Space, arrival: Batch | Arrival, peer: bytes) -> Outcome:
        """Take in what a peer sent.

        Raises:
            BadSignature, Malformed: if the peer is at fault.
            StoreError: if it could not be stored; nothing of it is then.
        """
        given = Given(arrival if isinstance(arrival, Arrival) else Arrival(arrival), peer)
        self._given.setdefault(space.id, []).append(given)
        return await self.work.whole(self._receive(space.id, given))

    async def _receive(self, id_: bytes, given: Given) -> Outcome:
        taken: list[list[Given]] = []
        async with self.lock:
            if given.outcome is None:
                taken = list(groups(self._given.pop(id_, [])))
                await self._take_given(id_, taken)
        for together in taken:
            await self._tell(id_, parts_of(together))
        if not isinstance(given.outcome, Outcome):
            raise given.outcome or StoreError("this was not stored")
        return given.outcome

    async def _take_given(self, id_: bytes, taken: Sequence[list[Given]]) -> None:
        """Store what peers sent while the last transaction was under way: small batches together, in one commit."""
        for together in taken:
            try:
                outcome = await self._take(self.spaces[id_], joined(together))
            except (BadSignature, Malformed) as error:
                if len(together) == 1:
                    together[0].outcome = error
                for given in together if len(together) > 1 else ():  # who is at fault shows when each is taken alone
                    await self._take_alone(id_, given)
            except StoreError as error:
                for given in together:
                    given.outcome = error
            else:
                share(outcome, together)

    async def _take_alone(self, id_: bytes, given: Given) -> None:
        try:
            given.outcome = await self._take(self.spaces[id_], given.arrival)
        except (BadSignature, Malformed, StoreError) as error:
            given.outcome = error

    async def unlock(self, space: Space, sealed: bytes, peer: bytes = b"") -> bool:
        """Take in secrets that a member sealed to this device, and read what lay locked; tell whether any was new.

        They come from a `peer` if it is not known yet by which law they were begun.

        Raises:
            Malformed: if it was not sealed to this device.
        """
        return await self.work.whole(self._unlock(space.id, sealed, peer))

    async def _unlock(self, id_: bytes, sealed: bytes, peer: bytes) -> bool:
        async with self.lock:
            space = self.spaces[id_]
            work = self.intake(space)
            law, talk, _ = read_wrapped(self.device.open_sealed(sealed))
            known = {*space.secrets.by_name, *space.index.secrets}  # or something that is here is sealed with it
            if not work.take_secrets(law, talk):
                return False
            fresh = space.secrets.by_name.keys() - known if peer else ()
            space.secrets.heard.update(dict.fromkeys(fresh, peer))
            await self.database.transaction(work.plan.write)
            await self._read_locked(space)
        return True

    def intake(self, space: Space) -> Intake:
        """Return an empty intake for a batch of a space."""

        def next_log() -> int:
            self._next_log += 1
            return self._next_log - 1

        return Intake(space, self.device, self.vault, next_log)

    async def _tell(self, id_: bytes, parts: Sequence[Part]) -> None:
        await self.telling.tell(lambda: self.spaces[id_], parts)

    # -- one batch -------------------------------------------------------------------------------------------------

    async def _take(self, space: Space, arrived: Batch | Arrival) -> Outcome:
        arrival = arrived if isinstance(arrived, Arrival) else Arrival(arrived)
        batch = arrival.batch
        held = await self._held(space, batch.changes)
        verdict = judge(space.history, batch.changes, held, self._next_change, self._wanted.get(space.id, set()))
        work = self.intake(space)
        work.opened = arrival.opened
        work.plan.settles = arrival.settles
        kept = await self._store(space, work, verdict, arrival)
        self.elsewhere += work.elsewhere
        if work.unlocked:
            await self._read_locked(space)
            space = self.spaces[space.id]
        if moves_law(space, kept):
            space = await self.follow_law(space.id)
        elif space.law.suspensions and any(entry.change.header.klass == BINDING for entry in kept):
            await follow_pauses(self, space)
        self._want(space, verdict)
        branches = await settle_forks(self, space, verdict.forks) if verdict.forks else []
        left_out = len(verdict.accepted) - len(kept)
        return Outcome(kept, verdict.known, verdict.gaps, branches, left_out, frozenset(work.lacking))

    async def follow_law(self, id_: bytes) -> Space:
        """Do what law that is news says of what is here already; returns the space, which may have been read anew."""
        await make_cuts(self, self.spaces[id_])
        await settle_again(self, self.spaces[id_])
        await follow_pauses(self, self.spaces[id_])
        return self.spaces[id_]

    async def _store(self, space: Space, work: Intake, verdict: Verdict, arrival: Arrival) -> list[Accepted]:
        """Judge and store what is accepted of a batch; if that fails, memory holds what it held before."""
        try:
            kept = work.take_all(verdict.accepted, arrival.batch)
            if kept:
                self._next_change += len(verdict.accepted)
                step = await weigh(self, work, kept) if space.index.forked else None
                await fold(self.database, work)
                work.finish(kept)
                arrival.writing.set()
                await self.database.transaction(work.plan.write)
                self._applied(work, kept, step)
                if work.plan.erased:
                    await self.database.forget()
        except BaseException as error:
            if not isinstance(error, Malformed) or not work.undo():
                await self.reload(space)
            raise
        return kept

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
            ids = header.deps if log is None else self._names(log, change)
            for id_ in ids:
                if id_ in known:
                    held[id_] = known[id_]
                elif id_ not in inside or id_ == change.id:
                    wanted.add(id_)
        if wanted:
            pasts = space.history.pasts
            held |= await self.database.read(lambda db: store_log.find_parents(db, space.index, pasts, wanted))
        return held

    def _want(self, space: Space, verdict: Verdict) -> None:
        """Remember which changes others' changes are waiting for: of a forked log, only those are taken."""
        wanted = self._wanted.setdefault(space.id, set())
        wanted.difference_update(entry.change.id for entry in verdict.accepted)
        if len(wanted) < MAX_WANTED:
            wanted.update(id_ for gap in verdict.gaps for id_ in gap.missing)

    @staticmethod
    def _names(log: Log, change: Change) -> tuple[bytes, ...]:
        """Return the ids to look up for a change of a known log: what it names, and itself where it may be held."""
        header = change.header
        if log.forked is not None and header.seq >= log.forked:
            return (*header.deps, header.prev, change.id)
        return (*header.deps, change.id) if header.seq <= log.seq else header.deps

    async def _read_locked(self, space: Space) -> None:
        """Read what lay sealed until its secret came; where law is among it, all law is judged anew, in its order."""
        known = [no for name, no in space.index.secrets.items() if name in space.secrets.by_name]
        numbers = await self.database.read(lambda db: store_log.unread_numbers(db, known))
        if await self.database.read(lambda db: store_log.law_among(db, numbers)):
            await self.reload(space)
            await self.database.transaction(lambda db: write_reasons(db, self.spaces[space.id]))
            await self.follow_law(space.id)  # what has effect again by it is read already
            numbers = await self.database.read(lambda db: store_log.unread_numbers(db, known))
        await self._refold(self.spaces[space.id], numbers)

    async def rebuild(self, space: Space) -> None:
        """Make a space's read model anew from its log; the caller has emptied it."""
        async with self.lock:
            space = self.spaces[space.id]
            await self._refold(space, await self.database.read(lambda db: store_log.numbers_of(db, space.index.no)))

    async def _refold(self, space: Space, numbers: Sequence[int]) -> None:
        index = space.index
        void = await self.database.read(lambda db: void_numbers(db, index.no))
        for start in range(0, len(numbers), PORTION):
            part = numbers[start : start + PORTION]
            stored = await self.database.read(lambda db, part=part: store_log.read_changes(db, index, part))  # type: ignore[misc]
            work = self.intake(space)
            for entry in stored:
                if entry.change.header.klass > BINDING and entry.change.body is not None:
                    work.gather(entry, space.open(entry.change), is_void=entry.number in void)
            work.plan.read = [entry.number for entry in stored]
            await fold(self.database, work)
            await self.database.transaction(work.plan.write)
        space.may_lack_files = True

    def _applied(self, work: Intake, kept: Sequence[Accepted], step: Step | None) -> None:
        space = work.space
        if step is not None and space.doubts is not None:
            space.doubts.take(step)
        space.history.apply(kept, {author: log.number for author, log in work.new_logs.items()})
        for author, log in work.new_logs.items():
            if author in space.history.logs:
                space.history.logs[author].standing = log.standing
        space.saved_pasts = len(space.history.pasts.sets)
        if work.plan.replaced or any(row.media for row in work.plan.fresh):
            space.may_lack_files = True
        space.remember(kept)
        logger.debug("stored changes space=%s count=%d", short(space.id), len(kept))

    async def fold(self, work: Intake) -> None:
        """Fold what a batch is about into its plan."""
        await fold(self.database, work)

    async def reload(self, space: Space) -> None:
        """Read a space anew from the store: what memory held may be ahead of it after a failure."""
        self.spaces[space.id] = await self.read_anew(space)

    async def read_anew(self, space: Space) -> Space:
        """Return a space as it lies in the store."""
        return await self.database.read(lambda db: read_again(db, self.vault, space, self.device.public))

    async def open(self) -> None:
        """Read every space from the store."""

        def read(connection: Any) -> tuple[int, int, list[SpaceRow]]:
            self.vault.start_after(connection)
            return *store_log.next_numbers(connection), read_spaces(connection, self.vault)

        self._next_change, self._next_log, rows = await self.database.read(read)
        for row in rows:
            space = await self.database.read(lambda db, row=row: read_space(db, self.vault, row, self.device.public))  # type: ignore[misc]
            self.spaces[row.id] = space
            await make_cuts(self, space)  # power may have gone between a removal and its cut
            await settle_again(self, self.spaces[row.id])

    async def begin(self, row: SpaceRow, secrets: Secrets) -> Space:
        """Begin to keep a space: one just founded, or one whose door was knocked at."""
        no = await self.database.transaction(lambda db: add_space(db, self.vault, row))
        space = Space(store_log.SpaceIndex(no, row.id), row.name, row.state, secrets)
        self.spaces[row.id] = space
        work = self.intake(space)
        names = [(name_of(secrets.knock()), "knock")]
        names += [(name_of(secret), "law") for secret in secrets.law]
        names += [(name_of(secret), "talk") for secret in secrets.talk]
        work.number_secrets(names)
        await self.database.transaction(work.plan.write)
        return space
