"""Adding rows of posts to the read model: whatever else lies between them, each is found once."""

import sqlite3

from hypothesis import given
from hypothesis import strategies as st

from node.domain.posts import Post
from node.store.readmodel import add_posts, create_tables

NUMBERS = st.sets(st.integers(1, 400), min_size=1, max_size=120)


def row(number: int) -> Post:
    return Post(number, 1, 1, number, f"word{number} all", None, None, None, None, 1, 0, None, None, None)


@given(NUMBERS, NUMBERS)
def test_every_added_post_is_found_once_whatever_lies_between_them(earlier: set[int], later: set[int]) -> None:
    connection = sqlite3.connect(":memory:")
    create_tables(connection)

    add_posts(connection, [row(number) for number in earlier])
    add_posts(connection, [row(number) for number in sorted(later - earlier)])

    found = connection.execute("SELECT rowid FROM search WHERE search MATCH 'all' ORDER BY rowid").fetchall()
    assert found == [(number,) for number in sorted(earlier | later)]
    connection.execute("INSERT INTO search(search) VALUES('integrity-check')")
    connection.close()


def test_many_posts_in_a_row_are_found_by_their_own_words() -> None:
    connection = sqlite3.connect(":memory:")
    create_tables(connection)

    add_posts(connection, [row(number) for number in range(100, 200)])

    assert connection.execute("SELECT rowid FROM search WHERE search MATCH 'word150'").fetchall() == [(150,)]
    assert connection.execute("SELECT count(*) FROM search WHERE search MATCH 'all'").fetchone() == (100,)
    connection.close()
