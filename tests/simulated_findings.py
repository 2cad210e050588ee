"""What must hold when the town has come to rest: one law on all nodes, keys in the right hands, nothing flipped."""

from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

from simulated_house import EPOCH_MS
from simulated_town import House, Town

from crdt.change import LAW, PUBLIC
from identity.errors import Malformed
from identity.keyfile import Keys
from identity.sealed import name_of
from node.domain.law.ballots import countable, root_of
from node.domain.law.keys import lacking, must_rotate
from node.domain.law.records import Seal
from node.domain.law.view import View
from node.ingest.spaces import Space, read_before, read_wrapped
from node.store import log as store_log
from node.store import readmodel
from node.store.readmodel import query

Stored = list[store_log.Stored]


def space_of(house: House) -> Space:
    """Return the space as a running house sees it."""
    assert house.node is not None
    space = house.node.space
    assert space is not None
    return space


def settled(town: Town) -> list[House]:
    """Return the houses of those who belong, as most nodes that think they belong see it."""
    running = [house for house in town.places if house.node is not None and house.node.is_member]
    roots = Counter(space_of(house).history.root() for house in running)
    if not roots:
        return []
    common, _ = roots.most_common(1)[0]
    law = next(space_of(house).law for house in running if space_of(house).history.root() == common)
    standing = {grant.device for grant in law.standing()}
    return [house for house in running if house.node is not None and house.node.key in standing]


def agree(town: Town) -> bool:
    """Tell whether all who belong hold the same."""
    return len({space_of(house).history.root() for house in settled(town)}) == 1


def law_of(space: Space, at_ms: int) -> dict[str, Any]:
    """Return what law amounts to at a time, free of a node's own numbers.

    A proof of a fork beyond the end of a log is evidence where it came before the end, and nothing follows from it.
    """
    law = space.law
    view = law.present()
    sealed = view.sealed
    members = view.members()
    asked = {person: view.suspended_until(person, at_ms) for person in sorted(law.suspensions)}
    return {
        "members": {person: sorted(grant.device for grant in grants) for person, grants in sorted(members.items())},
        "roles": {person: sorted(view.roles(person, at_ms)) for person in sorted(members)},
        "paused": {
            person: until for person, until in asked.items() if until is not None
        },  # asked for in vain: maybe void
        "charter": sealed.charter.said(),
        "auditors": (sealed.epoch, sealed.k, sorted(sealed.auditors.items())),
        "finals": {id_: (final.outcome, sorted(final.forkers)) for id_, final in sorted(sealed.finals.items())},
        "removed": sorted(sealed.removed),
        "cuts": sorted(view.cuts().items()),
        "ends": sorted((device, log.forked) for device, log in space.history.logs.items()),
        "forked": sorted((device, seq) for device, seq in law.forked.items() if device not in view.cuts()),
        "digest": sealed.digest(),
    }


