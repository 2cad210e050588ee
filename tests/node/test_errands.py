"""What a node does about a space is done once for all that stirred it, and not again without a reason."""

import asyncio
from collections.abc import Coroutine

from gardens import garden_of, here
from loopback import Neighbourhood, until

from node.errands import Errands
from node.ingest.duties import Duties


class Begun:
    """Tasks that were begun; each errand waits until it may go on."""

    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[None]] = []
        self.done: list[bytes] = []
        self.may_go_on = asyncio.Event()
        self.errands = Errands(self.begin, self.do)

    def begin(self, work: Coroutine[None, None, None]) -> None:
        self.tasks.append(asyncio.create_task(work))

    async def do(self, space: bytes) -> None:
        self.done.append(space)
        await self.may_go_on.wait()


async def test_what_stirs_a_space_meanwhile_makes_it_be_looked_at_once_more() -> None:
    begun = Begun()
    begun.errands.stir(b"one")
    begun.errands.stir(b"other")
    await until(lambda: len(begun.done) == 2)

    for _ in range(5):
        begun.errands.stir(b"one")
    begun.may_go_on.set()
    await asyncio.gather(*begun.tasks)

    assert (begun.done.count(b"one"), begun.done.count(b"other"), len(begun.tasks)) == (2, 1, 2)


async def test_an_errand_that_is_over_is_done_again_when_its_space_is_stirred_again() -> None:
    begun = Begun()
    begun.may_go_on.set()
    begun.errands.stir(b"one")
    await asyncio.gather(*begun.tasks)

    begun.errands.stir(b"one")
    await asyncio.gather(*begun.tasks)

    assert begun.done == [b"one", b"one"]


class Counted(Duties):
    """Duties that only note where they would be done."""

    done: list[bytes]

    async def _do(self, id_: bytes) -> None:
        self.done.append(id_)


async def test_duties_are_done_once_where_law_changed_and_elsewhere_not_at_all(start: Neighbourhood) -> None:
    (amina,), space = await garden_of(start, "Amina")
    await amina.found("Library")
    duties = Counted(amina.road, None, amina._follow_topics)
    duties.done = []
    running = asyncio.create_task(duties.run())
    await until(lambda: len(duties.done) == 2)

    await duties.look(space)
    await until(lambda: not duties.is_at_work())
    running.cancel()

    assert duties.done[2:] == [space]


async def test_the_ends_of_logs_are_looked_through_once_for_all_that_asks_where_a_log_is_forked(
    start: Neighbourhood,
) -> None:
    (amina,), id_ = await garden_of(start, "Amina")
    space = here(amina, id_)

    first, again = space.law.latest(), space.law.latest()

    assert first is again
    assert set(first) == {(log.author, log.seq, log.parent.past) for log in space.history.logs.values()}
