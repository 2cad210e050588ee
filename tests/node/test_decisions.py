"""Deciding between real nodes: what is voted is closed, sealed and supported by itself, and then it holds."""

import pytest
from gardens import decided, garden_of, here, is_open, law, texts, until_same, voted
from loopback import DAY_MS, Neighbourhood, until

from identity.errors import Refused
from node.domain.law.membership import LeaveSpace, SuspendMember
from node.domain.posts import WritePost
from node.ingest import deciding
from node.ingest.cuts import make_cuts
from node.runtime import Node
from node.store import queries
from ui.operations import perform


async def test_a_decision_is_sealed_by_itself_and_changes_a_rule_everywhere(start: Neighbourhood) -> None:
    nodes, space = await garden_of(start, "Amina", "Bola", "Chidi")

    proposal = await decided(space, nodes, ["rule", "invitations", 7], against=(nodes[2],))

    for node in nodes:
        sealed = law(node, space).present().sealed
        assert sealed.charter["invitations"] == 7
        outcome = sealed.finals[proposal].outcome
        assert outcome is not None
        assert (outcome.winner, outcome.electorate) == ("yes", 3)
        assert (dict(outcome.tally)["yes"], dict(outcome.tally)["no"]) == (2, 1)


async def test_several_auditors_seal_together(start: Neighbourhood) -> None:
    nodes, space = await garden_of(start, "Amina", "Bola", "Chidi")
    pairs = sorted([node.road.me, node.road.device.public] for node in nodes)
    await decided(space, nodes, ["auditors", pairs, 2])

    until_ms = start.clock() + 30 * DAY_MS
    proposal = await decided(space, nodes, ["role", nodes[1].road.me, "treasurer", "", until_ms])

    seal = law(nodes[2], space).seals[law(nodes[2], space).present().sealed.finals[proposal].seal]
    assert len({act.person for act in seal.supporters}) >= 2
    assert law(nodes[2], space).present().has_role(nodes[1].road.me, "treasurer", start.clock())


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
            amina.road, here(amina, space), [["role", amina.road.me, "treasurer", "", amina.clock_ms() + 20 * DAY_MS]]
        )

    assert here(amina, space).history.logs[amina.road.device.public].seq == before


async def test_where_the_rules_name_no_days_a_vote_lasts_a_second_at_least(start: Neighbourhood) -> None:
    (amina,), space = await garden_of(start, "Amina", voting_days=0, grace_hours=0)

    change = await deciding.propose(amina.road, here(amina, space), [["rule", "invitations", 7]])

    terms = law(amina, space).proposals[change.id].change.command
    assert terms.deadline >= change.header.time + deciding.SHORTEST_MS
    assert is_open(amina, space, change.id)


async def until_text(text: str, space: bytes, *nodes: Node) -> None:
    for node in nodes:

        async def there(node: Node = node) -> bool:
            return text in await texts(node, space)

        await until(there)


async def test_each_pause_stops_posting_and_opens_its_own_review(start: Neighbourhood) -> None:
    nodes, space = await garden_of(start, "Amina", "Bola", suspenders=1)
    amina, bola = nodes
    await deciding.submit(amina.road, here(amina, space), SuspendMember(bola.road.me))
    await until(lambda: law(bola, space).present().suspended_until(bola.road.me, bola.clock_ms()) is not None)

    with pytest.raises(Refused, match="paused your posting"):
        await bola.road.submit(here(bola, space), WritePost("but I", None, None, []))

    await until(lambda: law(bola, space).proposals)
    (review,) = law(bola, space).proposals.values()
    assert review.change.command.effects == [["resume", bola.road.me]]
    await voted(space, nodes, review.change.id)
    assert law(bola, space).present().suspended_until(bola.road.me, bola.clock_ms()) is None
    await bola.road.submit(here(bola, space), WritePost("thank you all", None, None, []))

    await deciding.submit(amina.road, here(amina, space), SuspendMember(bola.road.me))
    await until(lambda: len(law(bola, space).proposals) == 2)


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


async def test_a_removed_persons_log_counts_as_far_as_the_seals_past_shows_it(start: Neighbourhood) -> None:
    nodes, space = await garden_of(start, "Amina", "Bola", "Chidi")
    amina, bola, chidi = nodes
    await chidi.road.submit(here(chidi, space), WritePost("heard by all", None, None, []))
    await until_text("heard by all", space, amina, bola)
    await until_same(space, *nodes)
    seen = here(amina, space).history.logs[chidi.road.device.public].seq
    await chidi.stop_network()
    await chidi.road.submit(here(chidi, space), WritePost("heard by nobody in time", None, None, []))

    await decided(space, [amina, bola], ["remove", chidi.road.me])
    chidi.neighbours.learn(bola.addresses)
    await chidi.start_network()
    await until_same(space, amina, bola)

    for node in (amina, bola):
        assert here(node, space).history.logs[chidi.road.device.public].forked == seen + 1
        assert await texts(node, space) == {"heard by all"}


async def test_a_log_is_cut_elsewhere_where_another_seal_of_the_same_removal_comes_to_hold(
    start: Neighbourhood,
) -> None:
    nodes, space = await garden_of(start, "Amina", "Bola", "Chidi")
    amina, bola, chidi = nodes
    for text in ("one", "two", "three"):
        await chidi.road.submit(here(chidi, space), WritePost(text, None, None, []))
    await until_text("three", space, amina, bola)
    device = chidi.road.device.public
    await decided(space, [amina, bola], ["remove", chidi.road.me])
    road = amina.road
    (seal,) = law(amina, space).present().cuts()[device].seals
    (end,) = (await road.seen.ends(road, here(amina, space))).values()

    for place in (end - 2, end - 1):
        road.seen.know(seal, {device: place - 1})
        await make_cuts(road, here(amina, space))
        log = here(amina, space).history.logs[device]
        assert (log.forked, log.seq) == (place, place - 1)
