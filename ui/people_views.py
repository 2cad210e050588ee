"""What the pages of profiles, consents and welcoming show. See ui/views.py."""

from typing import Literal, NamedTuple

from ui.views import NavItem, PersonRef


class FieldLine(NamedTuple):
    """A field of a profile as a page shows it. `meant` says in words whom it is for, where that needs saying."""

    label: str
    value: str
    meant: str = ""
    url: str = ""
    is_sealed: bool = False


class Reader(NamedTuple):
    """Somebody who may be chosen to read a field."""

    person: PersonRef
    is_chosen: bool


class ConsentLine(NamedTuple):
    """One consent: to what, towards whom (None: anybody), how it stands and since when; `by` goes into its form."""

    use: str
    words: str
    towards: PersonRef | None
    by: str
    state: Literal["asked", "given", "withdrawn", "open"]
    time_ms: int | None


class Greeting(NamedTuple):
    """Somebody to greet, and why."""

    person: PersonRef
    why: str


class Newcomer(NamedTuple):
    """Somebody whom nobody greeted yet; `url` is where one does: their first post, or their page."""

    person: PersonRef
    url: str
    has_written: bool


class News(NamedTuple):
    """What is for the reader alone: where they say hello, whom they might greet, where they were mentioned by whom."""

    hello_url: str = ""
    newcomers: tuple[Newcomer, ...] = ()
    mentions: tuple[NavItem, ...] = ()
