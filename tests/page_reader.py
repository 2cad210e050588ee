"""A browser without scripts for tests: it follows links and redirects, fills forms, and keeps its cookie."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
from loopback import PATIENCE_S, Clock

from node.config import Config
from node.ingest.spaces import Space
from node.runtime import Node
from ui.app import Site

SKIPPED = {"script", "style", "svg", "head"}
VOID = {"input", "meta", "link", "br", "hr", "use", "path", "img"}


@dataclass
class Form:
    """A form of a page: where it goes, what stands in its fields, and the words on its buttons."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    words: str = ""


class Reader(HTMLParser):
    """Reads a page: its visible words, its forms, its links."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.forms: list[Form] = []
        self.links: dict[str, str] = {}
        self._stack: list[str] = []
        self._area: str | None = None
        self._link: tuple[str, list[str]] | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        have = {name: value or "" for name, value in attributes}
        if tag not in VOID:
            self._stack.append(tag)
        if tag == "form":
            self.forms.append(Form(have.get("action", ""), have.get("method", "get")))
        elif tag == "input" and self.forms and (have.get("type") not in ("checkbox", "radio") or "checked" in have):
            self.forms[-1].fields[have.get("name", "")] = have.get("value", "")
        elif tag == "textarea" and self.forms:
            self._area = have.get("name", "")
            self.forms[-1].fields[self._area] = ""
        elif tag == "select" and self.forms:
            self.forms[-1].fields[have.get("name", "")] = ""
            self._select = have.get("name", "")
        elif tag == "option" and "selected" in have:
            self.forms[-1].fields[self._select] = have.get("value", "")
        elif tag == "a":
            self._link = (have.get("href", ""), [])

    def handle_endtag(self, tag: str) -> None:
        if tag in self._stack:
            while self._stack.pop() != tag:
                pass
        if tag == "textarea":
            if self.forms and self._area is not None:
                self.forms[-1].fields[self._area] = self.forms[-1].fields[self._area].removeprefix("\n")
            self._area = None
        elif tag == "a" and self._link:
            self.links.setdefault(" ".join("".join(self._link[1]).split()), self._link[0])
            self._link = None

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self.forms[-1].fields[self._area] += data
        elif not SKIPPED & set(self._stack):
            self.words.append(data)
            if self._link:
                self._link[1].append(data)
            if "form" in self._stack and self.forms:
                self.forms[-1].words += data


@dataclass
class Shown:
    """A page as it was answered."""

    status: int
    url: str
    html: str
    headers: Any

    def __post_init__(self) -> None:
        read = Reader(self.html)
        self.text = " ".join(" ".join(read.words).split())
        self.forms = read.forms
        self.links = read.links

    def form(self, action: str) -> Form:
        """Return the form whose action ends so."""
        found = [form for form in self.forms if form.action.endswith(action)]
        assert found, f"no form goes to …{action}: {[form.action for form in self.forms]}"
        return found[0]


class Browser:
    """One browser that was let in by the opening key."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def __aenter__(self) -> Self:
        async with self._session.get(f"{self.site.url}/open?key={self.site.gate.new_opening_key()}") as answer:
            assert answer.status == 200
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        await self._session.close()

    async def open(self, path: str, **headers: str) -> Shown:
        """Go to a page."""
        accept = {"Accept": "text/html", "Accept-Language": "en"} | headers
        async with self._session.get(self._url(path), headers=accept) as answer:
            return Shown(
                answer.status, str(answer.url.path_qs), (await answer.read()).decode(errors="replace"), answer.headers
            )

    async def send(self, form: Form, **values: str) -> Shown:
        """Send a form with some of its fields changed, as a browser does, and follow where it leads."""
        headers = {"Origin": self.site.url, "Sec-Fetch-Site": "same-origin", "Accept-Language": "en"}
        fields = {**form.fields, **values}
        async with self._session.post(self._url(form.action), data=fields, headers=headers) as answer:
            return Shown(answer.status, str(answer.url.path_qs), await answer.text(), answer.headers)

    def stream(self, **headers: str) -> Any:
        """Open the live stream; to be used as a context."""
        timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
        return self._session.get(self._url("/api/v1/live"), headers=headers, timeout=timeout)

    def _url(self, path: str) -> str:
        return path if path.startswith("http") else self.site.url + path


@asynccontextmanager
async def served(
    folder: Path, passphrase: str | None = None, clock: Clock | None = None, **wishes: Any
) -> AsyncIterator[tuple[Node, Site]]:
    """Give a real node in a folder, without a network, and its pages; it goes by a clock that can be moved on."""
    config = Config(**{"web_port": 0, "undo_s": 600.0, "discovery": False, "open_browser": False, **wishes})
    node = (clock or Clock()).node(folder, config)
    await node.open(passphrase)
    site = Site(node)
    await site.start()
    try:
        yield node, site
    finally:
        await site.stop()
        await node.close()


Place = tuple[Node, Space, Browser, str]


@asynccontextmanager
async def place(folder: Path, name: str = "Garden", rules: Mapping[str, Any] | None = None) -> AsyncIterator[Place]:
    """Give the founder of a space in a folder, the space, a browser that was let in, and the space's address."""
    async with served(folder) as (node, site), Browser(site) as browser:
        await node.name_yourself("Inês")
        space = await node.found(name, rules)
        yield node, space, browser, f"/s/{space.id.hex()[:16]}"


def post_ids(page: Shown) -> list[str]:
    """Return the ids of the posts on a page, in its order."""
    return re.findall(r'id="post-([0-9a-f]{64})"', page.html)
