"""A published log: anybody checks it and comes to the same law; whatever is altered in it is found."""

import base64
import json
import random
from pathlib import Path
from typing import Any

import msgpack
import pytest
from gardens import QUICK, decided, garden_of, here, law
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback import Neighbourhood

from identity.errors import Malformed, Refused
from identity.keys import SigningKey, to_did
from node.domain.law.replay import Replay
from node.domain.posts import WritePost
from node.publiclog import check, publish
from node.store import log as store_log


async def published(start: Neighbourhood, path: Path) -> Any:
    """Publish the log of a garden in which something was said and decided; returns its founder's node and its id."""
    nodes, space = await garden_of(start, "Amina", "Bola", publish_log=True)
    await nodes[0].road.submit(here(nodes[0], space), WritePost("quixotic words", None, None, []))
    await decided(space, nodes, ["rule", "invitations", 7])
    await publish(nodes[0].road, here(nodes[0], space), path)
    return nodes[0], space


async def test_who_holds_only_the_file_comes_to_the_same_law(start: Neighbourhood, tmp_path: Path) -> None:
    node, space = await published(start, tmp_path / "log.jsonl")

    found = check(tmp_path / "log.jsonl")

    assert found.faults == []
    assert found.law is not None
    assert found.digest == law(node, space).present().sealed.digest().hex()
    assert set(found.law.members()) == set(law(node, space).members())
    assert found.law.present().sealed.charter["invitations"] == 7
    assert (found.space, found.name, found.device) == (space, "Garden", to_did(node.road.device.public))
    assert found.laws > 5
    assert found.links > 0


async def test_no_word_of_talk_and_no_secret_is_in_the_file(start: Neighbourhood, tmp_path: Path) -> None:
    node, space = await published(start, tmp_path / "log.jsonl")

    raw = (tmp_path / "log.jsonl").read_bytes()

    secrets = here(node, space).secrets
    changes = [base64.b64decode(json.loads(line)["change"]) for line in raw.splitlines()[1:-1]]
    whole = raw + b"".join(changes)
    assert b"quixotic" not in whole
    assert not any(secret in whole or secret.hex().encode() in whole for secret in secrets.by_name.values())
    links = [json.loads(line) for line in raw.splitlines() if b'"kind": "link"' in line]
    assert all(msgpack.unpackb(base64.b64decode(link["change"]))[2] is None for link in links)


async def test_a_log_that_the_rules_keep_for_members_is_not_published(start: Neighbourhood, tmp_path: Path) -> None:
    node = await start("Amina")
    space = await node.found("Garden", QUICK)

    with pytest.raises(Refused, match="for its members"):
        await publish(node.road, space, tmp_path / "log.jsonl")

    assert list(tmp_path.glob("*.jsonl")) == []


async def test_another_file_in_its_place_is_not_overwritten(start: Neighbourhood, tmp_path: Path) -> None:
    node = await start("Amina")
    space = await node.found("Garden", {"publish_log": True})
    (tmp_path / "mine.txt").write_text("my diary")

    with pytest.raises(Refused, match="not overwritten"):
        await publish(node.road, space, tmp_path / "mine.txt")
    await publish(node.road, space, tmp_path / "log.jsonl")
    await publish(node.road, space, tmp_path / "log.jsonl")

    assert (tmp_path / "mine.txt").read_text() == "my diary"
    assert check(tmp_path / "log.jsonl").faults == []


async def test_whatever_is_altered_is_found(start: Neighbourhood, tmp_path: Path) -> None:
    await published(start, tmp_path / "log.jsonl")
    lines = (tmp_path / "log.jsonl").read_bytes().splitlines(keepends=True)
    laws = [place for place, line in enumerate(lines) if b'"kind": "law"' in line]

    def faults(altered: list[bytes]) -> list[str]:
        (tmp_path / "altered.jsonl").write_bytes(b"".join(altered))
        return check(tmp_path / "altered.jsonl").faults

    assert faults(lines) == []
    assert faults(lines[:-1])  # cut short
    assert faults([*lines[:-3], lines[-1]])  # something left out at the end
    assert faults([*lines[: laws[1]], *lines[laws[1] + 1 :]])  # in the middle
    assert faults([*lines, lines[1]])  # something behind the end
    assert faults([lines[0], lines[2], lines[1], *lines[3:]])  # another order
    assert faults([lines[0].replace(b"Garden", b"Harbor"), *lines[1:]])
    without_key = {**json.loads(lines[laws[2]]), "key": "00" * 32}
    assert faults([*lines[: laws[2]], json.dumps(without_key).encode() + b"\n", *lines[laws[2] + 1 :]])


