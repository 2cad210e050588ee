"""The pages of law, without scripts: rules, who may do what, accepting, leaving."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from gardens import QUICK, decided
from loopback import clock_of, link_to, until
from other_members import Member
from page_reader import Browser, Place, place, served

from identity.keys import to_did
from node.domain.law.charter import RULES
from node.domain.law.membership import LeaveSpace, SuspendMember
from node.domain.law.powers import POWERS
from node.ingest import deciding


@pytest.fixture
async def garden(tmp_path: Path) -> AsyncIterator[Place]:
    """The founder of a space in which votes last a day, a browser, and the space's address."""
    async with place(tmp_path / "node", rules=QUICK) as one:
        yield one


async def test_the_rules_are_shown_as_sentences_with_who_seals_and_how_they_came_about(garden: Place) -> None:
    node, space, browser, here = garden
    decision = await decided(space.id, [node], ["rule", "vouchers", 5])

    rules = await browser.open(f"{here}/charter")

    charter = node.road.spaces[space.id].law.present().sealed.charter
    assert [name for name in RULES if RULES[name].sentence(charter[name]) not in rules.text] == []
    assert "5 members have to vouch, or all, while there are fewer. Version 2." in rules.text
    assert "Inês seals what was decided" in rules.text
    assert "The space was founded with its first rules." in rules.text
    assert rules.links["The decision"] == f"{here}/decisions/{decision.hex()}"
    assert rules.links["Propose a change: Who is let in"] == f"{here}/decisions/new/rule?rule=admission"


async def test_who_founded_a_space_accepted_its_first_rules_and_is_asked_about_later_ones(garden: Place) -> None:
    node, space, browser, here = garden
    first = await browser.open(f"{here}/charter")
    await decided(space.id, [node], ["rule", "vouchers", 5])

    asked = await browser.open(f"{here}/charter")
    accepted = await browser.send(asked.form("/charter/accept"))
    stale = await browser.send(asked.form("/charter/accept"), version="1")

    assert "You accepted it on" in first.text
    assert "You accepted version 1 of these rules; by now version 2 holds." in asked.text
    assert "You accepted version 2 of the rules." in accepted.text
    assert "You accepted it on" in accepted.text
    assert "The rules have changed meanwhile." in stale.text


async def test_a_newcomer_reads_the_rules_and_accepts_them_before_the_first_post(garden: Place, tmp_path: Path) -> None:
    node, space, _, here = garden
    wishes: dict[str, Any] = {"listen": ("/ip4/127.0.0.1/tcp/0",), "clock": clock_of(node)}
    await node.start_network()
    link = await link_to(node, space)

    async with served(tmp_path / "other", **wishes) as (other, site), Browser(site) as theirs:
        await other.name_yourself("Bola")
        await other.start_network()
        offered = await theirs.send((await theirs.open("/join")).form("/join"), invite=link)
        waiting = await theirs.send(offered.form("/join"))
        await until(lambda: other.road.spaces[space.id].state == "member")
        hello = await theirs.open(waiting.url)
        feed = await theirs.send(hello.form("/charter/accept"))
        again = await theirs.open(f"{here}/hello")

    assert "You read its rules as soon as you are let in" in offered.text
    assert hello.url == f"{here}/hello"
    assert "Welcome to Garden" in hello.text
    assert "Every member may invite." in hello.text
    assert "You accepted version 1 of the rules." in feed.text
    assert (feed.url, again.url) == (f"{here}/welcome", here)


async def test_who_may_do_what_is_one_page_with_what_i_may_and_who_holds_which_role(garden: Place) -> None:
    node, space, browser, here = garden
    bola = await Member.join(node, space, "Bola")
    until_ms = node.clock_ms() + 20 * 86_400_000
    decision = await decided(space.id, [node], ["role", bola.root.public, "treasurer", "tools", until_ms])

    powers = await browser.open(f"{here}/powers")

    assert [power.words for power in POWERS if power.words not in powers.text] == []
    assert "The auditor." in powers.text
    assert "Every member. You may" in powers.text
    assert "The members, by a sealed decision. Not by yourself" in powers.text
    assert "Treasurer for tools" in powers.text
    assert "without a term Steward" in powers.text
    assert powers.links["The decision"] == f"{here}/decisions/{decision.hex()}"


