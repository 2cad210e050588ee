"""The pages of real nodes in a real browser: accessible in every state, by keyboard, live, and between two laptops."""

import time
from collections.abc import Iterator

import pytest
from community import Faults, Laptop, Loop, settle
from loopback import until
from playwright.sync_api import Browser, BrowserContext, Route, expect

pytestmark = pytest.mark.browser

MIRRORED = ("feed", "thread", "page edit", "invite empty", "connections", "log", "change", "settings")
"""What is looked at mirrored: tables, long words and forms. All of it is made of the same parts."""


@pytest.fixture(scope="module")
def garden(loop: Loop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Laptop, dict[str, str]]]:
    """A laptop with a lively space, and the parts of addresses in it."""
    laptop = Laptop(loop, tmp_path_factory.mktemp("garden"))
    yield laptop, loop.run(settle(laptop.node))
    laptop.close()


@pytest.fixture
def alone(loop: Loop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    """A laptop where nobody has said their name."""
    laptop = Laptop(loop, tmp_path_factory.mktemp("alone"))
    yield laptop
    laptop.close()


@pytest.fixture
def window(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh browser profile."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en")
    yield context
    context.close()


def addresses(parts: dict[str, str]) -> dict[str, str]:
    """Return every page, filled and empty."""
    here, there, first, mine = parts["here"], parts["there"], parts["first"], parts["mine"]
    return {
        "feed": here,
        "feed empty": there,
        "thread": f"{here}/posts/{first}",
        "edit": f"{here}/posts/{mine}/edit",
        "retract": f"{here}/posts/{mine}/retract",
        "history": f"{here}/posts/{mine}/history",
        "people": f"{here}/people",
        "people alone": f"{there}/people",
        "page": f"{here}/page",
        "page empty": f"{there}/page",
        "page edit": f"{here}/page/edit",
        "page versions": f"{here}/page/versions",
        "invite empty": f"{there}/invite",
        "workshop empty": f"{there}/workshop",
        "connections": "/connections",
        "log": f"{here}/log",
        "log refused": f"{here}/log?show=refused",
        "log nothing refused": f"{there}/log?show=refused",
        "change": f"{here}/log/{first}",
        "settings": "/settings",
        "devices": "/settings/devices",
        "search": "/search?q=the",
        "search nothing": "/search?q=xylophone",
        "search empty": "/search",
        "begin": "/begin",
        "join": "/join",
        "not found": "/nothing",
        "not there": f"{here}/posts/00",
    }


@pytest.mark.parametrize("language", ["en", "ar"])
def test_axe_finds_nothing_on_any_page_filled_empty_or_missing(
    browser: Browser, garden: tuple[Laptop, dict[str, str]], language: str, everywhere: Faults
) -> None:
    laptop, parts = garden
    pages = {name: address for name, address in addresses(parts).items() if language == "en" or name in MIRRORED}
    trouble: list[str] = []

    with laptop.opened(browser, (1280, "light", language)) as page:
        page.on("pageerror", lambda error: trouble.append(str(error)))
        trouble += laptop.walked(page, pages, everywhere)
        page.goto(laptop.site.url + parts["here"])
        page.locator(".row .who, .by a").last.click()
        trouble += [f"person: {fault}" for fault in everywhere(page)]

    assert trouble == []


def test_axe_finds_nothing_on_forms_that_came_back(
    window: BrowserContext, garden: tuple[Laptop, dict[str, str]], faults: Faults
) -> None:
    laptop, parts = garden
    page = window.new_page()
    laptop.let_in(page)
    found: dict[str, list[str]] = {}
    wrong = (
        ("feed", parts["here"], ".composer", "text", " "),
        ("edit", f"{parts['here']}/posts/{parts['mine']}/edit", "main form", "text", " "),
        ("invite", f"{parts['there']}/invite", "main form.form", "uses", "0"),
        ("connections", "/connections", "main form.form", "address", "kitchen"),
        ("join", "/join", "main form", "invite", "commons:join/AAAA"),
        ("begin", "/begin", "main form", "name", " "),
        ("settings", "/settings", "#identity", "name", " "),
        ("passphrase", "/settings", "#passphrase", "again", "other"),
    )

    for name, address, form, field, text in wrong:
        page.goto(laptop.site.url + address)
        for box in page.locator(f"{form} [required]").all():
            box.evaluate("box => { box.required = false; box.removeAttribute('min') }")
        page.locator(f"{form} [name={field}]").fill(text)
        page.locator(f"{form} button[type=submit]:not([name])").last.click()
        expect(page.locator(".error").first).to_be_visible()
        found[name] = faults(page)
    page.goto(f"{laptop.site.url}/settings")
    page.get_by_role("button", name="Show my 24 words").click()
    expect(page.locator(".words.counted li")).to_have_count(24)
    found["phrase"] = faults(page)

    assert {name: faults for name, faults in found.items() if faults} == {}


def test_first_open_in_under_two_minutes_with_every_step_accessible(
    window: BrowserContext, alone: Laptop, faults: Faults
) -> None:
    page = window.new_page()
    began = time.monotonic()

    alone.let_in(page)
    found = faults(page)
    page.get_by_label("Your name", exact=True).fill("Inês")
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("What is it called?").fill("Garden")
    page.get_by_role("button", name="Found the space").click()
    page.get_by_role("textbox", name="Write to Garden").fill("Hello!")
    page.get_by_role("button", name="Share").click()
    expect(page.locator(".post.waiting")).to_contain_text("Hello!")
    found += faults(page)

    assert found == []
    assert time.monotonic() - began < 120


def test_the_feed_is_walked_and_answered_by_keyboard_alone(
    window: BrowserContext, garden: tuple[Laptop, dict[str, str]]
) -> None:
    laptop, parts = garden
    page = window.new_page()
    laptop.let_in(page)
    page.goto(laptop.site.url + parts["here"])

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    for _ in range(3):
        page.keyboard.press("j")
    third = page.evaluate("document.activeElement.id")
    page.keyboard.press("k")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.id") == third != ""
    page.keyboard.press("n")
    page.keyboard.type("By keys alone")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.locator(".post.waiting").first).to_contain_text("By keys alone")
    expect(page.locator("#say")).to_have_value("")
    page.keyboard.press("/")
    page.wait_for_url("**/search")


