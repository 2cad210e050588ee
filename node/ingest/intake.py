"""One batch on its way through the road: opened, judged, and gathered by subject. No IO.

An `Intake` is filled change by change, in causal order; what it amounts to stands in its `plan`.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any

from crdt.batch import Batch
from crdt.change import BINDING, PUBLIC, TALK, Change
from crdt.history import Accepted, Log
from identity.errors import Malformed
from identity.keys import SigningKey
from identity.sealed import name_of
from node.domain.area import Erased, Eraser, Fact, certified, kind_of
from node.domain.law.membership import (
    AdmitMember,
    CertifyDevice,
    EnterDevice,
    FoundSpace,
    HandKeys,
    JoinSpace,
    LeaveSpace,
    ReplaceDevice,
    RotateKeys,
)
from node.domain.law.records import LawChange
from node.domain.posts import RetractPost
from node.domain.profiles import EraseField
from node.ingest.spaces import Elsewhere, Opened, Space, handover, lets_in, read_before, read_wrapped
from node.store.log import Stored
from node.store.plan import Plan
from node.store.vault import Vault

_new = tuple.__new__  # as in crdt.batch
_BEGINNING = (FoundSpace, JoinSpace, EnterDevice, ReplaceDevice)
ERASERS = (RetractPost, EraseField)
_GRANTING = (FoundSpace, AdmitMember, CertifyDevice, HandKeys, RotateKeys)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A batch with its bodies opened as far as they are; `writing` is set once it is on its way to the disk.

    `settles` numbers what waited to be signed and now is.
    """

    batch: Batch
    opened: Mapping[bytes, Opened] = field(default_factory=dict)
    writing: asyncio.Event = field(default_factory=asyncio.Event)
    settles: int | None = None


