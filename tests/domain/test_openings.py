"""Openings: who may vote is what an opening's past shows, and who was left out of it has a word."""

import pytest
from authors import NOW_MS
from council import DAY_MS, DEADLINE, HOUR_MS, LATER, OPENED, VOTED, Council, converged, person, refusal, removed

from node.domain.law.decisions import CastBallot, ContestOpening, CosignOpening, OpenVote, Propose
from node.domain.law.openings import left_out
from node.domain.law.view import electorate_root


def test_an_opening_has_to_name_exactly_the_members_in_its_past() -> None:
    council = Council()
    proposal = council.say("A", Propose([["unrole", person(council, "A"), "steward"]], DEADLINE, HOUR_MS, b""), NOW_MS)

    wrong = council.say("A", OpenVote(proposal, electorate_root(frozenset())), OPENED)

    assert "other voters" in refusal(council, wrong)


def test_an_opening_by_a_member_holds_once_an_auditor_or_two_stewards_confirm_it() -> None:
    council = Council()
    proposal = council.propose(by="D", opener="D")[0]
    opening = next(iter(council.fold().law.proposals[proposal].openings))
    council.sync()
    bare = council.close(opening, "A", "B")

    council.say("C", CosignOpening(opening), OPENED)
    council.sync()
    confirmed = council.close(opening, "A", "B")

    refused = converged(council).refused
    assert all("does not hold" in refused[id_] for id_ in bare)
    assert not any(id_ in refused for id_ in confirmed)


def test_openings_for_the_same_voters_hold_them_once() -> None:
    council = Council()
    openings = [council.propose(by=name, opener=name)[1] for name in "DE"]

    law = converged(council).law
    one, other = (law.openings[id_] for id_ in openings)

    assert len(one.electorate) == 6
    assert one.electorate is other.electorate


def test_a_vote_under_way_is_not_opened_anew_with_an_earlier_date() -> None:
    council = Council()
    effects = [["resume", person(council, "A")]]
    proposal = council.say("D", Propose(effects, DEADLINE, HOUR_MS, b""), NOW_MS)
    council.sync()
    stale = set(council.views["E"])
    opening = council.open(proposal)
    council.vote(opening, A="yes", B="yes", C="yes")
    council.sync()

    again = council.open(proposal, "D", NOW_MS)
    council.views["E"] = stale
    unaware = council.open(proposal, "E", NOW_MS)
    confirmed = council.say("B", CosignOpening(unaware), VOTED)
    council.settle(opening)

    assert "open already" in refusal(council, again)
    assert "open already" in refusal(council, confirmed)
    final = council.final(proposal)
    assert final is not None
    assert final.outcome is not None
    assert dict(final.outcome.tally)["yes"] == 3


def test_a_stale_opening_that_leaves_a_member_out_is_contested_and_seals_nothing_until_a_new_one() -> None:
    council = Council()
    stale = set(council.views["C"])
    council.join("Z", time=NOW_MS + 1)
    council.sync("A", "Z")
    council.names.append("Z")
    council.views["C"] = stale
    proposal = council.say("C", Propose([["resume", person(council, "A")]], DEADLINE, HOUR_MS, b""), NOW_MS)
    voters = council.seen_by("C").law.present().electorate()
    opening = council.say("C", OpenVote(proposal, electorate_root(voters)), OPENED)
    council.sync()
    objection = council.say("Z", ContestOpening(opening), OPENED)
    council.sync()
    barred = council.close(opening, "B")

    again = council.open(proposal, "A")
    council.vote(again, A="yes", Z="no")
    council.settle(again, "AC")

    refused = converged(council).refused
    assert objection not in refused
    assert "does not hold" in refused[barred[0]]
    final = council.final(proposal)
    assert final is not None
    assert final.outcome is not None
    assert final.outcome.electorate == 7


def test_who_joined_later_cannot_hold_up_a_vote_by_objecting() -> None:
    council = Council()
    _, opening = council.propose()
    council.join("Z", time=OPENED + 1)
    council.sync("Z", *council.names)

    assert "after this vote" in refusal(council, council.say("Z", ContestOpening(opening), VOTED))


def opened_twice(council: Council) -> tuple[bytes, bytes, bytes]:
    """Let two auditors open one vote unaware of each other; returns the proposal and both openings."""
    proposal = council.say("A", Propose([["resume", person(council, "A")]], DEADLINE, HOUR_MS, b""), NOW_MS)
    council.sync()
    first = council.say("A", OpenVote(proposal, council.voters("A")), OPENED)
    return proposal, first, council.say("B", OpenVote(proposal, council.voters("B")), OPENED + 1)


def tally(council: Council, proposal: bytes) -> dict[str, int]:
    final = council.final(proposal, converged(council))
    assert final is not None
    assert final.outcome is not None
    return dict(final.outcome.tally)


def test_of_two_openings_at_once_one_holds_and_ballots_on_either_count() -> None:
    council = Council()
    proposal, first, second = opened_twice(council)
    council.sync("A", "C")
    council.sync("B", "D", "E")
    council.vote(first, C="no")
    council.vote(second, D="yes", E="yes")
    council.sync()

    council.settle(first)

    assert tally(council, proposal) == {"yes": 2, "no": 1, "abstain": 0}