class Findings:
    """Looks at every house once the storm is over; `faults` says what is wrong."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.faults: list[str] = []
        self.houses = settled(town)
        self.law = space_of(self.houses[0]).law
        self.view: View = self.law.present()
        self.stored = self._stored(self.houses[0])
        self.pasts = dict(query(self._db(self.houses[0]), "SELECT number, past FROM change"))

    def all(self) -> list[str]:
        """Return everything that is wrong."""
        for house in self.houses:
            self.town.look(house, space_of(house))
        self._one_law()
        self._nothing_flipped()
        self._every_seal_counts_what_it_names()
        self._nobody_locked_out()
        self._nobody_gone_reads_on()
        self._nothing_lost()
        return self.faults

    def fault(self, what: str) -> None:
        self.faults.append(what)

    @staticmethod
    def _db(house: House) -> Any:
        return house.platter.connection

    def _stored(self, house: House) -> Stored:
        index = space_of(house).index
        return store_log.read_changes(self._db(house), index, store_log.numbers_of(self._db(house), index.no))

    # -- one law -----------------------------------------------------------------------------------------------------

    def _one_law(self) -> None:
        at_ms = EPOCH_MS + int(self.town.loop.time() * 1000)
        first = law_of(space_of(self.houses[0]), at_ms)
        self._one_picture()
        for house in self.houses[1:]:
            other = law_of(space_of(house), at_ms)
            for part in [part for part in first if first[part] != other[part]]:
                self.fault(f"house {house.index} reads {part} otherwise than house {self.houses[0].index}")
        refused = {self._refused(house) for house in self.houses}
        if len(refused) > 1:
            self.fault("the nodes refuse different things")

    def _one_picture(self) -> None:
        """What is shown is the same too, as far as everybody may read everything."""
        for part in ("_SHOWN_POSTS", "_SHOWN_DOCUMENTS", "_SHOWN_FIELDS", "_SHOWN_CONSENTS"):
            sql = (getattr(readmodel, part),)
            digests = {readmodel._digest(self._db(house), space_of(house).index.no, sql) for house in self.houses}
            if len(digests) > 1 and not any(self._locked(house) for house in self.houses):
                self.fault(f"{part} differ between nodes that hold the same")

    def _locked(self, house: House) -> dict[int, int]:
        """Return how much of each class a node cannot read."""
        return dict(query(self._db(house), "SELECT class, count(*) FROM unread JOIN change USING (number) GROUP BY 1"))

    def _refused(self, house: House) -> bytes:
        sql = (
            "SELECT id, reason FROM refusal JOIN change USING (number) JOIN log ON log.no = change.log"
            " WHERE class <= 1 AND (log.forked IS NULL OR change.seq < log.forked) ORDER BY id"
        )
        return blake2b(repr(query(self._db(house), sql)).encode(), digest_size=8).digest()

    # -- results -----------------------------------------------------------------------------------------------------

    def _nothing_flipped(self) -> None:
        named = {self.law.owner_of(device) for device in self.law.forked}
        for flip in self.town.flips:
            if not named & (flip.signed | flip.before.forkers):
                self.fault(f"house {flip.house} saw a result become another: {flip.before} became {flip.after}")
        for final in self.view.sealed.finals.values():
            if final.outcome is None and not (final.forkers and final.forkers <= self.town.two_faced):
                self.fault("a result is contested, and who is named forked nothing")

    def _every_seal_counts_what_it_names(self) -> None:
        for seal in self.law.seals.values():
            if not seal.change.command.adopts and self._root(seal) != seal.change.command.root:
                self.fault("a seal counts other ballots than it names")

    def _root(self, seal: Seal) -> bytes:
        opening = self.law.openings[seal.opening]
        joint = 0
        for id_ in seal.change.command.closings:
            joint |= self.law.pasts.bits(opening.closings[id_].past)
        return root_of(opening, countable(opening, joint, self.law.view_of(seal.change)))

    # -- keys --------------------------------------------------------------------------------------------------------

    def _nobody_locked_out(self) -> None:
        if must_rotate(self.view):
            self.fault("somebody who has gone can still read what is written")
        if missing := lacking(self.view):
            self.fault(f"{len(missing)} devices in standing lack the present keys")
        present = {tuple(sorted(space_of(house).secrets.present.items())) for house in self.houses}
        if len(present) != 1:
            self.fault(f"{len(present)} different keys are written with")
        for house in self.houses:
            locked = self._locked(house)
            if any(self._is_for_all(klass) for klass in locked):
                self.fault(f"house {house.index} cannot read what it may: {locked}")

    def _is_for_all(self, klass: int) -> bool:
        """Everybody reads all law; all talk too where newcomers may read what was said before them."""
        return bool(klass <= LAW + 1 or self.view.sealed.charter["newcomers_read_past"])

    def _nobody_gone_reads_on(self) -> None:
        standing = {grant.device for grant in self.view.standing()}
        gone = set(self.law.grants) - standing
        for device in gone:
            self._never_handed(device)
        for house in self.town.places:
            if house.ring.keys.device.public in gone:
                self._reads_nothing_new(house)

    def _never_handed(self, device: bytes) -> None:
        """No keys are sealed to somebody by who knew that they do not belong."""
        for handing in self.law.handings:
            if device in handing.readers:
                view = self.law.view(self.pasts[handing.number])
                last = max((grant.number for grant in self.law.grants[device]), default=0)
                if view.includes(last) and view.grant_of(device) is None and handing.number > last:
                    self.fault("keys were sealed to a device that did not belong any more")

    def _reads_nothing_new(self, house: House) -> None:
        """What was written by who knew that somebody has gone, they cannot read, whatever they get hold of."""
        secrets = self._secrets(house.ring.keys, house)
        device = house.ring.keys.device.public
        for entry in self.stored:
            header, body = entry.change.header, entry.change.body
            if header.klass <= LAW + 1 or header.epoch == PUBLIC or body is None or header.epoch not in secrets:
                continue
            view = self.law.view(self.pasts[entry.number])
            known = any(view.includes(grant.number) for grant in self.law.grants[device])
            if known and view.grant_of(device) is None:
                self.fault(f"house {house.index} has gone and can read what was written after that")
                return

    def _secrets(self, keys: Keys, house: House) -> dict[bytes, bytes]:
        """Return every secret that a device can come by which holds all that is stored anywhere."""
        assert house.node is None or house.node.space is not None
        known = dict(space_of(house).secrets.by_name) if house.node is not None else {}
        fresh = True
        while fresh:
            fresh = False
            for secret in self._handed(keys, known):
                if name_of(secret) not in known:
                    known[name_of(secret)] = secret
                    fresh = True
        return known

    def _handed(self, keys: Keys, known: dict[bytes, bytes]) -> Iterator[bytes]:
        for entry in self.stored:
            header = entry.change.header
            if header.klass > LAW or (header.epoch != PUBLIC and header.epoch not in known):
                continue
            command = space_of(self.houses[0]).open(entry.change).command
            for reader, sealed in getattr(command, "wraps", ()):
                if reader in {key.public for key in (keys.device, *keys.retired)}:
                    yield from self._opened(keys, command, sealed)

    @staticmethod
    def _opened(keys: Keys, command: Any, sealed: bytes) -> Iterator[bytes]:
        try:
            law, talk, _ = read_wrapped(keys.open_sealed(sealed))
            before = read_before(command, law)
        except Malformed:
            return
        yield from (*law, *talk, *before[0], *before[1])

    # -- what was said -----------------------------------------------------------------------------------------------

    def _nothing_lost(self) -> None:
        """What a member's laptop stored lies on all, unless their log was forked, cut, or came back from a backup."""
        held = {entry.change.id for entry in self.stored}
        logs = space_of(self.houses[0]).history.logs
        here = {grant.device for grant in self.view.standing()}
        whole = {device for device in here if logs[device].forked is None and self._is_honest(device)}
        lost = [id_ for id_, device in self.town.said.items() if device in whole and id_ not in held]
        if lost:
            self.fault(f"{len(lost)} changes that their authors stored are lost")

    def _is_honest(self, device: bytes) -> bool:
        return self.law.owner_of(device) not in self.town.two_faced
