"""Keys on a real disk: written whole, for the owner's eyes, and never used by a copy of the folder."""

import logging
import os
import shutil
import stat
from pathlib import Path

import pytest

from identity import keyring
from identity.certificates import certify, read_certificate
from identity.errors import BadSignature, CommonsError, Refused, StoreError
from identity.keyfile import Keys, new_device, new_person
from identity.keys import SigningKey
from identity.sealed import seal_to

TIME_MS = 1_790_000_000_000
HEADS = {"aa": 7}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COMMONS_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "home"


@pytest.fixture
def keys() -> Keys:
    return new_person(TIME_MS)


def test_keys_are_on_disk_after_create_and_open_again(folder: Path, keys: Keys) -> None:
    keyring.create(folder, keys)

    opened = keyring.open_keyring(folder)

    assert opened.keys.device.seed == keys.device.seed
    assert opened.keys.person == keys.person
    assert not opened.is_locked
    assert not keyring.needs_passphrase(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["installation.json", "keys.backup", "keys.json"]


def test_keys_are_never_overwritten(folder: Path, keys: Keys) -> None:
    keyring.create(folder, keys)
    (folder / "keys.json").unlink()

    with pytest.raises(Refused, match="already"):
        keyring.create(folder, new_person(TIME_MS))


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_only_the_owner_can_read_any_of_the_files(folder: Path, keys: Keys) -> None:
    before = os.umask(0)
    try:
        keyring.create(folder, keys)
    finally:
        os.umask(before)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}

    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_keys_that_others_can_read_are_not_used(folder: Path, keys: Keys, mode: int) -> None:
    keyring.create(folder, keys)
    (folder / "keys.json").chmod(mode)

    with pytest.raises(StoreError, match="chmod 600"):
        keyring.open_keyring(folder)


def test_a_passphrase_is_set_changed_and_removed_in_both_files(folder: Path, keys: Keys) -> None:
    ring = keyring.create(folder, keys)
    seed = keys.device.seed.hex()

    ring.change_passphrase(None, "honey")
    assert keyring.needs_passphrase(folder)
    assert seed not in (folder / "keys.json").read_text() + (folder / "keys.backup").read_text()

    ring.change_passphrase("honey", "milk")
    with pytest.raises(Refused, match="not the passphrase"):
        keyring.open_keyring(folder, "honey")
    with pytest.raises(Refused, match="enter the passphrase"):
        keyring.open_keyring(folder)
    assert keyring.open_keyring(folder, "milk").keys.device.seed == keys.device.seed

    ring.change_passphrase("milk", None)
    assert keyring.open_keyring(folder).keys.device.seed == keys.device.seed


def test_a_wrong_old_passphrase_changes_nothing(folder: Path, keys: Keys) -> None:
    ring = keyring.create(folder, keys, "honey")
    before = (folder / "keys.json").read_bytes()

    with pytest.raises(Refused, match="not the passphrase"):
        ring.change_passphrase("wrong", "new")
    with pytest.raises(Refused, match="empty"):
        ring.change_passphrase("honey", "")

    assert (folder / "keys.json").read_bytes() == before


def test_a_damaged_key_file_names_the_way_out_and_the_backup_is_one(folder: Path, keys: Keys) -> None:
    keyring.create(folder, keys, "honey")
    raw = (folder / "keys.json").read_bytes()
    (folder / "keys.json").write_bytes(raw[:100] + b"?" + raw[101:])

    with pytest.raises(StoreError, match=r"damaged.*keys\.backup.*recovery phrase"):
        keyring.open_keyring(folder, "honey")
    with pytest.raises(StoreError, match="damaged"):
        keyring.needs_passphrase(folder)
    restored = keyring.restore_backup(folder, "honey")

    assert restored.keys.device.seed == keys.device.seed
    assert keyring.open_keyring(folder, "honey").keys.person == keys.person
    assert (folder / "keys.damaged").exists()


