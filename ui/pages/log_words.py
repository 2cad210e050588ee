"""Changes of the public log in words that follow a name, like minutes: who proposed, vouched, sealed."""

from collections.abc import Mapping
from typing import Any

from node.domain.consents import CHARTER, SetConsent
from node.domain.documents import EditDocument, page_id
from node.domain.law.decisions import CastBallot, Propose
from node.domain.law.membership import SuspendMember
from node.ingest.spaces import Opened, Space
from ui.law_words import change_words
from ui.locales import isolated
from ui.pages.telling import telling_with
from ui.pages.visit import Visit

MAX_TITLE_CHARS = 160
GROUPS: Mapping[str, tuple[str, ...]] = {
    "belonging": ("space.", "member.", "ticket."),
    "deciding": ("proposal.", "vote."),
    "keys": ("device.", "keys."),
    "posts": ("post.",),
    "pages": ("doc.", "profile."),
    "consents": ("consent.",),
}
"""How the log can be narrowed down: the beginnings of the kinds of each group."""


def groups(visit: Visit) -> dict[str, str]:
    """Return what the groups of kinds are called."""
    _ = visit.gettext
    return {
        "belonging": _("Coming and going"),
        "deciding": _("Decisions"),
        "keys": _("Devices and keys"),
        "posts": _("Posts"),
        "pages": _("Pages and profiles"),
        "consents": _("Consents"),
    }


def summaries(visit: Visit) -> dict[str, str]:
    """Return what each kind of change does, in words that follow a name."""
    _ = visit.gettext
    return {
        "space.found": _("founded this space"),
        "space.join": _("knocked with an invitation"),
        "member.admit": _("let somebody in"),
        "device.certify": _("added a device of their own"),
        "ticket.withdraw": _("withdrew an invitation"),
        "member.leave": _("left this space"),
        "member.vouch": _("vouched for somebody who knocked"),
        "member.suspend": _("asked to pause somebody’s posting"),
        "device.enter": _("came with another device of their own"),
        "device.revoke": _("ended a device of their own"),
        "keys.rotate": _("began new keys, for everybody who belongs"),
        "keys.hand": _("handed the keys to somebody who belongs"),
        "proposal.propose": _("proposed something"),
        "proposal.sponsor": _("supported a proposal"),
        "vote.open": _("opened a vote"),
        "vote.cosign": _("confirmed that a vote leaves nobody out"),
        "vote.contest": _("objected to being left out of a vote"),
        "vote.ballot": _("voted"),
        "vote.close": _("closed a vote"),
        "vote.seal": _("sealed a result"),
        "vote.support": _("supported the seal of a result"),
        "vote.takeover": _("handed over to new auditors, with the others"),
        "post.write": _("wrote a post"),
        "post.import": _("brought a post from elsewhere"),
        "post.edit": _("edited a post"),
        "post.retract": _("took a post back"),
        "doc.edit": _("changed a document"),
        "profile.set": _("changed their profile"),
        "profile.erase": _("took back what a part of their profile said before"),
        "profile.seal": _("sealed a part of their profile anew"),
        "consent.ask": _("asked for a consent"),
    }


def labels(visit: Visit) -> dict[str, str]:
    """Return what the fields of changes are called."""
    _ = visit.gettext
    return {
        "text": _("Words"),
        "thread": _("In the thread of"),
        "parent": _("Answers"),
        "media": _("Pictures and files"),
        "published": _("First published"),
        "address": _("First published at"),
        "source": _("Mark of its source"),
        "post": _("About the post"),
        "edits": _("Edits erased with it"),
        "document": _("Document"),
        "edit": _("What was changed"),
        "law_version": _("Version of the rules"),
        "certificate": _("Certificate of the device"),
        "admission": _("Way in"),
        "wraps": _("Keys handed on to"),
        "terms": _("Terms of the invitation"),
        "terms_signature": _("Signature of the terms"),
        "proof": _("Proof of the invitation"),
        "person": _("Person"),
        "join": _("Answers the knock"),
        "ticket": _("Invitation"),
        "rules": _("Rules"),
        "effects": _("What a yes changes"),
        "deadline": _("End of the vote"),
        "grace": _("How long ballots are waited for after it (ms)"),
        "text_hash": _("The post that says why"),
        "proposal": _("Proposal"),
        "electorate": _("Hash of those who may vote"),
        "opening": _("Opening of the vote"),
        "choice": _("Choice"),
        "closings": _("Closings"),
        "root": _("Hash of the ballots"),
        "state": _("Digest of the law"),
        "adopts": _("Earlier seal that is upheld"),
        "seal": _("Seal"),
        "device": _("Device"),
        "last": _("Last number that counts"),
        "before": _("Earlier keys, sealed"),
    }


