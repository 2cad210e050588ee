"""The law as it stands in one past: who belongs, who acts for whom, who holds which role.

Every judgement is made through a view of the judged change's own past, so it is the same on every node. The view of
everything that is held is what a node shows and acts by now.
"""

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING

from crdt.change import MAX_SEQ
from node.domain.law.charter import DAY_MS
from node.domain.law.endings import holding
from node.domain.law.records import Act, Cut, Ending, Grant, LogEnd, RoleGrant
from node.domain.law.sealed import FOREVER_MS, Sealed

if TYPE_CHECKING:  # the fold that a view looks into
    from node.domain.law.fold import Law

STEWARD, MODERATOR, AUDITOR, WELCOMER = "steward", "moderator", "auditor", "welcomer"
FOUNDER_ROLES = (STEWARD, MODERATOR, WELCOMER)


class View:
    """The law in the past whose changes are these bits; `now` adds what fork proofs say that lie in no past."""

    __slots__ = ("_cuts", "_endings", "bits", "law", "now", "sealed", "stands")

    def __init__(self, law: "Law", bits: int, sealed: Sealed, *, now: bool = False) -> None:
        self.law = law
        self.bits = bits
        self.sealed = sealed
        self.now = now
        self.stands: dict[bytes, Grant | None] = {}
        self._endings: dict[bytes, list[Ending]] = {}
        self._cuts: dict[bytes, LogEnd] | None = None

    # -- what lies in it, and what of it counts ----------------------------------------------------------------------

    def includes(self, number: int) -> bool:
        """Tell whether a law change lies in this past."""
        return bool(self.bits >> self.law.pasts.place(number) & 1)

    def counts(self, act: Act) -> bool:
        """Tell whether something a member did counts here: not beyond a cut, nor on the forked part of a log."""
        if not self.includes(act.number):
            return False
        kept = self._revoked(act.device)
        if self.is_cut(act) or (kept is not None and not kept >> self.law.pasts.place(act.number) & 1):
            return False
        fork = self.fork_of(act.device)
        return fork is None or act.seq < fork

    def fork_of(self, device: bytes) -> int | None:
        """Return from which sequence number on a log has two branches here; None if it has one.

        A proof about what lies beyond the end of a log is kept only where it came before the end: it says nothing here.
        """
        pairs = self.law.branches.get(device, ())
        seqs = [seq for one, other, seq in pairs if self.includes(one) and self.includes(other)]
        proven = self.law.forked.get(device) if self.now else None
        end = self.cuts().get(device) if proven is not None else None
        if proven is not None and (end is None or proven <= end.last):
            seqs.append(proven)
        return min(seqs, default=None)

    def is_cut(self, act: Act) -> bool:
        """Tell whether a removal cut off what its person did: neither had it seen that, nor did they know of it.

        Who was let in again acts knowing of it; what they did behind its back comes back with nobody.
        """
        place = self.law.pasts.place(act.number)
        unseen = (cut for cut in self.sealed.cuts.get(act.person, ()) if not cut.bits >> place & 1)
        return any(not self._knew(act.number, cut) for cut in unseen)

    def _knew(self, number: int, cut: Cut) -> bool:
        """Tell whether a removal was decided in the past of a law change."""
        return cut.proposal in self.law.sealed(self.law.pasts.covers(number)).finals

    def is_revoked(self, device: bytes) -> bool:
        """Tell whether a device's person ended it."""
        return bool(self.endings(device))

    def _revoked(self, device: bytes) -> int | None:
        """Return the bits up to which a revoked device counts; None while it is not revoked."""
        cut = None
        for ending in self.endings(device):
            cut = ending.bits if cut is None else cut & ending.bits
        return cut

    def endings(self, device: bytes) -> list[Ending]:
        """Return by what a device was ended here: not by what an ended device said beyond its own end."""
        said = self.law.endings.get(device, ())
        people = {ending.act.person for ending in said}
        return [ending for person in people for ending in self._endings_of(person) if ending.device == device]

    def _endings_of(self, person: bytes) -> list[Ending]:
        if person not in self._endings:
            here = [one for one in self.law.endings_by[person] if self.includes(one.act.number)]
            self._endings[person] = holding(here, self.law.pasts.place)
        return self._endings[person]

    # -- who belongs ------------------------------------------------------------------------------------------------

    def holds(self, grant: Grant) -> bool:
        """Tell whether a grant gives its device standing here."""
        if not self.includes(grant.number) or grant.person in self.sealed.removed:
            return False
        if sum(self.counts(act) for act in grant.supports) < grant.needed or self._revoked(grant.device) is not None:
            return False
        leaves = [leave for leave in self.law.leaves.get(grant.person, ()) if self.counts(leave)]
        return all(self.law.pasts.knows(grant.number, leave.number) for leave in leaves)

    def grant_of(self, device: bytes) -> Grant | None:
        """Return the grant by which a device stands, if any does; the earliest, where several let it in at once."""
        if device not in self.stands:
            held = (grant for grant in self.law.grants.get(device, ()) if self.holds(grant))
            self.stands[device] = min(held, key=_by_date, default=None)
        return self.stands[device]

    def person_of(self, device: bytes) -> bytes | None:
        """Return whom a device acts for, or None while it has no standing."""
        grant = self.grant_of(device)
        return grant.person if grant else None

    def is_awaited(self, device: bytes) -> bool:
        """Tell whether a device was certified by another of its person's, who is a member, and has only to enter."""
        offers = self.law.offered.get(device, ()) if device not in self.law.grants else ()
        return any(self.counts(act) and self.is_member(act.person) for act in offers)

    def standing(self) -> Iterator[Grant]:
        """Return, of every device in standing, the grant it stands by."""
        for device in self.law.grants:
            grant = self.grant_of(device)
            if grant is not None:
                yield grant

    def members(self) -> dict[bytes, list[Grant]]:
        """Return every person who belongs, with their devices in order of admission."""
        people: dict[bytes, list[Grant]] = {}
        for grant in self.standing():
            people.setdefault(grant.person, []).append(grant)
        for devices in people.values():
            devices.sort(key=lambda grant: grant.number)
        return people

    def electorate(self) -> frozenset[bytes]:
        """Return everybody who may vote in a vote that is opened on this past."""
        return frozenset(grant.person for grant in self.standing())

    def at_most_all(self, number: int) -> int:
        """Return a number of members that something needs, or how many there are while they are fewer."""
        people: set[bytes] = set()
        for grant in self.standing():
            people.add(grant.person)
            if len(people) >= number:
                return number
        return len(people)

    def is_member(self, person: bytes) -> bool:
        """Tell whether a person belongs."""
        return any(self.holds(grant) for grant in self.law.grants_of(person))

    # -- who may do what ---------------------------------------------------------------------------------------------

    def roles(self, person: bytes, at_ms: int) -> list[RoleGrant]:
        """Return the roles that a person holds at a time."""
        if not self.is_member(person):
            return []
        held = [r for r in self.sealed.roles if r.person == person and r.since_ms <= at_ms <= r.until_ms]
        auditor = person in self.sealed.auditors
        return [*held, *([RoleGrant(person, AUDITOR, "", 0, FOREVER_MS, b"")] if auditor else [])]

    def has_role(self, person: bytes, role: str, at_ms: int) -> bool:
        """Tell whether a person holds a role at a time."""
        return any(held.role == role for held in self.roles(person, at_ms))

    def is_duty_device(self, device: bytes) -> bool:
        """Tell whether a device is the one by which an auditor closes and seals."""
        return self.audits_for(device) is not None

    def audits_for(self, device: bytes, auditors: Mapping[bytes, bytes] | None = None) -> bytes | None:
        """Return the auditor, of these or the present ones, whose duty a device does; None if nobody's."""
        pairs = (self.sealed.auditors if auditors is None else auditors).items()
        return next((person for person, named in pairs if self.duty_device(named) == device), None)

    def duty_device(self, named: bytes) -> bytes | None:
        """Return on which device the duty lies that a decision gave to one: with an ended device it goes over.

        It goes to the device that ended it. Where two ended it unaware of each other, it lies on neither: only a
        decision says where.
        """
        passed: set[bytes] = set()
        while self._revoked(named) is not None:
            passed.add(named)
            heirs = {ending.act.device for ending in self.endings(named)}
            if len(heirs) > 1 or heirs & passed:
                return None
            named = heirs.pop()
        return named

    def cuts(self) -> dict[bytes, LogEnd]:
        """Return, of every device whose log ends here, where: its person was removed, or ended it."""
        if self._cuts is None:
            self._cuts = self._found_cuts()
        return self._cuts

    def _found_cuts(self) -> dict[bytes, LogEnd]:
        found: dict[bytes, LogEnd] = {}
        for person, cut in ((person, cut) for person, cuts in self.sealed.cuts.items() for cut in cuts):
            for device in {one.device for one in self.law.grants_of(person) if not self._knew(one.number, cut)}:
                seals = found[device].seals if device in found else frozenset()
                found[device] = LogEnd(MAX_SEQ, seals | {cut.seal})
        for device in self.law.endings:
            seqs = [ending.last for ending in self.endings(device)]
            if seqs:
                found[device] = LogEnd(min(seqs), found[device].seals if device in found else frozenset())
        return found

    def suspended_until(self, person: bytes, at_ms: int) -> int | None:
        """Return until when a person's posting is paused, if enough moderators said so."""
        times: dict[bytes, int] = {}
        for act in self.pausing(person, at_ms):
            times[act.person] = min(act.time, times.get(act.person, act.time))
        enough = sorted(times.values())[self.sealed.charter["suspenders"] - 1 :]
        return enough[0] + self._pause_ms() if enough else None

    def pausing(self, person: bytes, at_ms: int) -> list[Act]:
        """Return by what moderators ask, at a time, that a person's posting pauses: neither over nor ended since."""
        resumed, length = self.sealed.resumed.get(person, 0), self._pause_ms()
        asked = (act for act in self.law.suspensions.get(person, ()) if resumed < act.time <= at_ms < act.time + length)
        return [act for act in asked if self.counts(act)]

    def _pause_ms(self) -> int:
        days: int = self.sealed.charter["suspension_days"]
        return days * DAY_MS


def _by_date(grant: Grant) -> tuple[int, bytes, int, bytes]:
    """Order grants alike on every node, in whatever order they came."""
    return grant.since_ms, grant.person, grant.slot, grant.inviter or b""


def electorate_root(people: frozenset[bytes]) -> bytes:
    """Return the hash of an electorate."""
    return blake2b(b"".join(sorted(people)), digest_size=32, person=b"commons/voters/1").digest()
