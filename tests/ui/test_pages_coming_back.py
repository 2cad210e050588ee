"""Coming back by those one trusts, on the pages of real nodes and without scripts; and what those see who are asked."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from loopback import link_to, same, until
from page_reader import Browser, Shown, served

from identity.keys import to_did
from node.domain.law.membership import LeaveSpace
from node.ingest.spaces import Space
from node.runtime import Node

LOOPBACK = ("/ip4/127.0.0.1/tcp/0",)


@dataclass
class Person:
    """A node with its pages, and a browser before them."""

    node: Node
    browser: Browser


class Village:
    """People with real nodes and pages; a garden that Bola founded."""

    def __init__(self, stack: AsyncExitStack, folder: Path) -> None:
        self._stack, self._folder = stack, folder
        self.id = b""

    async def sit_down(self, folder: str, name: str = "") -> Person:
        """Let somebody sit down at a laptop; with a name, they have said it."""
        node, site = await self._stack.enter_async_context(served(self._folder / folder, listen=LOOPBACK))
        await node.start_network_when_ready()
        browser = await self._stack.enter_async_context(Browser(site))
        if name:
            await node.name_yourself(name)
        return Person(node, browser)

    def space(self, one: Person) -> Space:
        return one.node.road.spaces[self.id]

    @property
    def here(self) -> str:
        return f"/s/{self.id.hex()[:16]}"

    async def link(self, host: Person) -> str:
        return await link_to(host.node, self.space(host), uses=9)


@dataclass
class Garden:
    village: Village
    amina: Person
    bola: Person
    chidi: Person


@pytest.fixture
async def garden(tmp_path: Path) -> AsyncIterator[Garden]:
    """Amina, Bola and Chidi, who share a garden."""
    async with AsyncExitStack() as stack:
        village = Village(stack, tmp_path)
        amina, bola, chidi = [await village.sit_down(name, name) for name in ("Amina", "Bola", "Chidi")]
        village.id = (await bola.node.found("Garden")).id
        link = await village.link(bola)
        for one in (amina, chidi):
            await one.node.join(link)
        nodes = [one.node for one in (amina, bola, chidi)]
        await until(lambda: same(village.id, *nodes) and len(village.space(amina).law.members()) == 3)
        yield Garden(village, amina, bola, chidi)


async def shows(one: Person, path: str, words: str) -> Shown:
    """Open a page again and again until it says something."""
    found: list[Shown] = []

    async def said() -> bool:
        found[:] = [await one.browser.open(path)]
        return words in found[0].text

    await until(said)
    return found[0]


async def trust(garden: Garden, *, needed: str = "2") -> Shown:
    """Let Amina choose Bola and Chidi on her page."""
    page = await shows(garden.amina, f"{garden.village.here}/trusted", "Chidi")
    picked = {f"pick-{to_did(one.node.me.person)}": "1" for one in (garden.bola, garden.chidi)}
    return await garden.amina.browser.send(page.form("/trusted"), needed=needed, **picked)


async def test_who_lost_everything_comes_back_by_those_they_trust(garden: Garden) -> None:
    village, bola, chidi = garden.village, garden.bola, garden.chidi
    amina = garden.amina.node.me.person
    chosen = await trust(garden)
    await shows(bola, "/", "Garden")
    await until(lambda: same(village.id, garden.amina.node, bola.node, chidi.node))
    await garden.amina.node.close()

    fresh = await village.sit_down("new laptop")
    welcome = await fresh.browser.open("/")
    lost = await fresh.browser.open(welcome.links["I lost my laptop: ask the people I trust"])
    wrong = await fresh.browser.send(lost.form("/lost"), name="Amina again", invite="hello")
    waiting = await fresh.browser.send(wrong.form("/lost"), invite=await village.link(bola))
    who = await shows(fresh, waiting.url, "Who are you?")
    who = await shows(fresh, f"{village.here}/come-back", "That is me")
    asked = await fresh.browser.send(who.form("/come-back"), person=to_did(amina))
    code = next(part for part in asked.text.split() if part.isdecimal() and len(part) == 3)
    digits = " ".join([code, *asked.text.split(code, 1)[1].split()[:3]])
    for one in (bola, chidi):
        notice = await shows(one, "/", "Somebody says to be Amina, on a new laptop")
        theirs = await one.browser.open(notice.links["See what to do"])
        mistaken = await one.browser.send(theirs.form(theirs.url), code="000 000 000 000")
        given = await one.browser.send(mistaken.form(theirs.url), code=digits)
        after = await one.browser.open("/")
        assert "Is it really Amina?" in theirs.text
        assert mistaken.status == 422
        assert "not the code" in mistaken.text
        assert "You have given your share" in given.text
        assert "Somebody says to be" not in after.text
    ready = await shows(fresh, asked.url, "Enough have given")
    back = await fresh.browser.send(ready.form("/finish"))
    feed = await fresh.browser.open("/")

    assert "2 of 2 together can let you in again" in chosen.text
    assert wrong.status == 422
    assert wrong.form("/lost").fields["name"] == "Amina again"
    assert '<meta http-equiv="refresh"' in asked.html
    assert "Call each of them, and read this out" in asked.text
    assert "You are yourself again" in back.text
    assert back.url.endswith("/come-back/done")
    assert fresh.node.me.person == amina
    assert "new name" not in feed.text
    devices = await fresh.browser.open("/settings/devices")
    assert "Device 2 This device" in devices.text
    assert "Device 1" in devices.text


async def asking_as_amina(garden: Garden, name: str) -> Person:
    """Let somebody join whom Bola invites, and say that they are Amina."""
    village = garden.village
    one = await village.sit_down(name, name)
    await one.node.join(await village.link(garden.bola))
    await until(lambda: village.id in one.node.road.spaces and village.space(one).state == "member")
    who = await shows(one, f"{village.here}/come-back", "That is me")
    await one.browser.send(who.form("/come-back"), person=to_did(garden.amina.node.me.person))
    return one


async def test_who_asks_in_somebodys_name_is_seen_by_them_and_gets_nothing(garden: Garden) -> None:
    village, amina, bola = garden.village, garden.amina, garden.bola
    await trust(garden)
    mallory = await asking_as_amina(garden, "Mallory")

    warned = await shows(amina, "/settings", "asks the people you trust for your key")
    page = await amina.browser.open(warned.links["Look at it now"])
    said = await amina.browser.send(page.form("/decline"))
    told = await shows(mallory, f"{village.here}/come-back", "it was said: this is not me")
    theirs = await shows(bola, f"{village.here}/trusted", "It was said that this is not Amina.")
    asking = await bola.browser.open(theirs.links["See what to do"])

    assert "Was that you?" in page.text
    assert "Mallory" in page.text
    assert "You have said that this is not you." in said.text
    assert not [form for form in told.forms if form.action.endswith("/finish")]
    assert "Amina says: this is not me. Give nothing" in asking.text
    assert not [form for form in asking.forms if "code" in form.fields]


async def test_who_declines_can_give_after_all(garden: Garden) -> None:
    village, bola = garden.village, garden.bola
    await trust(garden)
    eve = await asking_as_amina(garden, "Eve")
    notice = await shows(bola, "/", "Somebody says to be Amina")
    page = await bola.browser.open(notice.links["See what to do"])

    no = await bola.browser.send(page.form("/decline"))
    seen = await shows(garden.chidi, page.url, "Said no")
    waits = await shows(eve, f"{village.here}/come-back", "Said no")

    assert "You said no. If it turns out to be them after all, you can still give." in no.text
    assert [form for form in no.forms if "code" in form.fields]
    assert not [form for form in no.forms if form.action.endswith("/decline")]
    assert seen.status == waits.status == 200


async def test_choosing_too_few_comes_back_with_a_reason_and_the_ticks_stay(garden: Garden) -> None:
    page = await shows(garden.amina, f"{garden.village.here}/trusted", "Chidi")
    pick = f"pick-{to_did(garden.bola.node.me.person)}"

    refused = await garden.amina.browser.send(page.form("/trusted"), needed="2", **{pick: "1"})
    nonsense = await garden.amina.browser.send(page.form("/trusted"), needed="many", **{pick: "1"})

    for answer in (refused, nonsense):
        assert answer.status == 422
        assert "Trust 2 to 32 members, of whom at least 2 are needed." in answer.text
        assert answer.form("/trusted").fields[pick] == "1"


async def test_when_too_few_are_left_the_person_is_told(garden: Garden) -> None:
    await trust(garden)
    await garden.chidi.node.road.submit(garden.village.space(garden.chidi), LeaveSpace())

    notice = await shows(garden.amina, "/settings", "Too few of the people you trust")
    page = await garden.amina.browser.open(notice.links["Choose others"])

    assert "Too few of them are still here. Choose others below." in page.text
    assert "Chidi No longer here" in page.text


async def test_an_asking_that_is_none_of_ones_business_is_not_there(garden: Garden) -> None:
    missing = await garden.bola.browser.open(f"{garden.village.here}/asked/{'00' * 32}")

    assert missing.status == 404


async def test_a_link_for_devices_is_no_way_in_for_who_lost_everything(garden: Garden) -> None:
    village = garden.village
    link = await link_to(garden.bola.node, village.space(garden.bola), device=True)
    fresh = await village.sit_down("new laptop")
    lost = await fresh.browser.open("/lost")

    refused = await fresh.browser.send(lost.form("/lost"), name="Amina", invite=link)

    assert refused.status == 422
    assert "This link adds a device." in refused.text
    assert not fresh.node.is_ready
    assert (await garden.bola.browser.open("/lost")).url != "/lost"
