"""Real nodes over real folders do what a plain model says, whatever people do in whatever order."""

import asyncio
import itertools
import shutil
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import hypothesis
import pytest
from cables import meet
from community_model import Edited, Model, Paged, Retracted, Wrote
from hypothesis import HealthCheck
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from loopback import link_to

from node.config import Config
from node.domain.documents import page_id
from node.ingest.spaces import Space
from node.ingest.writing import edit_command, edit_page, open_document, post_command, retract_command
from node.runtime import Node
from node.store import queries
from node.store.readmodel import query, rows_digest
from node.upkeep import verify_space

SETTINGS = Config(discovery=False, undo_s=0.0)
MOST_NODES = 4
FIRST_LETTER = 0x4E00
T = TypeVar("T")
some = st.integers(0, 999)


class Community(RuleBasedStateMachine):
    """People with laptops: they write, meet, add devices, lose disks, come back."""

    folder: Path

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.home = self.folder / str(sum(1 for _ in self.folder.iterdir()))
        self.home.mkdir()
        self.nodes: dict[str, Node] = {}
        self.backups: dict[str, tuple[set[int], set[bytes]]] = {}
        self.model = Model()
        self.space = b""
        self.words = 0
        self.clock_ms = 1_790_000_000_000

    # -- means ---------------------------------------------------------------------------------------------------------

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def now_ms(self) -> int:
        self.clock_ms += 1
        return self.clock_ms

    def word(self) -> str:
        self.words += 1
        return f"word{self.words:05}"  # none is the beginning of another: a search finds it alone

    def pick(self, number: int) -> str:
        """Return the name of some node."""
        return sorted(self.nodes)[number % len(self.nodes)]

    def who(self, name: str) -> tuple[str, bytes]:
        """Return a node's name and its device."""
        return name, self.nodes[name].road.device.public

    def view(self, name: str) -> Space:
        return self.nodes[name].road.spaces[self.space]

    async def _open(self, name: str) -> Node:
        node = self.nodes[name] = Node(self.home / name, SETTINGS, self.now_ms)
        await node.open()
        return node

    def submit(self, name: str, command: Any) -> bytes:
        return self.run(self.nodes[name].road.submit(self.view(name), command)).id

    def place(self, name: str) -> tuple[int, bytes, frozenset[int]]:
        """Return the number, person and past of an act that happens on a node now."""
        return len(self.model.acts), self.nodes[name].me.person, self.model.past(name)

    # -- who is there --------------------------------------------------------------------------------------------------

    @initialize()
    def two_people_found_a_garden(self) -> None:
        async def found() -> None:
            node = await self._open("node0")
            await node.name_yourself("node0")
            self.space = (await node.found("Garden")).id

        self.run(found())
        self.model.enter(*self.who("node0"))
        self.somebody_joins(0)

    @precondition(lambda self: len(self.nodes) < MOST_NODES)
    @rule(inviter=some)
    def somebody_joins(self, inviter: int) -> None:
        host, name = self.pick(inviter), f"node{len(self.nodes)}"

        async def join() -> None:
            node = await self._open(name)
            await node.name_yourself(name)
            await node.join(await link_to(self.nodes[host], self.view(host)))
            await meet(self.space, node, self.nodes[host])

        self.run(join())
        self.model.enter(*self.who(name), host)

    @precondition(lambda self: 2 <= len(self.nodes) < MOST_NODES)
    @rule(owner=some)
    def somebody_adds_a_device(self, owner: int) -> None:
        host, name = self.pick(owner), f"node{len(self.nodes)}"
        if self.nodes[host].me.root is None:  # only a device that holds the recovery key adds others
            return

        async def add() -> None:
            node = await self._open(name)
            await node.add_to_person(await link_to(self.nodes[host], self.view(host), device=True))
            await meet(self.space, node, self.nodes[host])

        self.run(add())
        self.model.enter(*self.who(name), host)
        assert self.nodes[name].me.person == self.nodes[host].me.person

    @rule(who=some)
    def a_laptop_is_closed_and_opened(self, who: int) -> None:
        name = self.pick(who)

        async def restart() -> None:
            await self.nodes[name].close()
            await self._open(name)

        self.run(restart())

    @rule(who=some)
    def somebody_makes_a_backup(self, who: int) -> None:
        name = self.pick(who)
        self.run(self.nodes[name].close())
        shutil.rmtree(self.home / f"{name}.backup", ignore_errors=True)
        shutil.copytree(self.home / name, self.home / f"{name}.backup")
        self.backups[name] = (set(self.model.known[name]), set(self.model.members[name]))
        self.run(self._open(name))

    @precondition(lambda self: self.backups)
    @rule(who=some)
    def a_disk_dies_and_the_backup_is_put_back(self, who: int) -> None:
        name = sorted(self.backups)[who % len(self.backups)]
        if self.nodes[name].me.root is None:  # a device without the root key cannot certify its successor
            return
        before = self.nodes[name].road.device.public
        self.run(self.nodes[name].close())
        shutil.rmtree(self.home / name)
        shutil.copytree(self.home / f"{name}.backup", self.home / name)
        self.run(self._open(name))
        known, members = self.backups[name]
        self.model.known[name], self.model.members[name] = set(known), set(members)
        self.model.enter(*self.who(name))
        assert self.nodes[name].road.device.public != before

    # -- what they do --------------------------------------------------------------------------------------------------

    @rule(who=some)
    def somebody_writes(self, who: int) -> None:
        name, text = self.pick(who), self.word()
        act = self.place(name)
        command = self.run(post_command(self.nodes[name].road, self.view(name), text, None))
        self.model.add(name, Wrote(*act, self.submit(name, command), text))

    @rule(who=some, which=some)
    def somebody_answers(self, who: int, which: int) -> None:
        name, text = self.pick(who), self.word()
        posts = self.model.standing_posts(name)
        if posts:
            parent = posts[which % len(posts)]
            act = self.place(name)
            command = self.run(post_command(self.nodes[name].road, self.view(name), text, parent.id))
            self.model.add(name, Wrote(*act, self.submit(name, command), text, parent.number))

    def own(self, name: str, which: int) -> Wrote | None:
        person = self.nodes[name].me.person
        posts = [post for post in self.model.standing_posts(name) if post.person == person]
        return posts[which % len(posts)] if posts else None

    @rule(who=some, which=some)
    def somebody_edits_their_post(self, who: int, which: int) -> None:
        name, text = self.pick(who), self.word()
        post = self.own(name, which)
        if post is not None:
            act = self.place(name)
            command = self.run(edit_command(self.nodes[name].road, post.id, text))
            self.model.add(name, Edited(*act, self.submit(name, command), post.number, text))

    @rule(who=some, which=some)
    def somebody_takes_a_post_back(self, who: int, which: int) -> None:
        name = self.pick(who)
        post = self.own(name, which)
        if post is not None:
            act = self.place(name)
            edits = frozenset(edit.number for edit in self.model.edits(name, post))
            command = self.run(retract_command(self.nodes[name].road, self.view(name), post.id))
            self.model.add(name, Retracted(*act, self.submit(name, command), post.number, edits))

    @rule(who=some, at=some, gone=st.integers(0, 3), titled=st.booleans())
    def somebody_edits_the_page(self, who: int, at: int, gone: int, titled: bool) -> None:
        name, act = self.pick(who), self.place(self.pick(who))
        title, body = self.run(self._page(name))
        place = at % (len(body) + 1)
        left, right = body[:place], body[place:]
        letter, cut, right = chr(FIRST_LETTER + len(self.model.acts)), right[:gone], right[gone:]
        title = self.word() if titled else title
        said = title if title and self.model.is_open_title(name, title) else None
        edit = Paged(*act, b"", said, letter, left[-1:], right[:1], cut)
        self.run(edit_page(self.nodes[name].road, self.view(name), title, left + letter + right))
        self.model.add(name, edit)

    async def _page(self, name: str) -> tuple[str, str]:
        document, _ = await open_document(self.nodes[name].road, self.view(name), page_id())
        return str(document.read().get("title") or ""), document.text("body")

    @rule(one=some, other=some)
    def two_meet(self, one: int, other: int) -> None:
        names = sorted(self.nodes)
        first = names[one % len(names)]
        second = names[(one + 1 + other % (len(names) - 1)) % len(names)]
        if not self.model.can_talk(self.who(first), self.who(second)):
            return
        self.run(meet(self.space, self.nodes[first], self.nodes[second]))
        self.model.merge(first, second)
        self.check(first)
        assert self.digests(first) == self.digests(second)

    # -- what must hold ------------------------------------------------------------------------------------------------

    def digests(self, name: str) -> tuple[bytes, bytes]:
        view = self.view(name)
        return view.history.root(), self.run(self.nodes[name].database.read(lambda db: rows_digest(db, view.index.no)))

    def check(self, name: str) -> None:
        """Compare what a node shows with the model."""
        self.run(self._check_posts(name))
        self.run(self._check_page(name))

    async def _check_posts(self, name: str) -> None:
        node, model, no = self.nodes[name], self.model, self.view(name).index.no
        posts = model.posts(name)
        assert await node.database.read(lambda db: queries.count_posts(db, no)) == len(posts)
        for post in posts:
            line = await node.database.read(lambda db, post=post: queries.post(db, post.id))  # type: ignore[misc]
            assert line is not None
            assert (line.person, bool(line.retracted)) == (post.person, model.is_retracted(name, post))
            assert line.parent == (None if post.parent is None else model.acts[post.parent].id)
            assert line.text in ({""} if line.retracted else model.possible_texts(name, post))
            hits = await node.database.read(lambda db, line=line: queries.search(db, no, line.text, 9))  # type: ignore[misc]
            assert [hit.id for hit in hits] == ([] if line.retracted else [post.id])
        bare = await node.database.read(lambda db: query(db, "SELECT id FROM change WHERE body IS NULL"))
        assert {id_ for (id_,) in bare} == model.erased(name)

    async def _check_page(self, name: str) -> None:
        title, body = await self._page(name)
        assert title in self.model.possible_titles(name)
        assert sorted(body) == sorted(self.model.letters(name))
        assert self.model.keeps_order(name, body)

    @invariant()
    def who_holds_other_things_has_another_digest(self) -> None:
        roots: dict[bytes, set[int]] = {}
        for name in self.nodes:
            if name in self.model.known:
                known = roots.setdefault(self.view(name).history.root(), self.model.known[name])
                assert known == self.model.known[name]

    def teardown(self) -> None:
        """Let all meet who can: then they hold the same, and what they show follows from it."""
        try:
            if len(self.nodes) > 1:
                self.run(self._end())
        finally:
            for node in self.nodes.values():
                self.run(node.close())
            self.runner.close()

    async def _end(self) -> None:
        pairs = list(itertools.combinations(sorted(self.nodes), 2))
        for one, other in pairs * 2:
            if self.model.can_talk(self.who(one), self.who(other)):
                await meet(self.space, self.nodes[one], self.nodes[other])
                self.model.merge(one, other)
        proofs = {name: await verify_space(node, self.view(name)) for name, node in self.nodes.items()}
        assert [proof["faults"] for proof in proofs.values()] == [[]] * len(proofs)
        for one, other in pairs:
            assert proofs[one] == proofs[other] or not self.model.can_talk(self.who(one), self.who(other))
        for name in self.nodes:
            await self._check_posts(name)
            await self._check_page(name)


@pytest.fixture
def community(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> type[Community]:
    """Return the machine, with a folder of this test."""
    monkeypatch.setenv("COMMONS_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "runs").mkdir()
    return type("Community", (Community,), {"folder": tmp_path / "runs"})


def run(machine: type[Community], examples: int, steps: int) -> None:
    """Let the machine try some runs of so many steps."""
    slow = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    settings = hypothesis.settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=slow
    )
    run_state_machine_as_test(machine, settings=settings)


def test_nodes_do_what_the_model_says(community: type[Community]) -> None:
    run(community, 8, 25)


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_nodes_do_what_the_model_says_for_long(community: type[Community]) -> None:
    run(community, 200, 60)
