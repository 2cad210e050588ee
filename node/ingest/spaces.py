"""What a running node knows of one space: history, law, secrets; and how bodies are opened with them."""

import contextlib
import itertools
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any, NamedTuple

import msgpack

from crdt.change import BINDING, LAW, PUBLIC, Change, open_change
from crdt.history import Accepted, History, Parent
from crdt.standing import Doubts
from identity.errors import CommonsError, Malformed
from identity.sealed import SECRET_BYTES, name_of, open_with, seal_to
from node.domain import registry
from node.domain.area import Fact, read_command, require
from node.domain.law.fold import Ends, Law, LawChange
from node.domain.law.keys import Rank, is_rotation, rank_of
from node.domain.law.membership import RotateKeys
from node.domain.law.view import View
from node.store.log import SpaceIndex, Stored
from node.store.vault import Vault

RECENT = 2048
AREAS = registry.AREAS  # importing it made every kind known


Elsewhere = tuple[bytes, bytes, str]
"""Another space of the same person: its id, discovery key and name."""


class Handover(NamedTuple):
    """Which rotation secrets belong to that a change of law hands on; `trusted` if it began them or let this one in."""

    rank: Rank
    trusted: bool


@dataclass(slots=True)
class Secrets:
    """The secrets of a space that this device holds.

    A neighbour may hand over any secret: it can only open what names it. What this device seals with is `present`,
    by use, and only a change of law says which secrets these are. What was only `heard` of a neighbour, before the law
    that it holds is here too, is handed on to nobody: that law may say who has gone. Where something that is here is
    sealed with it, it is here: who wrote that knew the rotation, and so it lies in the past.
    """

    discovery: bytes
    law: list[bytes] = field(default_factory=list)
    talk: list[bytes] = field(default_factory=list)
    by_name: dict[bytes, bytes] = field(default_factory=dict)
    present: dict[str, bytes] = field(default_factory=dict)
    rank: Rank = (0, b"")
    heard: dict[bytes, bytes] = field(default_factory=dict)  # by name: of whom
    ranks: dict[Rank, list[tuple[Sequence[bytes], Sequence[bytes]]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._know(self.knock())
        for secret in (*self.law, *self.talk):
            self._know(secret)

    def knock(self) -> bytes:
        """Return the secret under which a newcomer, who holds only the discovery key, seals their knock."""
        return blake2b(b"", key=self.discovery, person=b"commons/knock/1", digest_size=SECRET_BYTES).digest()

    def add(self, use: str, secret: bytes) -> bool:
        """Take a secret in; tell whether it is new."""
        if name_of(secret) in self.by_name:
            return False
        (self.law if use == "law" else self.talk).append(secret)
        self._know(secret)
        return True

    def adopt(self, law: Sequence[bytes], talk: Sequence[bytes]) -> None:
        """Seal with the last of these from now on: a change of law handed them to this device."""
        for use, secrets in (("law", law), ("talk", talk)):
            if secrets:
                self.present[use] = secrets[-1]

    def adopt_from(self, handover: Handover, law: Sequence[bytes], talk: Sequence[bytes]) -> None:
        """Adopt what a change of law handed on, unless what is written with belongs to a later rotation.

        Of the same rotation, only what began it or let this device in counts over what another member handed on first,
        or any member could say what others seal with.
        """
        rank, trusted = handover
        begun = self.ranks.setdefault(rank, [])
        begun.insert(len(begun) if trusted else 0, (law, talk))
        if rank > self.rank or "talk" not in self.present or (trusted and rank == self.rank):
            self.rank = max(rank, self.rank)
            self.adopt(law, talk)

    def adopt_among(self, ranks: Container[Rank]) -> None:
        """Seal with the latest of some rotations: one that somebody began on the void part of a log began nothing."""
        latest = max((rank for rank in self.ranks if rank in ranks), default=self.rank)
        if latest == self.rank:
            return
        self.present, self.rank = {}, latest
        for law, talk in self.ranks[self.rank]:
            self.adopt(law, talk)

    def _know(self, secret: bytes) -> None:
        self.by_name[name_of(secret)] = secret

    def wrapped(self, elsewhere: Sequence[Elsewhere] = ()) -> bytes:
        """Return all of them as bytes to be sealed to a device; one's own learns of one's other spaces too."""
        packed: bytes = msgpack.packb([self.handed("law"), self.handed("talk"), elsewhere])
        return packed

    def note_law_of(self, peer: bytes) -> None:
        """Note that all law is here that a neighbour holds."""
        self.heard = {name: teller for name, teller in self.heard.items() if teller != peer}

    def handed(self, use: str) -> list[bytes]:
        """Return the secrets of a use that are handed on; who gets them writes with the last one."""
        present = self.present.get(use)
        every = [one for one in (self.law if use == "law" else self.talk) if name_of(one) not in self.heard]
        return sorted(every, key=lambda one: one == present)

    def with_talk(self, talk: Sequence[bytes]) -> "Secrets":
        """Return the same with these secrets of talk only."""
        return replace(self, law=list(self.law), talk=list(talk), by_name={})

    def sealed_to(self, devices: Iterable[bytes], elsewhere: Sequence[Elsewhere] = ()) -> list[list[bytes]]:
        """Return all of them sealed to devices, as law carries them; who has a key that takes no seal is left out."""
        wrapped = self.wrapped(elsewhere)
        wraps = []
        for device in devices:
            with contextlib.suppress(Malformed):
                wraps.append([device, seal_to(wrapped, device)])
        return wraps


def read_wrapped(data: bytes) -> tuple[list[bytes], list[bytes], list[Elsewhere]]:
    """Read what `Secrets.wrapped` wrote.

    Raises:
        Malformed: if it is something else.
    """
    try:
        law, talk, elsewhere = msgpack.unpackb(data, use_list=True)
        others = [(id_, discovery, str(name)[:80]) for id_, discovery, name in elsewhere]
        keys = [*law, *talk, *(part for other in others for part in other[:2])]
        well = all(type(secret) is bytes and len(secret) == SECRET_BYTES for secret in keys)
    except (ValueError, TypeError, msgpack.exceptions.UnpackException) as error:
        raise Malformed("sealed secrets are malformed") from error
    if not well:
        raise Malformed("sealed secrets are malformed")
    return law, talk, others


def read_before(command: Any, law: Sequence[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Read the earlier secrets that a rotation seals with its new law secret; nothing for anything else.

    Raises:
        Malformed: if they do not open with it.
    """
    if not isinstance(command, RotateKeys) or not command.before or not law:
        return [], []
    earlier_law, earlier_talk, _ = read_wrapped(open_with(command.before, law[-1]))
    return earlier_law, earlier_talk


def lets_in(law: Law, command: Any, device: bytes) -> bool:
    """Tell whether a command of law answers the knock of a device."""
    join = law.joins.get(getattr(command, "join", b""))
    return join is not None and join.change.author == device


def handover(law: Law, change: LawChange, device: bytes) -> Handover:
    """Return which rotation's secrets a change hands to a device, and whether it began them or let the device in."""
    command = change.command
    return Handover(rank_of(law, change), is_rotation(command) or lets_in(law, command, device))


def adopt_wraps(law: Law, secrets: Secrets, vault: Vault, change: LawChange) -> set[bytes]:
    """Seal with what a stored change of law handed to this device, or to one that it replaced; returns their names."""
    given: set[bytes] = set()
    for reader, sealed in getattr(change.command, "wraps", ()):
        data = vault.open_wrap(reader, sealed)
        if data is not None:
            handed, talk, _ = read_wrapped(data)
            before = read_before(change.command, handed)
            secrets.adopt_from(handover(law, change, reader), handed, talk)
            given.update(map(name_of, [*before[0], *handed, *before[1], *talk]))
    return given


class Paused(NamedTuple):
    """What decides when somebody's posting is paused: who asked for it when, and the rules about it."""

    acts: tuple[tuple[int, bytes], ...]
    resumed: int
    needed: int
    days: int


@dataclass(slots=True)
class Space:
    """One space as the running node holds it. `state` is member, waiting (knocked, not admitted) or left.

    `believed` holds devices that showed papers, each with the device in standing from which these lead to it. `doubts`
    tell what is void, once that was looked at, with each log being whose `settled_for` says.
    """

    index: SpaceIndex
    name: str
    state: str
    secrets: Secrets
    history: History = field(default_factory=History)
    law: Law = field(init=False)
    knock: bytes = b""
    dangling: set[bytes] = field(default_factory=set)
    recent: dict[bytes, Parent] = field(default_factory=dict)
    saved_pasts: int = 1
    believed: dict[bytes, bytes] = field(default_factory=dict)
    paused: dict[bytes, Paused] = field(default_factory=dict)
    sealing_checked: View | None = None  # the law in which who reads what is written here was last looked at
    may_lack_files: bool = True
    doubts: Doubts | None = None
    settled_for: dict[bytes, bytes] = field(default_factory=dict)
    unread_law: set[bytes] = field(default_factory=set)  # the names of the secrets that some law is sealed with
    left_out: int = 0  # the law that did not stand when law was followed last
    _ends: tuple[int, Ends] | None = None

    def __post_init__(self) -> None:
        self.law = Law(self.history.pasts, self.id)
        self.law.latest = self._latest

    def _latest(self) -> Ends:
        """Return with what the logs end; they are looked through anew once something was stored."""
        if self._ends is None or self._ends[0] != self.history.size:
            logs = self.history.logs.values()
            self._ends = self.history.size, tuple((log.author, log.seq, log.parent.past) for log in logs)
        return self._ends[1]

    @property
    def id(self) -> bytes:
        """The id of the founding change."""
        return self.index.id

    # -- what a sync session asks (crdt.effects.SpaceView) ---------------------------------------------------------

    def discovery_key(self) -> bytes:
        """Return the constant key under which members recognise the space."""
        return self.secrets.discovery

    def is_open(self) -> bool:
        """Tell whether this node was let in and holds the law."""
        return self.state == "member" and self.law.founding is not None

    def has_left(self) -> bool:
        """Tell whether this node's person left the space."""
        return self.state == "left"

    def in_standing(self, device: bytes) -> bool:
        """Tell whether a device belongs, as far as this node has heard."""
        view = self.law.present()
        if device in self.law.grants:  # once law has heard of it, law says
            return view.person_of(device) is not None
        if view.is_awaited(device):
            return True
        by = self.believed.get(device)
        return by is not None and self.law.person_of(by) is not None

    def my_knock(self) -> bytes | None:
        """Return this node's knock while it waits to be let in."""
        return self.knock if self.state == "waiting" else None

    def inviter_of(self, device: bytes) -> bytes | None:
        """Return the device that has to answer a peer's knock, if it knocked."""
        knocks = (join for join in self.law.joins.values() if join.change.author == device)
        last = max(knocks, key=lambda join: join.change.seq, default=None)
        return last.terms.inviter if last else None

    def keys_digest(self) -> bytes:
        """Return 8 bytes that are equal for two nodes with the same secrets."""
        return blake2b(b"".join(sorted(self.secrets.by_name)), digest_size=8).digest()

    def keys_for(self, device: bytes) -> bytes:
        """Return the space's secrets sealed to a device."""
        return seal_to(self.for_newcomers().wrapped(), device)  # where those of talk are not among it, law hands them

    def keys_missed(self) -> set[bytes]:
        """Return the names of the secrets that would open law which lies sealed here."""
        return self.unread_law - self.secrets.by_name.keys()

    def for_newcomers(self) -> Secrets:
        """Return what a newcomer gets: all law, and what was said before they came if the rules say so."""
        if self.law.present().sealed.charter["newcomers_read_past"]:
            return self.secrets
        return self.secrets.with_talk([])

    def presently(self) -> Secrets:
        """Return what members hand each other: everything, or of talk only what is written with now, as rules say."""
        secrets = self.secrets
        if self.law.present().sealed.charter["newcomers_read_past"] or "talk" not in secrets.present:
            return secrets
        return secrets.with_talk([secrets.present["talk"]])

    # -- on the road ------------------------------------------------------------------------------------------------

    def remember(self, entries: Sequence[Accepted]) -> None:
        """Keep the latest changes as parents, so that most that arrive need no look into the store."""
        as_parent = self.history.as_parent
        self.recent.update((entry.change.id, as_parent(entry)) for entry in entries[-RECENT:])
        for id_ in list(itertools.islice(self.recent, max(0, len(self.recent) - RECENT))):
            del self.recent[id_]

    def secret_for(self, klass: int) -> bytes | None:
        """Return the secret that a new change of a class is sealed with."""
        return self.secrets.present.get("law" if klass in (LAW, BINDING) else "talk")

    def sealing(self, command: Any) -> bytes | None:
        """Return the secret that a command of a member is sealed with; None for one that is said in public.

        What whoever comes later has to read as well is sealed with the secret of law, which all of them get.

        Raises:
            Refused: if this device lacks the secret: without one it would be public.
        """
        if getattr(command, "is_public", False):
            return None
        secret = self.secret_for(LAW if getattr(command, "is_for_newcomers", False) else command.klass)
        require(secret is not None, "This device was not given the keys of this space yet.")
        return secret

    def open(self, change: Change, encoded: bytes | None = None) -> "Opened":
        """Open a body as far as this node can; `encoded` is the change's header where it is at hand."""
        epoch = change.header.epoch
        secret = self.secrets.by_name.get(epoch)
        if change.body is None:
            return Opened(erased=True)
        if epoch != PUBLIC and secret is None:
            return Opened(locked=True)
        try:
            body = open_change(change, secret, encoded)
            command = read_command(body)
        except CommonsError as error:
            return Opened(wrong=str(error))
        return Opened(body=body, command=command)

    def person_of(self, device: bytes) -> bytes | None:
        """Return whose device this is or was, the one who knocks included."""
        person = self.law.owner_of(device)
        if person is not None:
            return person
        return next(
            (join.change.command.person for join in self.law.joins.values() if join.change.author == device), None
        )

    def persons(self) -> dict[bytes, bytes]:
        """Return whose every log is, by its device; one that nobody is known to stand behind is its own.

        Of several persons whom a device named when it knocked it is the least: they may come in any order.
        """
        knocked: dict[bytes, bytes] = {}
        for join in self.law.joins.values():
            author, person = join.change.author, join.change.command.person
            knocked[author] = min(person, knocked.get(author, person))
        owner_of = self.law.owner_of
        return {device: owner_of(device) or knocked.get(device, device) for device in self.index.logs}

    def fact(self, entry: Accepted | Stored, command: Any) -> Fact:
        """Return a command as a fact about its subject."""
        header = entry.change.header
        author = header.author
        person = self.law.owner_of(author) or author
        log = self.index.logs[author]
        return Fact(
            entry.change.id, entry.number, entry.depth, header.time, self.index.no, log, author, person, command
        )

    def law_change(self, entry: Accepted, command: Any) -> LawChange:
        """Return a law change with its place."""
        header = entry.change.header
        place = (entry.change.id, entry.number, header.author, header.seq, header.time, entry.past)
        return LawChange(*place, command, entry.depth)


class Opened(NamedTuple):
    """What opening a body gave: a command, a body not understood, nothing yet (locked), or a fault."""

    body: list[Any] | None = None
    command: Any = None
    locked: bool = False
    erased: bool = False
    wrong: str | None = None
