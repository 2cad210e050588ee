"""What went wrong between laptops is said in the same plain words everywhere."""

import pytest
from page_reader import Browser, served

from node.net.neighbours import Neighbour
from ui.operations import perform
from ui.troubles import ELSEWISE, UNANSWERED, plain

PEER = bytes(range(32))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("no connection: All 1 connection attempts to connect failed", UNANSWERED),
        ("nobody answered in time", UNANSWERED),
        ("no connection: [Errno 111] Connection refused", UNANSWERED),
        ("no connection: [Errno 113] No route to host", UNANSWERED),
        ("the peer does not answer", "It stopped answering."),
        ("the peer closed the connection", "The connection broke off."),
        ("the connection broke: BrokenResourceError", "The connection broke off."),
        ("there is no space in common", "It is in none of your spaces."),
        ("the peer talks before it said hello", "It sent something that makes no sense, so the connection was closed."),
        ("no connection: Remote peer ID mismatch", "Another laptop answers at its address."),
        ("KeyError: 'x'", ELSEWISE),
        ("", ELSEWISE),
    ],
)
def test_every_error_between_laptops_has_a_plain_sentence(error: str, words: str) -> None:
    assert plain(error) == words


async def test_pages_and_the_api_say_the_same(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with served(tmp_path_factory.mktemp("node")) as (node, site), Browser(site) as browser:
        await node.name_yourself("Inês")
        node.neighbours.known[PEER] = Neighbour(
            PEER, ["/ip4/192.168.1.9/tcp/4001"], error="no connection: All 1 connection attempts to connect failed"
        )

        page = await browser.open("/connections")
        told = await perform(node, "peers", {})

        assert UNANSWERED in page.text
        assert "attempts" not in page.text
        assert [peer["trouble"] for peer in told["peers"]] == [UNANSWERED]
