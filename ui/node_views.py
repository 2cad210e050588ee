"""What the pages about the node itself show: neighbours, the log, invitations, keys, imports. See ui/views.py."""

from typing import Literal, NamedTuple

from markupsafe import Markup

from ui.views import NOTHING, FormView, NavItem, Nearness, PersonRef


class PeerView(NamedTuple):
    """A node we exchange with, and how the last time went.

    ``received`` counts changes that came from it since this node started, ``sent`` those of this device that it is
    known to hold.
    """

    person: PersonRef
    device_name: str
    nearness: Nearness
    way: str
    last_exchange_ms: int | None
    received: int = 0
    sent: int = 0
    last_error: str = ""
    retry_url: str = ""


class LogRow(NamedTuple):
    """One change on the public log; ``reason`` is why it was refused, empty if it has effect."""

    id: str
    time_ms: int
    author: PersonRef
    kind: str
    summary: str
    seq: int
    size_bytes: int
    reason: str = ""
    url: str = ""


class ChangeView(NamedTuple):
    """One change by itself: its line of the log, how it is signed, what it rests on, what it says field by field."""

    row: LogRow
    klass: str
    device: str
    signature: str
    before: tuple[NavItem, ...]
    rests_on: tuple[NavItem, ...]
    fields: tuple[tuple[str, str], ...]
    post_url: str
    log_url: str
    decision_url: str = ""


class InviteView(NamedTuple):
    """An invitation that can still be used, or was withdrawn; ``qr`` is its drawing."""

    link: str
    qr: Markup
    made_ms: int
    expires_ms: int
    uses: int
    used: int
    withdraw_url: str = ""
    is_withdrawn: bool = False
    is_over: bool = False


class InviteOffer(NamedTuple):
    """What an invitation says, shown before one joins."""

    space_name: str
    space_key: str
    inviter: PersonRef
    expires_ms: int


class GuestView(NamedTuple):
    """How far a newcomer's coming in is, as a laptop said at a time: the one that invited them, or another.

    ``names`` are those of who vouched; ``vote`` is "", "open", "over" (and not sealed yet) or "no". Where the one that
    invited said so earlier, ``others_say`` is what another laptop counted since. ``rules`` are sentences.
    """

    admission: str
    needed: int
    vouched: int
    names: tuple[str, ...]
    vote: str
    ends_ms: int
    is_inviters: bool
    time_ms: int
    others_say: int | None = None
    rules: tuple[str, ...] = ()


class WaitingView(NamedTuple):
    """What one knows while one waits to be let in: who is near, and what kept laptops from being reached.

    ``refusal`` says why the knock was turned away, nearly always empty; ``guest`` how far one's coming in is, if
    anybody told.
    """

    space_name: str
    space_key: str
    neighbours: int
    is_near_inviter: bool
    troubles: tuple[str, ...]
    lan_is_on: bool
    ways: tuple[NavItem, ...]
    refusal: str = ""
    join_url: str = ""
    guest: GuestView | None = None


class DeviceOffer(NamedTuple):
    """A link that makes another laptop a device of the same person."""

    link: str
    qr: Markup
    expires_ms: int


class Safety(NamedTuple):
    """How the person's key is kept. ``words`` is empty unless they asked to see them (``shown``).

    ``show_url`` is empty on a device that does not hold the person's key.
    """

    passphrase: FormView
    key_is_locked: bool
    show_url: str
    hide_url: str
    words: tuple[str, ...] = ()
    shown: bool = False


class CutOffView(NamedTuple):
    """Something of one's own that a fork cut off: when it was first said, what it is, its words."""

    time_ms: int
    what: str
    text_html: Markup = NOTHING


class ImportProgress(NamedTuple):
    """How far an import has come; ``total`` is None while the archive is still being read."""

    name: str
    state: Literal["reading", "running", "stopped", "done"]
    done: int
    total: int | None
    already_there: int = 0
    skipped: tuple[tuple[str, int], ...] = ()
    stop_url: str = ""
    resume_url: str = ""
