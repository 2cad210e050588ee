"""The keys of one installation, and the bytes of the file that holds them.

The file is JSON: a format name, the person's did:key where it is known, the keys (plain, or in a SecretBox under an
Argon2id key of the passphrase, with its parameters), and a BLAKE2b checksum over all of it, which tells a damaged
file from a wrong passphrase.
"""

import contextlib
import json
import secrets
import unicodedata
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

import nacl.exceptions
import nacl.pwhash
import nacl.secret
import nacl.utils

from identity.certificates import SLOTS, certify, read_certificate
from identity.errors import BadSignature, Malformed, Refused
from identity.keys import SigningKey, from_did, to_did

FORMAT = "commons/keys/1"
MAX_FILE_BYTES = 65_536
MAX_RETIRED = 32
ARGON2_MEMORY_BYTES = 64 * 1024 * 1024
ARGON2_OPERATIONS = 3
_MAX_MEMORY_BYTES = 1024 * 1024 * 1024
_MAX_OPERATIONS = 16
_SALT_BYTES = nacl.pwhash.argon2id.SALTBYTES
_FORMAT_START = "commons/keys/"


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """What one installation holds: its device key, and on the person's first device the root key.

    A device without a certificate waits for one from the person's other device. `retired` are device keys of before
    a restore: they open what was once sealed to them and never sign again.
    """

    device: SigningKey
    created_ms: int
    root: SigningKey | None = None
    certificate: bytes | None = None
    retired: tuple[SigningKey, ...] = ()

    def __repr__(self) -> str:
        return f"Keys({self.device!r}, root={'kept' if self.root else 'none'})"

    @property
    def person(self) -> bytes | None:
        """The person's public key; None while the device waits for its certificate."""
        if self.root is not None:
            return self.root.public
        return read_certificate(self.certificate).person if self.certificate is not None else None

    def open_sealed(self, sealed: bytes) -> bytes:
        """Open what was sealed to this device, or to one that it replaced.

        Raises:
            Malformed: if it was sealed to another key, or altered.
        """
        for key in (self.device, *reversed(self.retired)):
            with contextlib.suppress(Malformed):
                return key.open_sealed(sealed)
        raise Malformed("this was not sealed to this device")

    def renewed(self, slot: int | None, time_ms: int) -> "Keys":
        """Return keys with a new device key, certified by the root if it is here, else waiting for a certificate.

        Without a slot, which all may be taken, the root certifies nothing either.
        """
        device = SigningKey.generate()
        certificate = None
        if self.root is not None and slot is not None:
            certificate = certify(self.root, device.public, slot, time_ms)
        retired = (*self.retired, self.device)[-MAX_RETIRED:]
        return replace(self, device=device, created_ms=time_ms, certificate=certificate, retired=retired)

    def certified(self, certificate: bytes) -> "Keys":
        """Return keys with the certificate that the person's other device made for this one.

        Raises:
            Malformed, BadSignature: if it is no certificate.
            Refused: if it is for another device or by another person.
        """
        read = read_certificate(certificate)
        if read.device != self.device.public:
            raise Refused("this certificate belongs to another device")
        if self.person not in (None, read.person):
            raise Refused("this certificate is by another person than this device's")
        return replace(self, certificate=certificate)


def new_person(time_ms: int, seed: bytes | None = None, slot: int = 0) -> Keys:
    """Return the keys of a person's device; with a seed (of a recovery phrase) the person is known already.

    Raises:
        Refused: if the slot is not one of the 16.
        Malformed: if the seed has not 32 bytes.
    """
    root = SigningKey(seed) if seed is not None else SigningKey.generate()
    device = SigningKey.generate()
    return Keys(device, time_ms, root, certify(root, device.public, slot, time_ms))


def same_person(time_ms: int, seed: bytes, slot: int | None = None) -> Keys:
    """Return the keys of a new device of the person whose seed this is.

    Which slots their other devices have, a newcomer to all spaces cannot know, unless told; 0 is the first device's.
    """
    return new_person(time_ms, seed, 1 + secrets.randbelow(SLOTS - 1) if slot is None else slot)


def new_device(time_ms: int) -> Keys:
    """Return the keys of a further device, which waits for its certificate."""
    return Keys(SigningKey.generate(), time_ms)


@dataclass(frozen=True, slots=True, repr=False)
class Lock:
    """A key derived from a passphrase, with what it takes to derive it again; keeps the passphrase itself nowhere."""

    key: bytes
    salt: bytes
    operations: int
    memory_bytes: int

    def __repr__(self) -> str:
        return "Lock()"


def make_lock(passphrase: str) -> Lock:
    """Derive a key from a new passphrase with Argon2id: 64 MiB, 3 passes, some 0.1 s.

    Raises:
        Refused: if the passphrase is empty or cannot be written down.
    """
    salt = nacl.utils.random(_SALT_BYTES)
    return _derive(passphrase, salt, ARGON2_OPERATIONS, ARGON2_MEMORY_BYTES)


def write_keys(keys: Keys, lock: Lock | None) -> bytes:
    """Return the bytes of a key file, sealed if there is a lock."""
    fields: dict[str, Any] = {"format": FORMAT}
    if keys.person is not None:
        fields["person"] = to_did(keys.person)
    plain = _to_fields(keys)
    if lock is None:
        fields["keys"] = plain
    else:
        fields |= seal_box(plain, lock)
    fields["checksum"] = _checksum(fields)
    return json.dumps(fields, indent=2).encode() + b"\n"