async def test_a_forged_change_is_found_even_if_the_forger_signs_the_file(start: Neighbourhood, tmp_path: Path) -> None:
    await published(start, tmp_path / "log.jsonl")
    lines = (tmp_path / "log.jsonl").read_bytes().splitlines(keepends=True)
    line = json.loads(lines[1])
    _, header, body = msgpack.unpackb(base64.b64decode(line["change"]))
    altered = msgpack.packb([SigningKey.generate().sign(header), header, body])
    line["change"] = base64.b64encode(altered).decode()

    (tmp_path / "forged.jsonl").write_bytes(b"".join([lines[0], json.dumps(line).encode() + b"\n", *lines[2:]]))

    assert any("signature" in fault for fault in check(tmp_path / "forged.jsonl").faults)


FIELDS = st.sampled_from(["kind", "id", "change", "key", "lines", "law"])
VALUES = st.one_of(
    st.integers(), st.none(), st.sampled_from(["law", "link", "end", "00" * 32]), st.lists(st.integers())
)
NONSENSE = st.one_of(
    st.binary(max_size=60), st.dictionaries(FIELDS, VALUES).map(lambda line: json.dumps(line).encode())
)


@settings(max_examples=60)
@given(st.lists(NONSENSE))
def test_nonsense_is_never_more_than_a_fault(tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]) -> None:
    path = tmp_path_factory.mktemp("logs") / "log.jsonl"
    head = json.dumps({"format": "commons/publiclog/1", "space": "ab" * 32, "name": "x"}).encode()
    path.write_bytes(b"\n".join([head, *(line.replace(b"\n", b"") or b"-" for line in lines)]) + b"\n")

    assert check(path).faults


def test_another_file_is_no_public_log(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("hello\n")

    with pytest.raises(Refused, match="not a public log"):
        check(tmp_path / "a")
    with pytest.raises(Refused, match="cannot be read"):
        check(tmp_path / "nothing")


async def test_in_whatever_order_changes_come_they_amount_to_the_same_law(start: Neighbourhood, tmp_path: Path) -> None:
    node, space = await published(start, tmp_path / "log.jsonl")
    index = here(node, space).index
    numbers = await node.database.read(lambda db: store_log.numbers_of(db, index.no))
    stored = await node.database.read(lambda db: store_log.read_changes(db, index, numbers))
    changes = [entry.change for entry in stored]

    for seed in range(12):
        replay, left = Replay(space), random.Random(seed).sample(changes, len(changes))
        while left:
            ready = [each for each in left if {*each.header.deps, each.header.prev} - {b""} <= replay.numbers.keys()]
            replay.take(ready[0], here(node, space).open(ready[0]).command)
            left.remove(ready[0])

        assert replay.law.present().sealed.digest() == law(node, space).present().sealed.digest()
        assert replay.history.root() == here(node, space).history.root()
        assert set(replay.law.members()) == set(law(node, space).members())
        assert list(replay.unsigned()) == []


async def test_a_change_that_comes_before_what_it_rests_on_is_refused(start: Neighbourhood, tmp_path: Path) -> None:
    node, space = await published(start, tmp_path / "log.jsonl")
    index = here(node, space).index
    numbers = await node.database.read(lambda db: store_log.numbers_of(db, index.no))
    first, second = [
        each.change for each in await node.database.read(lambda db: store_log.read_changes(db, index, numbers[:2]))
    ]
    replay = Replay(space)

    with pytest.raises(Malformed, match="does not come before it"):
        replay.take(second)
    replay.take(first)
    with pytest.raises(Malformed, match="twice"):
        replay.take(first)
    with pytest.raises(Malformed, match="another space"):
        Replay(bytes(32)).take(first)
    with pytest.raises(Malformed, match="no fork"):
        replay.take_proof(first, second)
