"""Real nodes joined by cables, in drawn orders: forks freeze alike everywhere, locked bodies travel and open later."""

import random
from pathlib import Path

import pytest
from cables import meet
from loopback import link_to

from crdt.batch import Batch
from crdt.change import TALK, Change, Header, encode_body, make
from identity.keys import SigningKey
from identity.sealed import new_secret, seal_to
from node.config import Config
from node.domain.area import wire_fields
from node.domain.posts import WritePost
from node.ingest.spaces import Secrets
from node.ingest.writing import post_command
from node.runtime import Node
from node.store.readmodel import query, rows_digest
from node.upkeep import verify_space

SETTINGS = Config(discovery=False, undo_s=0.0)


class Village:
    """Nodes in one space, without a network: they meet when the test says so."""

    def __init__(self, folder: Path, dice: random.Random) -> None:
        self.folder = folder
        self.dice = dice
        self.nodes: list[Node] = []
        self.space = b""

    async def grow(self, size: int) -> None:
        """Found a space and let everybody in, each by somebody who is there."""
        for number in range(size):
            node = Node(self.folder / f"node{number}", SETTINGS)
            await node.open()
            await node.name_yourself(f"node{number}")
            if number:
                host = self.dice.choice(self.nodes)
                await node.join(await link_to(host, host.road.spaces[self.space]))
                await meet(self.space, node, host)
                if host is not self.nodes[0]:  # two whom others let in apart cannot tell yet that both belong
                    await meet(self.space, host, self.nodes[0])
            else:
                self.space = (await node.found("Garden")).id
            self.nodes.append(node)
        for node in self.nodes[1:] * 2:
            await meet(self.space, self.nodes[0], node)

    async def all_meet(self, nodes: list[Node]) -> None:
        """Let news travel along a drawn chain and back, so that everybody has everything."""
        chain = [nodes[0], *self.dice.sample(nodes[1:], len(nodes) - 1)]
        pairs = [(chain[self.dice.randrange(at)], chain[at]) for at in range(1, len(chain))]
        for one, other in [*reversed(pairs), *pairs]:
            await meet(self.space, one, other)

    def branch(
        self, key: SigningKey, seq: int, prev: bytes, texts: list[str], secret: bytes | None = None
    ) -> list[Change]:
        """Write posts with somebody's key, without their node."""
        changes: list[Change] = []
        secret = secret or self.nodes[0].road.spaces[self.space].secret_for(TALK)
        for text in texts:
            body = WritePost(text, None, None, [])
            header = Header(self.space, key.public, seq + 1, prev, (), 1_900_000_000_000, TALK, b"", b"", 0)
            change = make(header, encode_body(body.kind, wire_fields(body)), key, secret)
            changes.append(change)
            seq, prev = change.header.seq, change.id
        return changes

    async def write(self, node: Node, text: str, to: bytes | None = None) -> Change:
        """Write a post on a node, or answer one."""
        view = node.road.spaces[self.space]
        return await node.road.submit(view, await post_command(node.road, view, text, to))

    async def texts(self, node: Node) -> set[str]:
        """Return what a node shows."""
        no = node.road.spaces[self.space].index.no
        lines = await node.database.read(lambda db: query(db, "SELECT text FROM post WHERE space = ?", (no,)))
        return {text for (text,) in lines}

    async def made_of_it(self) -> set[tuple[bytes, bytes, tuple[tuple[bytes, int], ...]]]:
        """Return what the nodes hold, show and take for forked: one of it if they agree."""
        found = set()
        for node in self.nodes:
            view = node.road.spaces[self.space]
            rows = await node.database.read(lambda db, no=view.index.no: rows_digest(db, no))  # type: ignore[misc]
            found.add((view.history.root(), rows, tuple(sorted(view.law.forked.items()))))
        return found

    async def close(self) -> None:
        """Close every node."""
        for node in self.nodes:
            await node.close()


