"""The pages of law in a real browser: accessible in every state, and a vote by keyboard and mouse."""

from collections.abc import Iterator

import pytest
from community import Faults, Laptop, Loop
from gardens import QUICK, decided
from loopback import DAY_MS
from other_members import Member
from playwright.sync_api import Browser, expect

from identity.keys import to_did
from node.domain.law.membership import VouchFor
from node.ingest import deciding
from node.runtime import Node

pytestmark = pytest.mark.browser

RULES = {**QUICK, "admission": "vouch", "suspenders": 1}


@pytest.fixture(scope="module")
def mill(loop: Loop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Laptop, dict[str, str]]]:
    """A laptop with a space in which much was decided, and the addresses of its pages of law."""
    laptop = Laptop(loop, tmp_path_factory.mktemp("mill"))
    yield laptop, loop.run(settle(laptop.node))
    laptop.close()


async def settle(node: Node) -> dict[str, str]:
    """Fill a node with a space in every state of deciding; returns the addresses of its pages."""
    await node.name_yourself("Inês Duarte")
    space = await node.found("Mill cooperative", RULES)
    here = f"/s/{space.id.hex()[:16]}"
    bola, first = await Member.knock(node, space, 1)
    await deciding.submit(node.road, space, VouchFor(first))
    await bola.until_let_in()
    await bola.rename("Bola Adeyemi")
    await Member.knock(node, space, 2)
    until_ms = node.clock_ms() + 90 * DAY_MS
    why = "Somebody has to look after the **money**."
    passed = await decided(space.id, [node], ["role", bola.root.public, "treasurer", "tools", until_ms], text=why)
    await decided(space.id, [node], ["rule", "voting_days", 2])
    voting = (await deciding.propose(node.road, space, [["rule", "vouchers", 3]], 5, "We are **more** by now.")).id
    them = to_did(bola.root.public)
    return {
        "found": "/begin",
        "charter": f"{here}/charter",
        "powers": f"{here}/powers",
        "decisions": f"{here}/decisions",
        "passed": f"{here}/decisions/{passed.hex()}",
        "voting": f"{here}/decisions/{voting.hex()}",
        "vote": f"{here}/decisions/{voting.hex()}/vote/yes",
        "new": f"{here}/decisions/new",
        **{kind: f"{here}/decisions/new/{kind}" for kind in ("role", "unrole", "auditors", "remove", "readmit")},
        "rule": f"{here}/decisions/new/rule?rule=competences",
        "knocks": f"{here}/knocks",
        "people": f"{here}/people",
        "person": f"{here}/people/{them}",
        "leave": f"{here}/leave",
        "log": f"{here}/log?kind=deciding",
        "log nothing": f"{here}/log?q=xylophone",
    }


@pytest.mark.parametrize("language", ["en", "ar"])
def test_axe_finds_nothing_on_the_pages_of_law(
    browser: Browser, mill: tuple[Laptop, dict[str, str]], language: str, everywhere: Faults
) -> None:
    laptop, addresses = mill

    with laptop.opened(browser, (1280, "light", language)) as page:
        found = laptop.walked(page, addresses, everywhere)

    assert found == []


def test_axe_finds_nothing_on_forms_of_law_that_came_back(
    browser: Browser, mill: tuple[Laptop, dict[str, str]], faults: Faults
) -> None:
    laptop, addresses = mill
    found: list[str] = []

    with laptop.opened(browser) as page:
        page.goto(laptop.site.url + addresses["found"])
        page.get_by_label("What is it called?").fill("Oven")
        page.get_by_label("Cooperative").check()
        page.get_by_role("button", name="Change the rules first").click()
        expect(page.get_by_label("What is it called?")).to_have_value("Oven")
        found += faults(page)
        page.get_by_label("How many have to vouch").evaluate("box => { box.max = '' }")
        page.get_by_label("How many have to vouch").fill("99")
        page.get_by_role("button", name="Found the space").click()
        expect(page.locator(".error")).to_contain_text("Give a whole number from 1 to 20.")
        found += faults(page)
        page.goto(laptop.site.url + addresses["leave"])
        page.get_by_role("button", name="Leave now").click()
        expect(page.locator(".error")).to_contain_text("Say that you are sure")
        found += faults(page)

    assert found == []


def test_one_votes_and_changes_ones_mind(browser: Browser, mill: tuple[Laptop, dict[str, str]]) -> None:
    laptop, addresses = mill

    with laptop.opened(browser, (390, "light", "en")) as page:
        page.goto(laptop.site.url + addresses["decisions"])
        page.get_by_role("link", name="3 members have to vouch, or all, while there are fewer.").click()
        page.get_by_role("link", name="Yes", exact=True).click()
        page.get_by_role("button", name="Vote yes").click()
        expect(page.get_by_text("You voted: Yes")).to_be_visible()
        page.get_by_role("link", name="No", exact=True).click()
        page.get_by_role("button", name="Vote no").click()

        expect(page.get_by_text("You voted: No")).to_be_visible()
        expect(page.get_by_text("Your ballot is signed.")).to_be_visible()
