"""What sync sessions say, and to whom."""

import pytest
from two_sessions import ADA, BEN, EVE, SPACE, Side, View, filled, members, opened, pair, talk

from crdt import effects as e
from crdt import exchange
from crdt import messages as m
from crdt.batch import encode_batch
from crdt.exchange import Claims
from crdt.history import Log
from crdt.sync import News


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
    assert one.told(m.GUEST) == [[0, ADA, b"a word"]]


def test_who_waits_is_told_how_far_it_is_whenever_that_changes_and_only_then() -> None:
    mine, theirs = View({ADA}), View(set(), opened=False)
    theirs.knock = b"a knock"
    one, two = pair(mine, theirs)
    talk(one, two)
    one.carry_out(one.session.law_changed(SPACE))
    mine.word = b"one more vouched"
    one.carry_out(one.session.law_changed(SPACE))
    mine.word = b""
    one.carry_out(one.session.law_changed(SPACE))
    talk(one, two)

    told = [effect.word for effect in two.seen if isinstance(effect, e.Waiting)]
    assert told == [b"a word", b"one more vouched"]


def test_a_peer_that_knocks_again_and_again_makes_nobody_look_again() -> None:
    mine, theirs = View({ADA}), View(set(), opened=False)
    theirs.knock = b"a knock"
    one, two = pair(mine, theirs)
    talk(one, two)
    before = len(one.seen)

    for number in range(50):
        one.carry_out(one.session.receive(m.encode(m.KNOCK, 0, b"another %d" % number)))

    assert len(one.seen) == before


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


def test_an_admission_that_is_pushed_after_both_were_level_reaches_the_newcomer() -> None:
    mine, theirs = View({ADA}), View(set(), opened=False)
    theirs.knock = b"a knock"
    one, two = pair(mine, theirs)
    talk(one, two)
    mine.members.add(BEN)
    one.carry_out(one.session.law_changed(SPACE))  # the law lets them in before the admission is stored
    talk(one, two)

    admission = filled("Ada", each=1)
    mine.take(admission)
    one.carry_out(one.session.new_changes(News(SPACE, {admission[0].header.author: 1}, encode_batch(admission), False)))
    talk(one, two)

    assert theirs.history.root() == mine.history.root()


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


def test_a_stranger_who_sends_nothing_keeps_no_log_from_being_fetched_from_a_member() -> None:
    claims, view = Claims(), View({ADA, BEN})
    stranger = Side(ADA, EVE, view, dialled=True, claims=claims)
    eve = Side(EVE, ADA, View({ADA, BEN, EVE}), dialled=False)
    member = Side(ADA, BEN, view, dialled=True, claims=claims)
    ben = Side(BEN, ADA, View({ADA, BEN}), dialled=False)
    posts = filled("Kim")
    ben.view.take(posts)
    talk(stranger, eve)
    kim = posts[0].header.author
    stranger.carry_out(stranger.session.receive(m.encode(m.ENTRIES, 0, b"", [[kim, 9, b"", False]], False)))

    talk(member, ben)

    assert [len(side.told(m.WANT)) for side in (stranger, member)] == [1, 1]
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


def test_what_lies_before_the_end_of_a_cut_log_is_fetched_though_there_is_no_proof_to_show() -> None:
    mine, theirs = members()
    changes = filled("Kim", each=5)
    mine.take(changes[:2])
    theirs.take(changes)
    theirs.history.logs[changes[0].header.author].forked = 6  # a removal cut it there: what comes later is void
    theirs.history.touch(theirs.history.logs[changes[0].header.author])

    talk(*pair(mine, theirs))

    assert mine.history.logs[changes[0].header.author].seq == 5


def test_who_cannot_read_some_law_that_both_hold_asks_each_peer_once_for_its_keys() -> None:
    ada, ben = members()
    one, two = pair(ada, ben)
    talk(one, two)
    ben.missed = {bytes(8).replace(bytes(1), b"x")}
    before = len(one.told(m.KEYS))

    for change in filled("Ada", each=3):
        ada.take([change])
        one.carry_out(one.session.look_again(SPACE))
        talk(one, two)

    assert before == 0
    assert len(one.told(m.KEYS)) == 1
