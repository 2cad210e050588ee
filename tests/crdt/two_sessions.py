"""Two sync sessions joined by lists in memory."""

from collections import deque
from typing import Any

from authors import Author, Reader, founding_of, key_of

from crdt import effects as e
from crdt import messages as m
from crdt.batch import decode_batch, encode_batch
from crdt.change import Change
from crdt.exchange import Claims
from crdt.sync import Ends, Session

FOUNDING = founding_of("Ada")
SPACE = FOUNDING.id
ADA, BEN, EVE = (key_of(name).public for name in ("Ada", "Ben", "Eve"))


class View:
    """One space as one node sees it."""

    def __init__(self, members: set[bytes], *, discovery: bytes = bytes(32), opened: bool = True) -> None:
        self.id = SPACE
        self.reader = Reader()
        self.members = members
        self.discovery = discovery
        self.opened = opened
        self.knock: bytes | None = None
        self.changes: list[Change] = []
        self.word = b"a word"
        self.missed: set[bytes] = set()

    @property
    def history(self) -> Any:
        return self.reader.history

    def discovery_key(self) -> bytes:
        return self.discovery

    def has_left(self) -> bool:
        return False

    def is_open(self) -> bool:
        return self.opened

    def in_standing(self, device: bytes) -> bool:
        return device in self.members

    def my_knock(self) -> bytes | None:
        return self.knock

    def inviter_of(self, _device: bytes) -> bytes | None:
        return ADA

    def keys_digest(self) -> bytes:
        return b"".join(sorted(self.missed))[:8].ljust(8)

    def keys_for(self, device: bytes) -> bytes:
        return device

    def keys_missed(self) -> set[bytes]:
        return self.missed

    def take(self, changes: list[Change]) -> Any:
        verdict = self.reader.take(changes)
        self.changes += [entry.change for entry in verdict.accepted]
        return verdict


class Side:
    """One session with its driver: stores at once, loads everything in one portion."""

    def __init__(self, me: bytes, peer: bytes, view: View, *, dialled: bool, claims: Claims | None = None) -> None:
        self.view = view
        self.session = Session(Ends(me, peer, dialled, me[:16]), {SPACE: view}, claims or Claims())
        self.sent: deque[bytes] = deque()
        self.seen: list[Any] = []
        self.carry_out(self.session.start())

    def carry_out(self, effects: list[e.Effect]) -> None:
        for effect in effects:
            self.seen.append(effect)
            self._do(effect)

    def _do(self, effect: e.Effect) -> None:
        session = self.session
        match effect:
            case e.Send(frame):
                self.sent.append(frame)
            case e.Deliver(space, data, request):
                changes = decode_batch(data, space).changes
                verdict = self.view.take(changes)
                last = {change.header.author: change.header.seq for change in changes}
                self.carry_out(session.stored(space, request, last, verdict.gaps))
            case e.Finish(space, request):
                self.carry_out(session.finished(space, request))
            case e.Load(_, request, ranges, ids):
                wanted = [(a, seq) for a, first, last in ranges for seq in range(first, last + 1)]
                places = [c for c in self.view.changes if (c.header.author, c.header.seq) in wanted or c.id in ids]
                self.carry_out(session.loaded(request, encode_batch(places) if places else None, done=True))
            case e.LoadWord(space):
                self.carry_out(session.tell_guest(space, self.view.word))
            case _:
                pass

    def told(self, kind: int) -> list[list[Any]]:
        """Return the fields of every message of a kind that was sent."""
        frames = [m.decode(effect.frame) for effect in self.seen if isinstance(effect, e.Send)]
        return [fields for number, fields in frames if number == kind]


def talk(one: Side, two: Side) -> int:
    """Carry frames to and fro until nobody says anything; returns their bytes."""
    size = 0
    while one.sent or two.sent:
        for sender, receiver in ((one, two), (two, one)):
            while sender.sent:
                frame = sender.sent.popleft()
                size += len(frame)
                receiver.carry_out(receiver.session.receive(frame))
    return size


def pair(ada: View, ben: View) -> tuple[Side, Side]:
    """Join Ada's and Ben's nodes."""
    return Side(ADA, BEN, ada, dialled=True), Side(BEN, ADA, ben, dialled=False)


def members() -> tuple[View, View]:
    """Return one space as two members see it."""
    return View({ADA, BEN}), View({ADA, BEN})


def filled(*names: str, each: int = 3) -> list[Change]:
    """Return changes of some authors."""
    return [author.write() for author in (Author(name, SPACE) for name in names) for _ in range(each)]


def opened() -> tuple[Side, Side]:
    """Return two sides of an open channel."""
    one, two = pair(*members())
    talk(one, two)
    return one, two
