"""What the pages about one's own devices, and about coming back by those one trusts, show. See ui/views.py."""

from typing import Literal, NamedTuple

from ui.views import NavItem, PersonRef


class DeviceLine(NamedTuple):
    """One of the reader's own devices; an empty address is not offered.

    `spaces` names where it stands, where that is not everywhere; `seals` where its person's office of sealing lies on
    it. `ended_ms` is None while it stands somewhere.
    """

    name: str
    key: str
    added_ms: int
    last_seen_ms: int | None = None
    is_this: bool = False
    spaces: tuple[str, ...] = ()
    seals: tuple[str, ...] = ()
    ended_ms: int | None = None
    ended_by: str = ""
    end_url: str = ""
    place_url: str = ""


class DutyView(NamedTuple):
    """The reader seals decisions in a space, but not from this device: from which (or none), and what changes that."""

    space_name: str
    device_name: str
    end_url: str
    decide_url: str


class Keeper(NamedTuple):
    """Somebody who holds a share of a key, and what they have done about an asking."""

    person: PersonRef
    state: Literal["holds", "gone", "gave", "declined", "waits"] = "holds"


class AskedView(NamedTuple):
    """Somebody asks for the share of a key: `who` they say they are, `by` what name they came in.

    `role` says what the reader is in it: whose key it is, who holds a share, or anybody else.
    """

    who: PersonRef
    by: PersonRef
    time_ms: int
    keepers: tuple[Keeper, ...]
    needed: int
    given: int
    role: Literal["owner", "keeper", "other"]
    did: Literal["", "gave", "declined"] = ""
    is_denied: bool = False
    url: str = ""
    decline_url: str = ""


class ComeBackView(NamedTuple):
    """What somebody sees who asked for their own key: the digits to read out, and who has given so far."""

    who: PersonRef
    code: str
    keepers: tuple[Keeper, ...]
    needed: int
    given: int
    is_denied: bool
    finish_url: str
    trouble: str = ""


class TrustView(NamedTuple):
    """Whom the reader trusts with their key in a space; `needed` is 0 while they trust nobody."""

    keepers: tuple[Keeper, ...]
    needed: int
    is_short: bool
    holds_key: bool
    askings: tuple[AskedView, ...]
    words_url: str
    come_back_url: str
    elsewhere: tuple[NavItem, ...] = ()
