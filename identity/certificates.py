"""Device certificates: a person's root key says that a device is theirs.

A certificate is the canonical array (person, device, slot, issued ms, signature); signed is the canonical array
("commons/device/1", person, device, slot, issued ms). A person has 16 numbered slots; which certificate of two for
one slot counts, and what was revoked, is for the law to say.
"""

import functools
from dataclasses import dataclass

from identity import canonical
from identity.errors import Malformed, Refused
from identity.keys import KEY_BYTES, SIGNATURE_BYTES, SigningKey, verify

SLOTS = 16
MAX_TIME_MS = 2**53 - 1
MAX_CERTIFICATE_BYTES = 160
_CONTEXT = "commons/device/1"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A verified statement that a device belongs to a person; `issued_ms` is claimed, ms since the epoch."""

    person: bytes
    device: bytes
    slot: int
    issued_ms: int


def certify(root: SigningKey, device_public: bytes, slot: int, time_ms: int) -> bytes:
    """Return the bytes of a certificate for one device, signed by the person's root key.

    Raises:
        Refused: if the slot is not one of the 16.
        Malformed: if the device's key or the time cannot be in a certificate.
    """
    if not 0 <= slot < SLOTS:
        raise Refused(f"a person can have at most {SLOTS} devices; remove one before adding another")
    certificate = Certificate(root.public, device_public, slot, time_ms)
    _check(certificate)
    signature = root.sign(_statement(certificate))
    return canonical.encode((root.public, device_public, slot, time_ms, signature))


@functools.lru_cache(maxsize=1024)  # the same one is read again and again, and says the same
def read_certificate(raw: bytes) -> Certificate:
    """Read and verify a certificate.

    Raises:
        Malformed: if the bytes are not the one canonical form of a certificate.
        BadSignature: if the person's root key did not sign it.
    """
    fields = canonical.decode(raw, MAX_CERTIFICATE_BYTES)
    if len(fields) != 5:
        raise Malformed(f"a device certificate has 5 fields, not {len(fields)}")
    person, device, slot, issued_ms, signature = fields
    certificate = Certificate(
        canonical.take_bytes(person, KEY_BYTES),
        canonical.take_bytes(device, KEY_BYTES),
        canonical.take_int(slot, 0, SLOTS - 1),
        canonical.take_int(issued_ms, 0, MAX_TIME_MS),
    )
    _check(certificate)
    verify(canonical.take_bytes(signature, SIGNATURE_BYTES), _statement(certificate), certificate.person)
    return certificate


def _check(certificate: Certificate) -> None:
    canonical.take_bytes(certificate.device, KEY_BYTES)
    canonical.take_int(certificate.issued_ms, 0, MAX_TIME_MS)
    if certificate.device == certificate.person:
        raise Malformed("a person's root key is no device: it only certifies devices")


def _statement(certificate: Certificate) -> bytes:
    return canonical.encode((_CONTEXT, certificate.person, certificate.device, certificate.slot, certificate.issued_ms))
