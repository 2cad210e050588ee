"""Profile, consents and welcome in a real browser: accessible in every look, and no wider than their window."""

from collections.abc import Iterator

import pytest
from community import Faults, Laptop, Loop
from other_members import Member
from playwright.sync_api import Browser, expect

from identity.keys import to_did
from node.domain.consents import AskConsent, SetConsent
from node.domain.profiles import SetField
from node.ingest import writing
from node.ingest.profiles import Wish, set_fields

pytestmark = pytest.mark.browser

FIELD = "own:0123456789abcdef"


async def fill(laptop: Laptop) -> dict[str, str]:
    """Give a laptop a space with people who say things of themselves, ask and answer; returns its pages."""
    node = laptop.node
    await node.name_yourself("Inês Duarte")
    space = await node.found("Community garden")
    bola = await Member.join(node, space, "Bola Adeyemi", 1)
    samir = await Member.join(node, space, "Samir Nasser", 2)
    them, me = bola.root.public, node.me.person
    for name, value in {"skills": "Bicycles, bread", "needs": "A long ladder", "about": "I live by the mill."}.items():
        await bola.say(SetField(them, name, "space", "", value, b"", b"", []))
    wishes = [Wish("skills", "I repair bicycles"), Wish("contact", "Mill Lane 3", "people", [them]),
              Wish("needs", "A quiet room", "me"), Wish(FIELD, "No gluten", "space", (), "Food")]  # fmt: skip
    await set_fields(node.road, space, wishes)
    await bola.say(SetConsent(them, "mention", b"", 1, True))
    await bola.say(AskConsent(me, "mention", them))
    await samir.say(SetConsent(samir.root.public, "mention", me, 1, False))
    hello = await writing.post_command(node.road, space, "Welcome @Bola, who mends bicycles.", None)
    await node.road.submit(space, hello)
    empty = await node.found("Tool library")
    here, there = f"/s/{space.id.hex()[:16]}", f"/s/{empty.id.hex()[:16]}"
    return {
        "profile": f"{here}/profile",
        "profile empty": f"{there}/profile",
        "field": f"{here}/profile/contact",
        "field of one's own": f"{here}/profile/{FIELD}",
        "name": f"{here}/profile/name",
        "consents": f"{here}/consents",
        "consents empty": f"{there}/consents",
        "welcome": f"{there}/welcome",
        "welcome said": f"{here}/welcome",
        "feed": here,
        "me": f"{here}/people/{to_did(me)}",
        "person": f"{here}/people/{to_did(them)}",
        "settings": "/settings",
    }


@pytest.fixture(scope="module")
def garden(loop: Loop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Laptop, dict[str, str]]]:
    """A laptop with people, and the addresses of pages."""
    laptop = Laptop(loop, tmp_path_factory.mktemp("people"))
    yield laptop, loop.run(fill(laptop))
    laptop.close()


@pytest.mark.parametrize("language", ["en", "ar"])
def test_every_page_of_people_is_accessible_and_fits(
    browser: Browser, garden: tuple[Laptop, dict[str, str]], language: str, everywhere: Faults
) -> None:
    laptop, pages = garden

    with laptop.opened(browser, (1280, "light", language)) as page:
        found = laptop.walked(page, pages, everywhere)

    assert found == []


def test_a_newcomer_says_hello_by_keyboard_alone(browser: Browser, garden: tuple[Laptop, dict[str, str]]) -> None:
    laptop, pages = garden

    with laptop.opened(browser, (390, "light", "en"), java_script_enabled=False) as page:
        page.goto(laptop.site.url + pages["welcome"])
        page.get_by_label("Your first post").fill("I keep the tools.")
        page.get_by_label("What you can do").fill("Sharpening")
        page.get_by_label("Others may mention me by @name").check()
        page.get_by_label("Your first post").focus()
        page.get_by_role("button", name="Say hello").press("Enter")

        expect(page.get_by_text("You have said hello.")).to_be_visible()
        expect(page.get_by_role("heading", level=1)).to_have_text("Good to have you, Inês Duarte")
