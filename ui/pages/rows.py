"""Posts as pages show them, made from the rows of the read model and from what waits to be signed."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import msgpack
from markupsafe import Markup

from identity.errors import CommonsError, Refused
from identity.keys import to_did
from node.domain.area import read_command
from node.domain.mentions import mentions
from node.domain.posts import WritePost, unpack_media
from node.ingest.consents import may_mention
from node.ingest.spaces import Space
from node.store.pending import PendingRow
from node.store.queries import PostLine, posts_by_number
from ui.live import thread_place
from ui.markup import Mentioned, rendered, tame
from ui.pages.reading import Place
from ui.pages.telling import telling_with, title_of
from ui.pages.visit import Visit, clean_name, sentence
from ui.views import (
    ArrivingView,
    ComposerView,
    FormView,
    ImportedFrom,
    MediaView,
    NavItem,
    PersonRef,
    PostActions,
    PostView,
)

CLOCK_SLACK_MS = 2 * 60 * 1000
MAX_DEPTH = 50


class Waiting(NamedTuple):
    """A post that is not signed yet."""

    row: PendingRow
    command: WritePost


@lru_cache(1024)
def shown(text: str, people: tuple[Mentioned, ...] = ()) -> Markup:
    """Return people's Markdown as safe HTML; the texts of the pages looked at last are kept."""
    return rendered(text, None, people)


def mentioned(visit: Visit, text: str, author: bytes) -> tuple[Mentioned, ...]:
    """Return who is mentioned in somebody's text, of those who let them: members, as they are called now."""
    if "](did:key:" not in text or visit.space is None:
        return ()
    roster, members = visit.known(), visit.here.law.present()
    people = dict.fromkeys(one.person for one in mentions(text))
    told = [one for one in people if may_mention(roster.consents, one, author) and members.is_member(one)]
    refs = (visit.person(one, roster.names) for one in told)
    return tuple(Mentioned(ref.key, ref.name, ref.url) for ref in refs)


def post_url(visit: Visit, line: PostLine, space: Space | None = None) -> str:
    """Return the address of a post in its thread."""
    return post_place(visit, line.thread or line.id, line.id, space)


def post_place(visit: Visit, first: bytes, id_: bytes, space: Space | None = None) -> str:
    """Return the address of the page of a thread that holds a post, and of the post on it."""
    at = f"?at={id_.hex()}#post-{id_.hex()}" if id_ != first else ""
    return visit.url(f"/posts/{first.hex()}{at}", space)


def post_view(visit: Visit, line: PostLine, read_until: int | None = None, depth: int = 0) -> PostView:
    """Return a post as this reader sees it; new is what others wrote and is stored after `read_until`."""
    node, space = visit.node, visit.here
    is_mine = node.road.is_me(line.person)
    author = visit.person(line.person, {line.person: clean_name(line.name or "")})
    imported = ImportedFrom(line.address or "", line.published) if line.published is not None else None
    return PostView(
        id=line.id.hex(),
        author=author,
        time_ms=line.dated,
        text_html=shown(line.text, mentioned(visit, line.text, line.person)),
        thread_url=post_url(visit, line),
        reply_count=line.replies,
        depth=depth,
        reached=node.keeper.reached_by(space.id, line.device, line.seq, line.number),
        is_from_here=line.device == node.road.device.public,
        is_new=read_until is not None and line.number > read_until and not is_mine and not imported,
        is_mine=is_mine,
        edited_ms=line.edited,
        is_retracted=bool(line.retracted),
        is_future_dated=line.time > node.clock_ms() + CLOCK_SLACK_MS,
        imported=imported,
        media=media_of(visit, line),
        actions=actions(visit, line, is_mine=is_mine),
        decision=_decision(visit, line),
    )


def _decision(visit: Visit, line: PostLine) -> NavItem | None:
    """Return the proposal whose reasons a post gives: it names the post, and is by the same person."""
    proposal = visit.pages.reasons(visit.here).get((line.id, line.person))
    if proposal is None:
        return None
    tell = telling_with(visit, visit.known().names)
    return NavItem(title_of(tell, proposal), visit.url(f"/decisions/{proposal.change.id.hex()}"))


