"""What pages and the API ask of the read model. Runs in the database's thread, on a bare connection."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import NamedTuple

_POST = (
    "SELECT change.id, post.number, post.time, log.person, log.author, post.text, thread, parent, post.media, edited,"
    " versions, retracted, published, address, change.seq, post.log,"
    " (SELECT count(*) FROM post reply WHERE reply.thread = change.id),"
    " (SELECT value FROM profile"
    " WHERE profile.space = post.space AND profile.person = log.person AND profile.field = 'name')"
    " FROM post JOIN change USING (number) JOIN log ON log.no = post.log"
)
_CHANGE = (
    "SELECT change.number, change.id, log.author, log.person, profile.value, change.seq, change.time, class,"
    " reason, change.body IS NULL"
)
_BY_WHOM = (  # joined in this order: change by change, not log by log
    "CROSS JOIN log ON log.no = change.log"
    " LEFT JOIN profile ON profile.space = log.space AND profile.person = log.person AND profile.field = 'name'"
)
_SHOWN = (  # the date of what was imported goes with its words: without answers there is nothing left to show
    "(retracted = 0 OR source IS NULL OR EXISTS(SELECT 1 FROM post reply WHERE reply.thread = change.id))"
)
_WORDS_MAX = 12
_RANKED_MAX = 2_000
_END = 1 << 62


class PostLine(NamedTuple):
    """A post as pages show it. `name` is its author's, None while no profile has arrived."""

    id: bytes
    number: int
    time: int
    person: bytes
    device: bytes
    text: str
    thread: bytes | None
    parent: bytes | None
    media: bytes | None
    edited: int | None
    versions: int
    retracted: int
    published: int | None
    address: str | None
    seq: int
    log: int
    replies: int
    name: str | None

    @property
    def dated(self) -> int:
        """When a reader would say that it was written, in ms since the epoch: what lists are ordered by."""
        return self.time if self.published is None else min(self.published, self.time)

    @property
    def place(self) -> tuple[int, int]:
        """Where it stands in lists by date, to go on behind it."""
        return self.dated, self.number


class Answer(NamedTuple):
    """A reply in the outline of its thread: which post it answers, and its number."""

    id: bytes
    parent: bytes | None
    number: int


class PersonLine(NamedTuple):
    """A member as pages show them."""

    person: bytes
    name: str
    about: str
    posts: int
    last: int | None


class PageLine(NamedTuple):
    """A page as searches show it: what it says now, and who changed it last, when."""

    space: int
    id: bytes
    title: str
    body: str
    time: int
    person: bytes


class ChangeLine(NamedTuple):
    """A line of the public log."""

    number: int
    id: bytes
    author: bytes
    person: bytes | None
    name: str | None
    seq: int
    time: int
    klass: int
    reason: str | None
    erased: int


def feed(connection: sqlite3.Connection, space: int, before: tuple[int, int] | None, limit: int) -> list[PostLine]:
    """Return the newest posts that begin a thread; `before` is the place of the last one shown."""
    where, values = f"post.space = ? AND thread IS NULL AND {_SHOWN}", [space]
    if before:
        where += " AND (post.dated, post.number) < (?, ?)"
        values += before
    sql = f"{_POST} WHERE {where} ORDER BY post.dated DESC, post.number DESC LIMIT ?"
    return [PostLine(*row) for row in connection.execute(sql, (*values, limit))]


def deep_feed(
    connection: sqlite3.Connection, spaces: Mapping[int, int | None], before: tuple[int, int] | None, limit: int
) -> list[PostLine]:
    """Return the newest posts that begin a thread of several spaces together, as `feed` does for one.

    `spaces` says, by number, until which date (ms) the posts of each show; None is without end.
    """
    places: list[tuple[int, int]] = []
    for space, until in spaces.items():
        ends = [end for end in (before, None if until is None else (until + 1, 0)) if end is not None]
        where = f"post.space = ? AND thread IS NULL AND {_SHOWN}" + (" AND (dated, number) < (?, ?)" if ends else "")
        sql = f"SELECT dated, number FROM post JOIN change USING (number) WHERE {where}"
        sql += " ORDER BY dated DESC, number DESC LIMIT ?"
        places += connection.execute(sql, (space, *(min(ends) if ends else ()), limit)).fetchall()
    newest = [number for _, number in sorted(places, reverse=True)[:limit]]
    return sorted(posts_by_number(connection, newest), key=lambda line: line.place, reverse=True)


