"""The first minutes, without scripts: name, passphrase, founding, inviting, joining, waiting."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from page_reader import Browser, served

from node.domain.posts import WritePost
from node.runtime import Node
from ui.app import Site


@pytest.fixture
async def fresh(tmp_path: Path) -> AsyncIterator[tuple[Node, Site, Browser]]:
    """A node where nobody has said their name, and a browser."""
    async with served(tmp_path / "node") as (node, site), Browser(site) as browser:
        yield node, site, browser


async def test_from_first_open_to_the_first_post_without_scripts(fresh: tuple[Node, Site, Browser]) -> None:
    node, _, browser = fresh

    welcome = await browser.open("/")
    begin = await browser.send(welcome.form("/welcome"), name="Inês Duarte")
    feed = await browser.send(begin.form("/begin"), name="Community garden", description="Beds, water and tools.")
    shared = await browser.send(feed.form(feed.url), text="Hello **neighbours**")
    await node.road.submit(next(iter(node.road.spaces.values())), WritePost("Said at once", None, None, []))
    later = await browser.open(shared.url)

    assert welcome.url == "/welcome"
    assert "Hello, Inês Duarte." in begin.text
    assert "Community garden is founded. Say hello, or invite the first neighbour." in feed.text
    assert "Beds, water and tools." in feed.text
    assert "Only you are in Community garden so far" in feed.text
    assert "Nothing written here yet" in feed.text
    assert "Hello neighbours" in shared.text
    assert "founded" not in shared.text
    assert "On this device" in later.text


async def test_every_page_leads_to_the_first_step_until_somebody_said_their_name(
    fresh: tuple[Node, Site, Browser],
) -> None:
    _, _, browser = fresh

    urls = {path: (await browser.open(path)).url for path in ("/", "/settings", "/connections", "/begin", "/search")}

    assert set(urls.values()) == {"/welcome"}


async def test_a_name_without_letters_comes_back_with_a_reason(fresh: tuple[Node, Site, Browser]) -> None:
    _, _, browser = fresh
    welcome = await browser.open("/welcome")

    refused = await browser.send(welcome.form("/welcome"), name="   ")

    assert refused.status == 422
    assert "A name has 1 to 60 characters." in refused.text


async def test_two_passphrases_that_differ_make_no_key_and_keep_the_name(fresh: tuple[Node, Site, Browser]) -> None:
    node, _, browser = fresh
    welcome = await browser.open("/welcome")

    refused = await browser.send(welcome.form("/welcome"), name="Inês", passphrase="one two", again="one too")

    assert refused.status == 422
    assert refused.form("/welcome").fields["name"] == "Inês"
    assert refused.form("/welcome").fields["passphrase"] == ""
    assert not node.is_ready


async def test_a_locked_key_is_opened_on_a_page(tmp_path: Path) -> None:
    async with served(tmp_path / "node") as (node, _):
        await node.name_yourself("Inês", "three old pumps")
        await node.found("Garden")

    async with served(tmp_path / "node") as (node, site), Browser(site) as browser:
        asked = await browser.open("/settings")
        refused = await browser.send(asked.form("/unlock"), passphrase="three new pumps")
        opened = await browser.send(refused.form("/unlock"), passphrase="three old pumps")

        assert asked.url == "/unlock"
        assert refused.status == 422
        assert "passphrase" in refused.text
        assert "three new pumps" not in refused.html
        assert "Garden" in opened.text
        assert node.is_ready


async def test_an_invitation_is_made_read_and_used(tmp_path: Path, fresh: tuple[Node, Site, Browser]) -> None:
    node, _, browser = fresh
    await node.name_yourself("Inês")
    space = await node.found("Garden")
    here = f"/s/{space.id.hex()[:16]}"
    made = await browser.send((await browser.open(f"{here}/invite")).form("/invite"), uses="3", days="7")
    link = made.html.split("commons:join/")[1].split("<")[0]

    async with served(tmp_path / "other") as (other, site), Browser(site) as theirs:
        await other.name_yourself("Bola")
        asked = await theirs.open("/join")
        offered = await theirs.send(asked.form("/join"), invite=f"Come in!\n  commons:join/{link}\n")
        waiting = await theirs.send(offered.form("/join"))

        assert "Good for 3 more people" in made.text
        assert '<svg class="qr"' in made.html
        assert "Inês invites you." in offered.text
        assert "Garden" in offered.text
        assert waiting.url.endswith("/waiting")
        assert "You are let in as soon as" in waiting.text
        assert '<meta http-equiv="refresh" content="5">' in waiting.html


@pytest.mark.parametrize(
    ("pasted", "words"),
    [
        ("hello", "There is no invite in this text"),
        ("commons:join/AAAA", "This invite was"),
        ("commons:join/" + "A" * 500, "invite"),
    ],
)
async def test_what_is_no_invitation_comes_back_with_a_reason(
    fresh: tuple[Node, Site, Browser], pasted: str, words: str
) -> None:
    node, _, browser = fresh
    await node.name_yourself("Inês")
    asked = await browser.open("/join")

    refused = await browser.send(asked.form("/join"), invite=pasted)

    assert refused.status == 422
    assert words in refused.text
    assert refused.form("/join").fields["invite"] == pasted


async def test_a_withdrawn_invitation_says_so(fresh: tuple[Node, Site, Browser]) -> None:
    node, _, browser = fresh
    await node.name_yourself("Inês")
    space = await node.found("Garden")
    page = await browser.open(f"/s/{space.id.hex()[:16]}/invite")
    made = await browser.send(page.form("/invite"), uses="1")

    gone = await browser.send(made.form("/withdraw"))

    assert "The invitation is withdrawn." in gone.text
    assert "more person" not in gone.text
    assert "Withdrawn" in gone.text


@pytest.mark.parametrize("uses", ["0", "-1", "many", "99999999", "١"])
async def test_an_invitation_for_a_wrong_number_comes_back(fresh: tuple[Node, Site, Browser], uses: str) -> None:
    node, _, browser = fresh
    await node.name_yourself("Inês")
    space = await node.found("Garden")
    page = await browser.open(f"/s/{space.id.hex()[:16]}/invite")

    refused = await browser.send(page.form("/invite"), uses=uses)

    assert refused.status == 422
    assert refused.form("/invite").fields["uses"] == uses


async def test_a_space_without_a_name_is_not_founded_and_its_purpose_is_kept(
    fresh: tuple[Node, Site, Browser],
) -> None:
    node, _, browser = fresh
    await node.name_yourself("Inês")
    begin = await browser.open("/begin")

    refused = await browser.send(begin.form("/begin"), name=" ", description="For the street")

    assert refused.status == 422
    assert "A space needs a name." in refused.text
    assert refused.form("/begin").fields["description"] == "For the street"
    assert not node.road.spaces
