"""Batches: frozen bytes, round trips, and that nothing altered gets through."""

import time
from collections.abc import Sequence

import msgpack
import pytest
from authors import Author, Reader, founding_of, key_of
from hypothesis import given
from hypothesis import strategies as st

from crdt.batch import MAX_BATCH_BYTES, MAX_BATCH_CHANGES, decode_batch, encode_batch, unbroken
from crdt.change import LAW, MAX_BODY_BYTES, Change
from identity.errors import BadSignature, CommonsError, Malformed

FOUNDING = founding_of("Ada")
SPACE = FOUNDING.id
HOSTILE_S = 0.05

# Frozen: what these bytes are must never change while VERSION is 1.
FROZEN_BATCH = (
    "9a019393c420c72b41114741571ab2d76dc0452f30f0b51af42e0aad950275fca3ac75bd687301c40093c420e9d092c53a33"
    "fb76ffd6fb2308e73899997f25d3f5da516c4575d31639ffb56c01c40093c4204e64308c3f956e25e20f8ca2aa8fb84e54ae"
    "1d0a2bce3060f2184f7d7d3630c701c400c40a00000001000100020000c50140bc4d691a4b0bd70380014b370cf14b9a9f1d"
    "1a6318544cc18f082f7e26cbdde7ac3d9d41ca128148b6ca99d5bd5920d3efb70d176475281b589ca7564184160809ba9ce1"
    "c4282621a7716cc264602f0859cccb609952c390de14ecd9dc0b57046f197386c444cb32072161cc2ee441fe30c11f849e92"
    "1731d84f35f59e8e2f07edd72613339aa8631cb28cf3da32213133c7f32e44f7e1118208743cc95c1d5ec1f97fd0c3c18b01"
    "db42d594a90dd1f17b9cadde50b678cccfe1f9bec3a5870732991fa1b3551f457ef529efae38b51acf2337a7585ac92960b7"
    "90eb657080e894a7be300e34a5b756f741510a988bd222892005805968a3e44744b083cf7b07a1d78f173cecffe10e3e749e"
    "ade5b31ee02f45f3ede522b192fc9cde2468353097e49caeb3d77d11451d8d162fe0eed627ea44dc6baa66e6264946e9545d"
    "940695cf000001a0c4506c00cd03e8cd03e8d1fc1800c405800202000291c400c4050000000000950001000192020195c413"
    "0092ab73706163652e666f756e64a474657374c4140095aa706f73742e7772697465a36f6e65c0c090c4140095aa706f7374"
    "2e7772697465a374776fc0c090c4160095aa706f73742e7772697465a568656c6c6fc0c090c4150095aa706f73742e777269"
    "7465a4666f7572c0c090"
)


def conversation() -> list[Change]:
    """Return a few changes of three logs that name each other, the founding one among them."""
    ada, ben, eve = (Author(name, SPACE) for name in ("Ada", "Ben", "Eve"))
    ada.log.append(FOUNDING)
    one = ben.write(FOUNDING, text="one")
    two = ben.write(text="two")
    three = eve.write(two, klass=LAW)
    four = ada.write(two, three, text="four")
    return [FOUNDING, one, two, three, four]


TALK = conversation()


def test_the_bytes_of_a_batch_are_frozen() -> None:
    assert encode_batch(TALK).hex() == FROZEN_BATCH
    assert decode_batch(bytes.fromhex(FROZEN_BATCH), SPACE).changes == TALK


def test_a_batch_comes_back_with_the_same_ids() -> None:
    assert decode_batch(encode_batch(TALK), SPACE).changes == TALK
    assert decode_batch(encode_batch(TALK[2:4]), SPACE).changes == TALK[2:4]
    assert decode_batch(encode_batch([]), SPACE).changes == []


def test_an_erased_body_travels_with_what_erased_it() -> None:
    ben = Author("Ben", SPACE)
    post, eraser = ben.write(), ben.write()
    gone = post._replace(body=None)

    batch = decode_batch(encode_batch([gone, eraser], {post.id: eraser}), SPACE)

    assert batch.changes == [gone, eraser]
    assert batch.erasers == {post.id: eraser}


def test_what_has_a_gap_does_not_go_into_one_batch() -> None:
    ben, eve = Author("Ben", SPACE), Author("Eve", SPACE)
    first, second, third, other = ben.write(), ben.write(), ben.write(), eve.write()

    assert unbroken([first, other, second, third]) == [first, other, second, third]
    assert unbroken([first, other, third]) == [first, other]
    assert unbroken([second, first]) == [second]
    assert unbroken([]) == []


