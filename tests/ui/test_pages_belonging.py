"""Profile, consents and welcome, read and filled in without scripts."""

import re
from pathlib import Path

from cables import meet
from loopback import link_to
from other_members import Member
from page_reader import Browser, Form, Place, Shown, served

from identity.keys import to_did
from node.domain.consents import AskConsent, SetConsent
from node.domain.posts import WritePost
from node.domain.profiles import SetField
from node.ingest.profiles import fields_of
from node.ingest.spaces import Space
from node.ingest.writing import edit_page
from node.runtime import Node
from ui.operations import perform


def card(page: Shown, heading: str) -> str:
    """Return the part of a page under a heading."""
    return page.html.split(f"<h2>{heading}</h2>")[1].split("</section>")[0]


def press(page: Shown, use: str, by: str, given: str) -> Form:
    """Return the form of a consent as one button sends it."""
    for form in page.forms:
        if form.action.endswith("/consents") and (form.fields.get("use"), form.fields.get("by")) == (use, by):
            return Form(form.action, form.method, {**form.fields, "given": given})
    raise AssertionError(f"no form for {use}: {[form.fields for form in page.forms]}")


# -- profile ---------------------------------------------------------------------------------------------------------


async def test_a_field_is_said_to_chosen_people_and_only_they_see_it(garden: Place) -> None:
    node, space, browser, here = garden
    bola = await Member.join(node, space, "Bola")
    did = to_did(bola.root.public)

    form = (await browser.open(f"{here}/profile/contact")).form("/profile/contact")
    saved = await browser.send(form, value="Mill Lane 3", audience="people", people=did)
    page = await browser.open(f"{here}/people/{to_did(node.me.person)}")
    again = await browser.open(f"{here}/profile/contact")

    assert "Saved." in saved.text
    assert "Mill Lane 3" in saved.text
    assert re.search(r"How to reach you</b> <span[^>]*>.*Bola</span>", saved.html)
    assert "Mill Lane 3" in page.text
    assert again.form("/profile/contact").fields["people"] == did
    (field,) = [one for one in await fields_of(node.road, space, node.me.person) if one.name == "contact"]
    assert (field.audience, field.people) == ("people", (bola.root.public,))


async def test_a_form_that_is_refused_comes_back_with_its_words(garden: Place) -> None:
    _, _, browser, here = garden

    nobody = (await browser.open(f"{here}/profile/needs")).form("/profile/needs")
    refused = await browser.send(nobody, value="A ladder", audience="people")
    long = await browser.send(nobody, value="x" * 2_001, audience="space")
    unknown = await browser.open(f"{here}/profile/password")

    assert [refused.status, long.status, unknown.status] == [422, 422, 404]
    assert "Choose at least one person who may read this." in refused.text
    assert refused.form("/profile/needs").fields["value"] == "A ladder"


async def test_a_field_of_ones_own_has_its_own_name(garden: Place) -> None:
    node, _, browser, here = garden
    add = (await browser.open(f"{here}/profile")).links["Add a field of your own"]
    form = (await browser.open(add)).form(add)

    nameless = await browser.send(form, value="No gluten", audience="space", label="")
    saved = await browser.send(form, value="No gluten", audience="space", label="Food")
    page = await browser.open(f"{here}/people/{to_did(node.me.person)}")

    assert nameless.status == 422
    assert "Food" in saved.text
    assert "Food No gluten" in page.text


async def test_what_others_say_of_themselves_stands_on_their_page_tamed(garden: Place) -> None:
    node, space, browser, here = garden
    bola = await Member.join(node, space, "Bola")
    person = bola.root.public
    await bola.say(SetField(person, "skills", "space", "", "<script>alert(1)</script>\u202e", b"", b"", []))
    await bola.say(SetField(person, "needs", "some", "", "", b"s", b"n", [bytes(112)]))
    await bola.say(SetField(person, "own:0123456789abcdef", "public", "<b>Food</b>", "No gluten", b"", b"", []))

    page = await browser.open(f"{here}/people/{to_did(person)}")

    assert "<script>alert" not in page.html
    assert "\u202e" not in page.text
    assert "&lt;b&gt;Food&lt;/b&gt;" in page.html
    assert "Needs" not in page.text


