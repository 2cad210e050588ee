"""A brought past in a real browser: it comes in where its date puts it, and moves nothing that is new."""

from collections.abc import Iterator

import pytest
from community import Laptop, Loop
from loopback import HOUR_MS
from playwright.sync_api import Browser, Page, expect

from node.domain.posts import ImportPost

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def laptop(loop: Loop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    """A laptop with a space of its own."""
    laptop = Laptop(loop, tmp_path_factory.mktemp("past"))
    loop.run(laptop.node.name_yourself("Inês"))
    loop.run(laptop.node.found("Garden"))
    yield laptop
    laptop.close()


@pytest.fixture
def feed(browser: Browser, laptop: Laptop) -> Iterator[Page]:
    """The open feed."""
    with laptop.opened(browser) as page:
        page.goto(laptop.here)
        laptop.follow()
        yield page


def bring(laptop: Laptop, text: str, ago_ms: int) -> None:
    """Import one post."""
    node = laptop.node
    source = text.encode().ljust(16)[:16]
    post = ImportPost(text, None, None, [], node.clock_ms() - ago_ms, "", source)
    laptop.loop.run(node.road.submit(laptop.space, post))


def test_imported_posts_come_in_by_their_dates_and_new_ones_at_the_top(feed: Page, laptop: Laptop) -> None:
    cards = feed.locator("#posts .prose")
    laptop.write("today")
    expect(cards).to_have_text(["today"])

    bring(laptop, "long ago", 9_000 * HOUR_MS)
    expect(cards).to_have_text(["today", "long ago"])
    bring(laptop, "last month", 700 * HOUR_MS)
    expect(cards).to_have_text(["today", "last month", "long ago"])
    laptop.write("just now")
    expect(cards).to_have_text(["just now", "today", "last month", "long ago"])

    feed.reload()
    expect(cards).to_have_text(["just now", "today", "last month", "long ago"])


def test_who_is_reading_is_not_called_to_what_was_imported(feed: Page, laptop: Laptop) -> None:
    laptop.write("to be read")
    feed.locator("#posts [data-item]").first.focus()

    bring(laptop, "of last week", 160 * HOUR_MS)
    laptop.write("news")

    expect(feed.locator("[data-live-show]")).to_have_text("1 new post")
