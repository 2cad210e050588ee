"""The change: its frozen bytes, round trips, and what hostile bytes get."""

import time
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import msgpack
import pytest
from authors import NOW_MS, Author, badly_signed, founding_of, key_of
from hypothesis import given
from hypothesis import strategies as st

from crdt.change import (
    EDIT,
    LAW,
    MAX_BODY_BYTES,
    MAX_DEPS,
    MAX_HEADER_BYTES,
    MAX_PLAIN_BYTES,
    TALK,
    Change,
    Header,
    check_limits,
    decode_body,
    decode_change,
    encode_body,
    encode_change,
    encode_header,
    header_start,
    make,
    open_change,
    verify_change,
)
from identity.errors import BadSignature, CommonsError, Malformed
from identity.sealed import name_of

SPACE = founding_of("Ada").id
SECRET = bytes(range(32))
FIRST = Author("Ada", SPACE).write(text="hello")
HOSTILE_S = 0.05
HOSTILE_BYTES = 64 * 1024 * 1024

# Frozen: what these bytes are must never change while VERSION is 1.
FROZEN_HEADER = (
    "9b01c420c037b240b924362e87376c89ec9f752b4f62d40dade5264730c91b07dcda33bac420c72b41114741571ab2d76dc0"
    "452f30f0b51af42e0aad950275fca3ac75bd687301c40090cf000001a0c4506fe802c400c4206c0a52cf563b1a6034be0c8f"
    "0775bd6b0305a5cd0ac98c5f33e24977e31658cb16"
)
FROZEN_SIGNATURE = (
    "0a27289d0a3d018a5bd72cca32ae7b4ec3921ce5dae80ce923a5189a41331497b13d440c290ba41916292ad765dc72391c57"
    "ac23d4c3ac9a4d97e8d48b477700"
)
FROZEN_ID = "ae185d59b1b34bd4f64cd13a94a3bcde471b5b46ac77481f3ab47fefa4d64f54"
FROZEN_BODY = "0095aa706f73742e7772697465a568656c6c6fc0c090"
FROZEN_DEFLATED = "019bbaaa20bfb844afbc28b324f5e6878cd49c9c7c8591431e38300100"
FROZEN_SEALED = (
    "93c440e987b0c4f65706c558de29897535f4928ab18d54b6058b1ad48ca8d494041936d27f3012b2fadf7e9d880ad2ad2522"
    "1a3766b81d03e771b1eb39ff9827454406c4899b01c420c037b240b924362e87376c89ec9f752b4f62d40dade5264730c91b"
    "07dcda33bac420c72b41114741571ab2d76dc0452f30f0b51af42e0aad950275fca3ac75bd687301c40090cf000001a0c450"
    "6fe802c410cb2f5160fc1f7e05a55ef49d340b48dac420a5100a5470b6cee505abbc543c1e4297a5f91395ab7244db3e082d"
    "f12f59c1373fc43f1e57885c8ca9f43e46f0bf133a253f5e4307188efba1fae2cf7228cdf07dc599592a28b082d04939dd8e"
    "bc6548e74125c9ba7ec6645f0aa7f16f5716bee9e4"
)

bytes32 = st.binary(min_size=32, max_size=32)
headers = st.builds(
    Header,
    space=bytes32,
    author=bytes32,
    seq=st.integers(2, 2**53 - 1),
    prev=bytes32,
    deps=st.lists(bytes32, max_size=4, unique=True).map(tuple),
    time=st.integers(0, 2**53 - 1),
    klass=st.integers(LAW, EDIT),
    epoch=st.just(b""),
    body_hash=st.just(b""),
    body_size=st.just(0),
)
fields = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=20) | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=12,
)


def cost(work: Callable[[], Any]) -> tuple[float, int]:
    """Return the seconds of work that something takes at best of three, and the bytes it holds at its peak."""
    times = []
    for _ in range(3):
        began = time.thread_time()
        work()
        times.append(time.thread_time() - began)
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return min(times), peak


def test_the_bytes_of_a_header_its_signature_and_its_id_are_frozen() -> None:
    assert encode_header(FIRST.header).hex() == FROZEN_HEADER
    assert FIRST.signature.hex() == FROZEN_SIGNATURE
    assert FIRST.id.hex() == FROZEN_ID