def test_a_lost_key_file_names_the_way_out(folder: Path, keys: Keys) -> None:
    keyring.create(folder, keys)
    (folder / "keys.json").unlink()

    with pytest.raises(StoreError, match=r"missing.*keys\.backup"):
        keyring.open_keyring(folder)
    assert keyring.restore_backup(folder).keys.device.seed == keys.device.seed


def test_a_damaged_backup_points_to_the_phrase(folder: Path, keys: Keys) -> None:
    keyring.create(folder, keys)
    (folder / "keys.backup").write_bytes(b"")

    with pytest.raises(StoreError, match="recovery phrase"):
        keyring.restore_backup(folder)


def test_every_cut_short_key_file_is_told_as_damaged(folder: Path, keys: Keys) -> None:
    keyring.create(folder, keys)
    raw = (folder / "keys.json").read_bytes()

    for size in range(0, len(raw) - 2, 37):
        (folder / "keys.json").write_bytes(raw[:size])
        with pytest.raises(StoreError, match="damaged"):
            keyring.open_keyring(folder)


def test_a_backup_left_behind_by_a_power_cut_is_brought_up_to_date(folder: Path, keys: Keys) -> None:
    keyring.create(folder, keys)
    (folder / "keys.backup").write_bytes(b"older")
    (folder / "keys.json.new").write_bytes(b"half")

    ring = keyring.open_keyring(folder)
    ring.change_passphrase(None, None)

    assert (folder / "keys.backup").read_bytes() == (folder / "keys.json").read_bytes()
    assert not (folder / "keys.json.new").exists()


def test_a_folder_that_cannot_be_written_is_a_store_error(folder: Path, keys: Keys) -> None:
    folder.write_text("a file in the way")

    with pytest.raises(StoreError, match="could not make"):
        keyring.create(folder, keys)


def test_a_second_device_adopts_its_certificate_for_good(folder: Path, keys: Keys) -> None:
    assert keys.root is not None
    ring = keyring.create(folder, new_device(TIME_MS))
    device = ring.keys.device.public

    with pytest.raises((CommonsError, BadSignature)):
        ring.adopt_certificate(b"nonsense")
    ring.adopt_certificate(certify(keys.root, device, 1, TIME_MS))

    opened = keyring.open_keyring(folder)
    assert opened.keys.person == keys.person
    assert opened.keys.root is None


def test_a_folder_we_left_begins_again_and_again(folder: Path, keys: Keys) -> None:
    keyring.create(folder, keys)
    device = keys.device.public

    keyring.begin(folder, device, {})
    keyring.note_heads(folder, HEADS)
    keyring.begin(folder, device, HEADS)
    keyring.begin(folder, device, {"aa": 9})

    assert not keyring.is_restored(folder, device, {"aa": 9})


def test_a_moved_folder_is_no_restore(folder: Path, keys: Keys) -> None:
    keyring.create(folder, keys)
    keyring.begin(folder, keys.device.public, HEADS)

    moved = folder.rename(folder.with_name("moved"))

    assert not keyring.is_restored(moved, keys.device.public, HEADS)


def test_a_copy_beside_the_living_folder_is_known(folder: Path, keys: Keys) -> None:
    keyring.create(folder, keys)
    keyring.begin(folder, keys.device.public, HEADS)

    copy = Path(shutil.copytree(folder, folder.with_name("copy")))

    assert keyring.why_restored(copy, keys.device.public, HEADS) == "the folder is a copy of another one"
    with pytest.raises(Refused, match="becomes a new device"):
        keyring.begin(copy, keys.device.public, HEADS)
    assert not keyring.is_restored(folder, keys.device.public, HEADS)


def test_a_backup_put_back_after_a_later_start_is_known(folder: Path, keys: Keys) -> None:
    keyring.create(folder, keys)
    backup = Path(shutil.copytree(folder, folder.with_name("backup")))
    keyring.begin(folder, keys.device.public, {})

    shutil.copytree(backup, folder, dirs_exist_ok=True)

    assert "restored from a backup" in (keyring.why_restored(folder, keys.device.public, {}) or "")


