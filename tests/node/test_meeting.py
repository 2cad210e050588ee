"""Links between real nodes over loopback: who is level with whom, whose link counts, who passes on what."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from loopback import Neighbourhood, link_to, same, until

from identity.errors import NetworkError
from node.domain.posts import WritePost
from node.net.feeders import FEEDERS, feeding
from node.net.syncer import Syncer
from node.runtime import Node

ADA, BEN = b"a" * 32, b"b" * 32


@dataclass(frozen=True)
class Member:
    """A node in the one space of a test."""

    node: Node
    space_id: bytes


class Nobody:
    """A node's keeper without a space."""

    spaces: Mapping[bytes, Any] = MappingProxyType({})


class SilentLink:
    """A link over which nothing ever comes."""

    def __init__(self, peer: bytes, *, outbound: bool) -> None:
        self.peer = peer
        self.outbound = outbound
        self.closed = False
        self._ended = asyncio.Event()

    async def send(self, frame: bytes) -> None:
        assert frame

    def send_nowait(self, frame: bytes) -> bool:
        return bool(frame)

    async def receive(self) -> bytes:
        await self._ended.wait()
        raise NetworkError("the link is closed")

    async def close(self) -> None:
        self.closed = True
        self._ended.set()


async def _serve(syncer: Syncer[Any], link: SilentLink) -> None:
    with contextlib.suppress(NetworkError):
        await syncer.serve(link)


async def _all_connected(start: Neighbourhood, count: int) -> list[Member]:
    """Start nodes in one space, each connected with each."""
    first = await start("member 0")
    garden = await first.found("Garden")
    nodes = [first]
    for number in range(1, count):
        node = await start(f"member {number}")
        await node.join(await link_to(first, garden))
        node.neighbours.learn([address for other in nodes for address in other.addresses])
        nodes.append(node)
    await until(lambda: all(sum(one.trusted for one in node.syncer.running.values()) == count - 1 for node in nodes))
    await until(lambda: same(garden.id, *nodes))
    return [Member(node, garden.id) for node in nodes]


async def test_every_newcomer_learns_that_both_hold_the_same(start: Neighbourhood) -> None:
    amina = await start("Amina")
    garden = await amina.found("Garden")
    link = await link_to(amina, garden, uses=6)

    guests = [await start(f"guest {number}") for number in range(6)]
    for guest in guests:  # each tells who they are the moment they are let in: that hides that both were level
        await guest.join(link)
        await until(lambda guest=guest: guest.keeper.in_sync_spaces)

    assert [guest.keeper.in_sync_spaces for guest in guests] == [{garden.id}] * 6


async def _talk_in_turn(nodes: Sequence[Member], space: bytes) -> None:
    """Let each node write twice, the next once all hold the post before."""
    for number in range(12):
        author = nodes[number % len(nodes)].node
        await author.road.submit(author.road.spaces[space], WritePost(f"post {number}", None, None, []))
        await until(lambda: same(space, *(one.node for one in nodes)))


async def test_of_many_links_some_rest_and_every_post_still_arrives(start: Neighbourhood) -> None:
    nodes = await _all_connected(start, 6)
    space = nodes[0].space_id

    await _talk_in_turn(nodes, space)

    awake = [feeding((running.session for running in one.node.syncer.running.values()), space) for one in nodes]
    assert min(awake) >= FEEDERS
    assert sum(awake) < len(nodes) * (len(nodes) - 1)


async def test_when_those_who_passed_posts_on_have_gone_others_do(start: Neighbourhood) -> None:
    nodes = await _all_connected(start, 6)
    space = nodes[0].space_id
    await _talk_in_turn(nodes, space)

    for one in nodes[3:]:
        await one.node.close()
        start.nodes.remove(one.node)
    author = nodes[0].node
    await author.road.submit(author.road.spaces[space], WritePost("are you there?", None, None, []))
    await until(lambda: same(space, *(one.node for one in nodes[:3])))

    left = nodes[0].node.syncer
    await until(lambda: feeding((running.session for running in left.running.values()), space) == len(left.running))


async def test_who_calls_again_after_a_power_cut_is_not_turned_away_for_the_dead_link() -> None:
    now = 100.0
    syncer: Syncer[Any] = Syncer(ADA, Nobody(), lambda: now)
    dead, fresh = SilentLink(BEN, outbound=True), SilentLink(BEN, outbound=False)

    first = asyncio.create_task(_serve(syncer, dead))
    await asyncio.sleep(0)
    now += 6.0
    second = asyncio.create_task(_serve(syncer, fresh))
    await until(lambda: dead.closed)

    assert syncer.running[BEN].link is fresh
    await fresh.close()
    await asyncio.gather(first, second)


async def test_of_two_links_that_cross_one_is_kept() -> None:
    syncer: Syncer[Any] = Syncer(ADA, Nobody(), lambda: 100.0)
    mine, theirs = SilentLink(BEN, outbound=True), SilentLink(BEN, outbound=False)

    first = asyncio.create_task(_serve(syncer, mine))
    await asyncio.sleep(0)
    await _serve(syncer, theirs)

    assert (mine.closed, theirs.closed) == (False, True)
    await mine.close()
    await first