def test_the_bytes_of_bodies_are_frozen() -> None:
    assert encode_body("post.write", ["hello", None, None, []]).hex() == FROZEN_BODY
    assert decode_body(bytes.fromhex(FROZEN_DEFLATED)) == ["post.write", "hello " * 40, None, None, []]


def test_a_sealed_change_of_today_opens_for_ever() -> None:
    change = decode_change(bytes.fromhex(FROZEN_SEALED))

    assert change.header.epoch == name_of(SECRET)
    assert open_change(change, SECRET) == ["post.write", "sealed", None, None, []]


@given(headers, st.text(max_size=200), st.booleans())
def test_a_change_comes_back_as_it_was_sent(header: Header, text: str, sealed: bool) -> None:
    key = key_of("Ben")
    change = make(header._replace(author=key.public), encode_body("x", [text]), key, SECRET if sealed else None)

    again = decode_change(encode_change(change))

    assert again == change
    assert open_change(again, SECRET if sealed else None) == ["x", text]


@given(st.text(max_size=30), st.lists(fields, max_size=6))
def test_a_body_comes_back_as_it_was_written(kind: str, given_fields: list[Any]) -> None:
    assert decode_body(encode_body(kind, given_fields)) == [kind, *given_fields]


@given(st.integers(0, MAX_BODY_BYTES))
def test_what_is_authenticated_with_a_body_is_the_header_without_its_body_fields(size: int) -> None:
    header = FIRST.header._replace(body_size=size)

    start = header_start(encode_header(header), size)

    assert start == header_start(encode_header(header._replace(body_hash=bytes(32), body_size=0)), 0)


@given(st.data())
def test_any_altered_byte_of_a_change_is_noticed(data: st.DataObject) -> None:
    encoded = bytearray(encode_change(FIRST))
    at = data.draw(st.integers(0, len(encoded) - 1))
    encoded[at] ^= data.draw(st.integers(1, 255))

    with pytest.raises((Malformed, BadSignature)):
        decode_change(bytes(encoded))


def test_a_body_sealed_for_one_place_opens_in_no_other() -> None:
    author = Author("Ada", SPACE)
    one, two = author.write(secret=SECRET), author.write(secret=SECRET)

    with pytest.raises(Malformed):
        open_change(two._replace(body=one.body), SECRET)
    with pytest.raises(Malformed):
        open_change(one, bytes(32))


def test_an_erased_body_cannot_be_opened() -> None:
    with pytest.raises(Malformed):
        open_change(FIRST._replace(body=None), None)


def test_a_change_with_another_authors_signature_is_refused() -> None:
    with pytest.raises(BadSignature):
        verify_change(badly_signed(FIRST))
    with pytest.raises(BadSignature):
        verify_change(FIRST._replace(header=FIRST.header._replace(author=key_of("Eve").public)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"space": bytes(31)},
        {"author": bytes(31)},
        {"seq": 0},
        {"seq": 2**53},
        {"seq": 2},  # without the change before it
        {"prev": bytes(32)},  # with one before the first
        {"deps": (b"short",)},
        {"deps": (bytes(32), bytes(32))},
        {"deps": tuple(bytes([i]) * 32 for i in range(MAX_DEPS + 1))},
        {"time": -1},
        {"time": 2**53},
        {"klass": 4},
        {"epoch": bytes(15)},
        {"body_hash": bytes(31)},
        {"body_size": MAX_BODY_BYTES + 1},
        {"space": b""},  # founding, and not law
    ],
)
def test_a_header_out_of_its_limits_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        check_limits(FIRST.header._replace(**wrong))


