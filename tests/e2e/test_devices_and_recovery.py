"""Devices, people one trusts and coming back, in a real browser: accessible, following along, and without scripts."""

from collections.abc import Iterator

import pytest
from community import Faults, Laptop, Loop
from more_devices import enter
from other_members import Member
from playwright.sync_api import Browser, expect

from identity.keys import to_did
from identity.sealed import seal_to
from node.domain.recovery import AskRecovery, GiveShare, ShareKey, check_of
from node.ingest import recovery
from node.ingest.spaces import Space
from ui.operations import perform

pytestmark = pytest.mark.browser


def part(member: bytes, device: bytes, number: int) -> list[object]:
    """Return the part of a sharing that is sealed to a device."""
    return [member, check_of(bytes(32), number), [[device, seal_to(b"a share", device)]]]


async def fill(laptop: Laptop) -> dict[str, str]:
    """Give a laptop devices, people it trusts, and people who ask; returns its pages."""
    node = laptop.node
    await node.name_yourself("Inês Duarte")
    space = await node.found("Community garden")
    phone, netbook = [to_did(await enter(node, space, slot)) for slot in (1, 2)]
    await perform(node, "revoke_everywhere", {"device": netbook})
    space = node.road.spaces[space.id]  # as it stands after the cut
    bola, samir, dina = [
        await Member.join(node, space, name, seed)
        for seed, name in enumerate(("Bola Adeyemi", "سمير ناصر", "Dina (new laptop)"), 1)
    ]
    trusted = [to_did(one.root.public) for one in (bola, samir)]
    await perform(node, "share_key", {"space": space.id.hex(), "trusted": trusted, "needed": 2})
    me, them = node.me.person, bola.root.public
    parts = [part(me, node.road.device.public, 1), part(samir.root.public, samir.device.public, 2)]
    await bola.say(ShareKey(them, 2, parts))
    for person in (them, me):
        await dina.say(AskRecovery(person))
    known = {asking.person: asking.id.hex() for asking in await recovery.all_askings(node.road, space)}
    empty = await node.found("Tool library")
    here, there = f"/s/{space.id.hex()[:16]}", f"/s/{empty.id.hex()[:16]}"
    return {
        "devices": "/settings/devices",
        "end": f"/settings/devices/{phone}/end",
        "trusted": f"{here}/trusted",
        "trusted nobody": f"{there}/trusted",
        "asked": f"{here}/asked/{known[them]}",
        "asked for one's own": f"{here}/asked/{known[me]}",
        "who": f"{here}/come-back",
        "who nobody": f"{there}/come-back",
        "done": f"{here}/come-back/done",
        "feed": here,
        "settings": "/settings",
    }


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    """The loop that the nodes run in."""
    running = Loop()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def garden(loop: Loop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Laptop, dict[str, str]]]:
    """A laptop with devices and trust, and the addresses of pages."""
    laptop = Laptop(loop, tmp_path_factory.mktemp("devices"))
    yield laptop, loop.run(fill(laptop))
    laptop.close()


@pytest.fixture(scope="module")
def fresh(loop: Loop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    """A laptop on which nobody said their name."""
    laptop = Laptop(loop, tmp_path_factory.mktemp("fresh"))
    yield laptop
    laptop.close()


@pytest.mark.parametrize("language", ["en", "ar"])
def test_every_page_of_devices_and_trust_is_accessible_and_fits(
    browser: Browser, garden: tuple[Laptop, dict[str, str]], fresh: Laptop, language: str, everywhere: Faults
) -> None:
    laptop, pages = garden
    found: dict[str, list[str]] = {}

    with laptop.opened(browser, (1280, "light", language)) as page:
        for name, address in pages.items():
            page.goto(laptop.site.url + address)
            page.evaluate("for (const fold of document.querySelectorAll('main details')) fold.open = true")
            found[name] = everywhere(page)
        fresh.let_in(page)
        page.goto(fresh.site.url + "/lost")
        found["lost"] = everywhere(page)

    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_who_waits_sees_each_share_arrive_by_itself(
    browser: Browser, loop: Loop, tmp_path_factory: pytest.TempPathFactory, faults: Faults
) -> None:
    laptop = Laptop(loop, tmp_path_factory.mktemp("waiting"))

    async def village() -> tuple[Space, list[Member]]:
        await laptop.node.name_yourself("Amina (new laptop)")
        space = await laptop.node.found("Community garden")
        people = [
            await Member.join(laptop.node, space, name, at) for at, name in enumerate(("Amina", "Bola", "Chidi"), 1)
        ]
        parts = [part(one.root.public, one.device.public, at) for at, one in enumerate(people[1:], 1)]
        await people[0].say(ShareKey(people[0].root.public, 2, parts))
        return space, people

    space, (amina, bola, chidi) = loop.run(village())
    page = browser.new_page(viewport={"width": 390, "height": 844}, locale="en")
    laptop.let_in(page)
    page.goto(f"{laptop.here}/come-back")
    page.get_by_role("button", name="That is me Amina").click()
    expect(page.get_by_role("img", name="Your twelve digits")).to_be_visible()
    before = faults(page)

    async def give(one: Member) -> None:
        (asking,) = await recovery.all_askings(laptop.node.road, space)
        await one.say(GiveShare(amina.root.public, asking.id, seal_to(b"anything", laptop.node.road.device.public)))

    loop.run(give(bola))
    expect(page.get_by_text("Has given")).to_have_count(1)
    loop.run(give(chidi))
    expect(page.get_by_role("button", name="Become myself again")).to_be_visible()
    after = faults(page)
    page.get_by_role("button", name="Become myself again").click()
    expect(page.get_by_text("0 of 2 shares are here.")).to_be_visible()
    refused = faults(page)
    page.close()
    laptop.close()

    assert (before, after, refused) == ([], [], [])


def test_a_device_is_ended_by_keyboard_and_without_scripts(
    browser: Browser, loop: Loop, tmp_path_factory: pytest.TempPathFactory
) -> None:
    laptop = Laptop(loop, tmp_path_factory.mktemp("ending"))

    async def settle() -> None:
        await laptop.node.name_yourself("Amina")
        space = await laptop.node.found("Garden")
        await enter(laptop.node, space, 1)

    loop.run(settle())
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844}, locale="en")
    page = context.new_page()
    laptop.let_in(page)
    page.goto(f"{laptop.site.url}/settings")
    page.get_by_role("link", name="Devices").click()
    page.get_by_role("link", name="End this device … Device 2").focus()
    page.keyboard.press("Enter")
    page.get_by_label("I am sure").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="End it now").focus()
    page.keyboard.press("Enter")

    expect(page.get_by_text("Device 2 has ended.")).to_be_visible()
    expect(page.get_by_role("heading", name="Ended")).to_be_visible()
    context.close()
    laptop.close()
