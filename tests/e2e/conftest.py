"""Pages for the browser tests of this folder to open, behind the real guards.

Whether there is a browser at all, and what happens where there is none, is tests/conftest.py's to say.
"""

import asyncio
import contextlib
import json
import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from aiohttp import web
from community import HEIGHT, Loop
from loopback import PATIENCE_S
from playwright.sync_api import Browser, Page, expect, sync_playwright

from ui.assets import Assets, serve_assets
from ui.guards import SESSION, protect
from ui.pattern_examples import composer, feed, frame, posts, space, thread
from ui.patterns import serve_patterns
from ui.people_views import News
from ui.session import Gate
from ui.templating import Templates

HERE = Path(__file__).parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = [  # the browser talks to the pages under test and to nobody else
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    *(["--no-sandbox"] if os.geteuid() == 0 else []),
]
expect.set_options(timeout=1000 * PATIENCE_S / 2)  # a machine may be slow; what is there is seen at once
NOW_MS = 1_795_161_600_000
ALL: dict[str, Any] = {}
COLOURS = {"runOnly": ["color-contrast", "link-in-text-block"]}  # the rules that a scheme can break
Sight = tuple[int, Literal["light", "dark"], dict[str, Any]]
SIGHTS: dict[str, tuple[Sight, ...]] = {
    "ltr": ((1280, "light", ALL), (1280, "dark", COLOURS), (390, "dark", ALL), (390, "light", COLOURS)),
    "rtl": ((390, "light", ALL), (1280, "dark", ALL)),
}
AXE = (HERE / "vendor" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


class Site:
    """A server of pages in a thread of its own: the patterns, and a feed that takes posts and follows along."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.origin = f"http://127.0.0.1:{self.port}"
        self.gate = Gate(b"s" * 32, "t" * 43, lambda: NOW_MS / 1000)
        self.templates = Templates(Assets.read(), lambda: NOW_MS)
        self.streams: list[web.StreamResponse] = []
        self.opened = 0
        self._changed = threading.Condition()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="pages", daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()
        assert self._ready.wait(PATIENCE_S)

    def stop(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def let_in(self, page: Page, onward: str = "/patterns") -> None:
        """Open a browser session and wait until it has come to a page."""
        page.goto(f"{self.origin}/open?key={self.gate.new_opening_key()}&next={onward}")
        page.wait_for_url(f"{self.origin}{onward}")

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait for something to become true of the open streams."""
        with self._changed:
            assert self._changed.wait_for(holds, PATIENCE_S)

    def tell(self, **news: str | int) -> None:
        """Send an event to every open stream."""
        data = f"data: {json.dumps(news)}\n\n".encode()

        async def send() -> None:
            for stream in list(self.streams):
                with contextlib.suppress(ConnectionError):  # a tab that is just closing
                    await stream.write(data)

        asyncio.run_coroutine_threadsafe(send(), self._loop).result(5)

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application()
        protect(app, self.gate, self.port)
        serve_assets(app, self.templates.assets)
        serve_patterns(app, self.templates)
        app.router.add_get("/feed", self._feed)
        app.router.add_post("/feed", self._share)
        app.router.add_get("/thread", self._talk)
        app.router.add_get("/fragment/{id}", self._fragment)
        app.router.add_get("/live", self._live)
        runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()

    def _page(self, request: web.Request, name: str, context: dict[str, Any]) -> web.Response:
        token = self.gate.form_token(request[SESSION])
        around = {"frame": frame("feed")._replace(form_token=token, live_url="/live"), "form_token": token}
        html = self.templates.render(name, "en", around | {"space": space()} | context)
        return web.Response(text=html, content_type="text/html")

    async def _feed(self, request: web.Request) -> web.Response:
        return self._written(request, "", is_shared=False)

    async def _share(self, request: web.Request) -> web.Response:
        text = str((await request.post()).get("text"))
        return self._written(request, text, is_shared=bool(text.strip()))

    def _written(self, request: web.Request, text: str, is_shared: bool) -> web.Response:
        writing = composer({} if is_shared or not text else {"text": "There is nothing written yet."})
        writing = writing._replace(form=replace(writing.form, action="/feed"), is_shared=is_shared)
        listed = feed(NOW_MS)._replace(fragment_url="/fragment/{id}")
        around = {"here": (), "arrived": (), "arriving": None, "news": News()}
        return self._page(request, "feed.html", {"composer": writing, "feed": listed} | around)

    async def _talk(self, request: web.Request) -> web.Response:
        return self._page(request, "thread.html", {"thread": thread(NOW_MS)._replace(fragment_url="/fragment/{id}")})

    async def _fragment(self, request: web.Request) -> web.Response:
        shown = posts(NOW_MS)[1]._replace(id=request.match_info["id"])
        return self._page(request, "fragments/post.html", {"post": shown})

    async def _live(self, request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        await stream.write(b": open\n\n")
        with self._changed:
            self.streams.append(stream)
            self.opened += 1
            self._changed.notify_all()
        try:
            await asyncio.Event().wait()
        finally:
            with self._changed:
                self.streams.remove(stream)
                self._changed.notify_all()
        return stream


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for each module, in place of the run's: while playwright's loop runs, no async test can."""
    named = os.environ.get("COMMONS_BROWSER")
    path = named or next((found for name in BROWSERS if (found := shutil.which(name))), None)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    """The loop that nodes run in."""
    running = Loop()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """The pages, for the whole run."""
    running = Site()
    running.start()
    yield running
    running.stop()


@pytest.fixture
def opened(browser: Browser, site: Site) -> Iterator[Page]:
    """A page of a fresh browser profile that was let in; 1280 × 900, light."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    site.let_in(page)
    yield page
    context.close()


@pytest.fixture(scope="session")
def faults() -> Callable[[Page], list[str]]:
    """What is wrong with the page that is shown: axe-core's findings, and whether it is wider than its window."""

    def look(page: Page) -> list[str]:
        page.evaluate(AXE)
        return trouble(page, ALL)

    return look


@pytest.fixture(scope="session")
def everywhere() -> Callable[[Page], list[str]]:
    """What is wrong with a page in every width and scheme; it stays as the last one shows it."""

    def look(page: Page) -> list[str]:
        page.evaluate(AXE)
        found = []
        for width, scheme, rules in SIGHTS[page.evaluate("document.documentElement.dir || 'ltr'")]:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # no colours on their way to others
            page.set_viewport_size({"width": width, "height": HEIGHT})
            found += [f"{width} {scheme}: {fault}" for fault in trouble(page, rules)]
        return found

    return look


def trouble(page: Page, rules: dict[str, Any]) -> list[str]:
    """Return what axe-core, which the page has loaded, finds, and by how much the page is wider than its window."""
    options = {"preload": False, "resultTypes": ["violations"], **rules}
    found, wide = page.evaluate(
        "options => axe.run(document, options).then(result => [result.violations,"
        " document.documentElement.scrollWidth - document.documentElement.clientWidth])",
        options,
    )
    listed = [f"{one['id']} ({len(one['nodes'])}): {one['nodes'][0]['html'][:160]}" for one in found]
    return listed + ([f"{wide} pixels too wide"] if wide else [])
