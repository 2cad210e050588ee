"""What a member's node does about consents: gives and withdraws its person's own, asks others, refuses to ask twice."""

from collections.abc import Mapping

from crdt.change import Change
from node.domain.area import require
from node.domain.consents import (
    ANYBODY,
    CHARTER,
    MENTION,
    USES,
    VERSIONS,
    AskConsent,
    ConsentRow,
    SetConsent,
    allow_ask,
    holds,
)
from node.ingest.road import Road
from node.ingest.spaces import Space
from node.store import people as store

Consents = Mapping[bytes, Mapping[bytes, ConsentRow]]
"""What people said to one use: by subject, then by whom it is towards."""


async def answer(road: Road, space: Space, use: str, by: bytes = ANYBODY, *, given: bool) -> Change:
    """Give or withdraw one's own consent to a use, towards one person or anybody.

    Raises:
        Refused: if there is no such use, or it says so already.
    """
    require(use in USES, "There is no such consent.")
    require(by != road.me, "For what you do yourself you need nobody's consent.")
    rows = await _said(road, space, use, road.me)
    row = rows.get(by)
    same = row is not None and row.given == int(given) and row.version == VERSIONS[use]
    require(not same, "You have said so already.")
    return await road.submit(space, SetConsent(road.me, use, by, VERSIONS[use], given))


async def accept_charter(road: Road, space: Space) -> Change | None:
    """Agree to the rules of a space as they are now; None if this person did so before."""
    version = charter_version(space)
    row = (await _said(road, space, CHARTER, road.me)).get(ANYBODY)
    if row is not None and row.given and row.version == version:
        return None
    return await road.submit(space, SetConsent(road.me, CHARTER, ANYBODY, version, given=True))


def charter_version(space: Space) -> int:
    """Return the version of the rules that hold in a space, from 1."""
    return max(1, space.law.present().sealed.charter.version)


async def accepted(road: Road, space: Space) -> ConsentRow | None:
    """Return which version of the rules this person agreed to, and when; None if they did not."""
    row = (await _said(road, space, CHARTER, road.me)).get(ANYBODY)
    return row if row is not None and row.given else None


async def ask(road: Road, space: Space, person: bytes, use: str) -> Change:
    """Ask a member for their consent to a use.

    Raises:
        Refused: if they gave it, refused it, or have not answered yet; nothing is signed then.
    """
    require(person != road.me, "For what you do yourself you need nobody's consent.")
    require(space.law.present().is_member(person), "Only members of this space can be asked.")
    allow_ask(await _said(road, space, use, person), use, road.me)
    return await road.submit(space, AskConsent(person, use, road.me))


async def said_to(road: Road, space: Space, use: str) -> Consents:
    """Return what everybody said to a use."""
    return await road.database.read(lambda db: store.consents_to(db, space.index.no, use))


def may_mention(said: Consents, person: bytes, by: bytes) -> bool:
    """Tell whether somebody lets another mention them; everybody mentions themself."""
    return person == by or holds(said.get(person, {}), MENTION, by)


async def _said(road: Road, space: Space, use: str, person: bytes) -> dict[bytes, ConsentRow]:
    rows = await road.database.read(lambda db: store.consents_of(db, space.index.no, person))
    return {row.by: row for row in rows if row.use == use}
