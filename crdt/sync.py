"""Sync between two nodes, without IO: messages and ticks in, effects out.

A `Session` is one side of one link. It never touches a socket, a clock or a disk: its driver sends what `Send` says,
stores what `Deliver` brings and tells how that went, loads what `Load` asks for. So two sessions joined by a list in
memory behave as two nodes do (tests/simulator.py).

How two nodes come to hold the same:

1. HELLO, then SPACES: a MAC per space under its discovery key. What both know is a common space.
2. OPEN to a peer in standing: the root of what I hold. Equal: done, in under a hundred bytes.
3. Not equal: BUCKETS (or, of a small space, ENTRIES at once); then ENTRIES of the buckets that differ.
4. WANT what the other's entries have ahead of mine. One peer is asked for one log at a time (`Claims`).
5. BATCH by BATCH in causal order, each STORED before the next but one; ROOT at the end.
6. PUSH of what is new, from the moment a space is open; what does not fit makes the receiver WANT. A link whose
   pushes bring nothing new may REST: then it carries law and comparisons only, until either side says WAKE.

Sending anything about a space takes the peer's standing in it; receiving does not, for what is accepted is decided by
signatures, chains and law. So a member who has not yet heard of a newcomer can learn of them from themselves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from crdt import messages as m
from crdt.belonging import Belonging
from crdt.effects import (
    DeliverBlob,
    Effect,
    Learn,
    LoadBlob,
    Reached,
    Send,
    SpaceView,
)
from crdt.exchange import Channel, Claims
from crdt.history import Gap
from identity.errors import RemoteProtocolError

REPLY_TIMEOUT_S = 60.0
MAX_HOLES = 256  # how often in a session parents are fetched one by one


@dataclass(frozen=True, slots=True)
class Ends:
    """Who is on a link: device keys proven by the transport, who dialled, and 16 random bytes of this side's."""

    me: bytes
    peer: bytes
    dialled: bool
    nonce: bytes


@dataclass(frozen=True, slots=True)
class News:
    """Changes just stored, as an encoded batch: the last sequence number of each log; whether law is among them."""

    space: bytes
    last_seqs: Mapping[bytes, int]
    data: bytes
    law: bool


