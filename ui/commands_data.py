"""What the commands do that bring data in, take it out, and mend the folder."""

import argparse
import asyncio
import getpass
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from identity.errors import CommonsError, Refused
from identity.keys import to_did
from node import config as settings
from ui.client import ask_passphrase, call, is_running
from ui.operations import perform

Options = argparse.Namespace
Data = dict[str, Any]
Tell = Callable[[Data], None]
LOOK_AGAIN_S = 0.2
_MARKS = {"good": "✓", "fault": "✗", "unknown": "?"}
_OVER = ("done", "stopped", "failed")
_COUNTS = ("imported", "already", "skipped", "media", "media_missing", "media_refused")


# -- in and out -------------------------------------------------------------------------------------------------------


def import_past(options: Options) -> int:
    """Bring the past in, by the running node if one runs."""
    wish = {
        "space": options.space, "path": str(options.file.absolute()), "include_direct": options.include_direct,
    }  # fmt: skip
    with _bar(options) as tell:
        if is_running(options.folder):
            data = _watch(options.folder, wish, tell)
        else:
            data = asyncio.run(_import_here(options.folder, wish, tell))
    if data["state"] != "done":
        raise Refused(data["error"] or "The import was stopped; start it again, and it goes on.")
    return _show(options, {name: data[name] for name in _COUNTS}, _import_words(data))


def _watch(folder: Path, wish: Data, tell: Tell) -> Data:
    data = call(folder, "import_file", wish)
    while data["state"] not in _OVER:
        time.sleep(LOOK_AGAIN_S)
        data = call(folder, "import_progress", {"import": data["id"]})
        tell(data)
    return data


async def _import_here(folder: Path, wish: Data, tell: Tell) -> Data:
    from node.runtime import Node

    node = Node(folder, settings.load(folder))
    await node.open(ask_passphrase(folder))
    try:
        data = await perform(node, "import_file", wish)
        while data["state"] not in _OVER:
            await asyncio.sleep(LOOK_AGAIN_S / 4)
            data = await perform(node, "import_progress", {"import": data["id"]})
            tell(data)
        return data
    finally:
        await node.close()


@contextmanager
def _bar(options: Options) -> Iterator[Tell]:
    """Give what shows how far an import is: a bar where somebody watches, nothing for other programs."""
    if options.json or not sys.stderr.isatty():
        yield lambda _data: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("Reading the archive", total=None)
        yield lambda data: progress.update(
            task,
            description="Reading the archive" if data["state"] == "reading" else "Bringing posts in",
            completed=data["done"],
            total=data["total"],
        )


def _import_words(data: Data) -> str:
    lines = [f"{data['imported']:,} posts were brought in; {data['already']:,} were here already."]
    if data["media"] or data["media_missing"]:
        missing = f"; {data['media_missing']:,} are not in the archive" if data["media_missing"] else ""
        lines.append(f"{data['media']:,} pictures and files came with them{missing}.")
    left_out = {**data["skipped"], **data["media_refused"]}
    lines += [f"Left out: {count:,} {reason}" for reason, count in left_out.items()]
    return "\n".join(lines)


def export(options: Options) -> int:
    """Write a space to a file."""
    wish = {"space": options.space, "path": str(options.file.absolute()), "raw": options.raw}
    data = call(options.folder, "export_file", wish)
    more = f", {data['changes']:,} signed changes" if options.raw else ""
    media = f", {data['media']:,} pictures and files beside it" if data["media"] else ""
    words = f"Wrote {data['posts']:,} posts by {data['people']:,} people{more} to {data['path']}{media}."
    return _show(options, data, words)


def cut_off(options: Options) -> int:
    """List what a fork cut off of one's own, publish it again, or leave it."""
    if options.publish and options.leave:
        raise Refused("Say one of --publish and --leave.")
    here = {"space": options.space}
    if options.publish:
        data = call(options.folder, "publish_again", here)
        return _show(options, data, f"{data['published']:,} posts and changes were published again.")
    if options.leave:
        data = call(options.folder, "leave_cut_off", here)
        return _show(options, data, f"{data['left']:,} posts and changes stay cut off.")
    data = call(options.folder, "cut_off", here)
    lines = [f"{each['what']}  {each['text'] or ''}".rstrip() for each in data["cut_off"]]
    lines.append("commons cut-off --publish publishes them again; commons cut-off --leave leaves them.")
    return _show(options, data, "\n".join(lines) if data["cut_off"] else "Nothing of yours is cut off.")


