"""Who belongs, under every way in, after removals with a cut, and whatever the order in which it is heard."""

import pytest
from authors import NOW_MS
from council import DAY_MS, DEADLINE, EARLY, HOUR_MS, OPENED, QUICK, VOTED, Council, converged, person

from node.domain.law.decisions import Propose
from node.domain.law.membership import (
    AdmitMember,
    EnterDevice,
    HandKeys,
    LeaveSpace,
    RevokeDevice,
    SuspendMember,
    VouchFor,
)

LATER = NOW_MS + 20 * DAY_MS


def vouching(size: int = 6, **rules: object) -> Council:
    """Return a council that its members change to admission by vouchers."""
    council = Council(size)
    changes = {"admission": "vouch", "vouchers": 2, **rules}
    council.pass_it([["rule", name, value] for name, value in changes.items()], NOW_MS - 40 * DAY_MS)
    return council


def members(council: Council) -> str:
    """Return the names of those who belong, in the law of everything that was said."""
    belong = converged(council).law.members()
    return "".join(sorted(name for name in council.people if person(council, name) in belong))


def refusal(council: Council, id_: bytes) -> str:
    return converged(council).refused.get(id_, "")


# -- ways in ---------------------------------------------------------------------------------------------------------


def test_enough_vouchers_let_somebody_in() -> None:
    council = vouching()
    knock = council.knock("Z", time=NOW_MS)
    council.sync("Z", *council.names)
    council.say("B", VouchFor(knock), NOW_MS)
    council.sync()
    too_early = council.say("C", AdmitMember(knock, []), NOW_MS)
    council.say("D", VouchFor(knock), NOW_MS)
    council.sync()

    council.say("C", AdmitMember(knock, []), NOW_MS + 1)

    assert "not enough members have vouched" in refusal(council, too_early)
    assert "Z" in members(council)


def test_nobody_vouches_twice_for_one_newcomer() -> None:
    council = vouching()
    knock = council.knock("Z", time=NOW_MS)
    council.sync("Z", *council.names)
    council.say("B", VouchFor(knock), NOW_MS)

    assert "already" in refusal(council, council.say("B", VouchFor(knock), NOW_MS))


def test_a_stranger_cannot_vouch() -> None:
    council = vouching()
    knock = council.knock("Z", time=NOW_MS)
    council.sync("Z", "X", *council.names)

    assert "only members" in refusal(council, council.say("X", VouchFor(knock), NOW_MS))


def test_two_members_who_let_one_newcomer_in_unaware_of_each_other_give_one_membership() -> None:
    council = vouching()
    knock = council.knock("Z", time=NOW_MS)
    council.sync("Z", *council.names)
    for name in "BD":
        council.say(name, VouchFor(knock), NOW_MS)
    council.sync()

    council.say("B", AdmitMember(knock, []), NOW_MS)
    council.say("C", AdmitMember(knock, []), NOW_MS)
    council.sync()

    assert members(council) == "ABCDEFZ"
    assert [grant.device for grant in council.fold().law.devices_of(person(council, "Z"))]


def test_where_all_may_come_any_members_node_lets_in() -> None:
    council = Council(rules=[["admission", "open"], *QUICK])
    knock = council.knock("Z", time=NOW_MS)
    council.sync("Z", *council.names)

    council.say("E", AdmitMember(knock, []), NOW_MS)

    assert "Z" in members(council)


def test_by_vote_somebody_comes_in_only_after_a_sealed_yes() -> None:
    council = Council()
    council.pass_it([["rule", "admission", "vote"]], NOW_MS - 40 * DAY_MS)
    knock = council.knock("Z", time=NOW_MS)
    council.sync("Z", *council.names)
    early = council.say("E", AdmitMember(knock, []), NOW_MS)
    council.pass_it([["admit", person(council, "Z")]])

    council.say("E", AdmitMember(knock, []), NOW_MS + 4 * DAY_MS)

    assert "not decided" in refusal(council, early)
    assert "Z" in members(council)


