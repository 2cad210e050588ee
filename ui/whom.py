"""Whom somebody means: a member by the name they are called, or anybody by their did:key; a thing by its id's start."""

from collections.abc import Iterable

from identity.errors import Malformed, Refused
from identity.keys import from_did, to_did
from node.domain.area import require
from node.ingest.spaces import Space
from node.runtime import Node
from node.store import queries

LEAST_OF_ID = 4
MOST_NAMED = 5


def key_named(text: object) -> bytes:
    """Read a did:key.

    Raises:
        Refused: if it is none.
    """
    if not isinstance(text, str):
        raise Refused("This is not a did:key.")
    try:
        return from_did(text)
    except Malformed as error:
        raise Refused("This is not a did:key.") from error


class Names:
    """The people of a space by name, as far as they said one."""

    def __init__(self, me: bytes, known: dict[bytes, str]) -> None:
        self._me = me
        self.known = known

    def __getitem__(self, person: bytes) -> str:
        """Return what somebody is called; the start of their key where they gave no name."""
        return self.known.get(person) or to_did(person)[8:20]

    def person(self, text: object) -> bytes:
        """Return whom a name, a did:key or `me` means.

        Raises:
            Refused: if that is nobody, or several people.
        """
        require(isinstance(text, str) and text.strip(), "Say whom: a name, or a did:key.")
        wish = str(text).strip()
        if wish.startswith("did:"):
            return key_named(wish)
        found = sorted(person for person, name in self.known.items() if name.casefold() == wish.casefold())
        if not found and wish == "me":
            return self._me
        require(found, f"Nobody here is called {wish[:60]}.")
        which = ", ".join(to_did(person) for person in found[:MOST_NAMED])
        require(len(found) == 1, f"Several people are called {wish[:60]}; say which by their key: {which}")
        return found[0]


async def names_in(node: Node, space: Space) -> Names:
    """Return the names of the people in a space, those who were removed or left included."""
    known = await node.database.read(lambda db: queries.names(db, space.index.no))
    return Names(node.me.person, {person: name for person, name in known.items() if name})


def id_among(ids: Iterable[bytes], text: str, what: str) -> bytes:
    """Return the one id that begins with these hex letters.

    Raises:
        Refused: if none does, or several.
    """
    wish = text.strip().lower()
    require(len(wish) >= LEAST_OF_ID, f"Say at least {LEAST_OF_ID} letters of the id of the {what}.")
    found = [id_ for id_ in ids if id_.hex().startswith(wish)]
    require(found, f"There is no such {what} here.")
    require(len(found) == 1, f"Several begin so; say more letters of the id of the {what}.")
    return found[0]
