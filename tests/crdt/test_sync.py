"""Sync sessions joined by lists in memory: what is said, to whom, and what a hostile peer gets."""

from collections import deque
from typing import Any

import msgpack
import pytest
from authors import Author, Reader, founding_of, key_of
from hypothesis import given
from hypothesis import strategies as st

from crdt import effects as e
from crdt import exchange
from crdt import messages as m
from crdt.batch import decode_batch, encode_batch
from crdt.change import Change
from crdt.exchange import Claims
from crdt.history import Log
from crdt.sync import REPLY_TIMEOUT_S, Ends, News, Session
from identity.errors import CommonsError, RemoteProtocolError

FOUNDING = founding_of("Ada")
SPACE = FOUNDING.id
ADA, BEN, EVE = (key_of(name).public for name in ("Ada", "Ben", "Eve"))


class View:
    """One space as one node sees it."""

    def __init__(self, members: set[bytes], *, discovery: bytes = bytes(32), opened: bool = True) -> None:
        self.id = SPACE
        self.reader = Reader()
        self.members = members
        self.discovery = discovery
        self.opened = opened
        self.knock: bytes | None = None
        self.changes: list[Change] = []

    @property
    def history(self) -> Any:
        return self.reader.history

    def discovery_key(self) -> bytes:
        return self.discovery

    def is_open(self) -> bool:
        return self.opened

    def in_standing(self, device: bytes) -> bool:
        return device in self.members

    def my_knock(self) -> bytes | None:
        return self.knock

    def inviter_of(self, _device: bytes) -> bytes | None:
        return ADA

    def keys_digest(self) -> bytes:
        return bytes(8)

    def keys_for(self, device: bytes) -> bytes:
        return device

    def take(self, changes: list[Change]) -> Any:
        verdict = self.reader.take(changes)
        self.changes += [entry.change for entry in verdict.accepted]
        return verdict


class Side:
    """One session with its driver: stores at once, loads everything in one portion."""

    def __init__(self, me: bytes, peer: bytes, view: View, *, dialled: bool, claims: Claims | None = None) -> None:
        self.view = view
        self.session = Session(Ends(me, peer, dialled, me[:16]), {SPACE: view}, claims or Claims())
        self.sent: deque[bytes] = deque()
        self.seen: list[Any] = []
        self.carry_out(self.session.start())

    def carry_out(self, effects: list[e.Effect]) -> None:
        for effect in effects:
            self.seen.append(effect)
            self._do(effect)

    def _do(self, effect: e.Effect) -> None:
        session = self.session
        match effect:
            case e.Send(frame):
                self.sent.append(frame)
            case e.Deliver(space, data, request):
                changes = decode_batch(data, space).changes
                verdict = self.view.take(changes)
                last = {change.header.author: change.header.seq for change in changes}
                self.carry_out(session.stored(space, request, last, verdict.gaps))
            case e.Finish(space, request):
                self.carry_out(session.finished(space, request))
            case e.Load(_, request, ranges, ids):
                wanted = [(a, seq) for a, first, last in ranges for seq in range(first, last + 1)]
                places = [c for c in self.view.changes if (c.header.author, c.header.seq) in wanted or c.id in ids]
                self.carry_out(session.loaded(request, encode_batch(places) if places else None, done=True))
            case _:
                pass

    def told(self, kind: int) -> list[list[Any]]:
        """Return the fields of every message of a kind that was sent."""
        frames = [m.decode(effect.frame) for effect in self.seen if isinstance(effect, e.Send)]
        return [fields for number, fields in frames if number == kind]


def talk(one: Side, two: Side) -> int:
    """Carry frames to and fro until nobody says anything; returns their bytes."""
    size = 0
    while one.sent or two.sent:
        for sender, receiver in ((one, two), (two, one)):
            while sender.sent:
                frame = sender.sent.popleft()
                size += len(frame)
                receiver.carry_out(receiver.session.receive(frame))
    return size


def pair(ada: View, ben: View) -> tuple[Side, Side]:
    """Join Ada's and Ben's nodes."""
    return Side(ADA, BEN, ada, dialled=True), Side(BEN, ADA, ben, dialled=False)


