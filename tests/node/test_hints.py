"""Gossip carries hints only: sealed, bounded, and never more than a reason to ask."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback import PATIENCE_S

from identity.sealed import new_secret
from node.config import Config
from node.domain.posts import WritePost
from node.ingest.hints import MAX_HEADS, read_hint, topic_of, write_hint
from node.runtime import Node

SECRET = bytes(range(32))


@given(st.lists(st.tuples(st.binary(min_size=32, max_size=32), st.integers(1, 2**53 - 1)), max_size=MAX_HEADS))
def test_what_is_told_is_what_is_read(heads: list[tuple[bytes, int]]) -> None:
    assert read_hint(SECRET, write_hint(SECRET, heads)) == heads


@given(st.binary(max_size=400))
def test_garbage_is_no_hint(data: bytes) -> None:
    assert read_hint(SECRET, data) == []


def test_who_lacks_the_secret_reads_nothing_and_knows_no_topic() -> None:
    hint = write_hint(SECRET, [(bytes(32), 5)])
    other = new_secret()

    assert read_hint(other, hint) == []
    assert topic_of(other) != topic_of(SECRET)


async def test_own_changes_are_told_once_a_second_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMONS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setattr("node.ingest.hints.PAUSE_S", 0.01)
    node = Node(tmp_path / "node", Config(discovery=False))
    await node.open()
    await node.name_yourself("Amina")
    space = await node.found("Garden")
    told: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()

    async def publish(topic: str, data: bytes) -> None:
        told.put_nowait((topic, data))

    node.hints.start(publish)
    for text in ("one", "two", "three"):
        last = await node.road.submit(space, WritePost(text, None, None, []))
    heads: list[tuple[bytes, int]] = []
    while (node.road.device.public, last.header.seq) not in heads:
        async with asyncio.timeout(PATIENCE_S):
            topic, data = await told.get()
        heads = read_hint(space.secrets.talk[-1], data)
    await node.hints.stop()
    await node.close()

    assert topic == topic_of(space.secrets.talk[-1])


async def test_what_somebody_else_has_told_is_not_told_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMONS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setattr("node.ingest.hints.PAUSE_S", 600.0)  # nothing is told here, however slow the machine
    monkeypatch.setattr("node.ingest.hints.LONGEST_PAUSE_S", 600.0)
    node = Node(tmp_path / "node", Config(discovery=False))
    await node.open()
    await node.name_yourself("Amina")
    space = await node.found("Garden")

    async def publish(_topic: str, _data: bytes) -> None:
        """Tell nobody."""

    node.hints.start(publish)
    last = await node.road.submit(space, WritePost("one", None, None, []))
    before = node.hints.untold(space.id)
    secret = space.secrets.talk[-1]
    await node.hints.received(topic_of(secret), write_hint(secret, [(last.header.author, last.header.seq)]))
    after = node.hints.untold(space.id)
    await node.hints.stop()
    await node.close()

    assert list(before) == [last.header.author]
    assert after == {}


async def test_what_came_after_a_hint_waits_its_own_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMONS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setattr("node.ingest.hints.PAUSE_S", 1.0)
    monkeypatch.setattr("node.ingest.hints.LONGEST_PAUSE_S", 1.0)
    now = asyncio.get_running_loop().time
    node = Node(tmp_path / "node", Config(discovery=False))
    await node.open()
    await node.name_yourself("Amina")
    space = await node.found("Garden")
    told: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def publish(_topic: str, data: bytes) -> None:
        told.put_nowait((now(), data))

    node.hints.start(publish)
    first = await node.road.submit(space, WritePost("one", None, None, []))
    second = await node.road.submit(space, WritePost("two", None, None, []))
    secret, came = space.secrets.talk[-1], now()
    await node.hints.received(topic_of(secret), write_hint(secret, [(first.header.author, first.header.seq)]))
    async with asyncio.timeout(PATIENCE_S):
        at, data = await told.get()
    await node.hints.stop()
    await node.close()

    assert at - came >= 1.0
    assert read_hint(secret, data) == [(second.header.author, second.header.seq)]


async def test_an_old_hint_puts_nothing_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMONS_STATE_DIR", str(tmp_path / "state"))
    node = Node(tmp_path / "node", Config(discovery=False))
    await node.open()
    await node.name_yourself("Amina")
    space = await node.found("Garden")
    first = await node.road.submit(space, WritePost("one", None, None, []))

    async def publish(_topic: str, _data: bytes) -> None:
        """Tell nobody."""

    node.hints.start(publish)
    await node.road.submit(space, WritePost("two", None, None, []))
    untold = node.hints.untold(space.id)
    secret = space.secrets.talk[-1]
    await node.hints.received(topic_of(secret), write_hint(secret, [(first.header.author, first.header.seq)]))
    same = node.hints.untold(space.id)
    await node.hints.stop()
    await node.close()

    assert untold
    assert same == untold
