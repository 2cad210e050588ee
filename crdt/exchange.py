"""Comparing what two nodes hold, wanting what the other has, serving what it wants: one side of one link."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from crdt import messages as m
from crdt.effects import Deliver, DeliverProof, Effect, Finish, InSync, Load, LoadProof, Reached, Rest, Send, SpaceView
from crdt.history import BUCKETS, Gap, Log
from identity.errors import RemoteProtocolError

SMALL_SPACE_LOGS = 64
WINDOW = 3
LOOK_BACK = 64
MAX_SERVING = 64
MAX_STRANGE_LOGS = 65_536  # that a peer names and nobody here has heard of


class Claims:
    """Which session fetches which log: one at a time, so that nothing is fetched twice. Shared by a node's sessions.

    What a stranger said they have, and may never send, a session with a member takes over.
    """

    def __init__(self) -> None:
        self._by_log: dict[tuple[bytes, bytes], tuple[object, bool]] = {}

    def take(self, owner: object, space: bytes, author: bytes, *, trusted: bool) -> bool:
        """Claim a log; False if another session fetches it."""
        held, firm = self._by_log.setdefault((space, author), (owner, trusted))
        if held is not owner and trusted and not firm:
            self._by_log[space, author] = owner, True
            return True
        return held is owner

    def drop(self, owner: object, space: bytes | None = None) -> bool:
        """Give back what a session claimed, in one space or all; tell whether there was anything."""
        mine = [key for key, (held, _) in self._by_log.items() if held is owner and space in (None, key[0])]
        for key in mine:
            del self._by_log[key]
        return bool(mine)


@dataclass(slots=True)
class Serving:
    """What the peer wanted and is being sent."""

    space: bytes
    ranges: Sequence[tuple[bytes, int, int]]
    ids: Sequence[bytes]
    loading: bool = False
    done: bool = False


@dataclass(slots=True)
class Channel:
    """One common space on this link."""

    number: int
    space: bytes
    spaces: Mapping[bytes, SpaceView]
    opened: bool = False
    knocked: bool = False
    peer_knock: bytes | None = None
    knock_delivered: bool = False
    peer_root: bytes | None = None
    told_root: bytes | None = None
    peer_seqs: dict[bytes, int] = field(default_factory=dict)
    pushed: dict[bytes, int] = field(default_factory=dict)
    wanted: dict[int, float] = field(default_factory=dict)
    fetching: set[bytes] = field(default_factory=set)
    asked: bool = False
    guest_told: bytes | None = None
    papers_shown: bool = False
    papers_seen: bool = False
    holes: int = 0
    held_told: int = 0
    resting: bool = False  # what is new travels over other links; this one compares
    needed: bool = False  # the peer wants it awake
    keys_asked: set[bytes] = field(default_factory=set)

    @property
    def view(self) -> SpaceView:
        """The space as the node holds it now; a node that read it anew from its disk has another object."""
        return self.spaces[self.space]


def _before_fork(log: Log, seq: int) -> list[tuple[bytes, int, int]]:
    """Return what is missing of a forked or cut log before the place where it ends, where a peer holds more of it."""
    last = seq if log.forked is None else min(seq, log.forked - 1)
    return [(log.author, log.seq + 1, last)] if log.seq < last else []


def _look_back(log: Log, seq: int, head: bytes) -> list[tuple[bytes, int, int]]:
    """Return what of a peer's log tells where it left the one held, where they are as long and end differently."""
    return [(log.author, max(1, seq - LOOK_BACK), seq)] if seq == log.seq and head != log.head else []


