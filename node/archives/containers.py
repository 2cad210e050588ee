"""Where an archive's files lie: in a zip, in a tar (also gzipped), or in a folder. Nothing is ever unpacked to disk.

Whoever made the archive may mean harm. Names that lead outside, links, devices, files that stand there twice,
encryption, and files that would swell beyond all measure are refused when the archive is opened, with the name of the
entry. An archive within an archive is a file like any other.
"""

import posixpath
import re
import stat
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Protocol, Self

from identity.errors import Refused

MAX_ENTRIES = 200_000
MAX_JSON_BYTES = 2 * 1024 * 1024 * 1024
MAX_SWELLING = 200  # times its packed size that a file may unpack to …
FREE_SWELLING_BYTES = 64 * 1024 * 1024  # … once it is larger than this
_MAX_NAME_CHARS = 1_024
_DRIVE = re.compile(r"[A-Za-z]:")


class Bytes(Protocol):
    """A file that is open for reading; `read` raises Refused where the archive is damaged."""

    def read(self, size: int, /) -> bytes:
        """Return at most so many bytes, none at the end."""

    def close(self) -> None:
        """Give the file back."""


class Container(Protocol):
    """The files of an archive by their names, `/` between folders."""

    label: str

    def names(self) -> Collection[str]:
        """Return the name of every file; none for a folder, which is only asked for what is looked for."""

    def size_of(self, name: str) -> int | None:
        """Return a file's size in bytes, or None if there is none of this name."""

    def open(self, name: str) -> Bytes:
        """Open a file to be read front to back."""

    def load(self, name: str, max_bytes: int) -> bytes:
        """Return a file's bytes.

        Raises:
            Refused: if it has more than `max_bytes`, or is damaged.
        """

    def close(self) -> None:
        """Close the archive."""


class Folder:
    """An archive that was unpacked already. Only what is asked for is looked at, and no link is followed."""

    def __init__(self, root: Path) -> None:
        self.label = root.name or str(root)
        self._root = root

    def names(self) -> Collection[str]:
        """Return nothing: the folder may be someone's whole home."""
        return ()

    def size_of(self, name: str) -> int | None:
        """Return a file's size in bytes, or None if there is none, or a link on the way to it."""
        try:
            path = self._root
            for part in check_name(name, self.label).split("/"):
                path /= part
                if path.is_symlink():
                    return None
            found = path.stat()
        except (OSError, Refused, ValueError):
            return None
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def open(self, name: str) -> Bytes:
        """Open a file to be read front to back."""
        if self.size_of(name) is None:
            raise Refused(f"there is no {shown(name)} in {self.label}")
        return open_file(self._root / name)

    def load(self, name: str, max_bytes: int) -> bytes:
        """Return a file's bytes."""
        return load_whole(self, name, max_bytes)

    def close(self) -> None:
        """Do nothing: no file stays open."""


class FileBytes:
    """A plain file whose errors are told in words."""

    def __init__(self, file: BinaryIO, label: str) -> None:
        self._file = file
        self._label = label

    def read(self, size: int, /) -> bytes:
        """Return at most so many bytes."""
        try:
            return self._file.read(size)
        except OSError as error:
            raise Refused(f"{self._label} cannot be read: {error.strerror or error}") from error

    def readline(self, size: int, /) -> bytes:
        """Return the next line, or its first so many bytes."""
        try:
            return self._file.readline(size)
        except OSError as error:
            raise Refused(f"{self._label} cannot be read: {error.strerror or error}") from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def open_file(path: Path) -> FileBytes:
    """Open a file of the member's.

    Raises:
        Refused: if it cannot be opened.
    """
    try:
        return FileBytes(path.open("rb"), path.name)
    except (OSError, ValueError) as error:
        words = error.strerror if isinstance(error, OSError) else None
        raise Refused(f"{shown(path.name)} cannot be opened: {words or error}") from error


def load_whole(container: Container, name: str, max_bytes: int) -> bytes:
    """Read a file of a container whole, if it is not larger than asked for."""
    size = container.size_of(name)
    if size is None:
        raise Refused(f"there is no {shown(name)} in {container.label}")
    if size > max_bytes:
        raise Refused(f"{shown(name)} has {size:,} bytes; at most {max_bytes:,} are taken")
    file = container.open(name)
    parts: list[bytes] = []
    try:
        room = max_bytes + 1
        while room > 0 and (part := file.read(min(room, 1 << 20))):
            parts.append(part)
            room -= len(part)
    finally:
        file.close()
    if room <= 0:
        raise Refused(f"{shown(name)} has more than {max_bytes:,} bytes")
    return b"".join(parts)


def check_name(name: str, label: str) -> str:
    """Return an entry's name in its plain form.

    Raises:
        Refused: if it leads outside of the archive or cannot be a file's.
    """
    parts = name.split("/")
    leads_out = name.startswith("/") or ".." in parts or "\\" in name or _DRIVE.match(name)
    if leads_out or "\0" in name or len(name) > _MAX_NAME_CHARS:
        raise Refused(f"{label} names a file that lies outside of it: {shown(name)}")
    return posixpath.normpath(name) if name else ""


def check_swelling(size: int, packed: int, name: str, label: str) -> None:
    """Check that a file does not unpack to far more than it is.

    Raises:
        Refused: naming the file.
    """
    if size > FREE_SWELLING_BYTES + MAX_SWELLING * packed:
        raise Refused(f"{label} holds {shown(name)}, which would swell to {size:,} bytes: this is no honest archive")


def shown(name: str) -> str:
    """Return a name as an error can show it: short, with every odd sign spelled out."""
    return ascii(name if len(name) <= 80 else name[:77] + "…")[1:-1]
