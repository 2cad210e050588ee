"""Real nodes with their pages, in a thread of their own, for browsers that are driven from the test's thread."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

from loopback import HOUR_MS, PATIENCE_S, Clock, until
from other_members import Member
from playwright.sync_api import Browser, Page

from node.config import Config
from node.domain.law.membership import AdmitMember
from node.domain.posts import ImportPost, WritePost
from node.ingest import writing
from node.ingest.spaces import Space
from node.runtime import Node
from ui.app import Site

LOOPBACK = "/ip4/127.0.0.1/tcp/0"
HEIGHT = 844
Look = tuple[int, Literal["light", "dark"], str]
PLAIN: Look = (1280, "light", "en")
Faults = Callable[[Page], list[str]]
T = TypeVar("T")


class Loop:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="nodes", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run work in the loop and wait for what it gives."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)

    def stop(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


class Laptop:
    """One node and its pages."""

    def __init__(self, loop: Loop, folder: Path, undo_s: float = 600.0) -> None:
        self.loop = loop
        self.node = Clock().node(folder, Config(listen=(LOOPBACK,), web_port=0, discovery=False, undo_s=undo_s))
        self.site = Site(self.node)
        loop.run(self._start())

    async def _start(self) -> None:
        await self.node.open()
        await self.site.start()
        await self.node.start_network_when_ready()

    def close(self) -> None:
        """Stop it."""
        self.loop.run(self._stop())

    async def _stop(self) -> None:
        await self.site.stop()
        await self.node.close()

    @property
    def space(self) -> Space:
        """The space it founded or joined first."""
        return next(iter(self.node.road.spaces.values()))

    @property
    def here(self) -> str:
        """The address of its feed."""
        return f"{self.site.url}/s/{self.space.id.hex()[:16]}"

    def follow(self) -> None:
        """Wait until an open page follows along."""
        self.loop.run(until(lambda: self.site.pages is not None and self.site.pages.hub.is_heard))

    def let_in(self, page: Page) -> None:
        """Open a browser session and wait until it has come to a page."""
        page.goto(f"{self.site.url}/open?key={self.site.gate.new_opening_key()}")
        page.wait_for_url(lambda url: "/open" not in url)

    @contextmanager
    def opened(self, browser: Browser, look: Look = PLAIN, **more: Any) -> Iterator[Page]:
        """Give a page of a fresh browser profile that was let in: so wide, in such light, in a language."""
        width, scheme, language = look
        context = browser.new_context(
            viewport={"width": width, "height": HEIGHT}, color_scheme=scheme, locale=language, **more
        )
        page = context.new_page()
        self.let_in(page)
        yield page
        context.close()

    def walked(self, page: Page, addresses: Mapping[str, str], faults: Faults) -> list[str]:
        """Open page after page; returns what is wrong with them, each fault with the name of its page."""
        found = []
        for name, address in addresses.items():
            page.goto(self.site.url + address)
            found += [f"{name}: {fault}" for fault in faults(page)]
        return found

    def write(self, text: str) -> str:
        """Write a post past the time of undo; returns its id."""
        return self.loop.run(self.node.road.submit(self.space, WritePost(text, None, None, []))).id.hex()


async def settle(node: Node) -> dict[str, str]:
    """Fill a node with a lively space and an empty one; returns the addresses of pages that have something to show."""
    await node.name_yourself("Inês Duarte")
    space = await node.found("Community garden")
    await writing.edit_page(node.road, space, "Beds, water and tools.", "## Water\n\nThe key hangs on the *nail*.")
    bola, yusuf = await Member.join(node, space, "Bola Adeyemi", 1), await Member.join(node, space, "يوسف أمراني", 2)
    now = node.clock_ms()
    first = await bola.write("The pump by bed 7 has **stopped** again.\n\n1. valve\n2. seal", at=now - 4 * HOUR_MS)
    reply = await yusuf.write("سأكون في الحديقة غدًا.", to=first, at=now - 3 * HOUR_MS)
    await bola.write("Thank you!\n\n> quoted\n\n`12 mm`", to=reply, thread=first, at=now - 2 * HOUR_MS)
    old = ImportPost("Old words", None, None, [], now - 9_000 * HOUR_MS, "https://old.example/1", bytes(16))
    await bola.say(old, now - HOUR_MS)
    await bola.write("From next week", at=now + 200 * HOUR_MS)
    await bola.say(AdmitMember(bytes(32), []))
    mine = (await node.road.submit(space, WritePost("Mine", None, None, []))).id
    await node.road.submit(space, await writing.edit_command(node.road, mine, "Mine, mended"))
    gone = (await node.road.submit(space, WritePost("Gone", None, None, []))).id
    await node.road.submit(space, await writing.retract_command(node.road, space, gone))
    await node.say_later(space, WritePost("Wait a moment", None, None, []))
    empty = await node.found("Empty room")
    here, there = (f"/s/{one.id.hex()[:16]}" for one in (space, empty))
    return {"here": here, "there": there, "first": first.hex(), "mine": mine.hex()}
