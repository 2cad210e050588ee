"""Deciding: ballots merge freely, and only a seal of k auditors over one identical set of them binds."""

from dataclasses import fields, replace
from typing import Any

import pytest
from council import (
    AFTER,
    DEADLINE,
    HOUR_MS,
    OPENED,
    VOTED,
    Council,
    converged,
    person,
    refusal,
)

from node.domain.law.decisions import CastBallot
from node.domain.law.records import Cut, Final, Outcome, RoleGrant


def test_what_most_members_want_becomes_law_once_enough_auditors_seal_it() -> None:
    council = Council()
    proposal, opening = council.propose([["rule", "vouchers", 5]])
    council.vote(opening, A="yes", B="yes", C="yes", D="no", E="abstain")

    council.settle(opening)

    folded = converged(council)
    final = council.final(proposal, folded)
    assert final is not None
    assert final.outcome is not None
    assert (final.outcome.winner, dict(final.outcome.tally)) == ("yes", {"yes": 3, "no": 1, "abstain": 1})
    assert folded.law.present().sealed.charter["vouchers"] == 5


def test_a_vote_that_one_auditor_alone_sealed_stays_open() -> None:
    council = Council()
    proposal, opening = council.propose()
    council.vote(opening, A="yes")
    council.sync()

    closings = council.close(opening, "A", "B")
    council.seal("A", opening, closings)

    converged(council)
    assert council.final(proposal) is None


def test_backdated_ballots_that_surface_after_the_seal_change_nothing() -> None:
    council = Council()
    proposal, opening = council.propose()
    council.vote(opening, A="yes", B="yes", C="no")
    council.sync("A", "B", "C")
    closings = council.close(opening, "A", "B")
    council.support("B", council.seal("A", opening, closings))
    before = council.final(proposal)

    council.vote(opening, VOTED, D="no", E="no", F="no")
    council.sync()

    converged(council)
    assert before is not None
    assert council.final(proposal) == before


def test_the_last_ballot_of_a_voters_own_log_counts_once() -> None:
    council = Council()
    proposal, opening = council.propose()
    council.vote(opening, A="no")
    council.vote(opening, A="yes")

    council.settle(opening)

    final = council.final(proposal, converged(council))
    assert final is not None
    assert final.outcome is not None
    assert dict(final.outcome.tally) == {"yes": 1, "no": 0, "abstain": 0}


def test_ballots_of_a_voter_who_forked_their_log_count_neither_way() -> None:
    council = Council()
    proposal, opening = council.propose()
    head = council.heads.get("D")
    council.vote(opening, D="yes", E="yes")
    council.sync("D", "A")
    council.say("D", CastBallot(opening, "no"), VOTED, after=head, deps=[opening])
    council.sync("D", "B")

    council.settle(opening)

    folded = converged(council)
    final = council.final(proposal, folded)
    assert final is not None
    assert final.outcome is not None
    assert dict(final.outcome.tally)["yes"] == 1
    assert folded.law.present().fork_of(council.member("D").device) is not None


def test_a_fork_after_the_seal_changes_nothing() -> None:
    council = Council()
    proposal, opening = council.propose()
    head = council.heads.get("D")
    council.vote(opening, D="yes", E="yes")
    council.settle(opening)
    before = council.final(proposal)

    council.say("D", CastBallot(opening, "no"), VOTED, after=head, deps=[opening])
    council.sync()

    converged(council)
    assert council.final(proposal) == before


def test_a_seal_that_leaves_out_a_ballot_of_its_own_past_is_refused() -> None:
    council = Council()
    proposal, opening = council.propose()
    council.vote(opening, A="yes", D="no")
    council.sync()
    closings = council.close(opening, "A", "B")

    bad = council.seal("A", opening, closings, root=bytes(32))
    council.support("B", bad)
    council.sync()

    assert "leaves out ballots" in refusal(council, bad)
    assert council.final(proposal) is None


def test_a_seal_or_a_closing_before_the_end_is_refused() -> None:
    council = Council()
    proposal, opening = council.propose()
    council.vote(opening, A="yes")
    council.sync()

    early = council.close(opening, "C", time=DEADLINE)
    closings = council.close(opening, "B", "C", time=AFTER)
    seal = council.seal("A", opening, closings, time=DEADLINE + HOUR_MS - 1)

    assert "not over yet" in refusal(council, early[0])
    assert "not over yet" in refusal(council, seal)
    assert council.final(proposal) is None