def summary(visit: Visit, opened: Opened, names: Mapping[bytes, str]) -> str:
    """Return what a change does, in words that follow its author's name."""
    if opened.erased:
        return visit.gettext("wrote something that was taken back since")
    if opened.locked:
        return visit.gettext("said something that this laptop has no key for")
    command = opened.command
    if command is None:
        return visit.gettext("did something that this version of commons does not know")
    if isinstance(command, EditDocument):
        is_page = command.document == page_id()
        return visit.gettext("changed the page") if is_page else visit.gettext("changed their profile")
    if isinstance(command, SetConsent):
        return _consented(visit, command)
    if command.kind in _ABOUT and (words := _about(visit, command, names)):
        return words
    if command.kind == "post.write" and command.thread is not None:
        return visit.gettext("answered a post")
    return summaries(visit).get(str(command.kind), str(command.kind))


def _consented(visit: Visit, command: SetConsent) -> str:
    if command.use == CHARTER:
        return visit.gettext("agreed to the rules")
    return visit.gettext("gave a consent") if command.given else visit.gettext("withdrew a consent")


def _(words: str) -> str:
    """Mark words for the catalogues."""
    return words


_ABOUT = {
    "member.admit": _("let %(name)s in"),
    "member.vouch": _("vouched for %(name)s"),
    "member.suspend": _("asked to pause what %(name)s posts"),
    "proposal.propose": _("proposed: %(what)s"),
    "proposal.sponsor": _("supported: %(what)s"),
    "vote.open": _("opened the vote: %(what)s"),
    "vote.cosign": _("confirmed that the vote leaves nobody out: %(what)s"),
    "vote.contest": _("objected to being left out of the vote: %(what)s"),
    "vote.ballot": "",
    "vote.close": _("closed the vote: %(what)s"),
    "vote.seal": _("sealed the result: %(what)s"),
    "vote.support": _("supported the sealed result: %(what)s"),
    "vote.takeover": _("handed over, with the others: %(what)s"),
}
_BALLOTS = {"yes": _("voted yes: %(what)s"), "no": _("voted no: %(what)s"), "abstain": _("abstained: %(what)s")}


def _about(visit: Visit, command: Any, names: Mapping[bytes, str]) -> str:
    """Return what a command of law does, naming whom or what it is about; empty where that is not here."""
    words = _BALLOTS[command.choice] if isinstance(command, CastBallot) else _ABOUT[command.kind]
    if "%(name)s" in words:
        person = _person(visit.here, command)
        return (
            visit.gettext(words) % {"name": isolated(visit.person(person, names).name, visit.language)}
            if person
            else ""
        )
    what = _effects(visit.here, command)
    if not what:
        return ""
    title = change_words(telling_with(visit, names), what)
    short = title if len(title) <= MAX_TITLE_CHARS else title[:MAX_TITLE_CHARS].rstrip() + " …"
    return visit.gettext(words) % {"what": short}


def _person(space: Space, command: Any) -> bytes | None:
    if isinstance(command, SuspendMember):
        return command.person
    join = space.law.joins.get(command.join)
    person: bytes | None = join.change.command.person if join is not None else None
    return person


def proposal_of(space: Space, command: Any) -> bytes | None:
    """Return the id of the proposal that a command of deciding is about; None where it is not here."""
    if hasattr(command, "proposal"):
        found: bytes | None = command.proposal
        return found
    id_ = getattr(command, "opening", None)
    if id_ is None and (seal := space.law.seals.get(getattr(command, "seal", b""))):
        id_ = seal.opening
    opening = space.law.openings.get(id_) if id_ is not None else None
    return opening.change.command.proposal if opening is not None else None


def _effects(space: Space, command: Any) -> list[Any]:
    if isinstance(command, Propose):
        return command.effects
    proposal = space.law.proposals.get(proposal_of(space, command) or b"")
    effects: list[Any] = proposal.change.command.effects if proposal is not None else []
    return effects
