"""The pattern page: every part that pages are sewn from, with made-up data, and every page in each of its states.

It is where a part is built and looked at before a real page uses it, and what the browser tests run over. Reading it
needs no space and no post, and it can be shown in any language and scheme: ``?lang=ar``, ``?theme=dark``.
"""

from collections.abc import Callable
from typing import Any

from aiohttp import web

from ui.locales import choose_language
from ui.pattern_examples import (
    NAMES,
    composer,
    devices,
    feed,
    frame,
    invites,
    page,
    peers,
    people,
    refusal,
    space,
    thread,
)
from ui.pattern_pages import PAGES
from ui.pattern_recovery import keepers, own_devices
from ui.templating import Templates
from ui.views import FormView, Notice

WRONG_FORM = FormView(
    "/patterns",
    {"name": "", "address": "kitchen"},
    {
        "": "Two things are missing before this can be sent.",
        "name": "A name needs at least one letter.",
        "address": "An address looks like /ip4/192.0.2.4/tcp/4747.",
    },
)
NOTICES = (
    Notice("done", "Your invitation is ready."),
    Notice("note", "Your 24 words are not written down yet.", "/patterns/settings", "Do it now"),
    Notice("warning", "The disk is full. Nothing is lost, but nothing new can be kept until there is room."),
)


def pattern_context(now_ms: int) -> dict[str, Any]:
    """Return what the pattern page itself shows."""
    return {
        "pages": tuple((name, title) for name, (title, _, _) in PAGES.items()),
        "keys": tuple(f"did:key:{name}" for name in NAMES),
        "space": space(),
        "composer": composer(),
        "refused_composer": composer({"text": "There is nothing written yet."}),
        "feed": feed(now_ms),
        "thread": thread(now_ms),
        "people": people(now_ms),
        "devices": devices(now_ms),
        "own_devices": own_devices(now_ms),
        "keepers": keepers(),
        "peers": peers(now_ms),
        "invite": invites(now_ms)[0],
        "page": page("compare", now_ms),
        "refusal": refusal(),
        "good_form": FormView("/patterns", {"name": "Inês Duarte"}),
        "wrong_form": WRONG_FORM,
        "notices": NOTICES,
        "now": now_ms,
    }


def pattern_page(templates: Templates, name: str, language: str, theme: str) -> str:
    """Return the pattern page ("") or one of the example pages as HTML; a KeyError names one that does not exist."""
    now_ms = templates.clock_ms()
    theme = theme if theme in ("light", "dark") else ""
    title, template, context = PAGES[name] if name else ("", "patterns.html", pattern_context)
    shown: dict[str, Any] = {"frame": frame(name.partition("_")[0]), "theme": theme, "form_token": "example"}
    html = templates.render(template, language, shown | {"title": title} | context(now_ms))
    return (
        html.replace("<html ", f'<html data-theme="{theme}" ', 1) if theme and "data-theme" not in html[:200] else html
    )


def pattern_handler(templates: Templates) -> Callable[[web.Request], Any]:
    """Return the handler for ``/patterns`` and ``/patterns/{name}``."""

    async def patterns(request: web.Request) -> web.Response:
        language = choose_language(request.headers.get("Accept-Language", ""), request.query.get("lang", ""))
        try:
            html = pattern_page(templates, request.match_info.get("name", ""), language, request.query.get("theme", ""))
        except KeyError as error:
            raise web.HTTPNotFound(text="There is no such pattern.") from error
        return web.Response(text=html, content_type="text/html")

    return patterns


def serve_patterns(app: web.Application, templates: Templates) -> None:
    """Answer the pattern pages of an app."""
    handler = pattern_handler(templates)
    app.router.add_get("/patterns", handler)
    app.router.add_get("/patterns/{name}", handler)
