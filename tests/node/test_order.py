"""The order of posts: by the date a reader would expect, on every page, fast, and also in an old folder."""

import sqlite3
import tarfile
from collections.abc import AsyncIterator, Callable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest
from loopback import until

from node.config import Config
from node.domain.posts import ImportPost, Post, WritePost
from node.ingest import writing
from node.ingest.spaces import Space
from node.runtime import Node
from node.store import queries, readmodel
from node.store.database import SCHEMA_VERSION, prepare
from node.store.migrations import STEPS
from node.upkeep import rebuild_space, verify_space

NOW = 1_760_000_000_000
YEAR_MS = 365 * 86_400_000
OLD_FOLDERS = Path(__file__).parent / "folders"
OLD_ROWS = "f5bdcfc6225f189ccb9de500302ae97e"
"""The digest of the rows in the old folder, as the version that wrote it printed it."""
POSTS = (
    "SELECT change.id, log.person, post.time, text, thread, parent, media, edited, versions, retracted, published,"
    " address, source FROM post JOIN change USING (number) JOIN log ON log.no = post.log ORDER BY change.id"
)
OLD_DOCUMENTS = "SELECT id, owner, title, body, edits, time FROM document ORDER BY id"
PAGES = "SELECT id, title, body, edits, time FROM document ORDER BY id"
"""How that version read its rows for its digest, and how it read pages, which have no owner, without profiles."""


@pytest.fixture
async def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Node]:
    monkeypatch.setenv("COMMONS_STATE_DIR", str(tmp_path / "state"))
    ticks = iter(range(NOW, NOW + 1_000_000, 1_000))
    node = Node(tmp_path / "node", Config(discovery=False), lambda: next(ticks))
    await node.open()
    await node.name_yourself("Ana")
    yield node
    await node.close()


async def say(node: Node, space: Space, text: str, to: bytes | None = None) -> bytes:
    return (await node.road.submit(space, WritePost(text, to, to, []))).id


async def bring(node: Node, space: Space, text: str, published: int, to: bytes | None = None) -> bytes:
    source = text.encode().ljust(16)[:16]
    return (await node.road.submit(space, ImportPost(text, to, to, [], published, "", source))).id


async def feed_of(node: Node, space: Space) -> list[str]:
    return [line.text for line in await node.database.read(lambda db: queries.feed(db, space.index.no, None, 50))]


async def test_an_imported_post_stands_where_its_original_date_puts_it(node: Node, space: Space) -> None:
    await say(node, space, "today")
    await bring(node, space, "long ago", NOW - 9 * YEAR_MS)
    await bring(node, space, "last year", NOW - YEAR_MS)
    await say(node, space, "just now")

    assert await feed_of(node, space) == ["just now", "today", "last year", "long ago"]


async def test_a_future_date_keeps_no_post_at_the_top(node: Node, space: Space) -> None:
    await bring(node, space, "of the year 2100", NOW + 80 * YEAR_MS)
    await say(node, space, "just now")

    assert await feed_of(node, space) == ["just now", "of the year 2100"]


async def test_pages_of_the_feed_meet_without_a_gap_where_dates_are_equal(node: Node, space: Space) -> None:
    for number in range(7):
        await bring(node, space, f"post {number}", NOW - YEAR_MS)
    shown: list[str] = []
    before: tuple[int, int] | None = None

    def next_page(connection: Any) -> list[queries.PostLine]:
        return queries.feed(connection, space.index.no, before, 2)

    while page := await node.database.read(next_page):
        shown += [line.text for line in page]
        before = page[-1].place

    assert shown == [f"post {number}" for number in reversed(range(7))]


async def test_answers_and_a_persons_posts_stand_by_their_dates_too(node: Node, space: Space) -> None:
    first = await say(node, space, "first")
    await say(node, space, "answer", first)
    await bring(node, space, "old answer", NOW - YEAR_MS, first)

    replies = await node.database.read(lambda db: queries.replies(db, first))
    mine = await node.database.read(lambda db: queries.by_person(db, space.index.no, node.me.person, 2))
    rest = await node.database.read(lambda db: queries.by_person(db, space.index.no, node.me.person, 2, mine[-1].place))

    assert [line.text for line in replies] == ["old answer", "answer"]
    assert [line.text for line in (*mine, *rest)] == ["answer", "first", "old answer"]


async def test_what_was_imported_and_taken_back_does_not_come_to_the_top(node: Node, space: Space) -> None:
    alone = await bring(node, space, "alone", NOW - YEAR_MS)
    answered = await bring(node, space, "answered", NOW - YEAR_MS)
    await say(node, space, "answer", answered)
    await say(node, space, "just now")

    for post in (alone, answered):
        await node.road.submit(space, await writing.retract_command(node.road, space, post))

    assert await feed_of(node, space) == ["just now", ""]


async def test_a_brought_past_counts_as_brought_and_not_as_new(node: Node, space: Space) -> None:
    await bring(node, space, "long ago", NOW - YEAR_MS)
    await say(node, space, "today")
    no = space.index.no

    counts = await node.database.read(
        lambda db: (
            queries.count_new(db, no, 0, 0),
            queries.count_fresh(db, no, 0, 0),
            queries.count_since(db, no, NOW),
            queries.count_brought(db, no, NOW),
            queries.count_begun(db, no, 1, 1 << 40),
        )
    )

    assert counts == (1, 1, 1, 1, 1)