def post(connection: sqlite3.Connection, id_: bytes) -> PostLine | None:
    """Return one post."""
    sql = f"{_POST} WHERE post.number = (SELECT number FROM change WHERE substr(id, 1, 8) = ? AND id = ?)"
    row = connection.execute(sql, (id_[:8], id_)).fetchone()
    return PostLine(*row) if row else None


def source_of(connection: sqlite3.Connection, number: int) -> bytes | None:
    """Return the hash of where a post was imported from."""
    row = connection.execute("SELECT source FROM post WHERE number = ?", (number,)).fetchone()
    return row[0] if row else None


def posts_by_number(connection: sqlite3.Connection, numbers: Sequence[int]) -> list[PostLine]:
    """Return posts by number, oldest first."""
    marks = ",".join("?" * len(numbers))
    sql = f"{_POST} WHERE post.number IN ({marks}) ORDER BY post.number"
    return [PostLine(*row) for row in connection.execute(sql, list(numbers))]


def replies(
    connection: sqlite3.Connection, thread: bytes, after: tuple[int, int] | None = None, limit: int = -1
) -> list[PostLine]:
    """Return replies of a thread, oldest first, all of them for a limit of -1; `after` is the place of the last one."""
    where = "post.thread = ?" + (" AND (post.dated, post.number) > (?, ?)" if after else "")
    sql = f"{_POST} WHERE {where} ORDER BY post.dated, post.number LIMIT ?"
    return [PostLine(*row) for row in connection.execute(sql, (thread, *(after or ()), limit))]


def outline(connection: sqlite3.Connection, thread: bytes) -> list[Answer]:
    """Return who answers what in a thread, oldest first."""
    sql = (
        "SELECT change.id, parent, post.number FROM post JOIN change USING (number) WHERE thread = ?"
        " ORDER BY dated, post.number"
    )
    return [Answer(*row) for row in connection.execute(sql, (thread,))]


def count_posts(connection: sqlite3.Connection, space: int) -> int:
    """Return how many posts a space holds here."""
    return int(connection.execute("SELECT count(*) FROM post WHERE space = ?", (space,)).fetchone()[0])


def by_person(
    connection: sqlite3.Connection, space: int, person: bytes, limit: int, before: tuple[int, int] | None = None
) -> list[PostLine]:
    """Return a person's newest posts and replies; `before` is the place of the last one shown."""
    logs = connection.execute("SELECT no FROM log WHERE space = ? AND person = ?", (space, person)).fetchall()
    where = f"post.log = ? AND {_SHOWN}" + (" AND (post.dated, post.number) < (?, ?)" if before else "")
    sql = f"{_POST} WHERE {where} ORDER BY post.dated DESC, post.number DESC LIMIT ?"
    rows = (row for (log,) in logs for row in connection.execute(sql, (log, *(before or ()), limit)))
    return sorted((PostLine(*row) for row in rows), key=lambda line: line.place, reverse=True)[:limit]


def search(connection: sqlite3.Connection, space: int | None, words: str, limit: int) -> list[PostLine]:
    """Return posts that hold all words, best first; the last word may be a beginning.

    Of words that stand in thousands of posts, the newest 2,000 are weighed: ranking 100,000 took a tenth of a second.
    """
    match = _matching(words)
    if not match:
        return []
    found = "SELECT rowid, rank AS worth FROM search WHERE search MATCH ?1 ORDER BY rowid DESC LIMIT ?4"
    sql = (
        f"{_POST} JOIN ({found}) hit ON hit.rowid = post.number"
        " WHERE (?2 IS NULL OR post.space = ?2) AND retracted = 0"
        " ORDER BY worth, post.dated DESC, post.number DESC LIMIT ?3"
    )
    return [PostLine(*row) for row in connection.execute(sql, (match, space, limit, _RANKED_MAX))]


def search_pages(connection: sqlite3.Connection, space: int | None, words: str, limit: int) -> list[PageLine]:
    """Return pages that hold all words, best first; a word in the title weighs more."""
    match = _matching(words)
    sql = (
        "SELECT document.space, document.id, document.title, document.body, document.time, log.person"
        " FROM page_search JOIN document USING (space, id) JOIN change ON change.number = document.number"
        " JOIN log ON log.no = change.log WHERE page_search MATCH ?1 AND (?2 IS NULL OR document.space = ?2)"
        " ORDER BY bm25(page_search, 4.0, 1.0), document.time DESC LIMIT ?3"
    )
    return [PageLine(*row) for row in connection.execute(sql, (match, space, limit))] if match else []


