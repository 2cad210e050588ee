"""Errors become pages in plain words; nothing of a fault's inside is shown, and programs keep their own answers."""

import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from identity.errors import Refused, StoreError
from ui.assets import Assets
from ui.error_pages import error_pages
from ui.guards import add_headers
from ui.templating import Templates

SECRET_WORDS = "the seedlings come on Saturday"


async def refuse(_: web.Request) -> web.Response:
    raise Refused("only the person who <b>wrote</b> a post can retract it")


async def break_down(_: web.Request) -> web.Response:
    raise RuntimeError(SECRET_WORDS)


async def fill_up(_: web.Request) -> web.Response:
    raise StoreError("the disk is full: nothing new can be kept until there is room; what is here is safe")


async def move(_: web.Request) -> web.Response:
    raise web.HTTPSeeOther("/elsewhere")


async def forbid(_: web.Request) -> web.Response:
    raise web.HTTPForbidden(text="This form came from another page.")


@pytest.fixture
async def client() -> AsyncIterator[TestClient[Any, Any]]:
    app = web.Application(middlewares=[error_pages(Templates(Assets.read(), lambda: 0), "/home")])
    app.on_response_prepare.append(add_headers)
    for path, handler in (
        ("refuse", refuse),
        ("break", break_down),
        ("fill", fill_up),
        ("move", move),
        ("forbid", forbid),
    ):
        app.router.add_get(f"/{path}", handler)
    app.router.add_get("/api/break", forbid)
    async with TestClient(TestServer(app)) as running:
        yield running


async def test_a_refusal_is_shown_in_its_own_words_and_escaped(client: TestClient[Any, Any]) -> None:
    answer = await client.get("/refuse")

    assert answer.status == 422
    assert "only the person who &lt;b&gt;wrote&lt;/b&gt; a post can retract it" in await answer.text()


async def test_a_page_that_is_not_there_says_so_and_leads_home(client: TestClient[Any, Any]) -> None:
    answer = await client.get("/nowhere/%3Cscript%3E")

    text = await answer.text()
    assert answer.status == 404
    assert "There is nothing here" in text
    assert 'href="/home"' in text
    assert "<script>" not in text


async def test_a_fault_is_logged_under_the_reference_that_the_page_names(
    client: TestClient[Any, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = await client.get("/break")

    text = await answer.text()
    reference = caplog.records[0].getMessage().split("reference=")[1].split()[0]
    assert answer.status == 500
    assert reference in text
    assert SECRET_WORDS not in text
    assert answer.headers["Cache-Control"] == "no-store"


async def test_a_guards_words_are_shown(client: TestClient[Any, Any]) -> None:
    answer = await client.get("/forbid")

    assert answer.status == 403
    assert "This form came from another page." in await answer.text()


async def test_a_redirect_goes_on(client: TestClient[Any, Any]) -> None:
    answer = await client.get("/move", allow_redirects=False)

    assert (answer.status, answer.headers["Location"]) == (303, "/elsewhere")


async def test_programs_keep_their_plain_answers(client: TestClient[Any, Any]) -> None:
    answer = await client.get("/api/break")

    assert answer.content_type == "text/plain"


async def test_an_error_speaks_the_browsers_language(client: TestClient[Any, Any]) -> None:
    answer = await client.get("/nowhere", headers={"Accept-Language": "ar"})

    assert 'dir="rtl"' in await answer.text()


async def test_what_this_machine_cannot_do_is_said_with_the_way_out(client: TestClient[Any, Any]) -> None:
    answer = await client.get("/fill")
    text = await answer.text()

    assert answer.status == 503
    assert "The disk is full: nothing new can be kept until there is room; what is here is safe." in text
