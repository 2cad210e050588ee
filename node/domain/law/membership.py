"""Who belongs: founding, knocking, vouching, letting in, devices, keys, pausing, leaving.

Each law change is judged once, in the state of its own past, which its hashes pin; so what is accepted depends on
the set of changes only, never on the order in which they arrive (design: governance, "Order and authority").
Bodies of law hold no free text.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from crdt.change import BINDING, ID_BYTES, LAW
from identity.certificates import read_certificate
from identity.tickets import read_terms
from node.domain.area import register, well_formed
from node.domain.law.charter import check_rules

LAW_VERSION = 1
KEY_BYTES = 32
MAX_WRAPS = 4_096
MAX_WRAP_BYTES = 16_384
MAX_BEFORE_BYTES = 128 * 1024


@dataclass(frozen=True, slots=True)
class FoundSpace:
    """Begin a space: its first member, their device, its rules where they differ, the secrets for that device."""

    law_version: int
    certificate: bytes
    rules: list[Any] | str
    wraps: list[Any]
    kind: ClassVar[str] = "space.found"
    klass: ClassVar[int] = LAW

    def check(self) -> None:
        """Raise Malformed unless the rules are known and the certificate holds."""
        well_formed(self.law_version == LAW_VERSION, "a space is founded under rules from the future")
        check_rules(self.said())
        read_certificate(self.certificate)
        _check_wraps(self.wraps)

    def said(self) -> Any:
        """Return the rules; the first spaces said `invite` in their place, which holds where nothing is said."""
        return [] if self.rules == "invite" else self.rules


@dataclass(frozen=True, slots=True)
class JoinSpace:
    """Knock: the first change of a newcomer's device, proving a ticket.

    A ticket for a member carries the device's certificate; one for a further device of the inviter carries none.
    """

    terms: bytes
    terms_signature: bytes
    proof: bytes
    person: bytes
    certificate: bytes
    kind: ClassVar[str] = "space.join"
    klass: ClassVar[int] = LAW

    def check(self) -> None:
        """Raise Malformed or BadSignature unless the ticket's terms are signed by its inviter."""
        well_formed(len(self.person) == 32 and len(self.proof) == 64, "a join holds no proof")
        read_terms(self.terms, self.terms_signature)
        if self.certificate:
            read_certificate(self.certificate)


@dataclass(frozen=True, slots=True)
class AdmitMember:
    """Let a newcomer in as the rules say: by their ticket, by vouches, by a decision, or because all may come."""

    join: bytes
    wraps: list[Any]
    kind: ClassVar[str] = "member.admit"
    klass: ClassVar[int] = LAW

    def check(self) -> None:
        """Raise Malformed unless it names a join."""
        well_formed(len(self.join) == ID_BYTES, "an admission names no join")
        _check_wraps(self.wraps)


@dataclass(frozen=True, slots=True)
class EnterDevice:
    """Begin to write with a new device of a member, on its person's own certificate: after a restored backup."""

    certificate: bytes
    kind: ClassVar[str] = "device.enter"
    klass: ClassVar[int] = LAW

    def check(self) -> None:
        """Raise Malformed unless the certificate holds."""
        read_certificate(self.certificate)


@dataclass(frozen=True, slots=True)
class CertifyDevice:
    """Add a device to one's own person: `join` is the new device's knock, empty in the person's other spaces."""

    join: bytes
    certificate: bytes
    wraps: list[Any]
    kind: ClassVar[str] = "device.certify"
    klass: ClassVar[int] = LAW

    def check(self) -> None:
        """Raise Malformed unless the certificate holds."""
        well_formed(len(self.join) in (0, ID_BYTES), "a certificate names something that is no join")
        read_certificate(self.certificate)
        _check_wraps(self.wraps)


@dataclass(frozen=True, slots=True)
class WithdrawTicket:
    """End a ticket of one's own: nobody is admitted by it any more."""

    ticket: bytes
    kind: ClassVar[str] = "ticket.withdraw"
    klass: ClassVar[int] = LAW

    def check(self) -> None:
        """Raise Malformed unless it names a ticket."""
        well_formed(len(self.ticket) == 32, "a withdrawal names no ticket")


@dataclass(frozen=True, slots=True)
class VouchFor:
    """Vouch for somebody who knocked."""

    join: bytes
    kind: ClassVar[str] = "member.vouch"
    klass: ClassVar[int] = BINDING

    def check(self) -> None:
        """Raise Malformed unless it names a join."""
        well_formed(len(self.join) == ID_BYTES, "a vouch names no join")


