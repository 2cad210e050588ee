"""Papers: the changes of law by which a device belongs, shown to members who have not heard of them yet.

Two people let in by different members may meet before either has met anybody who knows both. Papers lead from the
founding to the device that shows them; they are believed as far as they begin with a device in standing here. They
open the door to sync, by which law itself comes; they are no law.
"""

from typing import Any

from crdt.change import Change, Header, decode_change, encode_body, encode_change, make
from crdt.messages import MAX_PAPER_BYTES, MAX_PAPERS
from identity.certificates import read_certificate
from identity.errors import CommonsError
from node.domain.area import wire_fields
from node.domain.law.membership import AdmitMember, CertifyDevice, EnterDevice, FoundSpace, JoinSpace
from node.domain.law.view import View
from node.ingest.road import Road
from node.ingest.spaces import Space
from node.store import log as store_log


async def own_papers(road: Road, space: Space) -> list[bytes]:
    """Return the changes of law by which this device belongs, the oldest first, each standing alone.

    Where they are too many, those nearest to this device: a member who knows one of them knows enough. A new device
    that lost all law shows its person's certificate, as it will enter with it.
    """
    papers = await road.database.read(lambda db: _papers(db, space, road.device.public))
    if papers or space.state != "member" or road.certificate is None:
        return papers
    return [encode_change(_entering(road, space, road.certificate))]


def _entering(road: Road, space: Space, certificate: bytes) -> Change:
    """Return what this device would enter with, as if it were the first word of its log."""
    command = EnterDevice(certificate)
    header = Header(space.id, road.device.public, 1, b"", (), road.now_ms(), command.klass, b"", b"", 0)
    return make(header, encode_body(command.kind, wire_fields(command)), road.device, None)


def _papers(connection: Any, space: Space, device: bytes) -> list[bytes]:
    view = space.law.present()
    found: list[bytes] = []
    before: bytes | None = device
    while before is not None:
        step = _step(connection, space, view, before)
        encoded = [encode_change(change) for change in step]
        if not step or len(found) + len(step) > MAX_PAPERS or max(map(len, encoded)) > MAX_PAPER_BYTES:
            break
        found = [*encoded, *found]
        before = _let_in_by(view, before, step[-1].header.author)
    return found


def _step(connection: Any, space: Space, view: View, device: bytes) -> list[Change]:
    """Return the knock and the grant of one device."""
    grant = view.grant_of(device)
    if grant is None:
        return []
    joins = (join.change.number for join in space.law.joins.values() if grant.number in join.answers)
    return [entry.change for entry in store_log.read_changes(connection, space.index, [*joins, grant.number])]


def _let_in_by(view: View, device: bytes, author: bytes) -> bytes | None:
    """Return whose papers come before a device's: who signed its grant, or an earlier device of its person's."""
    if author != device:
        return author
    grant = view.grant_of(device)
    others = view.law.grants_of(grant.person) if grant else []
    return next((other.device for other in others if grant and other.number < grant.number), None)


def believed(space: Space, papers: list[bytes], peer: bytes) -> bool:
    """Tell whether a peer's papers lead to it from a device in standing here; who was removed shows none.

    Raises:
        Malformed, BadSignature: if they are not what their authors signed.
    """
    if peer in space.law.grants:
        return False  # law has heard of it, and says
    people = _Believed(space)
    for paper in papers:
        people.read(decode_change(paper))
    person = people.trusted.get(peer)
    if person is None:
        return False
    view = space.law.present()
    gone = bool(space.law.grants_of(person)) and not view.is_member(person)
    return not gone and person not in view.sealed.removed


class _Believed:
    """Whom papers show to belong, beginning with those whom law knows here."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._view = space.law.present()
        self._joins: dict[bytes, tuple[bytes, bytes]] = {}
        self.trusted: dict[bytes, bytes] = {}

    def _person(self, device: bytes) -> bytes | None:
        return self.trusted.get(device) or self._view.person_of(device)

    def read(self, change: Change) -> None:
        """Take in one change, in the order in which they were signed; what says nothing here is passed over."""
        author, command = change.header.author, self._space.open(change).command
        try:
            if isinstance(command, JoinSpace):
                self._joins[change.id] = author, command.person
            elif isinstance(command, AdmitMember) and self._person(author) and command.join in self._joins:
                device, person = self._joins[command.join]
                self.trusted[device] = person
            elif isinstance(command, FoundSpace) and change.id == self._space.id:
                self.trusted[author] = read_certificate(command.certificate).person
            elif isinstance(command, CertifyDevice | EnterDevice):
                self._certify(author, command)
        except CommonsError:
            return

    def _certify(self, author: bytes, command: CertifyDevice | EnterDevice) -> None:
        certificate = read_certificate(command.certificate)
        person = certificate.person
        if isinstance(command, EnterDevice):
            known = certificate.device == author and (person in self.trusted.values() or self._view.is_member(person))
        else:
            known = self._person(author) == person
        if known:
            self.trusted[certificate.device] = person
