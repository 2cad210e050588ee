"""Made-up people, posts and pages for /patterns: every state that a page can be in, with nothing real in it.

The functions take the present moment, in milliseconds since the epoch, so that a test sees the same page each time.
"""

from collections.abc import Mapping
from typing import Any

from ui.markup import differences, rendered
from ui.node_views import InviteView, LogRow, PeerView, Safety
from ui.templating import qr_drawing
from ui.version import VERSION
from ui.views import (
    ComposerView,
    DeviceView,
    ErrorView,
    FeedView,
    FormView,
    FrameView,
    ImportedFrom,
    NavItem,
    NodeStatus,
    Notice,
    PageView,
    PersonRef,
    PersonView,
    PostActions,
    PostView,
    RevisionView,
    SearchHit,
    SpaceNode,
    SpaceView,
    ThreadView,
)

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

NAMES = (
    *("Amina Haddad", "Tomás Rivera", "Inês Duarte", "Bola Adeyemi", "Claire Martin", "Jo Whitfield", "Samir Nasser"),
    *("Lúcia Campos", "Kofi Mensah", "Maren Holt", "Youssef Amrani", "Priya Nair", "Dilan Kaya", "Rosa Quispe"),
    *("Ewa Nowak", "Hana Sato", "Teo Marino", "Nadia Benali", "Femi Okafor", "Grace Otieno", "Luis Prado"),
    *("Mei Tan", "Owen Price", "Zara Khan"),
)
WORDS = ("meadow", "copper", "lamp", "ladder", "bean", "salt")
PHRASE = (*WORDS, "cloth", "needle", "river", "orchard", "winter", "pocket") * 2
LINK = "https://example.org/join#made-up-invitation-of-the-pattern-page-0123456789abcdefghijklmnopqrstuvwxyz"
OLD_PAGE = "# The garden\n\nWe meet on Saturdays at nine.\n\nThe key hangs at bed 3.\n\nWater: ask Amina.\n"
NEW_PAGE = (
    "# The garden\n\nWe meet on Saturdays at ten.\n\nThe key hangs at bed 3.\n\nWater: ask Amina or Bola.\n\n"
    "- Gloves are in the shed\n"
)


def person(name: str, is_me: bool = False) -> PersonRef:
    """Return a made-up person."""
    return PersonRef(name, f"did:key:{name}", "/patterns/person", is_me)


ME = person("Inês Duarte", is_me=True)
AMINA, TOMAS, BOLA = person("Amina Haddad"), person("Tomás Rivera"), person("Bola Adeyemi")


def frame(current: str, notice: Notice | None = None) -> FrameView:
    """Return the surroundings of an example page, with its area marked."""
    areas = (
        ("Feed", "feed", "feed", 4),
        ("People", "people", "people", 0),
        ("Connections", "connections", "connections", 0),
        ("Public log", "log", "log", 0),
        ("Settings", "settings", "settings", 0),
        ("Search", "search", "search", 0),
    )
    return FrameView(
        home=SpaceNode("Riverside", "did:key:Riverside", "/patterns/feed"),
        me=ME,
        nav=tuple(NavItem(label, f"/patterns/{url}", icon, url == current, n) for label, url, icon, n in areas),
        spaces=(
            SpaceNode(
                "Community garden",
                "did:key:Community garden",
                "/patterns/feed",
                is_current=current == "feed",
                children=(
                    SpaceNode("Seed library", "did:key:Seed library", "/patterns/feed_empty", new_count=3),
                    SpaceNode("Compost crew", "did:key:Compost crew", "/patterns/page"),
                ),
            ),
            SpaceNode("Repair café", "did:key:Repair café", "/patterns/thread"),
            SpaceNode("Housing circle", "did:key:Housing circle", "/patterns/people"),
        ),
        status=NodeStatus(3, None, "", "/patterns/connections"),
        form_token="example",  # noqa: S106 - a placeholder on a page of examples
        search_url="/patterns/search",
        notice=notice,
    )


def space(current: str = "Feed") -> SpaceView:
    """Return the head of the example space."""
    tabs = (("Feed", "feed"), ("Page", "page"), ("People", "people"))
    return SpaceView(
        name="Community garden",
        key="did:key:Community garden",
        description="Beds, water and tools shared along the old canal.",
        url="/patterns/feed",
        invite_url="/patterns/invite",
        people_count=len(NAMES),
        member_keys=tuple(f"did:key:{name}" for name in NAMES),
        tabs=tuple(NavItem(label, f"/patterns/{url}", is_current=label == current) for label, url in tabs),
        parents=(NavItem("Riverside", "/patterns/feed"),),
    )


def composer(errors: Mapping[str, str] | None = None, text: str = "") -> ComposerView:
    """Return an example composer."""
    return ComposerView(
        FormView("/patterns/feed", {"text": text}, errors or {}), "example", "Community garden", 24, ME.key
    )


