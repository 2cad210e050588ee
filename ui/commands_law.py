"""What the commands about belonging and deciding do: they ask the node, and tell its answer in words."""

import argparse
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from identity.errors import Refused
from ui.commands import ask, show

Options = argparse.Namespace
Data = dict[str, Any]
DAY_MS = 86_400_000
MAX_DAYS = 1_000_000
_SHARES = {"nobody": [0, 1], "half": [1, 2], "two thirds": [2, 3], "three quarters": [3, 4], "everybody": [1, 1]}
_STATES = {
    "proposed": "waits for more support",
    "voting": "open",
    "closing": "being counted",
    "sealed": "decided",
    "contested": "contested: somebody signed two results",
}


# -- rules ------------------------------------------------------------------------------------------------------------


def found(options: Options) -> int:
    """Found a space under rules."""
    pairs = [part.partition("=") for part in options.rule]
    if not all(name and sign for name, sign, _ in pairs):
        raise Refused("Say rules as NAME=VALUE; commons templates lists them.")
    rules = {name: read_value(name, value) for name, _, value in pairs}
    data = ask(options, "found", name=options.name, template=options.template, rules=rules or None)
    return show(options, data, f"Founded {data['name']} ({data['id'][:8]}). Next: commons invite")


def read_value(name: str, text: str) -> Any:
    """Read a rule's value from words: 3, yes, half, 2/3, water,food.

    Raises:
        Refused: if there is no such rule, or the words mean nothing for it.
    """
    from node.domain.law.charter import RULES

    rule = RULES.get(name)
    if rule is None:
        raise Refused(f"There is no rule {name[:40]!r}; there are: {', '.join(RULES)}.")
    value = _read_as(rule.default, text.strip())
    if value is None:
        raise Refused(f"The rule {name} is {rule.values.words}.")
    return value


def _read_as(default: Any, text: str) -> Any:
    """Read words as a value of the kind of another; None if they are none."""
    if isinstance(default, bool):
        return {"yes": True, "true": True, "no": False, "false": False}.get(text.casefold())
    if isinstance(default, int):
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None
    if isinstance(default, str):
        return text
    if default and isinstance(default[0], int):
        part, _, whole = text.partition("/")
        well = all(each.isascii() and each.isdecimal() and len(each) < 5 for each in (part, whole))
        return [int(part), int(whole)] if well else _SHARES.get(text.casefold())
    return [each.strip() for each in text.split(",") if each.strip()]


def templates(options: Options) -> int:
    """List the templates."""
    data = ask(options, "charters")
    parts = ["\n".join([template["name"], *_rule_lines(template["rules"])]) for template in data["templates"]]
    values = "\n".join(["What each rule may be:", *(f"  {rule['name']}: {rule['values']}" for rule in data["rules"])])
    return show(options, data, "\n\n".join([*parts, values]))


def charter(options: Options) -> int:
    """Read the rules."""
    data = ask(options, "charter", space=options.space)
    auditors = f"{data['needed']} of these seal together: {', '.join(data['auditor_names'])}"
    lines = [f"Version {data['version']} of the rules.", *_rule_lines(data["rules"]), auditors]
    return show(options, data, "\n".join(lines))


def _rule_lines(rules: list[Data]) -> list[str]:
    width = max((len(rule["name"]) for rule in rules), default=0)
    return [f"  {rule['name']:{width}}  {rule['words']}" for rule in rules]


def powers(options: Options) -> int:
    """Say who may do what."""
    data = ask(options, "powers", space=options.space)
    lines = [f"{'✓' if power['me'] else ' '} {power['words']}: {power['who']}" for power in data["powers"]]
    return show(options, data, "\n".join([*lines, "✓ marks what you may do yourself."]))


def roles(options: Options) -> int:
    """List roles."""
    data = {"roles": ask(options, "powers", space=options.space)["roles"]}
    lines = [f"{holder['name']}: {', '.join(map(_role_words, holder['roles']))}" for holder in data["roles"]]
    return show(options, data, "\n".join(lines) or "Nobody holds a role.")


def _role_words(role: Data) -> str:
    scope = f" for {role['scope']}" if role["scope"] else ""
    return f"{role['role']}{scope}" + (f" until {_day(role['until'])}" if role["until"] else "")


# -- deciding ----------------------------------------------------------------------------------------------------------


def propose(options: Options) -> int:
    """Propose something."""
    effects: list[list[Any]] = [["rule", name, read_value(name, value)] for name, value in options.rule]
    effects += [_role(words) for words in options.role]
    effects += [["unrole", person, role] for person, role in options.end_role]
    for name in ("remove", "readmit", "admit", "resume"):
        effects += [[name, person] for person in getattr(options, name)]
    effects += _auditors(options)
    if not effects:
        raise Refused("Say what to propose, such as --rule quorum half; see: commons propose --help")
    return _propose(options, effects, options.days)


