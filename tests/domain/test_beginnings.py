"""The first days of a space: where rules ask for more members than there are, all that there are suffice."""

from authors import NOW_MS
from council import QUICK, Council, members, refusal

from node.domain.law.membership import AdmitMember, VouchFor

FEW = [["admission", "vouch"], *QUICK[:3], ["sponsors", 3], ["vouchers", 3], QUICK[3]]


def vouched(council: Council, name: str, *vouchers: str) -> bytes:
    """Let somebody knock, be vouched for, and be let in by the last who vouched; returns the admission."""
    knock = council.knock(name, time=NOW_MS)
    council.sync(name, *vouchers)
    for voucher in vouchers:
        council.say(voucher, VouchFor(knock), NOW_MS)
        council.sync(*vouchers)
    admission = council.say(vouchers[-1], AdmitMember(knock, []), NOW_MS)
    council.sync(name, *vouchers)
    return admission


def test_a_founder_alone_lets_the_first_in_then_both_are_needed_then_as_many_as_the_rules_say() -> None:
    council = Council(1, "A", 1, rules=FEW)
    vouched(council, "B", "A")
    too_few = vouched(council, "X", "B")
    vouched(council, "C", "A", "B")
    vouched(council, "D", "A", "B", "C")

    too_few_still = vouched(council, "Y", "A", "B")

    assert members(council) == "ABCD"
    assert "not enough members have vouched" in refusal(council, too_few)
    assert "not enough members have vouched" in refusal(council, too_few_still)


def test_a_founder_alone_opens_a_vote_that_needs_more_support_than_there_are_people() -> None:
    council = Council(1, "A", 1, rules=FEW)

    council.pass_it([["rule", "sponsors", 1]], NOW_MS, "A")

    assert council.fold().law.present().sealed.charter["sponsors"] == 1
