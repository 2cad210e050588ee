"""Newcomers who wait: what this node tells those who knocked here, and what it is told where it knocks itself."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from node.domain.law.guests import Word, read_word, vouchers_of, word_about, write_word
from node.domain.law.records import Join
from node.domain.profiles import NAME
from node.ingest.road import Road
from node.ingest.spaces import Space
from node.store.people import fields_of


async def word_for(road: Road, space: Space, device: bytes) -> bytes:
    """Return what to tell a newcomer's device about its knock; empty if none of its knocks waits.

    Only the device that made the invitation names who vouched: its word is the only one that a newcomer can place.
    """
    join = _open_knock(space, device)
    if join is None:
        return b""
    mine = join.terms.inviter == road.device.public
    names = await _names(road, space, vouchers_of(space.law.present(), join)) if mine else None
    space = road.spaces[space.id]  # what is told is as the law stands after looking names up
    join = _open_knock(space, device)
    return write_word(word_about(space.law.present(), join, names)) if join is not None else b""


def _open_knock(space: Space, device: bytes) -> Join | None:
    knocks = (join for join in space.law.joins.values() if join.change.author == device and not join.admitted)
    return max(knocks, key=lambda join: join.change.seq, default=None)


async def _names(road: Road, space: Space, people: Sequence[bytes]) -> dict[bytes, str]:
    names: dict[bytes, str] = {}
    for person in people:
        rows = await road.database.read(lambda db, person=person: fields_of(db, space.index.no, person))  # type: ignore[misc]
        for row in rows:
            if row.field == NAME:
                names[person] = row.value
    return names


def _plain(word: Word) -> Word:
    return word._replace(names=(), rules=())


class Told(NamedTuple):
    """What a laptop said about this node's knock, and when it came, in ms."""

    word: Word
    time_ms: int


@dataclass
class Words:
    """What this node was told where it waits to be let in: the last word of who invited, and of any other laptop."""

    road: Road
    inviters: dict[bytes, bytes] = field(default_factory=dict)
    by_inviter: dict[bytes, Told] = field(default_factory=dict)
    by_another: dict[bytes, Told] = field(default_factory=dict)

    def take(self, space: Space, peer: bytes, inviter: bytes, data: bytes) -> bool:
        """Note what a peer says about this node's knock, and whose laptop has to let it in; tell whether it is news.

        Names and rules are kept only from the laptop that made the invitation, whose key the invitation says: anybody
        with the link can speak as one who knows this space.

        Raises:
            Malformed: if it is no such word.
        """
        word = read_word(data)
        mine = {join.change.id: join for join in space.law.joins.values() if self._is_mine(join)}
        if space.state != "waiting" or word.knock not in mine:
            return False
        fresh = self.inviters.get(space.id) != inviter
        self.inviters[space.id] = inviter
        is_inviter = mine[word.knock].terms.inviter == peer
        kept, word = (self.by_inviter, word) if is_inviter else (self.by_another, _plain(word))
        before = kept.get(space.id)
        kept[space.id] = Told(word, self.road.now_ms())
        return fresh or before is None or before.word != word

    def _is_mine(self, join: Join) -> bool:
        return join.change.author == self.road.device.public

    def forget(self, space: bytes) -> None:
        """Forget what was told about earlier knocks at a space: there is a new one."""
        for told in (self.inviters, self.by_inviter, self.by_another):
            told.pop(space, None)
