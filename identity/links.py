"""A ticket as text: the link that is pasted or opened, and its spelled form for QR codes and careless transport.

Both carry the same bytes: version (1 byte), length of all (2 bytes, big endian), and a canonical array of the ticket's
fields, the inviter's signatures over the terms and over the whole, and the seed of the one-time key. The length lets a
reader stop where the invite ends, whatever text stands behind it.

- link: `commons:join/` and base64url without padding
- spelled: `COMMONS:CODE/` and base32 (A-Z, 2-7) in groups of five; only signs of a QR code's alphanumeric mode, no
  difference between large and small letters, and 0, 1, 8 are read as O, I, B
"""

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import base58

from identity import canonical
from identity.errors import BadSignature, Malformed, Refused
from identity.keys import KEY_BYTES, SEED_BYTES, SIGNATURE_BYTES, SigningKey, verify
from identity.tickets import (
    MAX_ADDRESS_CHARS,
    MAX_ADDRESSES,
    MAX_NAME_CHARS,
    MAX_TIME_MS,
    MAX_USES,
    Invitation,
    Offer,
    Ticket,
    check_ticket,
    draw_up,
    read_terms,
    take_purpose,
)

LINK_PREFIX = "commons:join/"
SPELLED_PREFIX = "COMMONS:CODE/"
MAX_LINK_CHARS = 900
MAX_TEXT_CHARS = 20_000
_VERSION = 1
_HEAD_BYTES = 3
_MAX_PAYLOAD_BYTES = (MAX_LINK_CHARS - len(LINK_PREFIX)) * 3 // 4
_LINK_CONTEXT = b"commons/ticket-link/1"
_FIXED_FIELDS = 11
_GROUP_CHARS = 5
_PEER_ID_START = b"\x00\x24\x08\x01\x12\x20"  # libp2p: identity multihash of a protobuf with an Ed25519 key
_FIND = re.compile(r"commons:(join|code)/", re.IGNORECASE)
_NOISE = re.compile(r"[\s>\"'“”‘’«»\u00ad\u200b-\u200f\u2060\ufeff]+")
_LOOKALIKES = str.maketrans("018", "OIB")
_SPELLED_NOISE = re.compile(r"[-‐‑–_.]+")
_ALTERED = "this invite was altered or only partly copied; ask for it again"