def test_a_thousand_keys_of_one_inviter_stop_at_the_quota() -> None:
    council = Council(3, rules=[*QUICK[:2], ["invitations", 5], *QUICK[2:]])

    for at in range(9):
        council.join(f"Q{at}", by="B", time=NOW_MS)

    assert len(converged(council, 2).law.members()) == 3 + 5
    assert all("30 days" in why for why in council.fold().refused.values())


def test_the_quota_opens_again_after_thirty_days() -> None:
    council = Council(3, rules=[*QUICK[:2], ["invitations", 2], *QUICK[2:]])
    for at in range(3):
        council.join(f"Q{at}", by="B", time=NOW_MS)

    council.join("later", by="B", time=NOW_MS + 30 * DAY_MS)

    assert person(council, "later") in converged(council, 2).law.members()


def test_where_stewards_invite_a_members_ticket_lets_nobody_in() -> None:
    council = Council(3, rules=[*QUICK[:2], ["inviters", "stewards"], *QUICK[2:]])

    council.join("Y", by="B", time=NOW_MS)
    council.join("Z", by="A", time=NOW_MS)

    assert members(council) == "ABCZ"


# -- removal, and what a removed member may try ----------------------------------------------------------------------


def removed(council: Council, name: str = "F", time: int = NOW_MS) -> bytes:
    """Let the members remove somebody, whose node does not hear of it."""
    before = set(council.views[name])
    proposal = council.pass_it([["remove", person(council, name)]], time)
    council.views[name] = before
    council.names.remove(name)
    return proposal


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


def test_an_auditor_is_removed_only_together_with_a_hand_over() -> None:
    council = Council()

    bare = council.say("D", Propose([["remove", person(council, "B")]], DEADLINE, HOUR_MS, b""), NOW_MS)

    assert "hand-over" in refusal(council, bare)


# -- handing over ----------------------------------------------------------------------------------------------------


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


# -- roles, pauses, devices, leaving ---------------------------------------------------------------------------------


def test_a_role_is_given_for_a_scope_and_a_term_and_ends_by_itself() -> None:
    council = Council()
    until = NOW_MS + 100 * DAY_MS
    council.pass_it([["role", person(council, "D"), "treasurer", "kitchen", until]])

    view = converged(council).law.present()

    given = NOW_MS + 2 * DAY_MS
    held = [view.has_role(person(council, "D"), "treasurer", at) for at in (given - 1, given, until, until + 1)]
    assert held == [False, True, True, False]


def test_a_role_longer_than_the_rules_say_is_refused() -> None:
    council = Council()
    effects = [["role", person(council, "D"), "treasurer", "", DEADLINE + 366 * DAY_MS]]

    asked = council.say("A", Propose(effects, DEADLINE, HOUR_MS, b""), NOW_MS)

    assert "term" in refusal(council, asked)


def test_a_role_can_be_ended_before_its_term() -> None:
    council = Council()
    council.pass_it([["role", person(council, "D"), "treasurer", "", NOW_MS + 100 * DAY_MS]])
    council.pass_it([["unrole", person(council, "D"), "treasurer"]], LATER)

    view = converged(council).law.present()

    assert view.has_role(person(council, "D"), "treasurer", LATER)
    assert not view.has_role(person(council, "D"), "treasurer", LATER + 3 * DAY_MS)


def test_enough_moderators_pause_somebodys_posting_for_the_days_of_the_rules() -> None:
    council = Council()
    council.pass_it([["role", person(council, name), "moderator", "", NOW_MS + 99 * DAY_MS] for name in "BC"])
    council.say("B", SuspendMember(person(council, "F")), LATER)
    alone = converged(council).law.present().suspended_until(person(council, "F"), LATER)
    council.say("C", SuspendMember(person(council, "F")), LATER + HOUR_MS)

    view = converged(council).law.present()

    until = view.suspended_until(person(council, "F"), LATER + 2 * HOUR_MS)
    assert alone is None
    assert until == LATER + HOUR_MS + 7 * DAY_MS
    assert view.suspended_until(person(council, "F"), until) is None
    assert view.is_member(person(council, "F"))