def test_focus_is_never_hidden_while_one_tabs_through_the_feed(
    window: BrowserContext, garden: tuple[Laptop, dict[str, str]]
) -> None:
    laptop, parts = garden
    page = window.new_page()
    laptop.let_in(page)
    page.set_viewport_size({"width": 390, "height": 700})
    page.goto(laptop.site.url + parts["here"])
    hidden = []

    for _ in range(40):
        page.keyboard.press("Tab")
        seen = page.evaluate(
            "(() => { const e = document.activeElement; if (e === document.body) return true;"
            " const r = e.getBoundingClientRect();"
            " const at = document.elementFromPoint(r.x + r.width / 2, r.y + Math.min(r.height / 2, 20));"
            " return !!at && (e.contains(at) || at.contains(e) || !!at.closest('label')) })()"
        )
        if not seen:
            hidden.append(page.evaluate("document.activeElement.outerHTML.slice(0, 120)"))

    assert hidden == []


def test_a_draft_survives_a_closed_tab_and_is_gone_once_shared(
    window: BrowserContext, garden: tuple[Laptop, dict[str, str]]
) -> None:
    laptop, parts = garden
    feed = laptop.site.url + parts["here"]
    page = window.new_page()
    laptop.let_in(page)
    page.goto(feed)
    page.locator("#say").fill("Half a thought")
    page.close(run_before_unload=True)

    again = window.new_page()
    again.goto(feed)
    expect(again.locator("#say")).to_have_value("Half a thought")
    again.get_by_role("button", name="Share").click()
    expect(again.locator(".post.waiting").first).to_contain_text("Half a thought")
    again.goto(feed)

    expect(again.locator("#say")).to_have_value("")


def test_a_draft_of_an_edit_is_gone_once_it_is_saved(
    window: BrowserContext, garden: tuple[Laptop, dict[str, str]]
) -> None:
    laptop, parts = garden
    page = window.new_page()
    laptop.let_in(page)
    edit = f"{laptop.site.url}{parts['here']}/posts/{parts['mine']}/edit"
    page.goto(edit)
    page.locator("[name=text]").fill("Mine, mended twice")
    drafts = "Object.keys(localStorage).filter((key) => key.includes('edit:')).length"
    while page.evaluate(drafts) == 0:
        page.wait_for_timeout(50)

    page.get_by_role("button", name="Save the change").click()

    expect(page.locator(f"#post-{parts['mine']}")).to_contain_text("Mine, mended twice")
    assert page.evaluate(drafts) == 0


def test_undo_brings_the_words_back_beside_what_was_typed_meanwhile(
    window: BrowserContext, garden: tuple[Laptop, dict[str, str]]
) -> None:
    laptop, parts = garden
    page = window.new_page()
    laptop.let_in(page)
    page.goto(laptop.site.url + parts["here"])
    page.locator("#say").fill("Too quick")
    page.get_by_role("button", name="Share").click()
    waiting = page.locator(".post.waiting", has_text="Too quick")
    expect(waiting).to_be_visible()
    page.locator("#say").press_sequentially("Next thought")

    waiting.get_by_role("button", name="Undo").click()

    expect(waiting).to_have_count(0)
    expect(page.locator("#say")).to_have_value("Too quick\n\nNext thought")


