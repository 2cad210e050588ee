"""Spaces within spaces, as one node sees them: the charters it holds say what is part of what, and who is in both."""

from collections.abc import Iterator
from dataclasses import dataclass

from identity.errors import Refused
from node.domain.area import require
from node.domain.law.holons import Parents, continued, parts_of
from node.domain.law.view import STEWARD
from node.ingest.road import Road
from node.ingest.spaces import Space

SCOPE_CHARS = 40
OUTSIDER = "Here members also belong to a parent space; this person is in none that this node knows."


def scope_of(space: bytes) -> str:
    """Return how a role's scope names a space: the start of its id."""
    return space.hex()[:SCOPE_CHARS]


def parents_of(space: Space) -> list[bytes]:
    """Return the ids of the spaces that a space is part of, as its charter says now."""
    named: list[bytes] = space.law.present().sealed.charter["parents"]
    return list(named)


def known(road: Road) -> Parents:
    """Return the parents of every space that this node is a member of."""
    return {space.id: parents_of(space) for space in road.spaces.values() if space.state == "member"}


def known_parents(road: Road, space: Space) -> list[Space]:
    """Return the parents of a space that this node is a member of, too."""
    held = (road.spaces.get(parent) for parent in parents_of(space))
    return [parent for parent in held if parent is not None and parent.state == "member"]


def parts_here(road: Road, space: Space) -> list[Space]:
    """Return the parts of a space, and their parts, that this node is a member of."""
    return [road.spaces[part] for part in parts_of(space.id, known(road)) if part in road.spaces]


def allow_newcomer(road: Road, space: Space, person: bytes) -> None:
    """Where members also belong to a parent, only those are let in whom this node finds in one.

    Raises:
        Refused: if it finds them in none.
    """
    charter = space.law.present().sealed.charter
    if charter["members_of_parent"] and charter["parents"]:
        parents = known_parents(road, space)
        require(any(parent.law.present().is_member(person) for parent in parents), OUTSIDER)


def is_let_in(road: Road, space: Space, person: bytes) -> bool:
    """Tell whether a newcomer may come in as far as parents go."""
    try:
        allow_newcomer(road, space, person)
    except Refused:
        return False
    return True


# -- reading deep ------------------------------------------------------------------------------------------------------


def origin_of(space: Space) -> bytes | None:
    """Return the id of the space that a space continues, if it continues one."""
    origin = space.law.present().sealed.charter["continues"]
    return origin[0] if origin else None


def continued_here(road: Road, space: Space) -> Iterator[tuple[Space, int]]:
    """Yield the spaces that a space continues and this node holds, each with the ms until which its past counts."""
    origins = {each.id: origin for each in road.spaces.values() if (origin := origin_of(each)) is not None}
    successor = space
    for id_ in continued(space.id, origins):
        before = road.spaces.get(id_)
        if before is None or successor.law.founding is None:
            return
        yield before, successor.law.founding.time
        successor = before


def deep(road: Road, space: Space) -> dict[int, int | None]:
    """Return, by its number in the store, every space whose posts show in a space, with the ms until which they do.

    These are the space, its parts that this node is a member of, and what it continues.
    """
    found: dict[int, int | None] = {before.index.no: until for before, until in continued_here(road, space)}
    found.update((part.index.no, None) for part in parts_here(road, space))
    found[space.index.no] = None
    return found


# -- communities that share a space -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Belonging:
    """Which of a space's parents somebody belongs to, as far as this node knows.

    `came_by` is the parent for which the one who let them in is a steward here; `left` are parents they have left.
    """

    member_of: tuple[bytes, ...]
    came_by: bytes | None
    left: tuple[bytes, ...]


def belonging(road: Road, space: Space, person: bytes) -> Belonging:
    """Return by which community a member of a shared space came, and to which they belong now."""
    parents = known_parents(road, space)
    member_of = tuple(parent.id for parent in parents if parent.law.present().is_member(person))
    left = tuple(parent.id for parent in parents if parent.law.grants_of(person) and parent.id not in member_of)
    return Belonging(member_of, _came_by(space, person), left)


def _came_by(space: Space, person: bytes) -> bytes | None:
    """Return the community of whoever let somebody in; a steward who speaks for one came by it themselves."""
    inviter = next((grant.inviter for grant in space.law.grants_of(person) if grant.inviter), None)
    scopes = {scope_of(parent): parent for parent in parents_of(space)}
    for one in (person, inviter):
        roles = space.law.present().sealed.roles
        own = (
            scopes[held.scope] for held in roles if held.person == one and held.role == STEWARD and held.scope in scopes
        )
        if (found := next(own, None)) is not None:
            return found
    return None
