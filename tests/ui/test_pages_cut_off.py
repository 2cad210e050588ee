"""What a fork cut off, on pages, by the API and the command line: offered, published again, left."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from page_reader import Browser, served

from crdt.batch import Batch
from crdt.change import TALK, Header, encode_body, make
from node.domain.area import wire_fields
from node.domain.posts import WritePost
from node.ingest.spaces import Space
from node.runtime import Node, now_ms
from ui.cli import main
from ui.operations import perform


async def fork(node: Node, space: Space, *texts: str) -> None:
    """Write posts, and let something come that this device's key signed elsewhere at the same time."""
    key, log = node.road.device, space.history.logs[node.road.device.public]
    header = Header(space.id, key.public, log.seq + 1, log.head, (), now_ms(), TALK, b"", b"", 0)
    command = WritePost("from the copy", None, None, [])
    other = make(header, encode_body(command.kind, wire_fields(command)), key, space.secrets.talk[-1])
    for text in texts:
        await node.road.submit(node.road.spaces[space.id], WritePost(text, None, None, []))
    await node.road.receive(node.road.spaces[space.id], Batch([other], {}), bytes(32))


@pytest.fixture
async def forked(tmp_path: Path) -> AsyncIterator[tuple[Node, Browser, str]]:
    """A laptop whose key was used in two places, started again as a new device; a browser; its space's address."""
    async with served(tmp_path / "node") as (node, _):
        await node.name_yourself("Inês")
        space = await node.found("Garden")
        await fork(node, space, "The *pump* is mended", "Seeds are here")
    async with served(tmp_path / "node") as (node, site), Browser(site) as browser:
        yield node, browser, f"/s/{space.id.hex()[:16]}"


async def test_the_feed_tells_what_was_cut_off_and_publishes_it_again(forked: tuple[Node, Browser, str]) -> None:
    _, browser, here = forked
    feed = await browser.open(here)
    offer = await browser.open(feed.links["Publish again, or leave them"])

    done = await browser.send(offer.form("/cut-off/publish"))
    later = await browser.open(here)

    assert "2 of your posts were cut off in Garden" in feed.text
    assert "Seeds are here" not in feed.text
    assert "2 posts and changes" in offer.text
    assert "<em>pump</em>" in offer.html
    assert "2 are published again." in done.text
    assert "Seeds are here" in later.text
    assert "Published again. First published" in later.text
    assert "Imported" not in later.text
    assert "cut off" not in later.text
    assert "Nothing of yours is cut off here" in (await browser.open(f"{here}/cut-off")).text


async def test_what_is_left_is_not_spoken_of_again(forked: tuple[Node, Browser, str]) -> None:
    _, browser, here = forked
    offer = await browser.open(f"{here}/cut-off")

    left = await browser.send(offer.form("/cut-off/leave"))
    settings = await browser.open("/settings")

    assert "They stay cut off. They are still in your folder." in left.text
    assert "were cut off" not in settings.text


async def test_a_laptop_whose_key_was_used_twice_says_that_it_has_to_be_started_again(tmp_path: Path) -> None:
    async with served(tmp_path / "node") as (node, site), Browser(site) as browser:
        await node.name_yourself("Inês")
        space = await node.found("Garden")
        await fork(node, space, "lost")

        feed = await browser.open(f"/s/{space.id.hex()[:16]}")

        assert "was used in two places at once" in feed.text
        assert "Publish again" not in feed.text


async def test_the_api_lists_publishes_and_leaves(forked: tuple[Node, Browser, str]) -> None:
    node, _, _ = forked

    listed = await perform(node, "cut_off", {"space": "Garden"})
    published = await perform(node, "publish_again", {"space": "Garden"})
    left = await perform(node, "leave_cut_off", {"space": "Garden"})

    assert [(each["what"], each["text"]) for each in listed["cut_off"]] == [
        ("post", "The *pump* is mended"),
        ("post", "Seeds are here"),
    ]
    assert (published, left) == ({"published": 2}, {"left": 0})


def test_the_command_line_says_so_where_nothing_is_cut_off(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMMONS_HOME", str(tmp_path / "home"))
    run: Callable[..., int] = lambda *words: main(list(words))  # noqa: E731
    run("init", "Inês")
    run("found", "Garden")
    capsys.readouterr()

    codes = run("cut-off"), run("cut-off", "--publish", "--leave"), run("cut-off", "--publish", "--json")
    said = capsys.readouterr()

    assert codes == (0, 1, 0)
    assert "Nothing of yours is cut off." in said.out
    assert "Say one of --publish and --leave." in said.err
    assert json.loads(said.out.splitlines()[-1]) == {"published": 0}
