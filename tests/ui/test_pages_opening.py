"""The first minutes, without scripts: name, passphrase, founding, inviting, joining, waiting."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from other_members import Member
from page_reader import Browser, served

from crdt.batch import decode_batch
from identity.phrase import write_phrase
from node.domain.posts import WritePost
from node.ingest import belonging
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


def phrase_of(node: Node) -> str:
    """Return somebody's 24 words."""
    root = node.me.root
    assert root is not None
    return write_phrase(root.seed)


async def test_the_24_words_make_a_new_device_of_the_same_person_who_joins_again(
    tmp_path: Path, fresh: tuple[Node, Site, Browser]
) -> None:
    node, _, browser = fresh
    async with served(tmp_path / "lost") as (lost, _):
        await lost.name_yourself("Inês")
        words, person, device = phrase_of(lost), lost.me.person, lost.road.device.public

    welcome = await browser.open("/")
    asked = await browser.open(welcome.links["I have my 24 words"])
    begin = await browser.send(asked.form("/words"), phrase=words, name="Inês")
    join = await browser.open(begin.links["I have an invitation"])

    assert "You are back, with a new key for this laptop." in begin.text
    assert join.status == 200
    assert (node.me.person, node.me.root is not None) == (person, True)
    assert node.road.device.public != device
    assert await node.name() == "Inês"


async def test_who_came_back_by_words_is_let_in_as_the_same_person(
    tmp_path: Path, fresh: tuple[Node, Site, Browser]
) -> None:
    node, _, browser = fresh
    await node.name_yourself("Amina")
    space = await node.found("Garden")
    bola = await Member.join(node, space, "Bola")
    before = len(space.law.members())
    made = await browser.send((await browser.open(f"/s/{space.id.hex()[:16]}/invite")).form("/invite"), uses="1")
    link = "commons:join/" + made.html.split("commons:join/")[1].split("<")[0]

    async with served(tmp_path / "again") as (again, site), Browser(site) as theirs:
        asked = await theirs.open("/words")
        await theirs.send(asked.form("/words"), phrase=write_phrase(bola.root.seed), name="Bola")
        waiting = await theirs.send((await theirs.open("/join")).form("/join"), invite=link, join="1")
        knock = decode_batch(again.road.spaces[space.id].knock, space.id)
        await node.road.receive(node.road.spaces[space.id], knock, again.road.device.public)
        here = node.road.spaces[space.id]
        await belonging.answer_knocks(node.road, node.me, here)

        assert waiting.url.endswith("/waiting")
        assert len(here.law.members()) == before
        assert here.law.person_of(again.road.device.public) == bola.root.public


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda right: [*right[:2], "gardin", *right[3:]], "Word 3, “gardin”, is not in the list of recovery words"),
        (lambda right: right[:23], "A recovery phrase has 24 words; here are 23."),
        (lambda right: [*right, right[0]], "A recovery phrase has 24 words; here are 25."),
        (
            lambda right: [right[1], right[0], *right[2:]],
            "together they do not fit: a word may be wrong or out of place",
        ),
        (lambda _: [], "A recovery phrase has 24 words; here are 0."),
        (lambda _: ["abandon"] * 2_000, "This is too long for a recovery phrase"),
    ],
)
async def test_wrong_words_come_back_with_what_is_wrong_and_make_nothing(
    fresh: tuple[Node, Site, Browser], change: Callable[[list[str]], list[str]], words: str
) -> None:
    node, _, browser = fresh
    typed = " ".join(change(write_phrase(bytes(range(32))).split()))
    asked = await browser.open("/words")

    refused = await browser.send(asked.form("/words"), phrase=typed, name="Inês")

    assert refused.status == 422
    assert words in refused.text
    assert refused.form("/words").fields["phrase"] == typed
    assert refused.form("/words").fields["name"] == "Inês"
    assert "no-store" in refused.headers["Cache-Control"]
    assert not node.is_ready


async def test_with_right_words_a_name_and_a_passphrase_typed_twice_are_still_needed(
    fresh: tuple[Node, Site, Browser],
) -> None:
    node, _, browser = fresh
    words = write_phrase(bytes(range(32)))
    form = (await browser.open("/words")).form("/words")

    nameless = await browser.send(form, phrase=words, name=" ")
    differing = await browser.send(form, phrase=words, name="Inês", passphrase="one two", again="one too")
    opened = await browser.send(form, phrase=words, name="Inês", passphrase="one two", again="one two")

    assert (nameless.status, differing.status, opened.url) == (422, 422, "/begin")
    assert "A name has 1 to 60 characters." in nameless.text
    assert "The two are not the same." in differing.text
    assert "one too" not in differing.html
    assert node.keyring is not None
    assert node.keyring.is_locked


async def test_words_are_not_asked_for_where_somebody_is(fresh: tuple[Node, Site, Browser]) -> None:
    node, _, browser = fresh
    asked = await browser.open("/words")
    await node.name_yourself("Inês")
    me = node.me.person

    page = await browser.open("/words")
    sent = await browser.send(asked.form("/words"), phrase=write_phrase(bytes(32)), name="Someone else")

    assert (page.url, sent.url) == ("/begin", "/begin")
    assert node.me.person == me
