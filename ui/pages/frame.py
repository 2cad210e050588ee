"""The frame around every page: where one can go, in which spaces one is, how the node stands."""

from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from identity.keys import to_did
from node.domain.law.holons import Branch, outline
from node.ingest import cut_off as cutting
from node.ingest import holons
from node.ingest.spaces import Space
from node.store import queries
from ui.live import PATH as LIVE_PATH
from ui.pages.notices import standing
from ui.pages.visit import Visit, clean_name, space_url
from ui.views import FrameView, NavItem, NodeStatus, Notice, PersonRef, SpaceNode, SpaceView

STRIP_PEOPLE = 24
MAX_CRUMBS = 4
MAX_NESTED = 12
CUT_OFF = "/cut-off"


async def page(visit: Visit, area: str, template: str, context: Mapping[str, Any], status: int = 200) -> web.Response:
    """Answer with a page in its frame."""
    around = {"frame": await frame(visit, area)}
    return visit.render(template, around | dict(context), status)


async def frame(visit: Visit, area: str) -> FrameView:
    """Return the frame of a page in an area."""
    node = visit.node
    counts = await _new_counts(visit)
    nodes = {space.id: _space_node(space, visit, area, counts) for space in node.road.spaces.values()}
    spaces = _nested(nodes, outline(holons.known(node.road)))
    home = nodes.get(visit.space.id) if visit.space is not None else None
    me = to_did(node.me.person)
    return FrameView(
        home=home or SpaceNode("commons", me, "/"),
        me=PersonRef(await _my_name(visit), me, "/settings", True),
        nav=_areas(visit, area, counts),
        spaces=spaces,
        status=await _status(visit),
        form_token=visit.form_token,
        search_url="/search",
        theme=pages_theme(visit),
        shortcuts_are_on=visit.preferences["shortcuts"] != "off",
        live_url=LIVE_PATH,
        notice=visit.told().notice or (await _urgent(visit) if area in ("feed", "settings") else None),
        more_url="/begin",
        done_draft=visit.told().shared,
    )


async def _urgent(visit: Visit) -> Notice | None:
    """Return what should be known on any page: nearly always nothing."""
    return await _cut_off(visit) or await standing(visit)


async def _cut_off(visit: Visit) -> Notice | None:
    """Return what a person should know once their key was used in two places: nearly always nothing."""
    road = visit.node.road
    if visit.request.path.endswith(CUT_OFF):
        return None
    spaces = [one for one in road.spaces.values() if one.state == "member" and cutting.is_cut(road, one)]
    spaces.sort(key=lambda space: space is not visit.space)
    for space in spaces:
        if road.device.public in space.law.forked:
            words = visit.gettext(
                "This laptop’s key was used in two places at once, so it writes nothing more. Stop commons and start"
                " it again: it gets a new key, and you stay who you are."
            )
            return Notice("warning", words)
        if count := len(await cutting.cut_off(road, space)):
            words = visit.ngettext(
                "%(num)s of your posts was cut off in %(space)s: your folder was copied, and both copies wrote.",
                "%(num)s of your posts were cut off in %(space)s: your folder was copied, and both copies wrote.",
                count,
            ) % {"num": count, "space": clean_name(space.name, 80)}
            return Notice("warning", words, space_url(space, CUT_OFF), visit.gettext("Publish again, or leave them"))
    return None


def pages_theme(visit: Visit) -> Any:
    """Return the theme that the person chose, or "" for the system's."""
    theme = visit.preferences["theme"]
    return theme if theme in ("light", "dark") else ""


async def _my_name(visit: Visit) -> str:
    if visit.space is not None and visit.space.state == "member":
        names = (await visit.pages.roster(visit.space)).names
        if visit.node.me.person in names:
            return names[visit.node.me.person]
    return clean_name(await visit.node.name())


async def _new_counts(visit: Visit) -> dict[bytes, int]:
    """Return how many posts of others are new in each space, at most 100."""
    node = visit.node
    device = node.road.device.public
    seen = {id_: await visit.pages.seen(space) for id_, space in node.road.spaces.items() if space.state == "member"}
    wanted = [
        (id_, (index := node.road.spaces[id_].index).no, read.now, index.logs.get(device, 0))
        for id_, read in seen.items()
        if read.now_ms
    ]
    if not wanted:
        return {}
    return await node.database.read(lambda db: {id_: queries.count_new(db, *where) for id_, *where in wanted})


def _space_node(space: Space, visit: Visit, area: str, counts: Mapping[bytes, int]) -> SpaceNode:
    is_current = area == "feed" and visit.space is space
    name = clean_name(space.name) or space.id.hex()[:8]
    count = 0 if is_current else counts.get(space.id, 0)
    return SpaceNode(name, to_did(space.id), space_url(space), is_current=is_current, new_count=count)


