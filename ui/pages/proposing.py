"""Proposing something binding: one form for each kind, saying what follows, with room to say why."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from aiohttp import web

from identity.errors import CommonsError, Refused
from identity.keys import to_did
from node.domain.law.charter import DAY_MS, VOTE
from node.domain.law.decisions import ROLES
from node.domain.law.view import View
from ui.effects import plain
from ui.law_words import role_words
from ui.operations import perform
from ui.pages.frame import page, space_head
from ui.pages.parts import bound_words
from ui.pages.visit import NOT_DONE, Book, Visit, clean_name, sentence, status_of
from ui.rule_forms import RuleField, editable, read_rule_field, rule_field
from ui.views import FormView, NavItem

ANOTHER_ROLE = "other"
MAX_VOTE_DAYS = 365
MAX_LISTED = 50


class Choice(NamedTuple):
    """Somebody or something that a proposal can be about."""

    value: str
    words: str


@dataclass(frozen=True, slots=True)
class ProposingView:
    """A form that proposes something: its kind says which fields it has and what is said about it.

    Where there are too many to choose from, `sought` says how many; `choices` are those that were looked for.
    """

    kind: str
    form: FormView
    choices: tuple[Choice, ...] = ()
    sought: int = 0
    roles: tuple[Choice, ...] = ()
    rule: RuleField | None = None
    ticked: frozenset[str] = frozenset()
    bound: tuple[str, ...] = ()
    facts: Mapping[str, int] = field(default_factory=dict)


def add_proposing(book: Book) -> None:
    """Add the forms."""
    book.member("GET", "/decisions/new", kinds)
    book.member("GET", "/decisions/new/{kind}", ask)
    book.member("POST", "/decisions/new/{kind}", propose)


async def kinds(visit: Visit) -> web.Response:
    """Show what can be proposed here now."""
    view = visit.here.law.present()
    names = {
        kind: words for kind, words in _labels(visit).items() if kind == "rule" or await _choices(visit, view, kind)
    }
    items = tuple(
        NavItem(words, visit.url("/charter" if kind == "rule" else f"/decisions/new/{kind}"))
        for kind, words in names.items()
    )
    context = {"space": await space_head(visit, "decisions"), "kinds": items}
    return await page(visit, "decisions", "proposals_new.html", context)


def _labels(visit: Visit) -> dict[str, str]:
    _ = visit.gettext
    return {
        "rule": _("Change a rule"),
        "role": _("Give somebody a role"),
        "unrole": _("End somebody’s role"),
        "auditors": _("Choose who seals decisions"),
        "admit": _("Let in somebody who waits"),
        "resume": _("End a pause of somebody’s posting"),
        "remove": _("Remove somebody"),
        "readmit": _("Let somebody back in"),
    }


# -- whom it can be about ----------------------------------------------------------------------------------------------


async def _choices(visit: Visit, view: View, kind: str) -> tuple[Choice, ...]:
    """Return whom, or what, a proposal of a kind can be about, by name."""
    names = (await visit.pages.roster(visit.here)).names
    now, me = visit.node.clock_ms(), visit.node.me.person
    people = list(view.members())
    if kind == "unrole":
        held = [(person, role) for person in people for role in view.roles(person, now) if role.role != "auditor"]
        return tuple(
            Choice(
                f"{to_did(person)} {role.role}",
                f"{visit.person(person, names).name}: {role_words(visit, role.role, role.scope)}",
            )
            for person, role in held
        )
    found: Mapping[str, Callable[[], list[bytes]]] = {
        "remove": lambda: [person for person in people if person != me],
        "readmit": lambda: sorted(view.sealed.removed),
        "resume": lambda: [person for person in people if view.suspended_until(person, now) is not None],
        "admit": lambda: _waiting(view),
    }
    chosen = found[kind]() if kind in found else people
    options = [Choice(to_did(person), visit.person(person, names).name) for person in chosen]
    return tuple(sorted(options, key=lambda one: one.words.casefold()))


def found(choices: Sequence[Choice], words: str, kept: AbstractSet[str]) -> tuple[Choice, ...]:
    """Return at most so many choices as one looks through: those in whose name words stand; who was chosen stays."""
    if len(choices) <= MAX_LISTED:
        return tuple(choices)
    sought = words.casefold().split()
    fitting = {one for one in choices if all(word in one.words.casefold() for word in sought)}
    listed = set([one for one in choices if one in fitting][:MAX_LISTED])
    return tuple(one for one in choices if one.value in kept or one in listed)


def _waiting(view: View) -> list[bytes]:
    """Return who waits for a decision to be let in."""
    if view.sealed.charter["admission"] != VOTE:
        return []
    joins = (join for join in view.law.joins.values() if not join.admitted and join.terms.purpose == "member")
    people = dict.fromkeys(join.change.command.person for join in joins)
    return [person for person in people if person not in view.sealed.admitted]


# -- the forms ------------------------------------------------------------------------------------------------------


async def ask(visit: Visit) -> web.Response:
    """Show the form of one kind."""
    kind = _kind(visit)
    query = visit.request.query
    if kind == "rule" and query.get("rule") not in editable():
        return visit.go(visit.url("/charter"), visit.gettext("Choose the rule that you would change."))
    charter = visit.here.law.present().sealed.charter
    values = {
        "person": query.get("person", ""),
        "rule": query.get("rule", ""),
        "days": str(charter["voting_days"]),
        "term": str(charter["role_days"]),
    }
    return await _show(visit, FormView(visit.url(f"/decisions/new/{kind}"), values))


def _kind(visit: Visit) -> str:
    kind = visit.request.match_info["kind"]
    if kind not in _labels(visit) or not visit.may_write:
        raise web.HTTPNotFound
    return kind


async def propose(visit: Visit) -> web.Response:
    """Propose what was filled in; the post that says why is written with it."""
    kind, sent = _kind(visit), await visit.form()
    if sent.get("find"):
        return await _show(visit, FormView(visit.url(f"/decisions/new/{kind}"), sent))
    wrong: dict[str, str] = {}
    try:
        days = _number(visit, sent, "days", wrong, 0, MAX_VOTE_DAYS)
        effect = _EFFECTS[kind](visit, sent, wrong)
        if not wrong:
            given = {"space": visit.here.id.hex(), "effects": [effect], "days": days, "text": sent.get("text", "")}
            made = await perform(visit.node, "propose", given)
            words = visit.gettext("It is proposed.")
            return visit.go(visit.url(f"/decisions/{made['id']}"), words)
    except NOT_DONE as error:
        return await _show(visit, FormView(visit.url(f"/decisions/new/{kind}"), sent, {"": sentence(error)}), error)
    return await _show(visit, FormView(visit.url(f"/decisions/new/{kind}"), sent, wrong))


def _number(visit: Visit, sent: Mapping[str, str], name: str, wrong: dict[str, str], *bounds: int) -> int:
    least, most = bounds
    said = sent.get(name, "").strip()
    if said.isascii() and said.isdecimal() and len(said) < 7 and least <= int(said) <= most:
        return int(said)
    words = visit.gettext("Give a whole number from %(least)s to %(most)s.")
    wrong[name] = words % {"least": least, "most": most}
    return least


def _person(visit: Visit, sent: Mapping[str, str], wrong: dict[str, str]) -> str:
    if not sent.get("person"):
        wrong["person"] = visit.gettext("Say whom.")
    return sent.get("person", "")


def _rule(visit: Visit, sent: Mapping[str, str], wrong: dict[str, str]) -> list[Any]:
    name = sent.get("rule", "")
    if name not in editable():
        raise Refused(visit.gettext("Choose the rule that you would change."))
    charter = visit.here.law.present().sealed.charter
    try:
        value = read_rule_field(visit, name, sent)
    except Refused as refusal:
        wrong[f"rule_{name}"] = str(refusal)
        return []
    if value == charter[name]:
        wrong[f"rule_{name}"] = visit.gettext("This is what the rule says already.")
    return ["rule", name, plain(value)]


def _role(visit: Visit, sent: Mapping[str, str], wrong: dict[str, str]) -> list[Any]:
    charter = visit.here.law.present().sealed.charter
    role, scope = sent.get("role", ""), sent.get("scope", "").strip()
    if role == ANOTHER_ROLE:
        role = sent.get("other", "").strip()
    for name, word, needed in (("other", role, True), ("scope", scope, False)):
        if (needed and not word) or len(word) > 40 or (word and not word.replace("-", "").isalnum()):
            wrong[name] = visit.gettext("Give one word of letters, digits and hyphens.")
    term = _number(visit, sent, "term", wrong, 1, charter["role_days"])
    lasts = max(charter["voting_days"], _number(visit, sent, "days", wrong, 0, MAX_VOTE_DAYS))
    until = visit.node.clock_ms() + (lasts + term) * DAY_MS
    return ["role", _person(visit, sent, wrong), role, scope, until]


def _unrole(visit: Visit, sent: Mapping[str, str], wrong: dict[str, str]) -> list[Any]:
    person, _, role = _person(visit, sent, wrong).partition(" ")
    return ["unrole", person, role]


def _auditors(visit: Visit, sent: Mapping[str, str], wrong: dict[str, str]) -> list[Any]:
    """Return the hand-over: who audits already keeps their device of duty, the others get their first."""
    view = visit.here.law.present()
    pairs = [
        [to_did(person), to_did(view.sealed.auditors.get(person, grants[0].device))]
        for person, grants in view.members().items()
        if sent.get(f"auditor_{to_did(person)}")
    ]
    if not pairs:
        wrong["auditors"] = visit.gettext("Choose at least one.")
    most = max(1, len(pairs))
    least = most // 2 + 1
    needed = sent.get("needed", "").strip()
    if not (needed.isascii() and needed.isdecimal() and len(needed) < 4 and least <= int(needed) <= most):
        words = visit.gettext("More than half of them have to seal: give a number from %(least)s to %(most)s.")
        wrong.setdefault("needed", words % {"least": least, "most": most})
        return []
    return ["auditors", sorted(pairs), int(needed)]


def _about_one(kind: str) -> Callable[[Visit, Mapping[str, str], dict[str, str]], list[Any]]:
    return lambda visit, sent, wrong: [kind, _person(visit, sent, wrong)]


_EFFECTS: Mapping[str, Callable[[Visit, Mapping[str, str], dict[str, str]], list[Any]]] = {
    "rule": _rule,
    "role": _role,
    "unrole": _unrole,
    "auditors": _auditors,
    **{kind: _about_one(kind) for kind in ("remove", "readmit", "resume", "admit")},
}


async def _show(visit: Visit, form: FormView, error: CommonsError | None = None) -> web.Response:
    kind, view = _kind(visit), visit.here.law.present()
    charter = view.sealed.charter
    ticked = {name.removeprefix("auditor_") for name in form.values if name.startswith("auditor_")}
    if kind == "auditors" and "needed" not in form.values:
        ticked = {to_did(person) for person in view.sealed.auditors}
        form = FormView(form.action, {**form.values, "needed": str(view.sealed.k)}, form.errors)
    everybody = await _choices(visit, view, kind) if kind != "rule" else ()
    shown = ProposingView(
        kind=kind,
        form=form,
        choices=found(everybody, form.values.get("who", ""), {*ticked, form.values.get("person", "")}),
        sought=len(everybody) if len(everybody) > MAX_LISTED else 0,
        roles=tuple(Choice(role, role_words(visit, role)) for role in ROLES if role != "auditor"),
        rule=_shown_rule(visit, view, form) if kind == "rule" else None,
        ticked=frozenset(ticked),
        bound=bound_words(visit, visit.here),
        facts={name: charter[name] for name in ("role_days", "voting_days", "grace_hours", "sponsors")}
        | {"sponsors": view.at_most_all(charter["sponsors"])},
    )
    context = {"space": await space_head(visit, "decisions"), "proposing": shown, "label": _labels(visit)[kind]}
    status = status_of(error) if error else 422 if form.errors else 200
    return await page(visit, "decisions", "propose.html", context, status)


def _shown_rule(visit: Visit, view: View, form: FormView) -> RuleField | None:
    name = form.values.get("rule", "")
    if name not in editable():
        return None
    spaces = visit.node.road.spaces.values()
    places = [(one.id, clean_name(one.name, 80)) for one in spaces if one is not visit.here and one.state == "member"]
    wrong = form.errors.get(f"rule_{name}", "")
    shown = rule_field(visit, name, view.sealed.charter[name], form.values, places)
    return RuleField(
        shown.name, shown.label, shown.sentence, shown.kind, shown.value, shown.options, shown.least, shown.most, wrong
    )
