"""Putting keys back: from their backup, or from the recovery phrase."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from identity import keyring
from identity.errors import Malformed, Refused
from identity.keyfile import read_keys, same_person
from identity.keyring import Keyring
from identity.phrase import read_phrase
from node.store import queries, readmodel
from node.store.database import FILE_NAME, Database, Lock

NAME_SETTING = "my name"
_KEY_FILES = (keyring.KEYS_NAME, keyring.BACKUP_NAME)


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a person says to get their keys back: the words, a name, and what shall seal the key file."""

    phrase: str
    name: str = ""
    passphrase: str | None = None


def restore_backup(folder: Path, passphrase: str | None) -> Keyring:
    """Put the backup of the keys in the place of a damaged or lost key file.

    Raises:
        Refused: if the keys are whole, or the passphrase is wrong.
        StoreError: if a node has the folder, or the backup is damaged too.
    """
    lock = Lock(folder)
    if folder.is_dir():
        lock.take()
    try:
        if _are_whole(folder, passphrase):
            raise Refused("The keys in this folder are whole; there is nothing to restore.")
        return keyring.restore_backup(folder, passphrase)
    finally:
        lock.free()


async def restore_phrase(folder: Path, recovery: Recovery, now_ms: Callable[[], int]) -> tuple[Keyring, list[Path]]:
    """Make this folder a new device of the person whose phrase it is.

    Damaged keys, and a database whose secrets only they opened, are moved aside; returns where to.

    Raises:
        Refused: if the phrase is wrong, or the folder holds whole keys.
        StoreError: if a node has the folder, or it cannot be written.
    """
    seed = read_phrase(recovery.phrase)
    await asyncio.to_thread(folder.mkdir, 0o700, parents=True, exist_ok=True)
    lock = Lock(folder)
    lock.take()
    try:
        if _are_whole(folder, None):
            raise Refused("There are whole keys in this folder; choose an empty one with --home.")
        aside = await asyncio.to_thread(_put_aside, folder)
        ring = await asyncio.to_thread(keyring.create, folder, same_person(now_ms(), seed), recovery.passphrase)
    finally:
        lock.free()
    if recovery.name:
        await _keep_name(folder, recovery.name)
    return ring, aside


def _are_whole(folder: Path, passphrase: str | None) -> bool:
    try:
        read_keys((folder / keyring.KEYS_NAME).read_bytes(), passphrase)
    except (OSError, Malformed):
        return False
    except Refused:
        return True  # locked, and whole
    return True


def _put_aside(folder: Path) -> list[Path]:
    moment = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    moved = []
    for name in (*_KEY_FILES, *(FILE_NAME + ending for ending in ("-wal", "-shm", ""))):
        target = folder / f"{name}.before-{moment}"
        with suppress(FileNotFoundError):
            (folder / name).rename(target)
            moved.append(target)
    return moved


async def _keep_name(folder: Path, name: str) -> None:
    database = Database(folder)
    await database.open()
    try:
        await database.writer.run(readmodel.create_tables)
        await database.transaction(lambda db: queries.keep_setting(db, NAME_SETTING, name))
    finally:
        await database.close()
