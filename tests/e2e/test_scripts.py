"""What scripts add: sharing in place, drafts, undo, shortcuts, and one live stream for all tabs."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Page, expect

from ui.session import write_opening_file

if TYPE_CHECKING:
    from conftest import Site

pytestmark = pytest.mark.browser


@pytest.fixture
def writing(opened: Page, site: "Site") -> Iterator[Page]:
    """An open feed that fails the test if the browser's console shows an error."""
    trouble: list[str] = []
    opened.on("console", lambda message: trouble.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: trouble.append(str(error)))
    site.until(lambda: not site.streams)  # those of the test before
    with opened.expect_response(lambda answer: answer.request.headers.get("x-live") == "part") as looked_once_more:
        opened.goto(f"{site.origin}/feed")
    looked_once_more.value.finished()
    opened.evaluate("new Promise((done) => setTimeout(done))")  # by then the page has been compared, too
    yield opened
    assert trouble == []


def test_a_browser_that_comes_from_the_opening_file_is_let_in(browser: Browser, site: "Site", tmp_path: Path) -> None:
    file = tmp_path / "open.html"
    write_opening_file(file, site.origin, site.gate.new_opening_key())
    page = browser.new_page()

    page.goto(file.as_uri())
    page.wait_for_url(f"{site.origin}/")
    page.goto(f"{site.origin}/feed")

    assert page.locator("h1").inner_text() == "Community garden"
    page.close()


