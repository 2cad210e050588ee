"""The web application of one node: pages, live updates and the JSON API, on this machine only."""

import asyncio
import contextlib
import json
import logging
import secrets
import socket
import time
from collections.abc import Callable
from pathlib import Path

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from identity.errors import ConfigError
from node.runtime import Node
from ui.api import add_api
from ui.assets import Assets, serve_assets
from ui.client import API_FILE, PREFIX
from ui.error_pages import error_pages
from ui.guards import OPEN_PATH, protect
from ui.pages.routes import serve_pages
from ui.pages.visit import Pages
from ui.patterns import serve_patterns
from ui.session import SECRET_BYTES, Gate, write_opening_file, write_private
from ui.templating import Templates

logger = logging.getLogger(__name__)
OPENING_FILE = "open.html"
SESSION_FILE = "session.key"
BROWSER_PATH = "/browser"
MAX_UPLOAD_BYTES = 1024 * 1024
SHUTDOWN_S = 2.0
_REDIRECT = 300


class Site:
    """The pages of a running node: `url` is where they are, `opening_file` lets one browser in.

    `told` is called with the path of each answered request and the seconds that this took, until all was written.
    """

    def __init__(self, node: Node, told: Callable[[str, float], None] | None = None) -> None:
        self.node = node
        self._told = told
        self._token = secrets.token_urlsafe(32)
        self.gate = Gate(_kept_secret(node.folder), self._token, time.time)
        self.port = 0
        self.pages: Pages | None = None
        self._shown = asyncio.Event()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Return the address of the pages."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def opening_file(self) -> Path:
        """Return the private file that lets one browser in, once."""
        return self.node.folder / OPENING_FILE

    async def start(self) -> None:
        """Serve on 127.0.0.1.

        Raises:
            ConfigError: if the port is taken.
        """
        listener = _listen(self.node.config.web_port)
        self.port = listener.getsockname()[1]
        self._runner = web.AppRunner(
            self._application(),
            access_log=logger if self._told else None,
            access_log_class=_telling(self._told),
            shutdown_timeout=SHUTDOWN_S,
        )
        await self._runner.setup()
        await web.SockSite(self._runner, listener).start()
        api = json.dumps({"port": self.port, "token": self._token})
        await asyncio.to_thread(write_private, self.node.folder / API_FILE, api)
        self.let_in()

    async def first_page(self, patience_s: float) -> None:
        """Wait until a first page is on its way to a browser, or patience ends."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await self._shown.wait()

    async def _note_page(self, request: web.Request, response: web.StreamResponse) -> None:
        if request.path != OPEN_PATH and response.content_type == "text/html" and response.status < _REDIRECT:
            self._shown.set()

    def let_in(self) -> None:
        """Write a fresh opening file."""
        write_opening_file(self.opening_file, self.url, self.gate.new_opening_key())

    def _application(self) -> web.Application:
        templates = Templates(Assets.read(), self.node.clock_ms, bytecode=_bytecode_folder(self.node.folder))
        app = web.Application(client_max_size=MAX_UPLOAD_BYTES, middlewares=[error_pages(templates, "/")])
        protect(app, self.gate, self.port)
        app.on_response_prepare.append(self._note_page)
        serve_assets(app, templates.assets)
        add_api(app, self.node)
        app.router.add_post(f"{PREFIX}{BROWSER_PATH}", self._open_again)
        self.pages = serve_pages(app, self.node, templates, self.gate)
        serve_patterns(app, templates)
        return app

    async def _open_again(self, _request: web.Request) -> web.Response:
        """Let one more browser in: for `commons` run while the node is running already."""
        self.let_in()
        return web.json_response({"open": str(self.opening_file), "url": self.url})

    async def stop(self) -> None:
        """Stop serving; nobody is let in any more."""
        (self.node.folder / API_FILE).unlink(missing_ok=True)
        self.opening_file.unlink(missing_ok=True)
        if self._runner is not None:
            await self._runner.cleanup()


def _telling(told: Callable[[str, float], None] | None) -> type[AbstractAccessLogger]:
    """Return what aiohttp calls when a request is answered: nothing is logged, only told."""

    class Telling(AbstractAccessLogger):
        def log(self, request: web.BaseRequest, _response: web.StreamResponse, time: float) -> None:
            if told is not None:
                told(request.path, time)

    return Telling


def _bytecode_folder(folder: Path) -> Path:
    """Return the private folder in which compiled templates lie between runs."""
    path = folder / "templates"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def _kept_secret(folder: Path) -> bytes:
    """Return the secret that signs sessions: kept, so that browsers stay let in when the node starts anew."""
    path = folder / SESSION_FILE
    with contextlib.suppress(OSError, ValueError):
        kept = bytes.fromhex(path.read_text(encoding="ascii"))
        if len(kept) == SECRET_BYTES:
            return kept
    fresh = secrets.token_bytes(SECRET_BYTES)
    write_private(path, fresh.hex())
    return fresh


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        raise ConfigError(f"port {port} is taken: is another node running? `commons run --port 0` takes any") from error
    listener.listen(128)
    return listener
