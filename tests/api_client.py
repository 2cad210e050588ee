"""A program that speaks to a node by its JSON API, with the node's token."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from page_reader import served

from node.runtime import Node
from ui.client import PREFIX, read_api_file


class Client:
    """Speaks to a node's site with its token."""

    def __init__(self, node: Node, http: aiohttp.ClientSession) -> None:
        running = read_api_file(node.folder)
        assert running is not None
        self.node = node
        self.base = f"http://127.0.0.1:{running[0]}"
        self.headers = {"Authorization": f"Bearer {running[1]}"}
        self.http = http

    async def ask(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        """Send a request; returns its status, and what came: read if it is JSON, else in bytes."""
        async with self.http.request(method, f"{self.base}{path}", headers=self.headers, **options) as answer:
            raw = await answer.read()
            return answer.status, json.loads(raw) if "json" in answer.content_type else raw

    async def call(self, method: str, path: str, **body: Any) -> tuple[int, Any]:
        """Call an operation by its path below the API's, with what it is given; returns its status and what came."""
        return await self.ask(method, PREFIX + path, json=body or None)


@asynccontextmanager
async def client_of(folder: Path) -> AsyncIterator[Client]:
    """Give a real node in a folder, and a program that speaks to it."""
    async with served(folder, undo_s=10.0) as (node, _), aiohttp.ClientSession() as http:
        yield Client(node, http)
