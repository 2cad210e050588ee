"""Filling a folder on the node's own road: sealed posts of many devices in turn, each naming the one before it."""

import json
from collections.abc import Sequence
from pathlib import Path

from crdt.batch import Batch
from crdt.change import TALK, Change, Header, encode_body, make
from identity.certificates import certify
from identity.keys import SigningKey
from identity.links import read_link
from identity.tickets import Invitation, Offer, prove
from node.domain.area import require, wire_fields
from node.domain.law.membership import JoinSpace
from node.domain.posts import WritePost
from node.ingest.belonging import invite
from node.ingest.spaces import Space
from node.runtime import Node, now_ms
from ui.bench.waiting import until
from ui.bench.words import post_text

DAY_MS = 86_400_000
FIRST_MS = 1_760_000_000_000
STEP_MS = 61
_BATCH = 1_000
_MAX_KNOCKS = 500


def keys_file(folder: Path) -> Path:
    """Return where the seeds of the devices lie that wrote a folder's posts."""
    return folder.parent / f"{folder.name}.devices.json"


def read_devices(folder: Path) -> list[SigningKey]:
    """Return the devices that wrote a folder's posts."""
    seeds = json.loads(keys_file(folder).read_text(encoding="ascii"))
    return [SigningKey(bytes.fromhex(seed)) for seed in seeds]


def offer_for(node: Node, space: Space, uses: int) -> Offer:
    """Return an offer for so many newcomers, with where this node may be dialled."""
    return Offer(
        space.id, space.name, "Bench", now_ms() + DAY_MS, space.secrets.discovery, uses=uses,
        addresses=tuple(node.addresses[:1]),
    )  # fmt: skip


async def seed(node: Node, authors: int, posts: int) -> Space:
    """Found a space in a fresh folder and let so many authors write so many posts in turn."""
    space = await node.found("Bench", {"invitations": 10_000})  # one lets in all
    devices = [SigningKey.generate() for _ in range(authors)]
    keys_file(node.folder).write_text(json.dumps([device.seed.hex() for device in devices]), encoding="ascii")
    heads = await admit(node, space, devices)
    writer = Writer(space, devices, heads)
    for start in range(0, posts, _BATCH):
        batch = [writer.next_post() for _ in range(start, min(posts, start + _BATCH))]
        outcome = await node.road.receive(space, Batch(batch, {}), devices[0].public)
        require(len(outcome.accepted) == len(batch), "The benchmark's posts were not taken in.")
    return space


async def admit(node: Node, space: Space, devices: Sequence[SigningKey]) -> list[Change]:
    """Let devices in by a ticket; returns what each of them said last."""
    _, link = await invite(node.road, space, offer_for(node, space, len(devices)))
    invitation = read_link(link)
    knocks = [_knock(space, device, invitation) for device in devices]
    for start in range(0, len(knocks), _MAX_KNOCKS):
        await node.road.receive(space, Batch(knocks[start : start + _MAX_KNOCKS], {}), devices[0].public)
    await until(lambda: all(device.public in space.law.grants for device in devices))  # the node lets them in itself
    async with node.road.lock:  # what was judged is stored by the time the road is free
        return knocks


def _knock(space: Space, device: SigningKey, invitation: Invitation) -> Change:
    root = SigningKey.generate()
    proof = prove(invitation, device.public, root.public)
    certificate = certify(root, device.public, 0, now_ms())
    command = JoinSpace(invitation.terms, invitation.signature, proof, root.public, certificate)
    header = Header(space.id, device.public, 1, b"", (), now_ms(), command.klass, b"", b"", 0)
    return make(header, encode_body(command.kind, wire_fields(command)), device, space.secrets.knock())


class Writer:
    """Devices that take turns; each post names the one before it, whoever wrote that."""

    def __init__(self, space: Space, devices: Sequence[SigningKey], heads: Sequence[Change]) -> None:
        self._space = space
        self._devices = devices
        self._places = [(head.header.seq, head.id) for head in heads]
        own = [log.head for author, log in space.history.logs.items() if author not in {d.public for d in devices}]
        self._last = own[0]
        self._made = 0

    @classmethod
    def going_on(cls, space: Space, devices: Sequence[SigningKey]) -> "Writer":
        """Go on where a folder's devices stopped."""
        writer = cls(space, devices, [])
        logs = space.history.logs
        writer._places = [(logs[device.public].seq, logs[device.public].head) for device in devices]
        latest = max(devices, key=lambda device: logs[device.public].parent.depth)
        writer._last = logs[latest.public].head
        writer._made = (devices.index(latest) + 1) + len(devices) * space.history.size
        return writer

    def next_post(self) -> Change:
        """Make the next post."""
        turn, i = self._made % len(self._devices), self._made // len(self._devices)
        device, (seq, head) = self._devices[turn], self._places[turn]
        deps = (self._last,) if self._last != head else ()
        time_ms = FIRST_MS + self._made * STEP_MS
        header = Header(self._space.id, device.public, seq + 1, head, deps, time_ms, TALK, b"", b"", 0)
        command = WritePost(post_text(turn, i), None, None, [])
        change = make(header, encode_body(command.kind, wire_fields(command)), device, self._space.secrets.talk[-1])
        self._places[turn] = (seq + 1, change.id)
        self._last = change.id
        self._made += 1
        return change
