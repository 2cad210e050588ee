"""Ed25519 keys of persons and devices, and how they are written: `did:key:z6Mk…`.

A *person* is known by a root key that only certifies devices; a *device* by the key that signs everything else
and is also its libp2p peer key.
"""

from functools import lru_cache

import base58
import nacl.bindings as sodium
import nacl.exceptions
import nacl.utils

from identity.errors import BadSignature, Malformed

KEY_BYTES = 32
SIGNATURE_BYTES = 64
SEED_BYTES = 32
_ED25519_MULTICODEC = b"\xed\x01"
_DID_PREFIX = "did:key:z"
_DIDS_KEPT = 1_024  # pages name the same people again and again, and base 58 is slow to write


class SigningKey:
    """An Ed25519 private key; `public` is its 32-byte public half."""

    __slots__ = ("_secret", "public", "seed")

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_BYTES:
            raise Malformed(f"a key seed has {SEED_BYTES} bytes, not {len(seed)}")
        self.seed = seed
        self.public, self._secret = sodium.crypto_sign_seed_keypair(seed)

    @classmethod
    def generate(cls) -> "SigningKey":
        """Return a new key from the system's randomness."""
        return cls(nacl.utils.random(SEED_BYTES))

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte detached signature of a message."""
        return sodium.crypto_sign(message, self._secret)[:SIGNATURE_BYTES]

    def open_sealed(self, sealed: bytes) -> bytes:
        """Open what `sealed.seal_to` closed for this key's public half.

        Raises:
            Malformed: if it was sealed to another key, or altered.
        """
        public = sodium.crypto_sign_ed25519_pk_to_curve25519(self.public)
        secret = sodium.crypto_sign_ed25519_sk_to_curve25519(self._secret)
        try:
            return sodium.crypto_box_seal_open(sealed, public, secret)
        except (nacl.exceptions.CryptoError, nacl.exceptions.TypeError, nacl.exceptions.ValueError) as error:
            raise Malformed("this was not sealed to this device") from error

    def __repr__(self) -> str:
        return f"SigningKey({short(self.public)})"


def verify(signature: bytes, message: bytes, public: bytes) -> None:
    """Check a detached Ed25519 signature.

    Raises:
        BadSignature: if it does not fit the message and the key, or either has another length than it should.
    """
    # The binding takes (signature ‖ message) and a bare pointer to the key: other lengths would move the
    # border between the two, or read past the key.
    if len(signature) != SIGNATURE_BYTES or len(public) != KEY_BYTES:
        raise BadSignature(f"a signature has {SIGNATURE_BYTES} bytes and a key {KEY_BYTES}")
    try:
        sodium.crypto_sign_open(signature + message, public)
    except (nacl.exceptions.BadSignatureError, nacl.exceptions.ValueError, nacl.exceptions.TypeError) as error:
        raise BadSignature(f"the signature does not fit key {short(public)}") from error


@lru_cache(maxsize=_DIDS_KEPT)
def to_did(public: bytes) -> str:
    """Write a public key as `did:key:z6Mk…` (W3C did:key, multicodec 0xed, base58btc)."""
    return _DID_PREFIX + str(base58.b58encode(_ED25519_MULTICODEC + public), "ascii")


def from_did(did: str) -> bytes:
    """Read the 32-byte public key from a `did:key`.

    Raises:
        Malformed: if it is not an Ed25519 did:key.
    """
    if not did.startswith(_DID_PREFIX) or len(did) > 80 or did != did.strip():
        raise Malformed("this is not an Ed25519 did:key")
    try:
        raw = bytes(base58.b58decode(did[len(_DID_PREFIX) :]))
    except ValueError as error:
        raise Malformed("this did:key has a letter that base58 does not know") from error
    if raw[:2] != _ED25519_MULTICODEC or len(raw) != 2 + KEY_BYTES:
        raise Malformed("this is not an Ed25519 did:key")
    return raw[2:]


def short(key: bytes) -> str:
    """Return the first 8 hex digits of a key or id, for logs."""
    return key[:4].hex()
