"""Writing, answering, editing, taking back and undoing, without scripts, against a real node."""

from pathlib import Path

import pytest
from other_members import Member
from page_reader import Browser, Place, post_ids, served

from node.domain.area import read_command
from node.domain.posts import WritePost
from node.ingest.spaces import Space
from node.runtime import Node
from node.store.blobs import add_blobs, make_blob
from node.store.pending import due_pending

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"


async def sign_pending(node: Node, space: Space) -> None:
    """Sign at once what waits for the end of its undo time."""
    far = node.clock_ms() + 10_000_000
    for row in await node.database.read(lambda db: due_pending(db, far)):
        body = await node.undo(row.no)
        assert body is not None
        await node.road.submit(space, read_command(body))


async def test_post_reply_edit_history_and_retract(garden: Place) -> None:
    node, space, browser, here = garden
    feed = await browser.open(here)

    await browser.send(feed.form(here), text="The pump has stopped.")
    await sign_pending(node, space)
    feed = await browser.open(here)
    post = post_ids(feed)[0]
    thread = await browser.open(f"{here}/posts/{post}")
    answered = await browser.send(thread.form(f"/posts/{post}"), text="I bring a washer.")
    await sign_pending(node, space)
    edit = await browser.open(f"{here}/posts/{post}/edit")
    edited = await browser.send(edit.form("/edit"), text="The pump has stopped again.")
    history = await browser.open(f"{here}/posts/{post}/history")
    asked = await browser.open(f"{here}/posts/{post}/retract")
    gone = await browser.send(asked.form("/retract"))

    assert "I bring a washer." in answered.text
    assert "Undo" in answered.text
    assert edit.form("/edit").fields["text"] == "The pump has stopped."
    assert "The pump has stopped again." in edited.text
    assert "Edited today" in edited.text
    assert "Removed The pump has stopped. Added The pump has stopped again." in history.text
    assert "First written" in history.text
    assert "This cannot be taken back." in asked.text
    assert "It is retracted." in gone.text
    assert "The pump" not in gone.text
    assert "This post was retracted." in gone.text
    assert "I bring a washer." in gone.text


async def test_a_post_that_cannot_be_signed_says_why_and_gives_its_words_back(garden: Place) -> None:
    node, space, browser, here = garden
    number = await node.say_later(space, WritePost("too late", None, None, []))
    node.saying.held[number] = "you are no longer a member of this space"

    shown = await browser.open(here)
    undone = await browser.send(shown.form(f"/undo/{number}"))

    assert "You are no longer a member of this space." in shown.text
    assert "until it is signed and shared" not in shown.text
    assert undone.form(here).fields["text"].strip() == "too late"
    assert await node.pending() == []


async def test_a_pending_post_can_be_undone_and_its_words_come_back(garden: Place) -> None:
    node, _, browser, here = garden
    feed = await browser.open(here)

    waiting = await browser.send(feed.form(here), text="Too  quick\n\nby *far*")
    undone = await browser.send(next(form for form in waiting.forms if "/undo/" in form.action))
    after = await browser.open(here)

    assert 'class="card post waiting"' in waiting.html
    assert "Taken back. Nobody has seen it" in undone.text
    assert undone.form(here).fields["text"] == "Too  quick\n\nby *far*"
    assert "data-draft-returned" in undone.html
    assert await node.pending() == []
    assert after.form(here).fields["text"] == ""
    assert "Nothing written here yet" in after.text


async def test_undoing_too_late_says_what_can_be_done_instead(garden: Place) -> None:
    node, space, browser, here = garden
    waiting = await browser.send((await browser.open(here)).form(here), text="Hello")
    await sign_pending(node, space)

    late = await browser.send(next(form for form in waiting.forms if "/undo/" in form.action))

    assert "It was too late to undo" in late.text
    assert len(post_ids(late)) == 1


