"""The folder, its private files, the settings, the disk: what can be told without opening anything."""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from identity import keyring
from node import config
from node.doctor.findings import Finding, fault, good
from node.store.health import holder

LEAST_FREE_BYTES = 200 * 1024 * 1024
PRIVATE_FILES = (keyring.KEYS_NAME, keyring.BACKUP_NAME, keyring.TAG_NAME, "api.json", "open.html")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_FIRST_MS = 1_735_689_600_000  # the start of 2025, before this program was written
_LAST_MS = 4_102_444_800_000  # the start of 2100


def check_folder(folder: Path) -> Finding:
    """The folder is there, is this person's, and is closed to others."""
    try:
        found = folder.stat()
    except FileNotFoundError:
        return fault("folder", f"there is no folder {folder}", "commons init NAME makes one; --home names another")
    except OSError as error:
        return fault("folder", f"{folder} cannot be looked at: {error.strerror}", "check who owns the folder above it")
    if not stat.S_ISDIR(found.st_mode):
        return fault("folder", f"{folder} is no folder", "--home names the node's folder")
    if hasattr(os, "getuid") and found.st_uid != os.getuid():
        return fault("folder", f"{folder} belongs to another user of this computer", f"sudo chown -R $USER {folder}")
    if found.st_mode & _OTHERS:
        return fault("folder", f"{folder} is open to other people on this computer", f"chmod 700 {folder}")
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return fault("folder", f"{folder} cannot be written", f"chmod 700 {folder}")
    return good("folder", f"{folder} is yours alone")


def check_private_files(folder: Path) -> Finding:
    """Files that hold secrets can be read by their owner only."""
    there = [folder / name for name in PRIVATE_FILES if (folder / name).exists()]
    for path in there:
        if path.stat().st_mode & _OTHERS:
            return fault(
                "private files", f"{path} can be read by other people on this computer", f"chmod 600 {path}"
            )  # fmt: skip
    return good("private files", f"{len(there)} files with secrets are closed to others")


def check_settings(folder: Path) -> Finding:
    """The settings file can be read."""
    try:
        config.load(folder)
    except config.SettingError as error:
        path = folder / config.FILE_NAME
        return fault(
            "settings", str(error), f"mend {path}, or move it away: without it all settings are the usual ones"
        )
    return good("settings", "the settings can be read")


def check_disk(folder: Path) -> Finding:
    """There is room for what will come."""
    free = shutil.disk_usage(folder).free
    words = f"{free // 1024 // 1024:,} MiB are free"
    if free < LEAST_FREE_BYTES:
        return fault("disk", f"only {words}", "make room on this disk; what is here is safe, nothing new can be kept")
    return good("disk", words)


def check_clock(now_ms: int, last_ms: int) -> Finding:
    """The clock shows a time that can be, and none before this device's own latest change."""
    if not _FIRST_MS <= now_ms <= _LAST_MS:
        return fault("clock", "this computer's clock is wrong by years", "set the clock of this computer")
    if now_ms < last_ms:
        behind = (last_ms - now_ms) // 1000
        words = f"this computer's clock is {behind:,} s behind what this device wrote last"
        return fault("clock", words, "set the clock; until then your posts carry the time of the last one")
    return good("clock", "the clock shows a time that can be")


def check_lock(folder: Path) -> Finding:
    """Say whether a node has the folder."""
    process = holder(folder)
    return good("lock", f"process {process} has the folder" if process else "no node runs")


def check_files(folder: Path) -> Iterator[Finding]:
    """Look at everything that lies around the database."""
    finding = check_folder(folder)
    yield finding
    if finding.state == "good":
        yield check_private_files(folder)
        yield check_settings(folder)
        yield check_disk(folder)
        yield check_lock(folder)
