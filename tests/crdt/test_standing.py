"""What has effect beyond a fork: a function of what is held, whatever order it came in."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crdt.standing import Doubts, Node

PERSONS = [bytes([letter]) * 32 for letter in b"abc"]


def void_by_the_words(nodes: dict[int, Node]) -> set[int]:
    """Return what the rule's words say is void, change by change: what comes later is judged first."""
    pasts: dict[int, set[int]] = {}
    for number in sorted(nodes):
        pasts[number] = set().union(*({parent} | pasts[parent] for parent in nodes[number].parents))
    void: set[int] = set()
    for number in sorted(nodes, reverse=True):
        later = (other for other in nodes if number in pasts[other] and other not in void)
        if nodes[number].suspect and all(nodes[other].person == nodes[number].person for other in later):
            void.add(number)
    return void


def told_at_once(nodes: dict[int, Node]) -> Doubts:
    doubts = Doubts()
    doubts.take(doubts.step(nodes))
    return doubts


def tell(doubts: Doubts, batch: dict[int, Node]) -> None:
    """Tell doubts of a batch as a node does: of what is in doubt itself, or rests on what is."""
    fresh: dict[int, Node] = {}
    for number, node in batch.items():
        if node.suspect or doubts.concern(node.parents) or not fresh.keys().isdisjoint(node.parents):
            fresh[number] = node
    doubts.take(doubts.step(fresh))


@st.composite
def histories(draw: st.DrawFn) -> dict[int, Node]:
    """Draw changes of a few persons that name earlier ones; some lie beyond a fork."""
    nodes: dict[int, Node] = {}
    for number in range(1, draw(st.integers(1, 24)) + 1):
        near = st.integers(max(1, number - 6), number - 1) if number > 1 else st.nothing()
        parents = draw(st.sets(near, max_size=3)) if number > 1 else set()
        nodes[number] = Node(draw(st.sampled_from(PERSONS)), tuple(sorted(parents)), draw(st.booleans()))
    return nodes


@st.composite
def orders(draw: st.DrawFn, nodes: dict[int, Node]) -> list[int]:
    """Draw an order in which parents come before what names them."""
    order: list[int] = []
    while left := [n for n in nodes if n not in order and set(nodes[n].parents) <= set(order)]:
        order.append(draw(st.sampled_from(left)))
    return order


def renumbered(nodes: dict[int, Node], order: Sequence[int]) -> tuple[dict[int, Node], dict[int, int]]:
    """Return the same history as a node holds it that heard of it in another order, and its own numbers."""
    mine = {number: place for place, number in enumerate(order, 1)}
    there = {
        mine[number]: Node(nodes[number].person, tuple(mine[parent] for parent in nodes[number].parents), suspect)
        for number, suspect in ((number, nodes[number].suspect) for number in order)
    }
    return there, mine


@given(histories())
def test_what_is_void_is_what_the_rule_says(nodes: dict[int, Node]) -> None:
    assert told_at_once(nodes).void == void_by_the_words(nodes)


@given(st.data())
def test_whatever_order_changes_and_proofs_come_in_the_same_is_void(data: st.DataObject) -> None:
    nodes = data.draw(histories())
    expected = void_by_the_words(nodes)
    there, mine = renumbered(nodes, data.draw(orders(nodes)))
    proof_after = data.draw(st.integers(0, len(there)), label="changes that came before the proofs")
    sizes = data.draw(st.lists(st.integers(1, 5), min_size=len(there)), label="sizes of batches")

    doubts = told_at_once({number: there[number] for number in range(1, proof_after + 1)})
    start = proof_after + 1
    for size in sizes:
        tell(doubts, {number: there[number] for number in range(start, min(start + size, len(there) + 1))})
        start += size

    assert doubts.void == {mine[number] for number in expected}


@given(histories())
def test_what_only_one_node_holds_beyond_a_fork_alters_nothing(nodes: dict[int, Node]) -> None:
    with_pasts: set[int] = set()
    for number in sorted(nodes, reverse=True):
        if not nodes[number].suspect or number in with_pasts:
            with_pasts |= {number, *nodes[number].parents}
    everywhere = {number: nodes[number] for number in with_pasts}

    assert nodes.keys() - everywhere.keys() <= told_at_once(nodes).void
    assert told_at_once(everywhere).void == told_at_once(nodes).void & everywhere.keys()


A, B, C = PERSONS


@pytest.mark.parametrize(
    ("why", "nodes", "void"),
    [
        ("nobody built on it", {1: Node(A, (), True)}, {1}),
        ("another built on it", {1: Node(A, (), True), 2: Node(B, (1,), False)}, set()),
        ("only its author did", {1: Node(A, (), True), 2: Node(A, (1,), False)}, {1}),
        (
            "its author's other device carried it to another",
            {1: Node(A, (), True), 2: Node(A, (1,), False), 3: Node(B, (2,), False)},
            set(),
        ),
        ("another forked log did, of which nobody knows", {1: Node(A, (), True), 2: Node(B, (1,), True)}, {1, 2}),
        (
            "two forked logs built on one another, and a third on the later",
            {1: Node(A, (), True), 2: Node(B, (1,), True), 3: Node(C, (2,), False)},
            set(),
        ),
        (
            "what answered it stands by its author's own other device",
            {1: Node(A, (), True), 2: Node(B, (1,), True), 3: Node(A, (2,), False)},
            set(),
        ),
    ],
)
def test_a_change_beyond_a_fork_stands_where_another_built_on_it(
    why: str, nodes: dict[int, Node], void: set[int]
) -> None:
    assert (why, told_at_once(nodes).void) == (why, void)


def test_a_long_void_log_is_gone_through_once_not_for_every_change_above_it() -> None:
    class Counting(Doubts):
        settled = 0

        def _settle(self, *arguments: object) -> bytes | None:  # type: ignore[override]
            self.settled += 1
            return super()._settle(*arguments)  # type: ignore[arg-type]

    doubts = Counting()
    tell(doubts, {number: Node(A, (number - 1,) if number > 1 else (), True) for number in range(1, 1_001)})
    before = doubts.settled

    for number in range(1_001, 1_101):
        tell(doubts, {number: Node(A, (number - 1, 1_000), False)})

    assert len(doubts.void) == 1_000
    assert doubts.settled - before < 1_000 + 2 * 100
