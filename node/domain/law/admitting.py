"""The rules of belonging: each judges one command in the view of its own past, and gives it its effect.

Every rule raises Refused, in words for the public log and for whoever is about to sign, or answers with the effect.
So a command can be tried before it is signed.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from identity.certificates import SLOTS, Certificate, read_certificate
from identity.tickets import check_proof, read_terms
from node.domain.area import need, require
from node.domain.law.charter import DAY_MS, INVITE, OPEN, VOUCH
from node.domain.law.membership import (
    AdmitMember,
    CertifyDevice,
    EnterDevice,
    FoundSpace,
    HandKeys,
    JoinSpace,
    LeaveSpace,
    ReplaceDevice,
    RevokeDevice,
    RotateKeys,
    SuspendMember,
    VouchFor,
    WithdrawTicket,
)
from node.domain.law.powers import may_invite, may_pause
from node.domain.law.records import Act, Ending, Grant, Join, LawChange
from node.domain.law.view import View

if TYPE_CHECKING:  # the fold that these rules belong to
    from node.domain.law.fold import Law

MAX_KNOCKS = 8
MAX_EVER = 256
QUOTA_MS = 30 * DAY_MS
Effect = Callable[[], None]
LawRule = Callable[["Law", LawChange, View], Effect]


def member(view: View, change: LawChange) -> Act:
    """Return who acts, who has to be a member in this past.

    Raises:
        Refused: if they are not.
    """
    return act_of(change, need(view.person_of(change.author), "only members do this"))


def act_of(change: LawChange, person: bytes) -> Act:
    """Return what a person does by a change."""
    return Act(change.author, person, change.number, change.seq, change.time)


def found_space(law: "Law", change: LawChange, _view: View) -> Effect:
    """The one change that begins a space makes its author the first member, steward and auditor."""
    require(change.id == law.space, "a space is founded once, by the change that names it")
    certificate = read_certificate(change.command.certificate)
    require(certificate.device == change.author, "the founder's certificate names another device")

    def effect() -> None:
        law.founding = change
        law.grant(granted(change, change.command.certificate))

    return effect


def granted(
    change: LawChange, raw: bytes, supports: tuple[Act, ...] = (), needed: int = 0, inviter: bytes | None = None
) -> Grant:
    """Return what a change grants to the device of a certificate."""
    certificate = read_certificate(raw)
    place = (certificate.device, certificate.person, certificate.slot, change.number, raw)
    return Grant(*place, inviter, supports, needed, change.time)


def join_space(law: "Law", change: LawChange, view: View) -> Effect:
    """A newcomer knocks with a ticket made out by a member's device, before they say anything else.

    Who was turned away may knock again with another ticket, a few times; so may who left.
    """
    command: JoinSpace = change.command
    again = any(view.includes(grant.number) for grant in law.grants.get(change.author, ()))
    require(view.grant_of(change.author) is None, "a member has no need to knock")
    require(again or change.seq <= MAX_KNOCKS, "a knock comes before anything else in a log")
    terms = read_terms(command.terms, command.terms_signature)
    require(terms.space == law.space, "this ticket is for another space")
    check_proof(terms, command.proof, command.person, change.author)
    if terms.purpose == "member":
        certificate = read_certificate(command.certificate)
        holds = certificate.device == change.author and certificate.person == command.person
        require(holds, "the newcomer's certificate names another device or person")

    def effect() -> None:
        law.joins[change.id] = Join(change, terms)

    return effect


def vouch_for(law: "Law", change: LawChange, view: View) -> Effect:
    """A member vouches for somebody whose knock they have seen."""
    me = member(view, change)
    join = seen_join(law, change.command.join, view)
    require(join.terms.purpose == "member", "a device needs no vouching")
    require(me.person not in {act.person for act in join.vouches if view.includes(act.number)}, "vouched for already")
    return lambda: join.vouches.append(me)


def admit_member(law: "Law", change: LawChange, view: View) -> Effect:
    """A member lets a newcomer in, as the rules in this past say."""
    me = member(view, change)
    join = seen_join(law, change.command.join, view)
    require(join.terms.purpose == "member", "this ticket is for something else")
    require(not any(view.includes(number) for number in join.answers), "this knock was answered already")
    barred = join.change.command.person in view.sealed.removed
    require(not barred, "this person was removed by a decision; another one lets them in again")
    supports, needed = _ADMISSIONS[view.sealed.charter["admission"]](law, me, join, view)
    _within_quota(law, me, view, change.time)

    def effect() -> None:
        _answered(law, join, change)
        law.admissions.setdefault(me.person, []).append(me)
        law.grant(granted(change, join.change.command.certificate, supports, needed, me.person))

    return effect


def _answered(law: "Law", join: Join, change: LawChange) -> None:
    join.answers.append(change.number)
    law.uses.setdefault((join.terms.inviter, join.terms.key), []).append(change.number)


def _by_ticket(law: "Law", me: Act, join: Join, view: View) -> tuple[tuple[Act, ...], int]:
    require(join.terms.inviter == me.device, "only the device that issued a ticket admits by it")
    _may_invite(view, me)
    law.ticket_holds(join.terms, me.time, view)
    return (me,), 1


def _by_anybody(_law: "Law", me: Act, _join: Join, _view: View) -> tuple[tuple[Act, ...], int]:
    return (me,), 1


def _by_vouches(_law: "Law", _me: Act, join: Join, view: View) -> tuple[tuple[Act, ...], int]:
    needed = view.at_most_all(view.sealed.charter["vouchers"])  # or the first members could let nobody in
    vouches = tuple(act for act in join.vouches if view.counts(act))
    require(len({act.person for act in vouches}) >= needed, "not enough members have vouched yet")
    return vouches, needed


def _by_decision(_law: "Law", me: Act, join: Join, view: View) -> tuple[tuple[Act, ...], int]:
    require(join.change.command.person in view.sealed.admitted, "the members have not decided to let this person in")
    return (me,), 1


_ADMISSIONS: Mapping[str, Callable[["Law", Act, Join, View], tuple[tuple[Act, ...], int]]] = {
    INVITE: _by_ticket,
    OPEN: _by_anybody,
    VOUCH: _by_vouches,
    "vote": _by_decision,
}


def _may_invite(view: View, me: Act) -> None:
    require(may_invite(view, me.person, me.time), "only stewards invite here")


def _within_quota(law: "Law", me: Act, view: View, at_ms: int) -> None:
    """A member lets in only so many people in 30 days.

    Raises:
        Refused: if that was reached.
    """
    allowed = view.sealed.charter["invitations"]
    earlier = law.admissions.get(me.person, ())
    if len(earlier) >= allowed:
        recent = sum(at_ms - act.time < QUOTA_MS and view.includes(act.number) for act in earlier)
        require(recent < allowed, "this member has let in as many people as the rules allow in 30 days")


def certify_device(law: "Law", change: LawChange, view: View) -> Effect:
    """A person's device adds another to that person, in a slot of its own.

    Where the device itself has not knocked, this only opens the door to it: whose it is, it says itself by entering,
    or anybody could certify a stranger's key as their own.
    """
    me = member(view, change)
    certificate = read_certificate(change.command.certificate)
    require(certificate.person == me.person, "a device is added by its own person, to its own person")
    need_slot(law, certificate, view)
    if not change.command.join:
        return lambda: law.offered.setdefault(certificate.device, []).append(me)
    join = seen_join(law, change.command.join, view)
    require(join.terms.purpose == "device", "this ticket is for something else")
    require(join.terms.inviter == me.device, "only the device that issued a ticket admits by it")
    require(not any(view.includes(number) for number in join.answers), "this knock was answered already")
    require(certificate.device == join.change.author, "this certificate is for another device than knocked")
    law.ticket_holds(join.terms, change.time, view)

    def effect() -> None:
        _answered(law, join, change)
        law.grant(granted(change, change.command.certificate, (me,), 1))

    return effect


def enter_device(law: "Law", change: LawChange, view: View) -> Effect:
    """A new device of a member enters on its person's own certificate, as the first thing it says."""
    require(change.seq == 1, "a device enters with the first change of its log")
    certificate = read_certificate(change.command.certificate)
    require(certificate.device == change.author, "this certificate names another device")
    require(view.is_member(certificate.person), "this device's person is not a member")
    need_slot(law, certificate, view)
    me = act_of(change, certificate.person)
    return lambda: law.grant(granted(change, change.command.certificate, (me,), 1))


