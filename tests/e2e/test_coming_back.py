"""Coming back with the 24 words, in a real browser: a wrong word is named, the right ones make the same person."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from community import Faults, Laptop, Loop
from playwright.sync_api import Browser, Page, expect

from identity.phrase import write_phrase

pytestmark = pytest.mark.browser

SEED = bytes(range(32))


@pytest.fixture
def fresh(loop: Loop, tmp_path: Path) -> Iterator[Laptop]:
    """A laptop where nobody has said their name."""
    laptop = Laptop(loop, tmp_path)
    yield laptop
    laptop.close()


def test_the_24_words_are_a_door_of_the_first_page(browser: Browser, fresh: Laptop, everywhere: Faults) -> None:
    words = write_phrase(SEED).split()
    with fresh.opened(browser, (390, "light", "en")) as page:
        found = come_back(page, words, everywhere)

    assert {name: fault for name, fault in found.items() if fault} == {}
    assert fresh.node.me.root is not None
    assert fresh.node.me.root.seed == SEED


def come_back(page: Page, words: list[str], faults: Faults) -> dict[str, list[str]]:
    """Mistype a word, and then type it right; returns what is wrong with each page on the way."""
    found = {"first": faults(page)}
    page.get_by_role("link", name="I have my 24 words").click()
    page.get_by_label("Your 24 words, in their order").fill(" ".join([*words[:4], "gardin", *words[5:]]))
    page.get_by_label("Your name").fill("Inês")
    found["asked"] = faults(page)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("Word 5, “gardin”, is not in the list")).to_be_visible()
    found["refused"] = faults(page)
    page.get_by_label("Your 24 words, in their order").fill("\n".join(words))
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("You are back, with a new key for this laptop.")).to_be_visible()
    found["back"] = faults(page)
    return found
