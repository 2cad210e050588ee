"""Removals with a cut: what a removed member says beyond it is void, whatever past it claims."""

from dataclasses import fields

from authors import NOW_MS
from council import DAY_MS, DEADLINE, HOUR_MS, LATER, Council, converged, members, person, refusal, removed, vouching

from crdt.change import MAX_SEQ
from node.domain.law.decisions import CosignOpening, OpenVote, Propose, SealVote
from node.domain.law.membership import AdmitMember, CertifyDevice, EnterDevice, RevokeDevice, VouchFor
from node.domain.law.records import LogEnd
from node.domain.law.view import electorate_root


def seal_of(council: Council, proposal: bytes) -> bytes:
    """Return the seal by which a proposal ended."""
    final = council.final(proposal)
    assert final is not None
    return final.seal


def test_a_member_goes_by_a_sealed_decision_only() -> None:
    council = Council()
    council.say("A", Propose([["remove", person(council, "F")]], DEADLINE, HOUR_MS, b""), NOW_MS)
    asked = members(council)

    removed(council)

    assert (asked, members(council)) == ("ABCDEF", "ABCDE")


def test_a_removed_members_backdated_vouch_for_a_friend_is_void() -> None:
    council = vouching()
    removed(council)
    knock = council.knock("Z", time=NOW_MS)
    council.sync("Z", "F")
    backdated = council.say("F", VouchFor(knock), NOW_MS + 2 * HOUR_MS)
    council.sync("F", "Z", *council.names)
    council.say("A", VouchFor(knock), LATER)
    council.sync("Z", *council.names)

    admission = council.say("A", AdmitMember(knock, []), LATER)

    assert refusal(council, backdated) == ""
    assert "not enough" in refusal(council, admission)
    assert "Z" not in members(council)


def test_an_accomplice_with_a_stale_past_lets_nobody_in_on_a_removed_members_vouch() -> None:
    council = vouching()
    council.names.remove("E")
    removed(council)
    knock = council.knock("Z", time=NOW_MS)
    council.sync("Z", "F", "E")
    council.say("F", VouchFor(knock), NOW_MS + 2 * HOUR_MS)
    council.sync("F", "E")
    council.say("E", VouchFor(knock), NOW_MS)

    admission = council.say("E", AdmitMember(knock, []), NOW_MS + 2 * HOUR_MS)
    council.sync("E", *council.names)

    assert refusal(council, admission) == ""
    assert "Z" not in members(council)


def test_a_branch_that_the_removal_did_not_see_is_void_too() -> None:
    council = vouching()
    own = [id_ for id_ in council.views["F"] if council.all[id_].device == council.member("F").device]
    early = next(id_ for id_ in own if council.all[id_].seq == 2)
    removed(council)
    knock = council.knock("Y", time=NOW_MS)
    council.sync("Y", "F")

    council.say("F", VouchFor(knock), NOW_MS, after=early, deps=[knock])
    council.sync("F", "Y", *council.names)
    council.say("A", VouchFor(knock), LATER)
    council.say("A", AdmitMember(knock, []), LATER)

    assert "Y" not in members(council)


def test_a_removed_persons_root_key_enters_no_new_device() -> None:
    council = Council()
    removed(council)
    council.sync("F", *council.names)
    again = type(council.member("F"))("F", 3)
    council.people["F again"] = again

    entered = council.say("F again", EnterDevice(again.certificate), LATER, deps=[council.heads["B"]])
    stale = type(council.member("F"))("F", 4)
    council.people["F stale"] = stale
    council.say("F stale", EnterDevice(stale.certificate), NOW_MS, deps=[council.founding])

    assert "not a member" in refusal(council, entered)
    assert members(council) == "ABCDE"


def test_a_device_that_was_entered_behind_a_removals_back_has_no_standing() -> None:
    council = Council()
    before = sorted(council.views["F"])
    removed(council)
    stale = type(council.member("F"))("F", 4)
    council.people["F stale"] = stale

    council.say("F stale", EnterDevice(stale.certificate), NOW_MS, deps=before)

    assert converged(council).law.person_of(stale.device) is None


def test_a_device_that_has_still_to_enter_is_awaited_only_while_its_person_belongs() -> None:
    council = Council()
    again = type(council.member("F"))("F", 3)
    council.say("F", CertifyDevice(b"", again.certificate, []), NOW_MS)
    council.sync()
    before = converged(council).law.present().is_awaited(again.device)

    removed(council)

    assert before
    assert not converged(council).law.present().is_awaited(again.device)


def test_a_device_that_has_entered_and_was_ended_is_awaited_no_more() -> None:
    council = Council()
    again = council.people["F again"] = type(council.member("F"))("F", 3)
    certified = council.say("F", CertifyDevice(b"", again.certificate, []), NOW_MS)
    council.say("F again", EnterDevice(again.certificate), NOW_MS, deps=[certified])
    council.sync("F", "F again")

    council.say("F", RevokeDevice(again.device, 1), LATER)

    law = converged(council).law
    assert law.grants[again.device]
    assert (law.person_of(again.device), law.present().is_awaited(again.device)) == (None, False)


