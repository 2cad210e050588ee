"""The first minutes: say your name, unlock your key, join a space."""

from collections.abc import Mapping

from aiohttp import web

from identity import keyring
from identity.errors import BadSignature, Malformed, Refused
from identity.keys import to_did
from identity.links import read_link
from identity.phrase import read_phrase
from identity.tickets import check_expiry
from ui.node_views import InviteOffer
from ui.operations import perform
from ui.pages.founding import BEGIN, JOIN
from ui.pages.visit import Book, Visit, clean_name, sentence, space_url
from ui.views import FormView, PersonRef

WELCOME, UNLOCK = "/welcome", "/unlock"
SECOND, WORDS, LOST = "/second", "/words", "/lost"
NEW_FACE = "a patch that nobody has yet"
NOT_AN_INVITE = (Malformed, BadSignature, Refused)


def add_opening(book: Book) -> None:
    """Add the pages of the first minutes."""
    book.anyone("GET", "/", home)
    book.anyone("GET", WELCOME, welcome)
    book.anyone("POST", WELCOME, name_yourself)
    book.anyone("GET", SECOND, ask_for_link)
    book.anyone("POST", SECOND, become_second)
    book.anyone("GET", WORDS, ask_words)
    book.anyone("POST", WORDS, come_back)
    book.anyone("GET", UNLOCK, ask_passphrase)
    book.anyone("POST", UNLOCK, unlock)
    book.someone("GET", JOIN, ask_invitation)
    book.someone("POST", JOIN, join)


async def home(visit: Visit) -> web.Response:
    """Go to where this person is: the space visited last, or the first step that is still to do."""
    if not visit.node.is_ready:
        return visit.go(_first_step(visit))
    return visit.go(visit.url() if visit.space is not None else BEGIN)


def _first_step(visit: Visit) -> str:
    return UNLOCK if keyring.exists(visit.node.folder) else WELCOME


# -- who one is -------------------------------------------------------------------------------------------------------


async def welcome(visit: Visit) -> web.Response:
    """Ask for a name."""
    if visit.node.is_ready or keyring.exists(visit.node.folder):
        return visit.go("/")
    return _show_welcome(visit, FormView(WELCOME))


def _show_welcome(visit: Visit, form: FormView) -> web.Response:
    context = {
        "form": form,
        "key": NEW_FACE,
        "restore_url": WORDS,
        "second_url": SECOND,
        "unpack_url": "/unpack",
        "lost_url": LOST,
    }
    return visit.render("first_open.html", context, 422 if form.errors else 200)


async def name_yourself(visit: Visit) -> web.Response:
    """Make this person's keys."""
    sent = await visit.form()
    name = sent.get("name", "")
    if wrong := differing(visit, sent):
        return _show_welcome(visit, FormView(WELCOME, {"name": name}, wrong))
    async with visit.pages.opening:
        if visit.node.is_ready:
            return visit.go("/")
        try:
            await perform(visit.node, "init", {"name": name, **lock(sent)})
        except Refused as refusal:
            return _show_welcome(visit, FormView(WELCOME, {"name": name}, {"name": sentence(refusal)}))
    visit.pages.hub.attach()
    return visit.go(BEGIN)


