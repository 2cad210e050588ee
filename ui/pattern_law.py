"""Examples of the pages of law for /patterns: founding, rules, who may do what, decisions, knocks, leaving."""

from collections.abc import Callable
from typing import Any

from node.domain.law.charter import TEMPLATES, Charter
from ui.law_words import TEMPLATES as TEMPLATE_WORDS
from ui.law_words import sentences
from ui.locales import translations
from ui.markup import rendered
from ui.pages.acting import ActsView
from ui.pages.charter import Accepted, RuleView, VersionView
from ui.pages.decisions import DecisionLine, DecisionView, EffectView, Tally, WhyView
from ui.pages.founding import TemplateView
from ui.pages.knocks import KnockView
from ui.pages.powers import PowerView, RoleView
from ui.pages.proposing import Choice, ProposingView
from ui.pattern_examples import AMINA, DAY_MS, HOUR_MS, ME, space
from ui.rule_forms import rule_fields
from ui.views import FormView, NavItem

Context = Callable[[int], dict[str, Any]]
ENGLISH = translations("en")
ACTS = ActsView("#", "/patterns/person", "They cannot post for 7 days.", "", "#")
LOG_FILTER: dict[str, Any] = {
    "is_narrow": False,
    "form": FormView("/patterns/log", {"q": "", "kind": "", "who": ""}),
    "groups": (("deciding", "Decisions"), ("posts", "Posts")),
    "people": ((AMINA.key, AMINA.name), (ME.key, ME.name)),
}


def founding(*, shows_rules: bool = False) -> dict[str, Any]:
    """Return what the page on which one founds a space has besides its form."""
    templates = tuple(
        TemplateView(
            name, *words, tuple(said for _, said in sentences(ENGLISH, Charter(TEMPLATES[name]))), name == "circle"
        )
        for name, words in TEMPLATE_WORDS.items()
    )
    wrong = {"rule_vouchers": "Give a whole number from 1 to 20."}
    fields = rule_fields(ENGLISH, Charter(TEMPLATES["circle"]), {"rule_vouchers": "99"}, wrong)
    return {"templates": templates, "rules": fields if shows_rules else ()}


def _line(now: int, state: str = "voting", winner: str = "") -> DecisionLine:
    title, me = "3 members have to vouch, or all, while there are fewer.", "yes" if winner else ""
    voted = 7 if state != "proposed" else 0
    line = DecisionLine(title, state, AMINA, now - DAY_MS, now + DAY_MS, "/patterns/decision", 12, voted, me, winner)
    return line._replace(wants_me=state == "voting", electorate=0 if state == "proposed" else 12)


def _decision(now: int, line: DecisionLine, tally: Tally | None = None) -> dict[str, Any]:
    is_open = line.state == "voting"
    view = DecisionView(
        line=line,
        effects=(EffectView(line.title, "2 members have to vouch, or all, while there are fewer.", "rule"),),
        end_ms=now + 2 * DAY_MS,
        supporters=(AMINA,),
        support_needed=1,
        support_url="/patterns/decision" if line.state == "proposed" else "",
        quorum="A decision needs ballots of at least half of the members.",
        threshold="Removing somebody and changing these rules needs more than two thirds of yes and no.",
        ballot_url="/patterns/decision" if is_open else "",
        tally=tally,
        forkers=(AMINA,) if line.state == "contested" else (),
        sealed_ms=now - HOUR_MS,
        handed_over=(),
        take_over_url="",
        objectors=(),
        why=WhyView(rendered("We are **more** by now."), "#", 2),
        signed=(NavItem("The proposal", "#"), NavItem("Opened by Amina", "#")),
        is_outside=False,
    )
    return {"space": space("Decisions"), "decision": view}


def _rules() -> tuple[RuleView, ...]:
    return tuple(RuleView(name, name, said, "#") for name, said in sentences(ENGLISH, Charter({}))[:4])


def _charter(now: int) -> dict[str, Any]:
    return {
        "space": space("Rules"),
        "version": 2,
        "rules": _rules(),
        "auditors": (AMINA, ME),
        "needed": 2,
        "auditors_url": "#",
        "versions": (VersionView(2, ("3 members have to vouch, or all, while there are fewer.",), now - DAY_MS, "#"),),
        "founded_ms": now - 90 * DAY_MS,
        "accepted": Accepted(1, now - 90 * DAY_MS),
        "accept_url": "/patterns/charter",
        "powers_url": "/patterns/powers",
        "leave_url": "/patterns/leave",
    }


