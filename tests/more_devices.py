"""Further devices of somebody, which entered by their root's certificate, as restored folders do."""

from crdt.batch import Batch
from crdt.change import MAX_LAW_DEPS, Header, encode_body, make
from identity.certificates import certify
from identity.keys import SigningKey
from node.domain.area import wire_fields
from node.domain.law.membership import EnterDevice
from node.ingest.spaces import Space
from node.runtime import Node


async def enter(node: Node, space: Space, slot: int, root: SigningKey | None = None) -> bytes:
    """Let one more device enter, of this node's person or of whose root is given; returns its key."""
    root = root or node.me.root
    assert root is not None
    key = SigningKey(bytes([slot + 60]) * 32)
    command = EnterDevice(certify(root, key.public, slot, node.clock_ms()))
    deps = space.history.next_deps(key.public, MAX_LAW_DEPS)
    header = Header(space.id, key.public, 1, b"", deps, node.clock_ms(), command.klass, b"", b"", 0)
    change = make(header, encode_body(command.kind, wire_fields(command)), key, space.secret_for(command.klass))
    await node.road.receive(space, Batch([change], {}), key.public)
    return key.public
