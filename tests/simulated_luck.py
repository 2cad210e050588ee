"""Luck from a seed: what the program draws at random is drawn from one generator, so that a run can be repeated."""

import contextlib
import functools
import random
import secrets
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import nacl.bindings as sodium
import nacl.utils


@contextlib.contextmanager
def luck(rng: random.Random) -> Iterator[None]:
    """Draw keys, nonces and sealed boxes from a generator for as long as this lasts."""
    places: list[tuple[Any, str, Any]] = [
        (nacl.utils, "random", lambda size=32: rng.randbytes(size)),
        (secrets, "token_bytes", lambda size=32: rng.randbytes(size or 32)),
        (sodium, "crypto_box_seal", functools.partial(_sealed_box, rng)),
    ]
    usual = [getattr(module, name) for module, name, _ in places]
    for module, name, ours in places:
        setattr(module, name, ours)
    try:
        yield
    finally:
        for (module, name, _), before in zip(places, usual, strict=True):
            setattr(module, name, before)


def _sealed_box(rng: random.Random, message: bytes, reader: bytes) -> bytes:
    """Seal as libsodium's crypto_box_seal does, with a one-time key from the generator."""
    public, secret = sodium.crypto_box_seed_keypair(rng.randbytes(32))
    nonce = blake2b(public + reader, digest_size=24).digest()
    return bytes(public + sodium.crypto_box(message, nonce, reader, secret))
