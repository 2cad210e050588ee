"""Coming back with the 24 words, in a real browser: a wrong word is named, the right ones make the same person."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from community import Laptop, Loop
from playwright.sync_api import Browser, Page, expect

from identity.phrase import write_phrase

pytestmark = pytest.mark.browser

SEED = bytes(range(32))


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Laptop]:
    """A laptop where nobody has said their name."""
    loop = Loop()
    laptop = Laptop(loop, tmp_path)
    yield laptop
    laptop.close()
    loop.stop()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_24_words_are_a_door_of_the_first_page(
    browser: Browser, fresh: Laptop, scheme: str, faults: Callable[[Page], list[str]]
) -> None:
    words = write_phrase(SEED).split()
    context = browser.new_context(
        viewport={"width": 390, "height": 844},
        color_scheme="dark" if scheme == "dark" else "light",
        locale="en",
    )
    page = context.new_page()
    fresh.let_in(page)
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

    context.close()
    assert {name: fault for name, fault in found.items() if fault} == {}
    assert fresh.node.me.root is not None
    assert fresh.node.me.root.seed == SEED
