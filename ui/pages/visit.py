"""What a page's handler works with: the node, who asks, in which space and language, and how to answer."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from aiohttp import web

from identity import keyring
from identity.errors import CommonsError, Refused, StoreError
from identity.keys import to_did
from node.domain.consents import MENTION
from node.domain.law.fold import Law
from node.domain.law.records import Proposal
from node.domain.recovery import ShareKey
from node.ingest import recovery
from node.ingest.consents import Consents
from node.ingest.recovery import Asking
from node.ingest.spaces import Space
from node.runtime import Node
from node.store import people, queries
from ui.guards import SESSION
from ui.live import Hub
from ui.locales import choose_language, translations
from ui.markup import tame
from ui.session import Gate, Session
from ui.templating import Templates
from ui.views import Notice, PersonRef

SPACE_CHARS = 16
MAX_NAME_CHARS = 60
MAX_SESSIONS = 64
VISIT_GAP_MS = 10 * 60 * 1000
"""Who comes back to a feed after so long begins a new visit, with a new line for what is unread."""

LIVE_HEADER = "X-Live"
"""Sent by the page's own scripts when they ask for a part again: that is no visit, and takes no notice away."""

PREFERENCES = ("theme", "language", "shortcuts")
_HTML = "text/html"

NOT_DONE = (Refused, StoreError)
"""What a form is shown again for, with what was typed into it."""


@dataclass(slots=True)
class Flash:
    """What the next page says once: a notice, the place whose draft was shared, words that came back."""

    notice: Notice | None = None
    shared: str = ""
    returned: tuple[str, str] | None = None


class Seen(NamedTuple):
    """Up to which change, by this store's number, a feed was read: at the visit before, and now; times in ms."""

    before: int = 0
    before_ms: int = 0
    now: int = 0
    now_ms: int = 0


class Roster(NamedTuple):
    """What a space's people call themselves, by person, what the space is for in one sentence, who may mention whom."""

    names: Mapping[bytes, str]
    description: str
    consents: Consents


class Recovering(NamedTuple):
    """Who of a space asks for somebody's key, the newest first, and how the reader's own is shared there."""

    askings: Sequence[Asking]
    sharing: ShareKey | None