# -- consents ----------------------------------------------------------------------------------------------------------


async def test_a_consent_is_given_and_withdrawn_on_one_page(garden: Place) -> None:
    _, _, browser, here = garden
    first = await browser.open(f"{here}/consents")

    given = await browser.send(press(first, "mention", "", "yes"))
    withdrawn = await browser.send(press(given, "mention", "", "no"))

    assert "Not said yet" in first.text
    assert "You said yes." in given.text
    assert "Anybody here Yes" in given.text
    assert "You said no." in withdrawn.text


async def test_an_ask_is_answered_with_yes_or_no_and_never_repeats(garden: Place) -> None:
    node, space, browser, here = garden
    bola = await Member.join(node, space, "Bola")
    await bola.say(AskConsent(node.me.person, "mention", bola.root.public))

    asked = await browser.open(f"{here}/consents")
    answered = await browser.send(press(asked, "mention", to_did(bola.root.public), "no"))
    await bola.say(AskConsent(node.me.person, "mention", bola.root.public))
    again = await browser.open(f"{here}/consents")

    assert "You were asked Bola Being mentioned by @name" in asked.text
    assert "You were asked" not in answered.text
    assert "You were asked" not in again.text
    assert "Bola No" in again.text


async def test_one_asks_on_a_persons_page_once(garden: Place) -> None:
    node, space, browser, here = garden
    bola = await Member.join(node, space, "Bola")
    page = f"{here}/people/{to_did(bola.root.public)}"
    form = (await browser.open(page)).form("/ask")

    asked = await browser.send(form)
    twice = await browser.send(form)
    waiting = await browser.open(f"{here}/consents")
    await bola.say(SetConsent(bola.root.public, "mention", node.me.person, 1, False))
    refused = await browser.send(form)

    assert "Asked." in asked.text
    assert not [one for one in asked.forms if one.action.endswith("/ask")]
    assert "You have asked already" in twice.text
    assert "No answer yet" in waiting.text
    assert "a request is not repeated" in refused.text


async def test_a_consent_that_makes_no_sense_is_refused(garden: Place) -> None:
    _, _, browser, here = garden
    form = (await browser.open(f"{here}/consents")).form("/consents")

    unknown = await browser.send(form, use="everything", given="yes")
    garbled = await browser.send(form, by="did:key:z6Mk", given="yes")

    assert "There is no such consent." in unknown.text
    assert garbled.status == 404


# -- welcome -----------------------------------------------------------------------------------------------------------


async def test_welcomers_hear_of_a_newcomer_until_somebody_greeted_them(garden: Place) -> None:
    node, space, browser, here = garden
    bola = await Member.join(node, space, "Bola")
    silent = await browser.open(here)
    hello = await bola.write("I mend bicycles.")
    written = await browser.open(here)

    await node.road.submit(space, WritePost("Welcome, Bola!", hello, hello, []))
    greeted = await browser.open(here)

    assert "Bola is new here: greet them They have not written yet." in silent.text
    assert "Bola is new here: greet them" in written.text
    assert "They have not written yet." not in written.text
    assert f"/posts/{hello.hex()}" in card(written, "For you")
    assert "is new here" not in greeted.text


async def test_a_post_that_names_me_is_told_once_and_only_while_i_let_it(garden: Place) -> None:
    node, space, browser, here = garden
    bola = await Member.join(node, space, "Bola")
    words = f"Thank you [@Inês]({to_did(node.me.person)})"
    await browser.open(here)
    await bola.write(words)
    before = await browser.open(here)
    await browser.send(press(await browser.open(f"{here}/consents"), "mention", "", "yes"))

    told = await browser.open(here)
    await browser.send(press(await browser.open(f"{here}/consents"), "mention", "", "no"))
    after = await browser.open(here)

    assert "Bola mentioned you" not in before.text
    assert "Bola mentioned you" in told.text
    assert "Bola mentioned you" not in after.text