def _powers(now: int) -> dict[str, Any]:
    return {
        "space": space("Rules"),
        "powers": (
            PowerView("Write posts and answers", "every member", True),
            PowerView("Remove somebody", "the members, by a sealed decision", False),
        ),
        "roles": (RoleView(AMINA, "Treasurer", now + 90 * DAY_MS, "#"), RoleView(ME, "Steward", None, "")),
        "charter_url": "/patterns/charter",
        "give_url": "#",
    }


def _knocks(now: int) -> dict[str, Any]:
    knock = KnockView(AMINA._replace(url=""), now - HOUR_MS, ME, (ME,), 1, "/patterns/knocks", "", mine=False)
    rule = "Whoever enough members vouch for is let in. 2 members have to vouch, or all, while there are fewer."
    by = {"by_vouching": True, "by_members": True, "names_vouchers": True}
    return {"space": space("People"), "knocks": (knock,), "rule": rule, **by}


def _removal(_now: int) -> dict[str, Any]:
    form = FormView("/patterns/propose", {"days": "3"}, {"": "an auditor is removed together with a hand-over"})
    facts = {"role_days": 365, "voting_days": 3, "grace_hours": 24, "sponsors": 2}
    shown = ProposingView("remove", form, (Choice(AMINA.key, AMINA.name),), facts=facts)
    return {"space": space("Decisions"), "proposing": shown, "label": "Remove somebody"}


def _leave(_now: int) -> dict[str, Any]:
    flags = {"is_alone": False, "is_needed": True, "error": "Say that you are sure: nobody can take it back for you."}
    return {"space": space(), "action": "/patterns/leave", "export_url": "#", "auditors_url": "#", **flags}


def _hello(_now: int) -> dict[str, Any]:
    who = {"auditors": (AMINA,), "needed": 1, "accept_url": "/patterns/hello", "leave_url": "/patterns/leave"}
    return {"space": space(), "version": 2, "rules": _rules(), **who}


PAGES: dict[str, tuple[str, str, Context]] = {
    "found_rules": (
        "Found, with a rule that cannot be so",
        "found.html",
        lambda _: {
            "form": FormView("/patterns/found_rules", {"name": "Mill"}, {"rule_vouchers": "Give a whole number."}),
            "me": ME,
            "join_url": "/patterns/join",
            "back_url": "",
            "notice": None,
            **founding(shows_rules=True),
        },
    ),
    "hello": ("A newcomer reads the rules", "hello.html", _hello),
    "charter": ("Rules", "charter.html", _charter),
    "powers": ("Who may do what", "powers.html", _powers),
    "decisions": (
        "Decisions",
        "decisions.html",
        lambda now: {
            "space": space("Decisions"),
            "open": (_line(now), _line(now, "proposed"), _line(now, "closing"), _line(now, "contested")),
            "ended": (_line(now, "sealed", "yes"), _line(now, "sealed", "no"), _line(now, "expired")),
            "new_url": "/patterns/propose",
            "older_url": "",
            "newest_url": "",
        },
    ),
    "decision": ("A vote", "decision.html", lambda now: _decision(now, _line(now))),
    "decision_proposed": ("A proposal", "decision.html", lambda now: _decision(now, _line(now, "proposed"))),
    "decision_sealed": (
        "A sealed result",
        "decision.html",
        lambda now: _decision(now, _line(now, "sealed", "yes"), Tally("yes", 5, 1, 1, 12, is_provisional=False)),
    ),
    "decision_provisional": (
        "A provisional result",
        "decision.html",
        lambda now: _decision(now, _line(now, "closing"), Tally("no", 2, 4, 1, 12, is_provisional=True)),
    ),
    "decision_contested": (
        "A contested result",
        "decision.html",
        lambda now: _decision(now, _line(now, "contested")),
    ),
    "propose": ("Propose a removal, refused", "propose.html", _removal),
    "knocks": ("Who waits to be let in", "knocks.html", _knocks),
    "leave": ("Leave a space", "leave.html", _leave),
}
