"""Pages on spaces within spaces, archives and published logs: filled, refused, and without scripts."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from gardens import QUICK
from other_members import Member
from page_reader import Browser, Place, place, post_ids, served

from node.domain.posts import WritePost
from ui.operations import perform


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Place]:
    """A member with a space, a browser, and the space's address."""
    rules = {**QUICK, "publish_log": True, "layer": "place", "competences": ["water"]}
    async with place(tmp_path / "node", "Town", rules) as one:
        yield one


async def test_a_part_is_founded_from_the_page_and_stands_in_the_tree(town: Place) -> None:
    node, space, browser, here = town
    page = await browser.open(f"{here}/parts")

    founded = await browser.send(page.form(f"{here}/parts"), name="Street", members_of_parent="1")
    tree = await browser.open(f"{here}/parts")

    assert "Street is founded, as a part of Town." in founded.text
    assert tree.text.index("Town This space") < tree.text.index("Level 2: Street")
    assert "All of them are also in the space above." in tree.text
    assert "It is for everybody of a place." in tree.text
    street = next(one for one in node.road.spaces.values() if one.name == "Street")
    assert street.law.present().sealed.charter["members_of_parent"]
    inside = await browser.open(f"/s/{street.id.hex()[:16]}/parts")
    assert inside.links["Town"] == here
    assert "Town decides for it about: water. In all else it is free." in inside.text
    proposing = await browser.open(f"/s/{street.id.hex()[:16]}/decisions/new/rule?rule=quorum")
    assert "Town decides for it about: water. In all else it is free." in proposing.text
    given = {"space": street.id.hex(), "effects": [["rule", "quorum", [1, 2]]]}
    made = await perform(node, "propose", given)
    assert made["bound_by"] == [{"space": space.id.hex(), "name": "Town", "about": ["water"]}]


async def test_a_part_without_a_name_comes_back_with_a_word(town: Place) -> None:
    _, _, browser, here = town
    page = await browser.open(f"{here}/parts")

    again = await browser.send(page.form(f"{here}/parts"), name="  ")

    assert again.status == 422
    assert "A space needs a name." in again.text


async def test_several_parents_rings_and_unknown_spaces_are_marked(town: Place) -> None:
    node, town_space, browser, here = town
    other = await node.found("Region", {"parents": [bytes(32)]})
    await node.found("Hall", {"parents": [town_space.id, other.id]})

    tree = (await browser.open(f"{here}/parts")).text

    assert "A space that you are not in (00000000)" in tree
    assert tree.count("Part of 2 spaces") == 2
    assert "Level 2: Region" in tree
    assert "Level 3: Hall" in tree


async def test_the_feed_is_read_shallow_or_deep(town: Place) -> None:
    node, space, browser, here = town
    street = await node.found("Street", {"parents": [space.id]})
    for number in range(20):
        await node.road.submit(space, WritePost(f"town {number}", None, None, []))
        await node.road.submit(street, WritePost(f"street {number}", None, None, []))

    shallow = await browser.open(here)
    deep = await browser.open(shallow.links["With its parts"])
    older = await browser.open(deep.links["Older posts"])

    assert "street" not in shallow.text.casefold().split("posts", 1)[1].split("who is here")[0].replace("with its", "")
    assert "street 19" in deep.text
    assert "town 19" in deep.text
    assert len(post_ids(deep)) == 30
    assert len(post_ids(older)) == 10
    assert not set(post_ids(deep)) & set(post_ids(older))
    assert deep.links["This space"] == here


async def test_a_space_without_parts_offers_no_deep_view(town: Place) -> None:
    _, _, browser, here = town

    assert "With its parts" not in (await browser.open(here)).links


async def test_people_of_a_shared_space_are_listed_with_their_communities(town: Place) -> None:
    node, space, browser, here = town
    await Member.join(node, space, "Bola")
    hall = await node.found("Hall", {"parents": [space.id]})
    await Member.join(node, hall, "Chidi", 2)

    people = (await browser.open(f"/s/{hall.id.hex()[:16]}/people")).text

    assert people.count("Member of Town") == 1
    assert "Member of" not in (await browser.open(f"{here}/people")).text


async def test_another_community_is_proposed_and_decided(town: Place) -> None:
    node, space, browser, here = town
    south = await node.found("South")

    page = await browser.open(f"{here}/parts")
    sent = await browser.send(page.form(f"{here}/parts/share"), community=south.id.hex())

    assert "It is proposed: now the members decide." in sent.text
    (proposal,) = space.law.proposals.values()
    assert ["rule", "parents", [south.id]] in proposal.change.command.effects


async def test_a_space_is_continued_and_posts_are_carried_over(town: Place) -> None:
    node, space, browser, here = town
    await node.road.submit(space, WritePost("from before", None, None, []))
    page = await browser.open(f"{here}/continue")

    founded = await browser.send(page.form(f"{here}/continue"), name="Town anew", invite="1", text="Come along!")

    assert "It continues Town" in founded.text
    new = next(each for each in node.road.spaces.values() if each.name == "Town anew")
    there = f"/s/{new.id.hex()[:16]}"
    assert "Come along!" in (await browser.open(here)).text
    assert "from before" in (await browser.open(f"{there}/deep")).text
    carried = await browser.send(founded.form(f"{there}/carry-over"))
    assert "1 post of yours was carried over." in carried.text
    assert "from before" in (await browser.open(there)).text
    assert f"{there}/carry-over" not in (await browser.open(f"{there}/parts")).html


async def test_an_archive_is_written_and_taken_in_by_somebody_who_is_nobody_yet(town: Place, tmp_path: Path) -> None:
    node, _, browser, here = town
    page = await browser.open(f"{here}/archive")
    path = str(tmp_path / "town.commons")

    differing = await browser.send(page.form(f"{here}/archive"), path=path, keys="identity", passphrase="a", again="b")
    without = await browser.send(page.form(f"{here}/archive"), path=path, keys="identity")
    written = await browser.send(page.form(f"{here}/archive"), path=path, keys="identity", passphrase="a", again="a")

    assert "The two are not the same." in differing.text
    assert "Choose a passphrase" in without.text
    assert f"in {path}." in written.text
    async with served(tmp_path / "other") as (other, site), Browser(site) as newcomer:
        offered = await newcomer.open("/welcome")
        page = await newcomer.open(offered.links["I have an archive"])
        wrong = await newcomer.send(page.form("/unpack"), path=path, passphrase="wrong")
        taken = await newcomer.send(page.form("/unpack"), path=path, passphrase="a")

        assert wrong.status == 422
        assert "This is not the passphrase." in wrong.text
        assert "of Town were taken in." in taken.text
        assert other.me.person == node.me.person


async def test_the_log_is_published_where_the_rules_allow_it(town: Place, tmp_path: Path) -> None:
    node, _, browser, here = town
    page = await browser.open(f"{here}/archive")

    done = await browser.send(page.form(f"{here}/public-log"), log_path=str(tmp_path / "log.jsonl"))
    refused = await browser.send(page.form(f"{here}/public-log"), log_path="log.jsonl")

    assert "The log is in" in done.text
    assert (tmp_path / "log.html").exists()
    assert (refused.status, "Say the whole path" in refused.text) == (422, True)
    quiet = await node.found("Quiet")
    closed = await browser.open(f"/s/{quiet.id.hex()[:16]}/archive")
    assert "keep its log for members" in closed.text