async def test_the_welcome_page_of_someone_who_wrote_leads_on(garden: Place) -> None:
    node, space, browser, here = garden
    await node.road.submit(space, WritePost("Hello", None, None, []))

    page = await browser.open(f"{here}/welcome")

    assert "Good to have you, Inês" in page.text
    assert page.links["To the feed"] == here


async def test_a_newcomer_says_who_they_are_and_hello_in_one_form(tmp_path: Path) -> None:
    async with (
        served(tmp_path / "amina", undo_s=0.0) as (amina, _),
        served(tmp_path / "bola", undo_s=0.0) as (bola, site),
        Browser(site) as browser,
    ):
        await amina.name_yourself("Amina")
        space = await amina.found("Garden")
        await bola.name_yourself("Bola")
        await bring_in(amina, space, bola)
        here = f"/s/{space.id.hex()[:16]}"

        feed = await browser.open(here)
        form = (await browser.open(f"{here}/welcome")).form("/welcome")
        said = await browser.send(form, text="I mend bicycles.", skills="bicycles, bread", mention="1")
        own = {
            field.name: field.value for field in await fields_of(bola.road, bola.road.spaces[space.id], bola.me.person)
        }
        consents = await browser.open(f"{here}/consents")

        assert "You are new here. Say hello" in feed.text
        assert "Amina" in card(await browser.open(f"{here}/welcome"), "People to greet")
        assert "You have said hello." in said.text
        assert own == {"name": "Bola", "skills": "bicycles, bread"}
        assert "Yes" in card(consents, "What you let others do")


async def bring_in(amina: Node, space: Space, bola: Node) -> None:
    """Let one node's person into another's space, over a cable in memory."""
    await bola.join(await link_to(amina, space))
    await meet(space.id, bola, amina)


async def test_spaces_and_people_with_the_same_words_are_found(garden: Place) -> None:
    node, space, browser, here = garden
    tools = await node.found("Tools", {"parents": [space.id]})
    await node.found("Library", {"parents": [space.id]})
    await node.found("Elsewhere")
    await edit_page(node.road, tools, "Bicycles and ladders to lend", "")
    bola = await Member.join(node, space, "Bola")
    await bola.say(SetField(bola.root.public, "interests", "space", "", "Bicycles, tea", b"", b"", []))
    form = (await browser.open(f"{here}/profile/skills")).form("/profile/skills")
    await browser.send(form, value="I repair bicycles", audience="space")

    page = await browser.open(f"{here}/welcome")

    assert "You both say: bicycles" in card(page, "People to greet")
    assert "Tools" in card(page, "Spaces that may fit you")
    assert "Library" not in card(page, "Spaces that may fit you")
    assert "Elsewhere" not in card(page, "Spaces that may fit you")


async def test_the_api_says_the_same_and_refuses_in_words(garden: Place) -> None:
    node, space, _, _ = garden
    bola = await Member.join(node, space, "Bola")
    did = to_did(bola.root.public)
    await perform(node, "set_field", {
        "space": "Garden", "field": "contact", "value": "Mill Lane 3", "audience": "people", "people": ["Bola"],
    })  # fmt: skip
    shown = await perform(node, "show_profile", {"space": "Garden", "person": "me"})
    await perform(node, "ask_consent", {"space": "Garden", "person": "Bola", "use": "mention"})
    await perform(node, "consent", {"space": "Garden", "use": "mention", "given": True, "by": did})
    listed = await perform(node, "consents", {"space": "Garden"})

    contact = next(field for field in shown["fields"] if field["field"] == "contact")
    assert (contact["audience"], contact["people"]) == ("people", [did])
    assert [(one["use"], one["by"], one["state"]) for one in listed["mine"]] == [("mention", did, "given")]
    assert [(one["person"], one["state"]) for one in listed["asked"]] == [(did, "asked")]
