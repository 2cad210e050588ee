"""What is told of a brought past while one looks on: it goes where its date puts it, and nobody is called to it."""

import json
from typing import Any

from other_members import Member
from page_reader import Place, post_ids

from identity.keys import to_did
from node.domain.posts import ImportPost, WritePost
from node.runtime import Node
from ui import live
from ui.live import Hub, Stream, feed_place, space_place

YEAR_MS = 365 * 86_400_000


def old(node: Node, number: int) -> ImportPost:
    published = node.clock_ms() - YEAR_MS - number * 3_600_000
    return ImportPost(f"Old words {number}", None, None, [], published, "", number.to_bytes(16, "big"))


async def told(stream: Stream) -> dict[str, Any]:
    news: dict[str, Any] = json.loads((await stream.next() or b"").decode().split("data: ")[1])
    return news


async def test_an_imported_post_arrives_as_past_and_not_as_news(garden: Place) -> None:
    node, space, browser, here = garden
    bola = await Member.join(node, space, "Bola")
    mine = await node.road.submit(space, WritePost("Written here", None, None, []))
    await browser.open(here)
    hub, stream = Hub(node), Stream(None)
    hub.attach()
    hub._streams[stream] = None

    post = await bola.say(old(node, 1))
    news = await told(stream)
    feed = await browser.open(here)
    await hub.close()

    assert news == {"place": feed_place(space), "kind": "past", "id": post.id.hex()}
    assert post_ids(feed) == [mine.id.hex(), post.id.hex()]
    assert "new since" not in feed.text
    assert "Brought from elsewhere 1" in feed.text


async def test_of_many_changes_only_what_is_news_is_counted(garden: Place) -> None:
    node, space, _, _ = garden
    bola = await Member.join(node, space, "Bola")
    hub, stream = Hub(node), Stream(None)
    hub._streams[stream] = None
    heard: list[Any] = []
    node.listeners.append(lambda _, accepted: heard.extend(accepted))
    for number in range(live.MAX_TOLD + 1):
        await bola.say(old(node, number))

    hub.heard(space, heard)
    quiet = await told(stream)
    await bola.write("Fresh")
    hub.heard(space, heard)
    counted = await told(stream)

    assert quiet == {"place": space_place(space), "kind": "part"}
    assert counted == {"place": feed_place(space), "kind": "many", "count": 1}


async def test_a_persons_page_goes_on_to_their_older_posts(garden: Place) -> None:
    node, space, browser, here = garden
    for number in range(31):
        await node.road.submit(space, old(node, number))
    page = await browser.open(f"{here}/people/{to_did(node.me.person)}")

    older = await browser.open(page.links["Older posts"])

    assert len(post_ids(page)) == 30
    assert "Old words 30" in older.text
    assert len(post_ids(older)) == 1
    assert older.links["Back to the newest posts"] == page.url
