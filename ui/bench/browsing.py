"""A browser for the benchmark: let in by the private opening file, as a person's browser is."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from ui.app import OPENING_FILE
from ui.bench.parts import BenchError

_KEY = re.compile(r'href="(http://[^"/]+)(/open\?key=[^"]+)"')
_PAUSE_S = 0.002
_PATIENCE_S = 60.0


async def opening_of(folder: Path) -> tuple[str, str]:
    """Return where a node serves and the path that lets a browser in, as soon as it has written them down.

    Raises:
        BenchError: if it does not for a minute.
    """
    for _ in range(int(_PATIENCE_S / _PAUSE_S)):
        path = folder / OPENING_FILE
        if path.exists() and (found := _KEY.search(path.read_text(encoding="utf-8"))):
            return found[1], found[2]
        await asyncio.sleep(_PAUSE_S)
    raise BenchError("a node did not open its pages")


@asynccontextmanager
async def visitor(folder: Path) -> AsyncIterator[aiohttp.ClientSession]:
    """Give a browser with a session of the node in this folder; addresses are paths."""
    origin, key = await opening_of(folder)
    async with aiohttp.ClientSession(origin, cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        async with session.get(key) as answer:
            answer.raise_for_status()
        yield session
