"""Whatever the network does, nodes that meet again hold the same, and nothing an author stored is lost."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from simulated_network import Network
from simulator import Report, Run, run, simulate

from node.domain.posts import WritePost

ROOT = Path(__file__).resolve().parent.parent
CALM_S = 60.0


def check(seed: int, nodes: int, changes: int) -> Report:
    """Run one seed; a failure says how to see it again."""
    report = run(seed, nodes, changes=changes)
    replay = f"PYTHONPATH=. python tests/simulator.py {seed} --nodes {nodes} --changes {changes}"

    assert report.faults == [], replay
    assert 1 <= report.rounds <= 3, replay
    assert report.members == nodes, replay
    return report


@pytest.mark.parametrize("seed", range(20))
def test_a_village_converges_after_every_storm(seed: int) -> None:
    check(seed, nodes=12 + seed % 19, changes=50)


@pytest.mark.parametrize("seed", range(2))
def test_a_hundred_nodes_converge_after_a_storm(seed: int) -> None:
    check(1000 + seed, nodes=100, changes=25)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("first", range(0, 600, 100))
def test_hundreds_of_seeds_converge(first: int) -> None:
    for seed in range(first, first + 100):
        check(10_000 + seed, nodes=8 + seed % 40, changes=40 + seed % 200)


def test_one_round_is_enough_because_news_travels_on_by_itself() -> None:
    reports = [run(seed, 12) for seed in range(40, 43)]

    assert [report.rounds for report in reports] == [1] * 3


def test_a_seed_replays_frame_by_frame() -> None:
    again = [sys.executable, "tests/simulator.py", "7", "--nodes", "10"]
    environment = {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "1"}

    report = run(7, 10)
    shown = subprocess.run(again, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout

    assert report.trace in shown


async def village(net: Network, size: int) -> Run:
    """Grow a calm village in which everybody knows everybody."""
    play = Run(net, size, storm_s=1.0, changes=1)
    await net.start(net.add()).found()
    await play.grow(size)
    await asyncio.sleep(CALM_S)
    return play


def test_an_author_whom_all_neighbours_hide_is_noticed_at_the_first_honest_contact() -> None:
    async def play(net: Network) -> tuple[bool, bool, bool]:
        await village(net, 8)
        victim, author, honest, *liars = net.places
        assert victim.node is not None
        assert author.node is not None
        victim.neighbours = [liar.index for liar in liars]
        honest.neighbours = [author.index]
        net.split({author.index: 1, honest.index: 1})
        for liar in liars:
            assert liar.node is not None
            liar.node.space.hidden.add(author.node.key)
        hidden = await author.node.submit(WritePost("They will not show you this.", None, None, []))
        await asyncio.sleep(CALM_S)
        before = hidden.id in victim.node.space.numbers
        net.split({liar.index: 1 for liar in liars})
        net.connect(victim, honest)
        fetched_from_author = hidden.id in honest.node.space.numbers if honest.node else False
        await asyncio.sleep(CALM_S)
        return before, fetched_from_author, hidden.id in victim.node.space.numbers

    before, honest_has_it, after = simulate(play, 5)

    assert (before, honest_has_it, after) == (False, True, True)


def test_one_arriving_post_costs_every_node_a_few_frames() -> None:
    async def play(net: Network) -> tuple[int, int]:
        await village(net, 10)
        author = net.places[3].node
        assert author is not None
        before = net.frames
        await author.submit(WritePost("One more.", None, None, []))
        await asyncio.sleep(CALM_S)
        return net.frames - before, len(net.wires())

    frames, links = simulate(play, 9)

    assert frames <= 3 * links  # a push over each link, sometimes from both ends, and its receipt


def test_nothing_is_sent_while_nothing_is_new() -> None:
    async def play(net: Network) -> int:
        await village(net, 10)
        before = net.frames
        await asyncio.sleep(600.0)
        return net.frames - before

    assert simulate(play, 9) == 0
