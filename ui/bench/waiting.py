"""Waiting until something holds that nothing tells of."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

from identity.errors import Refused

LOOK_AGAIN_S = 0.002
PATIENCE_S = 300.0


async def moments(patience_s: float = PATIENCE_S, pause_s: float = LOOK_AGAIN_S) -> AsyncIterator[None]:
    """Give one moment after another in which to look again, until patience ends."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        yield
        await asyncio.sleep(pause_s)


async def until(check: Callable[[], bool]) -> None:
    """Wait until something holds.

    Raises:
        Refused: if it does not for five minutes.
    """
    async for _ in moments():
        if check():
            return
    raise Refused("the benchmark waited in vain")
