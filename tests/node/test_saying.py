"""What a member says: it can be taken back for a while, is signed once, and is not lost."""

from pathlib import Path

import pytest
from gardens import decided, garden_of, here, is_open, law, voted
from loopback import SETTINGS, Neighbourhood, at_rest, clock_of, link_to, same, until

from identity.errors import Refused
from node.domain.law.membership import SuspendMember
from node.domain.posts import WritePost
from node.ingest import deciding
from node.runtime import Node
from node.store import queries


async def texts(node: Node) -> list[str]:
    return [line.text for line in await node.database.read(lambda db: queries.feed(db, 1, None, 50))]


async def test_what_was_said_is_signed_after_its_time_even_if_the_node_was_closed(start: Neighbourhood) -> None:
    amina = await start("Amina")
    garden = await amina.found("Garden")
    await amina.stop_saying()
    await amina.say_later(garden, WritePost("later", None, None, []))
    await amina.close()

    again = await start.nameless("Amina")
    await until(lambda: texts(again))

    assert await texts(again) == ["later"]
    assert await again.pending() == []


async def test_what_was_taken_back_is_not_signed(start: Neighbourhood) -> None:
    amina = await start("Amina")
    garden = await amina.found("Garden")
    await amina.stop_saying()
    number = await amina.say_later(garden, WritePost("hasty", None, None, []))
    body = await amina.undo(number)
    size = garden.history.size

    with pytest.raises(Refused, match="taken back"):
        await amina.road.submit(garden, WritePost("hasty", None, None, []), pending=number)

    assert body is not None
    assert body[:2] == ["post.write", "hasty"]
    assert await texts(amina) == []
    assert amina.road.spaces[garden.id].history.size == size


async def test_how_far_a_post_travelled_is_known_after_a_restart(start: Neighbourhood, tmp_path: Path) -> None:
    amina, bola = await start("Amina"), await start("Bola")
    garden = await amina.found("Garden")
    await bola.join(await link_to(amina, garden))
    change = await amina.road.submit(garden, WritePost("hello", None, None, []))
    device = amina.road.device.public
    await until(lambda: same(garden.id, amina, bola) and amina.keeper.reached_by(garden.id, device, change.header.seq))
    await amina.close()

    again = Node(tmp_path / "Amina", SETTINGS)
    await again.open()
    reached = again.keeper.reached_by(garden.id, device, change.header.seq)
    await again.close()

    assert reached == 1


async def test_what_the_rules_refuse_is_kept_with_the_reason_and_tried_again_when_law_has_changed(
    start: Neighbourhood, caplog: pytest.LogCaptureFixture
) -> None:
    nodes, space = await garden_of(start, "Amina", "Bola", suspenders=1, suspension_days=60)
    amina, bola = nodes
    await deciding.submit(amina.road, here(amina, space), SuspendMember(bola.road.me))
    await until(lambda: law(bola, space).present().suspended_until(bola.road.me, bola.clock_ms()) is not None)
    await until(lambda: any(is_open(bola, space, review) for review in law(bola, space).proposals))
    await bola.stop_network()  # so that law rests
    await at_rest(bola)

    number = await bola.say_later(here(bola, space), WritePost("let me speak", None, None, []))
    await until(lambda: number in bola.saying.held)
    reason = bola.saying.held[number]
    caplog.clear()
    await clock_of(bola).later(hours=2)
    other = await bola.say_later(here(bola, space), WritePost("and again", None, None, []))  # which wakes who signs
    await until(lambda: other in bola.saying.held)
    tried = [record for record in caplog.records if "cannot be signed" in record.message]
    waiting = {row.no for row in await bola.pending()}
    (review,) = law(bola, space).proposals
    await bola.start_network()
    bola.neighbours.learn(amina.addresses)
    await voted(space, nodes, review)
    await until(lambda: not bola.saying.held)

    async def is_said() -> bool:
        return {"let me speak", "and again"} <= {*await texts(bola)}

    await until(is_said)
    assert "paused your posting" in reason
    assert (len(tried), waiting, await bola.pending()) == (1, {number, other}, [])


async def test_what_nobody_may_sign_any_more_can_be_taken_back_and_is_tried_once_at_each_start(
    start: Neighbourhood, caplog: pytest.LogCaptureFixture
) -> None:
    (amina, bola), space = await garden_of(start, "Amina", "Bola")
    await decided(space, [amina], ["remove", bola.road.me])
    await until(lambda: not law(bola, space).present().is_member(bola.road.me))
    await amina.close()

    number = await bola.say_later(here(bola, space), WritePost("still me", None, None, []))
    await until(lambda: number in bola.saying.held)
    await bola.close()
    caplog.clear()
    again = await start.nameless("Bola")
    await until(lambda: number in again.saying.held)
    await clock_of(again).later(days=1)
    tried = [record for record in caplog.records if "cannot be signed" in record.message]
    body = await again.undo(number)

    assert len(tried) == 1
    assert body is not None
    assert body[1] == "still me"
    assert (again.saying.held, await again.pending()) == ({}, [])
