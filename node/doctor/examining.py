"""The doctor: looks at one thing after another, opens nothing for writing, and can stand beside a running node."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

from identity import keyfile, keyring
from identity.errors import CommonsError, Malformed, Refused, StoreError
from identity.keyfile import Keys
from node.doctor.comparing import altered_parts, copied, has_room
from node.doctor.files import check_clock, check_files
from node.doctor.findings import Finding, fault, good, unknown
from node.ingest.road import Road
from node.store import queries
from node.store.blobs import blob_hashes, get_blob
from node.store.database import FILE_NAME
from node.store.health import latest_time, look, quick_check, schema_fault
from node.upkeep import DIFFERS, REBUILD, verify_log

SALVAGE = "commons doctor --salvage keeps what can be read and moves the damaged file aside; neighbours hold the rest"


async def examine(folder: Path, passphrase: str | None, now_ms: Callable[[], int]) -> list[Finding]:
    """Return how everything is; `passphrase` is what opens the keys, if they need one."""
    findings = await asyncio.to_thread(lambda: list(check_files(folder)))
    if findings[0].state != "good":
        return findings
    found, keys = await asyncio.to_thread(_check_keys, folder, passphrase)
    findings += found
    path = folder / FILE_NAME
    if not path.exists():
        missing = fault(
            "database", f"{path} is missing", "start the node: neighbours hold the changes, invitations to you"
        )
        return [*findings, missing] if keyring.exists(folder) else findings
    findings += await asyncio.to_thread(lambda: list(_check_database(path)))
    if any(finding.state == "fault" for finding in findings if finding.about in ("database", "schema")):
        return findings
    if keys is None:
        return [*findings, unknown("posts", "what is shown was not compared with the log", "open the keys first")]
    findings += await asyncio.to_thread(lambda: list(_check_device(folder, keys, now_ms())))
    findings += await _check_rows(folder, keys, now_ms)
    return findings


# -- keys ---------------------------------------------------------------------------------------------------------


def _check_keys(folder: Path, passphrase: str | None) -> tuple[list[Finding], Keys | None]:
    if not keyring.exists(folder):
        return [fault("keys", "nobody has said their name in this folder yet", "commons init NAME")], None
    try:
        raw = (folder / keyring.KEYS_NAME).read_bytes()
        keys, _ = keyfile.read_keys(raw, passphrase)
    except FileNotFoundError:
        return [fault("keys", f"{keyring.KEYS_NAME} is missing", _restoring(folder))], None
    except Malformed as error:
        return [fault("keys", f"{keyring.KEYS_NAME} is damaged: {error}", _restoring(folder))], None
    except Refused as error:
        way = "say the passphrase when asked, or in COMMONS_PASSPHRASE"
        return [unknown("keys", str(error), way)], None
    except OSError as error:
        return [fault("keys", f"the keys cannot be read: {error.strerror}", "check who owns them")], None
    findings = [good("keys", "the keys are here and whole"), _check_backup(folder, raw)]
    if keys.root is None and keys.certificate is None:
        words = "this device waits for its certificate"
        findings.append(fault("keys", words, "open commons on the device that added this one"))
    return findings, keys


def _restoring(folder: Path) -> str:
    """Return the way back to the keys: the backup if it is whole, else the phrase."""
    try:
        keyfile.is_locked((folder / keyring.BACKUP_NAME).read_bytes())
    except (OSError, Malformed):
        return "commons restore --phrase, with your recovery phrase"
    return "commons restore --backup"


def _check_backup(folder: Path, raw: bytes) -> Finding:
    path = folder / keyring.BACKUP_NAME
    try:
        same = path.read_bytes() == raw
    except OSError:
        same = False
    if same:
        return good("backup", "the copy of the keys is whole")
    return fault(
        "backup", f"{path.name} is missing or differs from the keys", "start the node once: it writes a new copy"
    )


def _check_device(folder: Path, keys: Keys, now_ms: int) -> Iterator[Finding]:
    device = keys.device.public
    path = folder / FILE_NAME
    try:
        heads = look(path, lambda db: queries.own_heads(db, device))
        reason = keyring.why_restored(folder, device, heads)
        last = look(path, lambda db: latest_time(db, device))
    except StoreError as error:
        yield fault("installation", str(error), "check who owns the folder and the state folder")
        return
    if reason is None:
        yield good("installation", "this is the folder that was last used here")
    else:
        way = "start the node: it takes a new device key by itself, and nothing is lost"
        yield fault("installation", reason, way)
    yield check_clock(now_ms, last)


# -- the database -------------------------------------------------------------------------------------------------


def _check_database(path: Path) -> Iterator[Finding]:
    try:
        newer = look(path, schema_fault)
        lines = look(path, quick_check)
    except StoreError as error:
        yield fault("database", str(error), SALVAGE)
        return
    if newer:
        yield fault("schema", newer, "update commons")
        return
    if lines:
        yield fault("database", f"the database is damaged: {lines[0].splitlines()[-1]}", SALVAGE)
        return
    wal = path.with_name(path.name + "-wal")
    waiting = wal.stat().st_size // 1024 // 1024 if wal.exists() else 0
    yield good("database", f"the database is whole; {waiting} MiB wait in its log of writes")
    yield _check_blobs(path)


def _check_blobs(path: Path) -> Finding:
    damaged = 0
    hashes = look(path, blob_hashes)
    for hash_ in hashes:
        try:
            look(path, lambda db, hash_=hash_: get_blob(db, hash_))  # type: ignore[misc]
        except StoreError:
            damaged += 1
    if damaged:
        way = "import the archive they came from again, after commons doctor --salvage has put them aside"
        return fault("pictures", f"{damaged} of {len(hashes)} pictures and files are damaged", way)
    return good("pictures", f"{len(hashes)} pictures and files are whole")


async def _check_rows(folder: Path, keys: Keys, now_ms: Callable[[], int]) -> list[Finding]:
    """Compare logs and rows in a copy: there the rows are made anew."""
    if not has_room(folder):
        return [unknown("posts", "there is no room to compare what is shown with the log", "make room on this disk")]
    try:
        async with copied(folder, keys, now_ms) as road:
            return [await _compare_space(road, space) for space in list(road.spaces)]
    except CommonsError as error:
        return [fault("posts", str(error), SALVAGE)]


async def _compare_space(road: Road, id_: bytes) -> Finding:
    space = road.spaces[id_]
    log = await verify_log(road.database, space)
    if log["faults"]:
        return fault("log", f"{space.name}: {log['faults'][0]} ({len(log['faults'])} faults)", SALVAGE)
    altered = await altered_parts(road, id_)
    if altered:
        return fault("posts", f"{space.name}: {DIFFERS} ({', '.join(altered)})", REBUILD)
    return good("posts", f"{space.name}: {log['changes']:,} changes fit, and what is shown follows from them")
