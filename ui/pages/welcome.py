"""After being let in: say who you are, say hello; whom to greet, which spaces fit."""

from collections import Counter
from collections.abc import Iterable

from aiohttp import web

from node.domain.consents import MENTION
from node.domain.law.view import WELCOMER
from node.domain.profiles import COMPARED, FIELDS, words_in
from node.ingest import consents as consenting
from node.ingest.profiles import edit_profile, fields_of
from node.ingest.spaces import Space
from node.store import people as store
from node.store import queries
from ui.pages.feed import say
from ui.pages.frame import page, space_head
from ui.pages.news import has_said_hello
from ui.pages.profile import labels
from ui.pages.visit import NOT_DONE, Book, Visit, clean_name, sentence, space_url, status_of
from ui.people_views import Greeting
from ui.views import FormView, NavItem

ASKED = FIELDS[FIELDS.index("skills") :]
MAX_GREETED = 6
MAX_FITTING = 3
MAX_ALIKE = 3
MAX_WORDS = 4


def add_welcome(book: Book) -> None:
    """Add the welcome page."""
    book.member("GET", "/welcome", welcome)
    book.member("POST", "/welcome", introduce)


async def welcome(visit: Visit) -> web.Response:
    """Show a newcomer what to say and whom to greet."""
    said = await fields_of(visit.node.road, visit.here, visit.node.me.person)
    values = {field.name: field.value for field in said}
    return await _show(visit, FormView(visit.url("/welcome"), values))


async def introduce(visit: Visit) -> web.Response:
    """Keep what the newcomer says of themselves, and share their first post."""
    sent = await visit.form()
    values = {name: sent.get(name, "").strip() for name in (*ASKED, "text")}
    if sent.get("mention"):
        values["mention"] = "1"
    road, space = visit.node.road, visit.here
    try:
        known = {field.name: field.value for field in await fields_of(road, space, road.me)}
        changed = {name: values[name] for name in ASKED if values[name] != known.get(name, "")}
        await edit_profile(road, space, changed)
        if sent.get("mention") and not (visit.known().consents.get(road.me)):
            await consenting.answer(road, space, MENTION, given=True)
        if values["text"]:
            await say(visit, values["text"], None)
    except NOT_DONE as error:
        form = FormView(visit.url("/welcome"), values, {"": sentence(error)})
        return await _show(visit, form, status_of(error))
    done = visit.gettext("You have said hello. The others read it as soon as their laptops are near.")
    return visit.go(visit.url("/welcome"), done if values["text"] else visit.gettext("Saved."))


async def _show(visit: Visit, form: FormView, status: int = 200) -> web.Response:
    said = await fields_of(visit.node.road, visit.here, visit.node.me.person)
    mine = words_in(" ".join(field.value for field in said if field.name in COMPARED))
    called = labels(visit)
    context = {
        "space": await space_head(visit, ""),
        "form": form,
        "asked": tuple((name, called[name]) for name in ASKED),
        "has_said_hello": await has_said_hello(visit),
        "may_write": visit.may_write,
        "may_be_mentioned": bool(visit.known().consents.get(visit.node.me.person)),
        "greetings": await _greetings(visit, mine),
        "fitting": await _fitting(visit, mine),
        "charter_url": visit.url("/charter"),
        "profile_url": visit.url("/profile"),
    }
    return await page(visit, "welcome", "welcome.html", context, status)


# -- whom to greet ----------------------------------------------------------------------------------------------------


async def _greetings(visit: Visit, mine: Iterable[str]) -> tuple[Greeting, ...]:
    """Return the one who invited, the welcomers, and who says the same words of themselves."""
    view, now = visit.here.law.present(), visit.node.clock_ms()
    members = view.members()
    inviter = next((grant.inviter for grant in members.get(visit.node.me.person, [])), None)
    why: dict[bytes, str] = {}
    if inviter in members and inviter is not None:
        why[inviter] = visit.gettext("Invited you")
    for person in members:
        if len(why) < MAX_GREETED - MAX_ALIKE and view.has_role(person, WELCOMER, now):
            why.setdefault(person, visit.gettext("Welcomes newcomers"))
    for person, words in await _alike(visit, frozenset(mine)):
        if person in members:
            why.setdefault(person, visit.gettext("You both say: %(words)s") % {"words": ", ".join(words)})
    names = visit.known().names
    refs = ((visit.person(person, names), words) for person, words in why.items() if not visit.node.road.is_me(person))
    return tuple(Greeting(ref, words) for ref, words in refs)[:MAX_GREETED]


async def _alike(visit: Visit, mine: frozenset[str]) -> list[tuple[bytes, list[str]]]:
    """Return who shares most words with the reader, with these words, of what they say to everybody here."""
    if not mine:
        return []
    no = visit.here.index.no
    rows = await visit.node.database.read(lambda db: store.plain_fields(db, no, COMPARED))
    shared: dict[bytes, set[str]] = {}
    for row in rows:
        if not visit.node.road.is_me(row.person) and (words := mine & words_in(row.value)):
            shared.setdefault(row.person, set()).update(words)
    best = sorted(shared.items(), key=lambda pair: (-len(pair[1]), pair[0]))[:MAX_ALIKE]
    return [(person, sorted(words)[:MAX_WORDS]) for person, words in best]


# -- which spaces fit -------------------------------------------------------------------------------------------------


async def _fitting(visit: Visit, mine: frozenset[str]) -> tuple[NavItem, ...]:
    """Return at most three of the spaces above and below this one whose words are most like the reader's."""
    worth: Counter[bytes] = Counter()
    related = {space.id: space for space in _related(visit)}
    for space in related.values():
        no = space.index.no
        page_words = await visit.node.database.read(lambda db, no=no: queries.page_text(db, no))  # type: ignore[misc]
        worth[space.id] = len(mine & words_in(f"{space.name} {page_words}"))
    best = sorted((id_ for id_ in related if worth[id_]), key=lambda id_: (-worth[id_], id_))[:MAX_FITTING]
    return tuple(NavItem(clean_name(related[id_].name, 80), space_url(related[id_])) for id_ in best)


def _related(visit: Visit) -> list[Space]:
    """Return the parents and parts of this space that this node knows."""
    here, spaces = visit.here, visit.node.road.spaces
    above = [spaces[id_] for id_ in _parents(here) if id_ in spaces]
    below = [space for space in spaces.values() if here.id in _parents(space)]
    return list({space.id: space for space in (*above, *below) if space is not here}.values())


def _parents(space: Space) -> list[bytes]:
    return list(space.law.present().sealed.charter["parents"])