def members() -> tuple[View, View]:
    """Return one space as two members see it."""
    return View({ADA, BEN}), View({ADA, BEN})


def filled(*names: str, each: int = 3) -> list[Change]:
    """Return changes of some authors."""
    return [author.write() for author in (Author(name, SPACE) for name in names) for _ in range(each)]


@pytest.mark.parametrize("small_space", [2, 64])
def test_two_nodes_that_meet_hold_the_same_and_both_know_it(monkeypatch: pytest.MonkeyPatch, small_space: int) -> None:
    monkeypatch.setattr(exchange, "SMALL_SPACE_LOGS", small_space)
    mine, theirs = members()
    mine.take(filled("Kim", "Ada"))
    theirs.take(filled("Ben", "Eve", "Lou", each=5))

    one, two = pair(mine, theirs)
    talk(one, two)

    assert mine.history.root() == theirs.history.root()
    assert mine.history.size == 21
    assert e.InSync(SPACE) in one.seen
    assert e.InSync(SPACE) in two.seen


def test_nothing_new_costs_no_more_than_200_bytes_after_hello() -> None:
    mine, theirs = members()
    changes = filled(*(f"author {index}" for index in range(100)), each=2)
    mine.take(changes)
    theirs.take(changes)
    one, two = pair(mine, theirs)
    talk(one, two)

    one.carry_out(one.session.look_again(SPACE))
    size = talk(one, two)

    assert size <= 200
    assert sum(len(frame.frame) for frame in one.seen if isinstance(frame, e.Send)) < 300


def test_who_does_not_know_the_space_learns_nothing_of_it() -> None:
    mine, theirs = View({ADA, BEN}), View({ADA, BEN}, discovery=b"x" * 32)
    mine.take(filled("Ada"))

    one, two = pair(mine, theirs)
    talk(one, two)

    assert one.session.is_stranger()
    assert two.session.is_stranger()
    assert [len(fields[0]) for fields in one.told(m.SPACES)] == [8]  # padded: how many there are cannot be told


def test_a_proof_of_knowing_a_space_is_good_for_one_session_and_one_direction() -> None:
    one, two = pair(*members())
    talk(one, two)
    again, _ = pair(*members())
    again.session.nonce = b"another nonce..."
    again.carry_out(again.session.receive(m.encode(m.HELLO, m.SYNC_VERSION, b"yet another one.")))

    macs, echoed = two.told(m.SPACES)[0][0], again.told(m.SPACES)[0][0]
    again.carry_out(again.session.receive(m.encode(m.SPACES, sorted([*macs, *echoed]))))

    assert again.session.is_stranger()


def test_a_stranger_with_the_discovery_key_is_told_nothing_that_is_held() -> None:
    mine, theirs = View({ADA}), View({ADA}, opened=False)
    mine.take(filled("Ada"))
    theirs.knock = b"a knock that proves nothing"

    one, two = pair(mine, theirs)
    talk(one, two)
    one.carry_out(one.session.new_changes(News(SPACE, {ADA: 9}, b"data", False)))
    for kind, fields in ((m.ASK, ()), (m.ROOT, (bytes(16),)), (m.BUCKETS, (bytes(8 * 256),))):
        one.carry_out(one.session.receive(m.encode(kind, 0, *fields)))
    one.carry_out(one.session.receive(m.encode(m.ENTRIES, 0, b"", [], True)))
    one.carry_out(one.session.receive(m.encode(m.WANT, 0, 1, [[ADA, 1, 3]])))

    said = {kind: one.told(kind) for kind in (m.OPEN, m.KEYS, m.ROOT, m.BUCKETS, m.ENTRIES, m.PUSH)}
    assert said == {kind: [] for kind in said}
    assert one.told(m.BATCH) == [[0, 1, b"", True]]
    assert one.told(m.GUEST) == [[0, ADA]]


