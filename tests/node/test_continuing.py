"""A space that continues another: its rules, its history for those who hold it, its people, their posts."""

import pytest
from gardens import QUICK, deep_feed, here, law, say, texts, welcome
from loopback import Neighbourhood, link_to, until

from identity.errors import Refused
from node.domain.law.membership import LeaveSpace
from node.domain.posts import ImportPost
from node.ingest import continuing, holons, writing
from node.ingest.spaces import Space
from node.runtime import Node
from node.store import queries
from node.store.queries import PostLine


async def forked(node: Node, old: Space, name: str = "Garden anew") -> Space:
    return await node.found(name, continuing.rules_of(here(node, old.id)))


async def lines_of(node: Node, space: Space) -> list[PostLine]:
    me = node.me.person
    return await node.database.read(lambda db: queries.by_person(db, here(node, space.id).index.no, me, 100))


async def test_it_begins_with_the_old_rules_and_says_where_it_comes_from(start: Neighbourhood) -> None:
    amina = await start("Amina")
    old = await amina.found("Garden", {**QUICK, "invitations": 7})
    root = old.history.root()

    new = await forked(amina, old)

    charter = new.law.present().sealed.charter
    assert (charter["invitations"], charter["quorum"]) == (7, [0, 1])
    assert charter["continues"] == [old.id, root]
    assert f"It continues the space {old.id.hex()[:8]}" in dict(charter.sentences())["continues"]


async def test_what_was_said_until_then_is_read_on_and_what_comes_later_is_not(start: Neighbourhood) -> None:
    amina = await start("Amina")
    old = await amina.found("Garden", QUICK)
    await say(amina, old.id, "before")
    new = await forked(amina, old)
    moment = new.law.founding.time if new.law.founding else 0
    await until(lambda: amina.clock_ms() > moment)
    await say(amina, old.id, "after")
    await say(amina, new.id, "anew")

    assert [line.text for line in await deep_feed(amina, new)] == ["anew", "before"]
    assert await texts(amina, new.id) == {"anew"}
    assert "after" in {line.text for line in await deep_feed(amina, old)}


async def test_a_space_that_continues_one_that_continues_one_reads_all_of_it(start: Neighbourhood) -> None:
    amina = await start("Amina")
    first = await amina.found("First", QUICK)
    await say(amina, first.id, "one")
    second = await forked(amina, first, "Second")
    await say(amina, second.id, "two")
    third = await forked(amina, second, "Third")

    assert [line.text for line in await deep_feed(amina, third)] == ["two", "one"]


async def test_who_does_not_hold_the_old_space_reads_nothing_of_it(start: Neighbourhood) -> None:
    amina, bola = await start("Amina"), await start("Bola")
    old = await amina.found("Garden", QUICK)
    await say(amina, old.id, "before")
    new = await forked(amina, old)

    await welcome(amina, new, bola)

    assert await deep_feed(bola, new) == []
    assert list(holons.continued_here(bola.road, here(bola, new.id))) == []
    with pytest.raises(Refused, match="not on this device"):
        await continuing.carry_over(bola.road, here(bola, new.id))


async def test_everybody_carries_their_own_posts_over_once_and_threads_stay_together(start: Neighbourhood) -> None:
    amina, bola = await start("Amina"), await start("Bola")
    old = await amina.found("Garden", QUICK)
    await welcome(amina, old, bola)
    question = await amina.road.submit(
        here(amina, old.id), await writing.post_command(amina.road, here(amina, old.id), "Who waters?", None)
    )

    async def has_question() -> bool:
        return "Who waters?" in await texts(bola, old.id)

    await until(has_question)
    await bola.road.submit(
        here(bola, old.id), await writing.post_command(bola.road, here(bola, old.id), "I do", question.id)
    )
    new = await forked(amina, old)
    await welcome(amina, new, bola)

    assert await continuing.still_to_carry(amina.road, here(amina, new.id)) == 1
    assert await continuing.carry_over(amina.road, here(amina, new.id)) == 1
    assert await continuing.carry_over(amina.road, here(amina, new.id)) == 0

    async def has_carried() -> bool:
        return "Who waters?" in await texts(bola, new.id)

    await until(has_carried)
    assert await continuing.carry_over(bola.road, here(bola, new.id)) == 1

    (carried,) = await lines_of(amina, new)
    (answer,) = await lines_of(bola, new)
    (before,) = await lines_of(bola, old)
    assert (answer.thread, answer.parent) == (carried.id, carried.id)
    assert (answer.published, answer.dated) == (before.dated, before.dated)
    assert answer.address == f"commons:post/{before.id.hex()}"
    assert await continuing.still_to_carry(bola.road, here(bola, new.id)) == 0


async def test_nobody_carries_over_what_another_said(start: Neighbourhood) -> None:
    amina, bola = await start("Amina"), await start("Bola")
    old = await amina.found("Garden", QUICK)
    post = await amina.road.submit(old, await writing.post_command(amina.road, old, "my own words", None))
    new = await forked(amina, old)
    await welcome(amina, new, bola)
    false = ImportPost("other words", None, None, [], 5, "", continuing.source_of(post.id))
    await bola.road.submit(here(bola, new.id), false)

    async def has_the_false_one() -> bool:
        return "other words" in await texts(amina, new.id)

    await until(has_the_false_one)

    assert await continuing.still_to_carry(amina.road, here(amina, new.id)) == 1
    assert await continuing.carry_over(amina.road, here(amina, new.id)) == 1


async def test_who_left_the_old_space_may_continue_it(start: Neighbourhood) -> None:
    amina, bola = await start("Amina"), await start("Bola")
    old = await amina.found("Garden", QUICK)
    await welcome(amina, old, bola)
    await say(bola, old.id, "mine")
    await bola.road.submit(here(bola, old.id), LeaveSpace())

    new = await forked(bola, old)

    assert law(bola, new.id).present().has_role(bola.me.person, "steward", bola.clock_ms())
    assert [line.text for line in await deep_feed(bola, new)] == ["mine"]
    assert await continuing.carry_over(bola.road, here(bola, new.id)) == 1


async def test_who_only_knocked_at_a_space_does_not_continue_it(start: Neighbourhood) -> None:
    amina, bola = await start("Amina"), await start("Bola")
    old = await amina.found("Garden", {**QUICK, "admission": "vote"})
    await bola.join(await link_to(amina, old))

    with pytest.raises(Refused, match="was in a space"):
        continuing.rules_of(here(bola, old.id))


async def test_a_space_that_continues_none_has_nothing_to_carry_over(start: Neighbourhood) -> None:
    amina = await start("Amina")
    space = await amina.found("Garden")
    await amina.road.submit(space, ImportPost("old", None, None, [], 5, "", bytes(16)))

    assert await continuing.still_to_carry(amina.road, space) == 0
    with pytest.raises(Refused, match="continues no other"):
        await continuing.carry_over(amina.road, space)