def forged(header: Any, version: int = 1) -> bytes:
    """Return a change with any header, well signed over it."""
    encoded = msgpack.packb((version, *header))
    signature = key_of("Ada").sign(b"commons/change/1" + encoded)
    return bytes(msgpack.packb([signature, encoded, FIRST.body]))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xc1",
        b"\xc0",
        msgpack.packb([]),
        msgpack.packb([1, 2, 3]),
        msgpack.packb([bytes(64), b"\x01", None]),
        msgpack.packb([bytes(64), bytes(MAX_HEADER_BYTES + 1), None]),
        bytes(MAX_HEADER_BYTES + MAX_BODY_BYTES + 129),
        forged(FIRST.header, version=2),
        forged(FIRST.header, version=0),
        forged((*FIRST.header, 1)),
        forged(FIRST.header[:-1]),
        forged(FIRST.header._replace(klass=True)),
        forged((*FIRST.header[:4], (1,), *FIRST.header[5:])),
        forged(FIRST.header._replace(seq=-1)),
        forged((*FIRST.header[:2], 1.0, *FIRST.header[3:])),
        forged(FIRST.header._replace(body_size=FIRST.header.body_size + 1)),
        b"\x93" * 100_000,
        b"\xdd\x00\x0f\x42\x40" + bytes(1000),  # a vector of a million entries, of which a thousand come
        b"\xdd\xff\xff\xff\xff",
        b"\x93" + b"\xdd\x00\x04\x00\x00" * 20_000,
        encode_change(FIRST) + b"\x00",
    ],
)
def test_hostile_bytes_of_a_change_are_refused_quickly_and_cheaply(raw: bytes) -> None:
    def read() -> None:
        with pytest.raises((Malformed, BadSignature)):
            decode_change(raw)

    seconds, peak = cost(read)

    assert seconds < HOSTILE_S
    assert peak < HOSTILE_BYTES


def bomb(size: int) -> bytes:
    """Return a deflated body of zeroes."""
    squeezer = zlib.compressobj(9, wbits=-15)
    return b"\x01" + squeezer.compress(bytes(size)) + squeezer.flush()


@pytest.mark.parametrize(
    "plain",
    [
        b"",
        b"\x02abc",
        b"\x00",
        b"\x00\xc0",
        b"\x00\x90",
        b"\x00\x91\x01",
        b"\x00\x92\xa1x\x81\x90\x01",  # a map whose key is a list
        b"\x00\x92\xa1x\xd6\xff\xff\xff\xff",
        b"\x01garbage",
        bomb(10),
        bomb(MAX_PLAIN_BYTES + 1),
        bomb(200 * 1024 * 1024),
        bomb(100)[:-1],
        encode_body("x", ["y" * 500]) + b"\x00",
        b"\x00" + b"\x91" * 200_000,
        b"\x00\xdd\x00\x0f\x42\x40" + bytes(1000),
        b"\x00" + b"\xdd\x00\x0f\xff\xf0" * 1000 + bytes(MAX_PLAIN_BYTES),
    ],
)
def test_hostile_bodies_are_refused_quickly_and_cheaply(plain: bytes) -> None:
    def read() -> None:
        with pytest.raises(Malformed):
            decode_body(plain)

    seconds, peak = cost(read)

    assert seconds < HOSTILE_S
    assert peak < HOSTILE_BYTES


def test_a_body_too_large_to_send_is_refused_to_its_author() -> None:
    with pytest.raises(Malformed):
        encode_body("x", ["y" * MAX_PLAIN_BYTES])


@given(st.binary(max_size=300))
def test_garbage_gets_only_errors_of_our_own(raw: bytes) -> None:
    for read in (decode_change, decode_body, lambda data: decode_body(b"\x00" + data)):
        try:
            read(raw)
        except CommonsError:
            continue


@given(st.recursive(fields, lambda inner: st.dictionaries(st.text(max_size=3), inner, max_size=3), max_leaves=8))
def test_any_message_in_the_place_of_a_change_gets_only_errors_of_our_own(value: Any) -> None:
    header = msgpack.packb(value)
    for raw in (header, msgpack.packb([FIRST.signature, header, None]), msgpack.packb([value, value, value])):
        with pytest.raises(CommonsError):
            decode_change(raw)


def test_a_founding_change_names_no_space_and_nothing_before_it() -> None:
    founding = founding_of("Ada", NOW_MS)

    assert (founding.header.space, founding.header.seq, founding.header.prev) == (b"", 1, b"")
    with pytest.raises(Malformed):
        check_limits(founding.header._replace(klass=TALK))
    with pytest.raises(Malformed):
        check_limits(founding.header._replace(deps=(bytes(32),)))


def test_changes_are_equal_by_value() -> None:
    assert Change(*FIRST) == FIRST
