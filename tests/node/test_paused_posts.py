"""A pause that its subject's own node ignores: what is posted meanwhile shows nowhere, in every order of arrival."""

import random
from pathlib import Path

import pytest
from loopback import Neighbourhood, until
from other_members import Member

from crdt.batch import Batch
from crdt.change import Change
from node.config import Config
from node.domain.law.membership import SuspendMember
from node.domain.posts import EditPost, RetractPost, WritePost
from node.ingest import deciding
from node.ingest.pauses import REASON
from node.ingest.spaces import Secrets, Space
from node.runtime import Node
from node.store import log as store_log
from node.store import queries, readmodel
from node.store.spaces import SpaceRow

DAY_MS = 86_400_000
RULES = {"suspenders": 1, "suspension_days": 7, "voting_days": 0, "grace_hours": 0, "quorum": [0, 1]}
ORDERS = 6


@pytest.fixture
async def amina(start: Neighbourhood) -> Node:
    """The node of a moderator."""
    return await start("Amina")


def here(node: Node, space: Space) -> Space:
    return node.road.spaces[space.id]


async def texts(node: Node, space: Space) -> set[str]:
    no = here(node, space).index.no
    return {line.text for line in await node.database.read(lambda db: queries.feed(db, no, None, 100))}


async def reasons(node: Node, space: Space) -> dict[bytes, str]:
    """Return why changes were refused, by id."""
    no = here(node, space).index.no
    lines = await node.database.read(lambda db: queries.refused_changes(db, no, None, 100))
    return {line.id: line.reason for line in lines if line.reason}


def write(text: str) -> WritePost:
    return WritePost(text, None, None, [])


async def test_what_is_posted_while_paused_is_refused_in_the_log_and_shown_nowhere(amina: Node) -> None:
    space = await amina.found("Garden", RULES)
    mallory = await Member.join(amina, space, "Mallory")
    await mallory.say(write("before"))
    await amina.road.submit(here(amina, space), SuspendMember(mallory.root.public))

    shout = await mallory.say(write("I shout on"))
    answer = await mallory.say(WritePost("and on", shout.id, shout.id, []))
    await mallory.say(write("a week later"), amina.clock_ms() + 8 * DAY_MS)

    assert await texts(amina, space) == {"before", "a week later"}
    assert await reasons(amina, space) == {shout.id: REASON, answer.id: REASON}


async def test_a_pause_that_is_heard_of_later_takes_away_what_was_said_in_it_and_a_review_brings_it_back(
    amina: Node,
) -> None:
    space = await amina.found("Garden", RULES)
    mallory = await Member.join(amina, space, "Mallory")
    old = await mallory.say(write("as it was"))
    gone = await mallory.say(write("I take this back"))
    pause = await amina.road.submit(here(amina, space), SuspendMember(mallory.root.public))
    later = pause.header.time + 1
    await mallory.say(EditPost(old.id, "as it is now"), later)
    await mallory.say(RetractPost(gone.id, None, None, []), later)
    await mallory.say(write("meanwhile"), later)
    paused = await texts(amina, space)

    review = await deciding.propose(amina.road, here(amina, space), [["resume", mallory.root.public]])
    await deciding.vote(amina.road, here(amina, space), review.id, "yes")

    async def is_back() -> bool:
        return await texts(amina, space) == {"as it is now", "", "meanwhile"}

    await until(is_back)
    assert paused == {"as it was", ""}
    assert await reasons(amina, space) == {}


async def test_a_post_that_came_before_the_pause_it_claims_to_be_in_goes_when_the_pause_is_heard_of(
    amina: Node,
) -> None:
    space = await amina.found("Garden", RULES)
    mallory = await Member.join(amina, space, "Mallory")
    ahead = await mallory.say(write("dated ahead"), amina.clock_ms() + DAY_MS)
    before = await texts(amina, space)

    await amina.road.submit(here(amina, space), SuspendMember(mallory.root.public))

    assert before == {"dated ahead"}
    assert await texts(amina, space) == set()
    assert await reasons(amina, space) == {ahead.id: REASON}


async def test_every_order_of_arrival_comes_to_the_same_rows_and_refusals(amina: Node, tmp_path: Path) -> None:
    space = await amina.found("Garden", RULES)
    mallory, bola = [await Member.join(amina, space, name, seed) for name, seed in (("Mallory", 1), ("Bola", 2))]
    first = await mallory.say(write("before"))
    await amina.road.submit(here(amina, space), SuspendMember(mallory.root.public))
    for number in range(4):
        shout = await mallory.say(write(f"shout {number}"))
        await bola.say(WritePost("please stop", shout.id, shout.id, []))
    await mallory.say(EditPost(first.id, "changed while paused"))
    await amina.road.submit(here(amina, space), SuspendMember(bola.root.public))
    await bola.say(write("why me?"))
    everything = await _everything(amina, space)
    expected = (await _rows(amina, space), await reasons(amina, space))

    found = []
    for seed in range(ORDERS):
        node = Node(tmp_path / f"order {seed}", Config(discovery=False))
        await node.open()
        await node.name_yourself("Reader")
        await _take_in_some_order(node, space, everything, seed)
        found.append((await _rows(node, space), await reasons(node, space)))
        await node.close()

    assert [one == expected for one in found] == [True] * ORDERS
    assert len(expected[1]) == 6
    assert await texts(amina, space) == {"before"}


async def _everything(node: Node, space: Space) -> list[Change]:
    index = here(node, space).index
    numbers = await node.database.read(lambda db: store_log.numbers_of(db, index.no))
    return [each.change for each in await node.database.read(lambda db: store_log.read_changes(db, index, numbers))]


async def _rows(node: Node, space: Space) -> bytes:
    no = here(node, space).index.no
    return await node.database.read(lambda db: readmodel.rows_digest(db, no))


async def _take_in_some_order(node: Node, space: Space, changes: list[Change], seed: int) -> None:
    """Let a node that holds the keys receive changes one by one, parents first, otherwise in any order, some twice."""
    secrets = Secrets(space.secrets.discovery, list(space.secrets.law), list(space.secrets.talk))
    row = SpaceRow(0, space.id, space.secrets.discovery, space.name, "member", node.clock_ms())
    await node.road.begin(row, secrets)
    rng = random.Random(seed)
    left, held = {change.id: change for change in changes}, set[bytes]()
    while left:
        ready = [c for c in left.values() if {c.header.prev, *c.header.deps} - {b""} <= held]
        change = rng.choice(ready)
        for _ in range(rng.randint(1, 2)):
            await node.road.receive(here(node, space), Batch([change], {}), b"n" * 32)
        held.add(change.id)
        del left[change.id]
