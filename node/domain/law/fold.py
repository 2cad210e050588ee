"""The law fold of one space: judge each law change once, in its own past, and keep what follows.

`Law` is told every law and binding change in an order in which parents come first, and answers whether it has
effect and, if not, why, in words for the public log. What it keeps only grows; what counts is asked through a
`View` of a past, so two nodes with the same set of changes agree on everything.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from crdt.pasts import EMPTY_PAST, Pasts
from identity.errors import CommonsError, Refused
from identity.tickets import Terms, Ticket
from node.domain.area import require
from node.domain.law import admitting, deciding, emergency
from node.domain.law.admitting import MAX_KNOCKS, Effect, LawRule
from node.domain.law.charter import Charter
from node.domain.law.decisions import CastBallot
from node.domain.law.keys import Handing, Rank, Readers, is_rotation
from node.domain.law.membership import (
    LAW_VERSION,
    FoundSpace,
    LeaveSpace,
    ReplaceDevice,
    RevokeDevice,
)
from node.domain.law.records import (
    Act,
    Cut,
    Ending,
    Grant,
    Join,
    LawChange,
    Opening,
    Proposal,
    RoleGrant,
    Seal,
    Takeover,
)
from node.domain.law.sealed import FOREVER_MS, Sealed, sealed_at
from node.domain.law.standing import as_it_stands
from node.domain.law.view import FOUNDER_ROLES, View

__all__ = ["MAX_KNOCKS", "Grant", "Join", "Law", "LawChange"]

Ends = Sequence[tuple[bytes, int, int]]  # whose log, its last sequence number, the past that this hands on
TicketId = tuple[bytes, bytes]  # the device that issued it and its key: the key alone anybody could name again
MAX_STATES = 256
_ENDING = (FoundSpace, RevokeDevice, ReplaceDevice)
_LEAVES_OTHERS = tuple(
    command for command in (*admitting.RULES, *deciding.RULES, *emergency.RULES) if command not in _ENDING
)
"""What bears, but for what seals amount to, on the standing of nobody but those whom it lets in or who leave."""
_RULES: Mapping[type[Any], LawRule] = {**admitting.RULES, **deciding.RULES, **emergency.RULES}


class Standing(NamedTuple):
    """What is known of who stands at present, under which removals; of `stale` devices it is not known any more."""

    removed: frozenset[bytes]
    cuts: Mapping[bytes, tuple[Cut, ...]]
    stands: dict[bytes, Grant | None]
    stale: set[bytes]


@dataclass(slots=True)
class Law:
    """What the law of one space amounts to; `space` is the id of its founding change."""

    pasts: Pasts
    space: bytes
    founding: LawChange | None = None
    grants: dict[bytes, list[Grant]] = field(default_factory=dict)
    joins: dict[bytes, Join] = field(default_factory=dict)
    uses: dict[TicketId, list[int]] = field(default_factory=dict)
    withdrawals: dict[TicketId, list[int]] = field(default_factory=dict)
    admissions: dict[bytes, list[Act]] = field(default_factory=dict)
    leaves: dict[bytes, list[Act]] = field(default_factory=dict)
    endings: dict[bytes, list[Ending]] = field(default_factory=dict)
    endings_by: dict[bytes, list[Ending]] = field(default_factory=dict)
    suspensions: dict[bytes, list[Act]] = field(default_factory=dict)
    proposals: dict[bytes, Proposal] = field(default_factory=dict)
    openings: dict[bytes, Opening] = field(default_factory=dict)
    electorates: dict[bytes, frozenset[bytes]] = field(default_factory=dict)
    seals: dict[bytes, Seal] = field(default_factory=dict)
    supports: dict[bytes, list[tuple[int, bytes]]] = field(default_factory=dict)
    seal_bits: dict[int, bytes] = field(default_factory=dict)
    handed_over: dict[bytes, list[Takeover]] = field(default_factory=dict)
    handings: list[Handing] = field(default_factory=list)
    readers: dict[Rank, Readers] = field(default_factory=dict)
    forked: dict[bytes, int] = field(default_factory=dict)
    branches: dict[bytes, list[tuple[int, int, int]]] = field(default_factory=dict)
    offered: dict[bytes, list[Act]] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)
    latest: Callable[[], Ends] = tuple  # with what the logs end, as far as they stand
    heard: int = 0  # the bits of all law
    _persons: dict[bytes, list[Grant]] = field(default_factory=dict)
    _acts: dict[bytes, list[tuple[int, int, int]]] = field(default_factory=dict)
    _moved: bool = False
    _standing: Standing | None = None
    _mask: int = 0
    _founded: Sealed | None = None
    _present: tuple[tuple[tuple[bytes, int], ...], Ends | None, View] | None = None
    _states: dict[int, Sealed] = field(default_factory=dict)

    # -- views -------------------------------------------------------------------------------------------------------

    def view(self, past: int) -> View:
        """Return the law as it stands in a past."""
        bits = self.pasts.bits(past)
        return View(self, bits, self.sealed(bits))

    def view_of(self, change: LawChange) -> View:
        """Return the law in which a change is judged."""
        return self.view(change.past)

    def present(self) -> View:
        """Return the law as far as this node has heard and it stands; the same view until law changes.

        It remembers much. Where some law does not stand, talk that builds on it can alter that.
        """
        forked, known = tuple(self.forked.items()), self._present
        if known is not None and known[0] == forked and (known[1] is None or known[1] == self.latest()):
            return known[2]
        view = as_it_stands(self)
        whole = not forked and view.bits == self.heard
        self._standing = self._same_standing(view) if whole else None
        self._moved = self._moved or (known is not None and known[2].bits != view.bits)
        self._present = forked, None if whole else self.latest(), view
        return view

    def left_out(self) -> int:
        """Return the bits of what was heard and does not stand."""
        return self.heard ^ self.present().bits

    def _same_standing(self, view: View) -> Standing:
        """Let the present view know what the one before found of who stands, where nothing since then bears on it."""
        known = self._standing
        if known is not None and (known.removed, known.cuts) == (view.sealed.removed, view.sealed.cuts):
            view.stands.update(known.stands)
            for device in known.stale:
                view.stands.pop(device, None)
        return Standing(view.sealed.removed, view.sealed.cuts, view.stands, set())

    def sealed(self, bits: int) -> Sealed:
        """Return what sealed decisions amount to in a past."""
        if self.founding is None:
            return self.at_founding()
        key = bits & self._mask
        found = self._states.get(key)
        if found is None:
            bases = (state for state in reversed(self._states.values()) if state.key & key == state.key)
            base = next(bases, None) or self.at_founding()
            found = self._states[key] = sealed_at(self, base, bits, key)
            while len(self._states) > MAX_STATES:
                del self._states[next(iter(self._states))]
        return found

    def at_founding(self) -> Sealed:
        """Return the state before any decision: the founder alone audits, and holds what roles there are."""
        if self._founded is not None:
            return self._founded
        if self.founding is None:
            return Sealed(0, Charter({}), {}, 1)
        command: FoundSpace = self.founding.command
        founder = self.grants[self.founding.author][0].person
        roles = tuple(RoleGrant(founder, role, "", 0, FOREVER_MS, b"") for role in FOUNDER_ROLES)
        charter = Charter(dict(map(tuple, command.said())))
        self._founded = Sealed(0, charter, {founder: self.founding.author}, 1, roles=roles)
        return self._founded

    # -- questions about now -------------------------------------------------------------------------------------------

    def person_of(self, device: bytes) -> bytes | None:
        """Return whom a device acts for, or None while it has no standing."""
        return self.present().person_of(device)

    def owner_of(self, device: bytes) -> bytes | None:
        """Return whom a device acts for, or acted for while it had standing: whose what it said then is."""
        person = self.person_of(device)
        return person or min((grant.person for grant in self.grants.get(device, ())), default=None)

    def in_standing(self, device: bytes, past: int) -> Grant | None:
        """Return the grant by which a device stands in a past, if it does."""
        return self.view(past).grant_of(device) if device in self.grants else None

    def members(self) -> dict[bytes, list[Grant]]:
        """Return every person who belongs, with their devices in order of admission."""
        return self.present().members()

    def devices_of(self, person: bytes) -> list[Grant]:
        """Return a person's devices in standing."""
        view = self.present()
        devices = dict.fromkeys(grant.device for grant in self.grants_of(person))
        held = (view.grant_of(device) for device in devices)
        return [grant for grant in held if grant is not None and grant.person == person]

    def standing(self) -> Iterator[Grant]:
        """Return, of every device in standing now, the grant it stands by."""
        return self.present().standing()

    def grants_of(self, person: bytes) -> list[Grant]:
        """Return every grant that a person's devices ever got."""
        return self._persons.get(person, [])

    def waiting(self, inviter: bytes) -> Iterator[Join]:
        """Return the knocks with a ticket of this device that nobody answered yet."""
        return (join for join in self.joins.values() if not join.admitted and join.terms.inviter == inviter)

    def pending(self, ticket: Terms) -> int:
        """Return how many knocks with a ticket nobody answered yet."""
        return sum(join.terms.key == ticket.key for join in self.waiting(ticket.inviter))

    def pending_unknown(self) -> int:
        """Return how many knocks nobody answered yet that came by a ticket of a device without standing."""
        return sum(not join.admitted and self.person_of(join.terms.inviter) is None for join in self.joins.values())

    def uses_of(self, ticket: Terms | Ticket, view: View | None = None) -> int:
        """Return how many were let in by a ticket."""
        view = view or self.present()
        return sum(view.includes(number) for number in self.uses.get((ticket.inviter, ticket.key), ()))

    def is_withdrawn(self, ticket: Terms | Ticket, view: View | None = None) -> bool:
        """Tell whether the device that issued a ticket withdrew it."""
        view = view or self.present()
        return any(view.includes(number) for number in self.withdrawals.get((ticket.inviter, ticket.key), ()))

    def ticket_holds(self, terms: Terms, now_ms: int, view: View | None = None) -> None:
        """A ticket lets in until it is withdrawn, used up or expired.

        Raises:
            Refused: saying which.
        """
        require(not self.is_withdrawn(terms, view), "This invitation was withdrawn.")
        require(self.uses_of(terms, view) < terms.uses, "This invitation was used up.")
        require(now_ms <= terms.expires_ms, "This invitation has expired.")

    # -- judging ----------------------------------------------------------------------------------------------------

    def judge(self, change: LawChange) -> bool:
        """Give a law change its effect, or note why it has none; tell whether it has."""
        if self._note_branch(change):
            self._standing = None
        self._present = None
        before = len(self.seal_bits)
        try:
            effect = self._judged(change, self.view_of(change))
        except CommonsError as error:
            self.refused[change.number] = str(error)
            return False
        finally:
            self.heard |= 1 << self.pasts.place(change.number)
        effect()
        self._present = None
        self._note_standing(change)
        self._note_handing(change)
        self._moved = self._moved or not isinstance(change.command, CastBallot)  # ballots wait for their vote's end
        if len(self.seal_bits) > before:
            self._mask |= 1 << self.pasts.place(change.number)
        return True

    def _note_standing(self, change: LawChange) -> None:
        """Forget what a change of law bears on of what is known about who stands."""
        if isinstance(change.command, LeaveSpace) and self._standing is not None:
            left = {grant.person for grant in self.grants.get(change.author, ())}
            self._standing.stale.update(grant.device for person in left for grant in self.grants_of(person))
        elif not isinstance(change.command, _LEAVES_OTHERS):
            self._standing = None

    def counts(self, change: LawChange) -> bool:
        """Tell whether a law change would have effect; nothing of it is remembered."""
        return self._why_not(change, self.view_of(change)) is None

    def _judged(self, change: LawChange, view: View) -> Effect:
        """Return the effect of a law change under the rules in a past.

        Raises:
            CommonsError: if it has none, saying why.
        """
        rule = _RULES.get(type(change.command))
        if rule is None:
            raise Refused("this kind of law is not known under these rules")
        require(
            change.time >= self._own_time(change, view), "this change is dated before an earlier one of its own log"
        )
        require(view.sealed.version <= LAW_VERSION, "this space's rules need a newer version of commons")
        return rule(self, change, view)

    def would_refuse(self, device: bytes, now_ms: int, command: Any) -> str | None:
        """Return why a command of a device would be refused if it were signed now; None if it would have effect.

        It is judged in its past, which may hold what lies on the forked part of a log and no longer counts at present.
        """
        latest = max((time for _, _, time in self._acts.get(device, ())), default=0)
        seq = 2**31 if device in self._acts else 1
        change = LawChange(b"", 0, device, seq, max(now_ms, latest), EMPTY_PAST, command)
        present = self.present()
        why = self._why_not(change, present)
        if why is None and self.forked:
            why = self._why_not(change, View(self, present.bits, present.sealed))
        return why

    def _why_not(self, change: LawChange, view: View) -> str | None:
        try:
            self._judged(change, view)
        except CommonsError as error:
            return str(error)
        return None

    def has_moved(self) -> bool:
        """Tell, once, whether something had an effect by which somebody may have something to do."""
        moved, self._moved = self._moved, False
        return moved

    def _note_branch(self, change: LawChange) -> bool:
        """Remember where two law changes of one log do not know of each other: its author forked it.

        Tells whether that is so.
        """
        acts = self._acts.setdefault(change.author, [])
        bits = self.pasts.bits(change.past)
        is_branch = False
        for number, seq, _ in reversed(acts):
            if bits >> self.pasts.place(number) & 1:
                break
            is_branch = True
            self.branches.setdefault(change.author, []).append((number, change.number, min(seq, change.seq)))
        acts.append((change.number, change.seq, change.time))
        return is_branch

    def authors(self) -> Iterable[bytes]:
        """Return the devices that said anything of law."""
        return self._acts

    def acts_of(self, device: bytes) -> Sequence[tuple[int, int, int]]:
        """Return of everything a device said of law its number, sequence number and time, in order of arrival."""
        return self._acts.get(device, ())

    def _own_time(self, change: LawChange, view: View) -> int:
        """Return the latest time that a change's own log claims before it."""
        acts = self._acts.get(change.author, ())
        times = (at for number, _, at in reversed(acts) if view.includes(number))
        return max(times, default=0) if change.author in self.branches else next(times, 0)

    def _note_handing(self, change: LawChange) -> None:
        wraps = getattr(change.command, "wraps", None)
        if wraps is not None:
            to = frozenset(reader for reader, _ in wraps)
            self.handings.append(Handing(change.depth, change.id, change.number, to, is_rotation(change.command)))

    def grant(self, grant: Grant) -> None:
        """Let a device act for its person from this change on."""
        self.grants.setdefault(grant.device, []).append(grant)
        self._persons.setdefault(grant.person, []).append(grant)
        if self._standing is not None:
            self._standing.stale.add(grant.device)
