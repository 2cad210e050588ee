"""What pages of law need to speak of people, days and decisions in the reader's language."""

from collections.abc import Mapping

from node.domain.law.records import Proposal
from ui.law_words import Telling, change_words
from ui.locales import isolated
from ui.pages.visit import Visit

MAX_TITLE_CHARS = 160


async def telling(visit: Visit) -> Telling:
    """Return how this reader is told what decisions change."""
    names = (await visit.pages.roster(visit.here)).names
    return telling_with(visit, names)


def telling_with(visit: Visit, names: Mapping[bytes, str]) -> Telling:
    """Return the same where the names are at hand."""
    day = visit.pages.templates.environment(visit.language).filters["day"]
    return Telling(visit, lambda person: isolated(visit.person(person, names).name, visit.language), day)


def title_of(tell: Telling, proposal: Proposal) -> str:
    """Return what a proposal is called: what it would change."""
    words = change_words(tell, proposal.change.command.effects)
    return words if len(words) <= MAX_TITLE_CHARS else words[:MAX_TITLE_CHARS].rstrip() + " …"