def _role(words: list[str]) -> list[Any]:
    if len(words) not in (3, 4) or not words[2].isascii() or not words[2].isdecimal():
        raise Refused("Say a role as PERSON ROLE DAYS [SCOPE], such as: --role Bola treasurer 180")
    days = min(int(words[2][:9]), MAX_DAYS)
    scope = words[3] if len(words) == 4 else ""
    return ["role", words[0], words[1], scope, int(time.time() * 1000) + days * DAY_MS]


def _auditors(options: Options) -> list[list[Any]]:
    if options.auditors is None:
        if options.needed is not None:
            raise Refused("Say whom, with --auditors.")
        return []
    people = [person.strip() for person in options.auditors.split(",") if person.strip()]
    needed = options.needed if options.needed is not None else len(people) // 2 + 1
    return [["auditors", people, needed]]


def _propose(options: Options, effects: list[list[Any]], days: int | None) -> int:
    data = ask(options, "propose", space=options.space, effects=effects, days=days, text=options.why or None)
    return show(options, data, "\n".join([*_proposal_lines(data), f"Next: commons vote {data['id'][:8]} yes"]))


def remove(options: Options) -> int:
    """Propose a removal."""
    return _propose(options, [["remove", options.person]], None)


def proposals(options: Options) -> int:
    """List proposals, or show one."""
    if options.proposal:
        data = ask(options, "proposal", space=options.space, proposal=options.proposal)
        return show(options, data, "\n".join([*_proposal_lines(data), *([data["text"]] if data["text"] else [])]))
    data = ask(options, "proposals", space=options.space)
    words = ["\n".join(_proposal_lines(each)) for each in data["proposals"]]
    return show(options, data, "\n\n".join(words) or "Nothing has been proposed yet.")


def _proposal_lines(data: Data) -> list[str]:
    lines = [f"{data['id'][:8]}  by {data['name']}: {' '.join(data['words'])}", f"  {_state_words(data)}"]
    if data["electorate"] is not None:
        lines.append(f"  {data['voted']} of {data['electorate']} have voted; you: {data['mine'] or 'not yet'}")
    return lines


def _state_words(data: Data) -> str:
    words = _STATES[data["state"]]
    result = data["result"]
    if result and result["winner"]:
        tally = ", ".join(f"{count} {choice}" for choice, count in sorted(result["tally"].items()))
        return f"{words}: {result['winner']} ({tally})"
    if result:
        return f"{words}: {', '.join(result['forker_names']) or 'it is not known who'}"
    return f"{words}; ballots until {_moment(data['deadline'])}"


def support(options: Options) -> int:
    """Support a proposal."""
    data = ask(options, "support", space=options.space, proposal=options.proposal)
    return show(options, data, "\n".join(_proposal_lines(data)))


def take_over(options: Options) -> int:
    """Hand over to new auditors, with the others."""
    data = ask(options, "take_over", space=options.space, proposal=options.proposal)
    return show(options, data, "\n".join(_proposal_lines(data)))


def vote(options: Options) -> int:
    """Vote."""
    data = ask(options, "ballot", space=options.space, proposal=options.proposal, choice=options.choice)
    return show(options, data, "\n".join(_proposal_lines(data)))


# -- belonging ---------------------------------------------------------------------------------------------------------


def knocks(options: Options) -> int:
    """List who waits."""
    data = ask(options, "knocks", space=options.space)
    return show(options, data, "\n".join(map(_knock_words, data["knocks"])) or "Nobody waits to be let in.")


def _knock_words(knock: Data) -> str:
    invited = f", invited by {knock['invited_by']}" if knock["invited_by"] else ""
    vouched = ", ".join(knock["vouched_names"]) or "nobody yet"
    return f"{knock['id'][:8]}  {knock['person']}, {_moment(knock['time'])}{invited}; vouched for by {vouched}"


def vouch(options: Options) -> int:
    """Vouch for somebody."""
    data = ask(options, "vouch", space=options.space, knock=options.knock)
    return show(options, data, "Vouched. They are let in." if data["let_in"] else "Vouched.")


def pause(options: Options) -> int:
    """Pause somebody's posting."""
    data = ask(options, "pause", space=options.space, person=options.person)
    until = f"Paused until {_moment(data['until'])}." if data["until"] else "Asked; other moderators have to join in."
    return show(options, data, until)


def leave(options: Options) -> int:
    """Leave."""
    if not options.yes:
        raise Refused("To take everything along, say commons export FILE first. Then: commons leave --yes")
    data = ask(options, "leave", space=options.space)
    return show(options, data, f"You have left {data['space']}. What you read is still in your folder.")


