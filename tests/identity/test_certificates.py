"""A device certificate has one form, and only the person's root key makes it."""

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.certificates import SLOTS, Certificate, certify, read_certificate
from identity.errors import BadSignature, CommonsError, Malformed, Refused
from identity.keys import SigningKey

ROOT, DEVICE = SigningKey(b"\x01" * 32), SigningKey(b"\x02" * 32)
TIME_MS = 1_790_000_000_000
RAW = certify(ROOT, DEVICE.public, 3, TIME_MS)


def test_fixed_keys_give_a_fixed_certificate() -> None:
    assert RAW.hex() == (
        "95c4208a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5cc4208139770ea87d175f56a35466c3"
        "4c7ecccb8d8a91b4ee37a25df60f5b8fc9b39403cf000001a0c4506c00c440dca8af0d2b18c97f28aa14c3ec081ef330e59c"
        "d6a9b5693fb38865f482e3cb756fa49b05d5977835fcfd54ccf8291a1c64a16d7e5562054871bf2b6434e26c08"
    )


@given(st.integers(0, SLOTS - 1), st.integers(0, 2**53 - 1))
def test_a_certificate_reads_back(slot: int, time_ms: int) -> None:
    raw = certify(ROOT, DEVICE.public, slot, time_ms)

    assert read_certificate(raw) == Certificate(ROOT.public, DEVICE.public, slot, time_ms)


@pytest.mark.parametrize("slot", [-1, 16, 2**40])
def test_a_person_has_sixteen_slots(slot: int) -> None:
    with pytest.raises(Refused, match="at most 16 devices"):
        certify(ROOT, DEVICE.public, slot, TIME_MS)


def test_the_root_key_certifies_no_root_key() -> None:
    with pytest.raises(Malformed):
        certify(ROOT, ROOT.public, 0, TIME_MS)


@pytest.mark.parametrize(("device", "time_ms"), [(b"short", 0), (DEVICE.public, -1), (DEVICE.public, 2**53)])
def test_what_cannot_stand_in_a_certificate_is_malformed(device: bytes, time_ms: int) -> None:
    with pytest.raises(Malformed):
        certify(ROOT, device, 0, time_ms)


def test_no_bit_of_a_certificate_can_be_changed() -> None:
    for position in range(len(RAW)):
        for bit in range(8):
            forged = bytearray(RAW)
            forged[position] ^= 1 << bit

            with pytest.raises((Malformed, BadSignature)):
                read_certificate(bytes(forged))


def test_another_way_of_writing_the_same_is_malformed() -> None:
    fields = msgpack.unpackb(RAW)
    person, device, slot, issued_ms, signature = fields

    for other in [
        b"\xdc\x00\x05" + RAW[1:],
        RAW + b"\x00",
        RAW[:-1],
        msgpack.packb([person, device, True, issued_ms, signature]),
        msgpack.packb([person, device, float(slot), issued_ms, signature]),
        msgpack.packb([person, device, slot, issued_ms]),
        msgpack.packb([*fields, 0]),
        msgpack.packb({"person": person}),
        msgpack.packb([person, device, 16, issued_ms, signature]),
        msgpack.packb([person, person, slot, issued_ms, signature]),
        msgpack.packb([[person], device, slot, issued_ms, signature]),
        msgpack.packb([person, device, slot, msgpack.Timestamp(1), signature]),
        b"",
        bytes(10_000),
    ]:
        with pytest.raises(Malformed):
            read_certificate(other)


@given(st.binary(max_size=200))
def test_garbage_is_no_certificate(raw: bytes) -> None:
    with pytest.raises(CommonsError):
        read_certificate(raw)


def test_a_stranger_cannot_certify_in_a_persons_name() -> None:
    stranger = SigningKey(b"\x05" * 32)
    theirs = msgpack.unpackb(certify(stranger, DEVICE.public, 3, TIME_MS))

    with pytest.raises(BadSignature):
        read_certificate(msgpack.packb([ROOT.public, *theirs[1:]]))