@dataclass(slots=True)
class Intake:
    """What a batch brings: its plan for the store, facts by subject, and who began a log with it."""

    space: Space
    device: SigningKey
    vault: Vault
    next_log: Callable[[], int]
    plan: Plan = field(init=False)
    facts: dict[bytes, list[Fact]] = field(default_factory=dict)
    touched: set[bytes] = field(default_factory=set)
    new_logs: dict[bytes, Log] = field(default_factory=dict)
    erasers: list[tuple[Accepted | Stored, Eraser]] = field(default_factory=list)
    opened: Mapping[bytes, Opened] = field(default_factory=dict)
    unlocked: bool = False
    elsewhere: list[Elsewhere] = field(default_factory=list)
    granted: set[bytes] = field(default_factory=set)
    lacking: set[bytes] = field(default_factory=set)
    branches: list[tuple[Accepted, Opened]] = field(default_factory=list)
    has_judged: bool = False
    _known: dict[bytes, tuple[int, bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.plan = Plan(self.space.index, ())

    def take_all(self, accepted: Sequence[Accepted], batch: Batch) -> list[Accepted]:
        """Open and judge changes in order; leave out strangers and what rests on them."""
        for entry in accepted:
            if entry.change.body is None:
                self._check_eraser(entry, batch)
        kept: list[Accepted] = []
        left_out: set[int] = set()
        for entry in accepted:
            if left_out and not left_out.isdisjoint(entry.parents):
                left_out.add(entry.number)
            elif self._belongs(entry, batch):
                kept.append(entry)
            else:
                left_out.add(entry.number)
        self.plan.accepted = kept
        return kept

    def undo(self) -> bool:
        """Take back what a batch that is not stored changed in memory; tell whether that was all of it.

        What was judged of law is not taken back here: then the space has to be read anew.
        """
        index = self.space.index
        for author, log in self.new_logs.items():
            del index.authors[log.number], index.logs[author]
        for no, name, _, _ in self.plan.secrets:
            index.secrets.pop(name, None)
            index.names.pop(no, None)
        return not self.has_judged

    def _belongs(self, entry: Accepted, batch: Batch) -> bool:
        space, header = self.space, entry.change.header
        opened = self._opened(entry)
        log = space.history.logs.get(header.author) or self.new_logs.get(header.author)
        stood = log is not None and log.standing and not self._has_left(header.author)
        stands = stood or space.law.in_standing(header.author, entry.past) is not None
        if not stands and not self._may_begin(entry, opened):
            return False
        log = log or self._begin_log(header.author)
        log.standing = stands
        if entry.change.body is None:
            self._keep_erased(entry, batch)
        elif header.klass <= BINDING:
            self._judge_law(entry, opened, log)
        elif space.index.forked and space.history.is_branch(entry.change):
            self.branches.append((entry, opened))
        else:
            self.gather(entry, opened)
        return True

    def _has_left(self, author: bytes) -> bool:
        """Tell whether a device's person ever left: then each change tells by its own past whether it comes after."""
        law = self.space.law
        return bool(law.leaves) and any(grant.person in law.leaves for grant in law.grants.get(author, ()))

    def _opened(self, entry: Accepted) -> Opened:
        """Open a body, and note which secret is not here."""
        opened = self.opened.get(entry.change.id)
        if opened is None or opened.locked:
            opened = self.space.open(entry.change)
        if opened.locked:
            self.lacking.add(entry.change.header.epoch)
        return opened

    def _begin_log(self, author: bytes) -> Log:
        index = self.space.index
        log = self.new_logs[author] = Log(author, self.next_log())
        index.authors[log.number] = author
        index.logs[author] = log.number
        return log

    def _may_begin(self, entry: Accepted, opened: Opened) -> bool:
        """A stranger may do one thing: found, enter, or knock with a ticket, before anything else."""
        law, command = self.space.law, opened.command
        return isinstance(command, _BEGINNING) and law.counts(self.space.law_change(entry, command))

    def _judge_law(self, entry: Accepted, opened: Opened, log: Log) -> None:
        space = self.space
        self._known.clear()  # it may say whose a device is
        if opened.command is None:
            reason = opened.wrong or (
                "its body is sealed with a key this node lacks" if opened.locked else "unknown kind"
            )
            if opened.locked:
                self._lock_up(entry)
                space.unread_law.add(entry.change.header.epoch)
            self.plan.refusals.append((entry.number, reason))
            return
        law_change = space.law_change(entry, opened.command)
        self.has_judged = True
        if not space.law.judge(law_change):
            self.plan.refusals.append((entry.number, space.law.refused[entry.number]))
            return
        if isinstance(opened.command, FoundSpace | EnterDevice | ReplaceDevice):
            log.standing = True
        if isinstance(opened.command, CertifyDevice) and opened.command.join:
            self.granted.add(space.law.joins[opened.command.join].change.author)
        if isinstance(opened.command, _GRANTING):
            self._unwrap(law_change)
        if isinstance(opened.command, LeaveSpace):
            self._leave(log)

    def _unwrap(self, change: LawChange) -> None:
        """Take in the secrets that were sealed to this device."""
        for reader, sealed in change.command.wraps:
            if reader != self.device.public:
                continue
            try:
                law, talk, elsewhere = read_wrapped(self.device.open_sealed(sealed))
                before = read_before(change.command, law)
            except Malformed as error:  # a member's fault, not that of the peer who handed it on
                self.plan.refusals.append((change.number, str(error)))
            else:
                self.unlocked = self.take_secrets([*before[0], *law], [*before[1], *talk]) or self.unlocked
                for secret in (*before[0], *law, *before[1], *talk):
                    self.space.secrets.heard.pop(name_of(secret), None)
                welcome = lets_in(self.space.law, change.command, reader)
                self.space.secrets.adopt_from(handover(self.space.law, change, reader), law, talk)
                self.elsewhere += elsewhere if welcome and isinstance(change.command, CertifyDevice) else []
                self.plan.state = self.space.state = "member"

    def _leave(self, log: Log) -> None:
        """From here on a log is a stranger's; where it is this device's own person who left, the space is left."""
        log.standing = False
        if self.space.law.person_of(self.device.public) is None and self.space.state == "member":
            self.plan.state = self.space.state = "left"

    def take_secrets(self, law: Sequence[bytes], talk: Sequence[bytes]) -> bool:
        """Take in secrets to open bodies with; tell whether any is new."""
        secrets = self.space.secrets
        new = [(name_of(secret), "law") for secret in law if secrets.add("law", secret)]
        new += [(name_of(secret), "talk") for secret in talk if secrets.add("talk", secret)]
        self.number_secrets(new)
        return bool(new)

    def number_secrets(self, names: Iterable[tuple[bytes, str]]) -> None:
        """Give secrets their numbers in the store, and keep those that this device holds."""
        space = self.space
        index = space.index
        for name, use in names:
            no = index.secrets.setdefault(name, self.vault.next_number())
            index.names[no] = name
            secret = space.secrets.by_name.get(name)
            self.plan.secrets.append((no, name, use, self.vault.seal(secret) if secret else None))

    def _lock_up(self, entry: Accepted | Stored) -> None:
        self._ensure_numbered(entry)
        self.plan.unread.append((entry.number, self.space.index.secrets[entry.change.header.epoch]))

    def gather(self, entry: Accepted | Stored, opened: Opened, *, is_void: bool = False) -> None:
        """Note what a change of talk says about which subject; of a void one, only that it does."""
        if opened.locked:
            self._lock_up(entry)
        elif opened.wrong:
            self.plan.refusals.append((entry.number, opened.wrong))
        elif opened.command is not None:
            self._note(entry, opened.command, is_void=is_void)

    def gather_branches(self, void: AbstractSet[int]) -> None:
        """Gather what changes of forked logs say, now that it is known which of them are void."""
        for entry, opened in self.branches:
            is_void = entry.number in void
            if not opened.erased:
                self.gather(entry, opened, is_void=is_void)
            elif not is_void:
                self.facts.setdefault(entry.change.id, []).append(self.space.fact(entry, Erased()))

    def _note(self, entry: Accepted | Stored, command: Any, *, is_void: bool) -> None:
        kind = kind_of(command.kind)
        subject = kind.subject(command) if kind else None
        if subject is None:
            subject = entry.change.id
            if subject in self.space.dangling:  # something was said about it before it came
                self.touched.add(subject)
        else:
            self.plan.about.append((subject, entry.number))
            self.touched.add(subject)
        if is_void:
            return
        fact = self._fact(entry, command)
        facts = self.facts.get(subject)
        if facts is None:
            self.facts[subject] = [fact]
        else:
            facts.append(fact)
        if isinstance(command, ERASERS):
            self.erasers.append((entry, command))

    def _fact(self, entry: Accepted | Stored, command: Any) -> Fact:
        """Return a command as a fact about its subject; as `Space.fact`, with what is known of its author at hand."""
        change = entry.change
        author = change.header.author
        known = self._known.get(author)
        if known is None:
            known = self._known[author] = (self.space.index.logs[author], self.space.law.owner_of(author) or author)
        log, person = known
        place = (change.id, entry.number, entry.depth, change.header.time, self.space.index.no, log)
        return _new(Fact, (*place, author, person, command))

    def _ensure_numbered(self, entry: Accepted | Stored) -> None:
        epoch = entry.change.header.epoch
        if epoch not in self.space.index.secrets:
            self.number_secrets([(epoch, "unknown")])

    def _check_eraser(self, entry: Accepted, batch: Batch) -> tuple[Change, Opened]:
        """A body of talk may be missing, with the verified change that erased it; law and what it counts stay.

        That is looked at before anything of a batch is judged, and again when its keys may have come with it.

        Raises:
            Malformed: if it is not so.
        """
        space = self.space
        if entry.change.header.klass <= BINDING:
            raise Malformed("law came without its body, which nobody takes back")
        eraser = batch.erasers.get(entry.change.id)
        opened = space.open(eraser) if eraser and _may_come_after(eraser, entry.change) else None
        if eraser is None or opened is None or not (opened.locked or self._erases(opened, entry)):
            raise Malformed("a change came without its body, and not with what erased it")
        return eraser, opened

    def _keep_erased(self, entry: Accepted, batch: Batch) -> None:
        space = self.space
        eraser, opened = self._check_eraser(entry, batch)
        if not self._erases(opened, entry):
            raise Malformed("a change came without its body, and with something that cannot be read")
        if not self._may_erase(eraser.header.author, opened.command, entry.change.header.author):
            raise Malformed("a change was erased by somebody else")
        self.plan.erased.append((entry.change, entry.number, eraser))
        if space.history.is_branch(entry.change):
            self.branches.append((entry, Opened(erased=True)))
        else:
            self.facts.setdefault(entry.change.id, []).append(space.fact(entry, Erased()))

    def _erases(self, opened: Opened, entry: Accepted) -> bool:
        """Tell whether a change takes another's body back.

        Who may not read what was said before they came cannot read what took it back either. That it is signed by the
        same author is enough then: a body that could not be read is all that a lie would hide. Where the rules let
        newcomers read the past, its keys come, and whoever hands on a post could strip it of its body by any other.
        """
        if opened.locked:
            reads_past = self.space.law.present().sealed.charter["newcomers_read_past"]
            return not reads_past and entry.change.header.epoch not in (PUBLIC, *self.space.secrets.by_name)
        command = opened.command
        return isinstance(command, ERASERS) and entry.change.id in command.erases()

    def _may_erase(self, eraser: bytes, command: Eraser | None, author: bytes) -> bool:
        """Tell whether a device erases what it or another of its person's wrote, be it one not heard of yet."""
        person = self.space.law.owner_of(author)
        theirs = self.space.law.owner_of(eraser) or (certified(command, eraser) if command is not None else None)
        return eraser == author or (person is not None and person == theirs)

    def finish(self, kept: Sequence[Accepted]) -> None:
        """Fill in what the log's own tables need."""
        space, plan = self.space, self.plan
        epochs = {entry.change.header.epoch: entry for entry in kept}
        for epoch, entry in epochs.items():
            self._ensure_numbered(entry)
            space.secrets.heard.pop(epoch, None)
        onward = space.history.onward(kept)
        ends = {entry.change.header.author: entry for entry in onward}
        heads = {author: self._log_after(entry) for author, entry in ends.items()}
        known = space.history.logs
        heads |= {device: known[device] for device in self.granted - heads.keys() if device in known}  # whose they are
        plan.logs = [(log, space.person_of(device)) for device, log in heads.items()]
        parents = {number for entry in onward for number in entry.parents}  # what is void, nobody names: it ends no tip
        plan.gone_tips = parents & {tip.number for tip in space.history.tips.values()}
        plan.new_tips = [entry.number for entry in onward if entry.number not in parents]
        pasts = space.history.pasts
        plan.pasts = list(enumerate(pasts.sets[space.saved_pasts :], space.saved_pasts))

    def _log_after(self, entry: Accepted) -> Log:
        header = entry.change.header
        log = self.space.history.logs.get(header.author) or self.new_logs[header.author]
        parent = self.space.history.as_parent(entry)
        return replace(log, seq=header.seq, head=entry.change.id, parent=parent, time=header.time)


def _may_come_after(eraser: Change, erased: Change) -> bool:
    """Tell whether a change may have taken back another's body, by what is seen of it where it cannot be read."""
    one, other = eraser.header, erased.header
    is_later = one.author != other.author or one.seq > other.seq
    return one.space == other.space and one.klass == TALK and is_later
