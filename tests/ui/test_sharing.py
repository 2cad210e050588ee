"""Two communities come to share a space as people do it: asked for by name, decided, each letting its own people in."""

from gardens import QUICK, here, law, voted, welcome
from loopback import Neighbourhood, until

from identity.keys import to_did
from node.domain.law.membership import LeaveSpace
from node.runtime import Node
from ui.operations import Data, perform


def told(data: Data, node: Node) -> tuple[list[str], str | None, list[str]]:
    """Return of what somebody is a member, by which they came, and what they have left, in names."""
    names = {parent["id"]: parent["name"] or "?" for parent in data["parents"]}
    (one,) = [each for each in data["people"] if each["person"] == to_did(node.me.person)]
    came = names[one["came_by"]] if one["came_by"] else None
    return [names[each] for each in one["member_of"]], came, [names[each] for each in one["left"]]


async def test_two_communities_share_a_space_by_a_decision(start: Neighbourhood) -> None:
    amina, chidi = await start("Amina"), await start("Chidi")
    bola, dina = await start("Bola"), await start("Dina")
    north, south = await amina.found("North"), await bola.found("South")
    await welcome(amina, north, chidi)
    await welcome(bola, south, dina)
    hall = await amina.found("Hall", {**QUICK, "parents": [north.id]})
    await welcome(amina, hall, bola)

    proposal = await perform(bola, "share_space", {"space": "Hall", "community": "South"})
    await voted(hall.id, [amina, bola], bytes.fromhex(proposal["id"]))
    for node in (amina, bola):
        assert len(law(node, hall.id).present().sealed.charter["parents"]) == 2
    await welcome(amina, hall, chidi)
    await welcome(bola, hall, dina)
    await until(lambda: len(law(amina, hall.id).members()) == 4)
    await until(lambda: len(law(bola, hall.id).members()) == 4)

    seen_by_amina = await perform(amina, "communities", {"space": "Hall"})
    seen_by_bola = await perform(bola, "communities", {"space": "Hall"})
    assert told(seen_by_amina, chidi) == (["North"], "North", [])
    assert told(seen_by_bola, dina) == (["South"], "South", [])
    assert told(seen_by_bola, chidi) == ([], "?", [])  # North's people are not Bola's to see, but by whom they came is

    await chidi.road.submit(here(chidi, north.id), LeaveSpace())
    await until(lambda: len(law(amina, north.id).members()) == 1)
    assert told(await perform(amina, "communities", {"space": "Hall"}), chidi) == ([], "North", ["North"])
    assert chidi.me.person in law(amina, hall.id).members()
