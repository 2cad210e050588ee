"""What the commands about profiles and consents do."""

import argparse
from collections.abc import Callable
from typing import Any

from identity.errors import Refused
from ui.commands import ask, show

Options = argparse.Namespace
Data = dict[str, Any]


def profile(options: Options) -> int:
    """Show a profile, or change one's own."""
    pairs = [part.partition("=") for part in options.field]
    if not all(name and sign for name, sign, _ in pairs):
        raise Refused("Say fields as FIELD=VALUE, such as skills=Bread.")
    if options.to and not options.audience:
        options.audience = "people"
    if pairs:
        return _change(options, {name: value for name, _, value in pairs})
    data = ask(options, "show_profile", space=options.space, person=options.of or "me")
    lines = [f"{field['label'] or field['field']}: {field['value']}{_meant(field)}" for field in data["fields"]]
    return show(options, data, "\n".join(lines) or "They say nothing of themselves.")


def _change(options: Options, values: dict[str, str]) -> int:
    if options.audience is None:
        data = ask(options, "profile", space=options.space, **values)
    else:
        given = {"space": options.space, "audience": options.audience, "people": options.to}
        changed = [ask(options, "set_field", field=name, value=value, **given) for name, value in values.items()]
        data = {"changed": any(one["changed"] for one in changed)}
    return show(options, data, "Saved." if data["changed"] else "Nothing was changed.")


def _meant(field: Data) -> str:
    words = {"me": "only you", "people": f"{len(field['people'])} people", "some": "you and some others"}
    return f"  [{words[field['audience']]}]" if field["audience"] in words else ""


def consents(options: Options) -> int:
    """List consents, say one, or ask for one."""
    if sum(wish is not None for wish in (options.give, options.withdraw, options.ask)) > 1:
        raise Refused("Say one of --give, --withdraw and --ask.")
    if options.ask:
        if not options.person:
            raise Refused("Say whom you ask, with --person.")
        data = ask(options, "ask_consent", space=options.space, person=options.person, use=options.ask)
        return show(options, data, "Asked. The answer is theirs to give.")
    if options.give or options.withdraw:
        use = options.give or options.withdraw
        data = ask(options, "consent", space=options.space, use=use, given=bool(options.give), by=options.person)
        return show(options, data, "You said yes." if options.give else "You said no.")
    data = ask(options, "consents", space=options.space)
    lines = [f"{one['use']}: {one['state']}, {_towards(one['by'])}" for one in data["mine"]]
    lines += [f"{one['use']}: {one['state']} by {one['person'][8:20]}, towards you" for one in data["asked"]]
    return show(options, data, "\n".join(lines) or "You have consented to nothing yet.")


def _towards(by: str | None) -> str:
    return f"towards {by[8:20]}" if by else "towards anybody"


COMMANDS: dict[str, Callable[[Options], int]] = {"profile": profile, "consents": consents}