@dataclass(frozen=True, slots=True)
class LeaveSpace:
    """Leave, with all devices, at once; nobody has to agree."""

    kind: ClassVar[str] = "member.leave"
    klass: ClassVar[int] = LAW

    def check(self) -> None:
        """Raise nothing: there is nothing in it."""


@dataclass(frozen=True, slots=True)
class RevokeDevice:
    """End a device of one's own: what it did up to `last` in its log, as this change's past shows, stays."""

    device: bytes
    last: int
    kind: ClassVar[str] = "device.revoke"
    klass: ClassVar[int] = LAW

    def check(self) -> None:
        """Raise Malformed unless it names a device."""
        well_formed(len(self.device) == KEY_BYTES and self.last >= 0, "a revocation names no device")


@dataclass(frozen=True, slots=True)
class ReplaceDevice:
    """Begin to write with a new device of a member in the place of another, which ends as if it were revoked.

    A person all of whose places are taken comes back by this: the certificate is for the place of `device`.
    """

    certificate: bytes
    device: bytes
    last: int
    kind: ClassVar[str] = "device.replace"
    klass: ClassVar[int] = LAW

    def check(self) -> None:
        """Raise Malformed unless the certificate holds and another device is named."""
        certificate = read_certificate(self.certificate)
        well_formed(len(self.device) == KEY_BYTES and self.last >= 0, "a replacement names no device")
        well_formed(certificate.device != self.device, "a device does not replace itself")


@dataclass(frozen=True, slots=True)
class RotateKeys:
    """Seal with new secrets from now on; `wraps` hold them for every device in standing, `before` the earlier ones.

    `before` is sealed with the new law secret, so who gets the new one reads all law of before.
    """

    wraps: list[Any]
    before: bytes
    kind: ClassVar[str] = "keys.rotate"
    klass: ClassVar[int] = LAW

    def check(self) -> None:
        """Raise Malformed unless the wraps have their form."""
        _check_wraps(self.wraps)
        well_formed(len(self.before) <= MAX_BEFORE_BYTES, "too many earlier secrets")


@dataclass(frozen=True, slots=True)
class HandKeys:
    """Hand the space's secrets to a device in standing that lacks them."""

    wraps: list[Any]
    kind: ClassVar[str] = "keys.hand"
    klass: ClassVar[int] = LAW

    def check(self) -> None:
        """Raise Malformed unless the wraps have their form."""
        _check_wraps(self.wraps)


@dataclass(frozen=True, slots=True)
class SuspendMember:
    """Pause somebody's posting, as one of several moderators, for the days that the rules give."""

    person: bytes
    kind: ClassVar[str] = "member.suspend"
    klass: ClassVar[int] = BINDING

    def check(self) -> None:
        """Raise Malformed unless it names a person."""
        well_formed(len(self.person) == KEY_BYTES, "a pause names no person")


def _check_wraps(wraps: list[Any]) -> None:
    well_formed(len(wraps) <= MAX_WRAPS, "too many sealed secrets")
    for wrap in wraps:
        well = type(wrap) is list and len(wrap) == 2 and all(type(part) is bytes for part in wrap)
        well_formed(well and len(wrap[0]) == 32 and len(wrap[1]) <= MAX_WRAP_BYTES, "a sealed secret is malformed")


def _itself(_command: Any) -> bytes | None:
    return None


for _command, _types in (
    (FoundSpace, ((int,), (bytes,), (list, str), (list,))),
    (JoinSpace, ((bytes,), (bytes,), (bytes,), (bytes,), (bytes,))),
    (AdmitMember, ((bytes,), (list,))),
    (CertifyDevice, ((bytes,), (bytes,), (list,))),
    (EnterDevice, ((bytes,),)),
    (WithdrawTicket, ((bytes,),)),
    (VouchFor, ((bytes,),)),
    (LeaveSpace, ()),
    (RevokeDevice, ((bytes,), (int,))),
    (ReplaceDevice, ((bytes,), (bytes,), (int,))),
    (RotateKeys, ((list,), (bytes,))),
    (HandKeys, ((list,),)),
    (SuspendMember, ((bytes,),)),
):
    register(_command, _types, _itself, None)
