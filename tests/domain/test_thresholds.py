"""Quorums, thresholds, amendments, and law of the future."""

import pytest
from authors import NOW_MS
from council import (
    AFTER,
    DAY_MS,
    DEADLINE,
    HOUR_MS,
    VOTED,
    Council,
    converged,
    refusal,
)

from node.domain.law.decisions import CastBallot, SealVote
from node.domain.law.membership import (
    VouchFor,
)


@pytest.mark.parametrize(("votes", "winner"), [(2, "no quorum"), (3, "yes"), (4, "yes")])
def test_the_quorum_is_a_share_of_those_who_may_vote(votes: int, winner: str) -> None:
    council = Council(rules=[["grace_hours", 1], ["quorum", [0, 1]], ["voting_days", 1]])
    council.pass_it([["rule", "quorum", [1, 2]]])
    proposal, opening = council.propose(time=NOW_MS + 9 * DAY_MS, deadline=NOW_MS + 11 * DAY_MS)

    council.vote(opening, NOW_MS + 10 * DAY_MS, **dict.fromkeys(council.names[:votes], "yes"))
    council.settle(opening, time=NOW_MS + 13 * DAY_MS)

    final = council.final(proposal, converged(council))
    assert final is not None
    assert final.outcome is not None
    assert final.outcome.winner == winner


@pytest.mark.parametrize(("yes", "winner"), [(3, "no"), (4, "no"), (5, "yes")])
def test_a_grave_decision_needs_more_than_its_share_of_yes(yes: int, winner: str) -> None:
    council = Council(rules=[["grace_hours", 1], ["quorum", [0, 1]], ["voting_days", 1]])
    proposal, opening = council.propose([["rule", "vouchers", 3]])

    council.vote(opening, **dict.fromkeys(council.names[:yes], "yes"), **dict.fromkeys(council.names[yes:], "no"))
    council.settle(opening)

    final = council.final(proposal, converged(council))
    assert final is not None
    assert final.outcome is not None
    assert final.outcome.winner == winner


@pytest.mark.parametrize(
    ("votes", "winner"), [("", "no"), ("-", "no"), ("y", "yes"), ("y-", "yes"), ("yn", "no"), ("yyyyyn", "no")]
)
def test_where_the_threshold_is_all_one_no_stands_against_it(votes: str, winner: str) -> None:
    council = Council(rules=[["grace_hours", 1], ["quorum", [0, 1]], ["threshold", [1, 1]], ["voting_days", 1]])
    proposal, opening = council.propose()

    for name, said in zip(council.names, votes, strict=False):
        council.vote(opening, **{name: {"y": "yes", "n": "no", "-": "abstain"}[said]})
    council.settle(opening)

    final = council.final(proposal, converged(council))
    assert final is not None
    assert final.outcome is not None
    assert final.outcome.winner == winner


@pytest.mark.parametrize(("votes", "winner"), [("", "no"), ("n", "no"), ("ynnnnn", "yes")])
def test_where_the_threshold_is_nothing_one_yes_is_enough(votes: str, winner: str) -> None:
    council = Council(rules=[["grace_hours", 1], ["quorum", [0, 1]], ["threshold", [0, 1]], ["voting_days", 1]])
    proposal, opening = council.propose()

    for name, said in zip(council.names, votes, strict=False):
        council.vote(opening, **{name: {"y": "yes", "n": "no"}[said]})
    council.settle(opening)

    final = council.final(proposal)
    assert final is not None
    assert final.outcome is not None
    assert final.outcome.winner == winner


def test_of_two_amendments_of_one_rule_in_a_partition_the_later_deadlines_holds() -> None:
    council = Council()
    early, first = council.propose([["rule", "vouchers", 3]], deadline=DEADLINE)
    late, second = council.propose([["rule", "vouchers", 5]], by="C", opener="C", deadline=DEADLINE + 50)
    for opening in (first, second):
        council.vote(opening, A="yes", B="yes", C="yes", D="yes")
    council.sync()
    sealed_late = council.seal("C", second, council.close(second, "B", "C"))
    sealed_early = council.seal("A", first, council.close(first, "A", "B"), AFTER + HOUR_MS)
    council.support("B", sealed_early, AFTER + HOUR_MS)
    council.support("B", sealed_late, AFTER + HOUR_MS)
    council.sync()

    folded = converged(council)

    assert council.final(early) is not None
    assert council.final(late) is not None
    assert folded.law.present().sealed.charter["vouchers"] == 5


def test_law_of_the_future_is_refused_and_only_a_seal_that_raises_the_version_halts_law() -> None:
    council = Council()
    council.pass_it([["law", 2]])

    after = council.say("A", VouchFor(bytes(32)), AFTER)

    assert "newer version" in refusal(council, after)


def test_a_ballot_of_a_vote_that_nobody_opened_is_refused() -> None:
    council = Council()

    assert "not open" in refusal(council, council.say("B", CastBallot(bytes(32), "yes"), VOTED))


def test_seals_name_their_closings_in_order() -> None:
    with pytest.raises(Exception, match="order"):
        SealVote(bytes(32), [b"b" * 32, b"a" * 32], bytes(32), bytes(32), b"").check()
