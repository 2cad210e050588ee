"""People, the page, the log, connections, search and settings: each filled, empty and refused, without scripts."""

import pytest
from loopback import clock_of
from other_members import Member
from page_reader import Place, post_ids

from identity.keys import to_did
from identity.phrase import read_phrase
from node.domain.law.membership import AdmitMember, WithdrawTicket
from node.domain.posts import ImportPost
from node.ingest import writing


async def test_people_are_listed_with_who_invited_them(garden: Place) -> None:
    node, space, browser, here = garden
    alone = await browser.open(f"{here}/people")
    await Member.join(node, space, "Bola")

    people = await browser.open(f"{here}/people")

    assert "You are the first. Invite a neighbour" in alone.text
    assert "Inês (you) Founded this space on" in people.text
    assert "invited by Inês" in people.text
    assert people.links["Bola"].startswith(f"{here}/people/did:key:z6Mk")


async def test_a_persons_page_says_who_they_are_and_what_they_wrote(garden: Place) -> None:
    node, space, browser, here = garden
    bola = await Member.join(node, space, "Bola")
    await bola.rename("Bola Adeyemi", "Mends *bicycles*.")
    await bola.write("My first post")

    person = await browser.open(f"{here}/people/{to_did(bola.root.public)}")

    assert "Bola Adeyemi" in person.text
    assert "<em>bicycles</em>" in person.html
    assert "My first post" in person.text
    assert person.html.count("<li>") >= 8


async def test_my_name_is_changed_in_the_settings(garden: Place) -> None:
    node, space, browser, here = garden
    settings = await browser.open("/settings")

    saved = await browser.send(settings.form("/identity"), name="Inês Duarte")
    person = await browser.open(f"{here}/people/{to_did(node.me.person)}")
    refused = await browser.send(saved.form("/identity"), name="x" * 61)

    assert "Saved." in saved.text
    assert "Inês Duarte" in person.text
    assert await node.name() == "Inês Duarte"
    assert refused.status == 422
    assert refused.form("/identity").fields["name"] == "x" * 61
    assert space.name == "Garden"


async def test_two_people_edit_the_page_at_once_and_both_edits_stay(garden: Place) -> None:
    node, space, browser, here = garden
    empty = await browser.open(f"{here}/page")
    first = await browser.open(f"{here}/page/edit")
    await browser.send(first.form("/page/edit"), title="Beds and water.", text="We meet on Saturday.\n\nBring gloves.")
    mine = await browser.open(f"{here}/page/edit")
    theirs = await browser.open(f"{here}/page/edit")

    await clock_of(node).later(minutes=1)
    await browser.send(theirs.form("/page/edit"), text="We meet on Sunday.\n\nBring gloves.")
    await clock_of(node).later(minutes=1)
    merged = await browser.send(mine.form("/page/edit"), text="We meet on Saturday.\n\nBring gloves and tea.")
    versions = await browser.open(f"{here}/page/versions")
    compared = await browser.open(_version(versions.html, here, 1))
    restored = await browser.send(compared.form("/restore"))
    feed = await browser.open(here)

    assert "An empty page" in empty.text
    assert "We meet on Sunday." in merged.text
    assert "Bring gloves and tea." in merged.text
    assert "The present version" in versions.text
    assert "Removed We meet on Saturday." in compared.text
    assert "That version is back." in restored.text
    assert "Bring gloves." in restored.text
    assert "Beds and water." in feed.text
    assert space.state == "member"


def _version(html: str, here: str, at: int) -> str:
    """Return the address of a version on the list, 0 being the newest."""
    mark = f'href="{here}/page/versions/'
    return html.split(mark)[at + 1].split('"')[0].join((f"{here}/page/versions/", ""))


async def test_unknown_versions_are_refused(garden: Place) -> None:
    _, _, browser, here = garden

    compared = await browser.open(f"{here}/page/versions/{'ab' * 32}")
    edit = (await browser.open(f"{here}/page/edit")).form("/page/edit")
    saved = await browser.send(edit, text="Words", base="no version at all")

    assert compared.status == 404
    assert saved.status == 422
    assert saved.form("/page/edit").fields["text"] == "Words"


