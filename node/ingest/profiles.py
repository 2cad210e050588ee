"""What a member's node does for their profile: says fields to whom they are meant for, and keeps the sealing right.

A value for some is sealed to the devices in standing of those people, and to one's own. When one of them gets another
device, or somebody loses their standing, the author's node seals the value anew, by itself.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgpack

from crdt.change import Change
from identity.boxes import BOX_BYTES, Boxed, open_among, seal_among
from identity.errors import CommonsError, Malformed
from identity.keys import KEY_BYTES
from node.domain.area import require
from node.domain.documents import profile_id
from node.domain.law.view import View
from node.domain.profiles import (
    FIELDS,
    MAX_BOXES,
    MAX_ERASED,
    MAX_LABEL_CHARS,
    MAX_OWN_FIELDS,
    MAX_VALUE_CHARS,
    NAME,
    OWN,
    PUBLIC,
    SOME,
    SPACE,
    EraseField,
    FieldRow,
    SealField,
    SetField,
    allow_field,
    field_id,
    is_field,
    unpack_boxes,
)
from node.ingest.road import Road
from node.ingest.spaces import Space
from node.ingest.writing import facts_about, open_document
from node.store import people as store

ME, PEOPLE = "me", "people"
AUDIENCES = (ME, PEOPLE, SPACE, PUBLIC)
"""Whom a member may say a field to. On the wire the first two are one: nobody else can tell them apart."""

MAX_TRIED_BOXES = 1_024
_MOVED = ("pronouns", "about", "contact")


@dataclass(frozen=True, slots=True)
class Field:
    """A field as this device reads it. `people` are those whom one chose for a field of one's own, `time` is in ms.

    `audience` is `some` where others chose whom they say it to, this person among them.
    """

    name: str
    label: str
    value: str
    audience: str
    people: tuple[bytes, ...] = ()
    time: int = 0


class Note(NamedTuple):
    """What an author's devices know of a sealed value: for whom it is, and to which devices it was sealed."""

    people: list[bytes]
    devices: list[bytes]


class Wish(NamedTuple):
    """What a field is to say, and to whom."""

    name: str
    value: str
    audience: str = SPACE
    people: Sequence[bytes] = ()
    label: str = ""


# -- reading ----------------------------------------------------------------------------------------------------------


async def fields_of(road: Road, space: Space, person: bytes) -> list[Field]:
    """Return what a person says of themselves, as far as it is meant for this device's person; emptied fields aside."""
    rows = await road.database.read(lambda db: store.fields_of(db, space.index.no, person))
    found = [field for row in _bounded(rows) if (field := _read(road, row)) is not None and field.value]
    order = {name: at for at, name in enumerate(FIELDS)}
    return sorted(found, key=lambda field: (order.get(field.name, len(order)), field.label.casefold(), field.name))


def _bounded(rows: Sequence[FieldRow]) -> Iterator[FieldRow]:
    """Give what is read of a profile: as many fields and boxes as a member's own node would make, no more.

    A box is tried in a tenth of a millisecond, and its author decides how many there are.
    """
    own = 0
    left = MAX_TRIED_BOXES
    said = (row for row in rows if row.value or row.sealed)
    for row in sorted(said, key=lambda row: (row.field.startswith(OWN), row.field)):
        own += row.field.startswith(OWN)
        left -= len(row.sealed) // BOX_BYTES if row.sealed else 0
        if own <= MAX_OWN_FIELDS and (left >= 0 or row.sealed is None):
            yield row


def _read(road: Road, row: FieldRow) -> Field | None:
    if row.sealed is None:
        return Field(row.field, row.label, row.value, row.audience, (), row.time)
    opened = _open(road, row)
    if opened is None:
        return None
    label, value, note = opened
    if not road.is_me(row.person):
        return Field(row.field, label, value, SOME, (), row.time)
    people = tuple(note.people) if note else ()
    return Field(row.field, label, value, PEOPLE if people else ME, people, row.time)


def _open(road: Road, row: FieldRow) -> tuple[str, str, Note | None] | None:
    """Return label, value and note of a sealed field; None where it is not for this device, or says nothing."""
    try:
        opened = open_among(unpack_boxes(row.sealed or b""), road.vault.open_box)
        if opened is None:
            return None
        label, value = _read_value(opened[0])
        return label, value, _read_note(opened[1]) if opened[1] is not None else None
    except Malformed:
        return None