def replace_device(law: "Law", change: LawChange, view: View) -> Effect:
    """A new device of a member enters in the place of another of theirs, which it ends, as the first thing it says."""
    require(change.seq == 1, "a device enters with the first change of its log")
    certificate = read_certificate(change.command.certificate)
    require(certificate.device == change.author, "this certificate names another device")
    require(view.is_member(certificate.person), "this device's person is not a member")
    grant = view.grant_of(change.command.device)
    theirs = grant is not None and grant.person == certificate.person
    require(theirs and change.command.device != change.author, "a device takes the place of another of its own person")
    had(law, certificate.person, view)
    assert grant is not None  # noqa: S101 - require said so
    require(grant.slot == certificate.slot, "this certificate is for another place than the device's")
    me = Act(change.author, certificate.person, change.number, change.seq, change.time)
    end = _ending(law, change, me)

    def effect() -> None:
        law.grant(granted(change, change.command.certificate, (me,), 1))
        end()

    return effect


def revoke_device(law: "Law", change: LawChange, view: View) -> Effect:
    """A person ends one of their own devices from another, with what it did up to a place in its log."""
    me = member(view, change)
    device = change.command.device
    known = (grant for grant in law.grants.get(device, ()) if view.includes(grant.number))
    require(any(grant.person == me.person for grant in known), "a device is ended by its own person")
    require(device != me.device, "a device is ended from another device of its person")
    require(not view.is_revoked(device), "this device was ended already")
    return _ending(law, change, me)


