"""Auditors who are gone, between real nodes: after the long pause the members' laptops hand over by themselves."""

import pytest
from gardens import garden_of, here, is_open, law
from loopback import Neighbourhood, clock_of, until
from page_reader import Browser

from identity.errors import Refused
from node.ingest import deciding
from node.runtime import Node
from ui.app import Site
from ui.operations import perform


async def asked(start: Neighbourhood) -> tuple[list[Node], bytes, bytes]:
    """Return three members of four, who ask for another auditor; the only one there was is gone."""
    nodes, space = await garden_of(start, "Amina", "Bola", "Chidi", "Dina", emergency_days=7)
    await until(lambda: len({here(node, space).history.root() for node in nodes}) == 1)
    gone, *rest = nodes
    pairs = [[rest[0].road.me, rest[0].road.device.public]]
    change = await deciding.propose(rest[0].road, here(rest[0], space), [["auditors", pairs, 1]])
    await until(lambda: all(is_open(node, space, change.id) for node in nodes))  # its auditor confirms it, and goes
    for node in rest[1:]:
        node.neighbours.learn(rest[0].addresses)
        node.neighbours.try_again()
    near = rest[0].neighbours.connected
    await until(lambda: {node.road.device.public for node in rest[1:]} <= {one.device for one in near()})
    await gone.close()
    return rest, space, change.id


async def test_who_voted_yes_hands_over_by_itself_once_the_pause_is_over(start: Neighbourhood) -> None:
    rest, space, proposal = await asked(start)
    for node in rest:
        await deciding.vote(node.road, here(node, space), proposal, "yes")
    await until(lambda: all(len(law(node, space).proposals[proposal].ballots) == 3 for node in rest))

    await clock_of(rest[0]).later(days=6)
    early = [list(law(node, space).proposals[proposal].takeovers) for node in rest]
    await clock_of(rest[0]).later(days=3)
    await until(lambda: all(set(law(node, space).present().sealed.auditors) == {rest[0].road.me} for node in rest))

    assert early == [[], [], []]


async def test_who_did_not_vote_hands_over_on_the_page_and_hears_why_not_before(start: Neighbourhood) -> None:
    rest, space, proposal = await asked(start)
    given = {"space": space.hex(), "proposal": proposal.hex()}
    address = f"/s/{space.hex()[:16]}/decisions/{proposal.hex()}"
    site = Site(rest[0])
    await site.start()
    async with Browser(site) as browser:
        with pytest.raises(Refused, match="may still seal"):
            await perform(rest[0], "take_over", given)
        before = await browser.open(address)
        await clock_of(rest[0]).later(days=9)
        shown = await browser.open(address)
        done = await browser.send(shown.form("/take-over"))
        told = await perform(rest[1], "take_over", given)
        await until(lambda: len(law(rest[2], space).proposals[proposal].takeovers) == 2)
        last = await perform(rest[2], "take_over", given)
        await until(lambda: law(rest[0], space).present().sealed.epoch == 1)
        sealed = await browser.open(address)
        charter = await browser.open(f"/s/{space.hex()[:16]}/charter")
        log = await browser.open(f"/s/{space.hex()[:16]}/log")

    assert "Without the auditors" not in before.text
    assert "more than half of all who vote hand over together" in shown.text
    assert "You hand over, with the others." in done.text
    assert (told["state"], last["state"], last["result"]["winner"]) == ("closing", "sealed", "yes")
    assert len(last["handed_over_by"]) == 3
    assert "The result: yes" in sealed.text
    assert "Bola audits." in charter.text
    assert "handed over, with the others: Bola audits." in log.text
    await site.stop()