async def test_the_log_shows_every_change_and_the_refused_ones_with_their_reason(garden: Place) -> None:
    node, space, browser, here = garden
    nothing = await browser.open(f"{here}/log?show=refused")
    bola = await Member.join(node, space, "Bola")
    post = await bola.write("On the log")
    await bola.say(ImportPost("Old words", None, None, [], 1_500_000_000_000, "https://old.example/1", bytes(16)))
    await bola.begin_page("Title", "Body")
    await bola.say(WithdrawTicket(bytes(32)))
    await bola.say(AdmitMember(bytes(32), []))

    log = await browser.open(f"{here}/log")
    refused = await browser.open(f"{here}/log?show=refused")
    change = await browser.open(f"{here}/log/{post.hex()}")
    feed = await browser.open(here)

    assert "Nothing was refused" in nothing.text
    for words in (
        "founded this space", "knocked with an invitation", "let Bola in", "changed their profile", "wrote a post",
        "brought a post from elsewhere", "changed the page", "withdrew an invitation",
    ):  # fmt: skip
        assert words in log.text
    assert space.history.root().hex()[:4] in log.text
    assert "names a knock that is not there" in refused.text
    assert "On the log" in change.text
    assert post.hex() in change.text
    assert bola.device.public.hex() not in change.text
    assert "Imported. First published 14 July 2017." in feed.text
    assert "https://old.example/1" in feed.text


async def test_the_log_has_pages(garden: Place) -> None:
    node, space, browser, here = garden
    bola = await Member.join(node, space, "Bola")
    for number in range(60):
        await bola.write(f"Post {number}")

    newest = await browser.open(f"{here}/log")
    older = await browser.open(newest.links["Older changes"])

    assert newest.html.count("<tr id=") == 50
    assert "founded this space" not in newest.text
    assert "founded this space" in older.text
    assert node.is_ready


async def test_connections_take_an_address_and_refuse_nonsense(garden: Place) -> None:
    node, _, browser, _ = garden
    peer = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"
    empty = await browser.open("/connections")

    wrong = await browser.send(empty.form("/connections"), address="kitchen")
    short = await browser.send(empty.form("/connections"), address="/ip4/192.0.2.4/tcp/4747")
    taken = await browser.send(empty.form("/connections"), address=f"/ip4/192.0.2.4/tcp/4747/p2p/{peer}")

    assert "Nobody yet" in empty.text
    assert (wrong.status, short.status, taken.status) == (422, 422, 200)
    assert wrong.form("/connections").fields["address"] == "kitchen"
    assert "An address ends in /p2p/" in short.text
    assert "A laptop of none of your spaces" in taken.text
    assert "192.0.2.4, port 4747" in taken.text
    assert len(node.neighbours.known) == 1


async def test_search_finds_posts_and_people_and_says_when_there_is_nothing(garden: Place) -> None:
    node, space, browser, _ = garden
    bola = await Member.join(node, space, "Bola")
    await bola.write("word " * 60 + "the pump is broken " + "word " * 60)

    nothing_yet = await browser.open("/search")
    found = await browser.open("/search?q=pump+bro")
    people = await browser.open("/search?q=bol")
    nothing = await browser.open('/search?q=xylophone+"+*+AND')

    assert "Everything is searched here" in nothing_yet.text
    assert "1 thing found" in found.text
    assert "the pump is broken" in found.text
    assert "Person in Garden Bola" in people.text
    assert "Nothing found" in nothing.text


async def test_search_finds_the_page_and_names_where_it_was_found(garden: Place) -> None:
    node, space, browser, here = garden
    await writing.edit_page(node.road, space, "Beds and tools", "word " * 60 + "the *key* hangs there " + "word " * 60)

    found = await browser.open("/search?q=key+han")
    by_title = await browser.open("/search?q=tools")

    assert "1 thing found Page in Garden Page of Garden … word" in found.text
    assert "the key hangs there" in found.text
    assert found.links["Page of Garden"] == f"{here}/page"
    assert "Beds and tools" in by_title.text


async def test_the_phrase_is_shown_only_on_the_one_page_that_was_asked_for(garden: Place) -> None:
    node, _, browser, _ = garden
    settings = await browser.open("/settings")

    shown = await browser.send(settings.form("/phrase#recovery"))
    after = await browser.open("/settings")

    root = node.me.root
    assert root is not None
    words = shown.html.split('class="words counted"')[1].split("</ol>")[0]
    phrase = " ".join(part.split("</li>")[0] for part in words.split("<li>")[1:])
    assert read_phrase(phrase) == root.seed
    assert shown.headers["Cache-Control"] == "no-store"
    assert "words counted" not in after.html
    assert "words counted" not in settings.html


async def test_the_passphrase_is_set_changed_and_taken_away(garden: Place) -> None:
    node, _, browser, _ = garden
    settings = await browser.open("/settings")

    unequal = await browser.send(settings.form("/passphrase#passphrase"), passphrase="one", again="two")
    locked = await browser.send(settings.form("/passphrase#passphrase"), passphrase="one two", again="one two")
    wrong = await browser.send(locked.form("/passphrase#passphrase"), old="three", passphrase="four", again="four")
    opened = await browser.send(locked.form("/passphrase#passphrase"), old="one two", passphrase="", again="")

    assert unequal.status == 422
    assert "Your key is locked." in locked.text
    assert wrong.status == 422
    assert "three" not in wrong.html
    assert "The lock is gone." in opened.text
    assert node.keyring is not None
    assert not node.keyring.is_locked


