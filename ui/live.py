"""The live stream: one hub hears what is stored and who is near, and tells every open page and program.

An event is a line of JSON. About posts: `{"place", "kind": "new" | "past" | "changed" | "gone", "id"}`; past is what
was imported, which is no news; `was` names the pending post that this one was before it was signed. `"kind": "many"`
stands for more than are worth telling singly, and `"kind": "part"` tells pages that show such a part to ask for it
again. Each event has an id; who comes back with the last one they heard gets what they missed, and
`"kind": "missed"` if that is too long ago.
"""

import asyncio
import contextlib
import json
import logging
import secrets
from collections import deque
from collections.abc import Coroutine, Sequence
from typing import Any

from aiohttp import web

from crdt.change import EDIT, LAW, TALK
from crdt.history import Accepted
from identity.errors import StoreError
from node.domain.consents import AskConsent, SetConsent
from node.domain.posts import EditPost, ImportPost, RetractPost, WritePost
from node.domain.profiles import SetField
from node.domain.recovery import AskRecovery, DeclineShare, GiveShare, ShareKey
from node.ingest.keeper import Arriving
from node.ingest.spaces import Space
from node.runtime import Node
from node.store import queries

logger = logging.getLogger(__name__)

HEARTBEAT_S = 15.0
RECOVERING = ShareKey | AskRecovery | GiveShare | DeclineShare
REACH_TICK_S = 0.5
ARRIVING_TICK_S = 1.0
WAITING_TICK_S = 0.2
MAX_QUEUED = 256
MAX_STREAMS = 64
MAX_REMEMBERED = 512
MAX_TOLD = 50
"""So many changes of one batch are told one by one; more are told as a number."""

PATH = "/api/v1/live"


def feed_place(space: Space) -> str:
    """Return the name under which a space's feed follows along; drafts use it too."""
    return f"feed:{space.id.hex()[:16]}"


def thread_place(thread: bytes) -> str:
    """Return the name under which a thread follows along."""
    return f"thread:{thread.hex()}"


def space_place(space: Space) -> str:
    """Return the name under which parts about a space itself follow along: its people, its page, being let in."""
    return f"space:{space.id.hex()[:16]}"


class Stream:
    """One open stream; dropped when it falls so far behind that its queue is full."""

    def __init__(self, transport: asyncio.Transport | None) -> None:
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue(MAX_QUEUED)
        self._transport = transport

    def put(self, data: bytes) -> bool:
        """Queue an event; tell whether there was room."""
        try:
            self.queue.put_nowait(data)
        except asyncio.QueueFull:
            return False
        return True

    def drop(self) -> None:
        """Cut the connection off: its browser will come again and ask for what it missed."""
        if self._transport is not None:
            self._transport.abort()

    def end(self) -> None:
        """End the stream in good order."""
        with contextlib.suppress(asyncio.QueueEmpty):
            while True:
                self.queue.get_nowait()
        self.queue.put_nowait(None)

    async def next(self) -> bytes | None:
        """Return the events that wait, or a heartbeat when nothing happens for long; None at the end."""
        try:
            async with asyncio.timeout(HEARTBEAT_S):
                parts = [await self.queue.get()]
        except TimeoutError:
            return b": still here\n\n"
        while not self.queue.empty():
            parts.append(self.queue.get_nowait())
        return None if None in parts else b"".join(part for part in parts if part)


