"""Zip archives, read with the standard library and told apart from hostile ones."""

import stat
import struct
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import IO

from identity.errors import Refused
from node.archives.containers import MAX_ENTRIES, Bytes, check_name, check_swelling, load_whole, shown

_FAILURES = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    struct.error,
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    OverflowError,
)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others may ask for gigabytes to unpack
_END = struct.Struct("<4s4H2LH")
_END_SIGNATURE = b"PK\x05\x06"
_LOCATOR = struct.Struct("<4sLQL")  # in archives of 64 bits: where their larger end record lies
_LOCATOR_SIGNATURE = b"PK\x06\x07"
_END_64 = struct.Struct("<4sQ2H2L4Q")
_MAX_END_BYTES = _END.size + 65_535
_MAX_DIRECTORY_BYTES = 256 * 1024 * 1024


class Zip:
    """A zip file. Reading one entry costs no other."""

    def __init__(self, path: Path) -> None:
        self.label = path.name
        _check_directory(path)
        try:
            self._zip = zipfile.ZipFile(path)
        except _FAILURES as error:
            raise _damaged(self.label) from error
        try:
            self._entries = self._index()
        except BaseException:
            self._zip.close()
            raise

    def names(self) -> Collection[str]:
        """Return the name of every file."""
        return self._entries.keys()

    def size_of(self, name: str) -> int | None:
        """Return a file's size in bytes, or None."""
        entry = self._entries.get(name)
        return entry.file_size if entry is not None else None

    def open(self, name: str) -> Bytes:
        """Open a file to be read front to back."""
        entry = self._entries.get(name)
        if entry is None:
            raise Refused(f"there is no {shown(name)} in {self.label}")
        try:
            return _ZipBytes(self._zip.open(entry), self.label, name)
        except _FAILURES as error:
            raise _damaged(self.label, name) from error

    def load(self, name: str, max_bytes: int) -> bytes:
        """Return a file's bytes."""
        return load_whole(self, name, max_bytes)

    def close(self) -> None:
        """Close the archive."""
        self._zip.close()

    def _index(self) -> dict[str, zipfile.ZipInfo]:
        infos = self._zip.infolist()
        if len(infos) > MAX_ENTRIES:
            raise Refused(f"{self.label} holds {len(infos):,} files; at most {MAX_ENTRIES:,} are read")
        entries: dict[str, zipfile.ZipInfo] = {}
        for info in infos:
            name = check_name(info.orig_filename, self.label)
            if not info.is_dir():
                self._check(info, name)
                if name in entries:
                    raise Refused(f"{self.label} holds {shown(name)} twice")
                entries[name] = info
        return entries

    def _check(self, info: zipfile.ZipInfo, name: str) -> None:
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise Refused(f"{self.label} holds a link or a device: {shown(name)}")
        if info.flag_bits & 0x1:
            raise Refused(f"{self.label} is encrypted: unpack it with its password, then choose the folder")
        if info.compress_type not in _METHODS:
            raise Refused(f"{self.label} packs {shown(name)} in a way that is not read here: unpack it first")
        check_swelling(info.file_size, info.compress_size, name, self.label)


class _ZipBytes:
    def __init__(self, file: IO[bytes], label: str, name: str) -> None:
        self._file = file
        self._label = label
        self._name = name

    def read(self, size: int, /) -> bytes:
        """Return at most so many bytes."""
        try:
            return self._file.read(size)
        except _FAILURES as error:
            raise _damaged(self._label, self._name) from error

    def close(self) -> None:
        """Give the file back."""
        self._file.close()


def _check_directory(path: Path) -> None:
    """Refuse a zip whose table of contents alone would fill the memory: the library reads it whole."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _MAX_END_BYTES))
            tail = file.read(_MAX_END_BYTES)
            at = tail.rfind(_END_SIGNATURE)
            directory_bytes = _END.unpack_from(tail, at)[5]
            before = tail[max(0, at - _LOCATOR.size) : at]
            if before.startswith(_LOCATOR_SIGNATURE):
                file.seek(_LOCATOR.unpack(before)[2])
                directory_bytes = _END_64.unpack(file.read(_END_64.size))[8]
    except (OSError, struct.error, ValueError) as error:
        raise _damaged(path.name) from error
    if directory_bytes > _MAX_DIRECTORY_BYTES:
        raise Refused(f"{path.name} holds too many files to be read here: unpack it, then choose the folder")


def _damaged(label: str, name: str | None = None) -> Refused:
    where = f" at {shown(name)}" if name is not None else ""
    return Refused(f"{label} is damaged or incomplete{where}: download it again")