def test_a_knock_at_a_node_that_waits_itself_is_kept_until_it_was_let_in() -> None:
    mine, theirs = View(set(), opened=False), View(set(), opened=False)
    mine.knock, theirs.knock = b"mine", b"theirs"
    one, two = pair(mine, theirs)
    talk(one, two)
    before = [effect for effect in one.seen if isinstance(effect, e.DeliverKnock)]

    mine.opened, mine.members = True, {ADA}
    one.carry_out(one.session.law_changed(SPACE))
    one.carry_out(one.session.law_changed(SPACE))

    assert before == []
    assert [each for each in one.seen if isinstance(each, e.DeliverKnock)] == [e.DeliverKnock(SPACE, b"theirs")]


def test_a_member_asks_a_newcomer_it_has_not_heard_of_in_a_large_space_too() -> None:
    changes = filled(*(f"author {index}" for index in range(100)), each=1)
    mine, theirs = View({ADA}), View({ADA, BEN})
    mine.take(changes)
    theirs.take([*changes, *filled("Ben")])

    one, two = pair(mine, theirs)
    talk(one, two)

    assert mine.history.root() == theirs.history.root()


def test_a_log_is_fetched_from_one_peer_at_a_time() -> None:
    claims, view = Claims(), View({ADA, BEN, EVE})
    links = [Side(ADA, peer, view, dialled=True, claims=claims) for peer in (BEN, EVE)]
    others = [Side(peer, ADA, View({ADA, BEN, EVE}), dialled=False) for peer in (BEN, EVE)]
    for other in others:
        other.view.take(filled("Kim"))
    for link, other in zip(links, others, strict=True):
        while not link.told(m.WANT) and (link.sent or other.sent):
            step(link, other)

    wants = [link.told(m.WANT) for link in links]
    freed = links[0].session.closed()
    links[1].carry_out(links[1].session.look_again(SPACE))
    talk(links[1], others[1])

    assert [len(want) for want in wants] == [1, 0]
    assert freed
    assert view.history.size == 3


def step(one: Side, two: Side) -> None:
    """Carry one frame each way."""
    for sender, receiver in ((one, two), (two, one)):
        if sender.sent:
            receiver.carry_out(receiver.session.receive(sender.sent.popleft()))


def test_what_was_pushed_out_of_turn_is_fetched() -> None:
    mine, theirs = members()
    one, two = pair(mine, theirs)
    talk(one, two)
    log = filled("Ada", each=4)
    mine.take(log)

    one.carry_out(one.session.new_changes(News(SPACE, {ADA: 4}, encode_batch(log[3:]), False)))
    talk(one, two)

    assert theirs.history.root() == mine.history.root()


def test_a_push_goes_to_a_peer_once_and_never_to_one_who_has_it() -> None:
    mine, theirs = members()
    one, two = pair(mine, theirs)
    talk(one, two)
    [change] = filled("Ada", each=1)
    mine.take([change])
    news = News(SPACE, {ADA: 1}, encode_batch([change]), False)

    for _ in range(3):
        one.carry_out(one.session.new_changes(news))
    talk(one, two)
    two.carry_out(two.session.new_changes(news))

    assert (len(one.told(m.PUSH)), two.told(m.PUSH)) == (1, [])
    assert two.told(m.HELD) == [[0, 1]]
    assert e.Reached(SPACE, 1) in one.seen


def test_all_requests_of_a_link_share_one_window_so_that_two_busy_ends_never_wait_for_each_other() -> None:
    one, _ = opened()
    loads = [
        effect
        for request in range(1, 11)
        for effect in one.session.receive(m.encode(m.WANT, 0, request, [[ADA, 1, 99]]))
        if isinstance(effect, e.Load)
    ]
    more = [effect for load in loads for effect in one.session.loaded(load.request, b"data", done=True)]
    stored = one.session.receive(m.encode(m.STORED, 0, 1))

    assert [load.request for load in loads] == [1, 2, 3]
    assert [effect for effect in more if isinstance(effect, e.Load)] == []
    assert [effect.request for effect in stored if isinstance(effect, e.Load)] == [4]


