"""What an edit must keep to before the engine sees it, judged in the edit's own past.

The engine trusts what it is given: a short hostile change can freeze it, make it panic or make two nodes see two
texts. So each change is read here first (`chunk.decode`) and checked against the edits that it names as its past,
and against nothing else: what else a node happens to hold, and in which order it came, never changes the verdict.
The one exception, two edits of one device with one number, is a fork and is the caller's to settle.

A document is flat: fields (name → string) and texts that its first change made. Rules:

- An edit counts on: its number follows the device's last one, which lies in its past, and its operations are
  numbered from one above the highest of its past.
- Whatever it refers to lies in its past, or earlier in the same edit.
- It sets or clears a field once, and names exactly the values that it saw there; it never touches a text's name.
- In a text it inserts single characters and deletes single characters, nothing else. It inserts once after any
  one character, and writes on after that: the engine looks for each insertion's place among those made there at
  the same time, and thousands at one place would cost it seconds.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from crdt.chunk import DELETE, HEAD, SET, Chunk, Header, Op, OpId, decode, decode_header
from identity.errors import Malformed

MAX_NAME_BYTES = 64
MAX_FIELD_BYTES = 16 * 1024

Clock = tuple[int, ...]
"""The highest operation counter in a past, by the index of its actor; a missing tail means 0."""


class AdmittedEdit(NamedTuple):
    """One edit of a document. `deps` are hashes of edits; `order` is a Lamport time, above every dep's."""

    hash: bytes
    actor: bytes
    seq: int
    deps: tuple[bytes, ...]
    order: int
    fields: frozenset[str]


class _Place(NamedTuple):
    """Where an admitted change stands: its last operation's counter and the clock that includes it."""

    last_op: int
    clock: Clock


@dataclass(slots=True)
class _Put:
    """One setting or, without a value, clearing of a field; what it replaced and what replaced it."""

    value: str | None
    preds: tuple[OpId, ...]
    replaced_by: list[OpId] = field(default_factory=list)


class _Field:
    """All settings of one field; `last` are those that nothing replaced."""

    __slots__ = ("last", "puts")

    def __init__(self) -> None:
        self.puts: dict[OpId, _Put] = {}
        self.last: set[OpId] = set()

    def change(self, op_id: OpId, op: Op) -> None:
        for pred in op.preds:
            self.puts[pred].replaced_by.append(op_id)
        self.last.difference_update(op.preds)
        self.last.add(op_id)
        self.puts[op_id] = _Put(op.value, op.preds)

    def standing(self, is_past: Callable[[OpId], bool]) -> list[OpId]:
        """Return the values that nothing in a past had replaced yet, in order.

        Walks back from the last settings and stops at the past: an edit that saw everything costs nothing.
        """
        found: set[OpId] = set()
        waiting = list(self.last)
        seen = set(waiting)
        while waiting:
            op_id = waiting.pop()
            put = self.puts[op_id]
            if not is_past(op_id):
                waiting += [pred for pred in put.preds if pred not in seen]
                seen.update(put.preds)
            elif put.value is not None and not any(map(is_past, put.replaced_by)):
                found.add(op_id)
        return sorted(found)


@dataclass(slots=True)
class Draft:
    """A change that passed, and what admitting it will add."""

    chunk: Chunk
    clock: Clock
    changed: dict[str, Op] = field(default_factory=dict)
    inserted: dict[int, OpId] = field(default_factory=dict)
    followed: set[tuple[OpId, OpId]] = field(default_factory=set)
    deleted: set[OpId] = field(default_factory=set)
    touched: set[str] = field(default_factory=set)


class _Spans:
    """Operation counters of one actor in one text, as runs: typing costs a pair of integers, not one each."""

    __slots__ = ("_ends", "_starts")

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def add(self, counter: int) -> None:
        if self._ends and self._ends[-1] == counter:
            self._ends[-1] = counter + 1
            return
        self._starts.append(counter)
        self._ends.append(counter + 1)

    def __contains__(self, counter: int) -> bool:
        at = bisect_right(self._starts, counter) - 1
        return at >= 0 and counter < self._ends[at]


