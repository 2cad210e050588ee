"""Spaces of real nodes, and decisions in them: nothing here waits for a deadline, the test's clock is moved past it."""

from collections.abc import Sequence
from typing import Any

import council
from loopback import Neighbourhood, clock_of, link_to, same, until

from node.domain.law.deciding import present_opening
from node.domain.posts import WritePost
from node.ingest import deciding, holons
from node.ingest.spaces import Space
from node.runtime import Node
from node.store import queries, readmodel
from node.store.queries import PostLine

QUICK: dict[str, Any] = dict(council.QUICK)
"""Rules under which a vote passes as soon as it can: a day, an hour of grace, no quorum, more than half."""


async def garden_of(start: Neighbourhood, *names: str, **rules: object) -> tuple[list[Node], bytes]:
    """Found a garden with some people, everybody a member and connected to the first, who knows all their names."""
    nodes = [await start(name) for name in names]
    founder = nodes[0]
    space = await founder.found("Garden", {**QUICK, **rules})
    link = await link_to(founder, space, uses=20)
    for node in nodes[1:]:
        await node.join(link)
    await until(lambda: all(len(law(node, space.id).members()) == len(names) for node in nodes))

    async def everybody_is_known() -> bool:
        named = await founder.database.read(lambda db: queries.names(db, space.index.no))
        return len(named) == len(names) and same(space.id, *nodes)

    await until(everybody_is_known)
    return nodes, space.id


async def welcome(host: Node, space: Space, *newcomers: Node) -> None:
    """Let people into a space by a member's link."""
    link = await link_to(host, space, uses=20)
    for node in newcomers:
        await node.join(link)
    await until(lambda: all(here(node, space.id).state == "member" for node in newcomers))


def here(node: Node, space: bytes) -> Space:
    """Return a space as a node holds it now."""
    return node.road.spaces[space]


def law(node: Node, space: bytes):  # type: ignore[no-untyped-def]
    """Return a space's law as a node holds it now."""
    return here(node, space).law


def talk(node: Node, space: bytes) -> bytes:
    """Return the secret with which a node seals what is said now."""
    return here(node, space).secrets.present["talk"]


async def texts(node: Node, space: bytes) -> set[str]:
    """Return what is to be read in a space's feed."""
    no = here(node, space).index.no
    return {line.text for line in await node.database.read(lambda db: queries.feed(db, no, None, 100))}


async def deep_feed(
    node: Node, space: Space, before: tuple[int, int] | None = None, limit: int = 100
) -> list[PostLine]:
    """Return a page of the feed of a space and its parts."""
    spaces = holons.deep(node.road, here(node, space.id))
    return await node.database.read(lambda db: queries.deep_feed(db, spaces, before, limit))


async def rows(node: Node, space: bytes) -> bytes:
    """Return a digest of everything that a node shows of a space."""
    no = here(node, space).index.no
    return await node.database.read(lambda db: readmodel.rows_digest(db, no))


async def until_same(space: bytes, *nodes: Node) -> None:
    """Wait until nodes are members and hold the same."""
    await until(lambda: same(space, *nodes))


async def say(node: Node, space: bytes, text: str) -> None:
    """Write a post."""
    await node.road.submit(here(node, space), WritePost(text, None, None, []))


# -- deciding ----------------------------------------------------------------------------------------------------------


async def decided(
    space: bytes, nodes: Sequence[Node], *effects: list[object], against: Sequence[Node] = (), text: str = ""
) -> bytes:
    """Let the first propose something, everybody vote, and the time pass until it is sealed everywhere."""
    change = await deciding.propose(nodes[0].road, here(nodes[0], space), effects, text=text)
    await voted(space, nodes, change.id, against)
    return change.id


async def voted(space: bytes, nodes: Sequence[Node], proposal: bytes, against: Sequence[Node] = ()) -> None:
    """Let everybody vote on a proposal once they see it open, and the time pass until it is sealed everywhere."""
    await until(lambda: all(is_open(node, space, proposal) for node in nodes))
    for node in nodes:
        await deciding.vote(node.road, here(node, space), proposal, "no" if node in against else "yes")
    await sealed(space, nodes, proposal)


def is_open(node: Node, space: bytes, proposal: bytes) -> bool:
    """Tell whether a proposal can be voted on, as a node sees it."""
    found = law(node, space).proposals.get(proposal)
    return found is not None and present_opening(law(node, space), found, law(node, space).present()) is not None


async def sealed(space: bytes, nodes: Sequence[Node], proposal: bytes) -> None:
    """Wait until every ballot has come to everybody, let the vote's time pass, and wait for its seal everywhere."""
    await until_same(space, *nodes)
    terms = law(nodes[0], space).proposals[proposal].change.command
    await clock_of(nodes[0]).reach(terms.deadline + terms.grace)
    await until(lambda: all(proposal in law(node, space).present().sealed.finals for node in nodes))
