"""When the auditors are gone: after the long pause more than half of all members hand over, and nothing flips by it."""

import random
from typing import Any

import pytest
from council import (
    AFTER,
    DAY_MS,
    DEADLINE,
    HOUR_MS,
    LATER,
    Council,
    amount,
    converged,
    fold_all,
    person,
    refusal,
)

from node.domain.law.decisions import OpenVote, Propose
from node.domain.law.sealed import decide
from node.domain.law.view import electorate_root

PAUSE_DAYS = 60
OVER = DEADLINE + HOUR_MS + PAUSE_DAYS * DAY_MS
SEEDS = (*range(10), 63, 78)  # the last two come to contested results


def handing_over(council: Council, auditors: str = "DEF") -> list[list[Any]]:
    return [["auditors", sorted([person(council, n), council.member(n).device] for n in auditors), 2]]


def asked(council: Council, auditors: str = "DEF") -> tuple[bytes, bytes]:
    """Put new auditors to the vote; a steward's opening that no auditor confirms is enough here."""
    return council.propose(handing_over(council, auditors), by="D", opener="D")


def auditing(council: Council) -> str:
    auditors = converged(council).law.present().sealed.auditors
    return "".join(sorted(name for name in council.names if person(council, name) in auditors))


def test_after_the_pause_more_than_half_hand_over_without_auditors() -> None:
    council = Council()
    proposal, opening = asked(council)

    council.take_over(opening, *"CDEF", time=OVER)
    council.sync()

    final = council.final(proposal)
    assert final is not None
    assert final.outcome is not None
    assert (final.outcome.winner, auditing(council)) == ("yes", "DEF")
    assert council.fold().law.present().sealed.epoch == 2


@pytest.mark.parametrize(("names", "new"), [("DE", "ABC"), ("DEF", "ABC"), ("CDEF", "DEF")])
def test_half_of_all_are_not_enough_and_one_more_is(names: str, new: str) -> None:
    council = Council()
    _, opening = asked(council)

    council.take_over(opening, *names, time=OVER)
    council.sync()

    assert auditing(council) == new


@pytest.mark.parametrize(("early_ms", "words"), [(1, "auditors may still seal this vote"), (0, ""), (-1, "")])
def test_the_pause_is_kept_to_the_millisecond(early_ms: int, words: str) -> None:
    council = Council()
    _, opening = asked(council)

    (act,) = council.take_over(opening, "D", time=OVER - early_ms)

    assert words in refusal(council, act)
    assert bool(words) == bool(refusal(council, act))


def test_the_pause_is_the_charters() -> None:
    council = Council()
    council.pass_it([["rule", "emergency_days", 90]], LATER - 40 * DAY_MS)
    _, opening = asked(council)

    (act,) = council.take_over(opening, "D", time=OVER)

    assert "may still seal" in refusal(council, act)


def test_a_member_counts_once_and_who_came_later_not_at_all() -> None:
    council = Council()
    _, opening = asked(council)
    council.join("G", time=LATER)
    council.names.append("G")
    council.sync()
    first = council.take_over(opening, *"DEF", time=OVER)
    again = council.take_over(opening, *"DG", time=OVER + 1)
    council.sync()

    assert [refusal(council, act) for act in first] == ["", "", ""]
    assert "already" in refusal(council, again[0])
    assert "became a member after" in refusal(council, again[1])
    assert auditing(council) == "ABC"


def test_only_a_change_of_auditors_is_decided_without_auditors() -> None:
    council = Council()
    effects = [*handing_over(council), ["remove", person(council, "A")]]
    _, mixed = council.propose(effects, by="D", opener="D")
    _, removal = council.propose([["remove", person(council, "F")]], by="D", opener="D")

    acts = council.take_over(mixed, "D", time=OVER) + council.take_over(removal, "D", time=OVER)

    assert all("only a change of auditors" in refusal(council, act) for act in acts)


def test_what_is_sealed_is_not_taken_over() -> None:
    council = Council()
    proposal, opening = council.propose(handing_over(council))
    council.vote(opening, A="no", B="no", C="no", D="yes")
    council.settle(opening)

    acts = council.take_over(opening, *"CDEF", time=OVER)

    assert all("sealed already" in refusal(council, act) for act in acts)
    final = council.final(proposal)
    assert final is not None
    assert final.outcome is not None
    assert final.outcome.winner == "no"


def test_an_opener_who_leaves_members_out_hands_over_nothing() -> None:
    council = Council()
    for name in "GHI":  # D does not hear of them
        council.join(name)
        council.names.append(name)
    command = Propose(handing_over(council), DEADLINE, HOUR_MS, b"")
    proposal = council.say("D", command, LATER - 11 * DAY_MS)
    voters = council.seen_by("D").law.present().electorate()
    opening = council.say("D", OpenVote(proposal, electorate_root(voters)), LATER - 11 * DAY_MS)
    council.sync()

    acts = council.take_over(opening, *"CDEF", time=OVER)

    assert all("leaves out members" in refusal(council, act) for act in acts)
    assert auditing(council) == "ABC"


def test_an_auditor_who_handed_over_with_the_members_seals_nothing_more_with_the_old_ones() -> None:
    council = Council()
    other, waits = council.propose(by="C", opener="C")
    _, opening = asked(council)
    council.vote(waits, A="yes", B="yes")
    council.sync()
    closings = council.close(waits, *"BC", time=AFTER)
    council.take_over(opening, "C", time=OVER)

    late = council.seal("C", waits, closings, OVER + 1)

    assert "handed over" in refusal(council, late)
    assert council.final(other) is None


