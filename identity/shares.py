"""A secret split among people who are trusted together: so many of them rebuild it, fewer learn nothing of it.

Shamir's scheme over GF(2^128), each half of the 32 bytes by itself (PyCryptodome).
"""

from collections.abc import Mapping

from Crypto.Protocol.SecretSharing import Shamir

from identity.errors import Malformed

SEED_BYTES = 32
SHARE_BYTES = 32
MAX_SHARES = 32
_HALF = 16


def split(seed: bytes, needed: int, count: int) -> dict[int, bytes]:
    """Split 32 bytes into `count` shares of 32 bytes, by their numbers from 1, any `needed` of which rebuild them.

    Raises:
        Malformed: if one alone would be enough, or there would be too few or too many.
    """
    if len(seed) != SEED_BYTES or not 2 <= needed <= count <= MAX_SHARES:
        raise Malformed("a secret is split among 2 to 32, of whom at least 2 are needed")
    halves = [Shamir.split(needed, count, half) for half in (seed[:_HALF], seed[_HALF:])]
    return {number: first + second for (number, first), (_, second) in zip(*halves, strict=True)}


def combine(shares: Mapping[int, bytes]) -> bytes:
    """Rebuild what was split from as many shares as are needed; from wrong ones, or too few, come other bytes.

    Raises:
        Malformed: if something is no share.
    """
    well = all(1 <= number <= MAX_SHARES and len(share) == SHARE_BYTES for number, share in shares.items())
    if not shares or not well:
        raise Malformed("this is no share of a secret")
    first = Shamir.combine([(number, share[:_HALF]) for number, share in shares.items()])
    second = Shamir.combine([(number, share[_HALF:]) for number, share in shares.items()])
    return bytes(first + second)
