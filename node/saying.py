"""Saying: what a member says waits for the time in which it can be taken back, and is signed then."""

import asyncio
import contextlib
import logging
from typing import Any

import msgpack

from identity.errors import CommonsError, Refused
from node.domain.area import need, read_command, wire_fields
from node.ingest.road import Road
from node.ingest.spaces import Space
from node.store.pending import (
    HELD_MS,
    PendingRow,
    add_pending,
    due_pending,
    list_pending,
    postpone_pending,
    take_pending,
)

logger = logging.getLogger(__name__)
RETRY_MS = 30_000


class Saying:
    """Keeps what waits, and signs what is due; `held` says, by number, why something cannot be signed as things are."""

    def __init__(self, road: Road, undo_s: float) -> None:
        self._road = road
        self._undo_s = undo_s
        self._said = asyncio.Event()
        self.held: dict[int, str] = {}

    async def later(self, space: Space, command: Any) -> int:
        """Keep a command for the undo time before it is signed; returns its number."""
        body = msgpack.packb([command.kind, *wire_fields(command)])
        row = PendingRow(0, self._road.now_ms() + int(self._undo_s * 1000), space.index.no, body)
        number = await self._road.database.transaction(lambda db: add_pending(db, row))
        self._said.set()
        return number

    async def undo(self, number: int) -> list[Any] | None:
        """Take back what was not signed yet; returns its body, None if it is too late."""
        row = await self._road.database.transaction(lambda db: take_pending(db, number))
        self.held.pop(number, None)
        return msgpack.unpackb(row.body) if row else None

    async def waiting(self) -> list[PendingRow]:
        """Return what waits to be signed."""
        return await self._road.database.read(list_pending)

    async def run(self) -> None:
        """Sign whatever is due, as it becomes due."""
        for row in await self.waiting():
            if row.due >= HELD_MS:  # what stood against it may have gone since the last start
                await self._postpone(row.no, self._road.now_ms())
        while True:
            for row in await self._road.database.read(lambda db: due_pending(db, self._road.now_ms())):
                await self._sign(row)
            self._said.clear()
            waiting = await self.waiting()
            due = waiting[0].due if waiting else HELD_MS
            pause = max(0.0, (due - self._road.now_ms()) / 1000) if due < HELD_MS else None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._said.wait()

    async def law_changed(self, space: Space) -> None:
        """Try what was refused in a space once more: it may be signed under the law as it is now."""
        rows = await self.waiting() if self.held else []
        for row in rows:
            if row.no in self.held and row.space == space.index.no:
                await self._postpone(row.no, self._road.now_ms())
        self._said.set()

    async def _sign(self, row: PendingRow) -> None:
        """Sign what was said; what cannot be stored now is tried again, so that nothing said is lost.

        What the rules refuse is kept for its author, with the reason, and not tried again until something changed.
        """
        space = next((space for space in self._road.spaces.values() if space.index.no == row.space), None)
        try:
            here = need(space, "its space is not here")
            await self._road.submit(here, read_command(msgpack.unpackb(row.body)), pending=row.no)
        except Refused as error:
            logger.warning("a post cannot be signed error=%s", error)
            self.held[row.no] = str(error)
            await self._postpone(row.no, self._pause_end(space))
        except CommonsError as error:
            logger.warning("a post waits error=%s", error)
            await self._postpone(row.no, self._road.now_ms() + RETRY_MS)
        else:
            self.held.pop(row.no, None)

    def _pause_end(self, space: Space | None) -> int:
        """Return when a pause of this person's posting ends by itself, if it is that which stands against a post."""
        now = self._road.now_ms()
        until = space.law.present().suspended_until(self._road.me, now) if space is not None else None
        return HELD_MS if until is None else max(until, now + RETRY_MS)

    async def _postpone(self, number: int, due: int) -> None:
        await self._road.database.transaction(lambda db: postpone_pending(db, number, due))