class Exchange:
    """The part of a session that moves changes; `Session` adds who belongs and how a link begins."""

    def __init__(self, me: bytes, peer: bytes, claims: Claims) -> None:
        self.me = me
        self.peer = peer
        self.claims = claims
        self.channels: dict[bytes, Channel] = {}
        self.now = 0.0
        self._serving: dict[int, Serving] = {}
        self._next_request = 1
        self._in_flight = 0  # batches that the peer has not stored yet: never more than a link takes without waiting

    # -- comparing ------------------------------------------------------------------------------------------------

    def _may_speak(self, channel: Channel) -> bool:
        """Tell whether this node may say what it holds: to members; a newcomer has nothing to hide."""
        view = channel.view
        return channel.opened or not (view.is_open() or view.has_left())

    def _compare(self, channel: Channel) -> list[Effect]:
        if channel.peer_root == channel.view.history.root():
            return self._tell_root(channel) or self._level(channel)
        return self._tell_state(channel) if self._may_speak(channel) else self._ask(channel)

    def _tell_root(self, channel: Channel) -> list[Effect]:
        if not self._may_speak(channel):
            return []
        root = channel.view.history.root()
        if root == channel.told_root:
            return []
        channel.told_root = root
        effects: list[Effect] = [Send(m.encode(m.ROOT, channel.number, root))]
        return [*effects, *self._level(channel)] if root == channel.peer_root else effects

    def _level(self, channel: Channel) -> list[Effect]:
        """Note that both sides hold the same."""
        return [InSync(channel.space)]

    def _tell_state(self, channel: Channel) -> list[Effect]:
        history = channel.view.history
        if len(history.logs) <= SMALL_SPACE_LOGS:
            return self._entries(channel, range(BUCKETS))
        return [Send(m.encode(m.BUCKETS, channel.number, history.buckets()))]

    def _entries(self, channel: Channel, buckets: Iterable[int]) -> list[Effect]:
        history = channel.view.history
        chosen = bytes(buckets)
        logs = [log for index in chosen for log in history.in_bucket(index)]
        return self._show(channel, chosen if len(chosen) < BUCKETS else b"", logs, answer=True)

    def _show(self, channel: Channel, buckets: bytes, logs: Sequence[Log], *, answer: bool) -> list[Effect]:
        """Show heads, in several messages where they are many; only after the last one is there all to answer to."""
        heads = [(log.author, log.seq, log.head, log.forked is not None) for log in logs]
        parts = [heads[start : start + m.MAX_ENTRIES] for start in range(0, len(heads), m.MAX_ENTRIES)] or [[]]
        last = len(parts) - 1
        return [
            Send(m.encode(m.ENTRIES, channel.number, buckets, part, answer and index == last))
            for index, part in enumerate(parts)
        ]

    def _on_root(self, channel: Channel, root: bytes) -> list[Effect]:
        channel.peer_root = root
        return self._compare(channel)

    def _on_buckets(self, channel: Channel, theirs: bytes) -> list[Effect]:
        if not self._may_speak(channel):
            return []
        mine = channel.view.history.buckets()
        differ = [i for i in range(BUCKETS) if mine[8 * i : 8 * i + 8] != theirs[8 * i : 8 * i + 8]]
        return self._entries(channel, differ) if differ else []

    def _on_entries(
        self,
        channel: Channel,
        buckets: bytes,
        logs: list[tuple[bytes, int, bytes, bool]],
        answer: bool,
    ) -> list[Effect]:
        """Want what the peer has ahead; if it asked for an answer, show what these buckets hold ahead of it."""
        history = channel.view.history
        if len(channel.peer_seqs) > len(history.logs) + MAX_STRANGE_LOGS:
            raise RemoteProtocolError("the peer names logs without end")
        channel.asked = False
        effects: list[Effect] = []
        ranges = []
        for author, seq, head, forked in logs:
            if author == self.me:
                effects.append(Reached(channel.space, seq))
            log = history.logs.get(author)
            channel.peer_seqs[author] = seq
            if log is not None and (forked or log.forked is not None):
                effects += self._compare_forks(channel, log, seq, forked=forked)
                ranges += _before_fork(log, seq) + _look_back(log, seq, head)
            elif log is None or seq > log.seq:
                ranges.append((author, log.seq + 1 if log else 1, seq))
            else:
                ranges += _look_back(log, seq, head)
        effects += self._want(channel, ranges)
        if answer and self._may_speak(channel):
            effects += self._show_ahead(channel, buckets or bytes(range(BUCKETS)))
        return effects

    def _show_ahead(self, channel: Channel, buckets: bytes) -> list[Effect]:
        """Show what the peer lacks, so that it can want it; again if need be, for it may not have been able to."""
        known = channel.peer_seqs
        held = (log for index in buckets for log in channel.view.history.in_bucket(index))
        ahead = [log for log in held if log.seq > known.get(log.author, 0)]
        return self._show(channel, buckets, ahead, answer=False) if ahead else []

    def _compare_forks(self, channel: Channel, log: Log, seq: int, *, forked: bool) -> list[Effect]:
        """Bring both sides to the proof with the lowest place: a forked log ends before it."""
        if forked and (log.forked is None or log.forked > seq + 1):
            return [Send(m.encode(m.WANT_PROOF, channel.number, log.author))]
        if log.forked is not None and seq >= log.forked:
            return [LoadProof(channel.space, log.author)] if self._may_speak(channel) else []
        return []

    def _on_want_proof(self, channel: Channel, author: bytes) -> list[Effect]:
        return [LoadProof(channel.space, author)] if self._may_speak(channel) else []

    def _on_proof(self, channel: Channel, one: bytes, other: bytes) -> list[Effect]:
        return [DeliverProof(channel.space, one, other)]

    def proof(self, space: bytes, one: bytes, other: bytes) -> list[Effect]:
        """Show the peer that a log is forked."""
        channel = self.channels.get(space)
        if channel is None or not self._may_speak(channel):
            return []
        return [Send(m.encode(m.PROOF, channel.number, one, other))]

    def look_back(self, space: bytes, places: Iterable[tuple[bytes, int, int]]) -> list[Effect]:
        """Ask for the peer's branch of logs that leave the one held: somewhere there is the place of the fork."""
        channel = self.channels.get(space)
        wanted = list(places)
        if channel is None or not wanted:
            return []
        request = self._new_request(channel)
        return [Send(m.encode(m.WANT, channel.number, request, wanted))]

    def coming(self, space: bytes) -> dict[bytes, int]:
        """Return how far the logs go that are being fetched from the peer, by author, as it says."""
        channel = self.channels.get(space)
        if channel is None or not channel.wanted:
            return {}
        return {author: channel.peer_seqs.get(author, 0) for author in channel.fetching}

    # -- wanting --------------------------------------------------------------------------------------------------

    def _want(self, channel: Channel, ranges: Iterable[tuple[bytes, int, int]]) -> list[Effect]:
        mine = []
        for entry in ranges:
            if entry[0] in channel.fetching:
                channel.told_root = None  # more of what is on its way: compare once more when it is here
            elif self.claims.take(self, channel.space, entry[0], trusted=channel.opened):
                mine.append(entry)
        if not mine:
            return []
        channel.fetching.update(author for author, _, _ in mine)
        request = self._new_request(channel)
        return [*self._wake(channel), Send(m.encode(m.WANT, channel.number, request, mine))]

    def _want_ids(self, channel: Channel, ids: Sequence[bytes]) -> list[Effect]:
        request = self._new_request(channel)
        return [Send(m.encode(m.WANT_IDS, channel.number, request, list(ids)[:1024]))]

    def _new_request(self, channel: Channel) -> int:
        request = self._next_request
        self._next_request += 1
        channel.wanted[request] = self.now
        return request

    def _fill(self, channel: Channel, gaps: Sequence[Gap]) -> list[Effect]:
        """Ask for what a push was ahead of."""
        ranges = [(gap.author, gap.seq, channel.peer_seqs.get(gap.author, gap.seq)) for gap in gaps if not gap.missing]
        effects = self._want(channel, [entry for entry in ranges if entry[1] <= entry[2]])
        return effects or self._ask(channel)

    def _ask(self, channel: Channel) -> list[Effect]:
        """Ask a peer who says it belongs for what it holds: their admission may be among it."""
        if channel.asked or channel.peer_root is None:
            return []
        channel.asked = True
        return [Send(m.encode(m.ASK, channel.number))]

    def _on_ask(self, channel: Channel) -> list[Effect]:
        return self._entries(channel, range(BUCKETS)) if channel.opened else []

    def _on_want(self, channel: Channel, request: int, ranges: list[tuple[bytes, int, int]]) -> list[Effect]:
        return self._serve(channel, request, [(author, first, last) for author, first, last in ranges], [])

    def _on_want_ids(self, channel: Channel, request: int, ids: list[bytes]) -> list[Effect]:
        return self._serve(channel, request, [], ids)

    def _serve(
        self, channel: Channel, request: int, ranges: Sequence[tuple[bytes, int, int]], ids: Sequence[bytes]
    ) -> list[Effect]:
        if not self._may_speak(channel):
            return [Send(m.encode(m.BATCH, channel.number, request, b"", True))]
        if request in self._serving or len(self._serving) >= MAX_SERVING:
            raise RemoteProtocolError("the peer asks for too much at once, or twice under one number")
        serving = self._serving[request] = Serving(channel.space, ranges, ids)
        return self._load_more(request, serving)

    def _load_more(self, request: int, serving: Serving) -> list[Effect]:
        loading = sum(other.loading for other in self._serving.values())
        if serving.loading or serving.done or self._in_flight + loading >= WINDOW:
            return []
        serving.loading = True
        return [Load(serving.space, request, serving.ranges, serving.ids)]

    def _on_stored(self, _channel: Channel, _request: int) -> list[Effect]:
        self._in_flight = max(0, self._in_flight - 1)
        return self._load_all()

    def _load_all(self) -> list[Effect]:
        effects: list[Effect] = []
        for request, serving in self._serving.items():
            effects += self._load_more(request, serving)
        return effects

    def _on_batch(self, channel: Channel, request: int, data: bytes, done: bool) -> list[Effect]:
        if request not in channel.wanted:
            raise RemoteProtocolError("the peer sends what was not asked for")
        effects: list[Effect] = [Deliver(channel.space, data, request)] if data else []
        if done:
            effects.append(Finish(channel.space, request))
        return effects

    def _on_push(self, channel: Channel, data: bytes) -> list[Effect]:
        """Take in what is new; a newcomer rather asks for all there is: their admission may be among it."""
        if channel.view.is_open():
            return [Deliver(channel.space, data, None)]
        if channel.wanted:
            channel.told_root = None  # compare once more when what is on its way is here
            return []
        return self._ask(channel)

    # -- resting --------------------------------------------------------------------------------------------------

    def let_rest(self, space: bytes) -> list[Effect]:
        """Ask the peer to let this link rest: what it pushed came over another before."""
        channel = self.channels[space]
        if channel.resting or channel.needed or not channel.opened:
            return []
        channel.resting = True
        return [Send(m.encode(m.REST, channel.number))]

    def _on_rest(self, channel: Channel) -> list[Effect]:
        return [] if channel.resting or not channel.opened else [Rest(channel.space)]

    def rest(self, space: bytes, *, agreed: bool) -> list[Effect]:
        """Let the link rest as the peer asked, or tell it that this node needs it."""
        channel = self.channels[space]
        channel.resting = agreed
        return [] if agreed else [Send(m.encode(m.WAKE, channel.number, True))]

    def wake(self, space: bytes) -> list[Effect]:
        """Have the link carry what is new again."""
        return self._wake(self.channels[space])

    def _wake(self, channel: Channel) -> list[Effect]:
        if not channel.resting:
            return []
        channel.resting = False
        return [Send(m.encode(m.WAKE, channel.number, False))]

    def _on_wake(self, channel: Channel, needed: bool) -> list[Effect]:
        channel.resting, channel.needed = False, channel.needed or needed
        return []

    def loaded(self, request: int, data: bytes | None, *, done: bool) -> list[Effect]:
        """Send a portion that was loaded; `data` is None when there was nothing."""
        serving = self._serving.get(request)
        if serving is None:
            return []
        channel = self.channels[serving.space]
        serving.loading = False
        serving.done = done
        effects: list[Effect] = []
        if data is not None or done:
            self._in_flight += bool(data)
            effects.append(Send(m.encode(m.BATCH, channel.number, request, data or b"", done)))
        if done:
            del self._serving[request]
        return effects + self._load_all()
