"""Authors with fixed keys who write changes of one space, for tests that need no node."""

from collections.abc import Sequence
from hashlib import blake2b

from crdt.acceptance import judge
from crdt.change import LAW, TALK, Change, Header, change_id, encode_body, encode_header, make
from crdt.history import History, Parent, Verdict
from identity.keys import SigningKey

NOW_MS = 1_790_000_000_000


def key_of(name: str) -> SigningKey:
    """Return the key that belongs to a name, always the same."""
    return SigningKey(blake2b(name.encode(), digest_size=32).digest())


def founding_of(name: str, time: int = NOW_MS) -> Change:
    """Return the founding change of somebody's space."""
    key = key_of(name)
    header = Header(b"", key.public, 1, b"", (), time, LAW, b"", b"", 0)
    return make(header, encode_body("space.found", ["test"]), key, None)


class Author:
    """One log in one space, as its author writes it."""

    def __init__(self, name: str, space: bytes) -> None:
        self.key = key_of(name)
        self.space = space
        self.log: list[Change] = []
        self.clock = NOW_MS

    def write(
        self, *deps: Change, text: str = "hello", klass: int = TALK, secret: bytes | None = None, bad: bool = False
    ) -> Change:
        """Append a change that names others; `bad` gives it a signature that does not fit."""
        self.clock += 1000
        prev = self.log[-1].id if self.log else b""
        ids = tuple(dep.id for dep in deps)
        header = Header(self.space, self.key.public, len(self.log) + 1, prev, ids, self.clock, klass, b"", b"", 0)
        change = make(header, encode_body("post.write", [text, None, None, []]), self.key, secret)
        self.log.append(badly_signed(change) if bad else change)
        return self.log[-1]


def badly_signed(change: Change) -> Change:
    """Return a change with a signature that does not fit, and the id that this gives it."""
    signature = bytes([change.signature[0] ^ 1]) + change.signature[1:]
    return change._replace(signature=signature, id=change_id(signature, encode_header(change.header)))


class Reader:
    """A history with what a store holds beside it."""

    def __init__(self) -> None:
        self.history = History()
        self.held: dict[bytes, Parent] = {}
        self.number = 1

    def take(self, changes: Sequence[Change]) -> Verdict:
        """Take in a batch, and keep what is accepted."""
        verdict = judge(self.history, changes, self.held, self.number)
        self.number += len(verdict.accepted)
        logs = {entry.change.header.author: 1 for entry in verdict.accepted}
        self.history.apply(verdict.accepted, logs)
        self.held |= {entry.change.id: self.history.as_parent(entry) for entry in verdict.accepted}
        return verdict
