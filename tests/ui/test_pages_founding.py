"""Founding under rules of one's choice, without scripts: templates in words, every rule a field, refusals at them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from page_reader import Browser, served

from node.domain.law.charter import RULES
from node.runtime import Node

Place = tuple[Node, Browser]


@pytest.fixture
async def ines(tmp_path: Path) -> AsyncIterator[Place]:
    """Somebody without a space, and a browser."""
    async with served(tmp_path / "node") as (node, site), Browser(site) as browser:
        await node.name_yourself("Inês")
        yield node, browser


def charter_of(node: Node):  # type: ignore[no-untyped-def]
    return next(iter(node.road.spaces.values())).law.present().sealed.charter


async def test_four_templates_are_offered_with_every_rule_as_its_sentence(ines: Place) -> None:
    _, browser = ines

    begin = await browser.open("/begin")

    for words in ("Circle of friends", "Neighbourhood group", "Cooperative", "Network of groups"):
        assert words in begin.text
    assert "Whoever enough members vouch for is let in." in begin.text
    assert begin.html.count("Every rule of it") == 4


async def test_a_space_is_founded_under_a_template_at_once(ines: Place) -> None:
    node, browser = ines
    begin = await browser.open("/begin")

    feed = await browser.send(begin.form("/begin"), name="Mill", template="cooperative")

    assert "Mill is founded." in feed.text
    assert (charter_of(node)["admission"], charter_of(node)["vouchers"]) == ("vouch", 2)


async def test_each_rule_can_be_changed_before_founding(ines: Place) -> None:
    node, browser = ines
    begin = await browser.open("/begin")

    shown = await browser.send(begin.form("/begin"), name="Mill", template="cooperative", change="rules")
    form = shown.form("/begin")
    asked = {name for name in RULES if f"rule_{name}" in form.fields}
    await browser.send(form, rule_vouchers="3", rule_quorum="1/3", rule_publish_log="yes", rule_competences_water="1")

    assert asked == {*RULES} - {"parents", "continues"}
    assert form.fields["name"] == "Mill"
    assert (form.fields["rule_admission"], form.fields["rule_vouchers"]) == ("vouch", "2")
    charter = charter_of(node)
    assert [charter[name] for name in ("vouchers", "quorum", "publish_log", "competences")] == [
        3,
        [1, 3],
        True,
        ["water"],
    ]
    assert charter["grave_threshold"] == [3, 4]


async def test_what_a_rule_cannot_be_comes_back_at_its_field_with_all_that_was_typed(ines: Place) -> None:
    node, browser = ines
    begin = await browser.open("/begin")
    shown = await browser.send(begin.form("/begin"), name="Mill", template="circle", change="rules")

    refused = await browser.send(shown.form("/begin"), rule_vouchers="30", rule_voting_days="9", rule_quorum="2/1")

    assert refused.status == 422
    assert "Give a whole number from 1 to 20." in refused.text
    assert "This rule cannot be so." in refused.text
    assert 'id="f-rule_vouchers-error"' in refused.html
    fields = refused.form("/begin").fields
    assert (fields["rule_vouchers"], fields["rule_voting_days"], fields["name"]) == ("30", "9", "Mill")
    assert not node.road.spaces


async def test_other_rules_can_still_be_chosen_and_nothing_typed_is_lost(ines: Place) -> None:
    _, browser = ines
    begin = await browser.open("/begin")
    shown = await browser.send(begin.form("/begin"), name="Mill", template="network", change="rules")

    again = await browser.send(shown.form("/begin"), change="template")

    assert again.form("/begin").fields["template"] == "network"
    assert again.form("/begin").fields["name"] == "Mill"
    assert "Every rule of it" in again.text


async def test_a_space_can_be_founded_as_part_of_another(ines: Place) -> None:
    node, browser = ines
    street = await node.found("Street")
    begin = await browser.open("/begin")
    shown = await browser.send(begin.form("/begin"), name="House 3", template="circle", change="rules")

    await browser.send(shown.form("/begin"), **{f"rule_parents_{street.id.hex()}": "1"})

    house = next(space for space in node.road.spaces.values() if space.name == "House 3")
    assert house.law.present().sealed.charter["parents"] == [street.id]


async def test_an_invented_template_founds_under_what_holds_by_default(ines: Place) -> None:
    node, browser = ines
    begin = await browser.open("/begin")

    await browser.send(begin.form("/begin"), name="Mill", template="monarchy")

    assert charter_of(node).said() == []
