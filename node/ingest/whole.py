"""Work that is done to its end, whoever waits for it."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
logger = logging.getLogger(__name__)


class Whole:
    """Does each piece of work in a task of its own, so that a caller who goes away does not cut it short.

    A commit cannot be called off: memory must follow it and everybody be told of it, or a knock that came over a
    connection that broke would never be answered. `lock` is held by whoever is between a commit and its memory.
    """

    def __init__(self, lock: asyncio.Lock) -> None:
        self._lock = lock
        self._working: set[asyncio.Task[Any]] = set()

    async def whole(self, work: Coroutine[Any, Any, T]) -> T:
        """Do a piece of work, to its end even if this call is cancelled; returns and raises what it does."""
        task = asyncio.get_running_loop().create_task(work)
        self._working.add(task)
        task.add_done_callback(self._worked)
        return await asyncio.shield(task)

    def _worked(self, task: asyncio.Task[Any]) -> None:
        self._working.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            logger.debug("work failed error=%s", error)

    async def settle(self) -> None:
        """Wait for the commit under way and give up what comes after it: the store is about to be closed."""
        async with self._lock:
            for task in self._working:
                task.cancel()
        await asyncio.gather(*self._working, return_exceptions=True)