def differing(visit: Visit, sent: Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong with a passphrase that was typed twice."""
    if sent.get("passphrase", "") == sent.get("again", ""):
        return {}
    words = visit.gettext("The two are not the same. Type the passphrase once more, in both fields.")
    return {"passphrase": words}


def lock(sent: Mapping[str, str]) -> dict[str, str]:
    """Return the passphrase for a new key file, if there is one."""
    return {"passphrase": sent["passphrase"]} if sent.get("passphrase") else {}


async def ask_words(visit: Visit) -> web.Response:
    """Ask for the 24 words of somebody who has been here before."""
    if visit.node.is_ready or keyring.exists(visit.node.folder):
        return visit.go("/")
    return visit.render("words.html", {"form": FormView(WORDS), "back_url": WELCOME})


async def come_back(visit: Visit) -> web.Response:
    """Make this laptop a new device of the person whose words these are; a wrong word comes back to be mended."""
    sent = await visit.form()
    values = {"phrase": sent.get("phrase", ""), "name": sent.get("name", "")}
    wrong = differing(visit, sent)
    async with visit.pages.opening:
        if visit.node.is_ready:
            return visit.go("/")
        try:
            read_phrase(values["phrase"])
        except Refused as refusal:
            wrong["phrase"] = sentence(refusal)
        try:
            if not wrong:
                await perform(visit.node, "init", {**values, **lock(sent)})
        except Refused as refusal:
            wrong["name"] = sentence(refusal)
    if wrong:
        return visit.render("words.html", {"form": FormView(WORDS, values, wrong), "back_url": WELCOME}, 422)
    visit.pages.hub.attach()
    words = visit.gettext("You are back, with a new key for this laptop. Now join your spaces again.")
    return visit.go(BEGIN, words)


async def ask_for_link(visit: Visit) -> web.Response:
    """Ask for the link that a person's first laptop shows."""
    if visit.node.is_ready or keyring.exists(visit.node.folder):
        return visit.go("/")
    return visit.render("second.html", {"form": FormView(SECOND), "back_url": WELCOME})


async def become_second(visit: Visit) -> web.Response:
    """Make this laptop another device of a person."""
    sent = await visit.form()
    link = sent.get("link", "")
    wrong = differing(visit, sent)
    async with visit.pages.opening:
        if visit.node.is_ready:
            return visit.go("/")
        try:
            check_expiry(read_link(link).ticket, visit.node.clock_ms())
            space = None if wrong else await visit.node.add_to_person(link, sent.get("passphrase") or None)
        except NOT_AN_INVITE as error:
            space, wrong = None, {**wrong, "link": sentence(error)}
    if space is None:
        form = FormView(SECOND, {"link": link}, wrong)
        return visit.render("second.html", {"form": form, "back_url": WELCOME}, 422)
    visit.pages.hub.attach()
    return visit.go(space_url(space))


async def ask_passphrase(visit: Visit) -> web.Response:
    """Ask for the passphrase of a locked key file."""
    if visit.node.is_ready or not keyring.exists(visit.node.folder):
        return visit.go("/")
    return visit.render("unlock.html", {"form": FormView(UNLOCK)})


async def unlock(visit: Visit) -> web.Response:
    """Open the keys."""
    secret = (await visit.form()).get("passphrase", "")
    async with visit.pages.opening:
        if visit.node.is_ready:
            return visit.go("/")
        try:
            await visit.node.unlock(secret)
        except Refused as refusal:
            form = FormView(UNLOCK, {}, {"passphrase": sentence(refusal)})
            return visit.render("unlock.html", {"form": form}, 422)
    visit.pages.hub.attach()
    return visit.go("/")


# -- joining --------------------------------------------------------------------------------------------------------


async def ask_invitation(visit: Visit) -> web.Response:
    """Ask for an invitation."""
    return visit.render("join.html", {"form": FormView(JOIN), "offer": None, "found_url": BEGIN})


async def join(visit: Visit) -> web.Response:
    """Read an invitation and say what it offers; with consent, knock at its space."""
    sent = await visit.form()
    text = sent.get("invite", "")
    values = {"invite": text}
    try:
        ticket = read_link(text).ticket
        check_expiry(ticket, visit.node.clock_ms())
        if sent.get("join"):
            space = await visit.node.join(text)
            visit.node.keeper.refusals.pop(space.id, None)
            visit.node.keeper.words.forget(space.id)
            visit.pages.hub.attach()
            return visit.go(space_url(space, "/waiting"))
    except NOT_AN_INVITE as error:
        form = FormView(JOIN, values, {"invite": sentence(error)})
        return visit.render("join.html", {"form": form, "offer": None, "found_url": BEGIN}, 422)
    inviter = PersonRef(clean_name(ticket.inviter_name) or visit.gettext("Somebody"), to_did(ticket.inviter), "")
    name = clean_name(ticket.space_name, 80)
    offer = InviteOffer(name, to_did(ticket.space), inviter, ticket.expires_ms)
    context = {"form": FormView(JOIN, values), "offer": offer, "found_url": BEGIN}
    return visit.render("join.html", context)
