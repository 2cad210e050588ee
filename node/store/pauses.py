"""What somebody said within a time, on disk, so that it can be judged anew. Runs in the database's thread."""

import sqlite3

from crdt.change import TALK
from node.store import readmodel


def forget_talk(
    connection: sqlite3.Connection, space: int, person: bytes, span: tuple[int, int], reason: str
) -> list[int]:
    """Take away the rows of what a person says to have said in a span of ms, and that it was refused for a reason.

    Returns the numbers of these changes, to be folded again.
    """
    rows = connection.execute(
        "SELECT change.number FROM change JOIN log ON log.no = change.log"
        " WHERE log.space = ? AND log.person = ? AND class = ? AND change.time BETWEEN ? AND ?",
        (space, person, TALK, *span),
    )
    numbers = [row[0] for row in rows]
    marks = [(number, reason) for number in numbers]
    connection.executemany("DELETE FROM refusal WHERE number = ? AND reason = ?", marks)
    readmodel.remove_posts(connection, numbers)
    return numbers