def test_a_new_post_comes_live_into_a_second_tab(window: BrowserContext, garden: tuple[Laptop, dict[str, str]]) -> None:
    laptop, parts = garden
    first, second = window.new_page(), window.new_page()
    laptop.let_in(first)
    for page in (first, second):
        page.goto(laptop.site.url + parts["here"])
    laptop.follow()

    post = laptop.write("Live in every tab")

    for page in (first, second):
        expect(page.locator(f"#post-{post}")).to_contain_text("Live in every tab")


def test_the_signed_post_takes_the_place_of_the_pending_one(
    window: BrowserContext, loop: Loop, tmp_path_factory: pytest.TempPathFactory
) -> None:
    laptop = Laptop(loop, tmp_path_factory.mktemp("quick"), undo_s=0.5)
    loop.run(laptop.node.name_yourself("Inês"))
    loop.run(laptop.node.found("Garden"))
    page = window.new_page()
    laptop.let_in(page)
    page.goto(laptop.here)
    laptop.follow()

    page.locator("#say").fill("Signed soon")
    page.get_by_role("button", name="Share").click()
    expect(page.locator(".post.waiting")).to_have_count(1)

    expect(page.locator(".post", has_text="Signed soon").locator(".reach")).to_contain_text("On this device")
    expect(page.locator(".post")).to_have_count(1)
    laptop.close()


def test_a_post_that_was_signed_before_its_page_came_takes_its_place(
    window: BrowserContext, loop: Loop, tmp_path_factory: pytest.TempPathFactory
) -> None:
    laptop = Laptop(loop, tmp_path_factory.mktemp("slow"), undo_s=0.5)
    loop.run(laptop.node.name_yourself("Inês"))
    loop.run(laptop.node.found("Garden"))
    page = window.new_page()
    laptop.let_in(page)
    page.goto(laptop.here)
    laptop.follow()

    async def is_signed() -> bool:
        return laptop.space.history.size > size and not await laptop.node.pending()

    def late(route: Route) -> None:
        answer = route.fetch()
        loop.run(until(is_signed))
        route.fulfill(response=answer)

    size = laptop.space.history.size
    page.route(laptop.here, lambda route: late(route) if route.request.method == "POST" else route.continue_())
    page.locator("#say").fill("Signed at once")
    page.get_by_role("button", name="Share").click()

    expect(page.locator(".post", has_text="Signed at once").locator(".reach")).to_contain_text("On this device")
    expect(page.locator(".post")).to_have_count(1)
    laptop.close()


def test_two_browsers_on_two_laptops_invite_join_write_and_answer(
    browser: Browser, loop: Loop, tmp_path_factory: pytest.TempPathFactory
) -> None:
    laptops = [Laptop(loop, tmp_path_factory.mktemp(name), undo_s=0.2) for name in ("one", "two")]
    windows = [browser.new_context(locale="en") for _ in laptops]
    mine, theirs = (window.new_page() for window in windows)
    for laptop, page, name in zip(laptops, (mine, theirs), ("Inês", "Bola"), strict=True):
        laptop.let_in(page)
        page.get_by_label("Your name", exact=True).fill(name)
        page.get_by_role("button", name="Go on").click()

    mine.get_by_label("What is it called?").fill("Garden")
    mine.get_by_role("button", name="Found the space").click()
    expect(mine.locator("h1")).to_have_text("Garden")
    loop.run(until(lambda: laptops[0].node.addresses))
    mine.get_by_role("link", name="Invite", exact=True).click()
    mine.get_by_role("button", name="Make it").click()
    link = mine.locator(".link-box").inner_text()
    theirs.get_by_role("link", name="I have an invitation").click()
    theirs.get_by_label("Your invitation").fill(link)
    theirs.get_by_role("button", name="Read it").click()
    expect(theirs.locator("h1")).to_have_text("Garden")
    theirs.get_by_role("button", name="Join").click()
    expect(theirs.locator("h1")).to_have_text("Welcome to Garden")
    theirs.get_by_role("button", name="I accept version 1").click()
    theirs.wait_for_url("**/welcome")
    theirs.goto(laptops[1].here)
    expect(theirs.locator("#say")).to_be_visible()

    theirs.locator("#say").fill("Hello from afar")
    theirs.get_by_role("button", name="Share").click()
    mine.goto(laptops[0].here)
    expect(mine.locator(".post", has_text="Hello from afar")).to_be_visible(timeout=20_000)
    mine.locator(".post", has_text="Hello from afar").get_by_role("link", name="Reply").click()
    mine.locator("#say").fill("Welcome, Bola")
    mine.get_by_role("button", name="Reply").click()
    expect(theirs.locator(".post", has_text="Hello from afar")).to_contain_text("1 reply")
    expect(theirs.locator(".post", has_text="Hello from afar")).to_contain_text("Reached 1 neighbour")

    for window in windows:
        window.close()
    for laptop in laptops:
        laptop.close()
