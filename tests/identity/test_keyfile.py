"""The bytes of a key file: read back, locked, damaged, forged."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.certificates import certify, read_certificate
from identity.errors import CommonsError, Malformed, Refused
from identity.keyfile import (
    Keys,
    _checksum,
    is_locked,
    make_lock,
    new_device,
    new_person,
    read_keys,
    write_keys,
)
from identity.keys import SigningKey
from identity.sealed import seal_to

ROOT, DEVICE = SigningKey(b"\x01" * 32), SigningKey(b"\x02" * 32)
OLD = SigningKey(b"\x03" * 32)
TIME_MS = 1_790_000_000_000
KEYS = Keys(DEVICE, TIME_MS, ROOT, certify(ROOT, DEVICE.public, 0, TIME_MS), (OLD,))
PLAIN = write_keys(KEYS, None)
NAMES = st.sampled_from(["root", "device", "certificate", "created_ms", "retired", "name", "salt"])
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
)
LOCKED = write_keys(KEYS, make_lock("süß wie Honig"))


def test_fixed_keys_give_a_fixed_file() -> None:
    assert json.loads(PLAIN)["checksum"] == "38aec66a261bfe8d1b5ab81103f73b33"


def test_a_locked_file_of_the_first_version_opens_for_ever() -> None:
    box = (
        "f3d78c17c3d8400aa18100c0e5b3349614f1e1c3feb247029ba2b7da8e1d166179c8692fa31217fc71110f9986f4cd09a72a"
        "b6b9bf29a15da2c18050f2c0d23519cca40727191d443cfae5d7b2c0f38cbcf78db7812abca0cff43e0eebcdc9b75b4d67ae"
        "19c05aa8f661ff65d44191480666a15bd4f5e7fc9322ba07625f9100b1ec5ab4b4ac548b12cbe465bef2e770091db2097baa"
        "cbe6a8a1f605cc5f0e7ffafa1283e24d80477d731d7192d63c0652f2a1edf9a8b4ed114bb3d1f0edc7c768664a043816005a"
        "823c976e3e62a3b7c38b109a180771f3b3a83d480922005f3052ba27b03651c309290224d53288a00c02feec20d54c16d681"
        "fffb7ad69844989f029d1d25dc6c15a6557fe5237bcf0c4ed5d10aacf2b2e18e06914bd3154b1ed2a50788062f982064ae7b"
        "74a4f1dd4c340841f4b8766c9297bb5283f1760a676a928812f7330bdd316408f51644d54833c618f771539446fdb6ba1382"
        "dda6c2c480ddea1b9767288a64f37c281efc11bb78296743fa71e606da2284100f9199e6ea20a767be51e322c75892968a40"
        "12db4d71655a3e98179485594d716c4e2af325e32e24df3ad643398932a140d46dd9a404d47d37883a88bc5daf3daba14a91"
        "324854f98f88445b7626fac7e9307c9be1a15f8a1d3c6ef655916a58d8aac10105f7066da8e0b3d52fdacd6393994599671d"
        "5a4a4ef6bbceda50dd2275a00a109bb9e7fc779674ae11b80a9de77798d731d787b83c4317de8bd4f7695c14b16f8c1119dd"
        "83e09fc3d9b9fa0e439ac72e41b67c20a264eaebfe4ab6ad64e19f9c812e3ba512bb94567130d3f6c56063de4dbe1a109b84"
        "12566113"
    )
    kdf = {"name": "argon2id", "salt": "45ab3cb47656e973d154d2a5aff721e5", "operations": 3, "memory_bytes": 67108864}
    first = {"format": "commons/keys/1", "person": "did:key:z6Mkon3Necd6NkkyfoGoHxid2znGc59LU3K7mubaRcFbLfLX"}
    raw = json.dumps(first | {"kdf": kdf, "box": box, "checksum": "e0cf43601217847e43d85fc97a271711"}).encode()

    keys, _ = read_keys(raw, "honey")

    assert write_keys(keys, None) == PLAIN


def test_an_open_file_reads_back_whole() -> None:
    keys, lock = read_keys(PLAIN, None)

    assert write_keys(keys, lock) == PLAIN
    assert keys.person == ROOT.public
    assert not is_locked(PLAIN)


def test_a_locked_file_opens_with_its_passphrase_however_it_is_typed() -> None:
    assert is_locked(LOCKED)

    for typed in ("süß wie Honig", "su\u0308ß wie Honig"):
        keys, lock = read_keys(LOCKED, typed)

        assert lock is not None
        assert write_keys(keys, None) == PLAIN


def test_a_locked_file_holds_no_seed() -> None:
    for key in (ROOT, DEVICE, OLD):
        assert key.seed.hex().encode() in PLAIN
        assert key.seed.hex().encode() not in LOCKED


def test_a_missing_or_wrong_passphrase_is_refused() -> None:
    with pytest.raises(Refused, match="locked"):
        read_keys(LOCKED, None)
    with pytest.raises(Refused, match="not the passphrase"):
        read_keys(LOCKED, "wrong")


@pytest.mark.parametrize("passphrase", ["", "\ud800"])
def test_a_passphrase_must_be_something(passphrase: str) -> None:
    with pytest.raises(Refused):
        make_lock(passphrase)


def test_a_file_with_any_byte_changed_is_damaged_not_a_wrong_passphrase() -> None:
    for position in range(len(LOCKED) - 1):
        forged = bytearray(LOCKED)
        forged[position] ^= 1
        if _same_json(bytes(forged), LOCKED):
            continue
        with pytest.raises(Malformed):
            is_locked(bytes(forged))


@given(st.binary(max_size=300))
def test_garbage_is_no_key_file(raw: bytes) -> None:
    with pytest.raises(CommonsError):
        read_keys(raw, "x")


@given(anything)
def test_a_file_whose_checksum_fits_but_whose_content_does_not_is_malformed(content: object) -> None:
    for name in ("keys", "kdf"):
        fields = {"format": "commons/keys/1", name: content}
        if name == "kdf":
            fields["box"] = "00"

        with pytest.raises(CommonsError):
            read_keys(_with_checksum(fields), "x")


@pytest.mark.parametrize(
    "change",
    [
        {"memory_bytes": 2**40},
        {"operations": 10**6},
        {"operations": 0},
        {"memory_bytes": 0},
        {"name": "scrypt"},
        {"salt": "00"},
        {"memory_bytes": float("inf")},
    ],
)
def test_a_lock_that_asks_for_endless_work_is_malformed(change: dict[str, object]) -> None:
    fields = json.loads(LOCKED)
    fields["kdf"] |= change

    with pytest.raises(Malformed):
        read_keys(_with_checksum(fields), "x")


def test_parts_that_do_not_belong_together_are_malformed() -> None:
    stranger = SigningKey(b"\x09" * 32)
    for change in (
        {"root": stranger.seed.hex()},
        {"device": stranger.seed.hex()},
        {"certificate": certify(stranger, DEVICE.public, 0, TIME_MS).hex()},
        {"certificate": "00"},
        {"retired": None},
        {"device": "zz"},
    ):
        fields = json.loads(PLAIN)
        fields["keys"] |= change
        with pytest.raises(Malformed):
            read_keys(_with_checksum(fields), None)


def test_a_file_that_names_another_person_is_malformed() -> None:
    fields = json.loads(PLAIN) | {"person": "did:key:z6MkehRgf7yJbgaGfYsdoAsKdBPE3dj2CYhowQdcjqSJgvVd"}

    with pytest.raises(Malformed, match="another person"):
        read_keys(_with_checksum(fields), None)


def test_a_newer_file_asks_for_an_update() -> None:
    with pytest.raises(Malformed, match="update first"):
        read_keys(PLAIN.replace(b"commons/keys/1", b"commons/keys/2"), None)


def test_a_deep_or_huge_file_is_malformed() -> None:
    for raw in (b"[" * 60_000, b" " * 70_000):
        with pytest.raises(Malformed):
            read_keys(raw, None)


def test_a_new_person_is_certified_and_a_phrase_brings_the_same_person_back() -> None:
    keys = new_person(TIME_MS)
    assert keys.root is not None

    again = new_person(TIME_MS, seed=keys.root.seed, slot=1)

    assert again.person == keys.person
    assert again.device.public != keys.device.public
    assert again.certificate is not None
    assert read_certificate(again.certificate).slot == 1


def test_a_second_device_waits_for_its_certificate() -> None:
    waiting = new_device(TIME_MS)
    certificate = certify(ROOT, waiting.device.public, 1, TIME_MS)

    certified = waiting.certified(certificate)

    assert waiting.person is None
    assert certified.person == ROOT.public
    assert certified.root is None
    assert write_keys(read_keys(write_keys(waiting, None), None)[0], None) == write_keys(waiting, None)


def test_a_certificate_for_another_device_or_by_another_person_is_refused() -> None:
    stranger = SigningKey(b"\x09" * 32)

    with pytest.raises(Refused, match="another device"):
        KEYS.certified(certify(ROOT, OLD.public, 1, TIME_MS))
    with pytest.raises(Refused, match="another person"):
        KEYS.certified(certify(stranger, DEVICE.public, 1, TIME_MS))


def test_a_renewed_device_signs_anew_and_still_opens_what_was_sealed_before() -> None:
    sealed = seal_to(b"the garden's secret", DEVICE.public)
    older = seal_to(b"older", OLD.public)

    renewed = KEYS.renewed(5, TIME_MS + 1)

    assert renewed.device.public not in (DEVICE.public, OLD.public)
    assert renewed.person == ROOT.public
    assert [renewed.open_sealed(sealed), renewed.open_sealed(older)] == [b"the garden's secret", b"older"]
    with pytest.raises(Malformed):
        renewed.open_sealed(seal_to(b"x", ROOT.public))


def test_without_the_root_a_renewed_device_waits() -> None:
    second = new_device(TIME_MS)

    renewed = second.certified(certify(ROOT, second.device.public, 1, TIME_MS)).renewed(2, TIME_MS)

    assert renewed.certificate is None
    assert renewed.person is None


def test_no_secret_shows_in_what_is_printed() -> None:
    lock = make_lock("honey")

    shown = f"{KEYS!r} {KEYS} {lock!r} {lock}"

    assert shown == "Keys(SigningKey(8139770e), root=kept) " * 2 + "Lock() Lock()"


def _with_checksum(fields: dict[str, object]) -> bytes:
    """Forge a file as one who knows the format."""
    fields.pop("checksum", None)
    return json.dumps(fields | {"checksum": _checksum(fields)}).encode()


def _same_json(raw: bytes, other: bytes) -> bool:
    try:
        return bool(json.loads(raw) == json.loads(other))
    except ValueError:
        return False
