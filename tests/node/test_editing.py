"""Edits of one page that are made at once, on one node."""

import asyncio

from loopback import Neighbourhood

from node.domain.documents import page_id
from node.ingest.writing import edit_page, open_document


async def test_edits_of_one_page_at_once_are_all_kept(start: Neighbourhood) -> None:
    node = await start("Amina")
    space = await node.found("Garden")
    await edit_page(node.road, space, "Garden", "one\n\ntwo\n\nthree\n")
    document, _ = await open_document(node.road, space, page_id())
    seen = document.heads()

    await asyncio.gather(
        edit_page(node.road, space, "Garden", "ONE\n\ntwo\n\nthree\n", seen),
        edit_page(node.road, space, "Garden", "one\n\ntwo\n\nTHREE\n", seen),
    )

    document, _ = await open_document(node.road, node.road.spaces[space.id], page_id())
    assert document.text("body") == "ONE\n\ntwo\n\nTHREE\n"
