"""Tar archives, plain or gzipped, read with the standard library and told apart from hostile ones.

The archive is walked once, to its very end, which also checks what gzip says of it. After that each file is known by
its offset. Files opened to be read front to back get a stream of their own; single ones share another, which moves
forward cheaply and back only by unpacking from the start: ask for them in the order in which they lie.
"""

import gzip
import struct
import tarfile
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from identity.errors import Refused
from node.archives.containers import (
    MAX_ENTRIES,
    Bytes,
    check_name,
    check_swelling,
    shown,
)

_FAILURES = (
    tarfile.TarError,
    zlib.error,
    struct.error,
    OSError,
    EOFError,
    ValueError,
    OverflowError,
    RecursionError,
)
_MAX_READ_BYTES = 16 * 1024 * 1024
_CHUNK_BYTES = 1 << 20
_BLOCK_BYTES = tarfile.BLOCKSIZE


@dataclass(frozen=True, slots=True)
class _Entry:
    offset: int
    size: int


class Tar:
    """A tar file; `is_gzipped` says whether gzip lies around it."""

    def __init__(self, path: Path, *, is_gzipped: bool) -> None:
        self.label = path.name
        self._path = path
        self._is_gzipped = is_gzipped
        self._shared: _Stream | None = None
        stream = self._stream()
        try:
            self._entries = self._index(stream)
        finally:
            stream.close()

    def names(self) -> Collection[str]:
        """Return the name of every file."""
        return self._entries.keys()

    def size_of(self, name: str) -> int | None:
        """Return a file's size in bytes, or None."""
        entry = self._entries.get(name)
        return entry.size if entry is not None else None

    def open(self, name: str) -> Bytes:
        """Open a file to be read front to back, on a stream of its own."""
        entry = self._need(name)
        stream = self._stream()
        stream.seek(entry.offset)
        return _TarBytes(stream, entry.size)

    def load(self, name: str, max_bytes: int) -> bytes:
        """Return a file's bytes, from the stream that all single files share."""
        entry = self._need(name)
        if entry.size > max_bytes:
            raise Refused(f"{shown(name)} has {entry.size:,} bytes; at most {max_bytes:,} are taken")
        if self._shared is None:
            self._shared = self._stream()
        self._shared.seek(entry.offset)
        file = _TarBytes(self._shared, entry.size)
        return b"".join(iter(lambda: file.read(_CHUNK_BYTES), b""))

    def close(self) -> None:
        """Close the shared stream."""
        if self._shared is not None:
            self._shared.close()
            self._shared = None

    def _need(self, name: str) -> _Entry:
        entry = self._entries.get(name)
        if entry is None:
            raise Refused(f"there is no {shown(name)} in {self.label}")
        return entry

    def _stream(self) -> "_Stream":
        return _Stream(self._path, is_gzipped=self._is_gzipped)

    def _index(self, stream: "_Stream") -> dict[str, _Entry]:
        entries: dict[str, _Entry] = {}
        try:
            with tarfile.open(fileobj=cast(IO[bytes], stream), mode="r:", errorlevel=2) as archive:
                for count, member in enumerate(archive, start=1):
                    self._add(entries, member, count)
                end = archive.offset
            stream.seek(end)
            stream.check_end()
        except _FAILURES as error:
            raise _damaged(self.label) from error
        return entries

    def _add(self, entries: dict[str, _Entry], member: tarfile.TarInfo, count: int) -> None:
        name = check_name(member.name, self.label)
        if count > MAX_ENTRIES:
            raise Refused(f"{self.label} holds more than {MAX_ENTRIES:,} files")
        if member.isdir():
            return
        if not member.isreg() or member.issparse():
            raise Refused(f"{self.label} holds a link or a device: {shown(name)}")
        if name in entries:
            raise Refused(f"{self.label} holds {shown(name)} twice")
        entries[name] = _Entry(member.offset_data, member.size)


class _Stream:
    """The bytes of a tar, unpacked as they are read, and no more of them than an honest archive would hold."""

    def __init__(self, path: Path, *, is_gzipped: bool) -> None:
        self._label = path.name
        try:
            self._packed_bytes = path.stat().st_size
            self._file: IO[bytes] = cast(IO[bytes], gzip.open(path, "rb")) if is_gzipped else path.open("rb")  # noqa: SIM115 - closed by close()
        except OSError as error:
            raise Refused(f"{path.name} cannot be opened: {error.strerror or error}") from error

    def read(self, size: int = -1, /) -> bytes:
        """Return at most so many bytes; the library asks for whole headers, whose size the archive claims."""
        if not 0 <= size <= _MAX_READ_BYTES:
            raise Refused(f"{self._label} claims a header of {size:,} bytes: this is no honest archive")
        try:
            part = self._file.read(size)
        except _FAILURES as error:
            raise _damaged(self._label) from error
        self._check(self.tell())
        return part

    def seek(self, position: int, whence: int = 0, /) -> int:
        """Go to a place, counted from the start."""
        if whence != 0:
            raise ValueError("a place is counted from the start")
        self._check(position)
        try:
            return self._file.seek(position)
        except _FAILURES as error:
            raise _damaged(self._label) from error

    def tell(self) -> int:
        """Return the place, counted from the start."""
        return self._file.tell()

    def check_end(self) -> None:
        """Read on to the end: only zeros may stand there, and gzip's own sum must fit."""
        first = self.read(_BLOCK_BYTES)
        if first.strip(b"\0"):
            raise _damaged(self._label)
        while self.read(_CHUNK_BYTES):
            pass

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _check(self, position: int) -> None:
        check_swelling(position, self._packed_bytes, "its content", self._label)


class _TarBytes:
    def __init__(self, stream: _Stream, size: int) -> None:
        self._stream = stream
        self._left = size
        self._label = stream._label

    def read(self, size: int, /) -> bytes:
        """Return at most so many bytes."""
        part = self._stream.read(min(size, self._left, _MAX_READ_BYTES))
        if not part and self._left > 0 and size > 0:
            raise _damaged(self._label)
        self._left -= len(part)
        return part

    def close(self) -> None:
        """Give the stream back."""
        self._stream.close()


def _damaged(label: str) -> Refused:
    return Refused(f"{label} is damaged or incomplete: download it again")
