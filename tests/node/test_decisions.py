"""Deciding between real nodes: what is voted is closed, sealed and supported by itself, and then it holds."""

import pytest
from loopback import Neighbourhood, link_to, until

from identity.errors import Refused
from node.domain.law.membership import LeaveSpace, SuspendMember
from node.domain.posts import WritePost
from node.ingest import deciding
from node.ingest.spaces import Space
from node.runtime import Node, now_ms
from node.store import queries
from ui.operations import perform

QUICK = {"voting_days": 0, "grace_hours": 0, "quorum": [0, 1], "grave_threshold": [1, 2]}


async def garden_of(start: Neighbourhood, *names: str, **rules: object) -> tuple[list[Node], bytes]:
    """Found a garden with some people, everybody a member and connected to the first."""
    nodes = [await start(name) for name in names]
    founder = nodes[0]
    space = await founder.found("Garden", {**QUICK, **rules})
    link = await link_to(founder, space, uses=20)
    for node in nodes[1:]:
        await node.join(link)
    await until(lambda: all(len(law(node, space.id).members()) == len(names) for node in nodes))
    return nodes, space.id


def law(node: Node, space: bytes):  # type: ignore[no-untyped-def]
    return node.road.spaces[space].law


def here(node: Node, space: bytes) -> Space:
    return node.road.spaces[space]


async def texts(node: Node, space: bytes) -> set[str]:
    no = here(node, space).index.no
    return {line.text for line in await node.database.read(lambda db: queries.feed(db, no, None, 100))}


async def decided(space: bytes, nodes: list[Node], *effects: list[object], against: tuple[Node, ...] = ()) -> bytes:
    """Propose something, let everybody vote, and wait until it is sealed everywhere."""
    change = await deciding.propose(nodes[0].road, here(nodes[0], space), effects)
    await until(lambda: all(change.id in law(node, space).proposals for node in nodes))
    await until(lambda: all(law(node, space).proposals[change.id].openings for node in nodes))
    for node in nodes:
        await deciding.vote(node.road, here(node, space), change.id, "no" if node in against else "yes")
    await until(lambda: all(change.id in law(node, space).present().sealed.finals for node in nodes), 40)
    return change.id


async def test_a_decision_is_sealed_by_itself_and_changes_a_rule_everywhere(start: Neighbourhood) -> None:
    nodes, space = await garden_of(start, "Amina", "Bola", "Chidi")

    proposal = await decided(space, nodes, ["rule", "invitations", 7], against=(nodes[2],))

    for node in nodes:
        sealed = law(node, space).present().sealed
        assert sealed.charter["invitations"] == 7
        outcome = sealed.finals[proposal].outcome
        assert outcome is not None
        assert (outcome.winner, outcome.electorate) == ("yes", 3)
        assert dict(outcome.tally)["no"] <= 1


async def test_several_auditors_seal_together(start: Neighbourhood) -> None:
    nodes, space = await garden_of(start, "Amina", "Bola", "Chidi")
    pairs = sorted([node.road.me, node.road.device.public] for node in nodes)
    await decided(space, nodes, ["auditors", pairs, 2])

    proposal = await decided(space, nodes, ["role", nodes[1].road.me, "treasurer", "", now_ms() + 86_400_000])

    seal = law(nodes[2], space).seals[law(nodes[2], space).present().sealed.finals[proposal].seal]
    assert len({act.person for act in seal.supporters}) >= 2
    assert law(nodes[2], space).present().has_role(nodes[1].road.me, "treasurer", now_ms())


