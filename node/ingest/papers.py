"""Papers: the changes of law by which a device belongs, shown to members who have not heard of them yet.

Two people let in by different members may meet before either has met anybody who knows both. Papers lead from the
founding to the device that shows them; they are believed as far as they begin with a device in standing here. They
open the door to sync, by which law itself comes; they are no law.
"""

from typing import Any, NamedTuple

from crdt.change import Change, Header, decode_change, encode_body, encode_change, make
from crdt.messages import MAX_PAPER_BYTES, MAX_PAPERS
from identity.certificates import read_certificate
from identity.errors import CommonsError
from node.domain.area import wire_fields
from node.domain.law.membership import AdmitMember, CertifyDevice, EnterDevice, JoinSpace, ReplaceDevice
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


def believed(space: Space, papers: list[bytes], peer: bytes) -> bytes | None:
    """Return the device in standing here from which a peer's papers lead to it; None where they do not.

    Raises:
        Malformed, BadSignature: if they are not what their authors signed.
    """
    if peer in space.law.grants:
        return None  # law has heard of it, and says
    shown = _Shown(space)
    for paper in papers:
        shown.read(decode_change(paper))
    trust = shown.trusted.get(peer)
    return trust.by if trust is not None else None


class _Trust(NamedTuple):
    """Whose a device is, and which device in standing here leads to it."""

    person: bytes
    by: bytes


class _Shown:
    """Whom papers show to belong, beginning with those whom law knows here; who has gone shows nobody."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._law = space.law
        self._joins: dict[bytes, tuple[bytes, bytes]] = {}
        self.trusted: dict[bytes, _Trust] = {}

    def read(self, change: Change) -> None:
        """Take in one change, in the order in which they were signed; what says nothing here is passed over."""
        author, command = change.header.author, self._space.open(change).command
        try:
            if isinstance(command, JoinSpace):
                self._joins[change.id] = author, command.person
            elif isinstance(command, AdmitMember) and command.join in self._joins:
                self._trust(*self._joins[command.join], self._of_device(author))
            elif isinstance(command, CertifyDevice | EnterDevice | ReplaceDevice):
                self._certify(author, command)
        except CommonsError:
            return

    def _certify(self, author: bytes, command: CertifyDevice | EnterDevice | ReplaceDevice) -> None:
        certificate = read_certificate(command.certificate)
        person, device = certificate.person, certificate.device
        enters = not isinstance(command, CertifyDevice)
        trust = self._of_person(person) if enters else self._of_device(author)
        if trust is not None and trust.person == person and (device == author or not enters):
            self._trust(device, person, trust)

    def _of_device(self, device: bytes) -> _Trust | None:
        """Return why a device is trusted: of one that law has heard of, law says."""
        if device not in self._law.grants:
            return self.trusted.get(device)
        person = self._law.person_of(device)
        return _Trust(person, device) if person is not None else None

    def _of_person(self, person: bytes) -> _Trust | None:
        held = next(iter(self._law.devices_of(person)), None)
        if held is not None:
            return _Trust(person, held.device)
        return next((trust for trust in self.trusted.values() if trust.person == person), None)

    def _trust(self, device: bytes, person: bytes, because: _Trust | None) -> None:
        view = self._law.present()
        gone = person in view.sealed.removed or (self._law.grants_of(person) and not view.is_member(person))
        if because is not None and not gone:
            self.trusted[device] = _Trust(person, because.by)
