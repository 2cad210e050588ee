"""The rules of a space: each as its sentence, who seals, which decision changed what, and accepting them."""

from collections.abc import Sequence
from typing import NamedTuple

from aiohttp import web

from node.domain.law.records import Final, Proposal
from node.domain.law.sealed import ended_ms
from node.domain.law.view import View
from node.ingest import consents
from node.ingest.spaces import Space
from ui.law_words import RULE_LABELS, effect_words, sentences
from ui.pages.frame import page, space_head
from ui.pages.telling import telling
from ui.pages.visit import Book, Visit
from ui.rule_forms import editable
from ui.views import PersonRef

CHANGES_RULES = ("rule", "auditors", "law")


class RuleView(NamedTuple):
    """A rule in force; `change_url` is where one proposes another, empty where that cannot be."""

    name: str
    label: str
    sentence: str
    change_url: str


class VersionView(NamedTuple):
    """A version of the rules, and the decision that made it; `time_ms` is when its seal is dated."""

    number: int
    words: tuple[str, ...]
    time_ms: int
    url: str


class Accepted(NamedTuple):
    """Which version of the rules the reader accepted, and when."""

    version: int
    time_ms: int


def add_charter(book: Book) -> None:
    """Add the pages of the rules."""
    book.member("GET", "/charter", charter)
    book.member("POST", "/charter/accept", accept)
    book.member("GET", "/hello", hello)


async def charter(visit: Visit) -> web.Response:
    """Show the rules that hold, who audits, and how they came about."""
    space, view = visit.here, visit.here.law.present()
    sealed = view.sealed
    accepted = await accepted_version(visit, space)
    context = {
        "space": await space_head(visit, "charter"),
        "version": sealed.charter.version,
        "rules": _rules(visit, view),
        "auditors": await people_of(visit, sorted(sealed.auditors)),
        "needed": sealed.k,
        "auditors_url": visit.url("/decisions/new/auditors") if visit.may_write else "",
        "versions": await _versions(visit, view),
        "founded_ms": space.law.founding.time if space.law.founding else 0,
        "accepted": accepted,
        "accept_url": visit.url("/charter/accept") if visit.may_write else "",
        "powers_url": visit.url("/powers"),
        "leave_url": visit.url("/leave") if visit.may_write else "",
    }
    return await page(visit, "charter", "charter.html", context)


def _rules(visit: Visit, view: View) -> tuple[RuleView, ...]:
    can_change = set(editable()) if visit.may_write else set()
    return tuple(
        RuleView(
            name,
            visit.gettext(RULE_LABELS[name]),
            words,
            visit.url(f"/decisions/new/rule?rule={name}") if name in can_change else "",
        )
        for name, words in sentences(visit, view.sealed.charter)
    )


async def people_of(visit: Visit, people: Sequence[bytes]) -> tuple[PersonRef, ...]:
    """Return people as pages name them."""
    names = (await visit.pages.roster(visit.here)).names
    return tuple(visit.person(person, names) for person in people)


async def _versions(visit: Visit, view: View) -> tuple[VersionView, ...]:
    """Return the decisions that changed the rules or who audits, newest first, each with the version it made."""
    tell, number, found = await telling(visit), 1, []
    for proposal, final in passed(view):
        changes = [effect for effect in proposal.change.command.effects if effect[0] in CHANGES_RULES]
        number += sum(effect[0] == "rule" for effect in changes)
        if changes:
            words = tuple(effect_words(tell, effect) for effect in changes)
            url = visit.url(f"/decisions/{proposal.change.id.hex()}")
            found.append(VersionView(number, words, ended_ms(view.law, proposal, final), url))
    return tuple(reversed(found))


def passed(view: View) -> list[tuple[Proposal, Final]]:
    """Return the decisions that passed in the order in which they apply, each with how it ended."""
    ended = ((view.law.proposals[id_], final) for id_, final in view.sealed.finals.items())
    yes = [(one, final) for one, final in ended if final.outcome and final.outcome.winner == "yes"]
    return sorted(yes, key=lambda pair: pair[0].place)


# -- accepting ---------------------------------------------------------------------------------------------------------


async def accepted_version(visit: Visit, space: Space) -> Accepted | None:
    """Return which version of the rules this person accepted; who founded a space accepted what they wrote."""
    said = await consents.accepted(visit.node.road, space)
    if said is not None:
        return Accepted(said.version, said.time)
    founding = space.law.founding
    if founding is not None and space.law.grants[founding.author][0].person == visit.node.me.person:
        return Accepted(1, founding.time)
    return None


async def hello(visit: Visit) -> web.Response:
    """Show a newcomer the rules, to be accepted before they write anything."""
    view = visit.here.law.present()
    if not visit.may_write or await accepted_version(visit, visit.here):
        return visit.go(visit.url())
    context = {
        "space": await space_head(visit, ""),
        "version": view.sealed.charter.version,
        "rules": _rules(visit, view),
        "auditors": await people_of(visit, sorted(view.sealed.auditors)),
        "needed": view.sealed.k,
        "accept_url": visit.url("/charter/accept"),
        "leave_url": visit.url("/leave"),
    }
    return await page(visit, "charter", "hello.html", context)


async def accept(visit: Visit) -> web.Response:
    """Note that the reader accepts the version of the rules that they were shown."""
    said = (await visit.form()).get("version", "")
    holds = visit.here.law.present().sealed.charter.version
    if said != str(holds):
        words = visit.gettext("The rules have changed meanwhile. Read them once more.")
        return visit.go(visit.url("/charter"), words)
    first = await accepted_version(visit, visit.here) is None
    await consents.accept_charter(visit.node.road, visit.here)
    words = visit.gettext("You accepted version %(version)s of the rules.") % {"version": holds}
    return visit.go(visit.url("/welcome") if first else visit.url("/charter"), words)