# -- mending ------------------------------------------------------------------------------------------------------


def doctor(options: Options) -> int:
    """Say what is wrong and the way out, or keep what can be read of a damaged database."""
    return _salvage(options) if options.salvage else _examine(options)


def _examine(options: Options) -> int:
    from node.doctor.examining import examine
    from node.runtime import now_ms

    findings = asyncio.run(examine(options.folder, _passphrase_if_possible(options.folder), now_ms))
    is_well = all(finding.state == "good" for finding in findings)
    data = {"good": is_well, "findings": [asdict(finding) for finding in findings]}
    lines = [f"{_MARKS[finding.state]} {finding.about}: {finding.words}{_way_out(finding)}" for finding in findings]
    _show(options, data, "\n".join([*lines, "All is well." if is_well else "Not all is well."]))
    return 0 if is_well else 1


def _way_out(finding: Any) -> str:
    return f"\n    the way out: {finding.way_out}" if finding.way_out else ""


def _passphrase_if_possible(folder: Path) -> str | None:
    """Return the passphrase if there is one to ask for; what is wrong with the keys is the doctor's to say."""
    try:
        return ask_passphrase(folder)
    except (CommonsError, EOFError, OSError):
        return None


def _salvage(options: Options) -> int:
    from identity.keyring import open_keyring
    from node.doctor.salvaging import salvage
    from node.runtime import now_ms

    keys = open_keyring(options.folder, ask_passphrase(options.folder)).keys
    salvaged = asyncio.run(salvage(options.folder, keys, now_ms))
    data = {"aside": str(salvaged.aside), "spaces": salvaged.spaces, "media": salvaged.media}
    lines = [f"{name}: {count:,} changes were kept" for name, count in salvaged.spaces.items()]
    lines += [] if salvaged.spaces else ["Nothing could be read; join your spaces again by an invite link."]
    lines.append(f"The damaged file is {salvaged.aside}. Start the node: neighbours send what is missing.")
    return _show(options, data, "\n".join(lines))


def restore(options: Options) -> int:
    """Put the keys back."""
    if options.backup == options.phrase:
        raise Refused("Say from where: commons restore --backup, or commons restore --phrase")
    return _restore_phrase(options) if options.phrase else _restore_backup(options)


def _restore_backup(options: Options) -> int:
    from identity.keyfile import is_locked
    from node.doctor.restoring import restore_backup

    passphrase = None
    backup = options.folder / "keys.backup"
    try:
        locked = is_locked(backup.read_bytes())
    except (OSError, CommonsError):
        locked = False  # what is wrong with it, restoring says
    if locked:
        passphrase = _ask("COMMONS_PASSPHRASE", "Passphrase: ")
    keys = restore_backup(options.folder, passphrase).keys
    data = {"device": to_did(keys.device.public), "person": to_did(keys.person) if keys.person else None}
    return _show(options, data, "The keys are back; the damaged file, if there was one, is keys.damaged.")


def _restore_phrase(options: Options) -> int:
    from node.doctor.restoring import Recovery, restore_phrase
    from node.runtime import now_ms

    phrase = _ask("COMMONS_PHRASE", "Your 24 words: ")
    passphrase = _ask("COMMONS_PASSPHRASE", "A passphrase for the key file: ") if options.passphrase else None
    recovery = Recovery(phrase, options.name or "", passphrase)
    ring, aside = asyncio.run(restore_phrase(options.folder, recovery, now_ms))
    keys = ring.keys
    data = {
        "device": to_did(keys.device.public), "person": to_did(keys.person) if keys.person else None,
        "aside": [str(path) for path in aside],
    }  # fmt: skip
    words = f"This folder is a new device of {data['person']}."
    return _show(options, data, "\n".join([words, *(f"Moved aside: {path}" for path in aside)]))


# -- asking ------------------------------------------------------------------------------------------------------------


def _ask(variable: str, question: str) -> str:
    """Return a secret from the environment, from a pipe, or from whoever sits at the terminal."""
    if found := os.environ.get(variable):
        return found
    return getpass.getpass(question) if sys.stdin.isatty() else sys.stdin.readline().strip()


def _show(options: Options, data: Data, words: str) -> int:
    from ui.commands import show

    return show(options, data, words)


COMMANDS: dict[str, Callable[[Options], int]] = {
    "import": import_past, "export": export, "doctor": doctor, "restore": restore, "cut-off": cut_off,
}  # fmt: skip
