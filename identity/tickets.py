"""Tickets: invitations as short signed statements, carried by a link or a QR code.

A ticket has two parts. Its *terms* (space, inviter, expiry, uses, one-time key, purpose) are signed alone by the
inviter's device and travel on in the law: they hold no free text. The rest (names, addresses, discovery key) helps
the newcomer to find the space and is signed only for the link. The link also carries the seed of the one-time key;
with it the newcomer signs their own device's key, so a ticket that was shown to a peer gives nothing to steal.
`links.py` writes a ticket as text.
"""

import functools
import re
import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from identity import canonical
from identity.errors import Malformed, Refused
from identity.keys import KEY_BYTES, SigningKey, verify

Purpose = Literal["member", "device"]

ID_BYTES = 32
MAX_USES = 10_000
MAX_NAME_CHARS = 80
MAX_NAME_BYTES = 120  # two of them and an address always fit into a link
MAX_ADDRESSES = 8
MAX_ADDRESS_CHARS = 200
MAX_TIME_MS = 2**53 - 1
MAX_TERMS_BYTES = 160
_TERMS_CONTEXT = b"commons/ticket/1"
_PROOF_CONTEXT = b"commons/ticket-proof/1"
_ADDRESS = re.compile(r"/[!-~]*[!-.0-~]")  # a multiaddr: begins with a slash, ends with none
_SPOOFING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # they turn text around


@dataclass(frozen=True, slots=True)
class Terms:
    """What an inviter's device signs; `key`, the one-time public key, is the ticket's id."""

    space: bytes
    inviter: bytes
    expires_ms: int
    uses: int
    key: bytes
    purpose: Purpose

    def to_bytes(self) -> bytes:
        """Return the canonical bytes that are signed."""
        return canonical.encode(
            (self.space, self.inviter, self.expires_ms, self.uses, self.key, self.purpose),
        )


@dataclass(frozen=True, slots=True)
class Offer:
    """What an inviter decides about a ticket before it is issued; `expires_ms` is ms since the epoch."""

    space: bytes
    space_name: str
    inviter_name: str
    expires_ms: int
    discovery_key: bytes = field(repr=False)
    uses: int = 1
    purpose: Purpose = "member"
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ticket:
    """An invitation into a space as a newcomer may see it; it holds no private key."""

    space: bytes
    space_name: str
    inviter: bytes
    inviter_name: str
    expires_ms: int
    uses: int
    key: bytes
    purpose: Purpose
    addresses: tuple[str, ...]
    discovery_key: bytes = field(repr=False)

    @property
    def terms(self) -> Terms:
        """The part of the ticket that travels on in the law."""
        return Terms(self.space, self.inviter, self.expires_ms, self.uses, self.key, self.purpose)


@dataclass(frozen=True, slots=True)
class Invitation:
    """A ticket with everything its holder needs: the signed terms and the one-time signing key."""

    ticket: Ticket
    terms: bytes
    signature: bytes
    signing_key: SigningKey = field(compare=False)  # the ticket's `key` says which it is


def draw_up(device: SigningKey, offer: Offer, one_time: SigningKey | None = None) -> Invitation:
    """Return a new invitation signed by the inviter's device; the one-time key is drawn unless given.

    Names too long for a link are cut, addresses that cannot be used are left out.

    Raises:
        Refused: if the number of uses or the expiry is out of range.
        Malformed: if an id or a key has another size than 32 bytes.
    """
    key = one_time or SigningKey.generate()
    if not 1 <= offer.uses <= MAX_USES:
        raise Refused(f"an invite can be used by 1 to {MAX_USES:,} people")
    if not 0 < offer.expires_ms <= MAX_TIME_MS:
        raise Refused("an invite needs a day on which it expires")
    ticket = Ticket(
        space=offer.space,
        space_name=fit_name(offer.space_name),
        inviter=device.public,
        inviter_name=fit_name(offer.inviter_name),
        expires_ms=offer.expires_ms,
        uses=offer.uses,
        key=key.public,
        purpose=offer.purpose,
        addresses=tuple(filter(_is_address, offer.addresses))[:MAX_ADDRESSES],
        discovery_key=offer.discovery_key,
    )
    check_ticket(ticket)
    terms = ticket.terms.to_bytes()
    return Invitation(ticket, terms, device.sign(_TERMS_CONTEXT + terms), key)


