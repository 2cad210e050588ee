"""What a node does for its member's offices by itself, when law changes and when votes end."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from identity.errors import CommonsError
from identity.keys import SigningKey, short
from node.ingest.deciding import do_duties, next_duty_ms
from node.ingest.keys import hand_keys, is_officer, renew_keys
from node.ingest.profiles import renew_fields
from node.ingest.recovery import renew_shares
from node.ingest.road import Road

logger = logging.getLogger(__name__)
CHECK_S = 60.0  # a laptop may have slept, a clock may have jumped
_SLACK_S = 0.01


class Duties:
    """Looks after one person's spaces, whose key is `root` where it is here; `rotated` is called for new secrets."""

    def __init__(self, road: Road, root: SigningKey | None, rotated: Callable[[], Awaitable[None]]) -> None:
        self._road = road
        self._root = root
        self._rotated = rotated
        self._changed = asyncio.Event()
        self.lock = asyncio.Lock()

    async def run(self) -> None:
        """Look after every space now, and again whenever a vote ends."""
        await self._do_all()
        while True:
            self._changed.clear()
            try:
                async with asyncio.timeout(self._rest_s()):
                    await self._changed.wait()  # who looked at a space did what was due: another vote may end first
            except TimeoutError:
                await self._do_all()

    async def look(self, id_: bytes) -> None:
        """Do what is due in a space whose law has changed, and come back when its next vote ends."""
        await self._do(id_)
        self._changed.set()

    def is_at_work(self) -> bool:
        """Tell whether something is being done now, or about to be looked at."""
        return self.lock.locked() or self._changed.is_set()

    async def look_around(self) -> None:
        """Do what is due in every space, as after a time that passed unnoticed, and come back when a vote ends."""
        await self._do_all()
        self._changed.set()

    async def _do_all(self) -> None:
        for id_ in list(self._road.spaces):
            await self._do(id_)

    async def _do(self, id_: bytes) -> None:
        """Do an office's duties; keep secrets, one's profile and one's shared key with those who may hold them."""
        async with self.lock:  # one after another, or a thing would be done twice
            space = self._road.spaces[id_]
            mine = space.history.logs.get(self._road.device.public)
            if space.state != "member" or (mine is not None and mine.forked is not None):
                return  # nothing that this device signs would count
            try:
                await do_duties(self._road, self._road.spaces[id_])
                space = self._road.spaces[id_]
                if is_officer(self._road, space) and await renew_keys(self._road, space):
                    await self._rotated()
                await hand_keys(self._road, self._road.spaces[id_])
                await renew_fields(self._road, self._road.spaces[id_])
                if self._root is not None:
                    await renew_shares(self._road, self._root, self._road.spaces[id_])
            except CommonsError as error:
                logger.warning("a duty waits space=%s error=%s", short(id_), error)

    def _next_ms(self) -> int | None:
        now = self._road.now_ms()
        dues = [next_duty_ms(space, now) for space in self._road.spaces.values() if space.state == "member"]
        return min((due for due in dues if due is not None), default=None)

    def _rest_s(self) -> float:
        due = self._next_ms()
        return CHECK_S if due is None else min(CHECK_S, (due - self._road.now_ms()) / 1000 + _SLACK_S)
