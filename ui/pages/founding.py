"""Where one belongs: found a space under rules of one's choice, or go on to join one."""

from collections.abc import Mapping
from typing import NamedTuple

from aiohttp import web

from identity.keys import to_did
from node.domain.law.charter import TEMPLATES, Charter
from node.ingest import writing
from ui import law_words
from ui.law_words import sentences
from ui.pages.visit import NOT_DONE, Book, Visit, clean_name, sentence, space_url, status_of
from ui.rule_forms import Places, editable, read_rule_fields, rule_fields
from ui.views import FormView, PersonRef

BEGIN, JOIN = "/begin", "/join"
MAX_PURPOSE_CHARS = 200
KEPT = ("name", "description", "template", "rules")


class TemplateView(NamedTuple):
    """Rules to begin with: what they are for, and each as its sentence."""

    name: str
    label: str
    words: str
    sentences: tuple[str, ...]
    is_chosen: bool


def add_founding(book: Book) -> None:
    """Add the page on which one founds a space."""
    book.someone("GET", BEGIN, begin)
    book.someone("POST", BEGIN, found)


async def begin(visit: Visit) -> web.Response:
    """Offer to found a space, or to join one."""
    return await _show(visit, FormView(BEGIN))


async def found(visit: Visit) -> web.Response:
    """Found a space, and write down what it is for; or first show the rules of a template, to be changed."""
    sent = await visit.form()
    if sent.get("change"):
        opened = {"rules": "shown"} if sent["change"] == "rules" else {}
        kept = {name: sent.get(name, "") for name in ("name", "description", "template")}
        return await _show(visit, FormView(BEGIN, {**kept, **opened}))
    purpose = " ".join(sent.get("description", "").split())
    rules, wrong = _rules(visit, sent)
    if len(purpose) > MAX_PURPOSE_CHARS:
        wrong["description"] = visit.gettext("Say it in 200 characters; the page of the space has room for more.")
    if wrong:
        return await _show(visit, FormView(BEGIN, sent, wrong))
    try:
        space = await visit.node.found(sent.get("name", ""), rules)
    except NOT_DONE as error:
        return await _show(visit, FormView(BEGIN, sent, {"name": sentence(error)}), status_of(error))
    if purpose:
        await writing.edit_page(visit.node.road, space, purpose, "")
    words = visit.gettext("%(space)s is founded. Say hello, or invite the first neighbour.")
    return visit.go(space_url(space), words % {"space": clean_name(space.name, 80)})


def _rules(visit: Visit, sent: Mapping[str, str]) -> tuple[dict[str, object], dict[str, str]]:
    """Return the rules that were chosen: the template's, or those of the fields where they were shown."""
    template = dict(TEMPLATES.get(sent.get("template", ""), {}))
    if not sent.get("rules"):
        return template, {}
    names = [name for name in editable() if name != "parents" or _places(visit)]
    values, wrong = read_rule_fields(visit, sent, names)
    return {**template, **values}, wrong


def _places(visit: Visit) -> Places:
    spaces = (space for space in visit.node.road.spaces.values() if space.state == "member")
    return [(space.id, clean_name(space.name, 80)) for space in spaces]


async def _show(visit: Visit, form: FormView, status: int = 422) -> web.Response:
    name = form.values.get("template", "")
    chosen = name if name in TEMPLATES else next(iter(TEMPLATES))
    is_shown = bool(form.values.get("rules"))
    charter = Charter(TEMPLATES[chosen])
    me = PersonRef(clean_name(await visit.node.name()), to_did(visit.node.me.person), "/settings", True)
    context = {
        "form": form,
        "me": me,
        "join_url": JOIN,
        "back_url": visit.url() if visit.space is not None else "",
        "notice": visit.told().notice,
        "templates": tuple(_template(visit, one, is_chosen=one == chosen) for one in TEMPLATES),
        "rules": rule_fields(visit, charter, form.values, form.errors, _places(visit)) if is_shown else (),
    }
    return visit.render("found.html", context, status if form.errors else 200)


def _template(visit: Visit, name: str, *, is_chosen: bool) -> TemplateView:
    label, words = (visit.gettext(part) for part in law_words.TEMPLATES[name])
    said = tuple(words for _name, words in sentences(visit, Charter(TEMPLATES[name])))
    return TemplateView(name, label, words, said, is_chosen)