def _matching(words: str) -> str:
    """Return words as a search takes them: each a word to be found, the last one perhaps only begun."""
    terms = ['"' + word.replace('"', '""') + '"' for word in words.split()[:_WORDS_MAX] if any(map(str.isalnum, word))]
    return " ".join(terms) + "*" if terms else ""


def people(connection: sqlite3.Connection, space: int) -> list[PersonLine]:
    """Return everybody who has a log in a space, by name."""
    sql = (
        "SELECT log.person, coalesce(name.value, ''), coalesce(about.value, ''), count(post.number), max(post.dated)"
        " FROM log LEFT JOIN profile name"
        " ON name.space = log.space AND name.person = log.person AND name.field = 'name'"
        " LEFT JOIN profile about"
        " ON about.space = log.space AND about.person = log.person AND about.field = 'about'"
        " LEFT JOIN post ON post.log = log.no AND retracted = 0"
        " WHERE log.space = ? AND log.person IS NOT NULL GROUP BY log.person ORDER BY 2 COLLATE NOCASE, 1"
    )
    return [PersonLine(*row) for row in connection.execute(sql, (space,))]


def names(connection: sqlite3.Connection, space: int) -> dict[bytes, str]:
    """Return the names that people gave themselves in a space."""
    rows = connection.execute("SELECT person, value FROM profile WHERE space = ? AND field = 'name'", (space,))
    return dict(rows.fetchall())


def changes(connection: sqlite3.Connection, space: int, before: int | None, limit: int) -> list[ChangeLine]:
    """Return the newest changes of a space; `before` is the number of the last one shown."""
    where = "log.space = ?1 AND change.number < ?2 ORDER BY change.number DESC LIMIT ?3"
    sql = f"{_CHANGE} FROM change {_BY_WHOM} LEFT JOIN refusal ON refusal.number = change.number WHERE {where}"
    return [ChangeLine(*row) for row in connection.execute(sql, (space, before or _END, limit))]


def sources(connection: sqlite3.Connection, space: int, log: int) -> dict[bytes, bytes]:
    """Return what this log has imported: source hash to post id, so that nothing comes twice."""
    sql = "SELECT source, id FROM post JOIN change USING (number) WHERE space = ? AND post.log = ? AND source NOT NULL"
    return dict(connection.execute(sql, (space, log)).fetchall())


def setting(connection: sqlite3.Connection, name: str) -> str | None:
    """Return a setting of the node that its pages keep."""
    row = connection.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
    return row[0] if row else None


def own_heads(connection: sqlite3.Connection, device: bytes) -> dict[str, int]:
    """Return how far a device's own logs go, by the space's id in hex."""
    sql = "SELECT hex(space.id), seq FROM log JOIN space ON space.no = log.space WHERE author = ?"
    return {space.lower(): seq for space, seq in connection.execute(sql, (device,))}


def has_forked(connection: sqlite3.Connection, device: bytes) -> bool:
    """Tell whether a device's log is forked in any space."""
    sql = "SELECT EXISTS(SELECT 1 FROM log WHERE author = ? AND forked IS NOT NULL)"
    return bool(connection.execute(sql, (device,)).fetchone()[0])


def keep_setting(connection: sqlite3.Connection, name: str, value: str) -> None:
    """Keep a setting."""
    connection.execute("INSERT OR REPLACE INTO setting VALUES(?, ?)", (name, value))


def reach(connection: sqlite3.Connection, device: bytes) -> dict[tuple[bytes, bytes], int]:
    """Return, by space and neighbour, up to which sequence number neighbours hold a device's own logs."""
    rows = connection.execute(
        "SELECT space.id, reach.device, reach.seq FROM reach JOIN space ON space.no = reach.space"
        " JOIN log ON log.no = reach.log WHERE log.author = ?",
        (device,),
    )
    return {(space, neighbour): seq for space, neighbour, seq in rows}


def keep_reach(connection: sqlite3.Connection, rows: Sequence[tuple[int, bytes, int, int]]) -> None:
    """Note how far neighbours hold a log: (space, device, log, seq)."""
    grow = "ON CONFLICT(space, log, device) DO UPDATE SET seq = max(seq, excluded.seq)"
    connection.executemany(f"INSERT INTO reach VALUES(?, ?, ?, ?) {grow}", rows)


def purpose(connection: sqlite3.Connection, space: int) -> str:
    """Return the one sentence that says what a space is for: the title of its page."""
    row = connection.execute("SELECT title FROM document WHERE space = ?", (space,)).fetchone()
    return row[0] if row else ""


