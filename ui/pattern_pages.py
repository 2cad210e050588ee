"""Every example page of /patterns: which template it shows, and with what."""

from collections.abc import Callable
from typing import Any

from ui.markup import differences, rendered
from ui.node_views import CutOffView, ImportProgress, InviteOffer
from ui.pattern_examples import (
    AMINA,
    DAY_MS,
    HOUR_MS,
    ME,
    composer,
    feed,
    frame,
    hits,
    invites,
    log_rows,
    page,
    peers,
    people,
    posts,
    refusal,
    settings,
    space,
    thread,
)
from ui.pattern_law import ACTS, LOG_FILTER, founding
from ui.pattern_law import PAGES as LAW_PAGES
from ui.pattern_recovery import PAGES as RECOVERY_PAGES
from ui.people_views import FieldLine, Newcomer, News
from ui.views import ArrivingView, ErrorView, FeedView, FormView, NavItem, Notice, RevisionView

Context = Callable[[int], dict[str, Any]]

PAGES: dict[str, tuple[str, str, Context]] = {
    "first_open": (
        "First open",
        "first_open.html",
        lambda _: {
            "form": FormView("/patterns/first_open"),
            "key": ME.key,
            "restore_url": "/patterns/first_open",
            "unpack_url": "#",
            "lost_url": "/patterns/lost",
            "second_url": "",
        },
    ),
    "first_open_error": (
        "First open, with an error",
        "first_open.html",
        lambda _: {
            "form": FormView("/patterns/first_open", {"name": " "}, {"name": "A name needs at least one letter."}),
            "key": ME.key,
            "restore_url": "",
            "unpack_url": "#",
            "lost_url": "/patterns/lost",
            "second_url": "",
        },
    ),
    "words_error": (
        "Coming back with 24 words, with an error",
        "words.html",
        lambda _: {
            "form": FormView(
                "/patterns/words_error",
                {"phrase": "abandon gardin zoo", "name": "Inês Duarte"},
                {"phrase": "word 2, “gardin”, is not in the list of recovery words; did you mean “garden”?"},
            ),
            "back_url": "/patterns/first_open",
        },
    ),
    "found": (
        "Found or join",
        "found.html",
        lambda _: {
            "form": FormView("/patterns/found"),
            "me": ME,
            "join_url": "/patterns/join",
            "back_url": "",
            "notice": None,
            **founding(),
        },
    ),
    "join": (
        "Join, before reading the invitation",
        "join.html",
        lambda _: {
            "form": FormView(
                "/patterns/join",
                {"invite": "commons:cut-off"},
                {"": "This invitation is not whole. Copy the entire link, from its first letter to its last."},
            ),
            "offer": None,
            "found_url": "/patterns/found",
        },
    ),
    "join_offer": (
        "Join, invitation read",
        "join.html",
        lambda now: {
            "form": FormView("/patterns/join_offer"),
            "offer": InviteOffer("Community garden", "did:key:Community garden", AMINA, now + 6 * DAY_MS),
            "found_url": "/patterns/found",
        },
    ),
    "feed": (
        "Feed",
        "feed.html",
        lambda now: {
            "space": space(),
            "composer": composer(),
            "feed": feed(now),
            "here": people(now)[:2],
            "arrived": (("Posts since yesterday", 14), ("New people", 1)),
            "arriving": ArrivingView(1_240, 5_000),
            "news": News(
                "/patterns/feed",
                (Newcomer(ME, "/patterns/thread", True), Newcomer(ME, "/patterns/person", False)),
                (NavItem("Inês Duarte", "/patterns/thread"),),
            ),
        },
    ),
    "feed_empty": (
        "Feed of a new space",
        "feed.html",
        lambda _: {
            "space": space()._replace(people_count=1, member_keys=(ME.key,), parents=()),
            "composer": composer()._replace(readers=1),
            "feed": FeedView("example", "", ()),
            "here": (),
            "arrived": (),
            "arriving": None,
            "news": News(),
            "frame": frame(
                "feed", Notice("done", "Community garden is founded. Say hello, or invite the first neighbour.")
            ),
        },
    ),
    "thread": ("Thread", "thread.html", lambda now: {"space": space(), "thread": thread(now)}),
    "edit": (
        "Edit a post",
        "edit.html",
        lambda _: {
            "space": space(),
            "form": FormView("/patterns/edit", {"text": "Has anyone got a spare hose joint?"}),
            "draft": "example-edit",
            "back_url": "/patterns/thread",
        },
    ),
    "retract": (
        "Retract a post",
        "retract.html",
        lambda now: {"post": posts(now)[3], "action": "/patterns/retract", "back_url": "/patterns/thread"},
    ),
    "history": (
        "Earlier versions of a post",
        "history.html",
        lambda now: {
            "space": space(),
            "post_url": "/patterns/thread",
            "steps": (
                (
                    RevisionView(ME, now - HOUR_MS, ""),
                    differences("Half-inch, the kind of brass.", "Half-inch, the brass kind."),
                    False,
                ),
            ),
        },
    ),
    "people": (
        "People",
        "people.html",
        lambda now: {
            "space": space("People"),
            "people": people(now),
            "waiting": 2,
            "knocks_url": "#",
            "powers_url": "#",
            "before_url": "",
            "more_url": "/patterns/people?from=100",
        },
    ),
    "person": (
        "A person",
        "person.html",
        lambda now: {
            "space": space(),
            "person": people(now)[0],
            "lines": (
                FieldLine("Can do", "Bicycles, bread, a little carpentry"),
                FieldLine("How to reach them", "Mill Lane 3", "Only some people see this, you among them."),
            ),
            "ask_url": "/patterns/person",
            "acts": ACTS,
            "posts": FeedView("example-person", "", posts(now)[1:2]),
        },
    ),
    "connections": (
        "Connections",
        "connections.html",
        lambda now: {
            "peers": peers(now),
            "own_addresses": ("/ip4/192.0.2.4/tcp/4747",),
            "form": FormView("/patterns/connections"),
            "lan_is_on": True,
        },
    ),
    "connections_empty": (
        "Connections, nobody yet",
        "connections.html",
        lambda _: {
            "peers": (),
            "own_addresses": (),
            "form": FormView(
                "/patterns/connections",
                {"address": "kitchen"},
                {"address": "An address looks like /ip4/192.0.2.4/tcp/4747."},
            ),
            "lan_is_on": True,
        },
    ),
    "log": (
        "Public log",
        "log.html",
        lambda now: {
            "space": space(),
            "rows": log_rows(now),
            "digest": "b41c 90ff 27aa 5e03 8c66 1d2e 7f40 93b8",
            "total": 4021,
            "refused": 1,
            "only_refused": False,
            **LOG_FILTER,
            "all_url": "/patterns/log",
            "refused_url": "/patterns/log_empty",
            "older_url": "/patterns/log",
            "newest_url": "",
        },
    ),
    "log_empty": (
        "Public log, nothing refused",
        "log.html",
        lambda _: {
            "space": space(),
            "rows": (),
            "digest": "b41c 90ff 27aa 5e03 8c66 1d2e 7f40 93b8",
            "total": 1,
            "refused": 0,
            "only_refused": True,
            **LOG_FILTER,
            "all_url": "/patterns/log",
            "refused_url": "/patterns/log_empty",
            "older_url": "",
            "newest_url": "",
        },
    ),
    "settings": ("Settings", "settings.html", lambda now: settings() | {"me": people(now)[2]}),
    "settings_phrase": (
        "Settings, phrase shown",
        "settings.html",
        lambda now: settings(shown=True) | {"me": people(now)[2]},
    ),
    "invite": (
        "Invite (QR, print)",
        "invite.html",
        lambda now: {
            "space": space(),
            "current": invites(now)[0],
            "invites": invites(now),
            "form": FormView("/patterns/invite", {"uses": "12", "days": "7"}),
            "here": people(now)[:2],
            "arrived": (("Posts since yesterday", 9),),
            "has_addresses": True,
            "workshop_url": "/patterns/workshop",
            "guests_until": "They are a member as soon as 2 members have vouched for them.",
        },
    ),
    "page": ("The space’s page", "page.html", lambda now: {"space": space("Page"), "page": page("view", now)}),
    "page_edit": (
        "The space’s page, editing",
        "page.html",
        lambda now: {"space": space("Page"), "page": page("edit", now)},
    ),
    "page_history": (
        "The space’s page, versions",
        "page.html",
        lambda now: {"space": space("Page"), "page": page("history", now)},
    ),
    "page_compare": (
        "The space’s page, what changed",
        "page.html",
        lambda now: {"space": space("Page"), "page": page("compare", now)},
    ),
    "search": (
        "Search",
        "search.html",
        lambda now: {"query": "pump", "hits": hits(now), "total": 2, "older_url": "", "is_cut": False},
    ),
    "search_empty": (
        "Search, nothing found",
        "search.html",
        lambda _: {"query": "xylophone", "hits": (), "total": 0, "older_url": "", "is_cut": False},
    ),
    "import": (
        "Import, running",
        "import.html",
        lambda _: {
            "space": space(),
            "form": FormView("/patterns/import"),
            "example": "/home/ines/Downloads/archive.zip",
            "progress": ImportProgress(
                "archive-2025.tar.gz",
                "running",
                1830,
                4200,
                12,
                (("Boosts of others, left out", 240),),
                "/patterns/import",
            ),
        },
    ),
    "import_done": (
        "Import, done",
        "import.html",
        lambda _: {
            "space": space(),
            "form": FormView("/patterns/import"),
            "example": "/home/ines/Downloads/archive.zip",
            "progress": ImportProgress("archive-2025.tar.gz", "done", 4188, 4200, 12),
        },
    ),
    "refusal": ("A refusal", "error.html", lambda _: {"error": refusal()}),
    "cut_off": (
        "What a fork cut off",
        "cut_off.html",
        lambda now: {
            "frame": frame("feed"),
            "space": space(),
            "lost": (
                CutOffView(now - 90_000_000, "Post", rendered("The *pump* by bed 7 runs again.")),
                CutOffView(now - 80_000_000, "You took back an older post"),
            ),
            "count": 120,
            "publish_url": "/patterns/cut_off",
            "leave_url": "/patterns/cut_off",
            "elsewhere": (NavItem("Tool library", "/patterns/cut_off"),),
        },
    ),
    "not_found": (
        "A page that is not there",
        "error.html",
        lambda _: {
            "error": ErrorView(
                404,
                "There is nothing here",
                "The link may be old, or what it led to has not reached this laptop yet.",
                (NavItem("To the feed", "/patterns/feed"), NavItem("Search", "/patterns/search")),
            )
        },
    ),
    "fault": (
        "A fault",
        "error.html",
        lambda _: {
            "error": ErrorView(
                500,
                "Something in commons broke",
                "This is our mistake, not yours. What you wrote is kept as a draft.",
                (NavItem("Try again", "/patterns/feed"),),
                "3f9c21aa",
            )
        },
    ),
    **LAW_PAGES,
    **RECOVERY_PAGES,
}
"""Every example page: its title, its template and what makes its context."""