async def test_a_space_that_was_left_is_read_only(garden: Place) -> None:
    node, space, browser, here = garden
    feed = await browser.open(here)
    await node.road.submit(space, LeaveSpace())

    left = {path: await browser.open(f"{here}{path}") for path in ("", "/people", "/charter", "/powers", "/log")}
    refused = await browser.send(feed.form(here), text="Still here?")

    assert {path: (page.status, page.url) for path, page in left.items()} == {
        path: (200, f"{here}{path}") for path in left
    }
    assert "You do not belong to this space any more." in left[""].text
    assert not [form for form in left[""].forms if form.action == here]
    assert "Propose a change" not in left["/charter"].text
    assert refused.status == 422
    assert "You have left this space" in refused.text


async def test_leaving_says_what_happens_and_holds_at_once(garden: Place) -> None:
    node, space, browser, here = garden
    await Member.join(node, space, "Bola")
    asked = await browser.open(f"{here}/leave")

    unsure = await browser.send(asked.form("/leave"))
    left = await browser.send(asked.form("/leave"), sure="1")
    again = await browser.open(f"{here}/leave")

    assert "First take everything with you" in asked.text
    assert asked.links["Take everything with you"] == f"{here}/archive"
    assert "Decisions cannot be sealed without you." in asked.text
    assert "The others get new keys" in asked.text
    assert unsure.status == 422
    assert "Say that you are sure" in unsure.text
    assert "You have left Garden." in left.text
    assert node.road.spaces[space.id].state == "left"
    assert again.url == here


# -- people ------------------------------------------------------------------------------------------------------------


async def test_people_bear_their_roles_and_a_moderator_pauses_one_of_them(garden: Place) -> None:
    node, space, browser, here = garden
    bola = await Member.join(node, space, "Bola")
    await decided(space.id, [node], ["rule", "suspenders", 1])
    them = f"{here}/people/{to_did(bola.root.public)}"

    people = await browser.open(f"{here}/people")
    person = await browser.open(them)
    paused = await browser.send(person.form("/pause"))
    me = await browser.open(f"{here}/people/{to_did(node.me.person)}")

    assert "Steward Moderator Welcomer Auditor" in people.text
    assert person.links["Propose a removal …"].endswith(f"/decisions/new/remove?person={to_did(bola.root.public)}")
    assert "Their posting is paused." in paused.text or "Posting paused until" in paused.text
    assert "Posting paused until" in (await browser.open(f"{here}/people")).text
    assert "Propose to end the pause" in paused.links
    assert "Propose a removal …" not in me.links
    assert not [form for form in me.forms if form.action.endswith("/pause")]


async def test_who_was_removed_still_has_a_page_that_says_so(garden: Place) -> None:
    node, space, browser, here = garden
    bola = await Member.join(node, space, "Bola")
    await decided(space.id, [node], ["remove", bola.root.public])

    person = await browser.open(f"{here}/people/{to_did(bola.root.public)}")
    people = await browser.open(f"{here}/people")
    back = await browser.open(f"{here}/decisions/new/readmit")

    assert "No longer a member" in person.text
    assert "Propose a removal …" not in person.links
    assert "Bola" not in people.text
    assert "Bola" in back.text


# -- knocks ------------------------------------------------------------------------------------------------------------


