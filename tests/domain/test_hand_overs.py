"""Handing over to new auditors: the old ones are barred, and what they completed stands."""

import pytest
from council import (
    DAY_MS,
    HOUR_MS,
    LATER,
    Council,
    converged,
    person,
    refusal,
)


def handing_over(council: Council, auditors: str = "DEF") -> list[list[object]]:
    return [["auditors", sorted([person(council, n), council.member(n).device] for n in auditors), 2]]


def test_after_a_hand_over_only_the_new_auditors_seal() -> None:
    council = Council()
    council.pass_it(handing_over(council))
    proposal, opening = council.propose(by="D", opener="D", time=LATER, deadline=LATER + 3 * DAY_MS)
    end = LATER + 5 * DAY_MS
    council.vote(opening, LATER + HOUR_MS, D="yes")
    council.sync()

    barred = council.close(opening, "A", time=end)
    council.settle(opening, "DE", time=end)

    assert "only the auditors" in refusal(council, barred[0])
    final = council.final(proposal)
    assert final is not None
    assert final.epoch == 2


def test_who_supported_a_hand_over_is_barred_from_the_old_auditors_seals() -> None:
    council = Council()
    _, over = council.propose(handing_over(council))
    other, opening = council.propose(by="C", opener="C")
    council.vote(over, A="yes", B="yes", C="yes", D="yes")
    council.vote(opening, A="yes")
    council.sync()
    closings = council.close(opening, "A", "C")
    council.seal("A", over, council.close(over, "A", "B"))

    late = council.seal("A", opening, closings)
    council.support("C", late)

    assert "handed over" in refusal(council, late)
    assert council.final(other) is None


@pytest.mark.parametrize("upholds", [True, False])
def test_new_auditors_have_to_uphold_an_older_candidate_in_their_past(upholds: bool) -> None:
    council = Council()
    _, over = council.propose(handing_over(council))
    other, opening = council.propose(by="C", opener="C")
    council.vote(over, A="yes", B="yes", C="yes", D="yes")
    council.vote(opening, A="yes")
    council.sync()
    closings = council.close(opening, "A", "C")
    candidate = council.seal("A", opening, closings)
    council.support("B", council.seal("A", over, council.close(over, "A", "B")))
    council.support("C", candidate)
    before = council.final(other)
    council.sync("A", "B", "D", "E")

    new = council.close(opening, "D", "E")
    seal = council.seal("D", opening, new, **({"adopts": candidate} if upholds else {}))
    council.support("E", seal)
    council.sync()

    assert before is not None
    after = council.final(other, converged(council))
    assert after is not None
    assert after.outcome == before.outcome
    assert ("upheld" in refusal(council, seal)) is not upholds
