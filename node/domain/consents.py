"""Consents: what members let others do with them, each given by themselves, and withdrawn whenever they like.

A consent is its subject's own: for one use, towards one person or anybody. Of what the subject said about it the
deepest counts, the least id deciding a tie. Somebody may ask; once the subject has answered, whatever they said, an
ask has no effect any more, whenever it arrives. All of it commutes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, ClassVar, NamedTuple

from crdt.change import ID_BYTES, TALK
from identity.keys import KEY_BYTES
from node.domain.area import Fact, register, require, well_formed

MENTION, PIN, TAG, DELEGATE, MAP, BRIDGE = "mention", "pin", "tag", "delegate", "map", "bridge"
USES = (MENTION, PIN, TAG, DELEGATE, MAP, BRIDGE)
CHARTER = "charter"
"""Having read the rules of the space and agreed to live by them: nobody asks for it, its version is the charter's."""

ANYBODY = b""
VERSIONS: Mapping[str, int] = dict.fromkeys(USES, 1)
"""Of each use the wording that is asked for now: what was agreed to under an older one is asked again."""

MAX_VERSION = 1 << 31


@dataclass(frozen=True, slots=True)
class SetConsent:
    """Give or withdraw one's own consent to a use, towards somebody (`by`) or, where that is empty, anybody."""

    person: bytes
    use: str
    by: bytes
    version: int
    given: bool
    kind: ClassVar[str] = "consent.set"
    klass: ClassVar[int] = TALK

    def check(self) -> None:
        """Raise Malformed unless it names a person, a use and whom it is towards."""
        well_formed(len(self.person) == KEY_BYTES, "a consent is of nobody")
        well_formed(self.use in (*USES, CHARTER), "a consent is to no use that is known")
        well_formed(len(self.by) in (0, KEY_BYTES) and self.by != self.person, "a consent is towards nobody")
        well_formed(0 < self.version < MAX_VERSION, "a consent is to no version")


@dataclass(frozen=True, slots=True)
class AskConsent:
    """Ask somebody for their consent to a use, for oneself."""

    person: bytes
    use: str
    by: bytes
    kind: ClassVar[str] = "consent.ask"
    klass: ClassVar[int] = TALK

    def check(self) -> None:
        """Raise Malformed unless it names who is asked, for which use, and by whom."""
        well_formed(len(self.person) == KEY_BYTES and len(self.by) == KEY_BYTES, "nobody is asked for consent")
        well_formed(self.by != self.person, "a person asks themself for consent")
        well_formed(self.use in USES, "consent is asked for no use that is known")


class ConsentRow(NamedTuple):
    """The row of a consent. `given` is None while it was only asked for, at `asked`; times are ms since the epoch."""

    space: int
    id: bytes
    person: bytes
    use: str
    by: bytes
    version: int
    given: int | None
    asked: int | None
    time: int


def consent_id(person: bytes, use: str, by: bytes) -> bytes:
    """Return the id of a consent: what is said about it goes by this."""
    return blake2b(person + by + use.encode(), person=b"commons/consent", digest_size=ID_BYTES).digest()


def fold_consent(facts: Sequence[Fact]) -> ConsentRow | None:
    """Fold what was said about a consent into its row; None while neither its subject nor who asks said anything."""
    own = [fact for fact in facts if isinstance(fact.command, SetConsent) and fact.person == fact.command.person]
    asks = [fact for fact in facts if isinstance(fact.command, AskConsent) and fact.person == fact.command.by]
    if own:
        last = min(own, key=lambda fact: (-fact.depth, fact.id))
        said = last.command
        return ConsentRow(*_place(last), said.version, int(said.given), None, last.time)
    if asks:
        first = min(asks, key=lambda fact: (fact.depth, fact.id))
        return ConsentRow(*_place(first), 0, None, first.time, first.time)
    return None


def holds(rows: Mapping[bytes, ConsentRow], use: str, by: bytes) -> bool:
    """Tell whether somebody lets another do something: what they said to that person goes before what to anybody.

    `rows` holds what they said about this use, by whom it is towards.
    """
    row = rows.get(by)
    if row is None or row.given is None:
        row = rows.get(ANYBODY)
    return row is not None and bool(row.given) and row.version >= VERSIONS.get(use, 1)


def is_open(rows: Mapping[bytes, ConsentRow], by: bytes) -> bool:
    """Tell whether somebody has still to answer another's ask: they told neither that person nor anybody."""
    asked, general = rows.get(by), rows.get(ANYBODY)
    return asked is not None and asked.given is None and (general is None or general.given is None)


def allow_ask(rows: Mapping[bytes, ConsentRow], use: str, by: bytes) -> None:
    """Consent is asked for once: neither after a no, nor where it was given, nor while the answer is awaited.

    Raises:
        Refused: saying which.
    """
    require(use in USES, "There is no such consent to ask for.")
    require(not holds(rows, use, by), "This consent was given already: there is nothing to ask.")
    answered = [row for towards, row in rows.items() if towards in (by, ANYBODY) and row.given is not None]
    require(not answered, "The answer to this was no, and a request is not repeated.")
    require(by not in rows, "You have asked already; the answer is theirs to give.")


def _place(fact: Fact) -> tuple[int, bytes, bytes, str, bytes]:
    command = fact.command
    return fact.space, consent_id(command.person, command.use, command.by), command.person, command.use, command.by


def _subject(command: Any) -> bytes | None:
    return consent_id(command.person, command.use, command.by)


register(SetConsent, ((bytes,), (str,), (bytes,), (int,), (bool,)), _subject, fold_consent)
register(AskConsent, ((bytes,), (str,), (bytes,)), _subject, fold_consent)