async def test_a_knock_shows_who_vouched_and_how_many_are_missing_and_one_vouches(tmp_path: Path) -> None:
    async with place(tmp_path / "node", "Mill", {"admission": "vouch", "vouchers": 2}) as (node, space, browser, here):
        nobody = await browser.open(f"{here}/knocks")
        _, first = await Member.knock(node, space, 4)
        alone = await browser.open(f"{here}/knocks")
        let_in = await browser.send(alone.form("/vouch"))
        _, knocked = await Member.knock(node, space, 5)

        people = await browser.open(f"{here}/people")
        waiting = await browser.open(people.links["1 person waits to be let in"])
        vouched = await browser.send(waiting.form("/vouch"))
        refused = await browser.send(waiting.form("/vouch"))

        assert "Nobody waits" in nobody.text
        assert alone.form("/vouch").action == f"{here}/knocks/{first.hex()}/vouch"
        assert "One more has to vouch." in alone.text
        assert "You vouched, and they are in." in let_in.text
        assert "2 more have to vouch." in waiting.text
        assert "Invited by Inês" in waiting.text
        assert "Guest" in waiting.text
        assert "Until then they are guests" in waiting.text
        assert "They are told that it was you." in waiting.text
        assert waiting.form("/vouch").action == f"{here}/knocks/{knocked.hex()}/vouch"
        assert "You vouched." in vouched.text
        assert "Vouched for by Inês" in vouched.text
        assert "One more has to vouch." in vouched.text
        assert refused.status == 422
        assert "Vouched for already." in refused.text


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"admission": "vouch", "vouchers": 1}, "They are a member as soon as 1 member has vouched for them."),
        ({"admission": "vote"}, "Whoever the members decide to let in, is let in."),
        ({}, "whoever has it can join"),
    ],
)
async def test_an_invitation_says_whether_it_makes_a_guest(tmp_path: Path, rules: dict[str, Any], words: str) -> None:
    async with served(tmp_path / "node") as (node, site), Browser(site) as browser:
        await node.name_yourself("Inês")
        space = await node.found("Mill", rules)
        await link_to(node, space)

        page = await browser.open(f"/s/{space.id.hex()[:16]}/invite")

        assert words in page.text
        assert ("becomes a guest" in page.text) is bool(rules)


async def test_where_the_members_vote_on_newcomers_a_knock_leads_to_a_proposal(tmp_path: Path) -> None:
    async with place(tmp_path / "node", "Net", {"admission": "vote", "voting_days": 2}) as (node, space, browser, here):
        await Member.knock(node, space, 5)

        waiting = await browser.open(f"{here}/knocks")
        asked = await browser.open(waiting.links["Propose to let them in"])
        made = await browser.send(asked.form("/new/admit"))

        assert "Whoever the members decide to let in, is let in." in waiting.text
        assert not [form for form in waiting.forms if form.action.endswith("/vouch")]
        assert "is let in." in made.text


# -- the public log ----------------------------------------------------------------------------------------------------


async def test_the_log_reads_like_minutes_and_each_line_opens_its_signed_change(garden: Place) -> None:
    node, space, browser, here = garden
    bola = await Member.join(node, space, "Bola")
    decision = await decided(space.id, [node], ["rule", "vouchers", 5])
    await deciding.submit(node.road, node.road.spaces[space.id], SuspendMember(bola.root.public))

    log = await browser.open(f"{here}/log")
    sealed = await browser.open(log.links["sealed the result: 5 members have to vouch, or all, while there are fewer."])
    proposed = await browser.open(log.links["proposed: 5 members have to vouch, or all, while there are fewer."])

    for words in (
        "proposed: 5 members have to vouch, or all, while there are fewer.",
        "opened the vote: 5 members have to vouch, or all, while there are fewer.",
        "voted yes: 5 members have to vouch, or all, while there are fewer.",
        "closed the vote: 5 members have to vouch, or all, while there are fewer.",
        "let Bola in",
        "asked to pause what Bola posts",
    ):
        assert words in log.text
    assert sealed.links["To the decision"] == f"{here}/decisions/{decision.hex()}"
    assert "Hash of the ballots" in sealed.text
    assert "What a yes changes 5 members have to vouch, or all, while there are fewer." in proposed.text


async def test_the_log_is_narrowed_down_by_kind_person_and_words(garden: Place) -> None:
    node, space, browser, here = garden
    bola = await Member.join(node, space, "Bola")
    for number in range(60):
        await bola.write(f"Post {number}")
    await decided(space.id, [node], ["rule", "vouchers", 5])
    did = to_did(bola.root.public)

    votes = await browser.open(f"{here}/log?kind=deciding")
    theirs = await browser.open(f"{here}/log?who={did}&kind=posts")
    older = await browser.open(theirs.links["Older changes"])
    found = await browser.open(f"{here}/log?q=SEALED+result")
    nothing = await browser.open(f"{here}/log?q=xylophone")
    nonsense = await browser.open(f"{here}/log?kind=crowns&who=nobody&before=-1")

    assert "wrote a post" not in votes.text
    assert "voted yes" in votes.text
    assert (theirs.html.count("<tr id="), older.html.count("<tr id=")) == (50, 10)
    assert f"who={did.replace(':', '%3A')}" in theirs.links["Older changes"]
    assert found.html.count("<tr id=") == 1
    assert "Nothing of that kind here" in nothing.text
    assert nonsense.html.count("<tr id=") == 50
