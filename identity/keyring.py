"""The keys of a node's folder on disk, and the marker outside it: the only file of this package that touches files.

In the folder lie `keys.json`, its copy `keys.backup`, and `installation.json`; the marker lies in the system's state
folder (or COMMONS_STATE_DIR). Everything is written to a new file, flushed, renamed over the old one, and the folder
flushed, so that a power cut leaves the old or the new. All is for the owner's eyes alone (0600).
"""

import logging
import os
import secrets
import stat
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import platformdirs

from identity import installations, keyfile
from identity.errors import Malformed, Refused, StoreError
from identity.installations import Marker, Place, Tag
from identity.keyfile import Keys, Lock
from identity.keys import SigningKey, short

log = logging.getLogger(__name__)

KEYS_NAME = "keys.json"
BACKUP_NAME = "keys.backup"
TAG_NAME = "installation.json"
STATE_VARIABLE = "COMMONS_STATE_DIR"
_MACHINE_FILES = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))
_IS_POSIX = os.name == "posix"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_WAY_OUT = (
    f"The way out: put {BACKUP_NAME} in its place with `commons restore --backup`, "
    "or begin anew with your recovery phrase with `commons restore --phrase`."
)


class Keyring:
    """The keys of one node's folder; what is changed here is on disk before the call returns."""

    def __init__(self, folder: Path, keys: Keys, lock: Lock | None) -> None:
        self.folder = folder
        self.keys = keys
        self._lock = lock

    def __repr__(self) -> str:
        return f"Keyring({short(self.keys.device.public)}, {'locked' if self.is_locked else 'open'} on disk)"

    @property
    def is_locked(self) -> bool:
        """Whether the file on disk is sealed with a passphrase."""
        return self._lock is not None

    def change_passphrase(self, old: str | None, new: str | None) -> None:
        """Seal the file with a new passphrase; None leaves the keys readable for whoever reads the file.

        Raises:
            Refused: if the old passphrase is wrong, or the new one empty.
            StoreError: if the folder cannot be written.
        """
        try:
            keyfile.read_keys(_read_private(self.folder / KEYS_NAME), old)
        except Malformed as error:
            raise _damaged(self.folder, error) from error
        self._write(self.keys, keyfile.make_lock(new) if new is not None else None)

    def adopt_certificate(self, certificate: bytes) -> None:
        """Keep the certificate that the person's other device made for this one.

        Raises:
            Malformed, BadSignature, Refused: if it is none, or not for this device.
            StoreError: if the folder cannot be written.
        """
        self._write(self.keys.certified(certificate), self._lock)

    def renew_device(self, slot: int | None, time_ms: int) -> None:
        """Become a new device, as a restored backup must, and register the folder anew.

        Certified by the root key if it is here and a slot is free; else the device waits for a certificate. The old
        key is kept to open what was sealed to it and never signs again.

        Raises:
            Refused: if the slot is not one of the 16.
            StoreError: if the folder or the state folder cannot be written.
        """
        renewed = self.keys.renewed(slot, time_ms)
        # The marker first: if we fall in between, the old key no longer fits it and is renewed at the next start.
        register(self.folder, renewed.device.public)
        self._write(renewed, self._lock)
        log.info("device key was renewed device=%s", short(renewed.device.public))

    def as_person(self, seed: bytes, slot: int, time_ms: int) -> Keys:
        """Return keys by which this folder would be a new device of the person whose seed this is.

        Raises:
            Refused: if the slot is not one of the 16.
        """
        return replace(self.keys, root=SigningKey(seed), certificate=None).renewed(slot, time_ms)

    def become(self, keys: Keys) -> None:
        """Act with other keys from now on, as somebody who came in by another name to recover.

        Raises:
            StoreError: if the folder or the state folder cannot be written.
        """
        register(self.folder, keys.device.public)
        self._write(keys, self._lock)
        log.info("folder acts with other keys device=%s", short(keys.device.public))

    def _write(self, keys: Keys, lock: Lock | None) -> None:
        raw = keyfile.write_keys(keys, lock)
        _write(self.folder / KEYS_NAME, raw)
        _write(self.folder / BACKUP_NAME, raw)
        self.keys, self._lock = keys, lock


