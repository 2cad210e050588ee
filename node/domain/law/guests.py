"""What members' nodes tell a newcomer who waits: by which rule people come in here, and how far theirs is.

A newcomer holds no secret of the space, so law cannot show it to them. What they are told is about their own knock,
and it is no proof: a page says whose word it is. Who vouched is named only by the laptop that made their invitation,
which the newcomer can tell from any other, and only where the rules say so.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgpack

from crdt.change import ID_BYTES
from identity.errors import Malformed
from identity.tickets import MAX_NAME_CHARS, MAX_TIME_MS, fit_name
from node.domain.area import well_formed
from node.domain.law.charter import INVITE, RULES, VOTE, VOUCH
from node.domain.law.deciding import present_opening
from node.domain.law.records import Join, Proposal
from node.domain.law.view import View

MAX_WORD_BYTES = 4_096
MAX_NAMES = 20
MAX_VOUCHERS = 1_000_000
NO_VOTE, VOTING, VOTED_NO = "", "open", "no"
_FIELDS = 8
_UNTOLD = frozenset({"parents", "continues"})  # they name other spaces


class Word(NamedTuple):
    """How far a knock is: `needed` and `vouched` count members, `vote` is about the newcomer and ends at `ends_ms`.

    `rules` are those that differ from what holds by default, those aside that name other spaces.
    """

    knock: bytes
    admission: str
    needed: int = 0
    vouched: int = 0
    names: tuple[str, ...] = ()
    vote: str = NO_VOTE
    ends_ms: int = 0
    rules: tuple[tuple[str, Any], ...] = ()


def vouchers_of(view: View, join: Join) -> list[bytes]:
    """Return who vouched for a newcomer, as far as it counts, the first to do so first."""
    return list(dict.fromkeys(act.person for act in join.vouches if view.counts(act)))


def word_about(view: View, join: Join, names: Mapping[bytes, str] | None) -> Word:
    """Return what is told about a knock; `names` are those of who vouched, None where they are not told here."""
    if join.terms.purpose != "member":
        return Word(join.change.id, INVITE)
    charter = view.sealed.charter
    rules = tuple((name, value) for name, value in charter.said() if name not in _UNTOLD)
    word = Word(join.change.id, charter["admission"], rules=rules)
    if word.admission == VOUCH:
        vouchers = vouchers_of(view, join)
        told = names if names is not None and charter["vouchers_named"] else {}
        shown = tuple(name for person in vouchers if (name := fit_name(told.get(person, ""))))
        return word._replace(
            needed=view.at_most_all(charter["vouchers"]), vouched=len(vouchers), names=shown[:MAX_NAMES]
        )
    return _with_vote(view, join.change.command.person, word) if word.admission == VOTE else word


def _with_vote(view: View, person: bytes, word: Word) -> Word:
    """Say how far the vote on a newcomer is: of several, one that is open, else that which ended last."""
    about = [p for p in view.law.proposals.values() if ["admit", person] in p.change.command.effects]
    is_open = [p for p in about if p.change.id not in view.sealed.finals and present_opening(view.law, p, view)]
    if is_open:
        return word._replace(vote=VOTING, ends_ms=min(_deadline(proposal) for proposal in is_open))
    ended = [view.sealed.finals[p.change.id].outcome for p in about if p.change.id in view.sealed.finals]
    said_no = bool(ended) and person not in view.sealed.admitted
    return word._replace(vote=VOTED_NO) if said_no else word


def _deadline(proposal: Proposal) -> int:
    deadline: int = proposal.change.command.deadline
    return deadline


def write_word(word: Word) -> bytes:
    """Return a word as it is told; names and rules are left out where they would make it too long."""
    for shorter in (word, word._replace(names=()), word._replace(names=(), rules=())):
        data: bytes = msgpack.packb(shorter, use_bin_type=True)
        if len(data) <= MAX_WORD_BYTES:
            break
    return data


def read_word(data: bytes) -> Word:
    """Read what a peer tells; names are cleaned as in an invitation.

    Raises:
        Malformed: if it is nothing that `write_word` wrote.
    """
    well_formed(len(data) <= MAX_WORD_BYTES, "what a newcomer is told is too long")
    try:
        fields = msgpack.unpackb(data, use_list=True, max_array_len=4 * len(RULES) + MAX_NAMES)
    except (ValueError, TypeError, msgpack.exceptions.UnpackException, RecursionError) as error:
        raise Malformed("what a newcomer is told is malformed") from error
    well_formed(type(fields) is list and len(fields) == _FIELDS, "what a newcomer is told is malformed")
    knock, admission, needed, vouched, names, vote, ends_ms, rules = fields
    well_formed(type(knock) is bytes and len(knock) == ID_BYTES, "a newcomer is told of no knock")
    well_formed(RULES["admission"].values.holds(admission), "a newcomer is told of no rule")
    well_formed(vote in (NO_VOTE, VOTING, VOTED_NO), "a newcomer is told of no vote")
    well_formed(_counts(needed, vouched, ends_ms), "a newcomer is told numbers that cannot be")
    well_formed(_are_names(names) and len(names) <= vouched, "a newcomer is told of more names than there are")
    shown = tuple(name for name in map(fit_name, names) if name)
    return _as_the_rule_has_it(Word(knock, admission, needed, vouched, shown, vote, ends_ms, _known(rules)))


def _known(rules: Any) -> tuple[tuple[str, Any], ...]:
    """Return the rules that this program knows; those of a newer one are passed over."""
    well_formed(type(rules) is list, "a newcomer is told no rules")
    pairs = (rule for rule in rules if type(rule) is list and len(rule) == 2 and type(rule[0]) is str)
    known = {name: value for name, value in pairs if name in RULES and RULES[name].values.holds(value)}
    return tuple(known.items())


def _as_the_rule_has_it(word: Word) -> Word:
    """Leave out what does not belong to the rule: where nobody vouches, nobody vouched."""
    if word.admission != VOUCH:
        word = word._replace(needed=0, vouched=0, names=())
    return word if word.admission == VOTE else word._replace(vote=NO_VOTE, ends_ms=0)


def _counts(needed: Any, vouched: Any, ends_ms: Any) -> bool:
    most = ((needed, MAX_VOUCHERS), (vouched, MAX_VOUCHERS), (ends_ms, MAX_TIME_MS))
    return all(type(number) is int and 0 <= number <= limit for number, limit in most)


def _are_names(names: Sequence[Any]) -> bool:
    well = type(names) is list and len(names) <= MAX_NAMES
    return well and all(type(name) is str and len(name) <= MAX_NAME_CHARS for name in names)