# -- speed ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def crowded() -> Iterator[sqlite3.Connection]:
    """Give a read model with some thousand posts, half of them imported."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    prepare(connection)
    readmodel.create_tables(connection)
    posts = [
        Post(n, 1, n % 9 + 1, NOW + n, f"post {n}", bytes(32) if n % 3 else None, bytes(32) if n % 3 else None, None,
             None, 1, 0, NOW - n if n % 2 else None, None, n.to_bytes(16, "big") if n % 2 else None)
        for n in range(1, 3_000)
    ]  # fmt: skip
    readmodel.add_posts(connection, posts)
    connection.execute("INSERT INTO log VALUES(1, 1, x'01', x'02', 1, x'', 1, 1, 0, 0, NULL, 1)")
    yield connection
    connection.close()


LISTS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "feed": (lambda db: queries.feed(db, 1, None, 30), "post_feed (space=?)"),
    "feed, next page": (lambda db: queries.feed(db, 1, (NOW, 9), 30), "post_feed (space=? AND dated<?)"),
    "thread": (lambda db: queries.replies(db, bytes(32)), "post_thread (thread=?)"),
    "person": (lambda db: queries.by_person(db, 1, b"\x02", 30), "post_log (log=?)"),
    "person, next page": (lambda db: queries.by_person(db, 1, b"\x02", 30, (NOW, 9)), "post_log (log=? AND dated<?)"),
    "since": (lambda db: queries.count_since(db, 1, NOW), "post_feed (space=? AND dated>?)"),
    "brought": (lambda db: queries.count_brought(db, 1, NOW), "post_brought (space=? AND time>?)"),
    "begun": (lambda db: queries.count_begun(db, 1, 10, 90), "INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
}


@pytest.mark.parametrize("name", LISTS)
def test_lists_by_date_walk_an_index_and_sort_nothing(name: str, crowded: sqlite3.Connection) -> None:
    ask, index = LISTS[name]
    asked: list[str] = []
    crowded.set_trace_callback(asked.append)

    ask(crowded)

    crowded.set_trace_callback(None)
    plan = [row[3] for row in crowded.execute(f"EXPLAIN QUERY PLAN {asked[-1]}")]
    assert any(step.startswith("SEARCH post USING") and step.endswith(index) for step in plan), plan
    assert not any("TEMP B-TREE" in step for step in plan), plan


# -- folders of earlier versions ---------------------------------------------------------------------------------------


def unpacked(version: int, folder: Path) -> Path:
    """Return a folder as an earlier version left it."""
    with tarfile.open(OLD_FOLDERS / f"schema-{version}.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return folder


def test_a_step_leads_from_every_earlier_schema_to_the_present_one() -> None:
    assert sorted(STEPS) == list(range(1, SCHEMA_VERSION))


async def called(node: Node, space: Space) -> list[str]:
    """Return the names that people have in a space."""
    return list((await node.database.read(lambda db: queries.names(db, space.index.no))).values())


def old_rows(folder: Path) -> tuple[list[Any], list[Any]]:
    """Return the posts and pages of an old folder that holds one space, as the version that wrote it read them."""
    connection = sqlite3.connect(folder / "commons.db")
    posts, documents = connection.execute(POSTS).fetchall(), connection.execute(OLD_DOCUMENTS).fetchall()
    connection.close()
    told = blake2b(b"".join(repr(row).encode() for row in (*posts, *documents)), digest_size=16).hexdigest()
    assert told == OLD_ROWS
    return posts, [(id_, *rest) for id_, owner, *rest in documents if owner == b""]


async def test_a_folder_of_the_first_schema_opens_and_shows_its_posts_by_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMMONS_STATE_DIR", str(tmp_path / "state"))
    folder = unpacked(1, tmp_path / "old")
    posts, pages_before = old_rows(folder)
    node = Node(folder, Config(discovery=False))
    await node.open()
    try:
        (space,) = node.road.spaces.values()
        first = await node.database.read(lambda db: queries.feed(db, space.index.no, None, 3)[2].id)
        replies = await node.database.read(lambda db: queries.replies(db, first))
        await until(lambda: called(node, space))
        verified = await verify_space(node, space)
        texts = await feed_of(node, space)
        names = await called(node, space)
        pages = await node.database.read(lambda db: queries.search_pages(db, None, "nail shed", 9))
        rebuilt = await rebuild_space(node, space)
        rows = await node.database.read(lambda db: (readmodel.query(db, POSTS), readmodel.query(db, PAGES)))
    finally:
        await node.close()

    assert texts == ["The last post", "Brought from the future", "The first post", "Brought from 2017"]
    assert [line.text for line in replies] == ["A brought answer", "An answer"]
    assert [page.title for page in pages] == ["Beds, water and tools"]
    assert rows == (posts, pages_before)
    assert len(pages_before) == 1
    assert names == ["Inês"]
    assert verified["good"]
    assert rebuilt["same"]


def test_a_step_that_fails_leaves_the_old_folder_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = unpacked(1, tmp_path / "old") / "commons.db"

    first_step = STEPS[1]

    def fail(connection: sqlite3.Connection) -> None:
        first_step(connection)
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("node.store.migrations.STEPS", {**STEPS, 1: fail})
    connection = sqlite3.connect(path, isolation_level=None)
    with pytest.raises(Exception, match="disk is full"):
        prepare(connection)
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    columns = {row[1] for row in connection.execute("PRAGMA table_xinfo(post)")}
    connection.close()

    assert version == 1
    assert "dated" not in columns
