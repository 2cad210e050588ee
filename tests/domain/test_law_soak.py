"""Random histories of deciding, with partitions, stale pasts and forkers: no result ever flips by itself."""

import random
from typing import Any

import pytest
from council import AFTER, DAY_MS, DEADLINE, HOUR_MS, VOTED, Council, Folded, amount, fold_all, person

from node.domain.law.decisions import CastBallot, SupportSeal
from node.domain.law.sealed import decide

SEEDS = 24


def effects_for(rng: random.Random, council: Council) -> list[list[Any]]:
    return rng.choice(
        [
            [["remove", person(council, rng.choice("DEFG"))]],
            [["rule", "vouchers", rng.randint(1, 4)]],
            [["role", person(council, rng.choice("DEFG")), "steward", "", DEADLINE + 9 * DAY_MS]],
            [["resume", person(council, "D")]],
        ]
    )


def random_history(seed: int, *, forkers: bool) -> tuple[Council, list[bytes]]:
    """Let a council of seven talk, vote, meet in parts and seal in parts; an auditor may fork their log."""
    rng = random.Random(seed)
    council = Council(7)
    polls = [
        council.propose(effects_for(rng, council), by=rng.choice("ABC"), deadline=DEADLINE + rng.randint(0, 50))
        for _ in range(3)
    ]
    for _ in range(24):
        if rng.random() < 0.6:
            name, choice = rng.choice(council.names), rng.choice(["yes", "yes", "no"])
            council.say(name, CastBallot(rng.choice(polls)[1], choice), VOTED)
        else:
            council.sync(*rng.sample(council.names, rng.randint(2, 4)))
    for at, (_, opening) in enumerate(polls):
        _seal_somehow(rng, council, opening, AFTER + at * HOUR_MS, fork=forkers)
        if rng.random() < 0.5:
            _seal_somehow(rng, council, opening, AFTER + at * HOUR_MS + 1, fork=forkers)
    return council, [proposal for proposal, _ in polls]


def _seal_somehow(rng: random.Random, council: Council, opening: bytes, time: int, *, fork: bool) -> None:
    one, other = rng.sample("ABC", 2)
    council.sync(one, rng.choice(council.names))
    before = council.heads[other]
    seal = council.seal(one, opening, council.close(opening, one, other, time=time), time)
    if fork and rng.random() < 0.6:
        deps = [seal] if rng.random() < 0.5 else None
        council.say(other, SupportSeal(seal), time, after=before, deps=deps)
    else:
        council.support(other, seal, time)


def results(folded: Folded, polls: list[bytes]) -> dict[bytes, Any]:
    law = folded.law
    known = [id_ for id_ in polls if id_ in law.proposals]
    return {id_: decide(law, law.proposals[id_], law.present().bits) for id_ in known}


@pytest.mark.parametrize("seed", range(SEEDS))
def test_any_order_comes_to_the_same_and_no_final_result_flips_as_more_is_heard(seed: int) -> None:
    council, polls = random_history(seed, forkers=False)
    everything = list(council.all.values())
    reference = amount(council.fold())
    rng = random.Random(seed)

    for order in range(3):
        assert amount(fold_all(everything + rng.sample(everything, 5), order)) == reference
    rng.shuffle(everything)
    seen: dict[bytes, Any] = {}
    for part in (2, 3, 4):
        for id_, final in results(
            fold_all(_with_founding(council, everything[: len(everything) * part // 4])), polls
        ).items():
            assert id_ not in seen or seen[id_] == final.outcome
            if final is not None:
                assert final.outcome is not None
                seen[id_] = final.outcome


@pytest.mark.parametrize("seed", range(100, 100 + SEEDS))
def test_a_result_is_withdrawn_only_with_a_named_forker(seed: int) -> None:
    council, polls = random_history(seed, forkers=True)
    everything = list(council.all.values())
    full = council.fold()
    forked = {m.person for m in council.people.values() if full.law.present().fork_of(m.device) is not None}
    final = results(full, polls)

    for id_ in polls:
        outcome = final[id_]
        for cut in range(1, 6):
            before = results(fold_all(_with_founding(council, everything[:-cut])), polls).get(id_)
            if before is not None and before.outcome is not None and (outcome is None or outcome != before):
                assert outcome is not None
                assert outcome.outcome == before.outcome or outcome.forkers & forked


def _with_founding(council: Council, statements: list[Any]) -> list[Any]:
    founding = council.all[council.founding]
    return statements if founding in statements else [founding, *statements]
