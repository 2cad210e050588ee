"""Links that rest: what is new goes over others, and nothing is missed."""

from authors import Author
from two_sessions import SPACE, Side, opened, talk

from crdt import effects as e
from crdt import messages as m
from crdt.batch import encode_batch
from crdt.change import Change
from crdt.sync import News


def news_of(change: Change, *, law: bool = False) -> News:
    """Return a change as it is pushed."""
    return News(SPACE, {change.header.author: change.header.seq}, encode_batch([change]), law)


def resting() -> tuple[Side, Side]:
    """Return two sides that have agreed to let their link rest."""
    one, two = opened()
    one.carry_out(one.session.let_rest(SPACE))
    talk(one, two)
    two.carry_out(two.session.rest(SPACE, agreed=True))
    talk(one, two)
    return one, two


def write(side: Side, kim: Author) -> News:
    """Let a side store a new change."""
    change = kim.write()
    side.view.take([change])
    return news_of(change)


def test_a_resting_link_carries_no_posts_in_either_direction() -> None:
    one, two = resting()
    kim, lou = Author("Kim", SPACE), Author("Lou", SPACE)

    one.carry_out(one.session.new_changes(write(one, kim)))
    two.carry_out(two.session.new_changes(write(two, lou)))
    talk(one, two)

    assert (one.told(m.PUSH), two.told(m.PUSH)) == ([], [])


def test_what_a_peer_has_shown_is_not_pushed_back_to_it() -> None:
    one, _two = opened()
    kim = Author("Kim", SPACE)
    first, second = write(one, kim), write(one, kim)
    one.session.shown(SPACE, first.last_seqs)

    one.carry_out(one.session.new_changes(first))
    one.carry_out(one.session.new_changes(second))

    assert one.told(m.PUSH) == [[0, second.data]]


def test_a_resting_link_still_carries_law() -> None:
    one, two = resting()
    change = Author("Kim", SPACE).write()
    one.view.take([change])

    one.carry_out(one.session.new_changes(news_of(change, law=True)))
    talk(one, two)

    assert two.view.changes == [change]


def test_a_comparison_over_a_resting_link_finds_what_is_missing_and_wakes_it() -> None:
    one, two = resting()
    kim = Author("Kim", SPACE)
    one.carry_out(one.session.new_changes(write(one, kim)))

    one.carry_out(one.session.look_again(SPACE))
    talk(one, two)
    one.carry_out(one.session.new_changes(write(one, kim)))
    talk(one, two)

    assert one.view.history.root() == two.view.history.root()
    assert len(one.told(m.PUSH)) == 1
    assert two.told(m.WAKE) == [[0, False]]


def test_a_peer_that_needs_the_link_is_not_asked_again() -> None:
    one, two = opened()

    one.carry_out(one.session.let_rest(SPACE))
    talk(one, two)
    two.carry_out(two.session.rest(SPACE, agreed=False))
    talk(one, two)
    one.carry_out(one.session.let_rest(SPACE))
    talk(one, two)

    assert e.Rest(SPACE) in two.seen
    assert len(one.told(m.REST)) == 1
    assert not one.session.channels[SPACE].resting


def test_two_wishes_to_rest_that_cross_need_no_answer() -> None:
    one, two = opened()

    one.carry_out(one.session.let_rest(SPACE))
    two.carry_out(two.session.let_rest(SPACE))
    talk(one, two)

    assert e.Rest(SPACE) not in [*one.seen, *two.seen]
    assert [side.session.channels[SPACE].resting for side in (one, two)] == [True, True]


def test_either_side_wakes_a_resting_link() -> None:
    one, two = resting()

    two.carry_out(two.session.wake(SPACE))
    talk(one, two)

    assert [side.session.channels[SPACE].resting for side in (one, two)] == [False, False]
