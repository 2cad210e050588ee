"""Mentions on pages: shown as long as whom they name consents, and plain words otherwise."""

from other_members import Member
from page_reader import Place

from identity.keys import to_did
from node.domain.consents import SetConsent
from node.ingest import writing
from node.ingest.spaces import Space
from node.runtime import Node
from ui.markup import Mentioned, rendered


async def say(node: Node, space: Space, text: str) -> bytes:
    return (await node.road.submit(space, await writing.post_command(node.road, space, text, None))).id


async def test_a_mention_is_a_link_until_its_subject_withdraws_consent(garden: Place) -> None:
    node, space, browser, here = garden
    bola = await Member.join(node, space, "Bola")
    person = bola.root.public
    await say(node, space, "Before: @Bola")
    await bola.say(SetConsent(person, "mention", b"", 1, True))
    await say(node, space, "After: @Bola")

    linked = await browser.open(here)
    await bola.rename("Bola Adeyemi")
    renamed = await browser.open(here)
    await bola.say(SetConsent(person, "mention", b"", 1, False))
    withdrawn = await browser.open(here)

    link = f'<a class="mention" href="{here}/people/{to_did(person)}" dir="auto">'
    assert linked.html.count(link) == 1
    assert f"After: {link}@Bola</a>" in linked.html
    assert "Before: @Bola" in linked.text
    assert f"{link}@Bola Adeyemi</a>" in renamed.html
    assert 'class="mention"' not in withdrawn.html
    assert "After: @Bola" in withdrawn.text
    assert to_did(person) not in withdrawn.html.split('id="posts"')[1].split("</section>")[0]


async def test_a_no_to_one_person_holds_against_a_yes_to_anybody(garden: Place) -> None:
    node, space, browser, here = garden
    bola = await Member.join(node, space, "Bola")
    await bola.say(SetConsent(bola.root.public, "mention", b"", 1, True))
    await say(node, space, "Mine: @Bola")

    await bola.say(SetConsent(bola.root.public, "mention", node.me.person, 1, False))
    await say(node, space, "Later: @Bola")
    feed = await browser.open(here)

    assert 'class="mention"' not in feed.html
    assert "Mine: @Bola" in feed.text
    assert "Later: @Bola" in feed.text


async def test_the_words_of_a_post_are_edited_as_they_were_typed(garden: Place) -> None:
    node, space, browser, here = garden
    bola = await Member.join(node, space, "Bola")
    await bola.say(SetConsent(bola.root.public, "mention", b"", 1, True))
    post = await say(node, space, "Hello @Bola")

    form = (await browser.open(f"{here}/posts/{post.hex()}/edit")).form("/edit")
    edited = await browser.send(form, text="Good morning @Bola")

    assert form.fields["text"] == "Hello @Bola"
    assert 'class="mention"' in edited.html


def test_only_mentions_of_the_named_are_links_and_nothing_breaks_out() -> None:
    did, other = "did:key:z6MkOne", "did:key:z6MkTwo"
    people = (Mentioned(did, '<b>"B"</b>', "/s/1/people/x"),)

    html = rendered(f"[@B]({did}) [@C]({other}) [x **y**]({did}) \ue0000\ue001 https://a.example", None, people)

    assert html == (
        '<p dir="auto"><a class="mention" href="/s/1/people/x" dir="auto">@&lt;b&gt;&#34;B&#34;&lt;/b&gt;</a> @C '
        '<a class="mention" href="/s/1/people/x" dir="auto">@&lt;b&gt;&#34;B&#34;&lt;/b&gt;</a> 0 https://a.example</p>\n'
    )
    assert "did:key" not in rendered(f"[@C]({other})")
    assert "did:key:z6" not in rendered("*" * 3_000 + " [@Bola](did:key:z" + "6" * 45 + ")")
