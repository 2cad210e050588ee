"""Pages on parts, the deep feed, archives and continuing, in a real browser: accessible, and no wider than a phone."""

from collections.abc import Iterator

import pytest
from community import Faults, Laptop, Loop
from other_members import Member
from playwright.sync_api import Browser

from node.domain.posts import WritePost
from node.ingest import continuing
from node.runtime import Node

pytestmark = pytest.mark.browser
PAGES = ("parts", "deep", "continue", "archive", "people", "")


async def settle(node: Node) -> str:
    """Fill a node with spaces within each other; returns the address of one that has everything."""
    await node.name_yourself("Inês Duarte")
    town = await node.found("Bairro da Graça", {"layer": "place", "competences": ["energy", "water"]})
    await Member.join(node, town, "Bola Adeyemi", 1)
    await Member.join(node, town, "يوسف أمراني", 2)
    other = await node.found("Federation of gardens", {"layer": "function", "publish_log": True})
    parents = {"parents": [town.id, other.id], "members_of_parent": True}
    hall = await node.found("A hall with quite a long name that two communities share", parents)
    await Member.join(node, hall, "يوسف أمراني", 2)
    room = await node.found("Kitchen", {"parents": [hall.id]})
    await node.found("Region", {"parents": [bytes(range(32))]})
    for space in (town, hall, room):
        await node.road.submit(space, WritePost(f"Written in {space.name}", None, None, []))
    new = await node.found("Hall, continued", {**continuing.rules_of(hall), "publish_log": True})
    await node.found("Corner", {"parents": [new.id]})
    return f"/s/{new.id.hex()[:16]}"


@pytest.fixture(scope="module")
def town(loop: Loop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Laptop, str]]:
    """A laptop with spaces within each other, and the address of one."""
    laptop = Laptop(loop, tmp_path_factory.mktemp("town"))
    yield laptop, loop.run(settle(laptop.node))
    laptop.close()


@pytest.mark.parametrize("language", ["en", "ar"])
def test_every_page_is_accessible_and_fits(
    browser: Browser, town: tuple[Laptop, str], language: str, everywhere: Faults
) -> None:
    laptop, here = town
    addresses = {name: f"{here}/{name}".rstrip("/") for name in PAGES} | {"unpack": "/unpack"}

    with laptop.opened(browser, (1280, "light", language)) as page:
        found = laptop.walked(page, addresses, everywhere)

    assert found == []


def test_without_scripts_a_part_is_founded_and_read_deep(browser: Browser, town: tuple[Laptop, str]) -> None:
    laptop, here = town

    with laptop.opened(browser, java_script_enabled=False) as page:
        page.goto(f"{laptop.site.url}{here}/parts")
        page.get_by_label("What is it called?").fill("A part without scripts")
        page.get_by_role("button", name="Found the part").click()
        page.goto(f"{laptop.site.url}{here}")
        page.get_by_role("link", name="With its parts").click()
        page.goto(f"{laptop.site.url}{here}/parts")

        assert page.locator(".branches").get_by_role("link", name="A part without scripts").is_visible()
