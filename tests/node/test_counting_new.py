"""Counting what is new looks at what came since, not at the whole feed."""

import sqlite3
from collections.abc import Callable

import pytest
from loopback import Neighbourhood

from node.store import queries

Count = Callable[[sqlite3.Connection, int, int, int], int]


@pytest.mark.parametrize("count", [queries.count_new, queries.count_fresh])
async def test_what_is_new_is_counted_from_the_newest(start: Neighbourhood, count: Count) -> None:
    node = await start("Amina")
    reader = sqlite3.connect(f"{node.database.path.as_uri()}?mode=ro", uri=True)
    asked: list[str] = []
    reader.set_trace_callback(asked.append)

    counted = count(reader, 1, 0, 0)

    reader.set_trace_callback(None)
    plan = reader.execute(f"EXPLAIN QUERY PLAN {asked[0]}").fetchall()
    reader.close()
    assert counted == 0
    assert [step[3] for step in plan] == ["SEARCH post USING INTEGER PRIMARY KEY (rowid>?)"]
