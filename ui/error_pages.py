"""What a browser shows when something did not go through: a page in plain words, with ways on.

The class of an error says whose turn it is. A refusal is the member's: its words are shown as they stand. A fault is
ours: it is logged under a short reference that the page names, and nothing of it is shown.
"""

import logging
import secrets
from collections.abc import Callable
from gettext import NullTranslations

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from identity.errors import NetworkError, Refused, StoreError
from ui.locales import choose_language, translations
from ui.templating import Templates
from ui.views import ErrorView, NavItem

logger = logging.getLogger(__name__)

Words = Callable[[str], str]


def error_pages(templates: Templates, home_url: str) -> Middleware:
    """Return the middleware that answers errors with a page; programs (``/api/``) get their answers untouched.

    It stands outermost, before the guards, so that their refusals are shown as pages too.
    """

    @web.middleware
    async def shown(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/api/"):
            return await handler(request)
        try:
            return await handler(request)
        except Refused as refusal:
            return _page(templates, request, _refusal(str(refusal), _words(request).gettext, home_url))
        except (StoreError, NetworkError) as error:
            return _page(templates, request, _unable(str(error), _words(request).gettext, home_url))
        except web.HTTPException as error:
            if error.status < 400:
                raise
            return _page(templates, request, _answer(error, _words(request).gettext, home_url))
        except Exception:
            reference = secrets.token_hex(4)
            logger.exception("page failed reference=%s route=%s", reference, _route(request))
            return _page(templates, request, _fault(reference, _words(request).gettext, home_url))

    return shown


def _words(request: web.Request) -> NullTranslations:
    return translations(_language(request))


def _language(request: web.Request) -> str:
    return choose_language(request.headers.get("Accept-Language", ""))


def _route(request: web.Request) -> str:
    """Return the route's pattern, which names no person and no post."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "none"


def _page(templates: Templates, request: web.Request, error: ErrorView) -> web.Response:
    html = templates.render("error.html", _language(request), {"theme": "", "error": error})
    return web.Response(text=html, status=error.status, content_type="text/html")


def _refusal(words: str, _: Words, home_url: str) -> ErrorView:
    return ErrorView(422, _("That did not go through"), words, (NavItem(_("To the feed"), home_url),))


def _unable(words: str, _: Words, home_url: str) -> ErrorView:
    """Return the page for what this machine cannot do just now: the error's words name the way out."""
    words = words[:1].upper() + words[1:] + ("" if words.endswith(".") else ".")
    return ErrorView(503, _("This laptop cannot do that just now"), words, (NavItem(_("Try again"), home_url),))


def _fault(reference: str, _: Words, home_url: str) -> ErrorView:
    words = _("This is our mistake, not yours. What you wrote is kept as a draft.")
    return ErrorView(500, _("Something in commons broke"), words, (NavItem(_("To the feed"), home_url),), reference)


def _answer(error: web.HTTPException, _: Words, home_url: str) -> ErrorView:
    """Return the page for an answer by status: without a session there is no way on from here but the launcher."""
    home = (NavItem(_("To the feed"), home_url),)
    match error.status:
        case 404 | 405:
            words = _("The link may be old, or what it led to has not reached this laptop yet.")
            return ErrorView(error.status, _("There is nothing here"), words, home)
        case 401:
            words = _("Start commons on this laptop: run “commons”, and it opens this browser.")
            return ErrorView(401, _("This browser was not let in yet"), words)
        case 413:
            return ErrorView(413, _("That is too large"), _("Shorten it, or share it in parts."), home)
        case _:
            return ErrorView(error.status, _("That did not go through"), error.text or error.reason, home)
