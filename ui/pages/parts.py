"""Spaces within spaces: the tree, founding a part, bringing another community in, continuing a space in a new one."""

from typing import NamedTuple

from aiohttp import web

from identity.keys import to_did
from node.domain.law.holons import Branch, binds, outline
from node.ingest import continuing, holons
from node.ingest.spaces import Space
from ui.api_holons import in_both
from ui.law_words import sentences
from ui.operations import perform
from ui.pages.frame import page, space_head
from ui.pages.visit import NOT_DONE, Book, Visit, clean_name, sentence, space_url, status_of
from ui.views import FormView, NavItem

TEMPLATES = ("circle", "neighbourhood", "cooperative", "network")


class BranchView(NamedTuple):
    """A line of the tree. `url` is empty for a space that this node is no member of; `lines` are sentences about it."""

    name: str
    key: str
    url: str
    depth: int
    people: int | None
    in_both: int | None
    parents: int
    lines: tuple[str, ...] = ()
    is_here: bool = False
    is_again: bool = False
    is_loop: bool = False


def add_parts(book: Book) -> None:
    """Add the pages about how spaces lie within each other."""
    book.member("GET", "/parts", parts)
    book.member("POST", "/parts", found)
    book.member("POST", "/parts/share", share)
    book.member("GET", "/continue", ask_continue)
    book.someone("POST", "/s/{space}/continue", continue_)  # whoever has left may still continue it
    book.member("POST", "/carry-over", carry_over)


async def parts(visit: Visit) -> web.Response:
    """Show the tree of spaces."""
    return await _show(visit)


async def found(visit: Visit) -> web.Response:
    """Found a part of this space."""
    sent = await visit.form()
    rules = {"members_of_parent": True} if sent.get("members_of_parent") else {}
    given = {"space": visit.here.id.hex(), "name": sent.get("name", ""), "rules": rules}
    given["template"] = sent.get("template") or "circle"
    try:
        done = await perform(visit.node, "found_part", given)
    except NOT_DONE as error:
        return await _show(
            visit, FormView(visit.url("/parts"), sent, {"name": sentence(error)}), status=status_of(error)
        )
    space = visit.node.road.spaces[bytes.fromhex(done["id"])]
    words = visit.gettext("%(part)s is founded, as a part of %(space)s.")
    names = {"part": clean_name(space.name, 80), "space": clean_name(visit.here.name, 80)}
    return visit.go(space_url(space), words % names)


async def share(visit: Visit) -> web.Response:
    """Propose that another community of the reader's comes in."""
    sent = await visit.form()
    given = {"space": visit.here.id.hex(), "community": sent.get("community", "")}
    try:
        done = await perform(visit.node, "share_space", given)
    except NOT_DONE as error:
        form = FormView(visit.url("/parts/share"), sent, {"": sentence(error)})
        return await _show(visit, share=form, status=status_of(error))
    return visit.go(visit.url(f"/decisions/{done['id']}"), visit.gettext("It is proposed: now the members decide."))


async def _show(
    visit: Visit, form: FormView | None = None, share: FormView | None = None, status: int = 200
) -> web.Response:
    node, space = visit.node, visit.here
    others = [
        (other.id.hex(), clean_name(other.name, 80))
        for other in node.road.spaces.values()
        if other.state == "member" and other is not space and other.id not in holons.parents_of(space)
    ]
    context = {
        "space": await space_head(visit, "parts"),
        "branches": branches(visit),
        "layers": _here_in_words(visit, space),
        "form": (form or FormView(visit.url("/parts"), {"template": "circle"})) if visit.may_write else None,
        "templates": [(name, visit.gettext(words)) for name, words in _template_names()],
        "share": share or FormView(visit.url("/parts/share")),
        "communities": others if visit.may_write else [],
        "continue_url": visit.url("/continue"),
        "continued": _continued(visit),
        "to_carry": await continuing.still_to_carry(node.road, space) if visit.may_write else 0,
        "carry_url": visit.url("/carry-over"),
    }
    return await page(visit, "parts", "tree.html", context, status)


def _template_names() -> tuple[tuple[str, str], ...]:
    def _(words: str) -> str:
        return words

    names = (_("Circle of friends"), _("Neighbourhood group"), _("Cooperative"), _("Network of groups"))
    return tuple(zip(TEMPLATES, names, strict=True))


