"""Files that a node writes where its member says: there whole or not at all, and never over somebody's other work."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from identity.errors import Refused

_START_BYTES = 64


def check_place(path: Path, start: bytes) -> None:
    """Allow a new file, or one in place of an earlier one of the same kind, known by how it starts.

    Raises:
        Refused: if something else is there, or the folder is not.
    """
    try:
        if not path.parent.is_dir():
            raise Refused(f"there is no folder {path.parent}")
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise Refused(f"{path} is not a plain file; choose another name")
        if not path.exists():
            return
        with path.open("rb") as file:
            found = file.read(_START_BYTES)
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror or error}") from error
    if not found.startswith(start):
        raise Refused(f"there is another file called {path.name}; it is not overwritten")


@asynccontextmanager
async def whole_file(path: Path, start: bytes) -> AsyncIterator[BinaryIO]:
    """Open a file to be written, which is to begin with `start`; it takes its place once it is whole and on disk.

    Only its owner can read it.

    Raises:
        Refused: if it cannot be written there.
    """
    await asyncio.to_thread(check_place, path, start)
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        handle = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w+b") as file:
            yield file
            await asyncio.to_thread(_flush, file)
        await asyncio.to_thread(draft.replace, path)
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