THREAD = "/patterns/thread"
MY_ACTIONS = PostActions(THREAD, "/patterns/edit", "/patterns/retract", "/patterns/history")


def post(now: int, age_ms: int, author: PersonRef, text: str, **more: Any) -> PostView:
    """Return one made-up post; what it may be besides is given by name, its id too."""
    actions = MY_ACTIONS if author.is_me else PostActions(THREAD)
    base = PostView("", author, now - age_ms, rendered(text), THREAD, actions=actions)
    return base._replace(is_mine=author.is_me, is_from_here=author.is_me, **more)


def posts(now: int) -> tuple[PostView, ...]:
    """Return a post in every state."""
    return (*fresh_posts(now), *older_posts(now))


def fresh_posts(now: int) -> tuple[PostView, ...]:
    """Return one's own post within its ten seconds, and two that are new to the reader."""
    pump = (
        "The pump by bed 7 has **stopped** again. I turned the valve off and hung a note on it.\n\n"
        "Could someone who knows pumps look at it before the seedlings come on Saturday?"
    )
    return (
        post(
            now,
            3_000,
            ME,
            "Photos from last night’s seed swap are in the album. Eleven kinds of beans!",
            id="waiting",
            sending="waiting",
            undo_seconds=7,
            actions=PostActions(undo="/patterns/feed"),
        ),
        post(now, 2 * HOUR_MS, AMINA, pump, id="pump", is_new=True, reply_count=3, reached=3),
        post(
            now,
            3 * HOUR_MS,
            person("يوسف أمراني"),
            "سأكون في الحديقة غدًا صباحًا.\n\nI can bring the ladder.",
            id="arabic",
            is_new=True,
            reached=2,
        ),
    )


def older_posts(now: int) -> tuple[PostView, ...]:
    """Return posts that were edited, imported, retracted, or dated ahead."""
    hose = "Has anyone got a spare hose joint? Half-inch, the *brass* kind."
    plans = (
        "> A garden is never finished, it is only visited.\n\nFor next spring:\n\n1. beans\n2. a bench\n3. less talk"
    )
    clock = "My clock may be wrong, I had the battery out."
    return (
        post(now, 5 * HOUR_MS, ME, hose, id="mine", edited_ms=now - 4 * HOUR_MS),
        post(
            now,
            26 * HOUR_MS,
            TOMAS,
            plans,
            id="import",
            reached=5,
            reply_count=1,
            imported=ImportedFrom("https://social.example/@tomas/109876543210", now - 900 * DAY_MS),
            why="you follow the garden’s plans",
        ),
        post(now, 30 * HOUR_MS, BOLA, "", id="gone", is_retracted=True, reached=4, actions=PostActions()),
        post(now, -3 * DAY_MS, BOLA, clock, id="ahead", is_future_dated=True, reached=1),
    )


def feed(now: int) -> FeedView:
    """Return the example feed, with an unread line."""
    return FeedView("example", "/patterns/fragment/{id}", posts(now), 2, now - 20 * HOUR_MS, "/patterns/feed")


def thread(now: int) -> ThreadView:
    """Return an example thread four answers deep."""
    first = posts(now)[1]._replace(is_new=False)
    answers = [
        (BOLA, 90, 1, "I’ll bring the spare washer set tomorrow at ten. It was the same seal last spring."),
        (AMINA, 80, 2, "Thank you! The valve key is on the nail behind the door."),
        (ME, 60, 3, "I can hold the lamp."),
        (TOMAS, 50, 4, "And I bring coffee."),
        (
            person("Claire Martin"),
            20,
            1,
            "If the seal does not fit, the shop on Weir Street has them.\n\n`12 mm`, I think.",
        ),
    ]
    replies = tuple(
        first._replace(
            id=f"reply-{place}",
            author=author,
            is_mine=author.is_me,
            is_from_here=author.is_me,
            time_ms=now - minutes * MINUTE_MS,
            depth=depth,
            text_html=rendered(text),
            reply_count=0,
            is_new=place > 2,
            reached=place,
        )
        for place, (author, minutes, depth, text) in enumerate(answers)
    )
    return ThreadView("example-thread", "/patterns/fragment/{id}", (first, *replies), composer())


def people(now: int) -> tuple[PersonView, ...]:
    """Return a few people: one here, one connected, others away."""
    near = ("here", "connected", "away", "away", "away")
    return tuple(
        PersonView(
            person(name, name == ME.name),
            near[place] if place < len(near) else "away",  # type: ignore[arg-type]
            now - (400 - 20 * place) * DAY_MS,
            now - place * DAY_MS,
            AMINA if place else None,
            rendered("Mends bicycles. Usually at the mill on Tuesdays.") if place == 0 else rendered(""),
            WORDS,
            devices(now)[:1],
            is_founder=place == 0,
        )
        for place, name in enumerate(NAMES[:8])
    )


