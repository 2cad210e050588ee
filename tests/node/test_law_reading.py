"""Opening a space reads its law, which is short, and must not look through its logs, which are long."""

import sqlite3

from loopback import Neighbourhood

from node.domain.posts import WritePost
from node.store import log as store_log


async def test_reading_the_law_never_looks_through_whole_logs(start: Neighbourhood) -> None:
    node = await start("Amina")
    space = await node.found("Garden")
    await node.road.submit(space, WritePost("hello", None, None, []))
    reader = sqlite3.connect(f"{node.database.path.as_uri()}?mode=ro", uri=True)
    asked: list[str] = []
    reader.set_trace_callback(asked.append)
    index = store_log.SpaceIndex(space.index.no, space.id)

    store_log.load_history(reader, index)
    law = store_log.read_law(reader, index)

    reader.set_trace_callback(None)
    plans = [plan for query in asked if "class < 2" in query for plan in reader.execute(f"EXPLAIN QUERY PLAN {query}")]
    reader.close()
    assert law[0].change.id == space.id
    assert [plan[3] for plan in plans if " change " in plan[3]] == ["SCAN change USING INDEX change_law"] * 2
