"""Vouching between real nodes: the last vouch that was missing lets in, whoever's node hears of it first."""

from gardens import QUICK, decided
from loopback import Neighbourhood, link_to, until

from node.domain.law.membership import VouchFor
from node.ingest import deciding
from node.runtime import Node


async def test_who_is_vouched_for_by_enough_is_let_in_by_itself(start: Neighbourhood) -> None:
    amina, bola, chidi = [await start(name) for name in ("Amina", "Bola", "Chidi")]
    space = (await amina.found("Garden", {**QUICK, "admission": "vouch", "vouchers": 1})).id
    await bola.join(await link_to(amina, amina.road.spaces[space]))
    await vouched(amina, space, 1)
    await until(lambda: bola.road.spaces[space].state == "member")
    await decided(space, [amina, bola], ["rule", "vouchers", 2])
    await chidi.join(await link_to(amina, amina.road.spaces[space]))

    await vouched(amina, space, 1)
    await vouched(bola, space, 1)

    await until(lambda: chidi.road.spaces[space].state == "member")
    grant = chidi.road.spaces[space].law.grants[chidi.road.device.public][0]
    assert (grant.needed, {act.person for act in grant.supports}) == (2, {amina.road.me, bola.road.me})


async def vouched(node: Node, space: bytes, waiting: int) -> None:
    """Vouch for whoever waits, as soon as that many do."""

    def open_knocks() -> list[bytes]:
        return [id_ for id_, join in node.road.spaces[space].law.joins.items() if not join.admitted]

    await until(lambda: len(open_knocks()) == waiting)
    await deciding.submit(node.road, node.road.spaces[space], VouchFor(open_knocks()[0]))
