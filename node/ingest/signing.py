"""Signing: commands of this device become the next changes of its log, as a space stands."""

from collections.abc import Callable, Generator
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Any

from crdt.change import LAW, MAX_DEPS, MAX_LAW_DEPS, Change, Header, encode_body, make
from identity.errors import Refused
from identity.keys import SigningKey
from node.domain.area import require, wire_fields
from node.domain.law.membership import FoundSpace, JoinSpace
from node.ingest.spaces import Space

PAUSED = frozenset({"post.write", "post.import", "post.edit", "doc.edit"})


class Signer:
    """Signs for one device, whose person is `me`."""

    def __init__(self, device: SigningKey, me: bytes, now_ms: Callable[[], int]) -> None:
        self.device = device
        self.me = me
        self.now_ms = now_ms

    def make(
        self, space: Space, command: Any, before: Change | None = None, named: AbstractSet[bytes] = frozenset()
    ) -> Change:
        """Sign a command as the next change of this device's log, or as the one after `before`.

        `named` are what those before it in one batch have named of others' changes; law names all the rest, which may
        be more than talk can.

        Raises:
            Refused: if this device may not say this here, now.
        """
        klass = command.klass
        if klass > LAW and space.law.person_of(self.device.public) is None:
            raise Refused("You can write here once this device has been let in.")
        self._refuse_paused(space, command)
        log = space.history.logs.get(self.device.public)
        secret = space.secrets.knock() if isinstance(command, JoinSpace) else space.sealing(command)
        header = Header(
            b"" if isinstance(command, FoundSpace) else space.id,
            self.device.public,
            log.seq + 1 if log else 1,
            log.head if log else b"",
            space.history.next_deps(self.device.public, MAX_LAW_DEPS if klass == LAW else MAX_DEPS),
            max(self.now_ms(), log.time if log else 0),
            klass,
            b"",
            b"",
            0,
        )
        if before is not None:
            rest = tuple(dep for dep in header.deps if dep not in named) if klass == LAW else ()
            header = header._replace(seq=before.header.seq + 1, prev=before.id, deps=rest)
        return make(header, encode_body(command.kind, wire_fields(command)), self.device, secret)

    def _refuse_paused(self, space: Space, command: Any) -> None:
        """Whose posting moderators paused posts nothing and edits no page; what they say of themselves they may.

        Raises:
            Refused: saying until when.
        """
        if space.law.suspensions and command.kind in PAUSED:
            until = space.law.present().suspended_until(self.me, self.now_ms())
            day = datetime.fromtimestamp((until or 0) / 1000, UTC).date().isoformat()
            require(until is None, f"Moderators paused your posting here until {day}; the members review it.")

    def make_all(self, space: Space, commands: Generator[Any, Change, None]) -> list[Change]:
        """Make consecutive changes; the first names what others said, which so lies in the past of all of them."""
        changes: list[Change] = []
        named: set[bytes] = set()
        command = next(commands, None)
        while command is not None:
            changes.append(self.make(space, command, changes[-1] if changes else None, named))
            named.update(changes[-1].header.deps)
            try:
                command = commands.send(changes[-1])
            except StopIteration:
                break
        return changes