async def test_a_shared_draft_is_forgotten_once_and_a_reload_forgets_nothing(garden: Place) -> None:
    _, _, browser, here = garden

    shared = await browser.send((await browser.open(here)).form(here), text="Hello")
    again = await browser.open(here)

    assert "data-draft-done" in shared.html
    assert "data-draft-done" not in again.html


@pytest.mark.parametrize("text", ["", "   \n ", "x" * 50_001])
async def test_a_refused_post_comes_back_with_its_words(garden: Place, text: str) -> None:
    node, _, browser, here = garden
    feed = await browser.open(here)

    refused = await browser.send(feed.form(here), text=text)

    assert refused.status == 422
    assert refused.form(here).fields["text"].strip() == text.strip()
    assert "A post needs some words." in refused.text or "A post can hold 50,000 characters" in refused.text
    assert await node.pending() == []


async def test_a_refused_edit_comes_back_with_its_words(garden: Place) -> None:
    node, space, browser, here = garden
    await browser.send((await browser.open(here)).form(here), text="Hello")
    await sign_pending(node, space)
    post = post_ids(await browser.open(here))[0]
    edit = await browser.open(f"{here}/posts/{post}/edit")

    refused = await browser.send(edit.form("/edit"), text="Hello")

    assert refused.status == 422
    assert "The text is the same as before." in refused.text
    assert refused.form("/edit").fields["text"] == "Hello"


async def test_nobody_edits_or_retracts_what_another_wrote(garden: Place) -> None:
    node, space, browser, here = garden
    post = (await (await Member.join(node, space, "Bola")).write("Mine alone")).hex()

    edit = await browser.open(f"{here}/posts/{post}/edit")
    retract = await browser.open(f"{here}/posts/{post}/retract")
    thread = await browser.open(f"{here}/posts/{post}")

    assert (edit.status, retract.status) == (422, 422)
    assert "Only its author" in edit.text
    assert "Only its author" in retract.text
    assert "Retract" not in thread.text


async def test_a_thread_is_read_in_order_and_each_reply_can_be_answered(garden: Place) -> None:
    node, space, browser, here = garden
    bola = await Member.join(node, space, "Bola")
    first = await bola.write("First")
    one = await bola.write("One", to=first)
    await bola.write("Two", to=first)
    await bola.write("One point one", to=one, thread=first)

    thread = await browser.open(f"{here}/posts/{first.hex()}")
    answering = await browser.open(f"{here}/posts/{one.hex()}")
    answered = await browser.send(answering.form(f"/posts/{one.hex()}"), text="One point two")

    places = [thread.text.index(words) for words in ("First", "One ", "One point one", "Two")]
    assert places == sorted(places)
    assert "You answer Bola." in answering.text
    assert "One point two" in answered.text
    assert answered.url.split("?")[0] == f"{here}/posts/{first.hex()}"


async def test_new_posts_of_others_stand_above_the_unread_line_until_the_next_visit(garden: Place) -> None:
    node, space, browser, here = garden
    clock = node.clock_ms
    bola = await Member.join(node, space, "Bola")
    await bola.write("Seen before")
    await browser.open(here)
    await bola.write("New to you")
    await node.road.submit(space, WritePost("Said meanwhile", None, None, []))
    await bola.write("The newest")

    elsewhere = await browser.open(f"{here}/people")
    node.clock_ms = lambda: clock() + 60 * 60 * 1000
    back = await browser.open(here)
    again = await browser.open(here)
    node.clock_ms = lambda: clock() + 120 * 60 * 1000
    later = await browser.open(here)

    order = ("2 new since", "The newest", "Said meanwhile", "New to you", "You have seen what follows", "Seen before")
    places = [back.text.index(words) for words in order]
    assert "new: 2" in elsewhere.text
    assert places == sorted(places)
    assert back.text.count("You have seen what follows") == 1
    assert "2 new since" in again.text
    assert "new since" not in later.text