def test_more_heads_than_one_message_holds_go_in_several() -> None:
    mine, theirs = members()
    one, two = pair(mine, theirs)
    talk(one, two)
    for index in range(m.MAX_ENTRIES + 10):
        mine.history.add_log(Log(index.to_bytes(32, "big"), index, 1, bytes(32)))
    two.carry_out(two.session.receive(m.encode(m.ROOT, 0, bytes(16))))
    one.carry_out(one.session.receive(m.encode(m.ENTRIES, 0, b"", [], True)))

    sizes = [len(fields[2]) for fields in one.told(m.ENTRIES) if fields[2]]

    assert sizes == [m.MAX_ENTRIES, 10]


# Hostile peers


def opened() -> tuple[Side, Side]:
    """Return two sides of an open channel."""
    one, two = pair(*members())
    talk(one, two)
    return one, two


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\xc1",
        b"\x90",
        b"\x01",
        bytes(m.MAX_FRAME_BYTES + 1),
        b"\x91" * 100_000,
        b"\xdd\x00\x0f\x42\x40",
        m.encode(99),
        m.encode(-1),
        m.encode(True, 0),
        m.encode(m.HELLO, m.SYNC_VERSION, bytes(16)),  # a second time
        m.encode(m.SPACES, []),  # a second time
        m.encode(m.ROOT, 7, bytes(16)),
        m.encode(m.ROOT, 0, bytes(15)),
        m.encode(m.ROOT, 0),
        m.encode(m.OPEN, 0, bytes(16), bytes(8), -1),
        m.encode(m.BATCH, 0, 77, b"", True),  # what was not asked for
        m.encode(m.ENTRIES, 0, b"", [[ADA, 2**53, b"", False]], True),
        m.encode(m.ENTRIES, 0, b"", [[ADA, 1, b"", 0]], True),
        m.encode(m.WANT, 0, 1, [[ADA, 1]]),
        m.encode(m.WANT_IDS, 0, 1, [bytes(32)] * 1025),
        m.encode(m.BUCKETS, 0, bytes(8)),
        msgpack.packb({0: 1}),
    ],
)
def test_a_peer_that_breaks_the_protocol_is_dropped(frame: bytes) -> None:
    one, _ = opened()

    with pytest.raises(RemoteProtocolError):
        one.session.receive(frame)


def test_a_peer_that_does_not_say_hello_or_talks_another_version_is_dropped() -> None:
    fresh, _ = pair(*members())

    with pytest.raises(RemoteProtocolError):
        fresh.session.receive(m.encode(m.SPACES, []))
    with pytest.raises(RemoteProtocolError):
        fresh.session.receive(m.encode(m.HELLO, m.SYNC_VERSION + 1, bytes(16)))


def test_a_peer_that_wants_too_much_at_once_or_twice_is_dropped() -> None:
    one, _ = opened()
    one.session.receive(m.encode(m.WANT, 0, 1, [[ADA, 1, 5]]))

    with pytest.raises(RemoteProtocolError):
        one.session.receive(m.encode(m.WANT, 0, 1, [[ADA, 1, 5]]))
    for request in range(2, exchange.MAX_SERVING + 1):
        one.session.receive(m.encode(m.WANT, 0, request, [[ADA, 1, 5]]))
    with pytest.raises(RemoteProtocolError):
        one.session.receive(m.encode(m.WANT, 0, exchange.MAX_SERVING + 1, [[ADA, 1, 5]]))


def test_a_peer_that_does_not_answer_is_dropped_after_a_minute() -> None:
    one, _ = opened()
    one.session.tick(100.0)
    one.session.receive(m.encode(m.ENTRIES, 0, b"", [[EVE, 5, bytes(32), False]], False))
    one.session.tick(100.0 + REPLY_TIMEOUT_S)

    with pytest.raises(RemoteProtocolError):
        one.session.tick(101.0 + REPLY_TIMEOUT_S)


@given(st.lists(st.binary(max_size=60), max_size=4), st.integers(0, 17), st.data())
def test_garbage_gets_only_errors_of_our_own(frames: list[bytes], kind: int, data: st.DataObject) -> None:
    fields = data.draw(st.lists(st.integers(-1, 3) | st.binary(max_size=33) | st.booleans() | st.lists(st.none())))
    for frame in (*frames, m.encode(kind, *fields), m.encode(kind, 0, *fields)):
        one, _ = opened()
        try:
            one.session.receive(frame)
        except CommonsError:
            continue
