"""Many rows in one statement: fewer steps, and fewer hand-overs of Python's lock between threads."""

import itertools
import sqlite3
from collections.abc import Sequence
from functools import cache
from typing import Any

_ROWS = (128, 32, 8, 2, 1)  # few distinct statements, and few steps for any number of rows


@cache
def _statement(table: str, columns: tuple[str, ...], rows: int, verb: str) -> str:
    marks = "(" + ",".join("?" * len(columns)) + ")"
    return f"{verb} INTO {table}({','.join(columns)}) VALUES {','.join([marks] * rows)}"


def insert_many(
    connection: sqlite3.Connection,
    table: str,
    columns: tuple[str, ...],
    rows: Sequence[Sequence[Any]],
    verb: str = "INSERT",
) -> None:
    """Insert rows, up to 128 a statement.

    Each step of a statement gives Python's lock away and waits to get it back, so a row a step is slow while another
    thread is busy.
    """
    start = 0
    for size in _ROWS:
        while len(rows) - start >= size:
            values = list(itertools.chain.from_iterable(rows[start : start + size]))
            connection.execute(_statement(table, columns, size, verb), values)
            start += size
