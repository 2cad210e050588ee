"""Search over everything that this laptop holds: nothing that is looked for leaves it."""

from aiohttp import web

from node.store import queries
from node.store.queries import PageLine, PostLine
from ui.markup import excerpt, tame
from ui.pages.frame import page
from ui.pages.rows import post_url
from ui.pages.visit import Book, Visit, clean_name
from ui.views import SearchHit

MAX_HITS = 50
MAX_PEOPLE = 10
MAX_PAGES = 10
MAX_QUERY_CHARS = 200
AROUND_CHARS = 90
TITLE_CHARS = 80
MAX_PLAIN_CHARS = 4_000
MAX_PAGE_CHARS = 20_000


def add_search(book: Book) -> None:
    """Add the search."""
    book.someone("GET", "/search", search)


async def search(visit: Visit) -> web.Response:
    """Show what was found, best first."""
    query = tame(visit.request.query.get("q", ""))[:MAX_QUERY_CHARS].strip()
    lines: list[PostLine] = []
    hits: list[SearchHit] = []
    if query:
        lines, pages = await visit.node.database.read(
            lambda db: (queries.search(db, None, query, MAX_HITS), queries.search_pages(db, None, query, MAX_PAGES))
        )
        found = [*[await _page_hit(visit, one, query) for one in pages], *(_hit(visit, one, query) for one in lines)]
        hits = [*await _people(visit, query), *(hit for hit in found if hit is not None)]
    context = {
        "query": query,
        "hits": tuple(hits),
        "total": len(hits),
        "older_url": "",
        "is_cut": len(lines) == MAX_HITS,
    }
    return await page(visit, "search", "search.html", context)


def _hit(visit: Visit, line: PostLine, query: str) -> SearchHit | None:
    space = next((space for space in visit.node.road.spaces.values() if line.log in space.index.authors), None)
    if space is None:
        return None
    names = {line.person: clean_name(line.name)} if line.name else {}
    plain = excerpt(line.text, MAX_PLAIN_CHARS)
    title = excerpt(line.text, TITLE_CHARS) or visit.gettext("A post without words")
    return SearchHit(
        kind=visit.gettext("Reply") if line.thread else visit.gettext("Post"),
        title=title,
        excerpt=around(plain, query) if len(plain) > len(title) else "",
        url=post_url(visit, line, space),
        author=visit.person(line.person, names, space),
        time_ms=line.dated,
        space_name=clean_name(space.name, 80),
    )


async def _page_hit(visit: Visit, line: PageLine, query: str) -> SearchHit | None:
    space = next((space for space in visit.node.road.spaces.values() if space.index.no == line.space), None)
    if space is None:
        return None
    names = (await visit.pages.roster(space)).names
    where = clean_name(space.name, 80)
    return SearchHit(
        kind=visit.gettext("Page"),
        title=visit.gettext("Page of %(space)s") % {"space": where},
        excerpt=around(excerpt(f"{line.title}\n\n{line.body}", MAX_PAGE_CHARS), query),
        url=visit.url("/page", space),
        author=visit.person(line.person, names, space),
        time_ms=line.time,
        space_name=where,
    )


async def _people(visit: Visit, query: str) -> list[SearchHit]:
    """Return the people whose name holds what is looked for, once for each space."""
    found: list[SearchHit] = []
    for space in visit.node.road.spaces.values():
        names = (await visit.pages.roster(space)).names
        members = space.law.members()
        for person, name in names.items():
            if query.casefold() in name.casefold() and person in members and len(found) < MAX_PEOPLE:
                ref = visit.person(person, names, space)
                joined = members[person][0].since_ms
                kind, where = visit.gettext("Person"), clean_name(space.name, 80)
                found.append(SearchHit(kind, name, "", ref.url, ref, joined, where))
    return found


def around(line: str, query: str) -> str:
    """Return the words around the first of the words looked for, from a text in one line."""
    folded = line.casefold()
    at = min((place for word in query.casefold().split() if (place := folded.find(word)) >= 0), default=0)
    start, end = max(0, at - AROUND_CHARS), at + AROUND_CHARS
    if start > 0:
        start = line.find(" ", start) + 1 if " " in line[start:at] else start
    shown = line[start:end]
    if end < len(line):
        shown = shown.rsplit(" ", 1)[0] + " …"
    return ("… " if start > 0 else "") + shown
