"""Ways in: by ticket, by vouchers, by decision, or open to all; with a quota for each who lets in."""

from authors import NOW_MS
from council import DAY_MS, QUICK, Council, converged, members, person, refusal, vouching

from node.domain.law.membership import (
    AdmitMember,
    VouchFor,
)


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
