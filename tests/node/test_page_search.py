"""Searching the texts of pages: what they say now, in which space, also after a rebuild."""

from node.ingest.profiles import edit_profile
from node.ingest.spaces import Space
from node.ingest.writing import edit_page
from node.runtime import Node
from node.store import queries, readmodel
from node.upkeep import rebuild_space


async def found(node: Node, words: str, space: Space | None = None) -> list[tuple[str, str]]:
    no = space.index.no if space else None
    lines = await node.database.read(lambda db: queries.search_pages(db, no, words, 9))
    return [(line.title, line.body) for line in lines]


async def test_a_page_is_found_by_its_title_and_its_text(node: Node) -> None:
    garden = await node.found("Garden")
    await edit_page(node.road, garden, "Beds and water", "The key hangs on the *nail*.")

    page = ("Beds and water", "The key hangs on the *nail*.")
    assert await found(node, "water nai") == [page]
    assert await found(node, "WÄTER") == [page]
    assert await found(node, "hammer") == []
    assert await found(node, '"* XOR') == []
    assert await found(node, "") == []


async def test_what_a_page_no_longer_says_is_not_found(node: Node) -> None:
    garden = await node.found("Garden")
    await edit_page(node.road, garden, "Beds", "The key hangs on the nail.")

    await edit_page(node.road, garden, "Beds", "The key lies under the stone.")

    assert await found(node, "nail") == []
    assert await found(node, "stone") == [("Beds", "The key lies under the stone.")]


async def test_a_title_weighs_more_and_a_space_can_be_named(node: Node) -> None:
    garden, library = await node.found("Garden"), await node.found("Library")
    await edit_page(node.road, library, "Books", "Some of them about water.")
    await edit_page(node.road, garden, "Water", "The well is behind the shed, and the pump beside it.")

    assert [title for title, _ in await found(node, "water")] == ["Water", "Books"]
    assert [title for title, _ in await found(node, "water", library)] == ["Books"]


async def test_a_profile_is_no_page(node: Node) -> None:
    garden = await node.found("Garden")

    await edit_profile(node.road, garden, {"name": "Ana", "about": "I like water."})

    assert await found(node, "water") == []


async def test_a_rebuild_finds_the_same(node: Node) -> None:
    garden, library = await node.found("Garden"), await node.found("Library")
    await edit_page(node.road, garden, "Water", "The well.")
    await edit_page(node.road, library, "Books", "About water.")
    before = await found(node, "water")

    rebuilt = await rebuild_space(node, garden)
    after = await found(node, "water")
    await node.database.writer.run(readmodel.drop_tables)
    dropped = await found(node, "water")
    for space in (garden, library):
        await node.road.rebuild(space)

    assert rebuilt["same"]
    assert after == before
    assert dropped == []
    assert await found(node, "water") == before
