"""Keys sign, verify and are written as did:key; only our own errors escape."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.errors import BadSignature, CommonsError, Malformed
from identity.keys import SigningKey, from_did, short, to_did, verify

SEED = bytes(range(32))
PUBLIC = bytes.fromhex("03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8")
DID = "did:key:z6MkehRgf7yJbgaGfYsdoAsKdBPE3dj2CYhowQdcjqSJgvVd"


def test_a_fixed_seed_gives_a_fixed_key_did_and_signature() -> None:
    key = SigningKey(SEED)

    assert key.public == PUBLIC
    assert to_did(key.public) == DID
    assert key.sign(b"commons").hex() == (
        "b1861a1d0059cb363c73e863b66564bcb9b3d4d7f46f7bab1950385d34700b8c15903006427c2134031db52891faa0343689"
        "9d58e031f3f54bd6657865a58a07"
    )


def test_a_signature_fits_only_its_message_and_its_key() -> None:
    key, other = SigningKey(SEED), SigningKey(b"\x01" * 32)
    signature = key.sign(b"yes")

    verify(signature, b"yes", key.public)

    with pytest.raises(BadSignature):
        verify(signature, b"no", key.public)
    with pytest.raises(BadSignature):
        verify(signature, b"yes", other.public)


def test_the_border_between_signature_and_message_cannot_be_moved() -> None:
    key = SigningKey(SEED)
    signature = key.sign(b"yes, always")

    with pytest.raises(BadSignature):
        verify(signature + b"yes, ", b"always", key.public)
    with pytest.raises(BadSignature):
        verify(signature[:-1], signature[-1:] + b"yes, always", key.public)


@given(st.binary(max_size=80), st.binary(max_size=40), st.binary(max_size=40))
def test_garbage_as_signature_or_key_is_a_bad_signature(signature: bytes, message: bytes, key: bytes) -> None:
    with pytest.raises(BadSignature):
        verify(signature, message, key)


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_seed_of_another_size_is_malformed(size: int) -> None:
    with pytest.raises(Malformed):
        SigningKey(bytes(size))


@given(st.binary(min_size=32, max_size=32))
def test_a_did_reads_back_as_its_key(public: bytes) -> None:
    assert from_did(to_did(public)) == public


@pytest.mark.parametrize(
    "did",
    [
        "",
        "did:key:z",
        "did:web:example.org",
        DID[:-1],
        DID + "1",
        DID + " ",
        DID.replace("V", "0"),
        "did:key:zé",
        "did:key:z" + "1" * 100,
        "did:key:z6LSbysY2xFMRpGMhb7tFTLMpeuPRaqaWM1yECx2AtzE3KCc",
    ],
)
def test_what_is_no_ed25519_did_is_malformed(did: str) -> None:
    with pytest.raises(Malformed):
        from_did(did)


@given(st.text(max_size=90))
def test_garbage_dids_raise_only_our_own_error(text: str) -> None:
    with pytest.raises(CommonsError):
        from_did("did:key:z" + text + "!")


def test_a_key_never_shows_its_seed() -> None:
    key = SigningKey(SEED)

    shown = f"{key} {key!r}"

    assert shown == "SigningKey(03a107bf) SigningKey(03a107bf)"
    assert short(key.public) == "03a107bf"
