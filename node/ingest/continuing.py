"""Founding a space that continues another: its rules to begin with, its people invited, its posts by their authors.

Nobody has to agree, and nothing is taken from the old space: whoever holds its history reads on in it, and what is
carried over is said again by its own author, with the date it had.
"""

from collections.abc import Generator, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Any

from crdt.change import Change
from identity.errors import Refused
from node.domain.area import need, require
from node.domain.posts import SAID_BEFORE, SOURCE_BYTES, ImportPost, unpack_media
from node.ingest.road import Road
from node.ingest.spaces import Space
from node.store import queries
from node.store.imports import Placed, authors_of, placed
from node.store.queries import PostLine

BATCH = 100


def rules_of(old: Space) -> dict[str, Any]:
    """Return the rules of a space that continues another: the old ones, and where it comes from.

    Raises:
        Refused: if the person was never in the old space.
    """
    require(old.state in ("member", "left") and old.law.founding is not None, "Only who was in a space continues it.")
    said = {name: value for name, value in old.law.present().sealed.charter.said() if name != "continues"}
    return {**said, "continues": [old.id, old.history.root()]}


def source_of(id_: bytes) -> bytes:
    """Return the source hash of a post that is carried over, so that it is carried once."""
    return blake2b(id_, person=b"commons/carried", digest_size=SOURCE_BYTES).digest()


def origin(road: Road, space: Space) -> Space:
    """Return the space that a space continues.

    Raises:
        Refused: if it continues none, or none that is here.
    """
    said = space.law.present().sealed.charter["continues"]
    require(said, "This space continues no other.")
    return need(road.spaces.get(said[0]), "The space that this one continues is not on this device.")


async def carry_over(road: Road, space: Space) -> int:
    """Say one's own posts of the continued space again in this one, each once, as imports of their dates.

    Returns how many that were; answers keep their place where what they answer was carried over too.
    """
    mine = await _mine(road, space)
    here = await _carried(road, space, mine)
    missing = [line for line in mine if line.id not in here]
    for start in range(0, len(missing), BATCH):
        await road.submit_all(space, _commands(missing[start : start + BATCH], here))
    return len(missing)


async def still_to_carry(road: Road, space: Space) -> int:
    """Return how many of one's own posts of the continued space are not in this one."""
    try:
        mine = await _mine(road, space)
    except Refused:
        return 0
    here = await _carried(road, space, mine)
    return sum(line.id not in here for line in mine)


async def _mine(road: Road, space: Space) -> list[PostLine]:
    """Return one's own posts and answers in the continued space, oldest first: those from before it was continued."""
    old, every = origin(road, space), 1 << 40
    until = space.law.founding.time if space.law.founding is not None else 0
    lines = await road.database.read(lambda db: queries.by_person(db, old.index.no, road.me, every))
    return sorted((line for line in lines if not line.retracted and line.time <= until), key=lambda line: line.place)


async def _carried(road: Road, space: Space, lines: Sequence[PostLine]) -> dict[bytes, Placed]:
    """Return where posts stand in this space that their authors carried over, by their old ids: one's own, others' too.

    Whose answer comes later finds what it answers, if its author has carried it over by then.
    """
    named = {id_ for line in lines for id_ in (line.id, line.parent, line.thread) if id_}
    sources = {source_of(id_): id_ for id_ in named}
    no = space.index.no

    def read(connection: Any) -> dict[bytes, Placed]:
        people = {source_of(id_): person for id_, person in authors_of(connection, named).items()}
        return placed(connection, no, people)

    found = await road.database.read(read)
    return {sources[source]: place for source, place in found.items()}


def _commands(missing: Sequence[PostLine], here: dict[bytes, Placed]) -> Generator[Any, Change, None]:
    for line in missing:
        names = (id_ for id_ in (line.parent, line.thread) if id_)
        place = next((here[id_] for id_ in names if id_ in here), None)
        media = [list(medium) for medium in unpack_media(line.media)]
        command = ImportPost(line.text, None, None, media, line.dated, SAID_BEFORE + line.id.hex(), source_of(line.id))
        if place is not None:
            command = replace(command, thread=place.thread, parent=place.id)
        command.check()
        change = yield command
        here[line.id] = Placed(change.id, command.thread or change.id)
