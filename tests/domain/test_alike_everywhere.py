"""What several nodes make of law that some of them heard more of, or in another order."""

import random
from typing import Any

import pytest
from authors import NOW_MS
from council import (
    AFTER,
    DAY_MS,
    DEADLINE,
    EARLY,
    HOUR_MS,
    LATER,
    OPENED,
    QUICK,
    Council,
    Member,
    amount,
    converged,
    fold_all,
    person,
    refusal,
)

from node.domain.law.decisions import ContestOpening, OpenVote, Propose, SealVote
from node.domain.law.membership import AdmitMember, EnterDevice, RevokeDevice
from node.domain.law.view import electorate_root


def test_what_one_node_alone_heard_of_a_forked_log_makes_no_result_there() -> None:
    council = Council()
    proposal, opening = council.propose()
    council.vote(opening, A="yes", B="yes", C="yes", D="yes")
    council.sync()
    closings = council.close(opening, "A", "B")
    fork = council.all[council.heads["B"]].seq + 1
    support = council.support("B", council.seal("A", opening, closings))
    here, there = (fold_all(s for id_, s in council.all.items() if id_ != left) for left in (b"", support))

    alone = council.final(proposal, here)
    for folded in (here, there):
        folded.law.forked[council.member("B").device] = fork

    assert alone is not None
    assert amount(here)[0] == amount(there)[0]
    assert proposal not in here.law.present().sealed.finals


def test_who_was_let_in_twice_at_once_belongs_since_the_earlier_date_on_every_node() -> None:
    council = Council(rules=[["admission", "open"], *QUICK])
    knock = council.knock("G")
    council.views["A"].add(knock)
    council.views["B"].add(knock)
    early = council.say("A", AdmitMember(knock, []), NOW_MS)
    late = council.say("B", AdmitMember(knock, []), LATER)
    voters = council.seen_by("C").law.present().electorate()
    proposal = council.say("C", Propose([["resume", person(council, "D")]], DEADLINE, HOUR_MS, b""), NOW_MS)
    opening = council.say("C", OpenVote(proposal, electorate_root(voters)), OPENED)
    council.views["G"] |= council.views["A"] | council.views["B"] | council.views["C"]

    contest = council.say("G", ContestOpening(opening), LATER + DAY_MS)

    assert {early, late} <= council.views["G"]
    assert refusal(council, contest) == ""


def ended_unaware(council: Council) -> tuple[bytes, bytes]:
    """Let B support the seal of a vote from a laptop that B's phone ends, neither knowing of it; returns the ids."""
    council.people["B2"] = Member("B", 1)
    council.sync("B", "B2")
    council.say("B2", EnterDevice(council.people["B2"].certificate), EARLY)
    council.sync("B2", *council.names)
    _, opening = council.propose()
    council.vote(opening, A="yes", B="yes", C="yes", D="yes")
    council.sync()
    closings = council.close(opening, "A", "B")
    seal = council.seal("A", opening, closings)
    support = council.support("B", seal)
    council.views["B2"] |= council.views["A"]
    end = council.say(
        "B2", RevokeDevice(council.member("B").device, council.all[council.heads["B"]].seq - 1), AFTER + HOUR_MS
    )
    return support, end


def test_what_one_node_alone_heard_of_an_ended_device_makes_no_result_there() -> None:
    council = Council()
    support, end = ended_unaware(council)
    here, there = (fold_all(s for id_, s in council.all.items() if id_ != left) for left in (b"", support))
    before = fold_all(s for id_, s in council.all.items() if id_ != end)

    assert len(before.law.present().sealed.finals) == len(there.law.present().sealed.finals) + 1
    assert amount(here) == amount(there)


def test_what_others_built_on_beyond_the_end_of_a_device_stands() -> None:
    council = Council()
    support, _ = ended_unaware(council)
    council.views["C"].add(support)
    council.views["C"] |= council.views["B"]
    sealed = len(council.seen_by("C").law.present().sealed.finals)
    council.say("C", Propose([["resume", person(council, "D")]], DEADLINE, HOUR_MS, b""), AFTER + HOUR_MS)

    assert len(converged(council).law.present().sealed.finals) == sealed


