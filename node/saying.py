"""Saying: what a member says waits for the time in which it can be taken back, and is signed then."""

import asyncio
import contextlib
import logging
from typing import Any

import msgpack

from identity.errors import CommonsError, Refused
from node.domain.area import read_command, wire_fields
from node.ingest.road import Road
from node.ingest.spaces import Space
from node.store.pending import PendingRow, add_pending, due_pending, list_pending, postpone_pending, take_pending

logger = logging.getLogger(__name__)
RETRY_MS = 30_000


class Saying:
    """Keeps what waits, and signs what is due."""

    def __init__(self, road: Road, undo_s: float) -> None:
        self._road = road
        self._undo_s = undo_s
        self._said = asyncio.Event()

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
        return msgpack.unpackb(row.body) if row else None

    async def waiting(self) -> list[PendingRow]:
        """Return what waits to be signed."""
        return await self._road.database.read(list_pending)

    async def run(self) -> None:
        """Sign whatever is due, as it becomes due."""
        while True:
            for row in await self._road.database.read(lambda db: due_pending(db, self._road.now_ms())):
                await self._sign(row)
            self._said.clear()
            waiting = await self.waiting()
            pause = max(0.0, (waiting[0].due - self._road.now_ms()) / 1000) if waiting else None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._said.wait()

    async def _sign(self, row: PendingRow) -> None:
        """Sign what was said; what cannot be stored now is tried again, so that nothing said is lost."""
        space = next((space for space in self._road.spaces.values() if space.index.no == row.space), None)
        try:
            if space is None:
                raise Refused("its space is not here")
            await self._road.submit(space, read_command(msgpack.unpackb(row.body)), pending=row.no)
        except CommonsError as error:
            logger.warning("a post waits error=%s", error)
            later = self._road.now_ms() + RETRY_MS
            await self._road.database.transaction(lambda db: postpone_pending(db, row.no, later))
