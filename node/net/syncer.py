"""The driver of sync sessions: carries out what `crdt.sync` asks for, over any link."""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Coroutine, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Generic

from crdt import effects as e
from crdt.batch import MAX_BATCH_CHANGES
from crdt.exchange import Claims
from crdt.messages import NONCE_BYTES, is_push
from crdt.sync import Ends, News, Session
from identity.errors import BadSignature, CommonsError, Malformed, NetworkError, ProtocolError, StoreError
from identity.keys import short
from node.net import feeders
from node.net.comparing import Comparing
from node.net.doors import at_the_door
from node.net.feeders import Pushes, UnderWay
from node.net.ports import Keeper, Link, P
from node.net.running import Running

logger = logging.getLogger(__name__)
CROSSING_S = 5.0
MAX_PUSHES = 8  # of one peer, being stored together


class Syncer(Generic[P]):
    """All sessions of a node."""

    def __init__(self, me: bytes, keeper: Keeper[P], clock: Callable[[], float]) -> None:
        self.me = me
        self.keeper = keeper
        self.clock = clock
        self.claims = Claims()
        self.running: dict[bytes, Running] = {}
        self.strangers: set[bytes] = set()
        self._pushes: Pushes[tuple[Running, e.Deliver]] = Pushes()
        self._barren: dict[bytes, int] = {}  # how many peers sent what they have since anything of it was new
        self.comparing = Comparing(self.running, self._send_soon)
        self.trusted: Callable[[bytes], Sequence[str]] = lambda _peer: ()
        self.learnt: Callable[[Sequence[str]], None] = lambda _addresses: None

    async def serve(self, link: Link) -> None:
        """Run a session on a link until it ends.

        Raises:
            ProtocolError: if the peer broke the protocol.
            NetworkError: if the link failed.
            StoreError: if this node cannot store.
        """
        ends = Ends(self.me, link.peer, link.outbound, secrets.token_bytes(NONCE_BYTES))
        running = Running(Session(ends, self.keeper.spaces, self.claims), link, born=self.clock())
        older = self.running.get(link.peer)
        if older is not None:
            if self._keep_older(older, running):
                await link.close()
                return
            await older.link.close()
        self.running[link.peer] = running
        try:
            await self._carry_out(running, running.session.start())
            while True:
                frame = await link.receive()
                running.session.tick(self.clock())
                await running.pushes_stored(MAX_PUSHES if is_push(frame) else 0)
                await self._carry_out(running, running.session.receive(frame))
                self._leave_strangers(running)
                if not running.trusted and any(channel.opened for channel in running.session.channels.values()):
                    running.trusted = True
                    self._send_soon(running, running.session.tell_peers(self.trusted(link.peer)))
                    self.comparing.until_level(running)
        except (BadSignature, Malformed, NetworkError) as error:
            raise running.what_ended(error) from None
        finally:
            await self._end(running)

    def _leave_strangers(self, running: Running) -> None:
        """End a session with nothing in common.

        Raises:
            NetworkError: if there is no common space.
        """
        if running.session.is_stranger():
            self.strangers.add(running.link.peer)
            raise NetworkError("there is no space in common")
        self.strangers.discard(running.link.peer)

    def _keep_older(self, older: Running, newer: Running) -> bool:
        """Of two links that crossed, both sides keep the one that the smaller key dialled.

        Who calls while there has long been a link has lost it: a laptop that lost its power says no farewell.
        """
        if newer.born - older.born > CROSSING_S or older.link.outbound == newer.link.outbound:
            return False
        return older.link.outbound == (self.me < older.link.peer)

    async def _end(self, running: Running) -> None:
        for task in running.tasks:
            task.cancel()
        freed = running.session.closed()
        if self.running.get(running.link.peer) is running:
            del self.running[running.link.peer]
        await running.link.close()
        if self._wake_others() or freed:
            for space in list(self.keeper.spaces):
                await self.look_again(space)

    def _sessions(self) -> list[Session]:
        return [running.session for running in self.running.values()]

    def _wake_others(self) -> bool:
        """Wake resting links where a link that ended is missed; tell whether there were any."""
        woken = False
        for running in list(self.running.values()):
            effects = feeders.wake(self._sessions(), running.session)
            self._send_soon(running, effects)
            woken = woken or bool(effects)
        return woken

    # -- from the node ----------------------------------------------------------------------------------------------

    async def push(self, news: News, origin: bytes | None) -> None:
        """Send new changes to every peer that may have them, but the one they came from."""
        self.comparing.stir(news.space)
        for running in list(self.running.values()):
            if running.link.peer != origin:
                self._send_soon(running, running.session.new_changes(news))
            elif news.law:
                self._send_soon(running, running.session.law_changed(news.space))

    def want_blob(self, peer: bytes, space: bytes, hash_: bytes, offset: int) -> bool:
        """Ask one peer for a file of a post; tell whether it could be asked."""
        running = self.running.get(peer)
        effects = running.session.want_blob(space, hash_, offset) if running is not None else []
        if running is not None:
            self._send_soon(running, effects)
        return bool(effects)

    def coming(self, space: bytes) -> dict[bytes, int]:
        """Return how far the logs go that are being fetched from peers, by author."""
        parts = (running.session.coming(space) for running in self.running.values())
        return {author: seq for part in parts for author, seq in part.items()}  # a log is fetched from one peer alone

    async def look_again(self, space: bytes, but: bytes | None = None) -> None:
        """Compare roots with every peer once more, but one, as soon as this space is quiet."""
        self.comparing.again(space, but)

    async def law_changed(self, space: bytes) -> None:
        """Let every session look again at who belongs."""
        for running in list(self.running.values()):
            self._send_soon(running, running.session.law_changed(space))

    async def tick(self) -> None:
        """Tell the time to every session, end those whose peer does not answer, catch up with slow readers."""
        for running in list(self.running.values()):
            try:
                self._send_soon(running, running.session.tick(self.clock()))
            except ProtocolError as error:
                logger.info("peer does not answer peer=%s error=%s", short(running.link.peer), error)
                await running.link.close()
            if running.behind:
                running.behind = False
                for space in list(running.session.channels):
                    self._send_soon(running, running.session.look_again(space))

    def _send_soon(self, running: Running, effects: Sequence[e.Effect]) -> None:
        """Send without waiting; a peer that reads too slowly is compared with again later."""
        for effect in effects:
            if isinstance(effect, e.Send):
                with contextlib.suppress(NetworkError):  # its own loop ends it; the others get theirs
                    running.behind = not running.out.offer(effect.frame) or running.behind
            elif isinstance(effect, e.Note):
                self._note(running, effect)
            else:
                self._start(running, self._carry_out(running, [effect]))

    # -- effects ----------------------------------------------------------------------------------------------------

    def _start(self, running: Running, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        async def run() -> None:
            try:
                await work
            except (ProtocolError, NetworkError, StoreError, Malformed, BadSignature) as error:
                running.note_fault(error)
            if running.fault is not None:
                await running.link.close()

        task = asyncio.get_running_loop().create_task(run())
        running.tasks.add(task)
        task.add_done_callback(running.tasks.discard)
        task.add_done_callback(lambda _: work.close())  # it may have been cancelled before it began
        return task

    async def _carry_out(self, running: Running, effects: Sequence[e.Effect]) -> None:
        queue = list(effects)
        while queue:
            effect = queue.pop(0)
            match effect:
                case e.Send(frame):
                    self._send(running, frame)
                case e.Reached() | e.Learn() | e.InSync() | e.Waiting() | e.TurnedAway():
                    self._note(running, effect)
                case e.Load():
                    self._start(running, self._load(running, effect))
                case e.Deliver(space, data, int()):
                    prepared = self.keeper.prepare(space, data)
                    await self._all_stored(running)
                    running.storing = self._start(running, self._store_wanted(running, effect, prepared))
                    writing = asyncio.ensure_future(prepared.writing.wait())
                    await asyncio.wait((writing, running.storing), return_when=asyncio.FIRST_COMPLETED)
                    writing.cancel()
                case e.Deliver():
                    await self._all_stored(running)
                    self._take_push(running, effect)
                case _:
                    await self._all_stored(running)
                    queue[:0] = await self._do(running, effect)

    def _send(self, running: Running, frame: bytes) -> None:
        if running.out.send(frame):
            self._start(running, running.out.drain())

    async def _all_stored(self, running: Running) -> None:
        """Wait until what is being stored is on disk: one batch may be stored while the next is being read."""
        task = running.storing
        if task is not None and task is not asyncio.current_task():
            await task

    async def _store_wanted(self, running: Running, effect: e.Deliver, prepared: P) -> None:
        self._answer(running, await self._store(running, effect, prepared))

    def _answer(self, running: Running, answers: Sequence[e.Effect]) -> None:
        """Carry out what a session answers once something is stored: nothing of it takes a wait."""
        for answer in answers:
            if isinstance(answer, e.Send):
                self._send(running, answer.frame)
            else:
                self._note(running, answer)

    def _take_push(self, running: Running, push: e.Deliver) -> None:
        """Store a push, unless the same came over another link: then answer it, as soon as that is on disk."""
        name = blake2b(push.data, key=push.space, digest_size=16).digest()
        shown = self._pushes.taken.get(name)
        under_way = self._pushes.under_way.get(name)
        if shown is not None:
            self._answer(running, self._known_before(running.session, push.space, shown))
        elif under_way is None:
            running.pushing += 1
            self._start(running, self._store_push(running, push, name))
        elif all(other is not running for other, _ in under_way.waiting):
            running.pushing += 1
            running.session.shown(push.space, under_way.shown)  # it needs not be pushed back
            under_way.waiting.append((running, push))

    def _known_before(self, session: Session, space: bytes, shown: Mapping[bytes, int]) -> list[e.Effect]:
        """Answer a push that brought nothing new; of links that bring nothing new, enough is enough."""
        self.keeper.note_shown(space, session.peer, shown)
        return session.stored(space, None, shown, ()) + feeders.let_rest(self._sessions(), session, space)

    async def _store_push(self, running: Running, push: e.Deliver, name: bytes) -> None:
        try:
            if name in self._pushes.taken or name in self._pushes.under_way:
                self._take_push(running, push)  # it came over another link in this moment
            else:
                await self._store_first(running, push, name)
        finally:
            running.push_stored()

    async def _store_first(self, running: Running, push: e.Deliver, name: bytes) -> None:
        prepared = self.keeper.prepare(push.space, push.data)
        under_way = self._pushes.under_way[name] = UnderWay(prepared.batch.last_seqs())
        running.session.shown(push.space, under_way.shown)
        try:
            self._answer(running, await self._store(running, push, prepared, name))
        finally:
            del self._pushes.under_way[name]
            for other, again in under_way.waiting:  # soon: links that end together with this one have ended then
                asyncio.get_running_loop().call_soon(self._take_again, other, again)

    def _take_again(self, running: Running, push: e.Deliver) -> None:
        """Take a push that waited for the same one over another link; what goes wrong ends its own link."""
        running.push_stored()
        if self.running.get(running.link.peer) is running:
            try:
                self._take_push(running, push)
            except CommonsError as error:
                self._start(running, _fail(error))

    async def _store(self, running: Running, effect: e.Deliver, prepared: P, name: bytes = b"") -> list[e.Effect]:
        session = running.session
        stored = await self.keeper.deliver(effect.space, prepared, session.peer)
        if stored.fresh:
            self._barren.pop(effect.space, None)
        if name and stored.whole:
            self._pushes.note(name, stored.last_seqs)
        for author in stored.proven:
            await self._tell_proof(effect.space, author)
        effects = session.look_back(effect.space, stored.branches) + session.ask_keys(effect.space, stored.lacking)
        if effect.request is None and not stored.fresh:
            effects += feeders.let_rest(self._sessions(), session, effect.space)
        return effects + session.stored(effect.space, effect.request, stored.last_seqs, stored.gaps)

    async def _do(self, running: Running, effect: e.Effect) -> list[e.Effect]:
        session, keeper = running.session, self.keeper
        match effect:
            case e.Finish() | e.Rest():
                return await self._agree(session, effect)
            case e.DeliverKnock() | e.LoadPapers() | e.CheckPapers() | e.LoadWord() | e.Unlock():
                return await at_the_door(keeper, session, effect)
            case e.DeliverProof() | e.LoadProof():
                return await self._prove(running, effect)
            case e.DeliverBlob() | e.LoadBlob():
                return await self._pass_file(running, effect)
        return []

    async def _agree(self, session: Session, effect: e.Finish | e.Rest) -> list[e.Effect]:
        """Look what else there is to have once a peer has sent what was wanted; let its link rest if it asks."""
        if isinstance(effect, e.Rest):
            return feeders.answer_rest(self._sessions(), session, effect.space)
        effects = session.finished(effect.space, effect.request)
        barren = self._barren[effect.space] = self._barren.get(effect.space, 0) + 1
        if not session.channels[effect.space].wanted and barren <= len(self.running):
            await self.look_again(effect.space, but=session.peer)
        return effects

    async def _pass_file(self, running: Running, effect: e.DeliverBlob | e.LoadBlob) -> list[e.Effect]:
        """Take in or hand out a piece of a file."""
        if isinstance(effect, e.LoadBlob):
            return running.session.blob(await self.keeper.blob_piece(effect.space, effect.hash, effect.offset))
        await self.keeper.deliver_blob(effect, running.session.peer)
        return []

    async def _prove(self, running: Running, effect: e.DeliverProof | e.LoadProof) -> list[e.Effect]:
        """Take in or hand out the proof of a fork."""
        if isinstance(effect, e.LoadProof):
            found = await self.keeper.proof(effect.space, effect.author)
            return running.session.proof(effect.space, *found) if found else []
        if await self.keeper.take_proof(effect.space, effect.one, effect.other):
            for other in list(self.running.values()):
                if other is not running:
                    self._send_soon(other, other.session.proof(effect.space, effect.one, effect.other))
            await self.look_again(effect.space)
        return []

    async def _tell_proof(self, space: bytes, author: bytes) -> None:
        """Show every peer that a log is forked."""
        found = await self.keeper.proof(space, author)
        if found is not None:
            for running in list(self.running.values()):
                self._send_soon(running, running.session.proof(space, *found))

    def _note(self, running: Running, effect: e.Effect) -> None:
        """Hand on what was learnt of a peer."""
        peer = running.session.peer
        match effect:
            case e.Reached(space, seq):
                self.keeper.reached(space, peer, seq)
            case e.Learn(addresses):
                self.learnt(addresses)
            case e.InSync(space):
                running.level.add(space)
                self.keeper.in_sync(space, peer)
            case e.TurnedAway(space, words):
                self.keeper.turned_away(space, words)
            case e.Waiting(space, inviter, word):
                self.keeper.waiting(space, peer, inviter, word)

    async def _load(self, running: Running, load: e.Load) -> None:
        async with running.serving:  # one after another: a portion that waits for room is not overtaken by the next
            await self._load_next(running, load)

    async def _load_next(self, running: Running, load: e.Load) -> None:
        numbers = running.cursors.get(load.request)
        if numbers is None:
            numbers = await self.keeper.find(load.space, load.ranges, load.ids)
        data, taken = await self.keeper.portion(load.space, numbers[:MAX_BATCH_CHANGES]) if numbers else (None, 0)
        running.cursors[load.request] = rest = numbers[taken:]
        if not rest:
            del running.cursors[load.request]
        await self._carry_out(running, running.session.loaded(load.request, data, done=not rest))


async def _fail(error: CommonsError) -> None:
    raise error