def _read_value(data: bytes) -> tuple[str, str]:
    """Read a value that was sealed.

    Raises:
        Malformed: if it is none, or too long.
    """
    label, value = _unpacked(data)
    well = type(label) is str and type(value) is str
    if not well or len(label) > MAX_LABEL_CHARS or len(value) > MAX_VALUE_CHARS:
        raise Malformed("a sealed value is malformed")
    return label, value


def _read_note(data: bytes) -> Note:
    people, devices = _unpacked(data)
    keys = [*people, *devices] if type(people) is list and type(devices) is list else [None]
    if not all(type(key) is bytes and len(key) == KEY_BYTES for key in keys):
        raise Malformed("the note of a sealed value is malformed")
    return Note(people, devices)


def _unpacked(data: bytes) -> tuple[Any, Any]:
    try:
        one, other = msgpack.unpackb(data, use_list=True)
    except (ValueError, TypeError, msgpack.exceptions.UnpackException, RecursionError) as error:
        raise Malformed("a sealed value is malformed") from error
    return one, other


# -- saying ------------------------------------------------------------------------------------------------------------


async def set_fields(road: Road, space: Space, wishes: Sequence[Wish]) -> list[Change]:
    """Say fields of one's own profile, those that differ from what they say now.

    Raises:
        Refused: in the member's words; then nothing was said.
    """
    require(space.state == "member", "You can write here once you have been let in.")
    for wish in wishes:
        _allow(space, wish)
    rows = await road.database.read(lambda db: store.fields_of(db, space.index.no, road.me))
    known = {row.field: field for row in rows if (field := _read(road, row)) is not None}
    more = {wish.name for wish in wishes if wish.name.startswith(OWN) and wish.value}
    own = {name for name, field in known.items() if name.startswith(OWN) and field.value}
    few = not more or len(own | more) <= MAX_OWN_FIELDS
    require(few, f"A profile has at most {MAX_OWN_FIELDS} fields of your own.")
    new = [wish for wish in wishes if _differs(wish, known.get(wish.name))]
    earlier = {wish.name: await _earlier(road, space, wish.name) for wish in new}
    return await road.submit_all(space, _say(road, space, new, earlier)) if new else []


async def _earlier(road: Road, space: Space, field: str) -> list[bytes]:
    """Return the changes that said this field of one's own before, as far as their bodies are still there."""
    facts = await facts_about(road, space, field_id(road.me, field))
    said = (fact for fact in facts if isinstance(fact.command, SetField | SealField))
    return [fact.id for fact in said if road.is_me(fact.person)]


async def edit_profile(road: Road, space: Space, values: Mapping[str, str | None]) -> list[Change]:
    """Change what fields of one's own profile say, each for whom it was meant before; a new one is for the space."""
    known = {field.name: field for field in await fields_of(road, space, road.me)}
    wishes = []
    for name, value in values.items():
        before = known.get(name)
        meant = (before.audience, before.people, before.label) if before else (SPACE, (), "")
        wishes.append(Wish(name, value or "", *meant))
    return await set_fields(road, space, wishes)


def _allow(space: Space, wish: Wish) -> None:
    if not wish.value and wish.name != NAME and is_field(wish.name):
        return
    allow_field(wish.name, wish.value, wish.label)
    require(wish.audience in AUDIENCES, "Say whom this is for: me, people, space or public.")
    require(wish.name != NAME or wish.audience in (SPACE, PUBLIC), "Your name is for everybody in the space.")
    if wish.audience == PEOPLE:
        view = space.law.present()
        require(wish.people, "Choose at least one person who may read this.")
        require(all(view.is_member(person) for person in wish.people), "Choose among the people of this space.")


def _differs(wish: Wish, before: Field | None) -> bool:
    if before is None or not wish.value:
        return bool(wish.value) or (before is not None and bool(before.value))
    people = set(wish.people) if wish.audience == PEOPLE else set()
    now = (wish.value, wish.audience, people, wish.label if wish.name.startswith(OWN) else before.label)
    return now != (before.value, before.audience, set(before.people), before.label)