def test_who_votes_by_two_openings_counts_once_with_what_they_said_last() -> None:
    council = Council()
    proposal, first, second = opened_twice(council)
    council.sync()
    council.vote(second, D="yes")
    council.vote(first, D="no")

    council.settle(first)

    assert tally(council, proposal) == {"yes": 0, "no": 1, "abstain": 0}


def test_a_ballot_on_another_opening_gives_nobody_a_vote_whom_the_one_that_holds_leaves_out() -> None:
    council = Council()
    proposal = council.say("A", Propose([["resume", person(council, "A")]], DEADLINE, HOUR_MS, b""), NOW_MS)
    council.sync()
    first = council.say("A", OpenVote(proposal, council.voters("A")), OPENED)
    council.join("Z", by="B", time=OPENED + 1)
    council.names.append("Z")
    second = council.say("B", OpenVote(proposal, council.voters("B")), OPENED + 2)
    council.sync("B", "Z", "C")
    council.vote(second, Z="no", C="yes")

    council.settle(first)

    law = converged(council).law
    assert person(council, "Z") in law.openings[second].electorate
    assert tally(council, proposal) == {"yes": 1, "no": 0, "abstain": 0}


def test_a_ballot_does_not_come_after_a_closing_by_way_of_another_opening() -> None:
    council = Council()
    _, first, second = opened_twice(council)
    council.sync()
    council.close(first, "A")
    council.sync()

    late = council.say("D", CastBallot(second, "no"), VOTED)

    assert "closed" in refusal(council, late)


def test_ballots_on_a_contested_opening_count_on_the_one_that_takes_its_place() -> None:
    council = Council()
    stale = set(council.views["C"])
    council.join("Z", time=NOW_MS + 1)
    council.names.append("Z")
    council.views["C"] = stale
    proposal = council.say("C", Propose([["resume", person(council, "A")]], DEADLINE, HOUR_MS, b""), NOW_MS)
    opening = council.say("C", OpenVote(proposal, council.voters("C")), OPENED)
    council.sync()
    council.vote(opening, D="yes", E="no")
    council.say("Z", ContestOpening(opening), OPENED)
    council.sync()

    again = council.open(proposal, "A")
    council.vote(again, Z="no")
    council.settle(again, "AC")

    assert tally(council, proposal) == {"yes": 1, "no": 2, "abstain": 0}


def opened_unaware(council: Council, opened: int, came: int) -> bytes:
    """Let C open a vote at a time it claims, and Z come in by A, neither knowing of the other; returns the opening."""
    stale = set(council.views["C"])
    council.join("Z", time=came)
    council.names.append("Z")
    council.views["C"] = stale
    proposal = council.say("C", Propose([["resume", person(council, "A")]], DEADLINE, HOUR_MS, b""), NOW_MS)
    return council.say("C", OpenVote(proposal, council.voters("C")), opened)


def test_who_dates_an_opening_back_silences_nobody_whom_it_leaves_out() -> None:
    council = Council()
    opening = opened_unaware(council, NOW_MS, came=NOW_MS + HOUR_MS)
    council.sync()

    objection = council.say("Z", ContestOpening(opening), OPENED)
    council.sync()
    (barred,) = council.close(opening, "B")

    assert refusal(council, objection) == ""
    assert "does not hold" in refusal(council, barred)


def test_whose_coming_rests_on_an_opening_came_later_whatever_date_they_claim() -> None:
    council = Council()
    _, opening = council.propose(by="C", opener="C")
    council.join("Z", by="D", time=NOW_MS - DAY_MS)
    council.sync("Z", *council.names)

    objection = council.say("Z", ContestOpening(opening), VOTED)

    assert "after this vote" in refusal(council, objection)


@pytest.mark.parametrize(("voted", "missing"), [(None, True), (1, True), (0, True), (-1, False)])
def test_who_came_in_after_others_spoke_of_an_opening_is_left_out_by_nobody(voted: int | None, missing: bool) -> None:
    council = Council()
    came = OPENED + HOUR_MS
    opening = opened_unaware(council, OPENED, came)
    council.sync("C", "D")
    if voted is not None:
        council.vote(opening, came + voted, D="yes")
    council.vote(opening, NOW_MS, C="yes")
    council.sync()

    law = converged(council).law

    assert left_out(law.openings[opening], law.present()) == ({person(council, "Z")} if missing else set())


def test_who_was_let_in_again_unaware_of_an_opening_may_object() -> None:
    council = Council()
    removed(council)
    council.sync("F", *council.names)
    council.names.append("F")
    proposal = council.say(
        "C", Propose([["resume", person(council, "A")]], LATER + DAY_MS, HOUR_MS, b""), OPENED + DAY_MS
    )
    before = set(council.views["C"])
    council.pass_it([["readmit", person(council, "F")]], LATER - 9 * DAY_MS)
    council.views["C"] = before
    opening = council.say("C", OpenVote(proposal, council.voters("C")), LATER)
    _, later = council.propose(time=LATER, deadline=LATER + 9 * DAY_MS)
    council.sync()

    first, second = (council.say("F", ContestOpening(id_), LATER + 1) for id_ in (opening, later))

    assert refusal(council, first) == ""
    assert "you can vote here" in refusal(council, second)