def devices(options: Options) -> int:
    """List devices, end one, or take the place of one."""
    if options.replace:
        data = ask(options, "take_a_place", device=options.replace)
        return show(options, data, f"This device stands in: {', '.join(data['spaces'])}. The other one has ended.")
    if options.revoke:
        data = ask(options, "revoke_everywhere", device=options.revoke)
        return show(options, data, f"Ended in: {', '.join(data['spaces'])}. What it says from now on is void.")
    data = ask(options, "devices", space=options.space)
    full = "This device has no place yet: all are taken. Say --replace DEVICE with one that you no longer use.\n"
    listed = "\n".join(map(_device_words, data["devices"]))
    return show(options, data, (full if data["needs_place"] else "") + listed)


def _device_words(device: Data) -> str:
    marks = [device["state"], *(["this one"] if device["is_this"] else []), *(["audits"] if device["audits"] else [])]
    last = f", last wrote {_day(device['last'])}" if device["last"] else ""
    return f"{device['device']}  {', '.join(marks)}; since {_day(device['since'])}{last}"


def recovery(options: Options) -> int:
    """Trust members with one's key, ask for it, or help somebody."""
    wishes = [name for name in ("trust", "ask", "finish", "give", "decline") if getattr(options, name)]
    if len(wishes) > 1:
        raise Refused("Say one of --trust, --ask, --finish, --give and --decline.")
    return _RECOVERY[wishes[0] if wishes else "state"](options)


def _recovery_state(options: Options) -> int:
    data = ask(options, "recovery_state", space=options.space)
    trusted = ", ".join(one["name"] for one in data["trusted"])
    lines = [f"{data['needed']} of these recover you: {trusted}" if trusted else "You trust nobody with your key yet."]
    lines += ["Too few of them are left: share anew with --trust."] if data["share_anew"] else []
    return show(options, data, "\n".join([*lines, *map(_asking_words, data["askings"])]))


def _asking_words(asking: Data) -> str:
    far = f"{asking['given']} of {asking['needed']} gave"
    if asking["is_mine"]:
        return f"{asking['id'][:8]}  you ask to be {asking['name']} again; {far}. Read out: {asking['code']}"
    if asking["denied"]:
        return f"{asking['id'][:8]}  {asking['by']} says to be {asking['name']}, who says that it is not them"
    call = "you gave" if asking["i_gave"] else "call them; only if you know their voice, give"
    return f"{asking['id'][:8]}  {asking['by']} says to be {asking['name']}; {far}; {call}"


def _trust(options: Options) -> int:
    people = [person.strip() for person in options.trust.split(",") if person.strip()]
    needed = options.needed if options.needed is not None else max(2, len(people) // 2 + 1)
    data = ask(options, "share_key", space=options.space, trusted=people, needed=needed)
    return show(
        options, data, f"Any {needed} of these {len(people)} together can let you in again; fewer learn nothing."
    )


def _ask_recovery(options: Options) -> int:
    data = ask(options, "ask_recovery", space=options.space, person=options.ask)
    words = f"Call those you trust, and read this out to each: {data['code']}"
    return show(options, data, f"{words}\nThen: commons recovery --finish {options.ask}")


def _finish(options: Options) -> int:
    data = ask(options, "recover_me", space=options.space, person=options.finish)
    return show(options, data, f"You are {data['person']} again; this is a new device of yours.")


def _give(options: Options) -> int:
    if not options.code:
        raise Refused(
            "Call them. If you know their voice, ask for the code that their device shows, and say --code CODE."
        )
    data = ask(options, "give_share", space=options.space, asking=options.give, code=options.code)
    return show(options, data, "Your share is on its way to their new device.")


def _decline(options: Options) -> int:
    data = ask(options, "decline_share", space=options.space, asking=options.decline)
    return show(options, data, "You give nothing, and the others see that you said no.")


_RECOVERY: dict[str, Callable[[Options], int]] = {
    "state": _recovery_state, "trust": _trust, "ask": _ask_recovery, "finish": _finish, "give": _give,
    "decline": _decline,
}  # fmt: skip


def _moment(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000).astimezone().strftime("%Y-%m-%d %H:%M")


def _day(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000).astimezone().strftime("%Y-%m-%d")


COMMANDS: dict[str, Callable[[Options], int]] = {
    "found": found, "templates": templates, "charter": charter, "powers": powers, "roles": roles, "propose": propose,
    "proposals": proposals, "support": support, "take-over": take_over, "vote": vote, "remove": remove,
    "knocks": knocks, "vouch": vouch, "pause": pause, "leave": leave, "devices": devices, "recovery": recovery,
}  # fmt: skip
