"""What several nodes make of law that some of them heard more of, or in another order."""

from authors import NOW_MS
from council import DAY_MS, DEADLINE, HOUR_MS, LATER, OPENED, QUICK, Council, amount, fold_all, person, refusal

from node.domain.law.decisions import ContestOpening, OpenVote, Propose
from node.domain.law.membership import AdmitMember
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
