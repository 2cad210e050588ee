"""The JSON API: described, guarded, and clear about what it refuses."""

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from api_client import Client, client_of

from ui.client import PREFIX
from ui.operations import table


@pytest.fixture
async def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    monkeypatch.setenv("COMMONS_STATE_DIR", str(tmp_path / "state"))
    async with client_of(tmp_path / "node") as one:
        yield one


async def test_a_program_can_do_everything_by_the_api(client: Client) -> None:
    await client.ask("POST", f"{PREFIX}/identity", json={"name": "Amina"})
    _, space = await client.ask("POST", f"{PREFIX}/spaces", json={"name": "Garden"})
    status, post = await client.ask("POST", f"{PREFIX}/spaces/{space['id']}/posts", json={"text": "hello"})
    _, reply = await client.ask(
        "POST", f"{PREFIX}/spaces/Garden/posts", json={"text": "hello yourself", "parent": post["id"]}
    )
    await client.ask("PATCH", f"{PREFIX}/posts/{post['id']}", json={"text": "hello all"})
    _, thread = await client.ask("GET", f"{PREFIX}/posts/{reply['id']}")
    _, found = await client.ask("GET", f"{PREFIX}/search?words=yourself")
    _, verified = await client.ask("POST", f"{PREFIX}/spaces/Garden/verify")
    _, rebuilt = await client.ask("POST", f"{PREFIX}/spaces/Garden/rebuild")
    await client.ask("DELETE", f"{PREFIX}/posts/{post['id']}")
    _, feed = await client.ask("GET", f"{PREFIX}/spaces/-/posts")

    assert status == 200
    assert thread["post"]["text"] == "hello all"
    assert [line["text"] for line in thread["replies"]] == ["hello yourself"]
    assert [line["id"] for line in found["posts"]] == [reply["id"]]
    assert verified["good"]
    assert rebuilt["same"]
    assert [(line["retracted"], line["text"]) for line in feed["posts"]] == [(True, "")]


async def test_every_operation_is_described(client: Client) -> None:
    status, described = await client.ask("GET", f"{PREFIX}/openapi.json")

    operations = {entry["operationId"] for path in described["paths"].values() for entry in path.values()}
    assert status == 200
    assert described["openapi"] == "3.1.0"
    assert operations == set(table())
    for path, methods in described["paths"].items():
        for entry in methods.values():
            named = {p["name"] for p in entry["parameters"] if p["in"] == "path"}
            assert named == {part[1:-1] for part in path.split("/") if part.startswith("{")}


async def test_nobody_is_served_without_the_token(client: Client) -> None:
    for header in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic x"}, {"Authorization": ""}):
        async with client.http.get(f"{client.base}{PREFIX}/spaces", headers=header) as answer:
            assert answer.status == 401


REFUSED = [
    ("POST", "/spaces", {"name": ""}, "A space needs a name."),
    ("POST", "/spaces", {"name": "x" * 81}, "A name can hold 80 characters"),
    ("POST", "/spaces", {}, "found needs name"),
    ("POST", "/spaces", {"name": 5}, "name takes a string"),
    ("POST", "/spaces", {"name": "Garden", "colour": "red"}, "takes no parameter 'colour'"),
    ("POST", "/join", {"link": "commons:join/nonsense"}, "invite"),
    ("POST", "/spaces/nowhere/posts", {"text": "x"}, "There is no such space here."),
    ("POST", "/spaces/-/posts", {"text": "  "}, "A post needs some words."),
    ("POST", "/spaces/-/posts", {"text": "x" * 50_001}, "50,000 characters"),
    ("POST", "/spaces/-/posts", {"text": "x", "parent": "zz"}, "this is not the id of a post"),
    ("POST", "/spaces/-/posts", {"text": "x", "parent": "00" * 32}, "This post is not on this device."),
    ("POST", "/spaces/-/invitations", {"uses": 0}, "An invitation is for 1 to"),
    ("POST", "/spaces/-/invitations", {"days": "soon"}, "days takes a integer"),
    ("PATCH", "/posts/" + "00" * 32, {"text": "x"}, "This post is not on this device."),
    ("DELETE", "/spaces/-/invitations/xyz", None, "this is not the id of a invitation"),
]


@pytest.mark.parametrize(("method", "path", "body", "words"), REFUSED)
async def test_what_is_refused_says_why(client: Client, method: str, path: str, body: Any, words: str) -> None:
    await client.ask("POST", f"{PREFIX}/identity", json={"name": "Amina"})
    await client.ask("POST", f"{PREFIX}/spaces", json={"name": "Kitchen"})

    status, answer = await client.ask(method, PREFIX + path, json=body)

    assert status in (400, 422)
    assert words in answer["error"]


LARGE = b'{"name": "' + b"x" * 1_048_570 + b'"}'
BODIES = [b"{", b"[]", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"name": NaN}', LARGE]


@pytest.mark.parametrize("raw", BODIES)
async def test_a_body_that_is_no_small_json_object_is_refused(client: Client, raw: bytes) -> None:
    status, answer = await client.ask("POST", f"{PREFIX}/identity", data=io.BytesIO(raw))

    assert status in (413, 422)
    assert answer
    assert (await client.ask("GET", f"{PREFIX}/status"))[1]["ready"] is False


async def test_before_somebody_says_their_name_the_api_says_so(client: Client) -> None:
    status, answer = await client.ask("GET", f"{PREFIX}/spaces")

    assert status == 422
    assert "commons init" in answer["error"]


async def test_a_running_node_lets_another_browser_in(client: Client) -> None:
    _, first = await client.ask("POST", f"{PREFIX}/browser")
    before = Path(first["open"]).read_text(encoding="utf-8")
    await client.ask("POST", f"{PREFIX}/browser")

    assert Path(first["open"]).read_text(encoding="utf-8") != before
    assert Path(first["open"]).stat().st_mode & 0o077 == 0