def test_a_proof_of_a_fork_beyond_the_end_of_a_log_says_nothing() -> None:
    council = Council()
    council.people["B2"] = Member("B", 1)
    council.sync(*council.names, "B2")
    council.say("B2", EnterDevice(council.people["B2"].certificate), EARLY)
    council.sync("B", "B2")
    council.join("G", by="B", time=NOW_MS)
    council.sync("B", "B2", "C")
    council.say("C", Propose([["resume", person(council, "D")]], DEADLINE, HOUR_MS, b""), NOW_MS)
    device, last = council.member("B").device, council.all[council.heads["B"]].seq - 1
    council.say("B2", RevokeDevice(device, last), NOW_MS + 1)

    here, there = council.fold(), council.fold()
    here.law.forked[device] = last + 1

    assert person(council, "G") in there.law.members()
    assert amount(here) == amount(there)


def with_two_laptops_each() -> tuple[Council, list[str]]:
    """Return a council whose auditors have two laptops each, with the names of all laptops."""
    council = Council(7)
    seconds = [f"{name}2" for name in "ABC"]
    for second in seconds:
        council.people[second] = Member(second[0], 1)
        council.sync(second, *council.names)
        council.say(second, EnterDevice(council.people[second].certificate), EARLY)
    return council, [*council.names, *seconds]


def life(seed: int) -> Council:
    """Let auditors decide, seal and end their laptops in parts, some of it unaware of the rest."""
    rng = random.Random(seed)
    council, laptops = with_two_laptops_each()
    council.sync(*laptops)
    effects: list[list[Any]] = [[["remove", person(council, "G")]], [], [["remove", person(council, "F")]]]
    polls = [council.propose(each, deadline=DEADLINE + at)[1] for at, each in enumerate(effects)]
    council.sync(*laptops)
    for opening in polls:
        council.vote(opening, **dict.fromkeys(rng.sample(council.names, 5), "yes"))
    council.sync(*laptops)
    closings = {opening: council.close(opening, *"ABC") for opening in polls}
    for time in range(AFTER + HOUR_MS, AFTER + HOUR_MS + 30):
        deed = rng.choices([_meet, _end, _seal, _support, _go_on], [7, 4, 3, 4, 2])[0]
        deed(rng, council, closings, time)
    return council


Closings = dict[bytes, list[bytes]]


def _meet(rng: random.Random, council: Council, _closings: Closings, _time: int) -> None:
    council.sync(*rng.sample(sorted(council.views), rng.randint(2, 3)))


def _end(rng: random.Random, council: Council, _closings: Closings, time: int) -> None:
    name = rng.choice("ABC")
    one, other = rng.sample([name, f"{name}2"], 2)
    device = council.member(other).device
    last = max(council.all[id_].seq for id_ in council.views[one] if council.all[id_].device == device)
    council.say(one, RevokeDevice(device, last), time)


def _seal(rng: random.Random, council: Council, closings: Closings, time: int) -> None:
    opening, by = rng.choice(sorted(closings)), rng.choice("ABC")
    council.sync(by, rng.choice("ABC"))
    council.seal(by, opening, rng.sample(closings[opening], 2), time)


def _support(rng: random.Random, council: Council, _closings: Closings, time: int) -> None:
    seals = [statement.id for statement in council.all.values() if isinstance(statement.command, SealVote)]
    council.support(rng.choice(["A", "B", "C", "A2", "B2", "C2"]), rng.choice(seals), time)


def _go_on(rng: random.Random, council: Council, _closings: Closings, time: int) -> None:
    council.say(rng.choice("DEFG"), Propose([["resume", person(council, "D")]], LATER * 2, HOUR_MS, b""), time)


@pytest.mark.parametrize("seed", range(20))
def test_what_does_not_stand_alters_nothing_in_any_order(seed: int) -> None:
    council = life(seed)
    whole = council.fold()
    present = whole.law.present()
    stands = [s for id_, s in council.all.items() if present.includes(whole.numbers[id_])]

    without = fold_all(stands)

    assert amount(without)[0] == amount(whole)[0]
    assert amount(without)[1] == amount(whole)[1]
    for order in range(3):
        assert amount(council.fold(order)) == amount(whole)
