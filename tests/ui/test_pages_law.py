"""The pages of law, without scripts: rules, who may do what, accepting, leaving."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from loopback import link_to, until
from other_members import Member
from page_reader import Browser, served

from node.domain.law.charter import RULES
from node.domain.law.membership import LeaveSpace
from node.domain.law.powers import POWERS
from node.ingest import deciding
from node.ingest.spaces import Space
from node.runtime import Node

Place = tuple[Node, Space, Browser, str]
QUICK = {"voting_days": 0, "grace_hours": 0, "quorum": [0, 1], "grave_threshold": [1, 2]}


@pytest.fixture
async def garden(tmp_path: Path) -> AsyncIterator[Place]:
    """The founder of a space in which votes last a second, a browser, and the space's address."""
    async with served(tmp_path / "node") as (node, site), Browser(site) as browser:
        await node.name_yourself("Inês")
        space = await node.found("Garden", QUICK)
        yield node, space, browser, f"/s/{space.id.hex()[:16]}"


async def decide(node: Node, space: Space, *effects: list[object]) -> bytes:
    """Propose something, vote for it, and wait until it is sealed."""
    change = await deciding.propose(node.road, space, effects)
    await deciding.vote(node.road, space, change.id, "yes")
    await until(lambda: change.id in node.road.spaces[space.id].law.present().sealed.finals)
    return change.id


async def test_the_rules_are_shown_as_sentences_with_who_seals_and_how_they_came_about(garden: Place) -> None:
    node, space, browser, here = garden
    decision = await decide(node, space, ["rule", "vouchers", 5])

    rules = await browser.open(f"{here}/charter")

    charter = node.road.spaces[space.id].law.present().sealed.charter
    assert [name for name in RULES if RULES[name].sentence(charter[name]) not in rules.text] == []
    assert "5 members have to vouch. Version 2." in rules.text
    assert "Inês seals what was decided" in rules.text
    assert "The space was founded with its first rules." in rules.text
    assert rules.links["The decision"] == f"{here}/decisions/{decision.hex()}"
    assert rules.links["Propose a change: Who is let in"] == f"{here}/decisions/new/rule?rule=admission"


async def test_who_founded_a_space_accepted_its_first_rules_and_is_asked_about_later_ones(garden: Place) -> None:
    node, space, browser, here = garden
    first = await browser.open(f"{here}/charter")
    await decide(node, space, ["rule", "vouchers", 5])

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
    wishes = {"listen": ("/ip4/127.0.0.1/tcp/0",)}
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
    decision = await decide(node, space, ["role", bola.root.public, "treasurer", "tools", until_ms])

    powers = await browser.open(f"{here}/powers")

    assert [power.words for power in POWERS if power.words not in powers.text] == []
    assert "1 of 1 auditors together." in powers.text
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