def exists(folder: Path) -> bool:
    """Tell whether a folder holds keys, or their backup."""
    return (folder / KEYS_NAME).exists() or (folder / BACKUP_NAME).exists()


def create(folder: Path, keys: Keys, passphrase: str | None = None) -> Keyring:
    """Write the first keys of a folder and register it on this machine.

    Raises:
        Refused: if the folder holds keys already, or the passphrase is empty.
        StoreError: if the folder or the state folder cannot be written.
    """
    if exists(folder):
        raise Refused("there are keys in this folder already; they are not overwritten")
    lock = keyfile.make_lock(passphrase) if passphrase is not None else None
    keyring = Keyring(folder, keys, lock)
    _make_folder(folder)
    register(folder, keys.device.public)
    keyring._write(keys, lock)
    log.info("keys were created device=%s", short(keys.device.public))
    return keyring


def needs_passphrase(folder: Path) -> bool:
    """Tell whether a folder's keys are sealed with a passphrase.

    Raises:
        StoreError: if the file is missing, damaged or readable by others.
    """
    try:
        return keyfile.is_locked(_read_private(folder / KEYS_NAME))
    except Malformed as error:
        raise _damaged(folder, error) from error


def open_keyring(folder: Path, passphrase: str | None = None) -> Keyring:
    """Open a folder's keys, and bring the backup copy up to date if a power cut left it behind.

    Raises:
        Refused: if the passphrase is missing or wrong.
        StoreError: if the file is missing, damaged or readable by others; the words name the way out.
    """
    raw = _read_private(folder / KEYS_NAME)
    try:
        keys, lock = keyfile.read_keys(raw, passphrase)
    except Malformed as error:
        raise _damaged(folder, error) from error
    if _read_if_there(folder / BACKUP_NAME) != raw:
        _write(folder / BACKUP_NAME, raw)
    return Keyring(folder, keys, lock)


def restore_backup(folder: Path, passphrase: str | None = None) -> Keyring:
    """Put the backup copy in the place of a damaged or lost key file.

    The damaged file is kept beside it as `keys.damaged`.

    Raises:
        Refused: if the passphrase is missing or wrong.
        StoreError: if the backup is missing or damaged too.
    """
    raw = _read_private(folder / BACKUP_NAME)
    try:
        keys, lock = keyfile.read_keys(raw, passphrase)
    except Malformed as error:
        raise StoreError(f"{BACKUP_NAME} is damaged too ({error}): use your recovery phrase") from error
    damaged = _read_if_there(folder / KEYS_NAME)
    if damaged is not None and damaged != raw:
        _write(folder / "keys.damaged", damaged)
    _write(folder / KEYS_NAME, raw)
    log.info("key file was restored from its backup device=%s", short(keys.device.public))
    return Keyring(folder, keys, lock)


def register(folder: Path, device: bytes) -> None:
    """Write a fresh tag into the folder and its marker outside: this folder, this device, from now on.

    Raises:
        StoreError: if either cannot be written.
    """
    _make_folder(folder)
    tag = Tag(secrets.token_hex(installations.ID_BYTES), secrets.token_hex(installations.ID_BYTES))
    _write_marker(_here(folder, tag, device, {}))
    _write(folder / TAG_NAME, installations.write_tag(tag))


def why_restored(folder: Path, device: bytes, heads: Mapping[str, int]) -> str | None:
    """Return in words why the folder counts as a restored or copied one, or None.

    `heads` maps a space's id in hex to the highest seq of this device's own log that the folder holds.

    Raises:
        StoreError: if a file is there and cannot be read.
    """
    tag = _read_tag(folder)
    marker = _read_marker(tag) if tag is not None else None
    return installations.reason_to_renew(tag, marker, _here(folder, tag or Tag("", ""), device, heads))


def is_restored(folder: Path, device: bytes, heads: Mapping[str, int]) -> bool:
    """Tell whether the folder is a restored or copied one, whose device key must be renewed before it signs."""
    return why_restored(folder, device, heads) is not None