def test_new_auditors_uphold_what_the_old_ones_began() -> None:
    council = Council()
    other, waits = council.propose(by="C", opener="C")
    _, opening = asked(council)
    council.vote(waits, *[], **dict.fromkeys("ABCD", "yes"))
    council.sync()
    candidate = council.seal("A", waits, council.close(waits, *"AB"))
    council.sync()
    council.take_over(opening, *"CDEF", time=OVER)
    council.sync()
    closings = council.close(waits, *"DE", time=OVER + 1)

    otherwise = council.seal("D", waits, closings, OVER + 2)
    upheld = council.seal("D", waits, closings, OVER + 3, adopts=candidate)
    council.support("E", upheld, OVER + 4)
    council.sync()

    assert "upheld" in refusal(council, otherwise)
    final = council.final(other)
    assert final is not None
    assert final.outcome is not None
    assert (final.outcome.winner, final.epoch) == ("yes", 2)


def test_auditors_who_were_only_cut_off_make_it_contested_with_nobody_to_name() -> None:
    council = Council()
    other, waits = council.propose(by="C", opener="C")
    _, opening = asked(council)
    council.vote(waits, **dict.fromkeys("ABCD", "yes"))
    council.sync("A", "B")
    before = council.seal("A", waits, council.close(waits, *"AB"))  # with the ballots of A and B alone
    council.support("B", before)
    council.vote(waits, E="no", F="no", D="no")
    council.sync("C", "D", "E", "F")
    council.take_over(opening, *"CDEF", time=OVER)
    council.sync("C", "D", "E", "F")
    new = council.seal("D", waits, council.close(waits, *"DE", time=OVER + 1), OVER + 2)
    council.support("E", new, OVER + 3)
    apart = decide_in(council, "B", other), decide_in(council, "E", other)
    council.sync()

    final = council.final(other, converged(council))

    assert [one.outcome.winner for one in apart] == ["yes", "no"]
    assert final is not None
    assert (final.outcome, final.forkers) == (None, frozenset())


def decide_in(council: Council, name: str, proposal: bytes) -> Any:
    law = council.seen_by(name).law
    return decide(law, law.proposals[proposal], law.present().bits)


def test_auditors_who_come_back_and_seal_the_hand_over_otherwise_make_it_contested() -> None:
    council = Council()
    proposal, opening = council.propose(handing_over(council))
    council.vote(opening, A="no", B="no")
    council.sync("A", "B")
    council.support("B", council.seal("A", opening, council.close(opening, *"AB")))
    council.take_over(opening, *"CDEF", time=OVER)
    council.sync()

    final = council.final(proposal, converged(council))

    assert final is not None
    assert (final.outcome, final.forkers, auditing(council)) == (None, frozenset(), "ABC")


def test_a_cheat_who_hands_over_on_one_branch_and_seals_on_another_is_named() -> None:
    council = Council()
    other, waits = council.propose(by="C", opener="C")
    _, opening = asked(council)
    council.vote(waits, A="yes", B="yes", D="no", E="no", F="no")
    before = council.heads["B"]
    council.sync("A", "B")
    branch = set(council.views["B"])
    council.sync("B", "C", "D", "E", "F")
    council.take_over(opening, *"BDEF", time=OVER)
    council.sync("B", "D", "E", "F")
    new = council.seal("D", waits, council.close(waits, *"DE", time=OVER + 1), OVER + 2)
    council.support("E", new, OVER + 3)
    council.views["B"] = branch
    council.heads["B"] = before
    council.support("B", council.seal("A", waits, council.close(waits, *"AB")))
    council.sync()

    final = council.final(other, converged(council))

    assert final is not None
    assert (final.outcome, final.forkers) == (None, frozenset([person(council, "B")]))


def random_history(seed: int) -> tuple[Council, list[bytes]]:
    """Let members take over while parts of them meet, and auditors of before and after seal what they can."""
    rng = random.Random(seed)
    council = Council(7)
    other, waits = council.propose(by="C", opener="C")
    proposal, opening = asked(council)
    for name in council.names:
        council.vote(waits, **{name: rng.choice(["yes", "no"])})
        if rng.random() < 0.5:
            council.sync(*meeting(rng))
    for step in range(24):
        if rng.random() < 0.5:
            council.take_over(opening, rng.choice(council.names), time=OVER + step)
        elif rng.random() < 0.5:
            council.sync(*meeting(rng))
        else:
            pair = rng.choice(["AB", "BC", "DE", "EF"])
            council.sync(*pair)
            seal_if_they_may(council, waits, pair, OVER + step)
    return council, [other, proposal]


def meeting(rng: random.Random) -> list[str]:
    """Return who meets: nearly always people of one side of a partition."""
    side = rng.choice(["AB", "CDEFG", "CDEFG"]) if rng.random() < 0.9 else "ABCDEFG"
    return rng.sample(side, rng.randint(2, len(side)))


def seal_if_they_may(council: Council, opening: bytes, pair: str, time: int) -> None:
    auditors = council.seen_by(pair[0]).law.present().sealed.auditors
    if all(person(council, name) in auditors for name in pair):
        council.support(pair[1], council.seal(pair[0], opening, council.close(opening, *pair, time=time), time), time)


@pytest.mark.parametrize("seed", SEEDS)
def test_any_order_comes_to_the_same_and_a_result_is_withdrawn_only_as_contested(seed: int) -> None:
    council, polls = random_history(seed)
    everything = list(council.all.values())
    full = council.fold()
    rng = random.Random(seed)

    for order in range(3):
        assert amount(fold_all(everything + rng.sample(everything, 5), order)) == amount(full)
    for cut in range(1, 12):
        before = fold_all(everything[:-cut])
        for id_ in polls:
            early, late = council.final(id_, before), council.final(id_, full)
            if early is not None and early.outcome is not None:
                assert late is not None
                assert late.outcome is None or late.outcome.winner == early.outcome.winner
                assert not late.forkers
