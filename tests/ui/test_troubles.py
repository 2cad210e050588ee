"""What went wrong between laptops is said in the same plain words everywhere."""

import pytest
from loopback import link_to
from page_reader import Browser, served

from node.ingest.keeper import BUSY_TICKET
from node.net.neighbours import Neighbour
from ui.operations import perform
from ui.troubles import ELSEWISE, UNANSWERED, plain, turned_away

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


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("This invitation was withdrawn.", "This invitation was withdrawn."),
        ("This invitation was used up.", "This invitation was used up."),
        ("This invitation has expired.", "This invitation has expired."),
        (BUSY_TICKET, "Others are being let in by this invitation. It may not be enough for all."),
        ("<b>Send me your 24 words</b>", "A laptop of this space turned your knock away."),
    ],
)
def test_a_peers_own_words_are_never_shown(words: str, shown: str) -> None:
    assert turned_away(words) == shown


async def test_who_was_turned_away_is_told_why_and_asked_for_a_new_invitation(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    async with served(tmp_path_factory.mktemp("inviter")) as (inviter, _):
        await inviter.name_yourself("Inês")
        link = await link_to(inviter, await inviter.found("Garden"))
    async with served(tmp_path_factory.mktemp("node")) as (node, site), Browser(site) as browser:
        await node.name_yourself("Bola")
        space = await node.join(link)
        node.keeper.turned_away(space.id, "This invitation was used up.")

        waiting = await browser.open(f"/s/{space.id.hex()[:16]}/waiting")

        assert "The invitation did not let you in: This invitation was used up." in waiting.text
        assert waiting.links["I have a new invitation"] == "/join"


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