def seal_box(plain: dict[str, Any], lock: Lock) -> dict[str, Any]:
    """Return fields that hold other fields under a lock: its parameters as `kdf`, and the `box`."""
    box = nacl.secret.SecretBox(lock.key).encrypt(_canonical(plain))
    kdf = {
        "name": "argon2id", "salt": lock.salt.hex(), "operations": lock.operations, "memory_bytes": lock.memory_bytes,
    }  # fmt: skip
    return {"kdf": kdf, "box": bytes(box).hex()}


def is_locked(raw: bytes) -> bool:
    """Tell whether a key file needs a passphrase.

    Raises:
        Malformed: if it is damaged.
    """
    return "box" in _read_fields(raw)


def read_keys(raw: bytes, passphrase: str | None) -> tuple[Keys, Lock | None]:
    """Read a key file; the lock is there if it is sealed.

    Raises:
        Refused: if the passphrase is missing or wrong.
        Malformed: if the file is damaged or of a newer version.
    """
    fields = _read_fields(raw)
    lock = None
    plain: Any = fields.get("keys")
    if "box" in fields:
        if passphrase is None:
            raise Refused("these keys are locked: enter the passphrase")
        lock, plain = open_box(fields, passphrase)
    try:
        keys = _from_fields(plain)
    except (KeyError, TypeError, ValueError, OverflowError, BadSignature) as error:
        raise Malformed("the key file lacks what it should hold") from error
    _check_belongs(keys, fields.get("person"))
    return keys, lock


def _read_fields(raw: bytes) -> dict[str, Any]:
    if len(raw) > MAX_FILE_BYTES:
        raise Malformed("the key file is far too large")
    try:
        fields = json.loads(raw)
    except (ValueError, RecursionError):
        # from None: the parser's error would hold the file's text.
        raise Malformed("the key file is not readable JSON") from None
    if not isinstance(fields, dict) or not isinstance(fields.get("format"), str):
        raise Malformed("this is not a key file")
    if fields["format"] != FORMAT:
        newer = fields["format"].startswith(_FORMAT_START)
        raise Malformed("the key file is of a newer version: update first" if newer else "this is not a key file")
    if fields.pop("checksum", None) != _checksum(fields):
        raise Malformed("the key file's checksum does not fit")
    return fields


def open_box(fields: dict[str, Any], passphrase: str) -> tuple[Lock, Any]:
    """Open what `seal_box` sealed.

    Raises:
        Refused: if the passphrase is wrong.
        Malformed: if the fields are damaged, or ask for more work than a passphrase is worth.
    """
    try:
        kdf = fields["kdf"]
        name, salt, box = kdf["name"], bytes.fromhex(kdf["salt"]), bytes.fromhex(fields["box"])
        operations, memory_bytes = int(kdf["operations"]), int(kdf["memory_bytes"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise Malformed("the key file lacks the parameters of its lock") from error
    if name != "argon2id" or len(salt) != _SALT_BYTES:
        raise Malformed("the key file names a lock that is not known")
    if not (1 <= operations <= _MAX_OPERATIONS and 8192 <= memory_bytes <= _MAX_MEMORY_BYTES):
        raise Malformed("the key file asks for more work than a passphrase is worth")
    lock = _derive(passphrase, salt, operations, memory_bytes)
    try:
        plain = nacl.secret.SecretBox(lock.key).decrypt(box)
    except (nacl.exceptions.CryptoError, ValueError):
        raise Refused("this is not the passphrase") from None
    try:
        return lock, json.loads(plain)
    except ValueError:
        raise Malformed("the key file's box holds no keys") from None


def _derive(passphrase: str, salt: bytes, operations: int, memory_bytes: int) -> Lock:
    if not passphrase:
        raise Refused("a passphrase cannot be empty")
    try:
        # NFC: the same letters typed on another keyboard give the same bytes (RFC 8265, OpaqueString).
        secret = unicodedata.normalize("NFC", passphrase).encode()
    except UnicodeEncodeError:
        raise Refused("this passphrase holds letters that cannot be written down") from None
    try:
        key = nacl.pwhash.argon2id.kdf(
            nacl.secret.SecretBox.KEY_SIZE, secret, salt, opslimit=operations, memlimit=memory_bytes
        )
    except (nacl.exceptions.CryptoError, MemoryError) as error:
        raise Refused("there is too little free memory to check a passphrase; close something and try") from error
    return Lock(key, salt, operations, memory_bytes)


def _to_fields(keys: Keys) -> dict[str, Any]:
    return {
        "root": keys.root.seed.hex() if keys.root is not None else None,
        "device": keys.device.seed.hex(),
        "certificate": keys.certificate.hex() if keys.certificate is not None else None,
        "created_ms": keys.created_ms,
        "retired": [key.seed.hex() for key in keys.retired],
    }


def _from_fields(plain: dict[str, Any]) -> Keys:
    certificate = plain["certificate"]
    root = plain["root"]
    return Keys(
        device=SigningKey(bytes.fromhex(plain["device"])),
        created_ms=int(plain["created_ms"]),
        root=SigningKey(bytes.fromhex(root)) if root is not None else None,
        certificate=bytes.fromhex(certificate) if certificate is not None else None,
        retired=tuple(SigningKey(bytes.fromhex(seed)) for seed in plain["retired"][-MAX_RETIRED:]),
    )


def _check_belongs(keys: Keys, person: object) -> None:
    """Check that root, certificate, device and the person named outside belong together."""
    try:
        if keys.certificate is not None and keys.certified(keys.certificate).person != keys.person:
            raise Malformed("the key file's parts do not belong together")
    except (Refused, BadSignature) as error:
        raise Malformed("the key file's parts do not belong together") from error
    named = from_did(person) if isinstance(person, str) else None
    if named != keys.person:
        raise Malformed("the key file names another person than its keys do")


def _canonical(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def _checksum(fields: dict[str, Any]) -> str:
    return blake2b(_canonical(fields), digest_size=16).hexdigest()