async def test_the_feed_ends_and_older_posts_are_a_link_away(garden: Place) -> None:
    node, space, browser, here = garden
    bola = await Member.join(node, space, "Bola")
    for number in range(35):
        await bola.write(f"Post number {number:02}.", at=1_700_000_000_000 + number)

    newest = await browser.open(here)
    older = await browser.open(newest.links["Older posts"])

    assert [f"number {n:02}." in newest.text for n in (34, 5, 4)] == [True, True, False]
    assert [f"number {n:02}." in older.text for n in (5, 4, 0)] == [False, True, True]
    assert "You are up to date" in newest.text
    assert "Back to the newest posts" in older.text
    assert "That is everything there is." in older.text


async def test_a_post_from_the_future_says_so(garden: Place) -> None:
    node, space, browser, here = garden
    bola = await Member.join(node, space, "Bola")

    await bola.write("From tomorrow", at=node.clock_ms() + 86_400_000)
    feed = await browser.open(here)

    assert "Dated ahead of this laptop’s clock." in feed.text


async def test_no_name_post_or_space_can_run_anything(tmp_path: Path) -> None:
    async with served(tmp_path / "node") as (node, site), Browser(site) as browser:
        await node.name_yourself(f"Me {EVIL[:40]}")
        space = await node.found(f"S {EVIL}"[:80])
        here = f"/s/{space.id.hex()[:16]}"
        bola = await Member.join(node, space, f"B {EVIL[:50]}")
        post = await bola.write(f"{EVIL}\n\n[x](javascript:alert(3)) \u202etxet")
        await bola.begin_page(EVIL, EVIL)
        pages = [
            await browser.open(path)
            for path in (
                here, f"{here}/posts/{post.hex()}", f"{here}/people", f"{here}/page", f"{here}/page/versions",
                f"{here}/log", f"{here}/log/{post.hex()}", f"{here}/invite", f"{here}/workshop", "/connections",
                "/settings", f"/search?q={EVIL}", "/search?q=alert", f"{here}/page/edit",
            )
        ]  # fmt: skip

        assert [page.status for page in pages] == [200] * len(pages)
        for page in pages:
            assert "<script>alert" not in page.html
            assert "<img" not in page.html
            assert 'href="javascript:' not in page.html
            assert "\u202e" not in page.html


async def test_a_fragment_is_one_post_and_unknown_ones_are_not_found(garden: Place) -> None:
    node, space, browser, here = garden
    bola = await Member.join(node, space, "Bola")
    post = (await bola.write("Alone")).hex()

    part = await browser.open(f"{here}/fragment/{post}")
    unknown = [await browser.open(f"{here}/fragment/{id_}") for id_ in ("00" * 32, "zz", "pending-1", "..%2f..")]

    assert part.html.strip().startswith("<article")
    assert "Alone" in part.text
    assert [page.status for page in unknown] == [404] * 4


async def test_pictures_are_shown_and_files_are_only_saved(garden: Place) -> None:
    node, space, browser, here = garden
    blob = make_blob(bytes.fromhex("89504e470d0a1a0a") + bytes(20))
    await node.database.transaction(lambda db: add_blobs(db, [blob]))
    picture = [blob.hash, "image/png", 'A hive <b>"east"</b>', blob.size]
    sound = [bytes(32), "audio/mpeg", "", 2_000_000]
    await node.road.submit(space, WritePost("Look", None, None, [picture, sound]))

    feed = await browser.open(here)
    file = await browser.open(f"{here}/media/{blob.hash.hex()}")
    missing = [await browser.open(f"{here}/media/{name}") for name in (bytes(32).hex(), "zz")]

    assert f'<img src="{here}/media/{blob.hash.hex()}" alt="A hive &lt;b&gt;&#34;east&#34;&lt;/b&gt;"' in feed.html
    assert "Sound (2 MB)" in feed.text
    assert file.headers["Content-Type"] == "image/png"
    assert file.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert file.headers["Content-Disposition"].startswith("attachment;")
    assert [answer.status for answer in missing] == [404, 404]