def test_who_is_no_moderator_pauses_nobody() -> None:
    council = Council()

    assert "moderators" in refusal(council, council.say("D", SuspendMember(person(council, "F")), NOW_MS))


def test_one_leaves_at_once_and_comes_back_by_being_let_in_again() -> None:
    council = Council()
    council.say("F", LeaveSpace(), NOW_MS)
    council.sync()
    gone = members(council)
    again = type(council.member("F"))("F", 1)
    council.people["F2"] = again
    council.join("F2", by="A", time=LATER)

    assert gone == "ABCDE"
    assert person(council, "F") in converged(council).law.members()


def test_what_a_member_says_after_leaving_has_no_effect() -> None:
    council = Council()
    council.say("F", LeaveSpace(), NOW_MS)

    assert "only members" in refusal(council, council.say("F", HandKeys([]), LATER))


def with_second_device(council: Council, name: str = "F") -> str:
    """Let somebody enter with a second device."""
    second = f"{name}2"
    council.people[second] = type(council.member(name))(name, 1)
    council.views[second] = set(council.views[name])
    council.say(second, EnterDevice(council.member(second).certificate), NOW_MS)
    council.sync(name, second)
    return second


def test_a_revoked_device_keeps_what_its_person_saw_and_nothing_more() -> None:
    council = Council()
    phone = with_second_device(council)
    _, opening = council.propose()
    council.views[phone] |= council.views["F"]
    stale = set(council.views[phone])
    council.say("F", RevokeDevice(council.member(phone).device, 1), OPENED)
    council.views[phone] = stale
    council.vote(opening, VOTED, **{phone: "no"})
    council.sync(phone, *council.names)

    folded = converged(council)

    assert folded.law.person_of(council.member(phone).device) is None
    assert folded.law.person_of(council.member("F").device) == person(council, "F")
    ballots = folded.law.openings[opening].ballots
    assert not any(folded.law.present().counts(ballot.act) for ballot in ballots)


def test_nobody_revokes_anothers_device() -> None:
    council = Council()

    revocation = council.say("E", RevokeDevice(council.member("F").device, 1), NOW_MS)

    assert "own person" in refusal(council, revocation)


def test_two_ballots_of_two_devices_unaware_of_each_other_count_neither_way() -> None:
    council = Council()
    phone = with_second_device(council)
    council.sync(phone, *council.names)
    proposal, opening = council.propose()
    council.views[phone] |= council.views["F"]
    council.vote(opening, VOTED, **{"F": "yes", phone: "no", "A": "yes"})
    council.sync(phone, *council.names)

    council.settle(opening)

    final = council.final(proposal, converged(council))
    assert final is not None
    assert final.outcome is not None
    assert dict(final.outcome.tally) == {"yes": 1, "no": 0, "abstain": 0}


def test_a_revision_from_another_device_counts_when_it_knows_of_the_first() -> None:
    council = Council()
    phone = with_second_device(council)
    council.sync(phone, *council.names)
    proposal, opening = council.propose()
    council.vote(opening, VOTED, F="yes", A="yes")
    council.views[phone] |= council.views["F"]
    council.vote(opening, VOTED + 1, **{phone: "no"})
    council.sync(phone, *council.names)

    council.settle(opening)

    final = council.final(proposal, converged(council))
    assert final is not None
    assert final.outcome is not None
    assert dict(final.outcome.tally) == {"yes": 1, "no": 1, "abstain": 0}


def test_a_clock_behind_its_own_log_is_refused() -> None:
    council = Council()
    council.say("D", HandKeys([]), NOW_MS)

    assert "dated before" in refusal(council, council.say("D", HandKeys([]), EARLY))


def test_an_electorate_never_changes_by_anything_but_its_openings_past() -> None:
    council = Council()
    _, opening = council.propose()
    before = council.fold().law.openings[opening].electorate
    council.say("E", LeaveSpace(), VOTED)
    council.join("Z", time=VOTED)
    removed(council, time=LATER)

    folded = converged(council)

    assert folded.law.openings[opening].electorate == before