def _say(
    road: Road, space: Space, wishes: Iterable[Wish], earlier: Mapping[str, Sequence[bytes]]
) -> Generator[Any, Change, None]:
    """Say fields, and take back what they said before: whoever was to read that need not be meant any more."""
    granted = space.law.grants.get(road.device.public)
    certificate = granted[0].certificate if granted else None
    for wish in wishes:
        yield _saying(road, space, wish)
        ids = earlier[wish.name]
        for start in range(0, len(ids), MAX_ERASED):
            yield EraseField(road.me, wish.name, list(ids[start : start + MAX_ERASED]), certificate)


def _saying(road: Road, space: Space, wish: Wish) -> SetField:
    label = wish.label.strip() if wish.name.startswith(OWN) else ""
    if not wish.value:
        return SetField(road.me, wish.name, SPACE, "", "", b"", b"", [])
    if wish.audience in (SPACE, PUBLIC):
        return SetField(road.me, wish.name, wish.audience, label, wish.value, b"", b"", [])
    people = [person for person in dict.fromkeys(wish.people) if not road.is_me(person)]
    people = people if wish.audience == PEOPLE else []
    sealed = _seal(space.law.present(), road.me, people, label, wish.value)
    return SetField(road.me, wish.name, SOME, "", "", sealed.value, sealed.note, sealed.boxes)


def _seal(view: View, me: bytes, people: Sequence[bytes], label: str, value: str) -> Boxed:
    """Seal a value to the devices of these people and one's own.

    Raises:
        Refused: if these are too many.
    """
    own, others = _devices(view, [me]), _devices(view, people)
    require(len(own) + len(others) <= MAX_BOXES, "These are too many people to seal this to; say it to the space.")
    note = msgpack.packb([list(people), sorted([*own, *others])])
    return seal_among(msgpack.packb([label, value]), note, others, own)


def _devices(view: View, people: Iterable[bytes]) -> list[bytes]:
    grants = (grant for person in people for grant in view.law.grants_of(person))
    return sorted({grant.device for grant in grants if view.holds(grant)})


# -- keeping the sealing right ----------------------------------------------------------------------------------------


async def renew_fields(road: Road, space: Space) -> int:
    """Seal anew what is sealed to other devices than it should be; returns how many fields that took."""
    space = road.spaces[space.id]
    view = space.law.present()
    if view.person_of(road.device.public) is None:
        return 0
    rows = await road.database.read(lambda db: store.sealed_fields(db, space.index.no, road.me))
    renewed = [command for row in rows if (command := _renewed(road, view, row)) is not None]
    if renewed:
        await road.submit_all(space, _each(renewed))
    return len(renewed)


def _renewed(road: Road, view: View, row: FieldRow) -> SealField | None:
    label, value, note = _open(road, row) or ("", "", None)
    if note is None:
        return None
    people = [person for person in note.people if view.is_member(person)]
    if set(note.devices) == set(_devices(view, [road.me, *people])):
        return None
    sealed = _seal(view, road.me, people, label, value)
    return SealField(road.me, row.field, row.said, sealed.value, sealed.note, sealed.boxes)


def _each(commands: Iterable[Any]) -> Generator[Any, Change, None]:
    for command in commands:  # noqa: UP028 - each is answered with its change, which a list does not take
        yield command


# -- one's name --------------------------------------------------------------------------------------------------------


async def is_nameless(road: Road, space: Space) -> bool:
    """Tell whether this person has not said their name in a space."""
    rows = await road.database.read(lambda db: store.fields_of(db, space.index.no, road.me))
    return all(row.field != NAME for row in rows)


async def introduce(road: Road, space: Space, name: str) -> None:
    """Say one's name in a space where it is not known, with what one said there while profiles were documents."""
    if not await is_nameless(road, space):
        return
    try:
        document, _ = await open_document(road, space, profile_id(road.me))
        before = document.read()
    except CommonsError:
        before = {}
    kept = {field: str(before.get(field) or "")[:MAX_VALUE_CHARS] for field in _MOVED}
    said = str(before.get(NAME) or "") or name
    await edit_profile(road, space, {NAME: said, **{field: value for field, value in kept.items() if value}})