def devices(now: int) -> tuple[DeviceView, ...]:
    """Return this device, one that can be withdrawn and one that was."""
    return (
        DeviceView("Kitchen laptop", "did:key:kitchen", now - 200 * DAY_MS, now, is_this=True),
        DeviceView(
            "Workshop laptop", "did:key:workshop", now - 90 * DAY_MS, now - 3 * DAY_MS, withdraw_url="/patterns/devices"
        ),
        DeviceView("Old netbook", "did:key:netbook", now - 700 * DAY_MS, now - 300 * DAY_MS, is_withdrawn=True),
    )


def peers(now: int) -> tuple[PeerView, ...]:
    """Return a peer that is near, one that was and one with trouble."""
    return (
        PeerView(TOMAS, "Kitchen laptop", "connected", "Same network", now - 2 * MINUTE_MS, 1204, 318),
        PeerView(AMINA, "Blue laptop", "connected", "Through the internet", now - 40 * MINUTE_MS, 88, 4021),
        PeerView(
            BOLA,
            "Workshop",
            "away",
            "192.0.2.17, port 4747",
            now - 6 * DAY_MS,
            12,
            9,
            "It did not answer within 10 seconds.",
            "/patterns/connections",
        ),
    )


def log_rows(now: int) -> tuple[LogRow, ...]:
    """Return changes that were taken and one that was refused."""
    return (
        LogRow("9f3c21aa00", now - 2 * HOUR_MS, AMINA, "posts.write", "wrote a post", 211, 612),
        LogRow("77b0e45511", now - 5 * HOUR_MS, ME, "posts.edit", "edited a post", 48, 590),
        LogRow(
            "0c1d9be222",
            now - 7 * HOUR_MS,
            BOLA,
            "spaces.admit",
            "admitted Claire Martin",
            12,
            402,
            "The invitation had been withdrawn before this was signed.",
        ),
        LogRow("e4419a7733", now - 8 * DAY_MS, TOMAS, "edit", "changed the page", 77, 1384),
    )


def invites(now: int) -> tuple[InviteView, ...]:
    """Return an invitation in use and one that was withdrawn."""
    drawing = qr_drawing(LINK, "QR code of the invitation")
    first = InviteView(LINK, drawing, now - HOUR_MS, now + 6 * DAY_MS, 12, 3, "/patterns/invite")
    return (first, first._replace(made_ms=now - 20 * DAY_MS, uses=5, used=5, withdraw_url="", is_withdrawn=True))


def page(face: str, now: int) -> PageView:
    """Return the space's page in one of its faces."""
    present = RevisionView(ME, now - 2 * HOUR_MS, "/patterns/page_compare", is_current=True)
    older = (
        RevisionView(AMINA, now - 3 * DAY_MS, "/patterns/page_compare", "/patterns/page_history"),
        RevisionView(TOMAS, now - 40 * DAY_MS, "/patterns/page_compare", "/patterns/page_history"),
    )
    return PageView(
        face,  # type: ignore[arg-type]
        "Page of Community garden",
        "/patterns/page",
        "/patterns/page_edit",
        "/patterns/page_history",
        rendered(NEW_PAGE, heading_base=2),
        FormView("/patterns/page", {"text": NEW_PAGE, "base": "example"}),
        (present, *older),
        older[0],
        differences(OLD_PAGE, NEW_PAGE),
    )


def hits(now: int) -> tuple[SearchHit, ...]:
    """Return two things found."""
    return (
        SearchHit(
            "Post",
            "The pump by bed 7 has stopped again",
            "… I turned the valve off and hung a note on it. Could someone who knows pumps …",
            "/patterns/thread",
            AMINA,
            now - 2 * HOUR_MS,
            "Community garden",
        ),
        SearchHit(
            "Page",
            "Water",
            "… the pump is drained before the first frost, usually in …",
            "/patterns/page",
            TOMAS,
            now - 30 * DAY_MS,
            "Community garden",
        ),
    )


def settings(shown: bool = False) -> dict[str, Any]:
    """Return the context of the settings."""
    return {
        "identity": FormView("/patterns/settings", {"name": ME.name}),
        "look": FormView("/patterns/settings", {"theme": "", "language": "en", "shortcuts": "1"}),
        "languages": (("en", "English"), ("ar", "العربية")),
        "devices_url": "/patterns/devices",
        "trusted_url": "/patterns/trusted",
        "profile_url": "/patterns/person",
        "consents_url": "/patterns/person",
        "import_url": "/patterns/import",
        "export_url": "/patterns/settings",
        "safety": Safety(
            FormView("/patterns/settings"),
            False,
            "/patterns/settings_phrase",
            "/patterns/settings",
            PHRASE if shown else (),
            shown,
        ),
        "folder": "/home/ines/commons",
        "version": VERSION,
    }


def refusal() -> ErrorView:
    """Return a refusal in the rule's own words."""
    ways = (NavItem("Back to the feed", "/patterns/feed"), NavItem("Public log", "/patterns/log"))
    return ErrorView(422, "That did not go through", "Only the person who wrote a post can retract it.", ways)
