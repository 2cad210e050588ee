"""What a member says: it can be taken back for a while, is signed once, and is not lost."""

from pathlib import Path

import pytest
from loopback import SETTINGS, Neighbourhood, link_to, same, until

from identity.errors import Refused
from node.domain.posts import WritePost
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
