"""Consents between real nodes: revoked everywhere, asked once."""

import pytest
from gardens import garden_of, here, rows, until_same
from loopback import Neighbourhood

from identity.errors import Refused
from node.domain.consents import AskConsent, SetConsent, is_open
from node.domain.mentions import mentions
from node.ingest import consents, writing
from node.ingest.consents import may_mention, said_to
from node.runtime import Node
from node.store import people, queries


async def allows(node: Node, space: bytes, person: bytes, by: bytes) -> bool:
    return may_mention(await said_to(node.road, here(node, space), "mention"), person, by)


async def test_a_withdrawn_consent_holds_on_every_node_and_deletes_nothing(start: Neighbourhood) -> None:
    nodes, space = await garden_of(start, "Amina", "Bola", "Chidi")
    amina, bola, chidi = nodes
    await consents.answer(bola.road, here(bola, space), "mention", given=True)
    await until_same(space, *nodes)
    command = await writing.post_command(amina.road, here(amina, space), "Thank you @Bola", None)
    post = (await amina.road.submit(here(amina, space), command)).id
    await until_same(space, *nodes)
    assert [await allows(node, space, bola.road.me, amina.road.me) for node in nodes] == [True] * 3

    await consents.answer(bola.road, here(bola, space), "mention", given=False)
    await until_same(space, *nodes)

    assert [await allows(node, space, bola.road.me, amina.road.me) for node in nodes] == [False] * 3
    assert len({await rows(node, space) for node in nodes}) == 1
    line = await chidi.database.read(lambda db: queries.post(db, post))
    assert line is not None
    assert [one.person for one in mentions(line.text)] == [bola.road.me]
    again = await writing.post_command(chidi.road, here(chidi, space), "Thank you @Bola", None)
    assert again.text == "Thank you @Bola"


async def test_after_a_no_an_ask_is_refused_and_has_no_effect_on_any_node(start: Neighbourhood) -> None:
    nodes, space = await garden_of(start, "Amina", "Bola")
    amina, bola = nodes
    await consents.ask(amina.road, here(amina, space), bola.road.me, "mention")
    with pytest.raises(Refused, match="asked already"):
        await consents.ask(amina.road, here(amina, space), bola.road.me, "mention")
    await until_same(space, *nodes)
    await consents.answer(bola.road, here(bola, space), "mention", amina.road.me, given=False)
    await until_same(space, *nodes)
    before = here(amina, space).history.size

    with pytest.raises(Refused, match="not repeated"):
        await consents.ask(amina.road, here(amina, space), bola.road.me, "mention")
    assert here(amina, space).history.size == before
    settled = await rows(amina, space)
    await amina.road.submit(here(amina, space), AskConsent(bola.road.me, "mention", amina.road.me))  # a bent node
    await until_same(space, *nodes)

    assert [await rows(node, space) for node in nodes] == [settled] * 2


async def test_a_no_to_anybody_is_a_no_to_whoever_asked_before(start: Neighbourhood) -> None:
    nodes, space = await garden_of(start, "Amina", "Bola")
    amina, bola = nodes
    await consents.ask(amina.road, here(amina, space), bola.road.me, "mention")
    await until_same(space, *nodes)

    await bola.road.submit(here(bola, space), SetConsent(bola.road.me, "mention", b"", 1, False))
    await until_same(space, *nodes)

    for node in nodes:
        no = here(node, space).index.no
        said = await node.database.read(lambda db, no=no: people.consents_to(db, no, "mention"))
        assert not is_open(said[bola.road.me], amina.road.me)


async def test_only_what_makes_sense_is_signed(start: Neighbourhood) -> None:
    (amina,), space = await garden_of(start, "Amina")
    before = here(amina, space).history.size

    for use, by in (("everything", b""), ("mention", amina.road.me), ("charter", b"")):
        with pytest.raises(Refused):
            await consents.answer(amina.road, here(amina, space), use, by, given=True)
    for person in (amina.road.me, b"S" * 32):
        with pytest.raises(Refused):
            await consents.ask(amina.road, here(amina, space), person, "mention")

    assert here(amina, space).history.size == before


async def test_accepting_the_rules_is_kept_once(start: Neighbourhood) -> None:
    (amina,), space = await garden_of(start, "Amina")

    first = await consents.accept_charter(amina.road, here(amina, space))
    again = await consents.accept_charter(amina.road, here(amina, space))
    held = await consents.accepted(amina.road, here(amina, space))

    assert first is not None
    assert again is None
    assert held is not None
    assert held.version == consents.charter_version(here(amina, space))
