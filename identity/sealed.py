"""Sealing: to one reader, to many, and under a shared secret of a space.

A *secret* is 32 random bytes that the devices in standing share; it is named by the first 16 bytes of its
BLAKE2b-256 hash, the *epoch* of a change. A body is sealed with XChaCha20-Poly1305 under a key derived from
(secret, author, seq, nonce), so that one body can be disclosed alone and one ciphertext opens one way only.
"""

from hashlib import blake2b

import nacl.bindings as sodium
import nacl.exceptions
import nacl.utils
from nacl._sodium import ffi, lib  # type: ignore[import-not-found]

from identity.errors import Malformed

SECRET_BYTES = 32
NAME_BYTES = 16
NONCE_BYTES = 24
OVERHEAD_BYTES = NONCE_BYTES + 16
_BODY_CONTEXT = b"commons/body/1"
_BESIDE_CONTEXT = b"commons/beside/1"

_open = lib.crypto_aead_xchacha20poly1305_ietf_decrypt
_NULL = ffi.NULL
_encrypt = sodium.crypto_aead_xchacha20poly1305_ietf_encrypt


def new_secret() -> bytes:
    """Return 32 bytes from the system's randomness."""
    return nacl.utils.random(SECRET_BYTES)


def name_of(secret: bytes) -> bytes:
    """Return the 16-byte name of a secret: what a change's `epoch` holds."""
    return blake2b(secret, digest_size=32).digest()[:NAME_BYTES]


def body_key(secret: bytes, author: bytes, seq: int, nonce: bytes) -> bytes:
    """Derive the key that seals one body; with it that body can be disclosed alone."""
    return blake2b(author + seq.to_bytes(8, "big") + nonce, key=secret, person=_BODY_CONTEXT, digest_size=32).digest()


def seal_body(plain: bytes, secret: bytes, author: bytes, seq: int, header_start: bytes) -> bytes:
    """Seal a body for everyone who holds the secret; `header_start` is authenticated with it."""
    nonce = nacl.utils.random(NONCE_BYTES)
    return nonce + _encrypt(plain, header_start, nonce, body_key(secret, author, seq, nonce))


def open_body(sealed: bytes, secret: bytes, author: bytes, seq: int, header_start: bytes) -> bytes:
    """Open a sealed body.

    Raises:
        Malformed: if the secret, the place in the log or the bytes are not those it was sealed with.
    """
    return open_disclosed(sealed, body_key(secret, author, seq, sealed[:NONCE_BYTES]), header_start)


def open_disclosed(sealed: bytes, key: bytes, header_start: bytes) -> bytes:
    """Open one sealed body with its own key (see `body_key`), which opens no other.

    Raises:
        Malformed: if the key or the bytes are not those it was sealed with.
    """
    size = len(sealed) - OVERHEAD_BYTES
    if size < 0 or len(key) != SECRET_BYTES:
        raise Malformed("a sealed body is too short to be one")  # libsodium trusts its length
    nonce, box = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    plain = bytearray(size)
    # The binding spends three times as long on checks of sizes, which are certain here, as libsodium on the body.
    wrong = _open(ffi.from_buffer(plain), _NULL, _NULL, box, len(box), header_start, len(header_start), nonce, key)
    if wrong:
        raise Malformed("a sealed body does not open with its own secret")
    return bytes(plain)


def seal_to(plain: bytes, reader: bytes) -> bytes:
    """Seal bytes so that only the holder of one Ed25519 public key opens them (libsodium's sealed box)."""
    try:
        return sodium.crypto_box_seal(plain, sodium.crypto_sign_ed25519_pk_to_curve25519(reader))
    except (nacl.exceptions.CryptoError, nacl.exceptions.ValueError, nacl.exceptions.RuntimeError) as error:
        raise Malformed("this is not a usable Ed25519 public key") from error


def seal_with(plain: bytes, secret: bytes) -> bytes:
    """Seal bytes that are no change's body for everyone who holds a secret."""
    return seal_body(plain, secret, b"", 0, _BESIDE_CONTEXT)


def open_with(sealed: bytes, secret: bytes) -> bytes:
    """Open what `seal_with` sealed.

    Raises:
        Malformed: if it was sealed with another secret, or is something else.
    """
    return open_body(sealed, secret, b"", 0, _BESIDE_CONTEXT)
