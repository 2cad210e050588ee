"""What lies in the past of a change, talk too, as the log on disk tells it."""

from forking import branch, head
from gardens import garden_of, here, law
from loopback import Neighbourhood, same, until

from crdt.batch import Batch
from node.domain.posts import WritePost
from node.ingest.spaces import Space
from node.runtime import Node
from node.store.ancestry import last_seen


async def seen_by(node: Node, space: Space, id_: bytes, *authors: bytes) -> list[int]:
    found = await node.database.read(lambda db: last_seen(db, space.index, id_, authors))
    return [found[author] for author in authors]


async def test_a_past_goes_through_whatever_others_answered(start: Neighbourhood) -> None:
    (amina, bola, carla), id_ = await garden_of(start, "Amina", "Bola", "Carla")
    logs = here(carla, id_).history.logs
    before = logs[carla.road.device.public].seq
    await carla.road.submit(here(carla, id_), WritePost("one", None, None, []))
    await until(lambda: same(id_, amina, bola, carla))
    answer = await bola.road.submit(here(bola, id_), WritePost("I heard", None, None, []))
    await until(lambda: same(id_, amina, bola, carla))
    await carla.road.submit(here(carla, id_), WritePost("two", None, None, []))
    await until(lambda: same(id_, amina, bola, carla))
    last = await amina.road.submit(here(amina, id_), WritePost("last", None, None, []))

    space, devices = here(amina, id_), [node.road.device.public for node in (carla, bola, amina)]

    assert await seen_by(amina, space, answer.id, devices[0]) == [before + 1]
    assert await seen_by(amina, space, last.id, *devices) == [before + 2, answer.header.seq, last.header.seq]


async def test_who_has_said_nothing_in_a_past_is_seen_up_to_nothing(start: Neighbourhood) -> None:
    (amina, bola), id_ = await garden_of(start, "Amina", "Bola")

    seen = await seen_by(amina, here(amina, id_), id_, bola.road.device.public, bytes(32))

    assert seen == [0, 0]


async def test_of_a_forked_log_only_the_branch_that_was_answered_lies_in_a_past(start: Neighbourhood) -> None:
    (amina, bola), id_ = await garden_of(start, "Amina", "Bola")
    garden, key = here(amina, id_), bola.road.device
    place = head(garden, key.public)
    await bola.close()
    one, other = branch(garden, key, place, "one 1"), branch(garden, key, place, "other 1", "other 2", "other 3")
    await amina.road.receive(here(amina, id_), Batch(one, {}), key.public)
    answer = await amina.road.submit(here(amina, id_), WritePost("I answer", None, None, []))
    await amina.road.receive(here(amina, id_), Batch(other, {}), key.public)
    last = await amina.road.submit(here(amina, id_), WritePost("later", None, None, []))

    assert law(amina, id_).forked == {key.public: place[0] + 1}
    for change in (answer, last):
        assert await seen_by(amina, here(amina, id_), change.id, key.public) == [place[0] + 1]
