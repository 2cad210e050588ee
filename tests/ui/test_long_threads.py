"""Long threads: pages that together are the whole, links that find a reply wherever it stands, by plain links alone."""

from collections.abc import Generator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from page_reader import Place, post_ids

from crdt.change import Change
from node.domain.posts import WritePost
from node.ingest.spaces import Space
from node.runtime import Node
from node.store.queries import Answer
from ui.operations import perform
from ui.pages.reading import LAST, PAGE_SIZE, reading_order, window_of

FIRST = b"first"


async def long_thread(node: Node, space: Space, count: int) -> tuple[bytes, list[bytes]]:
    """Write a post with many answers, the second of which is answered too; returns it and the answers."""

    def commands() -> Generator[Any, Change, None]:
        first = yield WritePost("How shall we water?", None, None, [])
        answers = []
        for number in range(count - 1):
            answer = yield WritePost(f"Answer {number}", first.id, first.id, [])
            answers += [answer]
        yield WritePost("Answer within", first.id, answers[1].id, [])

    changes = await node.road.submit_all(space, commands())
    return changes[0].id, [change.id for change in changes[1:]]


def outlines() -> st.SearchStrategy[list[Answer]]:
    """Threads of up to 40 answers to each other, to what is not here, and in circles."""
    parents = st.lists(st.integers(-2, 39), max_size=40)
    return parents.map(lambda named: [Answer(b"%d" % n, _parent(p), n) for n, p in enumerate(named)])


def _parent(number: int) -> bytes | None:
    return {-1: FIRST, -2: None}.get(number, b"%d" % number)


@given(outlines())
def test_everything_is_read_once_and_after_what_it_answers(answers: list[Answer]) -> None:
    places = reading_order(FIRST, answers)

    order = [place.answer for place in places]
    index = {answer.id: n for n, answer in enumerate(order)}
    assert sorted(order) == sorted(answers)
    for n, place in enumerate(places):
        parent = index.get(place.answer.parent or b"")
        if place.depth > 1:
            assert parent is not None
            assert parent < n
            assert places[parent].depth == place.depth - 1


@given(outlines(), st.integers(1, 9))
def test_the_pages_together_are_the_whole_and_each_holds_what_it_is_asked_for(answers: list[Answer], size: int) -> None:
    places = reading_order(FIRST, answers)

    window = window_of(places, None, size)
    shown = list(window.places)
    while window.later is not None:
        window = window_of(places, window.later, size)
        shown += window.places

    assert shown == places
    assert window == window_of(places, LAST, size)
    for n, place in enumerate(places):
        at = window_of(places, place.answer.id, size)
        assert place in at.places
        assert at.before + len(at.places) + at.behind == len(places)
        assert at.before <= n < at.before + size


async def test_a_long_thread_is_walked_by_plain_links(garden: Place) -> None:
    node, space, browser, here = garden
    first, answers = await long_thread(node, space, 250)

    one = await browser.open(f"{here}/posts/{first.hex()}")
    two = await browser.open(one.links["Show 150 more replies"])
    three = await browser.open(two.links["Show 50 more replies"])
    back = await browser.open(three.links["200 earlier replies"])

    pages = [post_ids(page) for page in (one, two, three)]
    assert [len(ids) for ids in pages] == [PAGE_SIZE + 1, PAGE_SIZE + 1, 51]
    assert {ids[0] for ids in pages} == {first.hex()}
    assert {id_ for ids in pages for id_ in ids[1:]} == {answer.hex() for answer in answers}
    assert "earlier" not in one.text
    assert "more replies" not in three.text
    assert post_ids(back) == pages[1]


async def test_a_link_to_a_reply_opens_the_page_that_holds_it(garden: Place) -> None:
    node, space, browser, here = garden
    _, answers = await long_thread(node, space, 250)
    deep = answers[200].hex()

    found = await browser.open("/search?q=Answer+200")
    linked = await browser.open(found.links["Answer 200"].split("#")[0])
    answering = await browser.open(f"{here}/posts/{deep}")

    assert found.links["Answer 200"].endswith(f"?at={deep}#post-{deep}")
    assert deep in post_ids(linked)
    assert deep in post_ids(answering)
    assert "You answer" in answering.text


async def test_an_address_that_names_nothing_opens_the_first_page(garden: Place) -> None:
    node, space, browser, here = garden
    first, _ = await long_thread(node, space, 120)
    whole = await browser.open(f"{here}/posts/{first.hex()}")

    for at in ("xyz", "0" * 64, "%00\u00e9"):
        page = await browser.open(f"{here}/posts/{first.hex()}?at={at}")
        assert (page.status, post_ids(page)) == (200, post_ids(whole))


async def test_what_one_answers_is_seen_at_once_on_the_page_where_it_will_stand(garden: Place) -> None:
    node, space, browser, here = garden
    first, answers = await long_thread(node, space, 150)

    whole = await browser.send((await browser.open(f"{here}/posts/{first.hex()}")).form(first.hex()), text="At the end")
    early = await browser.open(f"{here}/posts/{answers[0].hex()}")
    within = await browser.send(early.form(answers[0].hex()), text="At the beginning")

    assert "At the end" in whole.text
    assert answers[-2].hex() in post_ids(whole)
    assert "At the beginning" in within.text
    assert "At the end" not in within.text
    assert answers[0].hex() in post_ids(within)


async def test_a_page_that_goes_on_takes_in_nothing_that_arrives(garden: Place) -> None:
    node, space, browser, here = garden
    first, _ = await long_thread(node, space, 120)

    one = await browser.open(f"{here}/posts/{first.hex()}")
    last = await browser.open(f"{here}/posts/{first.hex()}?at=last")

    assert 'data-live-order="closed"' in one.html
    assert 'data-live-order="oldest-first"' in last.html


async def test_a_page_that_begins_within_an_answer_says_whose(garden: Place) -> None:
    node, space, browser, here = garden
    first = (await node.road.submit(space, WritePost("How shall we water?", None, None, []))).id

    def commands() -> Generator[Any, Change, None]:
        answer = yield WritePost("By hand", first, first, [])
        for number in range(PAGE_SIZE + 5):
            yield WritePost(f"Within {number}", first, answer.id, [])

    answer = (await node.road.submit_all(space, commands()))[0].id
    last = await browser.open(f"{here}/posts/{first.hex()}?at=last")
    said = await browser.open(last.links["What they said"].split("#")[0])

    assert "What follows answers" in last.text
    assert answer.hex() in post_ids(said)


async def test_the_api_pages_the_replies_too(garden: Place) -> None:
    node, space, _, _ = garden
    first, answers = await long_thread(node, space, 120)
    given = {"post": first.hex(), "limit": 50}
    shown: list[str] = []

    data = await perform(node, "thread", given)
    shown += [reply["id"] for reply in data["replies"]]
    while data["next"] is not None:
        data = await perform(node, "thread", given | {"after": data["next"]})
        shown += [reply["id"] for reply in data["replies"]]

    assert shown == [answer.hex() for answer in answers]
