"""What a fork cut off of one's own writing: found in the own store, and said again under the present key, once.

From a forked place on, a log is void for everybody, but for what others answered. The words still lie on the disk
that wrote them. A post is published again as one that was first published on its own date; its source is a hash of
the change that was cut off, so that no device of this person publishes it a second time.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

import msgpack

from crdt.change import Change
from node.domain.area import Fact
from node.domain.posts import SAID_BEFORE, SOURCE_BYTES, EditPost, ImportPost, RetractPost, WritePost
from node.ingest.road import Road
from node.ingest.spaces import Space
from node.store import forks as store_forks
from node.store import log as store_log
from node.store import queries
from node.store.imports import Placed, placed, posts_here

BATCH = 100


@dataclass(frozen=True, slots=True)
class CutOff:
    """Something of one's own that a fork voided. `time` is when it was said, in ms; `command` says it again.

    A post's command names what it answers by its old id; a later one, or a retraction, names the post it is about.
    """

    id: bytes
    time: int
    command: ImportPost | EditPost | RetractPost


def source_of(id_: bytes) -> bytes:
    """Return the source hash of a change that was cut off."""
    return blake2b(id_, person=b"commons/cut-off", digest_size=SOURCE_BYTES).digest()


def is_cut(road: Road, space: Space) -> bool:
    """Tell whether a log of this person's is forked, without looking at the disk."""
    return any(road.is_me(space.person_of(device) or b"") for device in space.law.forked)


async def cut_off(road: Road, space: Space) -> list[CutOff]:
    """Return what of one's own was cut off and neither published again nor left, oldest first."""
    if not is_cut(road, space):
        return []
    me, no, settled = road.me, space.index.no, f"cut off {space.id.hex()}"

    def read(connection: Any) -> tuple[list[store_log.Stored], list[int]]:
        numbers = store_forks.void_talk_of(connection, no, me)
        kept = queries.setting(connection, settled)
        left = set(msgpack.unpackb(bytes.fromhex(kept))) if kept else set()
        return store_log.read_changes(connection, space.index, [n for n in numbers if n not in left]), numbers

    stored, numbers = await road.database.read(read)
    found = await _still_missing(road, space, _said([_fact(space, entry) for entry in stored]))
    if stored and not found:  # nothing of all this is looked at again
        await road.database.transaction(lambda db: _settle(db, space, numbers))
    return found


async def publish_again(road: Road, space: Space) -> int:
    """Say all of it again under this device's key; returns how many changes that took.

    Raises:
        Refused: if this device may not write here.
    """
    missing = await cut_off(road, space)
    me, no = road.me, space.index.no
    named = {named for each in missing if isinstance(each.command, ImportPost) for named in _names(each.command)}
    sources = {source_of(id_): id_ for id_ in named}

    def read(connection: Any) -> dict[bytes, Placed]:
        moved = {sources[source]: place for source, place in placed(connection, no, dict.fromkeys(sources, me)).items()}
        return {**moved, **posts_here(connection, no, named)}

    places = await road.database.read(read)
    for start in range(0, len(missing), BATCH):
        await road.submit_all(space, _commands(missing[start : start + BATCH], places))
    return len(missing)


async def leave(road: Road, space: Space) -> int:
    """Leave what was cut off as it is, for good; returns how much that was."""
    missing = await cut_off(road, space)
    numbers = await road.database.read(lambda db: store_forks.void_talk_of(db, space.index.no, road.me))
    await road.database.transaction(lambda db: _settle(db, space, numbers))
    return len(missing)


def _settle(connection: Any, space: Space, numbers: list[int]) -> None:
    queries.keep_setting(connection, f"cut off {space.id.hex()}", msgpack.packb(numbers).hex())


def _fact(space: Space, entry: store_log.Stored) -> Fact:
    return space.fact(entry, space.open(entry.change).command)


def _said(facts: Sequence[Fact]) -> list[CutOff]:
    """Return what void changes amount to: posts with the last text they had, and what was said of older posts."""
    posts = {fact.id: fact for fact in facts if isinstance(fact.command, WritePost | ImportPost)}
    last: dict[bytes, Fact] = {}
    for fact in sorted((fact for fact in facts if isinstance(fact.command, EditPost)), key=lambda fact: fact.depth):
        last[fact.command.post] = fact
    retracted = {fact.command.post: fact for fact in facts if isinstance(fact.command, RetractPost)}
    again = [_post(fact, last.get(id_)) for id_, fact in posts.items() if id_ not in retracted]
    cut = {fact.id for fact in facts}
    later = {**last, **retracted}
    again += [CutOff(fact.id, fact.time, fact.command) for post, fact in later.items() if post not in cut]
    return sorted(again, key=lambda each: each.time)


def _post(fact: Fact, edit: Fact | None) -> CutOff:
    command = fact.command
    text = edit.command.text if edit else command.text
    if isinstance(command, ImportPost):
        return CutOff(fact.id, fact.time, replace(command, text=text))
    address = SAID_BEFORE + fact.id.hex()
    again = ImportPost(
        text, command.thread, command.parent, command.media, fact.time, address, source_of(fact.id)
    )  # fmt: skip
    return CutOff(fact.id, fact.time, again)


async def _still_missing(road: Road, space: Space, said: list[CutOff]) -> list[CutOff]:
    """Leave out what was published again, by whichever device of this person, or does not stand any more."""
    sources = [each.command.source for each in said if isinstance(each.command, ImportPost)]
    older = {each.command.post for each in said if not isinstance(each.command, ImportPost)}
    no, me = space.index.no, road.me

    def read(connection: Any) -> tuple[dict[bytes, Placed], dict[bytes, list[store_log.Stored]]]:
        effective = {id_: store_forks.effective_about(connection, space.index, id_) for id_ in older}
        return placed(connection, no, dict.fromkeys(sources, me)), effective

    here, effective = await road.database.read(read)
    facts = {id_: [_fact(space, entry) for entry in stored] for id_, stored in effective.items()}

    def is_missing(each: CutOff) -> bool:
        command = each.command
        if isinstance(command, ImportPost):
            return command.source not in here
        since = [fact for fact in facts[command.post] if road.is_me(fact.person)]
        if any(isinstance(fact.command, RetractPost) for fact in since):
            return False
        return isinstance(command, RetractPost) or all(fact.time < each.time for fact in since)

    return [each for each in said if is_missing(each)]


def _names(command: ImportPost) -> list[bytes]:
    return [id_ for id_ in (command.thread, command.parent) if id_]


def _commands(missing: Sequence[CutOff], places: dict[bytes, Placed]) -> Generator[Any, Change, None]:
    """Say everything again; what answered something that was cut off too answers what took its place."""
    for each in missing:
        command = each.command
        if isinstance(command, ImportPost):
            place = next((places[id_] for id_ in reversed(_names(command)) if id_ in places), None)
            command = replace(
                command, thread=place.thread if place else None, parent=place.id if place else None
            )  # fmt: skip
        command.check()
        change = yield command
        if isinstance(command, ImportPost):
            places[each.id] = Placed(change.id, command.thread or change.id)
