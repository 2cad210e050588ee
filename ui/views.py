"""What pages show: plain records that handlers fill from the read model and templates read.

No template sees a row of the store or a change. Times are milliseconds since the epoch as their authors claimed them,
keys are ``did:key:…`` texts (quilt blocks are drawn from them), addresses within the node are complete paths, and
anything of type Markup was made safe by ui/markup.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from markupsafe import Markup

from node.domain.posts import SAID_BEFORE
from ui.markup import Difference

Sending = Literal["waiting", "sending", "shared"]
Nearness = Literal["here", "connected", "away"]
NOTHING = Markup("")


class PersonRef(NamedTuple):
    """A person as named beside what they did."""

    name: str
    key: str
    url: str
    is_me: bool = False


@dataclass(frozen=True, slots=True)
class NavItem:
    """One area that exists: its icon is a name in icons.svg; ``count`` is what is new to the reader there."""

    label: str
    url: str
    icon: str = ""
    is_current: bool = False
    count: int = 0


class SpaceNode(NamedTuple):
    """A space in the tree of the rail, with the spaces nested in it."""

    name: str
    key: str
    url: str
    is_current: bool = False
    new_count: int = 0
    children: tuple["SpaceNode", ...] = ()


class NodeStatus(NamedTuple):
    """How this node stands: how many neighbours are reached and when something last went to or fro."""

    neighbours: int
    last_exchange_ms: int | None
    last_exchange_with: str
    url: str


class Notice(NamedTuple):
    """One sentence at the head of a page, about what was just done or what should be known."""

    kind: Literal["done", "note", "warning"]
    words: str
    link_url: str = ""
    link_words: str = ""


class FrameView(NamedTuple):
    """What stands around every page. ``live_url`` is empty where a page does not follow along.

    ``done_draft`` is the place of what was just saved: the draft that the browser kept of it is let go.
    """

    home: SpaceNode
    me: PersonRef
    nav: tuple[NavItem, ...]
    spaces: tuple[SpaceNode, ...]
    status: NodeStatus
    form_token: str
    search_url: str
    theme: Literal["", "light", "dark"] = ""
    shortcuts_are_on: bool = True
    live_url: str = ""
    notice: Notice | None = None
    more_url: str = ""
    done_draft: str = ""


@dataclass(frozen=True, slots=True)
class FormView:
    """A form's state: what stands in its fields, and what is wrong with them, by field name; "" is the whole form."""

    action: str
    values: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)


class ComposerView(NamedTuple):
    """Where one writes. ``place`` names the draft; ``readers`` is how many people will be able to read it.

    ``is_shared`` is set once, on the answer to a successful Share: the kept draft is then cleared.
    ``has_returned`` says that the words in the field came back from an undone post: a draft is kept beside them.
    """

    form: FormView
    place: str
    space_name: str
    readers: int
    author_key: str
    is_shared: bool = False
    has_returned: bool = False


class SpaceView(NamedTuple):
    """The head of a space's pages; ``member_keys`` are sewn together into its strip. Who left it reads only."""

    name: str
    key: str
    description: str
    url: str
    invite_url: str
    people_count: int
    member_keys: tuple[str, ...]
    tabs: tuple[NavItem, ...]
    parents: tuple[NavItem, ...] = ()
    is_left: bool = False


class ImportedFrom(NamedTuple):
    """Where an imported post came from: its old address (may be empty) and date."""

    address: str
    original_ms: int

    @property
    def is_again(self) -> bool:
        """Whether its author published it here before, under a key that a fork cut off."""
        return self.address.startswith(SAID_BEFORE)


class MediaView(NamedTuple):
    """A picture of a post, or a file to be saved; ``kind`` is the first half of its media type."""

    url: str
    kind: str
    alt: str
    size_bytes: int


class PostActions(NamedTuple):
    """Addresses of what the reader may do with a post; an empty one is not offered."""

    reply: str = ""
    edit: str = ""
    retract: str = ""
    history: str = ""
    undo: str = ""