def test_late_ballots_that_reached_only_some_auditors_come_together_in_the_closings() -> None:
    council = Council()
    proposal, opening = council.propose()
    council.vote(opening, A="yes", B="yes", C="no")
    council.sync()
    council.vote(opening, D="no")
    council.sync("D", "A")
    council.vote(opening, E="no")
    council.sync("E", "B")

    closings = council.close(opening, "A", "B")
    seal = council.seal("A", opening, closings)
    council.support("B", seal)

    final = council.final(proposal, converged(council))
    assert final is not None
    assert final.outcome is not None
    assert dict(final.outcome.tally) == {"yes": 2, "no": 3, "abstain": 0}


def test_a_ballot_with_a_closing_in_its_past_does_not_count() -> None:
    council = Council()
    _, opening = council.propose()
    council.close(opening, "A")
    council.sync()

    late = council.say("D", CastBallot(opening, "no"), VOTED)

    assert "closed" in refusal(council, late)


def test_only_those_who_belonged_when_a_vote_was_opened_vote() -> None:
    council = Council()
    proposal, opening = council.propose()
    council.join("Z", time=OPENED + 1)
    council.sync("Z", *council.names)

    late = council.say("Z", CastBallot(opening, "no"), VOTED)
    council.vote(opening, A="yes")
    council.settle(opening)

    assert "after this vote was opened" in refusal(council, late)
    assert person(council, "Z") in council.fold().law.members()
    final = council.final(proposal)
    assert final is not None
    assert final.outcome is not None
    assert final.outcome.electorate == 6


def test_a_strangers_ballot_is_refused() -> None:
    council = Council()
    _, opening = council.propose()
    council.sync("X", *council.names)

    assert "only members" in refusal(council, council.say("X", CastBallot(opening, "no"), VOTED))


@pytest.mark.parametrize(("minutes", "counts"), [(-1, True), (0, True), (1, False)])
def test_a_ballot_counts_up_to_the_deadline(minutes: int, counts: bool) -> None:
    council = Council()
    _, opening = council.propose()

    ballot = council.say("D", CastBallot(opening, "yes"), DEADLINE + minutes)

    assert (refusal(council, ballot) == "") is counts


def test_an_auditors_second_device_does_not_seal() -> None:
    council = Council()
    _, opening = council.propose()
    council.sync()
    other = council.member("A")
    council.people["A2"] = type(other)("A", 1)
    council.views["A2"] = set(council.views["A"])

    closing = council.close(opening, "A2")

    assert "only the auditors' own devices" in refusal(council, closing[0])


def test_what_is_sealed_is_not_sealed_again() -> None:
    council = Council()
    _, opening = council.propose()
    council.vote(opening, A="yes")
    council.settle(opening)

    again = council.seal("C", opening, council.close(opening, "A", "C"))

    assert "sealed already" in refusal(council, again)


def test_a_seal_of_a_program_that_reads_the_law_otherwise_is_refused() -> None:
    council = Council()
    _, opening = council.propose()
    council.sync()

    seal = council.seal("A", opening, council.close(opening, "A", "B"), state=bytes(32))

    assert "otherwise" in refusal(council, seal)


def test_the_digest_that_a_seal_signs_tells_every_part_of_the_law_apart() -> None:
    state = Council().fold().law.present().sealed
    who, change = bytes(32), b"p" * 32
    final = Final(Outcome("yes", (), 1), change, 0)
    others: list[dict[str, Any]] = [
        {"charter": state.charter.amended({"vouchers": 7})},
        {"auditors": {who: who}},
        {"k": 3},
        {"epoch": 9},
        {"version": 2},
        {"removed": frozenset({who})},
        {"cuts": {who: (Cut(change, change, 1),)}},
        {"cuts": {who: (Cut(change, who, 1),)}},
        {"roles": (RoleGrant(who, "steward", "", 0, 1, change),)},
        {"admitted": frozenset({who})},
        {"resumed": {who: 1}},
        {"finals": {change: final}},
    ]

    digests = {replace(state, **other).digest() for other in others}

    assert len(digests | {state.digest()}) == len(others) + 1
    follows = {"key", "last"}  # from what else is in it
    assert {name for other in others for name in other} | follows == {field.name for field in fields(state)}
    assert replace(state, cuts={who: (Cut(change, change, 2),)}).digest() in digests  # bits are numbered by each node
