"""Hostile requests over a real server: other hosts, other sites, no proof, torn forms, paths that climb."""

import asyncio
from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest
from aiohttp import ClientResponse, ClientSession, DummyCookieJar, web
from aiohttp.test_utils import TestServer

from ui.assets import Assets, serve_assets
from ui.guards import CONTENT_POLICY, SESSION, attachment_headers, protect
from ui.session import SESSION_LIFE_S, Gate, cookie_name

API_TOKEN = "t" * 43
NOW = 1_790_000_000.0
FOREIGN = "http://evil.example"
LINK = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


class Clock:
    def __init__(self) -> None:
        self.now_s = NOW

    def __call__(self) -> float:
        return self.now_s


class House(NamedTuple):
    """A running app behind the guards, and what a test needs to knock at it."""

    gate: Gate
    clock: Clock
    client: ClientSession
    port: int
    assets: Assets

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def ask(self, method: str, path: str, **more: object) -> ClientResponse:
        return await self.client.request(method, self.origin + path, allow_redirects=False, **more)  # type: ignore[arg-type]

    def let_in(self) -> tuple[dict[str, str], str]:
        """Return the cookie header and form token of a fresh session."""
        cookie = self.gate.redeem(self.gate.new_opening_key())
        session = self.gate.session(cookie)
        assert session is not None
        return {"Cookie": f"{cookie_name(self.port)}={cookie}"}, self.gate.form_token(session)


async def page(request: web.Request) -> web.Response:
    return web.Response(text="let in" if SESSION in request else "a program")


async def change(request: web.Request) -> web.Response:
    text = (await request.post()).get("text")
    assert not isinstance(text, bytes)
    return web.Response(text=f"shared {text}")


async def live(request: web.Request) -> web.StreamResponse:
    stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await stream.prepare(request)
    await stream.write(b"data: hello\n\n")
    return stream


@pytest.fixture
async def house(unused_tcp_port: int) -> AsyncIterator[House]:
    clock = Clock()
    gate = Gate(b"s" * 32, API_TOKEN, clock)
    assets = Assets({"css/base.css": b"body{}", "js/live.js": b"1"})
    app = web.Application()
    protect(app, gate, unused_tcp_port)
    serve_assets(app, assets)
    app.router.add_get("/", page)
    app.router.add_post("/share", change)
    app.router.add_get("/api/v1/live", live)
    app.router.add_post("/api/v1/posts", change)
    server = TestServer(app, host="127.0.0.1", port=unused_tcp_port)
    await server.start_server()
    async with ClientSession(cookie_jar=DummyCookieJar()) as client:
        yield House(gate, clock, client, unused_tcp_port, assets)
    await server.close()