def _here_in_words(visit: Visit, space: Space) -> tuple[str, ...]:
    """Return what the rules of this space say about its place among the others."""
    rules = dict(sentences(visit, space.law.present().sealed.charter))
    return *(rules[name] for name in ("parents", "members_of_parent", "layer", "competences")), *bound_words(
        visit, space
    )


def bound_words(visit: Visit, space: Space) -> tuple[str, ...]:
    """Return about what each parent that this node knows decides for a space."""
    said = []
    for parent in holons.known_parents(visit.node.road, space):
        about = binds(parent.law.present().sealed.charter)
        words = visit.gettext("%(parent)s decides for it about: %(what)s. In all else it is free.")
        if about:
            said.append(words % {"parent": clean_name(parent.name, 80), "what": ", ".join(map(visit.gettext, about))})
    return tuple(said)


def _continued(visit: Visit) -> NavItem | None:
    before = next(holons.continued_here(visit.node.road, visit.here), None)
    return NavItem(clean_name(before[0].name, 80), space_url(before[0])) if before else None


def branches(visit: Visit) -> tuple[BranchView, ...]:
    """Return the lines of the tree."""
    above: list[bytes] = []
    found = []
    for branch in outline(holons.known(visit.node.road)):
        del above[branch.depth :]
        found.append(_branch(visit, branch, above[-1] if above else None))
        above.append(branch.space)
    return tuple(found)


def _branch(visit: Visit, branch: Branch, above: bytes | None) -> BranchView:
    space = visit.node.road.spaces.get(branch.space)
    key = to_did(branch.space)
    if space is None or space.state != "member":
        words = visit.gettext("A space that you are not in (%(id)s)") % {"id": branch.space.hex()[:8]}
        return BranchView(words, key, "", branch.depth, None, None, 0, is_loop=branch.is_loop, is_again=branch.is_again)
    charter = space.law.present().sealed.charter
    said = dict(sentences(visit, charter))
    wanted = [
        name for name, holds in (("layer", charter["layer"] != "general"), ("competences", binds(charter))) if holds
    ]
    return BranchView(
        name=clean_name(space.name, 80),
        key=key,
        url=space_url(space),
        depth=branch.depth,
        people=len(space.law.members()),
        in_both=in_both(visit.node, space, above),
        parents=len(charter["parents"]),
        lines=tuple(said[name] for name in wanted) if not branch.is_again and not branch.is_loop else (),
        is_here=space is visit.here,
        is_again=branch.is_again,
        is_loop=branch.is_loop,
    )


# -- continuing --------------------------------------------------------------------------------------------------------


async def ask_continue(visit: Visit) -> web.Response:
    """Ask what the space that continues this one is called."""
    name = visit.gettext("%(space)s, continued") % {"space": clean_name(visit.here.name, 60)}
    return await _show_continue(visit, FormView(visit.url("/continue"), {"name": name, "invite": "1"}))


async def continue_(visit: Visit) -> web.Response:
    """Found a space that continues this one."""
    sent = await visit.form()
    wants_post = bool(sent.get("invite")) and visit.may_write
    given = {"space": visit.here.id.hex(), "name": sent.get("name", ""), "invite": wants_post}
    try:
        done = await perform(visit.node, "continue_space", {**given, "text": sent.get("text", "")})
    except NOT_DONE as error:
        form = FormView(visit.url("/continue"), sent, {"name": sentence(error)})
        return await _show_continue(visit, form, status_of(error))
    space = visit.node.road.spaces[bytes.fromhex(done["id"])]
    words = visit.gettext("%(new)s is founded. It continues %(old)s: what was said there can be read on here.")
    names = {"new": clean_name(space.name, 80), "old": clean_name(visit.here.name, 80)}
    return visit.go(space_url(space, "/parts"), words % names)


async def _show_continue(visit: Visit, form: FormView, status: int = 200) -> web.Response:
    context = {"space": await space_head(visit, ""), "form": form, "back_url": visit.url("/parts")}
    return await page(visit, "parts", "continue.html", context, status)


async def carry_over(visit: Visit) -> web.Response:
    """Carry the reader's own posts over from the continued space."""
    done = await perform(visit.node, "carry_over", {"space": visit.here.id.hex()})
    words = visit.ngettext(
        "%(num)s post of yours was carried over.", "%(num)s posts of yours were carried over.", done["carried"]
    )
    return visit.go(visit.url("/parts"), words % {"num": done["carried"]})
