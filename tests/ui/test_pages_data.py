"""Bringing the past in, taking everything out, a second laptop: without scripts, against real nodes."""

import asyncio
import json
from pathlib import Path

import pytest
from page_reader import Browser, Place, Shown, served

from node.domain.posts import WritePost


async def done(browser: Browser, page: Shown) -> Shown:
    """Look at an import until it is over."""
    while "Bringing posts in" in page.text or "Reading the archive" in page.text:
        await asyncio.sleep(0.02)
        page = await browser.open(page.url)
    return page


def archive(folder: Path, posts: int) -> Path:
    """Write posts as JSON Lines."""
    path = folder / "old.jsonl"
    lines = ({"id": f"old-{n}", "text": f"Old words {n}", "published": 1_500_000_000_000 + n} for n in range(posts))
    path.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    return path


async def test_an_archive_is_brought_in_once_however_often_it_is_asked_for(garden: Place, tmp_path: Path) -> None:
    _, _, browser, here = garden
    path = archive(tmp_path, 3)

    first = await done(
        browser, await browser.send((await browser.open(f"{here}/import")).form("/import"), path=str(path))
    )
    again = await done(browser, await browser.send(first.form("/import"), path=str(path)))
    feed = await browser.open(here)

    assert "3 posts are here now." in first.text
    assert "Already here 3" in again.text
    assert feed.text.count("Imported. First published 14 July 2017.") == 3


@pytest.mark.parametrize(
    ("path", "words"),
    [("relative.zip", "Say the whole path"), ("/nowhere/at/all.zip", "all.zip"), ("", "Say the whole path")],
)
async def test_what_is_no_archive_comes_back_with_a_reason(garden: Place, path: str, words: str) -> None:
    _, _, browser, here = garden

    page = await browser.send((await browser.open(f"{here}/import")).form("/import"), path=path)
    page = await done(browser, page)

    assert words in page.html
    assert page.form("/import").fields["path"] == path


async def test_everything_is_written_to_a_file_of_ones_own_choice(garden: Place, tmp_path: Path) -> None:
    node, space, browser, here = garden
    await node.road.submit(space, WritePost("Take me along", None, None, []))
    page = await browser.open(f"{here}/export")
    target = tmp_path / "out.jsonl"

    refused = await browser.send(page.form("/export"), path="out.jsonl")
    written = await browser.send(page.form("/export"), path=str(target))

    assert refused.status == 422
    assert f"1 post is in {target}." in written.text
    assert "Take me along" in target.read_text(encoding="utf-8")


async def test_a_second_laptop_knocks_with_the_link_of_the_first(garden: Place, tmp_path: Path) -> None:
    _, _, browser, _ = garden
    devices = await browser.open("/settings/devices")
    made = await browser.send(devices.form("/settings/devices"))
    link = "commons:join/" + made.html.split("commons:join/")[1].split("<")[0]

    async with served(tmp_path / "second") as (second, site), Browser(site) as theirs:
        welcome = await theirs.open("/")
        asked = await theirs.open(welcome.links["I am on another laptop already"])
        refused = await theirs.send(asked.form("/second"), link="hello")
        waiting = await theirs.send(refused.form("/second"), link=link)

        assert "whoever has it becomes you" in made.text
        assert refused.status == 422
        assert "You are let in as soon as" in waiting.text
        assert await second.name() == "Inês"


async def test_an_invitation_for_people_makes_no_second_laptop(garden: Place, tmp_path: Path) -> None:
    _, _, browser, here = garden
    made = await browser.send((await browser.open(f"{here}/invite")).form("/invite"))
    link = "commons:join/" + made.html.split("commons:join/")[1].split("<")[0]

    async with served(tmp_path / "second") as (second, site), Browser(site) as theirs:
        refused = await theirs.send((await theirs.open("/second")).form("/second"), link=link)

        assert refused.status == 422
        assert "This link invites a person" in refused.text
        assert not second.is_ready
