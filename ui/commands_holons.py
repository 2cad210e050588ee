"""What the commands about spaces within spaces, archives and published logs do."""

import argparse
import getpass
import os
import sys
from collections.abc import Callable
from typing import Any

from ui.commands import ask, show

Options = argparse.Namespace
Data = dict[str, Any]
PASSPHRASE = "COMMONS_ARCHIVE_PASSPHRASE"  # noqa: S105 - the name of a variable, no secret


def tree(options: Options) -> int:
    """Show the tree."""
    data = ask(options, "tree")
    return show(options, data, "\n".join(map(_line, data["spaces"])) or "You are in no space yet.")


def _line(space: Data) -> str:
    words: list[str] = [space["name"] or f"a space that you are not in ({space['id'][:8]})"]
    if space["members"] is not None:
        words.append("1 person" if space["members"] == 1 else f"{space['members']} people")
    if space["in_both"] is not None:
        words.append(f"{space['in_both']} of them also above")
    if space["binds"]:
        words.append(f"binds its parts about {', '.join(space['binds'])}")
    if len(space["parents"]) > 1:
        words.append(f"part of {len(space['parents'])} spaces")
    if space["again"]:
        words.append("its parts stand above")
    if space["loop"]:
        words.append("contains itself: cut here")
    return "  " * int(space["depth"]) + ", ".join(words)


def part(options: Options) -> int:
    """Found a part."""
    data = ask(options, "found_part", space=options.space, name=options.name, template=options.template)
    return show(
        options, data, f"Founded {data['name']} ({data['id'][:8]}). Next: commons invite --space {data['id'][:8]}"
    )


def share(options: Options) -> int:
    """Propose that two communities share a space."""
    data = ask(options, "share_space", space=options.space, community=options.community)
    return show(options, data, f"Proposed, as {data['id'][:8]}. Once it is decided, you let your people in.")


def communities(options: Options) -> int:
    """Say by which community people came."""
    data = ask(options, "communities", space=options.space)
    names = {parent["id"]: parent["name"] or parent["id"][:8] for parent in data["parents"]}
    return show(options, data, "\n".join(_person(person, names) for person in data["people"]))


def _person(person: Data, names: dict[str, str]) -> str:
    words: list[str] = [person["name"] or person["person"][8:20]]
    if person["came_by"]:
        words.append(f"came by {names[person['came_by']]}")
    words += [f"member of {names[parent]}" for parent in person["member_of"]]
    words += [f"has left {names[parent]}" for parent in person["left"]]
    return ", ".join(words)


def continue_space(options: Options) -> int:
    """Continue a space in a new one."""
    given = {"space": options.space, "name": options.name, "invite": options.invite}
    data = ask(options, "continue_space", **given)
    return show(options, data, f"Founded {data['name']} ({data['id'][:8]}), which continues {data['continues'][:8]}.")


def carry_over(options: Options) -> int:
    """Carry one's own posts over."""
    data = ask(options, "carry_over", space=options.space)
    return show(options, data, f"{data['carried']:,} posts were carried over.")


def archive(options: Options) -> int:
    """Write an archive."""
    passphrase = _passphrase() if options.keys != "none" else None
    given = {"space": options.space, "path": str(options.file.absolute()), "keys": options.keys}
    data = ask(options, "pack_archive", **given, passphrase=passphrase)
    counts = f"{data['changes']:,} signed changes, {data['posts']:,} posts and {data['media']:,} pictures"
    return show(options, data, f"Wrote {counts} to {data['path']}.")


def unpack(options: Options) -> int:
    """Take an archive in."""
    from node.moving.unpacking import Archive

    path = options.file.absolute()
    with Archive(path) as found:
        passphrase = _passphrase() if found.manifest.keys != "none" else None
    data = ask(options, "unpack_archive", path=str(path), passphrase=passphrase)
    words = f"{data['name']}: {data['new_changes']:,} changes and {data['media']:,} pictures were taken in."
    return show(options, data, words if data["whole"] else f"{words} Something in it did not fit and was left out.")


def publish_log(options: Options) -> int:
    """Publish the log of a space's law."""
    data = ask(options, "publish_log", space=options.space, path=str(options.file.absolute()))
    words = f"Wrote {data['law']:,} acts of law to {data['path']}, and a page for people to {data['page']}."
    return show(options, data, f"{words}\nAnybody checks it with: commons verify --log {data['path']}")


def verify_log(options: Options) -> int:
    """Check a published log, without a node."""
    from ui.api_moving import check_log

    data, found = check_log(options.log)
    lines = [*data["faults"], f"{data['name']}: {data['laws']:,} acts of law, {len(data['members']):,} members"]
    if found.law is not None:
        lines += [f"  {words}" for _, words in found.law.present().sealed.charter.sentences()]
    lines.append(f"law {data['law']}, logs {data['root']}")
    lines.append("Everything fits." if data["good"] else "Something is wrong with this log: do not rely on it.")
    show(options, data, "\n".join(lines))
    return 0 if data["good"] else 1


def _passphrase() -> str:
    if found := os.environ.get(PASSPHRASE):
        return found
    question = "A passphrase for the keys in the archive: "
    return getpass.getpass(question) if sys.stdin.isatty() else sys.stdin.readline().strip()


COMMANDS: dict[str, Callable[[Options], int]] = {
    "tree": tree, "part": part, "share": share, "communities": communities, "continue": continue_space,
    "carry-over": carry_over, "archive": archive, "unpack": unpack, "publish-log": publish_log,
}  # fmt: skip
