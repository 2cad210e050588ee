"""From an invitation to the first post in a real browser: how many steps it takes, and what a guest sees meanwhile."""

import asyncio
from collections.abc import Callable, Iterator

import pytest
from community import Laptop, Loop
from loopback import link_to
from playwright.sync_api import Browser, Page, expect

from node.domain.law.membership import VouchFor
from node.ingest import deciding

pytestmark = pytest.mark.browser


class Walk:
    """Somebody who walks through pages, and counts what they had to do."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.pages: list[str] = []
        self.fields = 0
        self.presses = 0
        page.on("framenavigated", lambda frame: self.pages.append(frame.url.split("?")[0].rsplit("/", 1)[-1]))

    def fill(self, label: str, words: str) -> None:
        """Fill one field."""
        self.fields += 1
        self.page.get_by_label(label, exact=True).fill(words)

    def press(self, name: str, role: str = "button") -> None:
        """Press one button, or follow one link."""
        self.presses += 1
        self.page.get_by_role(role, name=name).first.click()  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    """The loop that nodes run in."""
    running = Loop()
    yield running
    running.stop()


@pytest.fixture
def laptops(loop: Loop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Laptop, Laptop]]:
    """The laptop of somebody with a space, and one where nobody has said their name."""
    both = tuple(Laptop(loop, tmp_path_factory.mktemp(name), undo_s=0.2) for name in ("one", "two"))
    yield both[0], both[1]
    for laptop in both:
        laptop.close()


async def _invitation(laptop: Laptop, **rules: object) -> str:
    """Found a space and make an invitation with an address in it."""
    await laptop.node.name_yourself("Inês")
    space = await laptop.node.found("Garden", rules)
    while not laptop.node.addresses:
        await asyncio.sleep(0.02)
    return await link_to(laptop.node, space, uses=3)


def _join(walk: Walk, link: str) -> None:
    walk.fill("Your name", "Bola")
    walk.press("Go on")
    walk.press("I have an invitation", "link")
    walk.fill("Your invitation", link)
    walk.press("Read it")
    walk.press("Join")


def test_from_an_invitation_to_the_first_post_in_seven_pages_three_fields_and_six_presses(
    browser: Browser, loop: Loop, laptops: tuple[Laptop, Laptop]
) -> None:
    mine, theirs = laptops
    link = loop.run(_invitation(mine))
    window = browser.new_context(locale="en")
    page = window.new_page()
    theirs.let_in(page)
    walk = Walk(page)
    walk.pages.append("welcome")  # where the first open leads

    _join(walk, link)
    expect(page.locator("h1")).to_have_text("Welcome to Garden", timeout=60_000)
    walk.press("I accept version 1")
    walk.fill("Your first post", "Hello, I am Bola and I mend bicycles.")
    walk.press("Say hello")
    expect(page.locator("h1")).to_have_text("Good to have you, Bola", timeout=60_000)
    there = window.new_page()
    there.goto(theirs.here)

    expect(there.locator(".post", has_text="I mend bicycles")).to_be_visible(timeout=60_000)
    seen = [page for page in walk.pages if page != "waiting"]  # who is let in at once waits nowhere
    assert seen == ["welcome", "begin", "join", "join", "hello", "welcome", "welcome"]
    assert (walk.fields, walk.presses) == (3, 6)
    window.close()


@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_guest_follows_who_vouches_live_and_the_page_is_accessible(
    browser: Browser,
    loop: Loop,
    laptops: tuple[Laptop, Laptop],
    language: str,
    everywhere: Callable[[Page], list[str]],
) -> None:
    mine, theirs = laptops
    link = loop.run(_invitation(mine, admission="vouch", vouchers=1))
    loop.run(theirs.node.name_yourself("Bola"))
    window = browser.new_context(locale=language)
    page = window.new_page()
    theirs.let_in(page)
    loop.run(theirs.node.join(link))
    page.goto(f"{theirs.here}/waiting")

    guest = page.locator("#waiting progress")
    expect(guest).to_have_attribute("max", "1", timeout=60_000)
    expect(guest).to_have_attribute("value", "0")
    trouble = everywhere(page)
    loop.run(_vouch(mine))

    page.wait_for_url("**/hello", timeout=60_000)
    assert trouble == []
    window.close()


async def _vouch(laptop: Laptop) -> None:
    (knock,) = [id_ for id_, join in laptop.space.law.joins.items() if not join.admitted]
    await deciding.submit(laptop.node.road, laptop.space, VouchFor(knock))
