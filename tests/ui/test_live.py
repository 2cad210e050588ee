"""The live stream: what it tells, how fast, what it does with the slow, the late and the strange."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from loopback import PATIENCE_S
from other_members import Member
from page_reader import Browser, Place, post_ids, served

from node.domain.posts import WritePost
from node.ingest.writing import edit_command, retract_command
from ui import live
from ui.live import Hub, Stream, feed_place, thread_place


async def events(answer: Any) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Give the stream's events, each with its id."""
    last = ""
    async for raw in answer.content:
        line = raw.decode().strip()
        if line.startswith("id: "):
            last = line[4:]
        elif line.startswith("data: "):
            yield last, json.loads(line[6:])


async def next_of(stream: AsyncIterator[tuple[str, dict[str, Any]]], kind: str) -> dict[str, Any]:
    """Return the next event of a kind."""
    async for _, news in stream:
        if news["kind"] == kind:
            return news
    raise AssertionError("the stream ended")


async def test_a_post_is_told_within_fifteen_milliseconds_of_being_stored(garden: Place) -> None:
    node, space, browser, _ = garden
    bola = await Member.join(node, space, "Bola")
    waits = []

    async with browser.stream() as answer:
        stream = events(answer)
        for number in range(9):
            post = await bola.write(f"Post {number}")
            stored = time.perf_counter()
            news = await next_of(stream, "new")
            waits.append(time.perf_counter() - stored)
            assert news == {"place": feed_place(space), "kind": "new", "id": post.hex()}

    assert sorted(waits)[len(waits) // 2] < 0.015


async def test_replies_edits_and_retractions_are_told_where_they_show(garden: Place) -> None:
    node, space, browser, _ = garden
    first = await node.road.submit(space, WritePost("First", None, None, []))

    async with browser.stream() as answer:
        stream = events(answer)
        reply = await node.road.submit(space, WritePost("Reply", first.id, first.id, []))
        told = [await next_of(stream, "new"), await next_of(stream, "changed")]
        await node.road.submit(space, await edit_command(node.road, first.id, "First of all"))
        told.append(await next_of(stream, "changed"))
        await node.road.submit(space, await retract_command(node.road, space, first.id))
        told.append(await next_of(stream, "changed"))

    assert told == [
        {"place": thread_place(first.id), "kind": "new", "id": reply.id.hex()},
        {"place": feed_place(space), "kind": "changed", "id": first.id.hex()},
        {"place": "*", "kind": "changed", "id": first.id.hex()},
        {"place": "*", "kind": "changed", "id": first.id.hex()},
    ]


async def test_a_signed_post_names_the_pending_one_that_it_was(tmp_path: Path) -> None:
    async with served(tmp_path / "node", undo_s=0.3) as (node, site), Browser(site) as browser:
        await node.name_yourself("Inês")
        space = await node.found("Garden")
        here = f"/s/{space.id.hex()[:16]}"

        async with browser.stream() as answer:
            await browser.send((await browser.open(here)).form(here), text="Hello")
            news = await next_of(events(answer), "new")

        assert news["was"] == "pending-1"
        assert post_ids(await browser.open(here)) == [news["id"]]


async def test_an_undone_post_leaves_every_page(garden: Place) -> None:
    _, space, browser, here = garden
    waiting = await browser.send((await browser.open(here)).form(here), text="Hello")

    async with browser.stream() as answer:
        await browser.send(next(form for form in waiting.forms if "/undo/" in form.action))
        news = await next_of(events(answer), "gone")

    assert news == {"place": feed_place(space), "kind": "gone", "id": "pending-1"}


async def test_who_comes_back_hears_what_they_missed(garden: Place) -> None:
    node, space, browser, _ = garden
    async with browser.stream() as answer:
        post = await node.road.submit(space, WritePost("Heard", None, None, []))
        last = ""
        async for heard_id, news in events(answer):
            last = heard_id
            if news["kind"] == "new":
                break
    missed = [await node.road.submit(space, WritePost(f"Missed {n}", None, None, [])) for n in range(3)]

    async with browser.stream(**{"Last-Event-ID": last}) as answer:
        stream = events(answer)
        heard = [await next_of(stream, "new") for _ in missed]

    assert [news["id"] for news in heard] == [change.id.hex() for change in missed]
    assert post.id.hex() not in str(heard)


@pytest.mark.parametrize("last", ["otherboot-4", "nonsense", "-", "9" * 30, "\u00e9-1"])
async def test_who_was_away_too_long_is_told_to_look_again(garden: Place, last: str) -> None:
    _, _, browser, _ = garden

    async with browser.stream(**{"Last-Event-ID": last}) as answer:
        news = await next_of(events(answer), "missed")

    assert news == {"place": "*", "kind": "missed"}


async def test_many_changes_at_once_are_only_counted(garden: Place) -> None:
    node, space, _, _ = garden
    hub = Hub(node)
    stream = Stream(None)
    hub._streams[stream] = None
    bola = await Member.join(node, space, "Bola")
    heard: list[Any] = []
    node.listeners.append(lambda _, accepted: heard.extend(accepted))
    for number in range(live.MAX_TOLD + 1):
        await bola.write(f"Post {number}")

    hub.heard(space, heard)

    data = (await stream.next() or b"").decode()
    assert json.loads(data.split("data: ")[1]) == {"place": feed_place(space), "kind": "many", "count": len(heard)}


async def test_a_slow_stream_is_dropped_and_keeps_nobody_waiting(garden: Place) -> None:
    node, _, _, _ = garden
    hub = Hub(node)
    slow, quick = Stream(None), Stream(None)
    hub._streams |= {slow: None, quick: None}

    for number in range(live.MAX_QUEUED + 1):
        hub.tell(place="feed:x", kind="new", id=str(number))
        async with asyncio.timeout(PATIENCE_S):
            await quick.next()

    assert list(hub._streams) == [quick]


async def test_the_number_of_streams_is_bounded_and_the_oldest_gives_way(
    garden: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, browser, _ = garden
    monkeypatch.setattr(live, "MAX_STREAMS", 2)

    async with browser.stream() as first, browser.stream(), browser.stream() as third:
        with pytest.raises(aiohttp.ClientError):
            async with asyncio.timeout(PATIENCE_S):
                await first.content.read()

        assert third.status == 200


async def test_a_quiet_stream_beats_now_and_then(garden: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, browser, _ = garden
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.02)

    async with browser.stream() as answer:
        async with asyncio.timeout(PATIENCE_S):
            lines = [await answer.content.readline() for _ in range(8)]

    assert lines.count(b": still here\n") >= 2


async def test_nobody_listens_without_having_been_let_in(garden: Place) -> None:
    _, _, browser, _ = garden

    async with aiohttp.ClientSession() as stranger, stranger.get(f"{browser.site.url}/api/v1/live") as answer:
        assert answer.status == 401


async def test_the_node_stops_at_once_while_somebody_listens(tmp_path: Path) -> None:
    async with served(tmp_path / "node") as (node, site), Browser(site) as browser:
        await node.name_yourself("Inês")
        async with browser.stream() as answer:
            await answer.content.readline()
            began = time.perf_counter()
            await site.stop()

            assert time.perf_counter() - began < 1.0
