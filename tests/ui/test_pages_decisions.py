"""Deciding on the pages, without scripts: proposing, supporting, voting, results, refusals in the rules' words."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from gardens import QUICK, decided
from loopback import DAY_MS, clock_of
from other_members import Member
from page_reader import Browser, Place, Shown, place

from identity.keys import to_did
from node.domain.law.charter import RULES
from node.domain.law.decisions import CastBallot, Propose
from node.ingest import deciding
from node.runtime import Node
from ui.pages.proposing import MAX_LISTED, Choice, found

SLOW = {"voting_days": 3}


@pytest.fixture
async def quick(tmp_path: Path) -> AsyncIterator[Place]:
    """The founder of a space in which votes last a day."""
    async with place(tmp_path / "node", rules=QUICK) as one:
        yield one


@pytest.fixture
async def slow(tmp_path: Path) -> AsyncIterator[Place]:
    """The founder of a space in which votes last three days."""
    async with place(tmp_path / "node", rules=SLOW) as one:
        yield one


async def propose(browser: Browser, here: str, kind: str, query: str = "", **values: str) -> Shown:
    """Open the form of a kind and send it."""
    asked = await browser.open(f"{here}/decisions/new/{kind}{query}")
    return await browser.send(asked.form(f"/new/{kind}"), **values)


async def test_a_rule_is_proposed_with_a_reason_and_voted_on(slow: Place) -> None:
    node, _, browser, here = slow
    empty = await browser.open(f"{here}/decisions")

    made = await propose(browser, here, "rule", "?rule=vouchers", rule_vouchers="5", text="We grow **fast**.")
    asked = await browser.open(made.links["Yes"])
    voted = await browser.send(asked.form("/ballot"))
    changed = await browser.send((await browser.open(voted.links["No"])).form("/ballot"))
    listed = await browser.open(f"{here}/decisions")
    talk = await browser.open(made.links["Talk about it"])
    feed = await browser.open(here)

    assert "Nothing to decide yet" in empty.text
    assert "It is proposed." in made.text
    assert "5 members have to vouch, or all, while there are fewer. Until now: 2 members have to vouch" in made.text
    assert "We grow <strong>fast</strong>." in made.html
    assert "A decision needs ballots of at least a quarter of the members." in made.text
    assert "needs more than two thirds of yes and no." in made.text
    assert "Who votes 1 member Voted so far 0 members" in made.text
    assert "Ballots are open: every member can see what you vote." in asked.text
    assert "You voted: Yes ." in voted.text.replace("Yes.", "Yes .")
    assert "You voted: No ." in changed.text.replace("No.", "No .")
    assert "5 members have to vouch, or all, while there are fewer." in listed.text
    assert "Voting" in listed.text
    assert "We grow" in talk.text
    for page in (talk, feed):
        assert page.links["5 members have to vouch, or all, while there are fewer."] == made.url
    assert node.clock_ms()


async def test_a_decision_that_passed_shows_its_result_and_its_signed_changes(quick: Place) -> None:
    node, space, browser, here = quick
    proposal = await decided(space.id, [node], ["rule", "vouchers", 5])

    shown = await browser.open(f"{here}/decisions/{proposal.hex()}")
    logged = [await browser.open(shown.links[words]) for words in ("The proposal", "Opened by Inês", "Sealed by Inês")]
    late = await browser.open(f"{here}/decisions/{proposal.hex()}/vote/no")

    assert "The result: yes" in shown.text
    assert "It changes no more." in shown.text
    assert "Provisional" not in shown.text
    assert 'aria-label="Yes 1, no 0, abstained 0, not voted 0"' in shown.html
    assert "Decided: yes" in shown.text
    assert [page.status for page in logged] == [200] * 3
    assert "This vote is not open." in late.text


async def test_a_vote_waits_until_enough_members_support_it(tmp_path: Path) -> None:
    async with place(tmp_path / "node", rules={**SLOW, "sponsors": 2}) as (node, space, browser, here):
        bola = await Member.join(node, space, "Bola")
        mine = await propose(browser, here, "rule", "?rule=vouchers", rule_vouchers="5")
        theirs = await deciding_by(bola, node)

        before = await browser.open(f"{here}/decisions/{theirs.hex()}")
        opened = await browser.send(before.form("/support"))

        assert "One more member has to support it" in mine.text
        assert not [form for form in mine.forms if form.action.endswith("/support")]
        assert "For putting it to the vote: Bola" in before.text
        assert "The vote is open." in opened.text
        assert "Yes" in opened.links


async def deciding_by(member: Member, node: Node) -> bytes:
    """Let somebody else propose that three members vouch."""
    deadline = node.clock_ms() + 4 * DAY_MS
    return (await member.say(Propose([["rule", "vouchers", 3]], deadline, 2 * DAY_MS, b""))).id


async def test_what_is_wrong_in_a_proposal_is_said_at_its_field_and_nothing_is_lost(slow: Place) -> None:
    _, space, browser, here = slow

    number = await propose(browser, here, "rule", "?rule=vouchers", rule_vouchers="99", text="Because.", days="x")
    same = await propose(browser, here, "rule", "?rule=vouchers", rule_vouchers="2")
    nobody = await propose(browser, here, "role", person="", role="steward")
    term = await propose(browser, here, "role", person=to_did(next(iter(space.law.members()))), term="999")

    assert [page.status for page in (number, same, nobody, term)] == [422] * 4
    assert "Give a whole number from 1 to 20." in number.text
    assert "Give a whole number from 0 to 365." in number.text
    assert number.form("/new/rule").fields["text"] == "Because."
    assert "This is what the rule says already." in same.text
    assert "Say whom." in nobody.text
    assert "Give a whole number from 1 to 365." in term.text
    assert not space.law.proposals


async def test_a_role_is_given_and_ended_by_proposals(slow: Place) -> None:
    node, space, browser, here = slow
    bola = await Member.join(node, space, "Bola")
    me, them = to_did(node.me.person), to_did(bola.root.public)

    given = await propose(browser, here, "role", person=them, role="other", other="gardener", scope="bed-7", term="30")
    wrong = await propose(browser, here, "role", person=them, role="other", other="head gardener!")
    ended = await propose(browser, here, "unrole", person=f"{me} welcomer")

    assert "Bola becomes gardener for bed-7, until" in given.text
    assert wrong.status == 422
    assert "Give one word of letters, digits and hyphens." in wrong.text
    assert "Inês is no longer Welcomer." in ended.text


async def test_a_removal_says_what_follows_and_an_auditor_is_not_removed_in_words_of_the_rules(slow: Place) -> None:
    node, space, browser, here = slow
    bola = await Member.join(node, space, "Bola")
    asked = await browser.open(f"{here}/decisions/new/remove?person={to_did(bola.root.public)}")

    made = await browser.send(asked.form("/new/remove"))
    refused = await browser.send(asked.form("/new/remove"), person=to_did(node.me.person), text="Kept")

    assert "Everybody gets new keys" in asked.text
    assert "that cannot be undone" in asked.text
    assert "Inês" not in asked.form("/new/remove").words
    assert "Bola is removed." in made.text
    assert refused.status == 422
    assert "An auditor is removed together with a hand-over." in refused.text
    assert refused.form("/new/remove").fields["text"] == "Kept"


async def test_auditors_are_chosen_by_name_and_more_than_half_of_them_seal(slow: Place) -> None:
    node, space, browser, here = slow
    bola = await Member.join(node, space, "Bola")
    me, them = to_did(node.me.person), to_did(bola.root.public)

    made = await propose(browser, here, "auditors", **{f"auditor_{me}": "1", f"auditor_{them}": "1"}, needed="2")
    asked = await browser.open(f"{here}/decisions/new/auditors")
    too_few = await browser.send(asked.form("/new/auditors"), **{f"auditor_{them}": "1"}, needed="1")
    form = asked.form("/new/auditors")
    del form.fields[f"auditor_{me}"]
    none = await browser.send(form)

    assert "audit, and 2 of them seal." in made.text
    assert too_few.status == none.status == 422
    assert "give a number from 2 to 2" in too_few.text
    assert "Choose at least one." in none.text


async def test_only_what_makes_sense_now_can_be_proposed(slow: Place) -> None:
    _, _, browser, here = slow

    kinds = await browser.open(f"{here}/decisions/new")
    empty = await browser.open(f"{here}/decisions/new/readmit")
    unknown = await browser.open(f"{here}/decisions/new/crown")
    no_rule = await browser.open(f"{here}/decisions/new/rule?rule=king")

    assert {"Change a rule", "Give somebody a role", "Choose who seals decisions"} <= kinds.links.keys()
    assert not {"Let somebody back in", "Remove somebody", "End a pause of somebody’s posting"} & kinds.links.keys()
    assert "There is nobody here to whom this applies now." in empty.text
    assert unknown.status == 404
    assert no_rule.url == f"{here}/charter"


async def test_a_ballot_that_the_rules_refuse_is_refused_in_their_words(quick: Place) -> None:
    node, space, browser, here = quick
    change = await deciding.propose(node.road, space, [["rule", "vouchers", 5]], 2)
    asked = await browser.open(f"{here}/decisions/{change.id.hex()}/vote/yes")
    await clock_of(node).later(days=3)

    late = await browser.send(asked.form("/ballot"))
    nonsense = await browser.send(asked.form("/ballot"), choice="perhaps")
    missing = await browser.open(f"{here}/decisions/{bytes(32).hex()}")

    assert (late.status, nonsense.status, missing.status) == (422, 422, 404)
    assert "This vote is over." in late.text
    assert "Vote yes, no or abstain." in nonsense.text


async def test_who_joined_after_the_opening_is_told_why_they_do_not_vote(slow: Place) -> None:
    node, space, browser, here = slow
    change = await deciding.propose(node.road, space, [["rule", "vouchers", 5]])
    bola = await Member.join(node, space, "Bola")
    opening = node.road.spaces[space.id].law.proposals[change.id].openings[0]
    await bola.say(CastBallot(opening, "no"))

    shown = await browser.open(f"{here}/decisions/{change.id.hex()}")

    assert "Who votes 1 member Voted so far 0 members" in shown.text
    assert RULES["quorum"].sentence([1, 4]) in shown.text


async def test_among_many_people_one_looks_for_a_name_and_what_was_typed_stays(quick: Place) -> None:
    node, space, browser, here = quick
    people = {f"Member {number:02}": await Member.join(node, space, f"Member {number:02}", number)
              for number in range(1, MAX_LISTED + 11)}  # fmt: skip
    last = to_did(people["Member 60"].root.public)
    asked = await browser.open(f"{here}/decisions/new/remove")

    sought = await browser.send(asked.form("/new/remove"), who="member 60", find="1", text="We have talked.", days="9")
    kept = await browser.send(sought.form("/new/remove"), who="nobody of that name", find="1", person=last)
    made = await browser.send(kept.form("/new/remove"), person=last)

    assert asked.html.count("<option") == MAX_LISTED + 1
    assert "50 of 60 are listed below." in asked.text
    assert sought.html.count("<option") == 2
    assert sought.form("/new/remove").fields["text"] == "We have talked."
    assert (sought.form("/new/remove").fields["days"], kept.status) == ("9", 200)
    assert kept.form("/new/remove").fields["person"] == last
    assert "Member 60 is removed." in made.text


async def test_ticked_auditors_stay_while_one_looks_for_others(quick: Place) -> None:
    node, space, browser, here = quick
    for number in range(1, MAX_LISTED + 2):
        await Member.join(node, space, f"Member {number:02}", number)
    asked = await browser.open(f"{here}/decisions/new/auditors")
    mine = f"auditor_{to_did(node.me.person)}"

    sought = await browser.send(asked.form("/new/auditors"), who="member 51", find="1")

    assert sought.form("/new/auditors").fields[mine] == "1"
    assert sought.html.count('type="checkbox" id="f-auditor') == 2


@pytest.mark.parametrize("words", ["", "é", "' OR 1", "x" * 10_000, "\x00"])
def test_a_search_among_people_is_only_about_names(words: str) -> None:
    everybody = [Choice(str(number), f"Member {number}") for number in range(1_000)]

    listed = found(everybody, words, {"999"})

    assert len(listed) <= MAX_LISTED + 1
    assert everybody[999] in listed