def page_text(connection: sqlite3.Connection, space: int) -> str:
    """Return the words of a space's page, its title first."""
    row = connection.execute("SELECT title, body FROM document WHERE space = ?", (space,)).fetchone()
    return f"{row[0]}\n\n{row[1]}" if row else ""


def newest_change(connection: sqlite3.Connection) -> int:
    """Return the number of the change that was stored last, in whichever space."""
    return int(connection.execute("SELECT coalesce(max(number), 0) FROM change").fetchone()[0])


def count_new(connection: sqlite3.Connection, space: int, after: int, own_log: int, limit: int = 100) -> int:
    """Return how many posts and replies of others were stored after a change, at most `limit`; not their past."""
    new = "number > ? AND space = ? AND log != ? AND retracted = 0 AND source IS NULL"
    sql = f"SELECT 1 FROM post NOT INDEXED WHERE {new} LIMIT ?"  # by number: few are new, the feed is long
    return len(connection.execute(sql, (after, space, own_log, limit)).fetchall())


def count_fresh(connection: sqlite3.Connection, space: int, after: int, own_log: int, limit: int = 100) -> int:
    """Return how many posts that begin a thread others stored after a change, at most `limit`; not their past."""
    new = "number > ? AND space = ? AND log != ? AND thread IS NULL AND source IS NULL"
    sql = f"SELECT 1 FROM post NOT INDEXED WHERE {new} LIMIT ?"  # by number: few are new, the feed is long
    return len(connection.execute(sql, (after, space, own_log, limit)).fetchall())


def count_since(connection: sqlite3.Connection, space: int, time_ms: int, limit: int = 1_000) -> int:
    """Return how many posts that begin a thread are dated after a time, at most `limit`."""
    sql = "SELECT 1 FROM post WHERE space = ? AND thread IS NULL AND dated >= ? LIMIT ?"
    return len(connection.execute(sql, (space, time_ms, limit)).fetchall())


def count_brought(connection: sqlite3.Connection, space: int, time_ms: int, limit: int = 1_000) -> int:
    """Return how many posts were imported after a time, at most `limit`."""
    sql = "SELECT 1 FROM post WHERE space = ? AND published IS NOT NULL AND time >= ? LIMIT ?"
    return len(connection.execute(sql, (space, time_ms, limit)).fetchall())


def count_begun(connection: sqlite3.Connection, space: int, first: int, last: int) -> int:
    """Return how many posts in a range of changes begin a thread now: not what was imported, nor taken back."""
    new = "number BETWEEN ? AND ? AND space = ? AND thread IS NULL AND source IS NULL AND retracted = 0"
    sql = f"SELECT count(*) FROM post NOT INDEXED WHERE {new}"
    return int(connection.execute(sql, (first, last, space)).fetchone()[0])


def posts_between(connection: sqlite3.Connection, log: int, after: int, until: int) -> list[bytes]:
    """Return the ids of the posts of one log in a range of sequence numbers: behind `after`, up to `until`."""
    sql = "SELECT id FROM change JOIN post USING (number) WHERE change.log = ? AND seq > ? AND seq <= ?"
    return [row[0] for row in connection.execute(sql, (log, after, until))]


def refused_changes(connection: sqlite3.Connection, space: int, before: int | None, limit: int) -> list[ChangeLine]:
    """Return the newest refused changes of a space; `before` is the number of the last one shown."""
    where = "log.space = ?1 AND refusal.number < ?2 ORDER BY refusal.number DESC LIMIT ?3"
    sql = f"{_CHANGE} FROM refusal CROSS JOIN change USING (number) {_BY_WHOM} WHERE {where}"
    return [ChangeLine(*row) for row in connection.execute(sql, (space, before or _END, limit))]


def count_refused(connection: sqlite3.Connection, space: int) -> int:
    """Return how many changes of a space were refused."""
    joined = "refusal CROSS JOIN change USING (number) CROSS JOIN log ON log.no = change.log"
    sql = f"SELECT count(*) FROM {joined} WHERE log.space = ?"
    return int(connection.execute(sql, (space,)).fetchone()[0])


def change_line(connection: sqlite3.Connection, space: int, id_: bytes) -> ChangeLine | None:
    """Return one line of the public log."""
    where = "log.space = ? AND substr(change.id, 1, 8) = ? AND change.id = ?"
    sql = f"{_CHANGE} FROM change LEFT JOIN refusal ON refusal.number = change.number {_BY_WHOM} WHERE {where}"
    row = connection.execute(sql, (space, id_[:8], id_)).fetchone()
    return ChangeLine(*row) if row else None
