"""Pages for the browser tests of this folder to open, behind the real guards; the browser is tests/conftest.py's."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiohttp import web
from playwright.sync_api import Browser, Page

from ui.assets import Assets, serve_assets
from ui.guards import protect
from ui.patterns import serve_patterns
from ui.session import Gate
from ui.templating import Templates

HERE = Path(__file__).parent
NOW_MS = 1_795_161_600_000
AXE = (HERE / "vendor" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


class Site(NamedTuple):
    """A running server of pages: its origin and the gate that lets a browser in."""

    origin: str
    gate: Gate

    def opening_url(self) -> str:
        """Return the address that opens a browser session."""
        return f"{self.origin}/open?key={self.gate.new_opening_key()}&next=/patterns"


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """The pattern pages behind the real guards."""
    yield from pages_served()


def pages_served() -> Iterator[Site]:
    """Serve the pattern pages from a thread of their own, as long as the generator lives."""
    ready = threading.Event()
    state: dict[str, Any] = {}

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        app = web.Application()
        assets = Assets.read()
        gate = Gate(b"s" * 32, "t" * 43, lambda: NOW_MS / 1000)
        port = state["port"]
        protect(app, gate, port)
        serve_assets(app, assets)
        serve_patterns(app, Templates(assets, lambda: NOW_MS))
        extend(app)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        stop = asyncio.Event()
        state.update(site=Site(f"http://127.0.0.1:{port}", gate), stop=lambda: loop.call_soon_threadsafe(stop.set))
        ready.set()
        await stop.wait()
        await runner.cleanup()

    state["port"] = free_port()
    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="pages", daemon=True)
    thread.start()
    assert ready.wait(10)
    yield state["site"]
    state["stop"]()
    thread.join(10)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def extend(app: web.Application) -> None:
    """Add a form that echoes and a stream of events, for what the example pages alone cannot show."""
    streams: list[web.StreamResponse] = []

    async def echo(request: web.Request) -> web.Response:
        return web.Response(text=f"took {(await request.post()).get('text')!s}")

    async def live(request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        streams.append(stream)
        await stream.write(b": open\n\n")
        await asyncio.Event().wait()
        return stream

    app.router.add_post("/echo", echo)
    app.router.add_get("/live", live)


@pytest.fixture
def opened(browser: Browser, site: Site) -> Iterator[Page]:
    """A page of a fresh browser profile that was let in; 1280 × 900, light."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(site.opening_url())
    page.wait_for_url("**/patterns")
    yield page
    context.close()


def violations(page: Page) -> list[str]:
    """Return what axe-core finds on a page: the rule and the first element of each finding."""
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document, {preload: false, resultTypes: ['violations']}).then(r => r.violations)")
    return [f"{one['id']} ({len(one['nodes'])}): {one['nodes'][0]['html'][:160]}" for one in found]


def overflow(page: Page) -> int:
    """Return by how many pixels a page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