def _ending(law: "Law", change: LawChange, me: Act) -> Effect:
    device = change.command.device
    ending = Ending(device, me, law.pasts.bits(change.past), change.command.last)

    def effect() -> None:
        law.endings.setdefault(device, []).append(ending)
        law.endings_by.setdefault(me.person, []).append(ending)

    return effect


def withdraw_ticket(law: "Law", change: LawChange, view: View) -> Effect:
    """A device withdraws a ticket; it binds the admissions of that same device only."""
    member(view, change)
    ticket = (change.author, change.command.ticket)
    return lambda: law.withdrawals.setdefault(ticket, []).append(change.number)


def leave_space(law: "Law", change: LawChange, view: View) -> Effect:
    """A member leaves."""
    me = member(view, change)
    return lambda: law.leaves.setdefault(me.person, []).append(me)


def hand_keys(_law: "Law", change: LawChange, view: View) -> Effect:
    """A member begins new secrets, or hands them on; to whom, the fold notes by itself."""
    member(view, change)
    return lambda: None


def suspend_member(law: "Law", change: LawChange, view: View) -> Effect:
    """A moderator asks for a pause of somebody's posting."""
    me = member(view, change)
    person = change.command.person
    require(may_pause(view, me.person, change.time), "only moderators pause somebody's posting")
    require(view.is_member(person), "this person is not a member")
    return lambda: law.suspensions.setdefault(person, []).append(me)


def need_slot(law: "Law", certificate: Certificate, view: View) -> None:
    """A person has 16 numbered slots, and a device one of its own; that of an ended device is free again.

    Raises:
        Refused: if the slot is taken in this past.
    """
    taken = {grant.slot for grant in had(law, certificate.person, view) if not view.is_revoked(grant.device)}
    require(certificate.slot < SLOTS and certificate.slot not in taken, "this person's slot is taken")


def had(law: "Law", person: bytes, view: View) -> list[Grant]:
    """Return the grants that a person's devices ever got, as far as a past shows.

    Raises:
        Refused: if they are more than anybody needs: what each of them ended has to be weighed again and again.
    """
    known = [grant for grant in law.grants_of(person) if view.includes(grant.number)]
    require(len(known) < MAX_EVER, f"this person has had {MAX_EVER} devices here, which is as many as there may be")
    return known


def seen_join(law: "Law", id_: bytes, view: View) -> Join:
    """Return a knock that lies in this past.

    Raises:
        Refused: if there is none.
    """
    join = need(law.joins.get(id_), "this names a knock that is not there")
    require(view.includes(join.change.number), "this names a knock it has not seen")
    return join


RULES: Mapping[type[Any], LawRule] = {
    FoundSpace: found_space,
    JoinSpace: join_space,
    VouchFor: vouch_for,
    AdmitMember: admit_member,
    CertifyDevice: certify_device,
    EnterDevice: enter_device,
    RevokeDevice: revoke_device,
    ReplaceDevice: replace_device,
    WithdrawTicket: withdraw_ticket,
    LeaveSpace: leave_space,
    RotateKeys: hand_keys,
    HandKeys: hand_keys,
    SuspendMember: suspend_member,
}
