"""Many rows in one statement: fewer steps, and fewer hand-overs of Python's lock between threads."""

import sqlite3
from collections.abc import Sequence
from functools import cache
from typing import Any

_ROWS = 64


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
    """Insert rows, 64 a statement."""
    full = len(rows) - len(rows) % _ROWS
    if full:
        statement = _statement(table, columns, _ROWS, verb)
        for start in range(0, full, _ROWS):
            values = [value for row in rows[start : start + _ROWS] for value in row]
            connection.execute(statement, values)
    if full < len(rows):
        connection.executemany(_statement(table, columns, 1, verb), rows[full:])
