"""What the commands do that bring data in, take it out, and mend the folder."""

import argparse
import asyncio
import getpass
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from identity.errors import Refused
from node import config as settings
from ui.client import call, is_running
from ui.operations import perform

Options = argparse.Namespace
Data = dict[str, Any]
Tell = Callable[[Data], None]
LOOK_AGAIN_S = 0.2
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


# -- asking ------------------------------------------------------------------------------------------------------------


def ask_passphrase(folder: Path) -> str | None:
    """Return the passphrase of a folder's keys, if they need one."""
    from identity import keyring

    if not keyring.exists(folder) or not keyring.needs_passphrase(folder):
        return None
    return os.environ.get("COMMONS_PASSPHRASE") or getpass.getpass("Passphrase: ")


def _show(options: Options, data: Data, words: str) -> int:
    from ui.commands import show

    return show(options, data, words)


COMMANDS: dict[str, Callable[[Options], int]] = {
    "import": import_past, "export": export,
}  # fmt: skip
