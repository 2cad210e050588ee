"""Other members of a space for tests of pages: real keys, real tickets, real changes that come down the road."""

from dataclasses import dataclass, field
from typing import Any, Self

from loopback import link_to, until

from crdt.batch import Batch
from crdt.change import Change, Header, encode_body, make
from crdt.document import Document
from identity.certificates import certify
from identity.keys import SigningKey
from identity.links import read_link
from identity.tickets import prove
from node.domain.area import wire_fields
from node.domain.documents import EditDocument, blank, page_id
from node.domain.law.membership import JoinSpace
from node.domain.posts import WritePost
from node.domain.profiles import SetField
from node.ingest.spaces import Space
from node.runtime import Node


@dataclass
class Member:
    """Somebody else, who writes into a node's space from afar."""

    node: Node
    space: Space
    root: SigningKey
    device: SigningKey
    documents: dict[bytes, Document] = field(default_factory=dict)

    @classmethod
    async def join(cls, node: Node, space: Space, name: str, seed: int = 1) -> Self:
        """Let a new member in by a ticket, and have them say their name."""
        one, _ = await cls.knock(node, space, seed)
        await one.until_let_in()
        if name:
            await one.rename(name)
        return one

    @classmethod
    async def knock(cls, node: Node, space: Space, seed: int = 1) -> tuple[Self, bytes]:
        """Let somebody knock with a ticket of the node's; returns them and their knock's id."""
        one = cls(node, space, SigningKey(bytes([seed]) * 32), SigningKey(bytes([seed + 100]) * 32))
        invitation = read_link(await link_to(node, space))
        certificate = certify(one.root, one.device.public, 0, node.clock_ms())
        proof = prove(invitation, one.device.public, one.root.public)
        command = JoinSpace(invitation.terms, invitation.signature, proof, one.root.public, certificate)
        return one, (await one.say(command)).id

    async def until_let_in(self) -> None:
        """Wait until the node, which answers knocks by itself, has stored that this one was let in."""
        await until(lambda: self.device.public in self.space.law.grants)
        async with self.node.road.lock:  # law shows an admission before it is stored
            pass

    async def say(self, command: Any, time_ms: int | None = None) -> Change:
        """Sign a command and hand it to the node, as a peer does."""
        space, klass = self.space, command.klass
        secret = space.secrets.knock() if isinstance(command, JoinSpace) else space.secret_for(klass)
        mine = space.history.logs.get(self.device.public)
        head = mine.head if mine else b""
        deps = space.history.next_deps(self.device.public, 32) if mine else ()
        time = time_ms if time_ms is not None else self.node.clock_ms()
        header = Header(space.id, self.device.public, mine.seq + 1 if mine else 1, head, deps, time, klass, b"", b"", 0)
        change = make(header, encode_body(command.kind, wire_fields(command)), self.device, secret)
        await self.node.road.receive(space, Batch([change], {}), self.device.public)
        return change

    async def write(
        self, text: str, to: bytes | None = None, thread: bytes | None = None, at: int | None = None
    ) -> bytes:
        """Write a post, or answer one; returns its id."""
        return (await self.say(WritePost(text, thread or to, to, []), at)).id

    def _document(self, id_: bytes) -> Document:
        return self.documents.setdefault(id_, blank(id_, self.device.public))

    async def rename(self, name: str, about: str = "") -> None:
        """Say one's name in this space."""
        for part, value in {"name": name, "about": about}.items():
            if value:
                await self.say(SetField(self.root.public, part, "space", "", value, b"", b"", []))

    async def begin_page(self, title: str, body: str) -> None:
        """Write words of the space's page, knowing of nobody else's."""
        document = self._document(page_id())
        first = document.put_fields({"title": title}) if title else None
        for edit in [*([first] if first else []), *document.splice_text("body", body)]:
            await self.say(EditDocument(page_id(), edit))
