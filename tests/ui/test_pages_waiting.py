"""The page of who waits to be let in: how far it is, whose word that is, and nothing that nobody can know."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from loopback import link_to
from page_reader import Browser, Shown, served

from identity.keys import SigningKey
from node.domain.law.guests import Word, write_word
from node.ingest.spaces import Space
from node.runtime import Node
from ui.commands import _space_state
from ui.operations import perform

DAY_MS = 86_400_000
BY_ANOTHER = {"said_by_inviter": False, "admission": "vote", "vote": None}
ANOTHER = SigningKey(b"a" * 32).public


@asynccontextmanager
async def waiting(folder: Path) -> AsyncIterator[tuple[Node, Callable[..., None], Callable[[], Awaitable[Shown]]]]:
    """Give a node that waits at a space, a way to tell it something, and its page."""
    async with (
        served(folder / "inviter") as (amina, _),
        served(folder / "node") as (node, site),
        Browser(site) as browser,
    ):
        await amina.name_yourself("Amina")
        garden = await amina.found("Garden")
        await node.name_yourself("Chidi")
        space: Space = await node.join(await link_to(amina, garden))
        site.pages.hub.attach()
        (knock,) = space.law.joins

        def tell(word: Word, *, by: bytes = amina.road.device.public) -> None:
            data = write_word(word._replace(knock=knock))
            node.keeper.waiting(space.id, by, amina.road.device.public, data)

        async def page() -> Shown:
            return await browser.open(f"/s/{space.id.hex()[:16]}/waiting")

        yield node, tell, page


def word(admission: str, *rest: object, **more: object) -> Word:
    """Return a word about whatever knock there is."""
    return Word(b"", admission, *rest, **more)  # type: ignore[arg-type]


async def test_who_vouched_is_named_as_the_laptop_that_invited_says(tmp_path: Path) -> None:
    async with waiting(tmp_path) as (_, tell, page):
        before = await page()
        tell(word("vouch", 3, 0))
        nobody = await page()
        tell(word("vouch", 3, 2, ("Amina", "Bola"), rules=(("admission", "vouch"), ("vouchers", 3))))
        some = await page()

    assert "guest" not in before.text
    assert "You are a guest here until 3 members have vouched for you." in nobody.text
    assert "Nobody has vouched for you yet." in nobody.text
    assert "2 of 3 have vouched: Amina , Bola" in some.text
    assert "So says the laptop that invited you" in some.text
    assert "Whoever enough members vouch for is let in." in some.text
    assert "part of no other space" not in some.text


async def test_what_another_laptop_says_is_shown_as_what_it_is(tmp_path: Path) -> None:
    async with waiting(tmp_path) as (_, tell, page):
        tell(word("vouch", 3, 3, ("The mayor",), rules=(("quorum", [0, 1]),)), by=ANOTHER)
        alone = await page()
        tell(word("vouch", 3, 1, ("Bola",)))
        tell(word("vouch", 3, 2), by=ANOTHER)
        both = await page()

    assert "3 of 3 have vouched." in alone.text
    assert "but not the one that invited you, which cannot be checked from here" in alone.text
    assert "mayor" not in alone.text
    assert "That is enough" not in alone.text
    assert "The rules of this space" not in alone.text
    assert "1 of 3 has vouched: Bola" in both.text
    assert "Another laptop that knows this space has counted 2 since" in both.text


@pytest.mark.parametrize(
    ("vote", "days", "words"),
    [
        ("", 0, "Nobody has put it to the vote yet."),
        ("open", 2, "They vote on it now, until:"),
        ("open", -1, "The vote on it is over."),
        ("no", 0, "They have voted, and the answer was no."),
    ],
)
async def test_a_vote_on_a_newcomer_is_followed(tmp_path: Path, vote: str, days: int, words: str) -> None:
    async with waiting(tmp_path) as (node, tell, page):
        tell(word("vote", vote=vote, ends_ms=node.clock_ms() + days * DAY_MS if days else 0))

        shown = await page()

    assert "until the members have decided to let you in" in shown.text
    assert words in shown.text


async def test_names_that_are_markup_are_words(tmp_path: Path) -> None:
    async with waiting(tmp_path) as (_, tell, page):
        tell(word("vouch", 3, 1, ("<b onclick=x>Bo</b>",)))

        shown = await page()

    assert "<b onclick" not in shown.html
    assert "<b onclick=x>Bo</b>" in shown.text


async def test_an_open_page_and_the_api_hear_of_it(tmp_path: Path) -> None:
    async with served(tmp_path / "inviter") as (amina, _), served(tmp_path / "node") as (node, site):
        await amina.name_yourself("Amina")
        garden = await amina.found("Garden")
        await node.name_yourself("Chidi")
        async with Browser(site) as browser, browser.stream() as stream:
            space = await node.join(await link_to(amina, garden))
            site.pages.hub.attach()
            (knock,) = space.law.joins
            inviter = amina.road.device.public
            for vouched in (0, 1, 1, 1):
                node.keeper.waiting(
                    space.id, inviter, inviter, write_word(Word(knock, "vouch", 2, vouched, ("Bola",)[:vouched]))
                )
            listed = await perform(node, "spaces", {})
            told_by_another = {**listed["spaces"][0], "waiting": {**listed["spaces"][0]["waiting"], **BY_ANOTHER}}
            heard = b""
            while b'"kind": "part"' not in heard:
                heard += await stream.content.readany()

    said = listed["spaces"][0]["waiting"]
    assert (said["vouched"], said["needed"], said["names"], said["said_by_inviter"]) == (1, 2, ["Bola"], True)
    assert _space_state(listed["spaces"][0]) == "waiting to be let in; 1 of 2 vouched: Bola"
    assert _space_state(told_by_another).endswith("no vote yet (so says a laptop that did not invite you)")
    assert heard.count(b'"kind": "part"') == 1
