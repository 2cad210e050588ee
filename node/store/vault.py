"""The secrets of spaces at rest: sealed with a key that the device's own key gives, so a passphrase covers them too."""

import contextlib
import itertools
import sqlite3
from collections.abc import Sequence
from hashlib import blake2b

import nacl.exceptions
from nacl.secret import SecretBox

from identity.errors import Malformed, StoreError
from identity.keys import SigningKey


class Vault:
    """Seals and opens the secrets kept in the database, and numbers them."""

    def __init__(self, device: SigningKey, retired: Sequence[SigningKey] = ()) -> None:
        self._boxes = [_box(key) for key in (device, *retired)]
        self._keys = {key.public: key for key in (device, *retired)}
        self._numbers = itertools.count(1)

    def seal(self, secret: bytes) -> bytes:
        """Return a secret as it may lie on disk."""
        return bytes(self._boxes[0].encrypt(secret))

    def open(self, sealed: bytes) -> bytes:
        """Open what `seal` closed.

        Raises:
            StoreError: if another device's folder was put in place of this one's.
        """
        for box in self._boxes:
            with contextlib.suppress(nacl.exceptions.CryptoError):
                return box.decrypt(sealed)
        raise StoreError("the secrets in this folder belong to another device's key file")

    def open_wrap(self, reader: bytes, sealed: bytes) -> bytes | None:
        """Open what was sealed to this device, or to one that it replaced; None if it was sealed to another."""
        key = self._keys.get(reader)
        return key.open_sealed(sealed) if key is not None else None

    def open_box(self, box: bytes) -> bytes | None:
        """Open what was sealed to this device, or to one that it replaced, without saying so; None if it was not."""
        for key in self._keys.values():
            with contextlib.suppress(Malformed):
                return key.open_sealed(box)
        return None

    def next_number(self) -> int:
        """Return a number for one more secret."""
        return next(self._numbers)

    def start_after(self, connection: sqlite3.Connection) -> None:
        """Number new secrets after those in the database."""
        last = connection.execute("SELECT coalesce(max(no), 0) FROM secret").fetchone()[0]
        self._numbers = itertools.count(last + 1)


def _box(key: SigningKey) -> SecretBox:
    return SecretBox(blake2b(b"", key=key.seed, person=b"commons/vault/1", digest_size=32).digest())
