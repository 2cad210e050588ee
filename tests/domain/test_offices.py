"""Roles, pauses, devices and leaving, whatever the order in which they are heard."""

from authors import NOW_MS
from council import (
    DAY_MS,
    DEADLINE,
    EARLY,
    HOUR_MS,
    LATER,
    OPENED,
    VOTED,
    Council,
    converged,
    members,
    person,
    refusal,
    removed,
)

from node.domain.law.ballots import cast
from node.domain.law.decisions import Propose
from node.domain.law.membership import EnterDevice, HandKeys, LeaveSpace, RevokeDevice, SuspendMember


def test_a_role_is_given_for_a_scope_and_a_term_and_ends_by_itself() -> None:
    council = Council()
    until = NOW_MS + 100 * DAY_MS
    council.pass_it([["role", person(council, "D"), "treasurer", "kitchen", until]])

    view = converged(council).law.present()

    given = NOW_MS + 2 * DAY_MS
    held = [view.has_role(person(council, "D"), "treasurer", at) for at in (given - 1, given, until, until + 1)]
    assert held == [False, True, True, False]


def test_a_role_longer_than_the_rules_say_is_refused() -> None:
    council = Council()
    effects = [["role", person(council, "D"), "treasurer", "", DEADLINE + 366 * DAY_MS]]

    asked = council.say("A", Propose(effects, DEADLINE, HOUR_MS, b""), NOW_MS)

    assert "term" in refusal(council, asked)


def test_a_role_can_be_ended_before_its_term() -> None:
    council = Council()
    council.pass_it([["role", person(council, "D"), "treasurer", "", NOW_MS + 100 * DAY_MS]])
    council.pass_it([["unrole", person(council, "D"), "treasurer"]], LATER)

    view = converged(council).law.present()

    assert view.has_role(person(council, "D"), "treasurer", LATER)
    assert not view.has_role(person(council, "D"), "treasurer", LATER + 3 * DAY_MS)


def test_enough_moderators_pause_somebodys_posting_for_the_days_of_the_rules() -> None:
    council = Council()
    council.pass_it([["role", person(council, name), "moderator", "", NOW_MS + 99 * DAY_MS] for name in "BC"])
    council.say("B", SuspendMember(person(council, "F")), LATER)
    alone = converged(council).law.present().suspended_until(person(council, "F"), LATER)
    council.say("C", SuspendMember(person(council, "F")), LATER + HOUR_MS)

    view = converged(council).law.present()

    until = view.suspended_until(person(council, "F"), LATER + 2 * HOUR_MS)
    assert alone is None
    assert until == LATER + HOUR_MS + 7 * DAY_MS
    assert view.suspended_until(person(council, "F"), until) is None
    assert view.is_member(person(council, "F"))


def test_who_is_no_moderator_pauses_nobody() -> None:
    council = Council()

    assert "moderators" in refusal(council, council.say("D", SuspendMember(person(council, "F")), NOW_MS))


def test_one_leaves_at_once_and_comes_back_by_being_let_in_again() -> None:
    council = Council()
    council.say("F", LeaveSpace(), NOW_MS)
    council.sync()
    gone = members(council)
    again = type(council.member("F"))("F", 1)
    council.people["F2"] = again
    council.join("F2", by="A", time=LATER)

    assert gone == "ABCDE"
    assert person(council, "F") in converged(council).law.members()


def test_what_a_member_says_after_leaving_has_no_effect() -> None:
    council = Council()
    council.say("F", LeaveSpace(), NOW_MS)

    assert "only members" in refusal(council, council.say("F", HandKeys([]), LATER))


def with_second_device(council: Council, name: str = "F") -> str:
    """Let somebody enter with a second device."""
    second = f"{name}2"
    council.people[second] = type(council.member(name))(name, 1)
    council.views[second] = set(council.views[name])
    council.say(second, EnterDevice(council.member(second).certificate), NOW_MS)
    council.sync(name, second)
    return second


def test_a_revoked_device_keeps_what_its_person_saw_and_nothing_more() -> None:
    council = Council()
    phone = with_second_device(council)
    _, opening = council.propose()
    council.views[phone] |= council.views["F"]
    stale = set(council.views[phone])
    council.say("F", RevokeDevice(council.member(phone).device, 1), OPENED)
    council.views[phone] = stale
    council.vote(opening, VOTED, **{phone: "no"})
    council.sync(phone, *council.names)

    folded = converged(council)

    assert folded.law.person_of(council.member(phone).device) is None
    assert folded.law.person_of(council.member("F").device) == person(council, "F")
    ballots = cast(folded.law.openings[opening], folded.law)
    assert not any(folded.law.present().counts(ballot.act) for ballot in ballots)


def test_nobody_revokes_anothers_device() -> None:
    council = Council()

    revocation = council.say("E", RevokeDevice(council.member("F").device, 1), NOW_MS)

    assert "own person" in refusal(council, revocation)


def test_two_ballots_of_two_devices_unaware_of_each_other_count_neither_way() -> None:
    council = Council()
    phone = with_second_device(council)
    council.sync(phone, *council.names)
    proposal, opening = council.propose()
    council.views[phone] |= council.views["F"]
    council.vote(opening, VOTED, **{"F": "yes", phone: "no", "A": "yes"})
    council.sync(phone, *council.names)

    council.settle(opening)

    final = council.final(proposal, converged(council))
    assert final is not None
    assert final.outcome is not None
    assert dict(final.outcome.tally) == {"yes": 1, "no": 0, "abstain": 0}


def test_a_revision_from_another_device_counts_when_it_knows_of_the_first() -> None:
    council = Council()
    phone = with_second_device(council)
    council.sync(phone, *council.names)
    proposal, opening = council.propose()
    council.vote(opening, VOTED, F="yes", A="yes")
    council.views[phone] |= council.views["F"]
    council.vote(opening, VOTED + 1, **{phone: "no"})
    council.sync(phone, *council.names)

    council.settle(opening)

    final = council.final(proposal, converged(council))
    assert final is not None
    assert final.outcome is not None
    assert dict(final.outcome.tally) == {"yes": 1, "no": 1, "abstain": 0}


def test_a_clock_behind_its_own_log_is_refused() -> None:
    council = Council()
    council.say("D", HandKeys([]), NOW_MS)

    assert "dated before" in refusal(council, council.say("D", HandKeys([]), EARLY))


def test_an_electorate_never_changes_by_anything_but_its_openings_past() -> None:
    council = Council()
    _, opening = council.propose()
    before = council.fold().law.openings[opening].electorate
    council.say("E", LeaveSpace(), VOTED)
    council.join("Z", time=VOTED)
    removed(council, time=LATER)

    folded = converged(council)

    assert folded.law.openings[opening].electorate == before