@dataclass(frozen=True, slots=True)
class _Form:
    """One way of writing bytes as text: `group_bytes` become `group_chars`."""

    alphabet: re.Pattern[str]
    group_bytes: int
    group_chars: int
    write: Callable[[bytes], bytes]
    read: Callable[[str], bytes]

    def chars(self, size: int) -> int:
        """Return how many letters so many bytes need."""
        return -(-size * self.group_chars // self.group_bytes)

    def encode(self, raw: bytes) -> str:
        """Return the bytes as text without padding."""
        return self.write(raw).decode().rstrip("=")

    def decode(self, text: str) -> bytes:
        """Return the bytes of unpadded text; only text that `encode` would write is accepted."""
        try:
            raw = self.read(text + "=" * (-len(text) % self.group_chars))
        except binascii.Error as error:
            raise Malformed(_ALTERED) from error
        if self.encode(raw) != text:
            raise Malformed(_ALTERED)
        return raw


_LINK_FORM = _Form(re.compile(r"[A-Za-z0-9_-]*"), 3, 4, base64.urlsafe_b64encode, base64.urlsafe_b64decode)
_SPELLED_FORM = _Form(re.compile(r"[A-Z2-7]*"), 5, 8, base64.b32encode, base64.b32decode)


def issue(device: SigningKey, offer: Offer, one_time: SigningKey | None = None) -> tuple[Ticket, str]:
    """Return a new ticket, signed by the inviter's device, and its link of at most 900 letters.

    Addresses are taken in the order given as long as the link has room; those of the inviter's own peer id cost
    least. Whoever holds the link holds the right to join: it is a secret.

    Raises:
        Refused: if the number of uses or the expiry is out of range.
        Malformed: if an id or a key has another size than 32 bytes.
    """
    key = one_time or SigningKey.generate()
    addresses = offer.addresses[:MAX_ADDRESSES]
    for kept in range(len(addresses), -1, -1):
        invitation = draw_up(device, replace(offer, addresses=addresses[:kept]), key)
        payload = _payload(device, invitation)
        if len(payload) <= _MAX_PAYLOAD_BYTES:
            return invitation.ticket, LINK_PREFIX + _LINK_FORM.encode(payload)
    raise Malformed("an invite does not fit into a link")


def spell(link: str, *, grouped: bool = True) -> str:
    """Return the spelled form of a link: large letters and digits, in groups of five for eyes or in one for a QR code.

    Raises:
        Malformed: if the link is none.
    """
    spelled = _SPELLED_FORM.encode(_extract(link))
    if not grouped:
        return SPELLED_PREFIX + spelled
    groups = (spelled[start : start + _GROUP_CHARS] for start in range(0, len(spelled), _GROUP_CHARS))
    return SPELLED_PREFIX + "-".join(groups)


def read_link(text: str) -> Invitation:
    """Read an invite from whatever text it was pasted in: quotes, line breaks and words around it do no harm.

    Raises:
        Malformed: if there is no whole invite in the text.
        BadSignature: if it was altered.
        Refused: if it was made by a newer version of the program.
    """
    payload = _extract(text)
    try:
        return _read_payload(payload)
    except BadSignature as error:
        raise BadSignature(_ALTERED) from error
    except Malformed as error:
        raise Malformed(_ALTERED) from error


def _payload(device: SigningKey, invitation: Invitation) -> bytes:
    ticket = invitation.ticket
    suffix = _peer_suffix(ticket.inviter)
    signed = (
        ticket.space,
        ticket.inviter,
        ticket.expires_ms,
        ticket.uses,
        ticket.purpose,
        ticket.space_name,
        ticket.inviter_name,
        ticket.discovery_key,
        invitation.signature,
        *(_shorten(address, suffix) for address in ticket.addresses),
    )
    whole = device.sign(_LINK_CONTEXT + ticket.key + canonical.encode(signed))
    body = canonical.encode((*signed, whole, invitation.signing_key.seed))
    length = _HEAD_BYTES + len(body)
    return bytes([_VERSION]) + length.to_bytes(2, "big") + body


def _read_payload(payload: bytes) -> Invitation:
    fields = canonical.decode(payload[_HEAD_BYTES:], _MAX_PAYLOAD_BYTES)
    if not _FIXED_FIELDS <= len(fields) <= _FIXED_FIELDS + MAX_ADDRESSES:
        raise Malformed(f"an invite has {_FIXED_FIELDS} fields and its addresses, not {len(fields)}")
    signed, whole, seed = fields[:-2], fields[-2], fields[-1]
    signing_key = SigningKey(canonical.take_bytes(seed, SEED_BYTES))
    ticket = _ticket(signed, signing_key.public)
    verify(
        canonical.take_bytes(whole, SIGNATURE_BYTES),
        _LINK_CONTEXT + signing_key.public + canonical.encode(signed),
        ticket.inviter,
    )
    signature = canonical.take_bytes(signed[8], SIGNATURE_BYTES)
    terms = ticket.terms.to_bytes()
    read_terms(terms, signature)
    return Invitation(ticket, terms, signature, signing_key)


def _ticket(signed: tuple[canonical.Field, ...], key: bytes) -> Ticket:
    space, inviter, expires_ms, uses, purpose, space_name, inviter_name, discovery_key = signed[:8]
    inviter = canonical.take_bytes(inviter, KEY_BYTES)
    suffix = _peer_suffix(inviter)
    addresses = (canonical.take_text(address, MAX_ADDRESS_CHARS) for address in signed[9:])
    ticket = Ticket(
        space=canonical.take_bytes(space, KEY_BYTES),
        space_name=canonical.take_text(space_name, MAX_NAME_CHARS),
        inviter=inviter,
        inviter_name=canonical.take_text(inviter_name, MAX_NAME_CHARS),
        expires_ms=canonical.take_int(expires_ms, 1, MAX_TIME_MS),
        uses=canonical.take_int(uses, 1, MAX_USES),
        key=key,
        purpose=take_purpose(purpose),
        addresses=tuple(_lengthen(address, suffix) for address in addresses),
        discovery_key=canonical.take_bytes(discovery_key, KEY_BYTES),
    )
    check_ticket(ticket)
    return ticket


def _extract(text: str) -> bytes:
    form, letters = _find(text)
    head_chars = form.chars(_HEAD_BYTES) + (-form.chars(_HEAD_BYTES) % form.group_chars)
    if len(letters) < head_chars:
        raise Malformed(_ALTERED)
    head = form.decode(letters[:head_chars])
    if head[0] != _VERSION:
        raise Refused("this invite was made by a newer version of the program, or altered; update and try again")
    length = int.from_bytes(head[1:_HEAD_BYTES], "big")
    needed = form.chars(length)
    if not _HEAD_BYTES < length <= _MAX_PAYLOAD_BYTES or len(letters) < needed:
        raise Malformed(_ALTERED)
    return form.decode(letters[:needed])


def _find(text: str) -> tuple[_Form, str]:
    if len(text) > MAX_TEXT_CHARS:
        raise Malformed("this is too long for an invite")
    flowing = _NOISE.sub("", text)
    start = _FIND.search(flowing)
    if start is None:
        raise Malformed(f"there is no invite in this text: it would begin with {LINK_PREFIX}")
    rest = flowing[start.end() :]
    form = _LINK_FORM
    if start[1].lower() == "code":
        form = _SPELLED_FORM
        rest = _SPELLED_NOISE.sub("", rest).upper().translate(_LOOKALIKES)
    letters = form.alphabet.match(rest)
    return form, letters[0] if letters else ""


def _peer_suffix(inviter: bytes) -> str:
    return "/p2p/" + str(base58.b58encode(_PEER_ID_START + inviter), "ascii")


def _shorten(address: str, suffix: str) -> str:
    return address.removesuffix(suffix) + "/p2p/" if address.endswith(suffix) else address


def _lengthen(address: str, suffix: str) -> str:
    return address.removesuffix("/p2p/") + suffix if address.endswith("/p2p/") else address
