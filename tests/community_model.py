"""What a community must come to, as a plain model: sets of acts, and nothing of how nodes store or send them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar


@dataclass(frozen=True)
class Act:
    """Something a person did, with everything their device knew at that moment.

    `id` is the change's; `about` the post that an edit or a retraction is about, or the post that is answered.
    """

    number: int
    person: bytes
    past: frozenset[int]
    id: bytes = b""


@dataclass(frozen=True)
class Wrote(Act):
    """Wrote a post, or answered one."""

    text: str = ""
    parent: int | None = None


@dataclass(frozen=True)
class Edited(Act):
    """Gave a post of their own a new text."""

    post: int = 0
    text: str = ""


@dataclass(frozen=True)
class Retracted(Act):
    """Took a post of their own back, with the edits they knew of."""

    post: int = 0
    erased: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Paged(Act):
    """Edited the page: gave it a title, put in one new character, or took some out."""

    title: str | None = None
    letter: str = ""
    left: str = ""
    right: str = ""
    gone: str = ""


A = TypeVar("A", bound=Act)


@dataclass
class Model:
    """All acts there ever were, which of them each node holds, and of which devices it knows that they belong."""

    acts: list[Act] = field(default_factory=list)
    known: dict[str, set[int]] = field(default_factory=dict)
    members: dict[str, set[bytes]] = field(default_factory=dict)

    def enter(self, node: str, device: bytes, host: str | None = None) -> None:
        """A device comes in, by itself or let in by a host, whose node it then has met."""
        self.known.setdefault(node, set())
        self.members.setdefault(node, set()).add(device)
        if host is not None:
            self.merge(node, host)

    def can_talk(self, one: tuple[str, bytes], other: tuple[str, bytes]) -> bool:
        """Tell whether one of two nodes knows that the other belongs: two whom others let in apart cannot tell yet."""
        return one[1] in self.members[other[0]] or other[1] in self.members[one[0]]

    def past(self, node: str) -> frozenset[int]:
        """Return what a node knows now."""
        return frozenset(self.known[node])

    def add(self, node: str, act: Act) -> None:
        """Note what was done on a node."""
        assert act.number == len(self.acts)
        self.acts.append(act)
        self.known[node].add(act.number)

    def merge(self, one: str, other: str) -> None:
        """Two nodes met."""
        both = self.known[one] | self.known[other]
        self.known[one], self.known[other] = set(both), set(both)
        members = self.members[one] | self.members[other]
        self.members[one], self.members[other] = set(members), set(members)

    # -- what a node must show ---------------------------------------------------------------------------------------

    def _of(self, node: str) -> list[Act]:
        return [self.acts[number] for number in sorted(self.known[node])]

    def posts(self, node: str) -> list[Wrote]:
        """Return the posts that a node holds, retracted ones too."""
        return [act for act in self._of(node) if isinstance(act, Wrote)]

    def is_retracted(self, node: str, post: Wrote) -> bool:
        """Tell whether a node knows that a post was taken back."""
        return any(isinstance(act, Retracted) and act.post == post.number for act in self._of(node))

    def standing_posts(self, node: str) -> list[Wrote]:
        """Return the posts that a node shows with their text."""
        return [post for post in self.posts(node) if not self.is_retracted(node, post)]

    def edits(self, node: str, post: Wrote) -> list[Edited]:
        """Return the edits of a post that a node holds."""
        return [act for act in self._of(node) if isinstance(act, Edited) and act.post == post.number]

    def possible_texts(self, node: str, post: Wrote) -> set[str]:
        """Return the texts that a post may have: the last one, or one of those written without knowing each other."""
        last = latest(self.edits(node, post))
        return {edit.text for edit in last} or {post.text}

    def erased(self, node: str) -> set[bytes]:
        """Return the ids of all changes whose bodies a node must have dropped."""
        numbers: set[int] = set()
        for act in self._of(node):
            if isinstance(act, Retracted):
                numbers |= {act.post, *act.erased} & self.known[node]
        return {self.acts[number].id for number in numbers}

    def page(self, node: str) -> list[Paged]:
        """Return the edits of the page that a node holds."""
        return [act for act in self._of(node) if isinstance(act, Paged)]

    def letters(self, node: str) -> set[str]:
        """Return the characters that a node's page consists of."""
        page = self.page(node)
        return {act.letter for act in page if act.letter} - {letter for act in page for letter in act.gone}

    def _titled(self, node: str) -> list[Paged]:
        return latest([act for act in self.page(node) if act.title is not None])

    def is_open_title(self, node: str, title: str) -> bool:
        """Tell whether saying this title says something: it is another one, or several stand against each other."""
        return [act.title for act in self._titled(node)] != [title]

    def possible_titles(self, node: str) -> set[str]:
        """Return the titles that a node's page may have."""
        return {act.title or "" for act in self._titled(node)} or {""}

    def keeps_order(self, node: str, body: str) -> bool:
        """Tell whether every character stands between the two it was put between, as far as they are there."""
        at = {letter: place for place, letter in enumerate(body)}
        return all(
            at[before] < at[after]
            for act in self.page(node)
            for before, after in ((act.left, act.letter), (act.letter, act.right))
            if before in at and after in at
        )


def latest(acts: Iterable[A]) -> list[A]:
    """Return the acts that no other of them knew of."""
    every = list(acts)
    return [act for act in every if not any(act.number in other.past for other in every)]
