"""Using a device key in two places, as a copied folder does."""

from crdt.change import TALK, Change, Header, encode_body, make
from identity.keys import SigningKey
from node.domain.area import wire_fields
from node.domain.posts import WritePost
from node.ingest.spaces import Space
from node.runtime import now_ms


def branch(space: Space, key: SigningKey, after: Change | tuple[int, bytes], *texts: str) -> list[Change]:
    """Write posts with a device's key, without its node."""
    seq, prev = after if isinstance(after, tuple) else (after.header.seq, after.id)
    changes = []
    for text in texts:
        command = WritePost(text, None, None, [])
        header = Header(space.id, key.public, seq + 1, prev, (), now_ms(), TALK, b"", b"", 0)
        change = make(header, encode_body(command.kind, wire_fields(command)), key, space.secrets.talk[-1])
        changes.append(change)
        seq, prev = change.header.seq, change.id
    return changes


def head(space: Space, device: bytes) -> tuple[int, bytes]:
    """Return where a log ends."""
    log = space.history.logs[device]
    return log.seq, log.head