def test_a_backup_of_this_very_session_is_known_by_its_heads(folder: Path, keys: Keys) -> None:
    keyring.create(folder, keys)
    keyring.begin(folder, keys.device.public, {})
    keyring.note_heads(folder, HEADS)

    assert keyring.is_restored(folder, keys.device.public, {"aa": 6})
    assert not keyring.is_restored(folder, keys.device.public, HEADS)


def test_a_folder_taken_to_another_machine_is_known(
    folder: Path, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring.create(folder, keys)
    monkeypatch.setenv("COMMONS_STATE_DIR", str(tmp_path / "elsewhere"))

    assert "does not know" in (keyring.why_restored(folder, keys.device.public, {}) or "")
    with pytest.raises(StoreError, match="not registered"):
        keyring.note_heads(folder, HEADS)


def test_a_restored_backup_becomes_a_new_device_of_the_same_person(folder: Path, keys: Keys) -> None:
    ring = keyring.create(folder, keys, "honey")
    sealed = seal_to(b"secret of the space", keys.device.public)
    keyring.begin(folder, keys.device.public, {})
    keyring.note_heads(folder, HEADS)
    assert keyring.is_restored(folder, keys.device.public, {})

    ring.renew_device(1, TIME_MS + 5)

    opened = keyring.open_keyring(folder, "honey").keys
    assert opened.device.public != keys.device.public
    assert opened.certificate is not None
    assert read_certificate(opened.certificate).slot == 1
    assert opened.person == keys.person
    assert opened.open_sealed(sealed) == b"secret of the space"
    assert not keyring.is_restored(folder, opened.device.public, {})
    keyring.begin(folder, opened.device.public, {})


def test_a_power_cut_while_renewing_only_asks_to_renew_again(folder: Path, keys: Keys) -> None:
    keyring.create(folder, keys)
    keyring.register(folder, SigningKey.generate().public)  # what renewing writes first

    assert keyring.is_restored(folder, keyring.open_keyring(folder).keys.device.public, {})


@pytest.mark.parametrize("raw", [b"", b"{}", b'{"format": "commons/installation/1", "id": "../../x", "nonce": "n"}'])
def test_a_damaged_tag_counts_as_restored_and_names_no_other_file(folder: Path, keys: Keys, raw: bytes) -> None:
    keyring.create(folder, keys)
    (folder / "installation.json").write_bytes(raw)

    assert keyring.is_restored(folder, keys.device.public, {})


def test_a_damaged_marker_counts_as_restored(folder: Path, keys: Keys, tmp_path: Path) -> None:
    keyring.create(folder, keys)
    for marker in (tmp_path / "state" / "installations").iterdir():
        marker.write_bytes(b"?")

    assert keyring.is_restored(folder, keys.device.public, {})


def test_no_secret_is_printed_or_logged(folder: Path, keys: Keys, caplog: pytest.LogCaptureFixture) -> None:
    assert keys.root is not None
    caplog.set_level(logging.DEBUG)

    ring = keyring.create(folder, keys, "honey and milk")
    ring.renew_device(1, TIME_MS)
    shown = caplog.text + repr(ring) + str(ring)

    for secret in (keys.root.seed, keys.device.seed, ring.keys.device.seed):
        assert secret.hex() not in shown
        assert repr(secret) not in shown
    assert "honey" not in shown
    assert caplog.messages != []


def test_an_opened_box_of_no_keys_reveals_nothing_in_its_error(folder: Path, keys: Keys) -> None:
    keyring.create(folder, keys)
    raw = (folder / "keys.json").read_text()
    (folder / "keys.json").write_text(raw[:-10])

    with pytest.raises(StoreError) as caught:
        keyring.open_keyring(folder)

    cause = caught.value.__cause__
    assert cause is not None
    assert keys.device.seed.hex() not in str(caught.value) + str(cause)
    assert cause.__suppress_context__
