"""Verifying a space: its log, and every part of what is shown; rebuilding mends whatever was altered on disk."""

from typing import Any

import pytest

from crdt.batch import Batch
from crdt.change import TALK, Header, encode_body, make
from node.domain.area import wire_fields
from node.domain.posts import WritePost
from node.ingest.consents import answer
from node.ingest.spaces import Space
from node.ingest.writing import edit_command, edit_page
from node.runtime import Node
from node.store import queries
from node.upkeep import rebuild_space, verify_space


@pytest.fixture
async def space(node: Node) -> Space:
    """A space with everything that has rows, beside another one."""
    space = await node.found("Garden")
    other = await node.found("Library")
    first = (await node.road.submit(space, WritePost("The pump has stopped", None, None, []))).id
    await node.road.submit(space, WritePost("I bring a washer", first, first, []))
    await node.road.submit(space, await edit_command(node.road, first, "The pump has stopped again"))
    await edit_page(node.road, space, "Beds and water", "The key hangs on the nail.")
    await answer(node.road, space, "mention", b"", given=False)
    await node.road.submit(other, WritePost("A book about pumps", None, None, []))
    return space


ALTERED = {
    "a post's text": ("UPDATE post SET text = 'We pay you' WHERE number = (SELECT min(number) FROM post)", "posts"),
    "a post's letters": ("UPDATE post SET text = CAST(x'ff3031' AS TEXT) WHERE number > 1", "posts"),
    "a post's date": ("UPDATE post SET published = 1, time = 1", "posts"),
    "a post's space": ("UPDATE post SET space = 2 WHERE space = 1", "posts"),
    "a post's place": ("UPDATE post SET thread = NULL, parent = NULL", "posts"),
    "a post's number": ("UPDATE post SET number = 9999 WHERE number = (SELECT min(number) FROM post)", "posts"),
    "a post gone": ("DELETE FROM post WHERE number = (SELECT min(number) FROM post)", "posts"),
    "a name": ("UPDATE profile SET value = 'Eve' WHERE space = 1", "profiles"),
    "a page": ("UPDATE document SET body = 'The key is with Eve'", "pages"),
    "a consent": ("UPDATE consent SET given = 1 WHERE space = 1", "consents"),
    "a mention": ("UPDATE about SET subject = zeroblob(32) WHERE space = 1", "what is about what"),
    "a mention gone": ("DELETE FROM about WHERE space = 1", "what is about what"),
    "a found page": ("UPDATE page_search SET body = 'Eve' WHERE space = 1", "the search of pages"),
    "a lost page": ("DELETE FROM page_search WHERE space = 1", "the search of pages"),
    "a lost word": (
        "INSERT INTO search(search, rowid, text) SELECT 'delete', number, text FROM post ORDER BY number LIMIT 1",
        "the search of posts",
    ),
    "an index of words": ("UPDATE page_search_data SET block = zeroblob(9) WHERE id > 10", "the search of pages"),
}  # fmt: skip


async def shown(node: Node, space: Space) -> list[Any]:
    """Return what a person sees of a space: feed, thread, names, and what searches find."""
    no = space.index.no

    def read(db: Any) -> list[Any]:
        feed = queries.feed(db, no, None, 9)
        searched = queries.search(db, no, "pump", 9), queries.search_pages(db, no, "nail", 9)
        return [feed, [queries.replies(db, line.id) for line in feed], queries.names(db, no), *searched]

    return await node.database.read(read)


@pytest.mark.parametrize("what", ALTERED)
async def test_an_altered_row_is_found_and_a_rebuild_mends_it(what: str, node: Node, space: Space) -> None:
    sql, part = ALTERED[what]
    before = await shown(node, space)
    well = await verify_space(node, space)

    await node.database.transaction(lambda db: db.execute(sql))
    found = await verify_space(node, space)
    for one in node.road.spaces.values():
        await rebuild_space(node, one)
    mended = await verify_space(node, space)

    assert (well["good"], well["compared"], well["way_out"]) == (True, True, "")
    assert not found["good"]
    assert found["way_out"] == "commons rebuild"
    assert part in found["faults"][0]
    assert mended == well
    assert await shown(node, space) == before


async def test_verifying_leaves_the_folder_as_it_was(node: Node, space: Space) -> None:
    before = sorted(path.name for path in node.folder.iterdir())

    await verify_space(node, space)

    assert sorted(path.name for path in node.folder.iterdir()) == before


async def test_where_no_copy_fits_the_log_alone_is_verified(
    node: Node, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.doctor.comparing.COPY_NEEDS", 1 << 60)

    found = await verify_space(node, space)

    assert (found["good"], found["compared"]) == (True, False)


async def test_a_frozen_log_verifies_and_a_rebuild_shows_the_same(node: Node, space: Space) -> None:
    key, log = node.road.device, space.history.logs[node.road.device.public]
    place = (log.seq, log.head)

    def branch(*texts: str) -> Batch:
        seq, prev = place
        changes = []
        for text in texts:
            command = WritePost(text, None, None, [])
            header = Header(space.id, key.public, seq + 1, prev, (), log.time, TALK, b"", b"", 0)
            changes.append(make(header, encode_body(command.kind, wire_fields(command)), key, space.secrets.talk[-1]))
            seq, prev = changes[-1].header.seq, changes[-1].id
        return Batch(changes, {})

    await node.road.receive(space, branch("one", "one more"), key.public)
    await node.road.receive(node.road.spaces[space.id], branch("other"), key.public)
    space = node.road.spaces[space.id]
    before = await shown(node, space)

    found = await verify_space(node, space)
    rebuilt = await rebuild_space(node, space)

    assert space.history.logs[key.public].forked == place[0] + 1
    assert found["faults"] == []
    assert rebuilt["same"]
    assert await shown(node, space) == before