async def test_a_removed_member_reads_nothing_new_and_what_they_write_is_void(start: Neighbourhood) -> None:
    nodes, space = await garden_of(start, "Amina", "Bola", "Chidi")
    amina, bola, chidi = nodes
    await chidi.road.submit(here(chidi, space), WritePost("from before", None, None, []))
    await until_text("from before", space, amina, bola)
    old = here(amina, space).secrets.present["talk"]

    await decided(space, [amina, bola], ["remove", chidi.road.me])
    await until(lambda: all(here(node, space).secrets.present["talk"] != old for node in (amina, bola)))
    await amina.road.submit(here(amina, space), WritePost("for those who stay", None, None, []))
    await until_text("for those who stay", space, bola)

    fresh = here(amina, space).secrets.present["talk"]
    assert here(bola, space).secrets.present["talk"] == fresh
    assert fresh not in here(chidi, space).secrets.talk
    assert "for those who stay" not in await texts(chidi, space)
    assert "from before" in await texts(bola, space)
    log = here(bola, space).history.logs[chidi.road.device.public]
    assert log.forked is not None
    with pytest.raises(Refused):
        await chidi.road.submit(here(chidi, space), WritePost("still me", None, None, []))


async def test_who_leaves_goes_at_once_and_the_rest_change_their_keys(start: Neighbourhood) -> None:
    nodes, space = await garden_of(start, "Amina", "Bola")
    amina, bola = nodes
    old = here(amina, space).secrets.present["talk"]

    await bola.road.submit(here(bola, space), LeaveSpace())

    assert here(bola, space).state == "left"
    await until(lambda: len(law(amina, space).members()) == 1)
    await until(lambda: here(amina, space).secrets.present["talk"] != old)


async def test_a_command_that_the_rules_refuse_says_which_before_it_is_signed(start: Neighbourhood) -> None:
    (amina,), space = await garden_of(start, "Amina", role_days=10)
    before = here(amina, space).history.logs[amina.road.device.public].seq

    with pytest.raises(Refused, match="term"):
        await deciding.propose(
            amina.road, here(amina, space), [["role", amina.road.me, "treasurer", "", now_ms() + 20 * 86_400_000]]
        )

    assert here(amina, space).history.logs[amina.road.device.public].seq == before


async def until_text(text: str, space: bytes, *nodes: Node) -> None:
    for node in nodes:

        async def there(node: Node = node) -> bool:
            return text in await texts(node, space)

        await until(there)


async def test_a_pause_stops_posting_and_opens_its_own_review(start: Neighbourhood) -> None:
    nodes, space = await garden_of(start, "Amina", "Bola", suspenders=1)
    amina, bola = nodes
    await deciding.submit(amina.road, here(amina, space), SuspendMember(bola.road.me))
    await until(lambda: law(bola, space).present().suspended_until(bola.road.me, now_ms()) is not None)

    with pytest.raises(Refused, match="paused your posting"):
        await bola.road.submit(here(bola, space), WritePost("but I", None, None, []))

    await until(lambda: any(p.openings for p in law(bola, space).proposals.values()))
    (review,) = law(bola, space).proposals.values()
    assert review.change.command.effects == [["resume", bola.road.me]]
    for node in nodes:
        await deciding.vote(node.road, here(node, space), review.change.id, "yes")
    await until(lambda: review.change.id in law(bola, space).present().sealed.finals, 40)
    await bola.road.submit(here(bola, space), WritePost("thank you all", None, None, []))


async def test_who_was_removed_keeps_their_name_on_what_they_said(start: Neighbourhood) -> None:
    nodes, space = await garden_of(start, "Amina", "Bola", "Chidi")
    amina, bola, chidi = nodes
    await chidi.road.submit(here(chidi, space), WritePost("from before", None, None, []))
    await until_text("from before", space, amina, bola)
    no = here(amina, space).index.no

    async def name() -> str | None:
        return (await amina.database.read(lambda db: queries.names(db, no))).get(chidi.road.me)

    await until(name)
    old = here(amina, space).secrets.present["talk"]
    await decided(space, [amina, bola], ["remove", chidi.road.me])
    await until(lambda: all(here(node, space).secrets.present["talk"] != old for node in (amina, bola)))
    await until(lambda: here(amina, space).history.root() == here(bola, space).history.root())

    verified = await perform(amina, "verify", {"space": "-"})
    await perform(amina, "rebuild", {"space": "-"})

    assert (verified["faults"], await name()) == ([], "Chidi")
