"""What is sealed opens for its readers only, at its own place only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.errors import BadSignature, CommonsError, Malformed
from identity.keys import SigningKey
from identity.sealed import OVERHEAD_BYTES, body_key, name_of, new_secret, open_body, seal_body, seal_to

SECRET = b"\x07" * 32
AUTHOR = b"\x08" * 32
START = b"header"


def test_a_fixed_secret_has_a_fixed_name_and_body_key() -> None:
    assert name_of(SECRET).hex() == "17cdc7bca3f2a0bda60c6de5b96f82a3"
    assert body_key(SECRET, AUTHOR, 3, b"\x09" * 24).hex() == (
        "11e455f256839833e2e1dc3b9b5f69f328cd1bf93285884ab13ee0697f2c862a"
    )


@given(st.binary(max_size=300))
def test_a_sealed_body_opens_at_its_own_place(plain: bytes) -> None:
    sealed = seal_body(plain, SECRET, AUTHOR, 3, START)

    assert len(sealed) == len(plain) + OVERHEAD_BYTES
    assert open_body(sealed, SECRET, AUTHOR, 3, START) == plain


def test_a_sealed_body_opens_nowhere_else() -> None:
    sealed = seal_body(b"hello", SECRET, AUTHOR, 3, START)

    for secret, author, seq, start in [
        (b"\x01" * 32, AUTHOR, 3, START),
        (SECRET, b"\x01" * 32, 3, START),
        (SECRET, AUTHOR, 4, START),
        (SECRET, AUTHOR, 3, b"other"),
    ]:
        with pytest.raises(Malformed):
            open_body(sealed, secret, author, seq, start)


@pytest.mark.parametrize("size", range(OVERHEAD_BYTES + 2))
def test_a_sealed_body_too_short_to_be_one_is_malformed(size: int) -> None:
    with pytest.raises(Malformed):
        open_body(bytes(size), SECRET, AUTHOR, 3, START)


@given(st.binary(max_size=100))
def test_garbage_never_opens_as_a_body(sealed: bytes) -> None:
    with pytest.raises(CommonsError):
        open_body(sealed, SECRET, AUTHOR, 3, START)


def test_what_is_sealed_to_one_reader_opens_for_nobody_else() -> None:
    reader, other = SigningKey(b"\x01" * 32), SigningKey(b"\x02" * 32)

    sealed = seal_to(b"hello", reader.public)

    assert reader.open_sealed(sealed) == b"hello"
    with pytest.raises(Malformed):
        other.open_sealed(sealed)


@pytest.mark.parametrize("reader", [b"", bytes(31), bytes(32), b"\xff" * 32, bytes(33)])
def test_sealing_to_what_is_no_key_is_malformed(reader: bytes) -> None:
    with pytest.raises((Malformed, BadSignature)):
        seal_to(b"hello", reader)


@given(st.binary(max_size=100))
def test_garbage_never_opens_for_a_reader(sealed: bytes) -> None:
    with pytest.raises(Malformed):
        SigningKey(b"\x01" * 32).open_sealed(sealed)


def test_new_secrets_differ() -> None:
    assert new_secret() != new_secret()