class PostView(NamedTuple):
    """A post or a reply as one reader sees it.

    ``sending`` is "waiting" within the ten seconds of undo (``undo_seconds`` are left), or for longer where ``held``
    says why it cannot be signed as things are; "sending" once signed and
    not yet with any neighbour, then "shared" with ``reached`` neighbours known to hold it; ``is_from_here`` says that
    this device signed it, so that none means something. ``depth`` counts from 0 for the thread's first post. ``why``
    says why a ranked item is shown; empty in lists by time. ``decision`` is what the post says the reasons for.
    """

    id: str
    author: PersonRef
    time_ms: int
    text_html: Markup
    thread_url: str
    reply_count: int = 0
    depth: int = 0
    reached: int = 0
    is_from_here: bool = False
    sending: Sending = "shared"
    undo_seconds: int = 0
    held: str = ""
    is_new: bool = False
    is_mine: bool = False
    edited_ms: int | None = None
    is_retracted: bool = False
    is_future_dated: bool = False
    imported: ImportedFrom | None = None
    space: NavItem | None = None
    why: str = ""
    actions: PostActions = PostActions()
    media: tuple[MediaView, ...] = ()
    decision: NavItem | None = None


class ArrivingView(NamedTuple):
    """How many changes of a space are here while more of it arrives, and of about how many."""

    here: int
    whole: int


class FeedView(NamedTuple):
    """Posts by time, newest first. ``new_since_ms`` draws the unread line before the first new one.

    ``newest_url`` leads back to the first page; it is empty there. ``deep_url`` leads to the posts of the space's parts
    beside its own, where it has any.
    """

    place: str
    fragment_url: str
    posts: tuple[PostView, ...]
    new_count: int = 0
    new_since_ms: int | None = None
    older_url: str = ""
    newest_url: str = ""
    deep_url: str = ""


class ThreadView(NamedTuple):
    """A post with its replies in the order they are read, each with its depth.

    There is no composer where nothing can be answered. ``answering`` is whose reply the composer answers, None for
    the first post of the thread; ``whole_url`` leads back to that. A long thread has several pages: ``earlier`` and
    ``later`` lead to the ones around this, with how many replies lie there; ``goes_on`` names and leads to the reply
    on another page that the first one here answers.
    """

    place: str
    fragment_url: str
    posts: tuple[PostView, ...]
    composer: ComposerView | None
    answering: PersonRef | None = None
    whole_url: str = ""
    earlier: NavItem | None = None
    later: NavItem | None = None
    goes_on: NavItem | None = None


class DeviceView(NamedTuple):
    """One installation of a person; ``withdraw_url`` is empty where the reader may not withdraw it."""

    name: str
    key: str
    added_ms: int
    last_seen_ms: int | None = None
    is_this: bool = False
    is_withdrawn: bool = False
    withdraw_url: str = ""


class PersonView(NamedTuple):
    """A member of a space. ``words`` are read aloud to be sure of a key; ``belongs`` says of which parents they are.

    ``roles`` are those held now, in words; ``paused_until_ms`` is set while moderators pause what they post.
    """

    ref: PersonRef
    nearness: Nearness
    joined_ms: int
    last_seen_ms: int | None = None
    invited_by: PersonRef | None = None
    about_html: Markup = NOTHING
    words: tuple[str, ...] = ()
    devices: tuple[DeviceView, ...] = ()
    is_founder: bool = False
    pronouns: str = ""
    edit_url: str = ""
    roles: tuple[str, ...] = ()
    paused_until_ms: int | None = None
    is_former: bool = False
    belongs: tuple[str, ...] = ()


class RevisionView(NamedTuple):
    """One version of the space's page or of a post."""

    author: PersonRef
    time_ms: int
    url: str
    restore_url: str = ""
    is_current: bool = False


class PageView(NamedTuple):
    """The space's page in one of its four faces: read, edit, list of versions, one version against the one before."""

    face: Literal["view", "edit", "history", "compare"]
    title: str
    url: str
    edit_url: str
    history_url: str
    body_html: Markup = NOTHING
    form: FormView | None = None
    revisions: tuple[RevisionView, ...] = ()
    compared: RevisionView | None = None
    differences: tuple[Difference, ...] = ()
    draft: str = ""


class SearchHit(NamedTuple):
    """Something found, and why: the words around what matched, as plain text."""

    kind: str
    title: str
    excerpt: str
    url: str
    author: PersonRef
    time_ms: int
    space_name: str


class ErrorView(NamedTuple):
    """What went wrong, whose turn it is and the ways on. ``words`` of a refusal are the rule's own."""

    status: int
    heading: str
    words: str
    ways: tuple[NavItem, ...] = ()
    reference: str = ""