class Pages:
    """Everything that the pages of one node share."""

    def __init__(self, node: Node, templates: Templates, gate: Gate, hub: Hub) -> None:
        self.node = node
        self.templates = templates
        self.gate = gate
        self.hub = hub
        self.opening = asyncio.Lock()
        self._flashes: dict[bytes, Flash] = {}
        self._current: dict[bytes, bytes] = {}
        self._seen: dict[bytes, Seen] = {}
        self._rosters: dict[bytes, Roster] = {}
        self._recovering: dict[bytes, Recovering] = {}
        self._reasons: dict[bytes, tuple[Law, int, Mapping[tuple[bytes, bytes | None], Proposal]]] = {}
        self._preferences: dict[str, str] | None = None

    # -- who asks, and what for -------------------------------------------------------------------------------------

    async def visit(self, request: web.Request) -> "Visit":
        """Return what a handler works with; a space that the address names must be here."""
        self.hub.attach()
        wishes = await self.preferences()
        language = choose_language(request.headers.get("Accept-Language", ""), wishes["language"])
        visit = Visit(self, request, language, wishes)
        name = request.match_info.get("space")
        if name is not None:
            visit.space = self.space(name)
            if visit.space is None:
                raise web.HTTPNotFound
            if visit.session is not None:
                self._current[visit.session.name] = visit.space.id
                _bound(self._current)
        elif self.node.is_ready:
            visit.space = self._latest(visit.session)
        return visit

    def space(self, name: str) -> Space | None:
        """Return the space of an address: the first letters of its id, all sixteen of them."""
        if len(name) != SPACE_CHARS or not self.node.is_ready:
            return None
        return next((space for space in self.node.road.spaces.values() if space.id.hex().startswith(name)), None)

    def _latest(self, session: Session | None) -> Space | None:
        spaces = self.node.road.spaces
        current = spaces.get(self._current.get(session.name, b"")) if session else None
        members = [space for space in spaces.values() if space.state == "member"]
        return current or next(iter(members or spaces.values()), None)

    # -- what is kept between pages ----------------------------------------------------------------------------------

    async def preferences(self) -> dict[str, str]:
        """Return how this person wants the pages: theme, language, shortcuts ("off" or empty)."""
        if self._preferences is None:
            kept = await self.node.database.read(
                lambda db: {name: queries.setting(db, f"pages {name}") or "" for name in PREFERENCES}
            )
            self._preferences = kept
        return self._preferences

    async def prefer(self, wishes: Mapping[str, str]) -> None:
        """Keep how this person wants the pages."""

        def write(db: Any) -> None:
            for name, value in wishes.items():
                queries.keep_setting(db, f"pages {name}", value)

        await self.node.database.transaction(write)
        self._preferences = None

    def flash(self, session: Session | None) -> Flash:
        """Return what the next page of a session will say, to be added to."""
        flash = self._flashes.setdefault(session.name if session else b"", Flash())
        _bound(self._flashes)
        return flash

    def take_flash(self, session: Session | None) -> Flash:
        """Return what this page says once, and forget it."""
        return self._flashes.pop(session.name if session else b"", Flash())

    async def roster(self, space: Space) -> Roster:
        """Return the names in a space, kept until somebody changes theirs."""
        self._forget_changed()
        if space.id not in self._rosters:

            def read(db: Any) -> Roster:
                named = {person: clean_name(name) for person, name in queries.names(db, space.index.no).items()}
                said = people.consents_to(db, space.index.no, MENTION)
                return Roster(named, clean_name(queries.purpose(db, space.index.no), 300), said)

            self._rosters[space.id] = await self.node.database.read(read)
        return self._rosters[space.id]

    async def recovering(self, space: Space) -> Recovering:
        """Return who asks for keys in a space, and how one's own is shared, kept until something of it changes."""
        self._forget_changed()
        if space.id not in self._recovering:
            road = self.node.road
            sharing = await recovery.sharing_of(road, space, self.node.me.person)
            self._recovering[space.id] = Recovering(await recovery.all_askings(road, space), sharing)
        return self._recovering[space.id]

    def _forget_changed(self) -> None:
        for changed in self.hub.people_changed:
            self._rosters.pop(changed, None)
            self._recovering.pop(changed, None)
        self.hub.people_changed.clear()

    def begin_anew(self) -> None:
        """Follow the node that now acts for somebody else."""
        self._rosters.clear()
        self._recovering.clear()
        self.hub.begin_anew()

    def known(self, space: Space) -> Roster:
        """Return the names in a space as they were read last: every page of a space reads them first."""
        return self._rosters.get(space.id) or Roster({}, "", {})

    def reasons(self, space: Space) -> Mapping[tuple[bytes, bytes | None], Proposal]:
        """Return the proposals of a space by the post that says why, and its author; kept until there are more."""
        law, count, found = self._reasons.get(space.id, (None, 0, {}))
        if law is not space.law or count != len(law.proposals):
            proposals = space.law.proposals.values()
            found = {(one.change.command.text_hash, one.proposer.person): one for one in proposals}
            self._reasons[space.id] = (space.law, len(proposals), found)
        return found

    async def seen(self, space: Space) -> Seen:
        """Return up to where a space's feed was read."""
        if space.id not in self._seen:
            kept = await self.node.database.read(lambda db: queries.setting(db, _seen_name(space)))
            self._seen[space.id] = Seen(*json.loads(kept)) if kept else Seen()
        return self._seen[space.id]

    async def look(self, space: Space, newest: int) -> Seen:
        """Note that a feed is looked at now, up to a change; returns how far it was read when this visit began."""
        seen, now_ms = await self.seen(space), self.node.clock_ms()
        if not seen.now_ms:
            fresh = Seen(newest, now_ms, newest, now_ms)
        elif now_ms - seen.now_ms > VISIT_GAP_MS:
            fresh = Seen(seen.now, seen.now_ms, newest, now_ms)
        else:
            fresh = Seen(seen.before, seen.before_ms, newest, now_ms)
        self._seen[space.id] = fresh
        if fresh.now != seen.now or now_ms - seen.now_ms > VISIT_GAP_MS:
            kept = json.dumps([fresh.before, fresh.before_ms, fresh.now, fresh.now_ms])
            with contextlib.suppress(StoreError):  # on a full disk one can still read
                await self.node.database.transaction(lambda db: queries.keep_setting(db, _seen_name(space), kept))
        return fresh


def _seen_name(space: Space) -> str:
    return f"pages seen {space.id.hex()}"


def _bound(kept: dict[bytes, Any]) -> None:
    """Forget the oldest sessions: only this person's few browsers have one."""
    while len(kept) > MAX_SESSIONS:
        del kept[next(iter(kept))]


def clean_name(name: str, limit: int = MAX_NAME_CHARS) -> str:
    """Return a name as it may stand in a line of ours: one line, of a bearable length, nothing that turns text."""
    return " ".join(tame(name).split())[:limit]


def status_of(error: CommonsError | None) -> int:
    """Return the status of a page whose form came back: whose turn it is, the member's or this machine's."""
    if error is None:
        return 200
    return 503 if isinstance(error, StoreError) else 422


def sentence(error: CommonsError) -> str:
    """Return an error's words as a sentence."""
    words = str(error).strip() or "This did not work."
    return words[0].upper() + words[1:] + ("" if words[-1] in ".!?…" else ".")