def begin(folder: Path, device: bytes, heads: Mapping[str, int]) -> None:
    """Draw a new nonce for a folder that is not restored; to be called at each start, before anything is signed.

    Raises:
        Refused: if the folder counts as restored.
        StoreError: if a file cannot be written.
    """
    reason = why_restored(folder, device, heads)
    tag = _read_tag(folder)
    if reason is not None or tag is None:
        raise Refused(f"{reason}; it becomes a new device before it writes")
    fresh = Tag(tag.id, secrets.token_hex(installations.ID_BYTES))
    marker = _here(folder, fresh, device, heads)
    # The marker allows both nonces until the folder holds the new one: a fall in between is no restore.
    _write_marker(replace(marker, nonces=(tag.nonce, fresh.nonce)))
    _write(folder / TAG_NAME, installations.write_tag(fresh))
    _write_marker(marker)


def note_heads(folder: Path, heads: Mapping[str, int]) -> None:
    """Note own heads outside the folder, now and then and when stopping; a head never goes back.

    Raises:
        StoreError: if the folder is not registered, or the marker cannot be written.
    """
    tag = _read_tag(folder)
    marker = _read_marker(tag) if tag is not None else None
    if marker is None:
        raise StoreError("this folder is not registered on this machine")
    _write_marker(installations.with_heads(marker, heads))


def _here(folder: Path, tag: Tag, device: bytes, heads: Mapping[str, int]) -> Marker:
    try:
        where = folder.resolve()
        found = where.stat()
    except OSError as error:
        raise _failed("look at", folder, error) from error
    place = Place(str(where), str(found.st_ino or ""), str(found.st_dev), _machine())
    return Marker(tag.id, (tag.nonce,), device.hex(), place, heads)


def _machine() -> str:
    for path in _MACHINE_FILES:
        try:
            machine_id = path.read_text()
        except (OSError, UnicodeDecodeError):
            continue
        if machine_id.strip():
            return installations.hash_machine(machine_id)
    return ""


def _state_folder() -> Path:
    chosen = os.environ.get(STATE_VARIABLE)
    return Path(chosen) if chosen else Path(platformdirs.user_state_dir("commons", appauthor=False))


def _marker_path(tag_id: str) -> Path:
    return _state_folder() / "installations" / f"{tag_id}.json"


def _read_tag(folder: Path) -> Tag | None:
    raw = _read_if_there(folder / TAG_NAME)
    try:
        tag = installations.read_tag(raw) if raw is not None else None
    except Malformed:
        log.warning("installation tag was damaged")
        return None
    # The id names a file: nothing but hex may pass.
    return tag if tag is not None and set(tag.id) <= set("0123456789abcdef") else None


def _read_marker(tag: Tag) -> Marker | None:
    raw = _read_if_there(_marker_path(tag.id))
    try:
        return installations.read_marker(raw) if raw is not None else None
    except Malformed:
        log.warning("installation marker was damaged")
        return None


def _write_marker(marker: Marker) -> None:
    path = _marker_path(marker.id)
    _make_folder(path.parent)
    _write(path, installations.write_marker(marker))


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _failed("make", folder, error) from error


def _read_private(path: Path) -> bytes:
    """Read a file of secrets, if nobody but its owner can."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if _IS_POSIX and mode & _OTHERS:
                raise StoreError(f"{path} can be read by other people on this computer: run `chmod 600 {path}`")
            return file.read(keyfile.MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise StoreError(f"{path} is missing. {_WAY_OUT}") from error
    except OSError as error:
        raise _failed("read", path, error) from error


def _read_if_there(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(installations.MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _failed("read", path, error) from error


def _write(path: Path, raw: bytes) -> None:
    """Replace a file as a whole: a new 0600 file, flushed, renamed, and the folder flushed."""
    fresh = path.with_name(path.name + ".new")
    try:
        fresh.unlink(missing_ok=True)
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        _flush_folder(path.parent)
    except OSError as error:
        raise _failed("write", path, error) from error


def _flush_folder(folder: Path) -> None:
    if not _IS_POSIX:
        return  # Windows offers no handle of a folder to flush
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _damaged(folder: Path, error: Malformed) -> StoreError:
    return StoreError(f"{folder / KEYS_NAME} is damaged: {error}. {_WAY_OUT}")


def _failed(act: str, path: Path, error: OSError) -> StoreError:
    return StoreError(f"could not {act} {path}: {error.strerror or error}")
