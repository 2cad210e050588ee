"""Seals that meet: one auditor supports one result, seals of the same result join, and a forker is named."""

from council import AFTER, Council, converged, person, refusal


def test_a_second_support_in_one_log_does_not_count_and_the_first_seal_stays() -> None:
    council = Council()
    proposal, opening = council.propose()
    council.vote(opening, A="yes")
    council.sync("A", "B")
    closings = council.close(opening, "A", "B")
    first = council.seal("A", opening, closings)
    council.support("B", first)
    council.vote(opening, C="no", D="no")
    council.sync("C", "D")
    second = council.seal("C", opening, [*council.close(opening, "C"), closings[1]])

    again = council.support("B", second)

    assert "another result" in refusal(council, again)
    final = council.final(proposal)
    assert final is not None
    assert final.seal == first


def test_seals_of_the_same_result_that_crossed_meet_in_one() -> None:
    council = Council()
    proposal, opening = council.propose()
    council.vote(opening, A="yes", B="yes", C="no")
    council.sync()
    closings = council.close(opening, "A", "B")
    ours, theirs = council.seal("A", opening, closings), council.seal("B", opening, closings)
    alone = council.final(proposal, converged(council))

    again = council.support("B", ours)

    final = council.final(proposal, converged(council))
    assert alone is None
    assert refusal(council, again) == ""
    assert final is not None
    assert (final.seal, final.outcome is not None, ours != theirs) == (ours, True, True)


def two_seals(council: Council) -> tuple[bytes, bytes, bytes]:
    """Let B fork its log to support two seals with different outcomes; returns the proposal and both."""
    proposal, opening = council.propose()
    council.vote(opening, A="yes")
    council.sync("A", "B")
    before = council.heads["B"]
    ours = council.close(opening, "A", "B")
    first = council.seal("A", opening, ours)
    council.support("B", first)
    council.vote(opening, C="no", D="no")
    council.sync("C", "D")
    forked = council.say("B", type(council.all[ours[1]].command)(opening), AFTER, after=before, deps=[opening])
    theirs = [*council.close(opening, "C"), forked]
    second = council.seal("C", opening, theirs)
    council.say("B", type(council.all[council.heads["B"]].command)(second), AFTER, after=forked, deps=[second])
    council.sync()
    return proposal, first, second


def test_two_complete_seals_through_a_forked_log_are_contested_and_the_forker_is_named() -> None:
    council = Council()
    proposal, _, _ = two_seals(council)

    final = council.final(proposal, converged(council))

    assert final is not None
    assert final.outcome is None
    assert final.forkers == {person(council, "B")}