class Session(Belonging):
    """One side of one link."""

    def __init__(self, ends: Ends, spaces: Mapping[bytes, SpaceView], claims: Claims) -> None:
        super().__init__(ends.me, ends.peer, claims)
        self.dialled = ends.dialled
        self.nonce = ends.nonce
        self.spaces = spaces
        self._by_number: dict[int, Channel] = {}
        self._peer_nonce: bytes | None = None
        self._listed = False

    # -- inputs ---------------------------------------------------------------------------------------------------

    def start(self) -> list[Effect]:
        """Begin: say hello."""
        return [Send(m.encode(m.HELLO, m.SYNC_VERSION, self.nonce))]

    def receive(self, frame: bytes) -> list[Effect]:
        """Take in one message.

        Raises:
            RemoteProtocolError: if the peer broke the protocol; the link is to be closed.
        """
        kind, fields = m.decode(frame)
        if kind == m.HELLO:
            return self._on_hello(*fields)
        if self._peer_nonce is None:
            raise RemoteProtocolError("the peer talks before it said hello")
        if kind == m.SPACES:
            return self._on_spaces(*fields)
        channel = self._by_number.get(fields[0])
        if channel is None:
            raise RemoteProtocolError("the peer names a space that is not common")
        effects: list[Effect] = _HANDLERS[kind](self, channel, *fields[1:])
        return effects

    def tick(self, now: float) -> list[Effect]:
        """Tell the time, in seconds.

        Raises:
            RemoteProtocolError: if the peer left a request unanswered for too long.
        """
        self.now = now
        for channel in self.channels.values():
            if channel.wanted and now - min(channel.wanted.values()) > REPLY_TIMEOUT_S:
                raise RemoteProtocolError("the peer does not answer")
        return []

    def new_changes(self, news: News) -> list[Effect]:
        """Tell that changes were stored, from here or from another peer.

        A peer that lost its standing by them hears that much, and nothing more.
        """
        channel = self.channels.get(news.space)
        if channel is None:
            return []
        effects: list[Effect] = self.law_changed(news.space) if news.law and not channel.opened else []
        if not channel.opened:
            return effects
        if news.law or not channel.resting:
            effects += self._push(channel, news)
        if news.law:
            self._close_to_stranger(channel)
        return effects

    def _push(self, channel: Channel, news: News) -> list[Effect]:
        effects = self._say_held(channel)
        known, pushed = channel.peer_seqs, channel.pushed
        if all(max(known.get(author, 0), pushed.get(author, 0)) >= seq for author, seq in news.last_seqs.items()):
            return effects
        pushed.update(news.last_seqs)
        return [*effects, Send(m.encode(m.PUSH, channel.number, news.data))]

    def shown(self, space: bytes, last_seqs: Mapping[bytes, int]) -> None:
        """Tell how far the peer's pushes show that it holds logs: so far nothing has to be pushed to it."""
        known = self.channels[space].peer_seqs
        for author, seq in last_seqs.items():
            known[author] = max(seq, known.get(author, 0))

    def stored(
        self, space: bytes, request: int | None, last_seqs: Mapping[bytes, int], gaps: Sequence[Gap]
    ) -> list[Effect]:
        """Tell that a delivered batch is on disk; `last_seqs` are the peer's heads it showed."""
        channel = self.channels[space]
        self.shown(space, last_seqs)
        effects = self._say_held(channel)
        if self.me in last_seqs:
            effects.append(Reached(space, last_seqs[self.me]))
        if request is None and gaps and channel.wanted:
            channel.told_root = None  # look at it when what is on its way is here
        if request is None:
            return effects + (self._fill(channel, gaps) if gaps and not channel.wanted else [])
        channel.wanted[request] = self.now
        missing = [gap for gap in gaps if gap.missing]
        if missing:
            channel.holes += 1
            effects += self._want_ids(channel, [id_ for gap in missing for id_ in gap.missing])
        return [*effects, Send(m.encode(m.STORED, channel.number, request))]

    def finished(self, space: bytes, request: int) -> list[Effect]:
        """Tell that the last batch of a request is stored; look whether both hold the same now."""
        channel = self.channels[space]
        channel.wanted.pop(request, None)
        if channel.wanted:
            return []
        channel.fetching.clear()
        self.claims.drop(self, space)
        if 0 < channel.holes <= MAX_HOLES:  # what was missing may be here now: ask for what rested on it
            return self._tell_root(channel) + self._ask(channel)
        return self._tell_root(channel)

    def closed(self) -> bool:
        """Give back what this session claimed; tell whether other sessions should look again."""
        unfinished = any(channel.wanted for channel in self.channels.values())
        return self.claims.drop(self) or unfinished

    def tell_peers(self, addresses: Sequence[str]) -> list[Effect]:
        """Tell where members may be found, in the first space that is open."""
        channel = next((channel for channel in self.channels.values() if channel.opened), None)
        if channel is None or not addresses:
            return []
        return [Send(m.encode(m.PEERS, channel.number, list(addresses)[: m.MAX_PEERS]))]

    def _on_peers(self, channel: Channel, addresses: list[str]) -> list[Effect]:
        return [Learn(addresses)] if channel.opened else []

    def want_blob(self, space: bytes, hash_: bytes, offset: int) -> list[Effect]:
        """Ask the peer for a file of a post, from an offset on; nothing if the space is not open."""
        channel = self.channels.get(space)
        if channel is None or not channel.opened:
            return []
        return [Send(m.encode(m.WANT_BLOB, channel.number, hash_, offset))]

    def blob(self, piece: DeliverBlob) -> list[Effect]:
        """Send a piece of a file."""
        channel = self.channels[piece.space]
        return [Send(m.encode(m.BLOB, channel.number, piece.hash, piece.offset, piece.size, piece.data))]

    def _on_want_blob(self, channel: Channel, hash_: bytes, offset: int) -> list[Effect]:
        return [LoadBlob(channel.space, hash_, offset)] if channel.opened else []

    def _on_blob(self, channel: Channel, *fields: Any) -> list[Effect]:
        return [DeliverBlob(channel.space, *fields)] if channel.opened else []

    def is_stranger(self) -> bool:
        """Tell whether the peer turned out to share no space with this node."""
        return self._listed and not self.channels

    def look_again(self, space: bytes) -> list[Effect]:
        """Compare what both hold once more: a hint came that the peer may have more."""
        channel = self.channels.get(space)
        if channel is None:
            return []
        if not channel.opened:
            return self._ask(channel) if channel.view.is_open() else []
        channel.told_root = None
        return self._say_held(channel) + ([] if channel.wanted else self._tell_root(channel))

    # -- hello ----------------------------------------------------------------------------------------------------

    def _on_hello(self, version: int, nonce: bytes) -> list[Effect]:
        if version != m.SYNC_VERSION:
            raise RemoteProtocolError(f"the peer talks version {version} of sync, this node {m.SYNC_VERSION}")
        if self._peer_nonce is not None:
            raise RemoteProtocolError("the peer said hello twice")
        self._peer_nonce = nonce
        macs = sorted(self._mac(view, mine=True) for view in list(self.spaces.values())[: m.MAX_SPACES])
        padding = (blake2b(self.nonce + bytes([i]), digest_size=m.MAC_BYTES).digest() for i in range(-len(macs) % 8))
        return [Send(m.encode(m.SPACES, sorted([*macs, *padding])))]

    def _mac(self, view: SpaceView, *, mine: bool) -> bytes:
        """Return the proof that its sender knows a space; the role keeps it from being echoed."""
        sender, receiver = (self.me, self.peer) if mine else (self.peer, self.me)
        role = b"dial" if self.dialled == mine else b"wait"
        nonces = (self.nonce, self._peer_nonce or b"")
        both = b"".join(nonces if self.dialled else reversed(nonces))
        return blake2b(role + sender + receiver + both, key=view.discovery_key(), digest_size=m.MAC_BYTES).digest()

    def _on_spaces(self, macs: list[bytes]) -> list[Effect]:
        if self._listed:
            raise RemoteProtocolError("the peer listed its spaces twice")
        self._listed = True
        theirs = set(macs)
        common = sorted(view.id for view in self.spaces.values() if self._mac(view, mine=False) in theirs)
        effects: list[Effect] = []
        for number, space in enumerate(common):
            channel = self.channels[space] = self._by_number[number] = Channel(number, space, self.spaces)
            effects += self._open(channel)
        return effects

    # -- how far own changes travelled ------------------------------------------------------------------------------

    def _on_held(self, channel: Channel, seq: int) -> list[Effect]:
        return [Reached(channel.space, seq)]


_HANDLERS: dict[int, Any] = {
    m.OPEN: Session._on_open,
    m.KNOCK: Session._on_knock,
    m.PAPERS: Session._on_papers,
    m.GUEST: Session._on_guest,
    m.KEYS: Session._on_keys,
    m.ASK: Session._on_ask,
    m.ROOT: Session._on_root,
    m.BUCKETS: Session._on_buckets,
    m.ENTRIES: Session._on_entries,
    m.WANT: Session._on_want,
    m.WANT_IDS: Session._on_want_ids,
    m.BATCH: Session._on_batch,
    m.STORED: Session._on_stored,
    m.PUSH: Session._on_push,
    m.REST: Session._on_rest,
    m.WAKE: Session._on_wake,
    m.HELD: Session._on_held,
    m.PEERS: Session._on_peers,
    m.TURNED_AWAY: Session._on_turned_away,
    m.WANT_BLOB: Session._on_want_blob,
    m.BLOB: Session._on_blob,
    m.WANT_PROOF: Session._on_want_proof,
    m.PROOF: Session._on_proof,
}