def test_mutual_removals_in_a_partition_both_stand() -> None:
    council = Council(8)
    one, first = council.propose([["remove", person(council, "G")]])
    other, second = council.propose([["remove", person(council, "H")]], by="C", opener="C", deadline=DEADLINE + 1)
    council.vote(first, A="yes", B="yes", C="yes", D="yes", H="yes")
    council.vote(second, A="yes", B="yes", C="yes", D="yes", G="yes")
    council.sync()

    seals = [
        council.seal("A", first, council.close(first, "A", "B")),
        council.seal("C", second, council.close(second, "B", "C")),
    ]
    for seal in seals:
        council.support("B", seal)

    assert (council.final(one) is None, council.final(other) is None) == (False, False)
    assert members(council) == "ABCDEF"


def test_a_removed_member_votes_no_more() -> None:
    council = Council()
    removed(council)
    proposal, opening = council.propose(time=LATER, deadline=LATER + 3 * DAY_MS)

    folded = converged(council)

    assert person(council, "F") not in folded.law.openings[opening].electorate
    assert proposal in folded.law.proposals


def test_a_ballot_of_a_removed_member_beyond_the_cut_is_not_counted() -> None:
    council = Council()
    other, opening = council.propose(by="C", opener="C", deadline=DEADLINE + 5 * DAY_MS)
    removed(council)
    council.vote(opening, F="no", D="yes")
    council.sync("F", *council.names)

    council.settle(opening, time=DEADLINE + 7 * DAY_MS)

    final = council.final(other, converged(council))
    assert final is not None
    assert final.outcome is not None
    assert dict(final.outcome.tally) == {"yes": 1, "no": 0, "abstain": 0}


def test_who_was_removed_comes_back_by_a_decision() -> None:
    council = Council()
    removed(council)
    council.names.append("F")
    council.sync()

    council.pass_it([["readmit", person(council, "F")]], LATER)

    assert members(council) == "ABCDEF"


def test_a_removed_stewards_stale_word_confirms_no_opening() -> None:
    council = Council()
    stewards = [["role", person(council, name), "steward", "", LATER + 100 * DAY_MS] for name in "EF"]
    council.pass_it(stewards, NOW_MS - 40 * DAY_MS)
    proposal = council.say("D", Propose([["resume", person(council, "D")]], LATER, HOUR_MS, b""), NOW_MS)
    voters = council.seen_by("D").law.present().electorate()
    opening = council.say("D", OpenVote(proposal, electorate_root(voters)), NOW_MS)
    council.sync("D", "F")
    removed(council)
    stale = council.say("F", CosignOpening(opening), NOW_MS + 2 * HOUR_MS)
    council.sync("F", *council.names)
    council.say("E", CosignOpening(opening), LATER)
    council.sync()

    closing = council.close(opening, "A", time=LATER + DAY_MS)[0]

    assert refusal(council, stale) == ""
    assert "does not hold" in refusal(council, closing)


def test_who_comes_back_brings_back_nothing_that_was_cut_off() -> None:
    council = Council()
    removal = removed(council)
    council.join("Z", by="F", time=NOW_MS + 2 * HOUR_MS)
    council.sync("F", "Z", *council.names)
    before = converged(council).law.present().cuts()
    council.names.append("F")
    council.pass_it([["readmit", person(council, "F")]], LATER)
    again = council.people["F again"] = type(council.member("F"))("F", 3)
    council.say("F again", EnterDevice(again.certificate), LATER + 9 * DAY_MS, deps=[council.heads["B"]])

    view = converged(council).law.present()

    assert person(council, "Z") not in view.members()
    assert (
        before == view.cuts() == {council.member("F").device: LogEnd(MAX_SEQ, frozenset({seal_of(council, removal)}))}
    )
    assert view.person_of(again.device) == person(council, "F")


def test_an_auditor_is_removed_only_together_with_a_hand_over() -> None:
    council = Council()

    bare = council.say("D", Propose([["remove", person(council, "B")]], DEADLINE, HOUR_MS, b""), NOW_MS)

    assert "hand-over" in refusal(council, bare)


def test_how_far_a_removed_persons_log_counts_is_said_by_nobody_but_follows_from_the_seals_past() -> None:
    council = Council()

    removal = removed(council)

    said = {field.name for field in fields(SealVote)}
    assert said == {"opening", "closings", "root", "state", "adopts"}
    ends = converged(council).law.present().cuts()
    assert ends == {council.member("F").device: LogEnd(MAX_SEQ, frozenset({seal_of(council, removal)}))}