@dataclass(slots=True)
class Visit:
    """One request to a page. `space` is the one it is about, or the one visited last; None before there is any."""

    pages: Pages
    request: web.Request
    language: str
    preferences: Mapping[str, str]
    space: Space | None = None
    _flash: Flash | None = field(default=None)

    @property
    def node(self) -> Node:
        """The node whose pages these are."""
        return self.pages.node

    @property
    def session(self) -> Session | None:
        """The browser's session; None for a program with the API token."""
        return self.request.get(SESSION)

    @property
    def form_token(self) -> str:
        """What every form of this session carries."""
        return self.pages.gate.form_token(self.session) if self.session else ""

    @property
    def is_live(self) -> bool:
        """Whether a page's own script asks for a part again."""
        return LIVE_HEADER in self.request.headers

    def told(self) -> Flash:
        """Return what this page says once; asked for by a script it says nothing."""
        if self._flash is None:
            self._flash = Flash() if self.is_live else self.pages.take_flash(self.session)
        return self._flash

    @property
    def here(self) -> Space:
        """The space this page is about."""
        if self.space is None:
            raise web.HTTPNotFound
        return self.space

    @property
    def may_write(self) -> bool:
        """Whether this person belongs to the space: who left it still reads what is here."""
        return self.here.state == "member"

    def known(self) -> Roster:
        """Return the names in this page's space, and who lets whom mention them."""
        return self.pages.known(self.here)

    def gettext(self, words: str) -> str:
        """Return words in the reader's language."""
        return translations(self.language).gettext(words)

    def ngettext(self, one: str, many: str, number: int) -> str:
        """Return counted words in the reader's language."""
        return translations(self.language).ngettext(one, many, number)

    async def form(self) -> dict[str, str]:
        """Return the fields of the form that was sent; line ends as this system writes them."""
        sent = await self.request.post()
        return {name: value.replace("\r\n", "\n") for name, value in sent.items() if isinstance(value, str)}

    def url(self, path: str = "", space: Space | None = None) -> str:
        """Return the address of a page in the space."""
        return space_url(space or self.here, path)

    def person(self, person: bytes, names: Mapping[bytes, str], space: Space | None = None) -> PersonRef:
        """Return a person of the space as pages name them."""
        did = to_did(person)
        name = names.get(person) or self.gettext("Someone (%(end)s)") % {"end": did[-6:]}
        return PersonRef(name, did, self.url(f"/people/{did}", space), self.node.road.is_me(person))

    # -- answers ----------------------------------------------------------------------------------------------------

    def render(self, template: str, context: Mapping[str, Any], status: int = 200) -> web.Response:
        """Answer with a page; what stands alone needs no frame."""
        around = {"theme": self.preferences["theme"], "form_token": self.form_token}
        html = self.pages.templates.render(template, self.language, around | dict(context))
        return web.Response(text=html, content_type=_HTML, status=status)

    def go(self, url: str, words: str = "") -> web.Response:
        """Send the browser on after a form, with a word about what was done."""
        if words:
            self.pages.flash(self.session).notice = Notice("done", words)
        return web.Response(status=303, headers={"Location": url})


def space_url(space: Space, path: str = "") -> str:
    """Return the address of a page in a space."""
    return f"/s/{space.id.hex()[:SPACE_CHARS]}{path}"


Handler = Callable[[Visit], Awaitable[web.StreamResponse]]


class Book:
    """Adds handlers to an app, each behind the door that fits it."""

    def __init__(self, app: web.Application, pages: Pages) -> None:
        self._app = app
        self._pages = pages

    def anyone(self, method: str, path: str, handler: Handler) -> None:
        """Add a page that is shown before anybody said their name."""

        async def handle(request: web.Request) -> web.StreamResponse:
            return await handler(await self._pages.visit(request))

        self._app.router.add_route(method, path, handle)

    def someone(self, method: str, path: str, handler: Handler) -> None:
        """Add a page that needs somebody: the others are asked for their name, or their passphrase, first."""

        async def guarded(visit: Visit) -> web.StreamResponse:
            if not visit.node.is_ready:
                return visit.go("/unlock" if keyring.exists(visit.node.folder) else "/welcome")
            return await handler(visit)

        self.anyone(method, path, guarded)

    def member(self, method: str, path: str, handler: Handler) -> None:
        """Add a page of a space, below `/s/{space}`; who is not let in yet waits first, who left reads only."""

        async def guarded(visit: Visit) -> web.StreamResponse:
            if visit.here.state == "waiting":
                return visit.go(visit.url("/waiting"))
            if method != "GET" and not visit.may_write:
                raise Refused("You have left this space: it can be read here, but not changed any more.")
            await visit.pages.roster(visit.here)
            return await handler(visit)

        self.someone(method, "/s/{space}" + path, guarded)
