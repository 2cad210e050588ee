"""Operations on posts: write, answer, edit, take back, read, search."""

from identity.keys import to_did
from node.ingest import holons, writing
from node.ingest.spaces import Space
from node.runtime import Node
from node.store import queries
from node.store.queries import PageLine, PostLine
from ui.api_spaces import SPACE, need_space
from ui.operations import Data, Param, as_id, operation

POST = Param("post", "path", "the post's id")
PAGE_SIZE = 30
MAX_PAGE_SIZE = 200


def post_data(line: PostLine, reached: int) -> Data:
    """Return a post as the API shows it."""
    return {
        "id": line.id.hex(), "person": to_did(line.person), "name": line.name or "", "time": line.time,
        "dated": line.dated,
        "text": line.text, "thread": line.thread.hex() if line.thread else None,
        "parent": line.parent.hex() if line.parent else None, "edited": line.edited, "versions": line.versions,
        "retracted": bool(line.retracted), "replies": line.replies, "reached": reached,
        "imported": {"published": line.published, "address": line.address} if line.published is not None else None,
    }  # fmt: skip


def space_of(node: Node, line: PostLine) -> Space:
    """Return the space that a post is in."""
    return next(space for space in node.road.spaces.values() if line.log in space.index.authors)


def reached(node: Node, line: PostLine) -> int:
    """Return how many neighbours are known to hold a post."""
    return node.keeper.reached_by(space_of(node, line).id, line.device, line.seq, line.number)


async def lines_data(node: Node, lines: list[PostLine]) -> list[Data]:
    """Return posts as the API shows them."""
    named = ((line, space_of(node, line)) for line in lines)
    return [
        {**post_data(line, reached(node, line)), "space": space.id.hex(), "space_name": space.name}
        for line, space in named
    ]


@operation("POST", "/spaces/{space}/posts", SPACE, Param("text", "body", "the post, in Markdown"),
           Param("parent", "body", "the post that is answered", required=False))  # fmt: skip
async def post(node: Node, given: Data) -> Data:
    """Write a post, or answer one."""
    space = need_space(node, given["space"])
    parent = as_id(given["parent"], "post") if given.get("parent") else None
    change = await node.road.submit(space, await writing.post_command(node.road, space, given["text"], parent))
    return {"id": change.id.hex()}


@operation("GET", "/spaces/{space}/posts", SPACE,
           Param("before", "query", "the `next` of the page before", required=False),
           Param("limit", "query", "how many (30)", "integer", required=False),
           Param("deep", "query", "also those of its parts, and of what it continues", "boolean",
                 required=False))  # fmt: skip
async def feed(node: Node, given: Data) -> Data:
    """Read the newest posts of a space; imported ones stand where their original date puts them."""
    space = need_space(node, given["space"])
    limit = max(1, min(MAX_PAGE_SIZE, given.get("limit", PAGE_SIZE)))
    before = read_cursor(given.get("before"))
    if given.get("deep"):
        spaces = holons.deep(node.road, space)
        lines = await node.database.read(lambda db: queries.deep_feed(db, spaces, before, limit))
    else:
        lines = await node.database.read(lambda db: queries.feed(db, space.index.no, before, limit))
    more = write_cursor(lines[-1]) if len(lines) == limit else None
    return {"posts": await lines_data(node, lines), "next": more}


def write_cursor(line: PostLine) -> str:
    """Return what names a post's place in a list by date, for the next page to begin behind it."""
    return f"{line.dated}.{line.number}"


def read_cursor(text: str | None) -> tuple[int, int] | None:
    """Read where a page of the feed begins: `date.number`; nonsense begins at the top."""
    parts = (text or "").split(".")
    if len(parts) != 2 or not all(part.isdecimal() and len(part) < 17 for part in parts):
        return None
    return int(parts[0]), int(parts[1])


@operation("GET", "/posts/{post}", POST,
           Param("after", "query", "the `next` of the page before", required=False),
           Param("limit", "query", "how many replies (200)", "integer", required=False))  # fmt: skip
async def thread(node: Node, given: Data) -> Data:
    """Read a post with what answers it, oldest first."""
    after, limit = read_cursor(given.get("after")), max(1, min(MAX_PAGE_SIZE, given.get("limit", MAX_PAGE_SIZE)))
    line = await writing.need_post(node.road, as_id(given["post"], "post"))
    first = line if line.thread is None else await writing.need_post(node.road, line.thread)
    replies = await node.database.read(lambda db: queries.replies(db, first.id, after, limit))
    more = write_cursor(replies[-1]) if len(replies) == limit else None
    return {"post": post_data(first, reached(node, first)), "replies": await lines_data(node, replies), "next": more}


@operation("GET", "/posts/{post}/history", POST)
async def post_history(node: Node, given: Data) -> Data:
    """Read the texts a post has had, oldest first."""
    line = await writing.need_post(node.road, as_id(given["post"], "post"))
    versions = await writing.history_of(node.road, space_of(node, line), line.id)
    return {"versions": [{"id": each.id.hex(), "time": each.time, "text": each.text} for each in versions]}


@operation("PATCH", "/posts/{post}", POST, Param("text", "body", "the new text"))
async def edit(node: Node, given: Data) -> Data:
    """Give a post of yours a new text; the old one stays in its history."""
    line = await writing.need_post(node.road, as_id(given["post"], "post"))
    change = await node.road.submit(space_of(node, line), await writing.edit_command(node.road, line.id, given["text"]))
    return {"id": change.id.hex()}


@operation("DELETE", "/posts/{post}", POST)
async def retract(node: Node, given: Data) -> Data:
    """Take a post of yours back: its text is erased wherever this is heard."""
    line = await writing.need_post(node.road, as_id(given["post"], "post"))
    space = space_of(node, line)
    change = await node.road.submit(space, await writing.retract_command(node.road, space, line.id))
    return {"id": change.id.hex()}


@operation("GET", "/search", Param("words", "query", "what to look for"),
           Param("space", "query", "in which space; everywhere if left out", required=False))  # fmt: skip
async def search(node: Node, given: Data) -> Data:
    """Search all posts and pages on this device."""
    number = need_space(node, given["space"]).index.no if given.get("space") else None
    words = given["words"]
    lines, pages = await node.database.read(
        lambda db: (
            queries.search(db, number, words, PAGE_SIZE),
            queries.search_pages(db, number, words, PAGE_SIZE),
        )
    )
    return {"posts": await lines_data(node, lines), "pages": _pages_data(node, pages)}


def _pages_data(node: Node, pages: list[PageLine]) -> list[Data]:
    spaces = {space.index.no: space.id.hex() for space in node.road.spaces.values()}
    return [
        {
            "space": spaces[page.space], "title": page.title, "body": page.body, "time": page.time,
            "person": to_did(page.person),
        }
        for page in pages if page.space in spaces
    ]  # fmt: skip