def _nested(nodes: Mapping[bytes, SpaceNode], lines: Sequence[Branch]) -> tuple[SpaceNode, ...]:
    """Return the spaces of the rail, each once, below the first space that it is a part of."""
    above: list[bytes | None] = []
    under: dict[bytes | None, list[bytes]] = {None: []}
    for line in lines:
        del above[line.depth :]
        if line.space in nodes and not line.is_again and not line.is_loop:
            holder = next((one for one in reversed(above) if one is not None), None)
            under.setdefault(holder, []).append(line.space)
        above.append(line.space if line.space in nodes else None)
    placed = {space for held in under.values() for space in held}
    tops = [*under[None], *(space for space in nodes if space not in placed)]
    tops.sort(key=list(nodes).index)

    def grown(space: bytes, depth: int) -> SpaceNode:
        parts = tuple(grown(part, depth + 1) for part in under.get(space, ())) if depth < MAX_NESTED else ()
        return nodes[space]._replace(children=parts)

    return tuple(grown(space, 0) for space in tops)


def _areas(visit: Visit, area: str, counts: Mapping[bytes, int]) -> tuple[NavItem, ...]:
    space = visit.space if visit.space is not None and visit.space.state != "waiting" else None
    items = []
    if space is not None:
        count = 0 if area == "feed" else counts.get(space.id, 0)
        items += [
            NavItem(visit.gettext("Feed"), space_url(space), "feed", area == "feed", count),
            NavItem(visit.gettext("People"), space_url(space, "/people"), "people", area == "people"),
            NavItem(visit.gettext("Decisions"), space_url(space, "/decisions"), "decisions", area == "decisions"),
        ]
    items.append(NavItem(visit.gettext("Connections"), "/connections", "connections", area == "connections"))
    if space is not None:
        items.append(NavItem(visit.gettext("Public log"), space_url(space, "/log"), "log", area == "log"))
    items.append(NavItem(visit.gettext("Settings"), "/settings", "settings", area == "settings"))
    if space is not None:
        items.append(NavItem(visit.gettext("Search"), "/search", "search", area == "search"))
    return tuple(items)


async def _status(visit: Visit) -> NodeStatus:
    node = visit.node
    met = node.keeper.met
    if not met:
        return NodeStatus(len(node.neighbours.connected()), None, "", "/connections")
    device, when_s = max(met.items(), key=lambda item: item[1])
    name = await name_of_device(visit, device)
    return NodeStatus(len(node.neighbours.connected()), int(when_s * 1000), name, "/connections")


async def name_of_device(visit: Visit, device: bytes) -> str:
    """Return what the person of a device is called, in whichever space they share with this one."""
    found = find_person(visit, device)
    if found is None:
        return visit.gettext("a newcomer")
    space, person = found
    if visit.node.road.is_me(person):
        return visit.gettext("another laptop of yours")
    return visit.person(person, (await visit.pages.roster(space)).names, space).name


def find_person(visit: Visit, device: bytes) -> tuple[Space, bytes] | None:
    """Return whom a device acts for and in which space; the present one is asked first."""
    spaces = [*([visit.space] if visit.space is not None else []), *visit.node.road.spaces.values()]
    return next(((space, person) for space in spaces if (person := space.law.person_of(device))), None)


def _crumbs(visit: Visit) -> tuple[NavItem, ...]:
    """Return the spaces above this one, by the first parent of each that is known here; the nearest last."""
    crumbs: list[NavItem] = []
    seen = {visit.here.id}
    above = holons.known_parents(visit.node.road, visit.here)
    while above and above[0].id not in seen and len(crumbs) < MAX_CRUMBS:
        seen.add(above[0].id)
        crumbs.insert(0, NavItem(clean_name(above[0].name), space_url(above[0])))
        above = holons.known_parents(visit.node.road, above[0])
    return tuple(crumbs)


async def space_head(visit: Visit, tab: str) -> SpaceView:
    """Return the head of the space's pages with one tab marked."""
    space = visit.here
    members = list(space.law.members())
    tabs = (
        (visit.gettext("Feed"), "", "feed"),
        (visit.gettext("Page"), "/page", "page"),
        (visit.gettext("People"), "/people", "people"),
        (visit.gettext("Decisions"), "/decisions", "decisions"),
        (visit.gettext("Rules"), "/charter", "charter"),
        (visit.gettext("Parts"), "/parts", "parts"),
        *([(visit.gettext("Workshop"), "/workshop", "workshop")] if visit.may_write else []),
    )
    return SpaceView(
        name=clean_name(space.name, 80) or space.id.hex()[:8],
        key=to_did(space.id),
        description=(await visit.pages.roster(space)).description,
        url=visit.url(),
        invite_url=visit.url("/invite") if visit.may_write else "",
        people_count=len(members),
        member_keys=tuple(to_did(person) for person in members[:STRIP_PEOPLE]),
        tabs=tuple(NavItem(label, visit.url(path), is_current=name == tab) for label, path, name in tabs),
        parents=_crumbs(visit),
        is_left=not visit.may_write,
    )