async def test_look_language_and_shortcuts_are_kept(garden: Place) -> None:
    _, _, browser, here = garden
    settings = await browser.open("/settings")
    form = settings.form("/look")
    form.fields.pop("shortcuts")

    await browser.send(form, theme="dark", language="ar")
    feed = await browser.open(here)
    hostile = await browser.send(form, theme='"><b>', language="../../etc")

    assert '<html lang="ar" dir="rtl" data-theme="dark">' in feed.html
    assert 'data-shortcuts="off"' in feed.html
    assert hostile.status == 200
    assert "<b>" not in hostile.html.split("<body")[0]


async def test_devices_are_listed(garden: Place) -> None:
    _, _, browser, _ = garden

    devices = await browser.open("/settings/devices")

    assert "This device" in devices.text


async def test_the_workshop_makes_its_code_and_shows_it(garden: Place) -> None:
    _, _, browser, here = garden
    empty = await browser.open(f"{here}/workshop")

    made = await browser.send(next(form for form in empty.forms if form.fields.get("next") == "workshop"))

    assert made.url == f"{here}/workshop"
    assert '<svg class="qr"' in made.html
    assert "Room for 30 more people" in made.text


NOBODY = "did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH"


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/s/0000000000000000", "/s/zz", "{here}/posts/zz", "{here}/posts/" + "00" * 32,
     "{here}/people/did:key:x", "{here}/people/" + NOBODY, "{here}/log/zz", "{here}/log/" + "00" * 32],
)  # fmt: skip
async def test_what_is_not_there_gets_a_kind_page(garden: Place, path: str) -> None:
    _, _, browser, here = garden

    missing = await browser.open(path.replace("{here}", here))

    assert missing.status == 404
    assert "There is nothing here" in missing.text
    assert missing.links["To the feed"] == "/"


async def test_a_full_disk_is_said_calmly_and_the_words_are_not_lost(garden: Place) -> None:
    node, _, browser, here = garden
    feed = await browser.open(here)

    pages = await node.database.read(lambda db: db.execute("PRAGMA page_count").fetchone()[0])
    await node.database.writer.run(lambda db: db.execute(f"PRAGMA max_page_count = {pages}").fetchone())

    refused = await browser.send(feed.form(here), text="Precious words. " * 3_000)
    read = await browser.open(here)
    about = await browser.open(f"{here}/profile/about")
    words = "Long: " + "".join(str(number * number) for number in range(600))[:1_900]
    profile = await browser.send(about.form("/profile/about"), value=words, audience="me")

    assert refused.status == 503
    assert "The disk is full" in refused.text
    assert refused.form(here).fields["text"].startswith("Precious words. Precious")
    assert read.status == 200
    assert profile.status == 503
    assert profile.form("/profile/about").fields["value"] == words


async def test_a_page_of_another_space_does_not_show_this_ones_posts(garden: Place) -> None:
    node, space, browser, here = garden
    bola = await Member.join(node, space, "Bola")
    post = (await bola.write("Only here")).hex()
    other = await node.found("Other")
    there = f"/s/{other.id.hex()[:16]}"

    pages = [await browser.open(f"{there}{path}") for path in (f"/posts/{post}", f"/fragment/{post}", f"/log/{post}")]

    assert [page.status for page in pages] == [404] * 3
    assert post_ids(await browser.open(here)) == [post]


async def test_patterns_stay_reachable(garden: Place) -> None:
    _, _, browser, _ = garden

    assert (await browser.open("/patterns")).status == 200


async def test_many_people_are_listed_a_hundred_at_a_time(garden: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    node, space, browser, here = garden
    monkeypatch.setattr("ui.pages.people.MAX_PEOPLE", 2)
    for seed, name in enumerate(("Bola", "Chidi", "Dana"), 1):
        await Member.join(node, space, name, seed)

    first = await browser.open(f"{here}/people")
    second = await browser.open(f"{here}/people?from=2")
    beyond = await browser.open(f"{here}/people?from=99999")
    nonsense = await browser.open(f"{here}/people?from=-1")

    assert [name in first.text for name in ("Bola", "Chidi", "Dana")] == [True, False, False]
    assert [name in second.text for name in ("Bola", "Chidi", "Dana")] == [False, True, True]
    assert f"{here}/people?from=2" in first.html
    assert f"{here}/people?from=0" in second.html
    assert beyond.text == second.text
    assert nonsense.status == first.status
