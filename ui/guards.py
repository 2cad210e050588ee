"""Middlewares and headers for pages on hostile ground: every other page and program of this machine can call us.

Requests pass three guards, outermost first: a Host that is ours (a foreign name that resolves to this machine ends
here), no use by other sites, and a proof of having been let in (see session.py). Every answer, also an error or a
live stream, leaves with the headers below.
"""

from urllib.parse import quote

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from ui.session import SESSION_LIFE_S, Gate, Session, cookie_name, local_path, refresh_page

CONTENT_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "font-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    # Under "no-referrer" browsers post our own forms with "Origin: null", and the origin check would be worth
    # nothing. "same-origin" tells other sites exactly as little.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), browsing-topics=()",
    "Cache-Control": "no-store",
}

SAFE_METHODS = frozenset({"GET", "HEAD"})
OWN_SITES = frozenset({"same-origin", "none"})
PUBLIC_PREFIX = "/static/"
OPEN_PATH = "/open"
FORM_TYPE = "application/x-www-form-urlencoded"
FORM_TOKEN_FIELD = "form_token"  # noqa: S105 - a field's name
FORM_TOKEN_HEADER = "X-Form-Token"  # noqa: S105 - a header's name

SESSION = web.RequestKey("session", Session)
"""Where a handler finds the session of a page's request; requests with the API token have none."""


def own_hosts(port: int) -> frozenset[str]:
    """Return the Host values under which a node may be called."""
    return frozenset({f"127.0.0.1:{port}", f"localhost:{port}"})


def protect(app: web.Application, gate: Gate, port: int) -> None:
    """Put the guards in front of every handler of an app, and the headers on every answer; adds ``/open``.

    Call it before other middlewares are added but after one that renders errors, which must stand outermost.
    """
    app.middlewares.extend((host_guard(own_hosts(port)), site_guard, session_guard(gate, cookie_name(port))))
    app.on_response_prepare.append(add_headers)
    app.router.add_get(OPEN_PATH, opening_handler(gate, cookie_name(port)))


async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Add the headers that a handler did not set for itself; say nothing about what the node is made of."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = "commons"


def host_guard(hosts: frozenset[str]) -> Middleware:
    """Return the guard that answers 421 to any Host but the node's own."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.headers.getall("Host", []) != [request.host] or request.host not in hosts:
            raise web.HTTPMisdirectedRequest(text="This is not an address of this node.")
        return await handler(request)

    return guard


@web.middleware
async def site_guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let other sites do nothing but link to a page: no images, scripts, frames, forms or fetches of theirs."""
    fetch = request.headers
    link = fetch.get("Sec-Fetch-Mode") == "navigate" and fetch.get("Sec-Fetch-Dest") == "document"
    if fetch.get("Sec-Fetch-Site", "none") in OWN_SITES or (link and request.method == "GET"):
        return await handler(request)
    raise web.HTTPForbidden(text="Other sites cannot use this node.")


def session_guard(gate: Gate, cookie: str) -> Middleware:
    """Return the guard that asks for a session or the API token, and for own origin and form token on a change."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path == OPEN_PATH or request.path.startswith(PUBLIC_PREFIX):
            return await handler(request)
        authorization = request.headers.get("Authorization")
        if authorization is not None:
            if not gate.api_token_fits(authorization):
                raise web.HTTPUnauthorized(text="The API token is not the one in the node's folder.")
            return await handler(request)
        session = gate.session(request.cookies.get(cookie))
        if session is None:
            return _stranger(request)
        if request.method not in SAFE_METHODS:
            await _check_change(request, gate, session)
        request[SESSION] = session
        return await handler(request)

    return guard


def _stranger(request: web.Request) -> web.Response:
    """Answer a request without a session: let a link from elsewhere come again as our own, refuse the rest.

    A strict cookie stays behind when a person follows a link from another site. One refresh from our own page
    brings it along; a request that is already our own and has none is refused, so this cannot go in circles.
    """
    foreign = request.headers.get("Sec-Fetch-Site", "none") not in OWN_SITES
    if foreign and request.method == "GET" and not request.path.startswith("/api/"):
        return web.Response(text=refresh_page(local_path(request.path_qs)), content_type="text/html")
    raise web.HTTPUnauthorized(text="This browser was not let in yet. Run “commons” to open it.")


async def _check_change(request: web.Request, gate: Gate, session: Session) -> None:
    """Refuse a change that did not come from a form of ours.

    Raises:
        HTTPForbidden: another origin, none, or no form token of this session.
    """
    if request.headers.getall("Origin", []) != [f"http://{request.host}"]:
        raise web.HTTPForbidden(text="This form came from another page.")
    if not gate.form_token_fits(session, await _offered_token(request)):
        raise web.HTTPForbidden(text="This form is out of date. Go back, reload the page and send it again.")


async def _offered_token(request: web.Request) -> str:
    """Return the form token from the header, the query or a plain form.

    A form with files carries it in its action's query: reading its body here would take the stream away from the
    handler, and a large file would be read before it is known who sends it.
    """
    near = request.headers.get(FORM_TOKEN_HEADER) or request.query.get(FORM_TOKEN_FIELD)
    if near is not None or request.content_type != FORM_TYPE:
        return near or ""
    try:
        return str((await request.post()).get(FORM_TOKEN_FIELD, ""))
    except (UnicodeDecodeError, LookupError, ValueError) as error:
        raise web.HTTPBadRequest(text="The form could not be read.") from error


def opening_handler(gate: Gate, cookie: str) -> Handler:
    """Return the handler that exchanges an opening key for a session cookie and sends the browser on."""

    async def open_browser(request: web.Request) -> web.StreamResponse:
        fresh = gate.redeem(request.query.get("key", ""))
        if fresh is None and gate.session(request.cookies.get(cookie)) is None:
            raise web.HTTPForbidden(text="This opening link was used already. Run “commons” to get a new one.")
        onward = local_path(request.query.get("next", "/"))
        response = web.Response(text=refresh_page(onward), content_type="text/html")
        if fresh is not None:
            response.set_cookie(cookie, fresh, max_age=SESSION_LIFE_S, httponly=True, samesite="Strict", path="/")
        return response

    return open_browser


def attachment_headers(file_name: str) -> dict[str, str]:
    """Return the headers with which people's files leave: to be saved, never to be run or shown as a page of ours."""
    plain = quote("".join(letter for letter in file_name if letter.isprintable()) or "file", safe="")
    return {
        "Content-Disposition": f"attachment; filename*=UTF-8''{plain}",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
    }
