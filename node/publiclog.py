"""The public log of a space as a file that anybody can check, without a node and without belonging to the space.

JSON Lines, a space's law in the order in which it was stored. Times are whole ms since the epoch, ids hex, bytes
base64, people and devices did:key.

| kind | fields |
|---|---|
| (first line) | `format` "commons/publiclog/1", `space`, `name`, `made` (ms) |
| law | `id`, `change` ([signature, header, body] in msgpack), `key` that opens this one body |
| link | `id`, `change` without its body: something that was said between, which law rests on |
| fork | `one`, `other`: two changes for one place in a log, without their bodies; it is void from there |
| (last line) | `kind` "end", `lines`, `law` (digest of the law), `root` (digest of these logs), `device`, `signature` |

Words of talk are not in it; a link tells who said something when, and how long it was, not what. Without links the
pasts of law changes could not be checked: their hashes go through them. Who checks the file works the law out anew
from the signed changes alone. The last line is signed by the device that wrote the file, over the hash of all lines
before it: it fixes that nothing was left out at the end since.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO

from crdt.change import (
    BINDING,
    MAX_BODY_BYTES,
    MAX_HEADER_BYTES,
    PUBLIC,
    Change,
    encode_change,
    open_alone,
    open_change,
    read_change,
)
from identity.errors import CommonsError, Malformed, Refused
from identity.keys import from_did, to_did, verify
from identity.sealed import NONCE_BYTES, body_key
from node.domain.area import read_command, require
from node.domain.law.fold import Law
from node.domain.law.replay import Replay
from node.ingest.road import Road
from node.ingest.spaces import Space
from node.placing import whole_file
from node.store import log as store_log
from node.store.forks import read_forks

FORMAT = "commons/publiclog/1"
START = b'{"format": "' + FORMAT.encode()
MAX_LINE_BYTES = 2 * (MAX_HEADER_BYTES + MAX_BODY_BYTES)
MAX_LINES = 5_000_000
MAX_FAULTS = 100
_SIGNED = b"commons/publiclog/1"
_PORTION = 500
_NOT_PUBLIC = "The public log of this space is for its members; a decision of theirs can publish it."

Line = dict[str, Any]


async def publish(road: Road, space: Space, path: Path) -> dict[str, int]:
    """Write the public log of a space to a file; returns how many lines of each kind.

    Raises:
        Refused: if the rules keep the log for members, or it cannot be written.
    """
    require(space.law.present().sealed.charter["publish_log"], _NOT_PUBLIC)
    counts = {"law": 0, "links": 0}
    async with whole_file(path, START) as file:
        async for portion in _written(road, space, counts):
            await asyncio.to_thread(file.write, portion)
    return counts


async def _written(road: Road, space: Space, counts: dict[str, int]) -> AsyncIterator[bytes]:
    hasher, lines = blake2b(digest_size=32, person=b"commons/publog/1"), 1
    replay = Replay(space.id)
    first = _encoded({"format": FORMAT, "space": space.id.hex(), "name": space.name, "made": road.now_ms()})
    hasher.update(first)
    yield first
    numbers = await _needed(road, space)
    for start in range(0, len(numbers), _PORTION):
        part = numbers[start : start + _PORTION]
        stored = await road.database.read(lambda db, part=part: store_log.read_changes(db, space.index, part))  # type: ignore[misc]
        told = [_line(space, entry.change) for entry in stored]
        for entry, line in zip(stored, told, strict=True):
            replay.take(entry.change, _command(entry.change, line.get("key")) if line["kind"] == "law" else None)
            counts["law" if line["kind"] == "law" else "links"] += 1
        portion = b"".join(map(_encoded, told))
        lines += len(told)
        hasher.update(portion)
        yield portion
    for fork in await road.database.read(lambda db: read_forks(db, space.index.no)):
        pair = [read_change(raw)._replace(body=None) for raw in (fork.one, fork.other)]
        replay.take_proof(pair[0], pair[1])
        portion = _encoded({"kind": "fork", "one": _packed(pair[0]), "other": _packed(pair[1])})
        hasher.update(portion)
        lines += 1
        yield portion
    end: Line = {
        "kind": "end", "lines": lines, "law": replay.law.present().sealed.digest().hex(),
        "root": replay.history.root().hex(), "device": to_did(road.device.public),
    }  # fmt: skip
    yield _encoded({**end, "signature": _base64(road.device.sign(_to_sign(hasher.digest(), end)))})


async def _needed(road: Road, space: Space) -> list[int]:
    """Return the numbers of all law, and of whatever it rests on."""
    index = space.index
    numbers = await road.database.read(lambda db: store_log.numbers_of(db, index.no))
    wanted: set[bytes] = set()
    needed: list[int] = []
    for end in range(len(numbers), 0, -_PORTION):
        part = numbers[max(0, end - _PORTION) : end]
        stored = await road.database.read(lambda db, part=part: store_log.read_changes(db, index, part))  # type: ignore[misc]
        for entry in reversed(stored):
            header = entry.change.header
            if header.klass <= BINDING or entry.change.id in wanted:
                needed.append(entry.number)
                wanted.update(header.deps)
                wanted.add(header.prev)
    return needed[::-1]


def _line(space: Space, change: Change) -> Line:
    if change.header.klass > BINDING:
        return {"kind": "link", "id": change.id.hex(), "change": _base64(encode_change(change._replace(body=None)))}
    header, key = change.header, None
    secret = space.secrets.by_name.get(header.epoch)
    if secret is not None and change.body is not None:
        key = body_key(secret, header.author, header.seq, change.body[:NONCE_BYTES]).hex()
    return {"kind": "law", "id": change.id.hex(), "change": _base64(encode_change(change)), "key": key}


def _command(change: Change, key: str | None) -> Any:
    """Return what a law change says; None if it cannot be read, or is of a kind not known."""
    try:
        if change.header.epoch == PUBLIC:
            return read_command(open_change(change, None))
        return read_command(open_alone(change, bytes.fromhex(key))) if key else None
    except CommonsError:
        return None


def _encoded(line: Line) -> bytes:
    return json.dumps(line, ensure_ascii=False).encode() + b"\n"


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _packed(change: Change) -> str:
    return _base64(encode_change(change))


def _to_sign(digest: bytes, end: Line) -> bytes:
    said = [str(end.get(name)) for name in ("lines", "law", "root", "device")]
    return _SIGNED + digest + "\0".join(said).encode()


# -- checking it -----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Checked:
    """What a public log amounts to: the law that follows from it, and what is wrong with it, in words."""

    space: bytes = b""
    name: str = ""
    made_ms: int = 0
    law: Law | None = None
    root: str = ""
    laws: int = 0
    links: int = 0
    device: str = ""
    changes: list[tuple[Change, Any, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def digest(self) -> str:
        """The digest of the law, in hex."""
        return self.law.present().sealed.digest().hex() if self.law is not None else ""


def check(path: Path) -> Checked:
    """Check a public log: every id, chain and signature, and the law that follows.

    Raises:
        Refused: if it is no public log, or cannot be read.
    """
    try:
        with path.open("rb") as file:
            return _Checking().run(file)
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror or error}") from error


class _Checking:
    def __init__(self) -> None:
        self.found = Checked()
        self._hasher = blake2b(digest_size=32, person=b"commons/publog/1")

    def run(self, file: BinaryIO) -> Checked:
        lines = _lines(file)
        head, raw = next(lines, ({}, b""))
        require(head.get("format") == FORMAT, "This is not a public log of commons.")
        found = self.found
        found.space, found.name = _id(head.get("space")), str(head.get("name"))[:80]
        found.made_ms = head["made"] if type(head.get("made")) is int else 0
        replay = Replay(found.space)
        found.law = replay.law
        self._hasher.update(raw)
        count, end = 1, None
        for line, raw in lines:
            if end is not None:
                self._fault("something stands behind its end")
                break
            if line.get("kind") == "end":
                end = line
                continue
            self._hasher.update(raw)
            count += 1
            self._take(replay, line, count)
        self._finish(replay, end, count)
        return found

    def _take(self, replay: Replay, line: Line, count: int) -> None:
        found = self.found
        try:
            if line.get("kind") == "fork":
                replay.take_proof(_unpacked(line.get("one")), _unpacked(line.get("other")))
                return
            change = _change(line)
            is_law = change.header.klass <= BINDING
            require(is_law == (line.get("kind") == "law"), "a line says that it is something else")
            key = line.get("key")
            command = _command(change, key if _is_hex(key) else None) if is_law else None
            replay.take(change, command)
        except (CommonsError, ValueError) as error:
            self._fault(f"line {count}: {error}")
            return
        if is_law:
            found.laws += 1
            found.changes.append((change, command, replay.law.refused.get(replay.numbers[change.id], "")))
        else:
            found.links += 1

    def _finish(self, replay: Replay, end: Line | None, count: int) -> None:
        found = self.found
        found.root = replay.history.root().hex()
        for id_ in replay.unsigned():
            self._fault(f"nobody's signature vouches for {id_.hex()[:8]}")
        if replay.law.founding is None:
            self._fault("the founding is not in it")
        if end is None:
            self._fault("its end is missing: it was cut short")
            return
        for name, mine in (("lines", count), ("law", found.digest), ("root", found.root)):
            if end.get(name) != mine:
                self._fault(f"it says {name} {end.get(name)}, and here it is {mine}")
        self._check_signature(end)

    def _check_signature(self, end: Line) -> None:
        try:
            signature = base64.b64decode(str(end.get("signature")), validate=True)
            verify(signature, _to_sign(self._hasher.digest(), end), from_did(str(end.get("device"))))
        except (CommonsError, ValueError):
            self._fault("the signature of the file does not fit: it was changed since it was written")
            return
        self.found.device = str(end.get("device"))

    def _fault(self, words: str) -> None:
        if len(self.found.faults) < MAX_FAULTS:
            self.found.faults.append(words)


def _lines(file: BinaryIO) -> Iterator[tuple[Line, bytes]]:
    for _ in range(MAX_LINES):
        raw = file.readline(MAX_LINE_BYTES + 1)
        if not raw:
            return
        require(len(raw) <= MAX_LINE_BYTES, "A line of this file is far too long.")
        try:
            line = json.loads(raw)
        except (ValueError, RecursionError):
            line = None
        yield (line if isinstance(line, dict) else {}), raw
    raise Refused("This file has far too many lines.")


def _unpacked(text: Any) -> Change:
    return read_change(base64.b64decode(str(text), validate=True))


def _change(line: Line) -> Change:
    change = _unpacked(line.get("change"))
    if line.get("id") != change.id.hex():
        raise Malformed("its bytes were altered: they give another id")
    return change


def _is_hex(text: Any) -> bool:
    return isinstance(text, str) and len(text) == 64 and set(text) <= set("0123456789abcdef")


def _id(text: Any) -> bytes:
    require(_is_hex(text), "This public log names no space.")
    return bytes.fromhex(text)