class Guard:
    """The admitted edits of one document, as far as judging the next one needs them."""

    def __init__(self, first: Chunk | None = None) -> None:
        """Begin with the change that made the document's texts, if it has any."""
        self.first = first
        self.edits: dict[bytes, AdmittedEdit] = {}
        self.heads: set[bytes] = {first.hash} if first else set()
        self._places: dict[bytes, _Place] = {}
        self._actors: dict[bytes, int] = {}
        self._last: dict[bytes, AdmittedEdit] = {}
        self._texts: dict[OpId, str] = {}
        self._characters: dict[tuple[OpId, bytes], _Spans] = {}
        self._fields: dict[str, _Field] = {}
        if first:
            header = first.header
            self._actors[header.actor] = 0
            self._places[first.hash] = _Place(len(first.ops), (len(first.ops),))
            for counter, op in enumerate(first.ops, header.start_op):
                self._texts[counter, header.actor] = str(op.key)
        self._text_names = frozenset(self._texts.values())

    def missing(self, raw: bytes) -> list[bytes]:
        """Return the hashes that an edit builds on and that were not admitted here, in order.

        Raises:
            Malformed: if the edit's header cannot be read.
        """
        return [dep for dep in decode_header(raw)[1].deps if dep not in self._places]

    def check(self, raw: bytes, author: bytes) -> Draft | None:
        """Judge one change; None if it was admitted before.

        Raises:
            Malformed: if it breaks a rule of this module or of `chunk`.
        """
        digest, header = decode_header(raw)
        if header.actor != author:
            raise Malformed("an edit names another device than the one that signed it")
        if digest in self.edits:
            return None
        clock = self._past(header)
        chunk = decode(raw)
        draft = Draft(chunk, clock)
        for counter, op in enumerate(chunk.ops, header.start_op):
            if op.object is None:
                self._check_field(op, draft)
            else:
                self._check_text(counter, op, draft)
        return draft

    def admit(self, draft: Draft) -> AdmittedEdit:
        """Take a change that `check` passed into the past of later ones."""
        header = draft.chunk.header
        index = self._actors.setdefault(header.actor, len(self._actors))
        last_op = header.start_op + len(draft.chunk.ops) - 1
        clock = draft.clock + (0,) * (index + 1 - len(draft.clock))
        edit = self._describe(draft)
        self._places[edit.hash] = _Place(last_op, (*clock[:index], last_op, *clock[index + 1 :]))
        self.edits[edit.hash] = self._last[header.actor] = edit
        self.heads = self.heads.difference(header.deps) | {edit.hash}
        for counter, text in draft.inserted.items():
            self._characters.setdefault((text, header.actor), _Spans()).add(counter)
        for counter, op in enumerate(draft.chunk.ops, header.start_op):
            if isinstance(op.key, str):
                self._fields.setdefault(op.key, _Field()).change((counter, header.actor), op)
        return edit

    def next_header(self, actor: bytes) -> Header:
        """Return the header of a device's next edit, on top of all that is here."""
        last = self._last.get(actor)
        last_op = max((self._places[head].last_op for head in self.heads), default=0)
        return Header(actor, last.seq + 1 if last else 1, last_op + 1, tuple(sorted(self.heads)))

    def text_id(self, name: str) -> OpId:
        """Return the operation that made a text."""
        return next(op_id for op_id, text in self._texts.items() if text == name)

    def standing(self, name: str) -> tuple[OpId, ...]:
        """Return the operations whose values stand in a field: what setting it replaces."""
        changed = self._fields.get(name)
        return tuple(changed.standing(lambda _: True)) if changed else ()

    def values(self, name: str) -> list[str]:
        """Return what stands in a field: several values if people set it at once, the one shown first."""
        changed = self._fields.get(name, _Field())
        values = [changed.puts[op_id].value for op_id in sorted(changed.last, reverse=True)]
        return list(dict.fromkeys(value for value in values if value is not None))

    def _describe(self, draft: Draft) -> AdmittedEdit:
        header = draft.chunk.header
        root = self.first.hash if self.first else b""
        deps = tuple(dep for dep in header.deps if dep != root)
        fields = frozenset(draft.touched | draft.changed.keys())
        return AdmittedEdit(draft.chunk.hash, header.actor, header.seq, deps, header.start_op, fields)

    def _past(self, header: Header) -> Clock:
        places = [self._places.get(dep) for dep in header.deps]
        known = [place for place in places if place is not None]
        if len(known) != len(places) or (self.first and not known):
            raise Malformed("an edit builds on edits that are not here")
        clock = _join(place.clock for place in known)
        last = self._last.get(header.actor)
        if header.seq != (last.seq if last else 0) + 1:
            raise Malformed("an edit's number does not follow its device's last one")
        if last and not self._includes(clock, (self._places[last.hash].last_op, header.actor)):
            raise Malformed("an edit does not build on its device's last one")
        if self.first and header.actor == self.first.header.actor:
            raise Malformed("an edit speaks for the document itself")
        if header.start_op != 1 + max((place.last_op for place in known), default=0):
            raise Malformed("an edit's operations are not counted on from its past")
        return clock

    def _includes(self, clock: Clock, op: OpId) -> bool:
        index = self._actors.get(op[1])
        return index is not None and index < len(clock) and op[0] <= clock[index]

    def _check_field(self, op: Op, draft: Draft) -> None:
        name = op.key
        if not isinstance(name, str) or not 0 < len(name.encode()) <= MAX_NAME_BYTES:
            raise Malformed("a field has no name, or one too long")
        if name in self._text_names or name in draft.changed:
            raise Malformed("an edit overwrites a text, or a field twice")
        if op.insert or op.action not in (SET, DELETE) or (op.value is None) is (op.action == SET):
            raise Malformed("an edit does to a field what cannot be done to it")
        if op.value is not None and len(op.value.encode()) > MAX_FIELD_BYTES:
            raise Malformed(f"a field holds at most {MAX_FIELD_BYTES} bytes")
        changed = self._fields.get(name)
        standing = changed.standing(lambda op_id: self._includes(draft.clock, op_id)) if changed else []
        if list(op.preds) != standing or (op.action == DELETE and not op.preds):
            raise Malformed("an edit does not name the values that it replaces")
        draft.changed[name] = op

    def _check_text(self, counter: int, op: Op, draft: Draft) -> None:
        text, key = op.object, op.key
        if text is None or text not in self._texts or not isinstance(key, tuple):
            raise Malformed("an edit changes an object that documents here do not have")
        if op.insert:
            self._check_insertion((text, key), op, draft)
            draft.inserted[counter] = text
        else:
            self._check_deletion((text, key), op, draft)
        draft.touched.add(self._texts[text])

    def _check_insertion(self, place: tuple[OpId, OpId], op: Op, draft: Draft) -> None:
        if op.action != SET or op.value is None or len(op.value) != 1 or op.preds:
            raise Malformed("an edit inserts something other than a character")
        if place in draft.followed:
            raise Malformed("an edit inserts twice at one place")
        draft.followed.add(place)
        if place[1] != HEAD and not self._is_just_inserted(*place, draft):
            self._check_character(*place, draft)

    def _check_deletion(self, place: tuple[OpId, OpId], op: Op, draft: Draft) -> None:
        character = place[1]
        if op.action != DELETE or op.value is not None or op.preds != (character,) or character in draft.deleted:
            raise Malformed("an edit does to a text what cannot be done to it")
        self._check_character(*place, draft)
        draft.deleted.add(character)

    def _is_just_inserted(self, text: OpId, character: OpId, draft: Draft) -> bool:
        counter, actor = character
        return actor == draft.chunk.header.actor and draft.inserted.get(counter) == text

    def _check_character(self, text: OpId, character: OpId, draft: Draft) -> None:
        """Require that a character was inserted into this text by an edit in the draft's past."""
        spans = self._characters.get((text, character[1]))
        if not spans or character[0] not in spans or not self._includes(draft.clock, character):
            raise Malformed("an edit names a character that its past does not have")


def _join(clocks: Iterable[Clock]) -> Clock:
    """Return the highest counter of each actor."""
    joined: list[int] = []
    for clock in clocks:
        joined.extend([0] * (len(clock) - len(joined)))
        for index, counter in enumerate(clock):
            if counter > joined[index]:
                joined[index] = counter
    return tuple(joined)