@pytest.fixture
async def village(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Village:  # type: ignore[misc]
    monkeypatch.setenv("COMMONS_STATE_DIR", str(tmp_path / "state"))
    made = Village(tmp_path, random.Random(request.node.callspec.params["seed"]))
    yield made
    await made.close()


async def a_fork_spreads(village: Village, size: int) -> None:
    """Show two branches of a log to different people, some of whom answer; then let everybody meet."""
    dice = village.dice
    await village.grow(size)
    forger = village.nodes.pop(dice.randrange(1, size))
    key, log = forger.road.device, forger.road.spaces[village.space].history.logs[forger.road.device.public]
    await forger.close()
    common = village.branch(key, log.seq, log.head, [f"common {at}" for at in range(dice.randrange(3))])
    seq, prev = (common[-1].header.seq, common[-1].id) if common else (log.seq, log.head)
    branches = [village.branch(key, seq, prev, [f"{side} {at}" for at in range(dice.randint(1, 70))]) for side in "ab"]
    answered: set[str] = set()
    for node in village.nodes:
        side = dice.randrange(3)
        shown = [*common, *(branches[side] if side < 2 else [])]
        await node.road.receive(node.road.spaces[village.space], Batch(shown, {}), key.public)
        if side < 2 and dice.random() < 0.4:
            at = dice.randrange(len(branches[side]))
            await village.write(node, f"answer to {'ab'[side]} {at}", branches[side][at].id)
            answered |= {f"{'ab'[side]} {before}" for before in range(len(branches[side]))}

    for _ in range(2):
        await village.all_meet(village.nodes)

    [(_, _, forked)] = await village.made_of_it()
    shown_sides = {text[0] for node in village.nodes for text in await village.texts(node) if text[0] in "ab"}
    both = forked == ((key.public, seq + 1),)
    texts = await village.texts(village.nodes[0])
    assert both or forked == ()
    assert {f"common {at}" for at in range(len(common))} <= texts
    assert not both or {text for text in texts if text[:2] in ("a ", "b ")} <= answered
    assert both or len(shown_sides) < 3
    assert (await verify_space(village.nodes[-1], village.nodes[-1].road.spaces[village.space]))["good"]


@pytest.mark.parametrize("seed", [0, 3])
async def test_whoever_was_shown_which_branch_of_a_log_all_freeze_it_alike(village: Village, seed: int) -> None:  # noqa: ARG001
    await a_fork_spreads(village, 6)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(100, 200))
async def test_many_forks_freeze_alike(village: Village, seed: int) -> None:  # noqa: ARG001
    await a_fork_spreads(village, 10)


@pytest.mark.parametrize("seed", [0])
async def test_what_carriers_cannot_read_travels_and_opens_with_the_key(village: Village, seed: int) -> None:  # noqa: ARG001
    await village.grow(4)
    author, *carriers = village.nodes
    view = author.road.spaces[village.space]
    fresh = new_secret()
    log = view.history.logs[author.road.device.public]
    change = village.branch(author.road.device, log.seq, log.head, ["under a new key"], fresh)[0]
    await author.road.unlock(view, seal_to(Secrets(bytes(32), [], [fresh]).wrapped(), author.road.device.public))
    await author.road.receive(view, Batch([change], {}), author.road.device.public)

    carrier = carriers[0]  # it was pushed to this one over a link that was open before there was a new key
    await carrier.road.receive(carrier.road.spaces[village.space], Batch([change], {}), author.road.device.public)
    await village.all_meet(carriers)
    locked = [await village.texts(node) for node in carriers]
    roots = {node.road.spaces[village.space].history.root() for node in village.nodes}
    await village.all_meet(village.nodes)
    opened = [await village.texts(node) for node in village.nodes]

    assert locked == [set()] * 3
    assert len(roots) == 1
    assert opened == [{"under a new key"}] * 4
    assert len(await village.made_of_it()) == 1


@pytest.mark.parametrize("seed", [0])
async def test_who_answers_one_branch_vouches_for_nothing_of_the_other(village: Village, seed: int) -> None:  # noqa: ARG001
    await village.grow(4)
    forger = village.nodes.pop()
    key, log = forger.road.device, forger.road.spaces[village.space].history.logs[forger.road.device.public]
    await forger.close()
    one, other = (village.branch(key, log.seq, log.head, [f"{side} {at}" for at in range(3)]) for side in "ab")
    answering = village.nodes[1]
    for node, branch in ((village.nodes[0], one), (answering, other[:2]), (village.nodes[2], other)):
        await node.road.receive(node.road.spaces[village.space], Batch(branch, {}), key.public)
    await village.write(answering, "I answer", other[1].id)

    for _ in range(2):
        await village.all_meet(village.nodes)

    assert [await village.texts(node) for node in village.nodes] == [{"b 0", "b 1", "I answer"}] * 3
    assert len(await village.made_of_it()) == 1