async def raw(port: int, request: bytes) -> bytes:
    """Send bytes as they are and return the answer's status line."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    await writer.drain()
    async with asyncio.timeout(60):
        line = await reader.readline()
    writer.close()
    return line


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "[::1]:{port}",
        "127.0.0.1:{port}.evil.example",
    ],
)
async def test_another_host_is_answered_421(house: House, host: str) -> None:
    cookie, _ = house.let_in()

    answer = await house.ask("GET", "/", headers={**cookie, "Host": host.format(port=house.port)})

    assert answer.status == 421


async def test_a_request_without_a_host_or_with_two_gets_nothing(house: House) -> None:
    none = await raw(house.port, b"GET / HTTP/1.0\r\n\r\n")
    hosts = f"Host: 127.0.0.1:{house.port}\r\nHost: evil.example\r\n"
    two = await raw(house.port, f"GET / HTTP/1.1\r\n{hosts}\r\n".encode())

    assert b" 421 " in none
    assert b" 400 " in two or b" 421 " in two


async def test_localhost_is_our_own_name_too(house: House) -> None:
    cookie, _ = house.let_in()

    answer = await house.ask("GET", "/", headers={**cookie, "Host": f"localhost:{house.port}"})

    assert await answer.text() == "let in"


async def test_a_browser_without_a_session_is_not_let_in(house: House) -> None:
    assert (await house.ask("GET", "/")).status == 401
    assert (await house.ask("POST", "/share", headers={"Origin": house.origin})).status == 401
    assert (await house.ask("GET", "/api/v1/live")).status == 401


async def test_the_opening_key_lets_a_browser_in_once(house: House) -> None:
    key = house.gate.new_opening_key()

    first = await house.ask("GET", f"/open?key={key}", headers={"Sec-Fetch-Site": "cross-site", **LINK})
    again = await house.ask("GET", f"/open?key={key}")

    assert first.status == 200
    assert 'content="0;url=/"' in await first.text()
    cookie = first.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert again.status == 403
    assert "Set-Cookie" not in again.headers


async def test_the_given_cookie_opens_the_pages(house: House) -> None:
    opened = await house.ask("GET", f"/open?key={house.gate.new_opening_key()}")

    answer = await house.ask("GET", "/", headers={"Cookie": opened.headers["Set-Cookie"].partition(";")[0]})

    assert await answer.text() == "let in"


async def test_opening_leads_to_own_pages_only(house: House) -> None:
    key = house.gate.new_opening_key()

    answer = await house.ask("GET", f"/open?key={key}&next=//evil.example/%22%3E%3Cscript%3E")

    assert 'content="0;url=/"' in await answer.text()


async def test_an_expired_session_is_not_let_in(house: House) -> None:
    cookie, _ = house.let_in()

    house.clock.now_s += SESSION_LIFE_S + 1

    assert (await house.ask("GET", "/", headers=cookie)).status == 401


async def test_a_link_from_another_site_comes_again_as_our_own(house: House) -> None:
    elsewhere = {"Sec-Fetch-Site": "cross-site", **LINK}

    answer = await house.ask("GET", '/?q="><script>', headers=elsewhere)

    text = await answer.text()
    assert answer.status == 200
    assert "let in" not in text
    assert "<script>" not in text
    assert 'http-equiv="refresh"' in text
    assert (await house.ask("GET", "/", headers={"Sec-Fetch-Site": "same-origin", **LINK})).status == 401


@pytest.mark.parametrize("site", ["cross-site", "same-site", "nonsense"])
@pytest.mark.parametrize(
    "use",
    [
        {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
        {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
        {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"},
        {},
    ],
)
async def test_other_sites_and_ports_can_load_nothing(house: House, site: str, use: dict[str, str]) -> None:
    cookie, _ = house.let_in()

    for path in ("/", house.assets.url("js/live.js"), "/api/v1/live"):
        answer = await house.ask("GET", path, headers={**cookie, **use, "Sec-Fetch-Site": site})
        assert answer.status == 403


async def test_a_form_of_ours_is_taken(house: House) -> None:
    cookie, token = house.let_in()

    answer = await house.ask(
        "POST",
        "/share",
        headers={**cookie, "Origin": house.origin, "Sec-Fetch-Site": "same-origin"},
        data={"text": "hello", "form_token": token},
    )

    assert await answer.text() == "shared hello"


@pytest.mark.parametrize(
    "origin", [FOREIGN, "null", "", "http://127.0.0.1:1", "https://127.0.0.1:{port}", "http://localhost:{port}"]
)
async def test_a_form_from_another_origin_is_refused(house: House, origin: str) -> None:
    cookie, token = house.let_in()

    answer = await house.ask(
        "POST", "/share", headers={**cookie, "Origin": origin.format(port=house.port)}, data={"form_token": token}
    )

    assert answer.status == 403


async def test_a_form_without_an_origin_is_refused(house: House) -> None:
    cookie, token = house.let_in()

    assert (await house.ask("POST", "/share", headers=cookie, data={"form_token": token})).status == 403


@pytest.mark.parametrize("site", ["same-site", "cross-site"])
async def test_a_form_that_the_browser_calls_foreign_is_refused(house: House, site: str) -> None:
    cookie, token = house.let_in()
    headers = {**cookie, **LINK, "Origin": house.origin, "Sec-Fetch-Site": site}

    assert (await house.ask("POST", "/share", headers=headers, data={"form_token": token})).status == 403


@pytest.mark.parametrize("token", [None, "", "0" * 64, "é", "\x00"])
async def test_a_form_without_the_right_token_is_refused(house: House, token: str | None) -> None:
    cookie, _ = house.let_in()
    data = {"text": "hello"} if token is None else {"text": "hello", "form_token": token}

    answer = await house.ask("POST", "/share", headers={**cookie, "Origin": house.origin}, data=data)

    assert answer.status == 403


async def test_a_form_token_of_another_session_is_refused(house: House) -> None:
    cookie, _ = house.let_in()
    _, token = house.let_in()

    answer = await house.ask("POST", "/share", headers={**cookie, "Origin": house.origin}, data={"form_token": token})

    assert answer.status == 403


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "post"])
async def test_every_other_method_needs_the_token_as_well(house: House, method: str) -> None:
    cookie, _ = house.let_in()

    assert (await house.ask(method, "/share", headers={**cookie, "Origin": house.origin})).status in (400, 403)


async def test_the_token_may_come_by_header_or_in_the_address_of_a_form_with_files(house: House) -> None:
    cookie, token = house.let_in()
    ours = {**cookie, "Origin": house.origin}

    by_header = await house.ask("POST", "/share", headers={**ours, "X-Form-Token": token}, json={"a": 1})
    by_address = await house.ask("POST", f"/share?form_token={token}", headers=ours, json={"a": 1})
    by_body_only = await house.ask("POST", "/share", headers=ours, json={"form_token": token})

    assert [by_header.status, by_address.status, by_body_only.status] == [200, 200, 403]


async def test_a_form_that_cannot_be_read_is_a_bad_request(house: House) -> None:
    cookie, _ = house.let_in()
    form = {**cookie, "Origin": house.origin}

    for charset in ("nonsense", "ascii"):
        kind = f"application/x-www-form-urlencoded; charset={charset}"
        answer = await house.ask("POST", "/share", headers={**form, "Content-Type": kind}, data=b"a=\xff")
        assert answer.status == 400


async def test_a_program_with_the_api_token_needs_no_session(house: House) -> None:
    proof = {"Authorization": f"Bearer {API_TOKEN}"}

    answer = await house.ask("POST", "/api/v1/posts", headers=proof, data={"text": "x"})

    assert await answer.text() == "shared x"


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer wrong", f"Basic {API_TOKEN}", "Bearer " + "x" * 4000])
async def test_a_wrong_api_token_is_refused_even_beside_a_session(house: House, authorization: str) -> None:
    cookie, _ = house.let_in()

    answer = await house.ask("GET", "/api/v1/live", headers={**cookie, "Authorization": authorization})

    assert answer.status == 401


async def test_every_answer_carries_the_headers(house: House) -> None:
    cookie, _ = house.let_in()
    paths = ["/", "/nowhere", "/api/v1/live", "/open?key=wrong"]

    for path in paths:
        for headers in (cookie, {**cookie, "Host": "evil.example"}):
            answer = await house.ask("GET", path, headers=headers)
            assert answer.headers["Content-Security-Policy"] == CONTENT_POLICY
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Referrer-Policy"] == "same-origin"
            assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
            assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["Server"] == "commons"


async def test_static_files_are_kept_for_ever_under_their_digest_only(house: House) -> None:
    fresh = await house.ask("GET", house.assets.url("css/base.css"))
    stale = await house.ask("GET", "/static/0000/css/base.css")

    assert "immutable" in fresh.headers["Cache-Control"]
    assert fresh.headers["Content-Type"] == "text/css; charset=utf-8"
    assert stale.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "path",
    [
        "../session.py",
        "..%2fsession.py",
        "%2e%2e/%2e%2e/etc/passwd",
        "/etc/passwd",
        "css/../../session.py",
        "css%00/base.css",
        "css\\base.css",
        "css/",
        ".",
    ],
)
async def test_a_path_cannot_climb_out_of_the_static_files(house: House, path: str) -> None:
    request = f"GET /static/{house.assets.digest}/{path} HTTP/1.1\r\nHost: 127.0.0.1:{house.port}\r\n\r\n"

    line = await raw(house.port, request.encode())

    assert line.split()[1] in (b"400", b"401", b"404")


def test_the_real_static_files_are_found_and_licences_are_not_served() -> None:
    assets = Assets.read()

    assert assets.url("vendor/htmx/htmx.min.js").endswith("/vendor/htmx/htmx.min.js")
    with pytest.raises(KeyError):
        assets.url("vendor/htmx/LICENSE")


def test_one_changed_file_changes_every_address() -> None:
    assert Assets({"a.css": b"1"}).url("a.css") != Assets({"a.css": b"2"}).url("a.css")
    assert Assets({"a.css": b"12", "b.css": b""}).digest != Assets({"a.css": b"1", "b.css": b"2"}).digest


def test_a_file_name_cannot_add_a_header() -> None:
    headers = attachment_headers('x"\r\nSet-Cookie: a=b\u202e.html')

    assert headers["Content-Disposition"] == "attachment; filename*=UTF-8''x%22Set-Cookie%3A%20a%3Db.html"
    assert "sandbox" in headers["Content-Security-Policy"]
