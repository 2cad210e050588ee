"""The public log as one page of HTML that stands alone: for people, beside the lines that programs check.

The law holds no names and no free text, and so does this page: a person is the end of their key.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from crdt.change import Change
from identity.errors import Refused
from identity.keys import to_did
from node.domain.law.records import Outcome
from node.placing import check_place
from node.publiclog import Checked
from ui.effects import shown

START = "<!doctype html>\n<!-- commons/publiclog/1 -->"
_STYLE = (
    "body{font:1rem/1.55 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#1d2b33;"
    "background:#fff}li{margin-block:.75rem;overflow-wrap:anywhere}code{font-size:.875em}time,.no{color:#5a4a42}"
    "ol{padding-inline-start:1.5rem}@media(prefers-color-scheme:dark){body{background:#12191e;color:#e8eef1}"
    "time,.no{color:#c9b9ae}}"
)
_DOES = {
    "space.found": "founded the space",
    "space.join": "knocked with an invitation",
    "member.admit": "let somebody in",
    "member.vouch": "vouched for somebody who knocked",
    "member.leave": "left",
    "member.suspend": "asked for a pause of somebody's posting",
    "device.certify": "added a device of their own",
    "device.enter": "began with a new device",
    "device.revoke": "ended a device of their own",
    "ticket.withdraw": "withdrew an invitation",
    "keys.rotate": "began new keys",
    "keys.hand": "handed keys on",
    "proposal.propose": "proposed",
    "proposal.sponsor": "supported a proposal",
    "vote.open": "opened a vote",
    "vote.cosign": "confirmed that a vote leaves nobody out",
    "vote.contest": "contested a vote",
    "vote.ballot": "voted",
    "vote.close": "closed a vote",
    "vote.seal": "sealed a result",
    "vote.support": "supported a seal",
    "vote.takeover": "handed over to new auditors, with the others",
}


@dataclass(frozen=True, slots=True)
class _Writer:
    found: Checked

    def page(self) -> str:
        found = self.found
        members = len(found.law.members()) if found.law is not None else 0
        rules = found.law.present().sealed.charter.sentences() if found.law is not None else []
        return "".join([
            START, '\n<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(found.name)}: public log</title><style>{_STYLE}</style></head><body><main>",
            f"<h1>{escape(found.name)}</h1>",
            f"<p>The public log as of {_moment(found.made_ms)}: {found.laws:,} acts of law, {members:,} members.",
            " Nothing of what was talked about is in it. People appear as the ends of their keys.</p>",
            "<p>To check it, with the file of lines beside this page: <code>commons verify --log FILE</code>.",
            f" It then says the law's digest <code>{found.digest}</code>.</p>",
            "<h2>The rules now</h2><ul>", *(f"<li>{escape(words)}</li>" for _, words in rules), "</ul>",
            "<h2>What was done</h2><ol>", *(self._entry(*change) for change in found.changes), "</ol>",
            "</main></body></html>\n",
        ])  # fmt: skip

    def _entry(self, change: Change, command: Any, reason: str) -> str:
        kind = command.kind if command is not None else ""
        does = _DOES.get(kind, kind or "did something that cannot be read")
        more = self._more(change, command)
        refused = f' <span class="no">It has no effect: {escape(reason)}.</span>' if reason else ""
        return (
            f'<li id="{change.id.hex()[:16]}"><time>{_moment(change.header.time)}</time> '
            f"<code>…{escape(self._who(change, command))}</code> {escape(does)}{more}.{refused}</li>\n"
        )

    def _who(self, change: Change, command: Any) -> str:
        law = self.found.law
        person = law.person_of(change.header.author) if law is not None else None
        return to_did(person or getattr(command, "person", None) or change.header.author)[-8:]

    def _more(self, change: Change, command: Any) -> str:
        law = self.found.law
        proposal = law.proposals.get(change.id) if law is not None else None
        if law is None or proposal is None:
            return ""
        effects = "; ".join(" ".join(map(str, shown(effect))) for effect in command.effects)
        final = law.present().sealed.finals.get(change.id)
        result = _result(final.outcome) if final is not None else "not decided yet"
        return f" <code>{escape(effects)}</code> ({escape(result)})"


def _result(outcome: Outcome | None) -> str:
    if outcome is None:
        return "contested"
    return f"{outcome.winner}: " + ", ".join(f"{count} {choice}" for choice, count in outcome.tally)


def _moment(time_ms: int) -> str:
    try:
        return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return "at a time that cannot be"


def write_page(found: Checked, path: Path) -> None:
    """Write the page; an earlier one in its place is replaced, anything else is not.

    Raises:
        Refused: if it cannot be written there.
    """
    check_place(path, START.encode())
    try:
        path.write_text(_Writer(found).page(), encoding="utf-8")
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror or error}") from error
