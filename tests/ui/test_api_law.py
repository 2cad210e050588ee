"""Law over HTTP: what is refused is refused with 422 and the rule's sentence; nothing that is sent breaks the node."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from api_client import Client, client_of

from node.domain.area import read_command
from node.domain.law.charter import check_rule
from node.domain.law.decisions import Propose

DEEP = json.loads("[" * 200 + "]" * 200)
SOMEBODY = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"


@pytest.fixture
async def garden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    monkeypatch.setenv("COMMONS_STATE_DIR", str(tmp_path / "state"))
    async with client_of(tmp_path / "node") as client:
        await client.call("POST", "/identity", name="Ana")
        await client.call("POST", "/spaces", name="Garden", rules={"sponsors": 1})
        yield client


def changes(garden: Client) -> int:
    """Return how many changes the Garden's log holds."""
    return next(iter(garden.node.road.spaces.values())).history.size


WRONG_EFFECTS: list[Any] = [
    [],
    [[]],
    ["rule"],
    [None],
    [{}],
    [7],
    [["fly"]],
    [[["rule"]]],
    [{"rule": 1}],
    [["rule"]],
    [["rule", "vouchers"]],
    [["rule", "vouchers", "3"]],
    [["rule", "vouchers", 3.0]],
    [["rule", "vouchers", True]],
    [["rule", "vouchers", 10**400]],
    [["rule", ["vouchers"], 3]],
    [["rule", {"a": 1}, 3]],
    [["rule", "quorum", [1, 0]]],
    [["rule", "quorum", [1, "2"]]],
    [["rule", "quorum", DEEP]],
    [["rule", "parents", 7]],
    [["rule", "parents", [10**10]]],
    [["rule", "parents", ["zz"]]],
    [["rule", "parents", [{}]]],
    [["rule", "competences", [[]]]],
    [["rule", "competences", [{}]]],
    [["remove"]],
    [["remove", None]],
    [["remove", 7]],
    [["remove", "Nobody"]],
    [["remove", "x" * 100_000]],
    [["remove", SOMEBODY]],
    [["remove", ["Ana"]]],
    [["remove", "Ana", "Ana"]],
    [["role", "Ana"]],
    [["role", "Ana", "treasurer", "", "tomorrow"]],
    [["role", "Ana", "\ud800", "", 2]],
    [["role", "Ana", "treasurer", "", 10**400]],
    [["role", "Ana", ["treasurer"], "", 2]],
    [["unrole", "Ana", 7]],
    [["auditors", "Ana", 1]],
    [["auditors", [], 1]],
    [["auditors", [["Ana"]], 1]],
    [["auditors", [["Ana", 7]], 1]],
    [["auditors", [7], 1]],
    [["auditors", ["Ana"], "1"]],
    [["auditors", ["Ana"], 0]],
    [["auditors", [["Ana", SOMEBODY]], 1]],
    [["auditors", ["Ana"] * 5_000, 1]],
    [["law", 0]],
    [["law", 10**400]],
    [["law", "2"]],
    [["rule", "vouchers", 3]] * 65,
    [["rule", "vouchers", 3]] * 20_000,
    DEEP,
]


@pytest.mark.parametrize("effects", WRONG_EFFECTS, ids=lambda effects: json.dumps(effects)[:40])
async def test_nonsense_in_effects_is_refused_with_a_sentence_and_signs_nothing(effects: Any, garden: Client) -> None:
    before = changes(garden)

    status, answer = await garden.call("POST", "/spaces/Garden/proposals", effects=effects)

    assert (status, answer["kind"]) == (422, "Refused")
    assert 5 < len(answer["error"]) < 300
    assert changes(garden) == before


@pytest.mark.parametrize(
    "body", [{"days": 10**12}, {"days": "soon"}, {"days": 1.5}, {"text": 7}, {"text": "x" * 60_000}, {"colour": "red"}]
)
async def test_nonsense_beside_effects_is_refused(body: dict[str, Any], garden: Client) -> None:
    before = changes(garden)

    status, _ = await garden.call("POST", "/spaces/Garden/proposals", effects=[["rule", "quorum", [1, 2]]], **body)

    assert (status, changes(garden)) == (422, before)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/spaces/Garden/proposals/zz", {}),
        ("GET", f"/spaces/Garden/proposals/{'00' * 32}", {}),
        ("GET", f"/spaces/Garden/proposals/{'0' * 5_000}", {}),
        ("POST", "/spaces/Garden/proposals/%00%00%00%00/support", {}),
        ("POST", f"/spaces/Garden/proposals/{'00' * 32}/ballot", {"choice": "yes"}),
        ("POST", f"/spaces/Garden/proposals/{'00' * 32}/ballot", {"choice": "maybe"}),
        ("POST", f"/spaces/Garden/proposals/{'00' * 32}/ballot", {"choice": ["yes"]}),
        ("POST", f"/spaces/Garden/knocks/{'00' * 32}/vouch", {}),
        ("POST", "/spaces/Garden/people/Nobody/pause", {}),
        ("POST", f"/spaces/Garden/people/{SOMEBODY}/pause", {}),
        ("DELETE", "/spaces/Garden/devices/did:key:z", {}),
        ("DELETE", f"/devices/{SOMEBODY}", {}),
        ("POST", f"/devices/{SOMEBODY}/place", {}),
        ("POST", f"/spaces/Garden/recovery/{'00' * 32}/decline", {}),
        ("GET", "/spaces/Nowhere/charter", {}),
        ("POST", "/spaces", {"name": "Two", "rules": {"kings": 1}}),
        ("POST", "/spaces", {"name": "Two", "rules": {"vouchers": "many"}}),
        ("POST", "/spaces", {"name": "Two", "rules": {"parents": [10**12]}}),
        ("POST", "/spaces", {"name": "Two", "rules": ["vouchers"]}),
        ("POST", "/spaces", {"name": "Two", "template": "empire"}),
    ],
)
async def test_ids_and_people_that_are_none_are_refused(
    method: str, path: str, body: dict[str, Any], garden: Client
) -> None:
    status, answer = await garden.call(method, path, **body)

    assert (status, answer["kind"]) == (422, "Refused")


async def test_a_refusal_over_http_is_the_sentence_that_the_rule_says(garden: Client) -> None:
    answers = [
        await garden.call("POST", "/spaces/Garden/proposals", effects=[effect])
        for effect in (["remove", "Ana"], ["rule", "vouchers", 21])
    ]

    assert [answer["error"] for _, answer in answers] == [
        "an auditor is removed together with a hand-over", "The rule vouchers is a whole number from 1 to 20.",
    ]  # fmt: skip


async def test_a_proposal_is_told_in_words_by_the_start_of_its_id(garden: Client) -> None:
    _, made = await garden.call(
        "POST", "/spaces/Garden/proposals", effects=[["rule", "quorum", [1, 2]]], text="Why not"
    )
    _, shown = await garden.call("GET", f"/spaces/Garden/proposals/{made['id'][:6].upper()}")
    _, listed = await garden.call("GET", "/spaces/Garden/proposals")

    assert (shown["id"], shown["name"], shown["text"]) == (made["id"], "Ana", "Why not")
    assert listed["proposals"][0]["words"] == [
        "The rule quorum: A decision needs ballots of at least half of the members."
    ]


def test_a_peer_cannot_make_a_node_reserve_memory_by_a_rule() -> None:
    body = [Propose.kind, [["rule", "parents", [10**13]]], 2, 0, b""]

    with pytest.raises(Exception, match="The rule parents is"):
        read_command(body)
    with pytest.raises(Exception, match="There is no rule"):
        check_rule("x" * 10_000, 1)
