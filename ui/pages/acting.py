"""What members can begin about one of them: a pause of their posting, a role, a removal."""

from typing import NamedTuple

from aiohttp import web

from identity.keys import to_did
from node.domain.law.powers import may_pause
from ui.operations import perform
from ui.pages.visit import Book, Visit


class ActsView(NamedTuple):
    """What members can do about one of them together; an empty address is not offered."""

    role_url: str
    pause_url: str = ""
    pause_words: str = ""
    resume_url: str = ""
    remove_url: str = ""


def add_acting(book: Book) -> None:
    """Add what is done from a person's page."""
    book.member("POST", "/people/{person}/pause", pause)


def acts_on(visit: Visit, person: bytes) -> ActsView | None:
    """Return what the reader may begin about a member; nothing where one of them does not belong."""
    view, now = visit.here.law.present(), visit.node.clock_ms()
    if not visit.may_write or not view.is_member(person):
        return None
    did, charter, is_me = to_did(person), view.sealed.charter, visit.node.road.is_me(person)
    words = visit.ngettext(
        "They cannot post for %(days)s days.",
        "As soon as %(num)s moderators ask for it, they cannot post for %(days)s days.",
        charter["suspenders"],
    )
    paused = view.suspended_until(person, now) is not None
    pauses = may_pause(view, visit.node.me.person, now) and not is_me
    new = visit.url("/decisions/new")
    return ActsView(
        role_url=f"{new}/role?person={did}",
        pause_url=visit.url(f"/people/{did}/pause") if pauses else "",
        pause_words=words % {"num": charter["suspenders"], "days": charter["suspension_days"]},
        resume_url=f"{new}/resume?person={did}" if paused else "",
        remove_url="" if is_me else f"{new}/remove?person={did}",
    )


async def pause(visit: Visit) -> web.Response:
    """Ask, as a moderator, for a pause of somebody's posting."""
    did = visit.request.match_info["person"]
    done = await perform(visit.node, "pause", {"space": visit.here.id.hex(), "person": did})
    if done["until"] is None:
        words = visit.gettext("You asked for a pause; other moderators have to ask for it too.")
    else:
        words = visit.gettext("Their posting is paused.")
    return visit.go(visit.url(f"/people/{did}"), words)