def test_a_link_from_another_site_finds_the_session(opened: Page, site: "Site", tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.html"
    elsewhere.write_text(f'<a href="{site.origin}/feed">look</a>')
    opened.goto(elsewhere.as_uri())

    opened.get_by_text("look").click()

    expect(opened.locator("h1")).to_have_text("Community garden")


def test_a_form_on_another_site_changes_nothing(opened: Page, site: "Site", tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.html"
    elsewhere.write_text(f'<form method="post" action="{site.origin}/feed"><button>win</button></form>')
    opened.goto(elsewhere.as_uri())

    opened.get_by_text("win").click()

    expect(opened.locator("body")).to_have_text("Other sites cannot use this node.")


def test_sharing_swaps_the_page_in_place_and_clears_field_and_draft(writing: Page) -> None:
    writing.evaluate("globalThis.sameDocument = true")
    field = writing.locator("#say")
    field.fill("The pump works again")
    expect(writing.locator("[data-draft-note]")).to_have_text("Draft kept on this device")

    writing.get_by_role("button", name="Share").click()

    expect(field).to_have_value("")
    assert writing.evaluate("globalThis.sameDocument") is True
    assert writing.evaluate("Object.keys(localStorage)") == []


def test_a_draft_survives_a_closed_tab(writing: Page, site: "Site") -> None:
    writing.locator("#say").fill("Half a thou")
    writing.close(run_before_unload=False)

    again = writing.context.new_page()
    again.goto(f"{site.origin}/feed")

    expect(again.locator("#say")).to_have_value("Half a thou")
    expect(again.locator("[data-draft-note]")).to_have_text("Draft kept on this device")


def test_a_refused_post_keeps_its_words_and_its_draft(writing: Page) -> None:
    writing.locator("#say").fill("   ")
    writing.locator("#say").evaluate("field => field.required = false")

    writing.get_by_role("button", name="Share").click()

    expect(writing.locator("#say-error")).to_contain_text("There is nothing written yet.")


def test_undo_counts_down_and_then_says_that_it_is_shared(writing: Page) -> None:
    form = writing.locator("form.undo")
    expect(form).to_contain_text("s until it is signed and shared")

    expect(form).to_contain_text("From now on you can retract it")

    expect(form.get_by_role("button")).to_be_hidden()


def test_keys_walk_through_posts_and_lead_to_writing_and_help(writing: Page) -> None:
    focused = "document.activeElement.id"
    writing.keyboard.press("j")
    first = writing.evaluate(focused)
    writing.keyboard.press("j")
    second = writing.evaluate(focused)
    writing.keyboard.press("k")

    assert [first, second, writing.evaluate(focused)] == ["post-waiting", "post-pump", "post-waiting"]
    writing.keyboard.press("?")
    expect(writing.locator("#shortcut-help")).to_be_visible()
    writing.keyboard.press("Escape")
    writing.keyboard.press("n")
    writing.keyboard.type("jk?")
    expect(writing.locator("#say")).to_have_value("jk?")


def test_keys_do_nothing_when_they_are_switched_off(writing: Page) -> None:
    writing.evaluate("document.body.dataset.shortcuts = 'off'")

    writing.keyboard.press("j")
    writing.keyboard.press("?")

    assert writing.evaluate("document.activeElement.tagName") == "BODY"
    expect(writing.locator("#shortcut-help")).to_be_hidden()


def test_three_tabs_share_one_stream_and_all_hear_of_a_new_post(writing: Page, site: "Site") -> None:
    tabs = [writing, *(writing.context.new_page() for _ in range(2))]
    for tab in tabs[1:]:
        tab.goto(f"{site.origin}/feed")
    site.until(lambda: len(site.streams) == 1)

    site.tell(place="example", kind="new", id="fresh")

    for tab in tabs:
        expect(tab.locator("#post-fresh")).to_be_visible()
    assert len(site.streams) == 1
    for tab in tabs[1:]:
        tab.close()


def test_when_the_tab_with_the_stream_closes_another_takes_over(writing: Page, site: "Site") -> None:
    second = writing.context.new_page()
    site.until(lambda: len(site.streams) == 1)
    second.goto(f"{site.origin}/feed")
    before = site.opened
    writing.goto("about:blank")
    site.until(lambda: site.opened > before)

    site.tell(place="example", kind="new", id="fresh")

    expect(second.locator("#post-fresh")).to_be_visible()
    second.close()


def test_new_posts_wait_behind_a_bar_and_move_nothing_until_asked_for(writing: Page, site: "Site") -> None:
    site.until(lambda: len(site.streams) == 1)
    writing.locator("#post-pump").scroll_into_view_if_needed()
    before = writing.locator("#post-pump").bounding_box()

    site.tell(place="example", kind="new", id="one")
    site.tell(place="elsewhere", kind="new", id="not-here")
    site.tell(place="example", kind="new", id="two")
    bar = writing.get_by_role("button", name="2 new posts")
    expect(bar).to_be_visible()
    assert writing.locator("#post-one").count() == 0
    bar.click()

    expect(writing.locator("#post-one")).to_be_visible()
    expect(writing.locator("#post-two")).to_be_visible()
    assert before is not None


def test_at_the_top_of_a_page_nobody_walks_through_a_new_post_comes_in_at_once(writing: Page, site: "Site") -> None:
    site.until(lambda: len(site.streams) == 1)

    site.tell(place="example", kind="new", id="one")

    expect(writing.locator("#posts > [data-item]").nth(1)).to_have_attribute("id", "post-one")  # below what waits
    expect(writing.locator("[data-live-bar]")).to_be_hidden()


def test_a_reply_appears_at_the_end_of_an_open_thread(writing: Page, site: "Site") -> None:
    site.until(lambda: len(site.streams) == 1)
    before = site.opened
    writing.goto(f"{site.origin}/thread")
    site.until(lambda: site.opened > before)

    site.tell(place="example-thread", kind="new", id="answer")

    expect(writing.locator("#posts > :last-child")).to_have_attribute("id", "post-answer")


def test_a_changed_post_is_exchanged_and_a_gone_one_leaves(writing: Page, site: "Site") -> None:
    site.until(lambda: len(site.streams) == 1)

    site.tell(place="example", kind="changed", id="mine")
    site.tell(place="example", kind="gone", id="import")

    expect(writing.locator("#post-mine")).to_contain_text("The pump by bed 7")
    expect(writing.locator("#post-import")).to_have_count(0)


def test_a_pending_post_becomes_the_signed_one_in_its_place(writing: Page, site: "Site") -> None:
    site.until(lambda: len(site.streams) == 1)

    site.tell(place="example", kind="new", id="signed", was="waiting")

    expect(writing.locator("#post-signed")).to_be_visible()
    expect(writing.locator("#post-waiting")).to_have_count(0)
    expect(writing.locator("[data-live-bar]")).to_be_hidden()


def test_a_change_told_to_every_place_finds_its_post(writing: Page, site: "Site") -> None:
    site.until(lambda: len(site.streams) == 1)

    site.tell(place="*", kind="changed", id="mine")

    expect(writing.locator("#post-mine")).to_contain_text("The pump by bed 7")


def test_many_posts_at_once_are_counted_and_shown_by_reloading(writing: Page, site: "Site") -> None:
    site.until(lambda: len(site.streams) == 1)
    writing.evaluate("globalThis.sameDocument = true")

    site.tell(place="example", kind="many", count=120)
    site.tell(place="example", kind="new", id="one")
    writing.get_by_role("button", name="121 new posts").click()

    expect(writing.get_by_role("button", name="121 new posts")).to_be_hidden()
    assert writing.evaluate("globalThis.sameDocument") is None


def test_parts_beside_the_posts_are_renewed_and_half_typed_words_stay(writing: Page, site: "Site") -> None:
    site.until(lambda: len(site.streams) == 1)
    writing.locator("#say").fill("Half a thou")
    writing.evaluate("document.querySelector('#node-status strong').textContent = 'stale'")

    site.tell(place="neighbours", kind="part")

    expect(writing.locator("#node-status strong")).to_have_text("3 neighbours near")
    expect(writing.locator("#say")).to_have_value("Half a thou")


def test_who_missed_too_much_is_brought_up_to_date(writing: Page, site: "Site") -> None:
    writing.evaluate("document.querySelector('#post-pump').remove()")
    writing.evaluate("document.querySelector('#post-mine .prose').textContent = 'stale'")

    site.tell(place="*", kind="missed")

    expect(writing.get_by_role("button", name="1 new post")).to_be_visible()
    expect(writing.locator("#post-mine")).to_contain_text("spare hose joint")