def media_of(visit: Visit, line: PostLine) -> tuple[MediaView, ...]:
    """Return the pictures and files of a post; one that has not arrived yet is shown by its description."""
    return tuple(
        MediaView(visit.url(f"/media/{one.hash.hex()}"), one.media_type.partition("/")[0], tame(one.alt), one.size)
        for one in unpack_media(line.media)
    )


def actions(visit: Visit, line: PostLine, *, is_mine: bool) -> PostActions:
    """Return what the reader may do with a post."""
    if line.retracted or not visit.may_write:
        return PostActions(reply=post_url(visit, line) if line.replies else "")
    here = visit.url(f"/posts/{line.id.hex()}")
    return PostActions(
        reply=f"{here}#composer",
        edit=f"{here}/edit" if is_mine else "",
        retract=f"{here}/retract" if is_mine else "",
        history=f"{here}/history" if line.versions > 1 else "",
    )


async def nested(visit: Visit, places: Sequence[Place], read_until: int) -> list[PostView]:
    """Return answers in their places, each with its depth."""
    numbers = [place.answer.number for place in places]
    lines = {line.number: line for line in await visit.node.database.read(lambda db: posts_by_number(db, numbers))}
    shown = ((lines[place.answer.number], place.depth) for place in places if place.answer.number in lines)
    return [post_view(visit, line, read_until, min(depth, MAX_DEPTH)) for line, depth in shown]


# -- what waits to be signed ------------------------------------------------------------------------------------------


async def waiting_posts(visit: Visit, thread: bytes | None) -> list[Waiting]:
    """Return what this person wrote a moment ago, in the feed or in one thread, newest first."""
    rows = [row for row in await visit.node.pending() if row.space == visit.here.index.no]
    read = ((row, read_command(msgpack.unpackb(row.body))) for row in reversed(rows))
    return [Waiting(row, post) for row, post in read if isinstance(post, WritePost) and post.thread == thread]


def waiting_view(visit: Visit, one: Waiting, me: PersonRef) -> PostView:
    """Return a post that can still be undone."""
    now, held = visit.node.clock_ms(), visit.node.saying.held.get(one.row.no, "")
    left_s = max(0, -(-(one.row.due - now) // 1000)) if not held else 0
    return PostView(
        id=f"pending-{one.row.no}",
        author=me,
        time_ms=min(one.row.due - int(visit.node.config.undo_s * 1000), now),
        text_html=shown(one.command.text, mentioned(visit, one.command.text, visit.node.me.person)),
        thread_url="",
        depth=1 if one.command.thread else 0,
        sending="waiting",
        undo_seconds=left_s,
        held=sentence(Refused(held)) if held else "",
        is_mine=True,
        actions=PostActions(undo=visit.url(f"/undo/{one.row.no}")),
    )


def place_of(command: WritePost, feed: str) -> str:
    """Return where a post will stand: the place of the feed, or of its thread."""
    return feed if command.thread is None else thread_place(command.thread)


async def composer(
    visit: Visit, place: str, action: str, typed: str | None = None, error: CommonsError | None = None
) -> ComposerView:
    """Return where one writes in this space, with the words that were refused or came back, if any."""
    told = visit.told()
    returned = told.returned[1] if told.returned and told.returned[0] == place else ""
    form = FormView(
        action, {"text": typed if typed is not None else returned}, {"text": sentence(error)} if error else {}
    )
    return ComposerView(
        form=form,
        place=place,
        space_name=clean_name(visit.here.name, 80),
        readers=len(visit.here.law.members()),
        author_key=to_did(visit.node.me.person),
        is_shared=told.shared == place,
        has_returned=bool(returned and typed is None),
    )


def what_arrives(visit: Visit) -> ArrivingView | None:
    """Return how far the rest of the space has come that is on its way to this laptop."""
    arriving = visit.node.keeper.arriving(visit.here.id)
    return ArrivingView(*arriving) if arriving is not None else None