@functools.lru_cache(maxsize=1024)  # the same ones are read again and again, and say the same
def read_terms(terms: bytes, signature: bytes) -> Terms:
    """Read and verify the terms of a ticket on their own, as they travel in the law.

    Raises:
        Malformed: if they are not the one canonical form of terms.
        BadSignature: if the inviter's device did not sign them.
    """
    fields = canonical.decode(terms, MAX_TERMS_BYTES)
    if len(fields) != 6:
        raise Malformed(f"the terms of a ticket have 6 fields, not {len(fields)}")
    space, inviter, expires_ms, uses, key, purpose = fields
    read = Terms(
        space=canonical.take_bytes(space, ID_BYTES),
        inviter=canonical.take_bytes(inviter, KEY_BYTES),
        expires_ms=canonical.take_int(expires_ms, 1, MAX_TIME_MS),
        uses=canonical.take_int(uses, 1, MAX_USES),
        key=canonical.take_bytes(key, KEY_BYTES),
        purpose=take_purpose(purpose),
    )
    verify(signature, _TERMS_CONTEXT + terms, read.inviter)
    return read


def check_expiry(ticket: Ticket | Terms, now_ms: int) -> None:
    """Check that a ticket is still valid; it is valid up to and including its last millisecond.

    Raises:
        Refused: if it has expired.
    """
    if now_ms > ticket.expires_ms:
        raise Refused(f"this invite expired on {_day(ticket.expires_ms)}; ask for a new one")


def prove(invitation: Invitation, device: bytes, person: bytes) -> bytes:
    """Return the proof that the invitation's holder meant this device of this person to be let in."""
    ticket_id = invitation.ticket.key
    return invitation.signing_key.sign(_proof_statement(ticket_id, person, device))


def check_proof(terms: Terms, proof: bytes, person: bytes, device: bytes) -> None:
    """Check that a newcomer holds the ticket.

    Raises:
        BadSignature: if the ticket's one-time key did not sign this person and device.
    """
    verify(proof, _proof_statement(terms.key, person, device), terms.key)


def check_ticket(ticket: Ticket) -> None:
    """Check every field of a ticket against its limits.

    Raises:
        Malformed: naming what is out of bounds.
    """
    for raw in (ticket.space, ticket.inviter, ticket.key, ticket.discovery_key):
        canonical.take_bytes(raw, ID_BYTES)
    canonical.take_int(ticket.expires_ms, 1, MAX_TIME_MS)
    canonical.take_int(ticket.uses, 1, MAX_USES)
    take_purpose(ticket.purpose)
    if ticket.space_name != fit_name(ticket.space_name) or ticket.inviter_name != fit_name(ticket.inviter_name):
        raise Malformed("a name in this invite is too long or holds letters that cannot be shown")
    if len(ticket.addresses) > MAX_ADDRESSES or not all(map(_is_address, ticket.addresses)):
        raise Malformed("an address in this invite cannot be used")


def fit_name(name: str) -> str:
    """Return a name as a ticket holds it: one line, no letters that turn text, at most 80 letters and 120 bytes."""
    shown = " ".join("".join(filter(_is_shown, " ".join(name.split()))).split())[:MAX_NAME_CHARS]
    return shown.encode()[:MAX_NAME_BYTES].decode(errors="ignore").strip()


def take_purpose(purpose: canonical.Field) -> Purpose:
    """Return a field that must be a ticket's purpose.

    Raises:
        Malformed: if it is anything else.
    """
    if purpose == "member":
        return "member"
    if purpose == "device":
        return "device"
    raise Malformed("a ticket is for a member or for a device, nothing else")


def _is_shown(char: str) -> bool:
    return unicodedata.category(char) not in ("Cc", "Cs", "Zl", "Zp") and char not in _SPOOFING


def _is_address(address: str) -> bool:
    return len(address) <= MAX_ADDRESS_CHARS and _ADDRESS.fullmatch(address) is not None


def _proof_statement(ticket_id: bytes, person: bytes, device: bytes) -> bytes:
    for raw in (ticket_id, person, device):
        canonical.take_bytes(raw, KEY_BYTES)
    return _PROOF_CONTEXT + ticket_id + person + device


def _day(time_ms: int) -> str:
    try:
        moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return "a day beyond the calendar"
    return f"{moment.day} {moment:%B %Y} ({moment:%H:%M} UTC)"