class Hub:
    """Hears the node and tells the streams. `attach` is called as soon as somebody acts here."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.received: dict[bytes, int] = {}
        self.people_changed: list[bytes] = []
        self._streams: dict[Stream, None] = {}
        self._recent: deque[tuple[int, bytes]] = deque(maxlen=MAX_REMEMBERED)
        self._boot = secrets.token_hex(4)
        self._last = 0
        self._waiting: dict[int, WritePost] = {}
        self._attached = False
        self._reach: dict[tuple[bytes, bytes], int] = {}
        self._tickers: list[asyncio.Task[None]] = []
        self._telling: set[asyncio.Task[None]] = set()
        self._told_waiting: set[bytes] = set()

    def attach(self) -> None:
        """Begin to hear the node, once."""
        if self._attached or not self.node.is_ready:
            return
        self._attached = True
        self.node.listeners.append(self.heard)
        self.node.road.heard.append(self._count)
        self.node.neighbours.changed = self.neighbours_changed
        self.node.keeper.told = self.waiting_told
        self._reach = dict(self.node.keeper.reach)
        loop = asyncio.get_running_loop()
        self._tickers = [
            loop.create_task(self._watch_reach(), name="reach"),
            loop.create_task(self._watch_arriving(), name="arriving"),
        ]

    def begin_anew(self) -> None:
        """Hear the node anew, which now acts for somebody else."""
        for ticker in self._tickers:
            ticker.cancel()
        self.node.listeners.remove(self.heard)
        self._attached = False
        self.attach()

    @property
    def is_heard(self) -> bool:
        """Whether anybody listens."""
        return bool(self._streams)

    async def close(self) -> None:
        """End every stream."""
        ending = [*self._telling, *self._tickers]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        for stream in self._streams:
            stream.end()

    # -- hearing ----------------------------------------------------------------------------------------------------

    def expect(self, number: int, command: WritePost) -> None:
        """Note a pending post, so that pages can exchange it for the signed one."""
        self._waiting[number] = command

    def taken_back(self, number: int, place: str) -> None:
        """Note that a pending post was undone."""
        self._waiting.pop(number, None)
        self.tell(place=place, kind="gone", id=f"pending-{number}")

    def neighbours_changed(self) -> None:
        """Tell that a neighbour came, went or could not be reached."""
        self.tell(place="neighbours", kind="part")

    def waiting_told(self, space: bytes) -> None:
        """Tell that somebody said something about this node's knock: once, however often it is said in a moment."""
        if space not in self._told_waiting:
            self._told_waiting.add(space)
            asyncio.get_running_loop().call_later(WAITING_TICK_S, self._tell_waiting, space)

    def _tell_waiting(self, id_: bytes) -> None:
        self._told_waiting.discard(id_)
        if id_ in self.node.road.spaces:
            self.tell(place=space_place(self.node.road.spaces[id_]), kind="part")

    def _count(self, _space: Space, accepted: Sequence[Accepted], origin: bytes | None) -> None:
        if origin is not None:
            self.received[origin] = self.received.get(origin, 0) + len(accepted)

    def heard(self, space: Space, accepted: Sequence[Accepted]) -> None:
        """Tell what was just stored."""
        classes = {entry.change.header.klass for entry in accepted}
        if classes & {LAW, EDIT}:
            self.people_changed.append(space.id)
            self.tell(place=space_place(space), kind="part")
        if len(accepted) > MAX_TOLD:
            self.people_changed.append(space.id)
            self._later(self._tell_many(space, accepted[0].number, accepted[-1].number))
            return
        for entry in accepted:
            if entry.change.header.klass == TALK:
                self._tell_talk(space, entry)

    async def _tell_many(self, space: Space, first: int, last: int) -> None:
        """Tell how many posts begin a thread in a range of changes; what was brought from elsewhere is no news."""
        count = await self.node.database.read(lambda db: queries.count_begun(db, space.index.no, first, last))
        if count:
            self.tell(place=feed_place(space), kind="many", count=count)
        else:
            self.tell(place=space_place(space), kind="part")

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        """Look something up that an event needs, while the node goes on."""

        async def run() -> None:
            try:
                await work
            except StoreError as error:
                logger.info("an event was not told error=%s", error)

        task = asyncio.get_running_loop().create_task(run(), name="telling")
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)
        task.add_done_callback(lambda _: work.close())  # it may have been cancelled before it began

    def _tell_talk(self, space: Space, entry: Accepted) -> None:
        command = space.open(entry.change).command
        if isinstance(command, WritePost | ImportPost):
            was = self._was(entry, command)
            kind = "past" if isinstance(command, ImportPost) else "new"
            if command.thread is None:
                self.tell(place=feed_place(space), kind=kind, id=entry.change.id.hex(), **was)
            else:
                self.tell(place=thread_place(command.thread), kind=kind, id=entry.change.id.hex(), **was)
                self.tell(place=feed_place(space), kind="changed", id=command.thread.hex())
        elif isinstance(command, EditPost | RetractPost):
            self.tell(place="*", kind="changed", id=command.post.hex())
        elif isinstance(command, SetField | SetConsent | AskConsent | RECOVERING):
            self.people_changed.append(space.id)
            self.tell(place=space_place(space), kind="part")

    def _was(self, entry: Accepted, command: WritePost | ImportPost) -> dict[str, str]:
        if entry.change.header.author != self.node.road.device.public:
            return {}
        number = next((number for number, waiting in self._waiting.items() if waiting == command), None)
        if number is None:
            return {}
        del self._waiting[number]
        return {"was": f"pending-{number}"}

    async def _watch_reach(self) -> None:
        """Tell how far own posts have come; looked at only while somebody looks."""
        while True:
            await asyncio.sleep(REACH_TICK_S)
            now = self.node.keeper.reach
            if not self._streams or now == self._reach:
                continue
            grown = {key: (self._reach.get(key, 0), seq) for key, seq in now.items() if seq > self._reach.get(key, 0)}
            self._reach = dict(now)
            for (space, _), (before, after) in grown.items():
                await self._tell_reach(space, max(before, after - MAX_TOLD), after)

    async def _watch_arriving(self) -> None:
        """Tell how much of a space has come while much of it is on its way; looked at only while somebody looks."""
        told: dict[bytes, Arriving] = {}
        while True:
            await asyncio.sleep(ARRIVING_TICK_S)
            if not self._streams:
                continue
            arriving = ((space, self.node.keeper.arriving(id_)) for id_, space in self.node.road.spaces.items())
            now = {space.id: one for space, one in arriving if one is not None}
            changed = [id_ for id_ in {**told, **now} if told.get(id_) != now.get(id_)]
            told = now
            for id_ in changed:
                if id_ in self.node.road.spaces:
                    self.tell(place=space_place(self.node.road.spaces[id_]), kind="part")

    async def _tell_reach(self, space: bytes, before: int, after: int) -> None:
        held = self.node.road.spaces[space]
        log = held.index.logs.get(self.node.road.device.public)
        if log is None:
            return
        for id_ in await self.node.database.read(lambda db: queries.posts_between(db, log, before, after)):
            self.tell(place="*", kind="changed", id=id_.hex())

    # -- telling ----------------------------------------------------------------------------------------------------

    def tell(self, **news: Any) -> None:
        """Send an event to every open stream; one that is too far behind is cut off."""
        self._last += 1
        data = f"id: {self._boot}-{self._last}\ndata: {json.dumps(news)}\n\n".encode()
        self._recent.append((self._last, data))
        for stream in list(self._streams):
            if not stream.put(data):
                del self._streams[stream]
                stream.drop()
                logger.info("slow live stream dropped")

    def _missed(self, last_id: str) -> list[bytes]:
        """Return the events after one that a browser heard last."""
        if not last_id:
            return []
        boot, _, number = last_id.partition("-")
        last = int(number) if number.isdecimal() and len(number) < 17 else 0
        oldest = self._recent[0][0] if self._recent else self._last + 1
        if boot != self._boot or last + 1 < oldest or last > self._last:
            return [b'data: {"place": "*", "kind": "missed"}\n\n']
        return [data for number_, data in self._recent if number_ > last]

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer with the stream, until the browser or the node closes it."""
        self.attach()
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
        try:
            await response.prepare(request)
        except ConnectionError:  # gone before it began
            return response
        while len(self._streams) >= MAX_STREAMS:
            oldest = next(iter(self._streams))
            del self._streams[oldest]
            oldest.drop()
        stream = Stream(request.transport)
        missed = self._missed(request.query.get("after", "") or request.headers.get("Last-Event-ID", ""))
        self._streams[stream] = None
        try:
            await response.write(b"retry: 1000\n\n" + b"".join(missed))
            while (data := await stream.next()) is not None:
                await response.write(data)
        except ConnectionError:
            pass
        finally:
            self._streams.pop(stream, None)
        return response


def serve_live(app: web.Application, hub: Hub) -> None:
    """Answer the live stream of an app."""
    app.router.add_get(PATH, hub.serve)

    async def close(_: web.Application) -> None:
        await hub.close()

    app.on_shutdown.append(close)
