"""Every pattern and every example page in a real browser: accessible, fitting, and usable without scripts."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Page

from ui.pattern_pages import PAGES

if TYPE_CHECKING:
    from conftest import Site

pytestmark = pytest.mark.browser

PARTS = 4
"""All pages in one test would take too long where a machine is slow."""


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("part", range(PARTS))
def test_axe_finds_nothing_and_nothing_is_too_wide_on_any_page(
    opened: Page, site: "Site", part: int, language: str, everywhere: Callable[[Page], list[str]]
) -> None:
    trouble: list[str] = []
    opened.on("console", lambda message: trouble.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: trouble.append(str(error)))

    for name in ("", *PAGES)[part::PARTS]:
        opened.goto(f"{site.origin}/patterns{'/' if name else ''}{name}?lang={language}")
        trouble += [f"{name or 'patterns'}: {fault}" for fault in everywhere(opened)]

    assert trouble == []


def test_open_menus_and_confirmations_are_accessible_too(
    opened: Page, site: "Site", faults: Callable[[Page], list[str]]
) -> None:
    opened.goto(f"{site.origin}/patterns")
    opened.evaluate("for (const fold of document.querySelectorAll('main details')) fold.open = true")

    assert faults(opened) == []


def test_the_narrow_menu_reaches_every_area_and_space(browser: Browser, site: "Site") -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, java_script_enabled=False)
    page = context.new_page()
    site.let_in(page, "/patterns/feed")

    page.locator(".spaces-menu > summary").click()
    names = page.locator(".spaces-menu nav a").all_inner_texts()

    assert [name.split("\n")[0] for name in names if name] == [
        *("Community garden", "Seed library", "Compost crew", "Repair café", "Housing circle"),
        *("Feed", "People", "Connections", "Public log", "Settings", "Search"),
    ]
    assert page.locator(".bottombar a").count() == 5
    context.close()


def test_targets_are_at_least_24_pixels(opened: Page, site: "Site") -> None:
    opened.set_viewport_size({"width": 390, "height": 844})
    for name in ("feed", "thread", "settings", "invite", "log"):
        opened.goto(f"{site.origin}/patterns/{name}")
        small = opened.evaluate(
            """[...document.querySelectorAll('a.button, button, summary, input:not([type=hidden]), select, nav a')]
            .filter(e => e.offsetParent && (e.offsetHeight < 24 || e.offsetWidth < 24)).map(e => e.outerHTML)"""
        )
        assert small == []


def test_a_page_can_be_used_without_scripts(browser: Browser, site: "Site") -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    site.let_in(page, "/feed")

    page.get_by_role("textbox", name="Write to Community garden").fill("Written without scripts")
    page.get_by_role("button", name="Share").click()
    page.locator("details.menu > summary").first.click()

    assert page.locator("h1").inner_text() == "Community garden"
    assert page.get_by_role("link", name="Retract …").first.is_visible()
    context.close()


def test_only_the_code_and_its_lines_are_printed(opened: Page, site: "Site") -> None:
    opened.goto(f"{site.origin}/patterns/invite")

    opened.emulate_media(media="print")

    assert opened.locator(".qr").is_visible()
    assert not opened.locator(".rail").is_visible()
    assert not opened.get_by_role("button", name="Make it").is_visible()
    assert not opened.get_by_text("Invitations you gave").is_visible()
