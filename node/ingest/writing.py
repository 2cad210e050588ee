"""What a member writes: each is checked as the rules say, in the member's words, before it is signed."""

from collections.abc import Mapping, Sequence

from crdt.change import BINDING
from crdt.chunk import decode_header
from crdt.document import Document
from node.domain.area import Fact, need, require
from node.domain.consents import MENTION
from node.domain.documents import EditDocument, blank, fold_edits, page_id
from node.domain.mentions import with_mentions
from node.domain.posts import EditPost, RetractPost, Version, WritePost, allow_text, versions
from node.ingest.consents import may_mention, said_to
from node.ingest.road import Road
from node.ingest.spaces import Space
from node.store import queries
from node.store.forks import effective_about
from node.store.queries import PostLine


async def post_command(road: Road, space: Space, text: str, parent: bytes | None) -> WritePost:
    """Return the command that says something, or answers a post.

    Raises:
        Refused: in the member's words.
    """
    allow_text(text)
    require(space.state == "member", "You can write here once you have been let in.")
    text = await naming(road, space, text)
    allow_text(text)
    if parent is None:
        return WritePost(text, None, None, [])
    answered = await need_post(road, parent)
    require(not answered.retracted, "This post was taken back; nothing can be answered any more.")
    return WritePost(text, answered.thread or answered.id, answered.id, [])


async def edit_command(road: Road, post: bytes, text: str) -> EditPost:
    """Return the command that gives a post of one's own a new text."""
    line = await need_post(road, post)
    require(road.is_me(line.person), "Only its author can edit a post.")
    require(not line.retracted, "This post was taken back.")
    allow_text(text)
    space = next(space for space in road.spaces.values() if line.log in space.index.authors)
    text = await naming(road, space, text)
    require(text != line.text, "The text is the same as before.")
    allow_text(text)
    return EditPost(post, text)


async def naming(road: Road, space: Space, text: str) -> str:
    """Return a text with a mention for each `@name` of a member who lets this person mention them."""
    if "@" not in text:
        return text
    members = space.law.members()
    said = await said_to(road, space, MENTION)
    named = await road.database.read(lambda db: queries.names(db, space.index.no))
    may = {person for person in members if may_mention(said, person, road.me)}
    return with_mentions(text, {person: name for person, name in named.items() if person in members}, may)


async def retract_command(road: Road, space: Space, post: bytes) -> RetractPost:
    """Return the command that takes a post of one's own back, everywhere it is heard."""
    line = await need_post(road, post)
    require(road.is_me(line.person), "Only its author can take a post back.")
    require(not line.retracted, "This post was taken back already.")
    facts = await facts_about(road, space, post)
    edits = [fact.id for fact in facts if isinstance(fact.command, EditPost) and fact.person == line.person]
    source = await road.database.read(lambda db: queries.source_of(db, line.number))
    granted = space.law.grants.get(road.device.public)
    return RetractPost(post, line.thread, line.parent, edits, source, granted[0].certificate if granted else None)


async def need_post(road: Road, post: bytes) -> PostLine:
    """Return a post.

    Raises:
        Refused: if it is not here.
    """
    return need(await road.database.read(lambda db: queries.post(db, post)), "This post is not on this device.")


async def facts_about(road: Road, space: Space, subject: bytes) -> list[Fact]:
    """Return everything that was said about a subject and counts, as far as it can be read here."""
    stored = await road.database.read(lambda db: effective_about(db, space.index, subject))
    opened = ((entry, space.open(entry.change).command) for entry in stored if entry.change.header.klass > BINDING)
    return [space.fact(entry, command) for entry, command in opened if command is not None]


async def history_of(road: Road, space: Space, post: bytes) -> list[Version]:
    """Return the texts a post has had, oldest first."""
    return versions(await facts_about(road, space, post))


# -- documents ------------------------------------------------------------------------------------------------------


async def open_document(road: Road, space: Space, id_: bytes) -> tuple[Document, Mapping[bytes, Fact]]:
    """Return a shared document as this device would edit it, and which change brought which of its edits."""
    document = blank(id_, road.device.public)
    return document, fold_edits(document, await facts_about(road, space, id_))


async def edit_page(road: Road, space: Space, title: str, body: str, seen: Sequence[bytes] = ()) -> int:
    """Change the space's page; returns how many edits it took.

    `seen` are the heads of the version that was edited: what others changed since then is kept.
    """
    require(len(title) <= 200, "A title can hold 200 characters.")
    async with road.editing:
        document, _ = await open_document(road, space, page_id())
        edits = []
        field = document.put_fields({"title": title or None})  # left empty, it stands against no title of another's
        edits += [field] if field else []
        edits += document.splice_text("body", merged(document, body, seen))
        for edit in edits:
            await road.submit(space, EditDocument(page_id(), edit))
    return len(edits)


def merged(document: Document, body: str, seen: Sequence[bytes]) -> str:
    """Return the text that keeps both what was typed and what arrived while it was typed."""
    heads = [head for head in seen if head in {edit.hash for edit in document.history()}]
    if not heads or set(heads) == set(document.heads()):
        return body
    typed = blank(page_id(), bytes(31) + b"\x01")
    for raw in raws_until(document, heads):
        typed.admit(*raw)
    typed.splice_text("body", body)
    for raw in raws_until(document, document.heads()):
        typed.admit(*raw)
    return typed.text("body")


def raws_until(document: Document, heads: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
    """Return the edits in the past of some heads, as (raw, author), in causal order."""
    edits = {edit.hash: edit for edit in document.history()}
    past: set[bytes] = set()
    todo = list(heads)
    while todo:
        hash_ = todo.pop()
        if hash_ in edits and hash_ not in past:
            past.add(hash_)
            todo += edits[hash_].deps
    hashed = ((decode_header(raw)[0], raw) for raw in document.raws())
    return [(raw, edits[hash_].actor) for hash_, raw in hashed if hash_ in past]


async def restore_page(road: Road, space: Space, version: bytes) -> int:
    """Bring the space's page back to an earlier version; returns how many edits it took."""
    async with road.editing:
        document, _ = await open_document(road, space, page_id())
        edits = document.restore(version)
        for edit in edits:
            await road.submit(space, EditDocument(page_id(), edit))
    return len(edits)