@given(st.lists(st.tuples(st.integers(0, 3), st.sets(st.integers(0, 30), max_size=4)), max_size=30), st.data())
def test_any_conversation_comes_back(plan: Sequence[tuple[int, set[int]]], data: st.DataObject) -> None:
    authors = [Author(name, SPACE) for name in ("Ada", "Ben", "Eve", "Kim")]
    changes: list[Change] = []
    for who, names in plan:
        own = {change.id for change in authors[who].log}
        deps = [changes[at] for at in sorted(names) if at < len(changes) and changes[at].id not in own]
        changes.append(authors[who].write(*deps))
    start = data.draw(st.integers(0, len(changes)))

    again = decode_batch(encode_batch(changes[start:]), SPACE).changes

    assert again == changes[start:]


def accepted(data: bytes) -> list[Change]:
    """Return what a newcomer takes of a batch; nothing if its sender is at fault."""
    try:
        return [entry.change for entry in Reader().take(decode_batch(data, SPACE).changes).accepted]
    except (Malformed, BadSignature):
        return []


@pytest.mark.parametrize("flip", [0x01, 0x10, 0x80, 0xFF])
def test_no_altered_byte_of_a_batch_gets_anything_else_accepted(flip: int) -> None:
    whole = encode_batch(TALK)
    originals = {change.id: change for change in TALK}

    for at in range(len(whole)):
        altered = whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :]
        for change in accepted(altered):
            assert originals.get(change.id) == change, f"byte {at}"


def test_a_batch_of_another_space_is_refused() -> None:
    elsewhere = founding_of("Ben")

    with pytest.raises(BadSignature):
        Reader().take(decode_batch(encode_batch(TALK[1:]), elsewhere.id).changes)
    with pytest.raises(Malformed):
        decode_batch(encode_batch([elsewhere]), SPACE)


def columns(**wrong: object) -> bytes:
    """Return a batch of one change with some columns put wrong."""
    names = ("version", "logs", "who", "signatures", "times", "classes", "epochs", "epoch_of", "deps", "bodies")
    good = dict(zip(names, msgpack.unpackb(encode_batch([TALK[1]])), strict=True))
    return bytes(msgpack.packb(list((good | wrong).values())))


AUTHOR = key_of("Ben").public
MANY = MAX_BATCH_CHANGES + 1


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xc0",
        b"\x90",
        b"\x9a" + b"\xc0" * 10,
        bytes(MAX_BATCH_BYTES + MAX_BODY_BYTES + 1),
        columns(version=2),
        columns(version=True),
        columns(logs=[]),
        columns(logs={}),
        columns(logs=[[AUTHOR, 0, b""]]),
        columns(logs=[[AUTHOR, 2, b""]]),
        columns(logs=[[AUTHOR, 1, bytes(32)]]),
        columns(logs=[[AUTHOR, 2**63, bytes(32)]]),
        columns(logs=[[AUTHOR, 1, b""], [AUTHOR, 1, b""]]),
        columns(logs=[[b"short", 1, b""]]),
        columns(logs=[[AUTHOR, 1]]),
        columns(who=b"\x00\x01"),
        columns(who=b"\x00"),
        columns(who=b""),
        columns(signatures=bytes(63)),
        columns(times=[-1]),
        columns(times=[2**53]),
        columns(times=[1.5]),
        columns(times=[]),
        columns(classes=b"\x04"),
        columns(classes=b"\x82"),
        columns(epochs=[b"short"]),
        columns(epoch_of=b"\x01"),
        columns(deps=[1]),
        columns(deps=[-1]),
        columns(deps=[[1]]),
        columns(deps=[[b"short"]]),
        columns(deps=[[bytes(32), bytes(32)]]),
        columns(deps=[[i.to_bytes(32, "big") for i in range(1025)]]),
        columns(bodies=[None]),
        columns(bodies=["text"]),
        columns(bodies=[bytes(MAX_BODY_BYTES + 1)]),
        columns(bodies=[[bytes(32), 5, b"no change"]]),
        columns(bodies=[[bytes(31), 5, b""]]),
        columns(bodies=[[bytes(32), -1, b""]]),
        columns(bodies=[]),
        columns(times=[0] * MANY, deps=[0] * MANY),
        b"\x9a" + b"\xdd\x00\x0f\x42\x40" * 1000,
        b"\x9a" + b"\xdc\x0f\xff" * 300_000,
        b"\x91" * 500_000,
    ],
)
def test_hostile_batches_are_refused_quickly(raw: bytes) -> None:
    seconds = []
    for _ in range(3):
        began = time.thread_time()
        with pytest.raises(CommonsError):
            decode_batch(raw, SPACE)
        seconds.append(time.thread_time() - began)

    assert min(seconds) < HOSTILE_S


@given(st.binary(max_size=400))
def test_garbage_gets_only_errors_of_our_own(raw: bytes) -> None:
    for data in (raw, b"\x9a" + raw):
        try:
            decode_batch(data, SPACE)
        except CommonsError:
            continue
