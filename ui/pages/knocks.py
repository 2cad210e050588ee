"""Who waits to be let in: who invited them, who vouched, how many are missing, and vouching."""

from typing import NamedTuple

from aiohttp import web

from node.domain.law.charter import VOTE, VOUCH
from node.domain.law.powers import may_vouch
from node.domain.law.records import Join
from node.domain.law.view import View
from ui.law_words import rule_sentence
from ui.operations import perform
from ui.pages.charter import people_of
from ui.pages.frame import page, space_head
from ui.pages.visit import Book, Visit
from ui.views import PersonRef


class KnockView(NamedTuple):
    """Somebody who waits. `missing` counts the vouchers that are still needed; addresses are "" where not offered."""

    person: PersonRef
    time_ms: int
    invited_by: PersonRef | None
    vouchers: tuple[PersonRef, ...]
    missing: int
    vouch_url: str
    admit_url: str
    mine: bool


def add_knocks(book: Book) -> None:
    """Add the page."""
    book.member("GET", "/knocks", knocks)
    book.member("POST", "/knocks/{knock}/vouch", vouch)


def waiting(view: View) -> list[Join]:
    """Return the knocks of people that nobody answered, the oldest first."""
    joins = (join for join in view.law.joins.values() if not join.admitted and join.terms.purpose == "member")
    people = view.members()
    return sorted(
        (join for join in joins if join.change.command.person not in people),
        key=lambda join: (join.change.time, join.change.id),
    )


async def knocks(visit: Visit) -> web.Response:
    """Show who waits to be let in."""
    view = visit.here.law.present()
    charter = view.sealed.charter
    words = [rule_sentence(visit, "admission", charter["admission"])]
    if charter["admission"] == VOUCH:
        words.append(rule_sentence(visit, "vouchers", charter["vouchers"]))
    context = {
        "space": await space_head(visit, "people"),
        "knocks": tuple([await _knock(visit, view, join) for join in waiting(view)]),
        "rule": " ".join(words),
        "by_vouching": charter["admission"] == VOUCH,
        "by_members": charter["admission"] in (VOUCH, VOTE),
        "names_vouchers": charter["vouchers_named"],
    }
    return await page(visit, "people", "knocks.html", context)


async def _knock(visit: Visit, view: View, join: Join) -> KnockView:
    charter, me = view.sealed.charter, visit.node.me.person
    person = join.change.command.person
    vouchers = list(dict.fromkeys(act.person for act in join.vouches if view.counts(act)))
    inviter = view.person_of(join.terms.inviter)
    by_vote = charter["admission"] == VOTE and person not in view.sealed.admitted and visit.may_write
    can_vouch = visit.may_write and may_vouch(view, me, visit.node.clock_ms()) and me not in vouchers
    (ref, *around) = await people_of(visit, [person, *vouchers, *([inviter] if inviter else [])])
    return KnockView(
        person=PersonRef(ref.name, ref.key, ""),
        time_ms=join.change.time,
        invited_by=around[-1] if inviter else None,
        vouchers=tuple(around[: len(vouchers)]),
        missing=max(0, view.at_most_all(charter["vouchers"]) - len(vouchers)) if charter["admission"] == VOUCH else 0,
        vouch_url=visit.url(f"/knocks/{join.change.id.hex()}/vouch") if can_vouch else "",
        admit_url=visit.url(f"/decisions/new/admit?person={ref.key}") if by_vote else "",
        mine=me in vouchers,
    )


async def vouch(visit: Visit) -> web.Response:
    """Vouch for somebody."""
    given = {"space": visit.here.id.hex(), "knock": visit.request.match_info["knock"]}
    done = await perform(visit.node, "vouch", given)
    words = visit.gettext("You vouched, and they are in.") if done["let_in"] else visit.gettext("You vouched.")
    return visit.go(visit.url("/knocks"), words)
