"""What the pages of profiles, consents and welcoming show. See ui/views.py."""

from dataclasses import dataclass
from typing import Literal

from ui.views import NavItem, PersonRef


@dataclass(frozen=True, slots=True)
class FieldLine:
    """A field of a profile as a page shows it. `meant` says in words whom it is for, where that needs saying."""

    label: str
    value: str
    meant: str = ""
    url: str = ""
    is_sealed: bool = False


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who may be chosen to read a field."""

    person: PersonRef
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class ConsentLine:
    """One consent: to what, towards whom (None: anybody), how it stands and since when; `by` goes into its form."""

    use: str
    words: str
    towards: PersonRef | None
    by: str
    state: Literal["asked", "given", "withdrawn", "open"]
    time_ms: int | None


@dataclass(frozen=True, slots=True)
class Greeting:
    """Somebody to greet, and why."""

    person: PersonRef
    why: str


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody whom nobody greeted yet; `url` is where one does: their first post, or their page."""

    person: PersonRef
    url: str
    has_written: bool


@dataclass(frozen=True, slots=True)
class News:
    """What is for the reader alone: where they say hello, whom they might greet, where they were mentioned by whom."""

    hello_url: str = ""
    newcomers: tuple[Newcomer, ...] = ()
    mentions: tuple[NavItem, ...] = ()
