"""What each command of the CLI does."""

import argparse
import asyncio
import getpass
import json
import logging
import os
import signal
import sys
import webbrowser
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from identity.errors import CommonsError, Refused
from node import config as settings
from node.domain.mentions import without_links
from node.net.lean import CLIENT_OF_AIOHTTP, import_without
from node.runtime import Node
from ui.client import ask_passphrase, call, open_again

EXPECTED = (CommonsError, settings.SettingError)
Options = argparse.Namespace
Data = dict[str, Any]
HEAD_START_S = 0.3
"""So long the first page goes before the network: importing libp2p would hold it up."""


def run(options: Options) -> int:
    """Run one command; returns the exit code."""
    logging.basicConfig(level=os.environ.get("COMMONS_LOG", "WARNING"), format="%(levelname)s %(name)s %(message)s")
    options.folder = options.home or settings.default_folder()
    from ui import commands_data, commands_holons, commands_law, commands_people

    known = {
        **_COMMANDS,
        **commands_data.COMMANDS,
        **commands_law.COMMANDS,
        **commands_holons.COMMANDS,
        **commands_people.COMMANDS,
    }
    return known[options.command](options)


def show(options: Options, data: Data, words: str) -> int:
    """Print an answer: words for people, JSON for programs."""
    print(json.dumps(data) if options.json else words)
    return 0


# -- running ----------------------------------------------------------------------------------------------------


def run_node(options: Options) -> int:
    """Start the node and serve until it is told to stop; if it runs already, let one more browser in."""
    running = open_again(options.folder)
    if running is not None:
        words = f"This node is running already, at {running['url']}.\nTo let a browser in, open {running['open']}"
        show(options, running, words)
        _open_browser(options, settings.load(options.folder), Path(running["open"]))
        return 0
    return asyncio.run(_run_node(options))


async def _run_node(options: Options) -> int:
    import_without("aiohttp.web", CLIENT_OF_AIOHTTP)
    from ui.app import Site

    node = Node(options.folder, _wished(options))
    await node.open(ask_passphrase(options.folder))
    site = Site(node)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        await site.start()
        _announce(options, site, node)
        await site.first_page(HEAD_START_S)
        await node.start_network_when_ready()
        await stop.wait()
    finally:
        await site.stop()
        await node.close()
    return 0


def _wished(options: Options) -> settings.Config:
    wishes: dict[str, Any] = {}
    if options.port is not None:
        wishes["web_port"] = options.port
    if options.listen:
        wishes["listen"] = options.listen
    if options.no_discovery:
        wishes["discovery"] = False
    return settings.changed(settings.load(options.folder), wishes)


def _announce(options: Options, site: Any, node: Node) -> None:
    data = {"url": site.url, "open": str(site.opening_file), "folder": str(options.folder)}
    lines = (
        f"Your node is at {site.url} (this machine only).",
        f"To let a browser in, open {site.opening_file}",
        "Stop with Ctrl-C.",
    )
    show(options, data, "\n".join(lines))
    sys.stdout.flush()
    _open_browser(options, node.config, site.opening_file)


def _open_browser(options: Options, config: settings.Config, file: Path) -> None:
    if config.open_browser and not options.no_browser and not options.json:
        webbrowser.open(file.as_uri())


# -- asking the node -------------------------------------------------------------------------------------------------


def ask(options: Options, operation: str, /, **given: Any) -> Data:
    """Perform an operation on the folder's node; parameters that are None are left out."""
    return call(options.folder, operation, {key: value for key, value in given.items() if value is not None})


def init(options: Options) -> int:
    """Say your name."""
    passphrase = None
    if options.passphrase:
        passphrase = os.environ.get("COMMONS_PASSPHRASE") or getpass.getpass("A passphrase for the key file: ")
    data = ask(options, "init", name=options.name, passphrase=passphrase)
    return show(options, data, f"Hello {data['name']}. Your keys are in {options.folder}.")


def spaces(options: Options) -> int:
    """List spaces."""
    data = ask(options, "spaces")
    lines = [f"{s['id'][:8]}  {s['name']}  {_space_state(s)}" for s in data["spaces"]]
    return show(
        options, data, "\n".join(lines) or 'You are in no space yet: commons found "A name", or commons join LINK'
    )


def _space_state(space: Data) -> str:
    if space["state"] == "waiting":
        return f"not let in: {space['turned_away']}" if space["turned_away"] else _how_far(space["waiting"])
    people = "1 person" if space["members"] == 1 else f"{space['members']} people"
    words = f"{people}, {space['changes']} changes, digest {space['digest']}"
    arriving = space["arriving"]
    return f"{words}; {arriving['here']:,} of about {arriving['whole']:,} have arrived" if arriving else words


def _how_far(told: Data | None) -> str:
    """Return how far one's coming in is, and whose word that is."""
    words = "waiting to be let in"
    if told is None:
        return words
    if told["admission"] == "vouch":
        named = f": {', '.join(told['names'])}" if told["names"] else ""
        words += f"; {told['vouched']} of {told['needed']} vouched{named}"
    elif told["admission"] == "vote":
        votes = {"open": f"the vote ends {_moment(told['ends'] or 0)}", "no": "the vote was no", None: "no vote yet"}
        words += f"; {votes[told['vote']]}"
    return words if told["said_by_inviter"] else f"{words} (so says a laptop that did not invite you)"


def invite(options: Options) -> int:
    """Make, list or withdraw invitations."""
    if options.withdraw:
        data = ask(options, "withdraw", space=options.space, key=options.withdraw)
        return show(options, data, "Withdrawn: nobody comes in by it any more.")
    if options.list:
        data = ask(options, "invitations", space=options.space)
        lines = [
            f"{t['key'][:8]}  {t['state']}, {t['used']} of {t['uses']} used, until {_day(t['expires'])}"
            for t in data["invitations"]
        ]
        return show(options, data, "\n".join(lines) or "You have made no invitation yet.")
    data = ask(options, "invite", space=options.space, uses=options.uses, days=options.days)
    return show(options, data, f"{data['link']}\n\nLets in {data['uses']}, until {_day(data['expires'])}.")


def _invitation_words(ticket: Data) -> str:
    uses = f"{ticket['used']} of {ticket['uses']} used"
    return f"{ticket['key'][:8]}  {ticket['state']}, {uses}, until {_day(ticket['expires'])}"


def join(options: Options) -> int:
    """Knock at a space."""
    data = ask(options, "join", link=options.link)
    return show(options, data, f"Knocked at {data['name']}. You are let in as soon as the inviter's node hears of it.")


def post(options: Options) -> int:
    """Write a post."""
    text = sys.stdin.read() if options.text == "-" else options.text
    data = ask(options, "post", space=options.space, text=text, parent=options.reply_to)
    return show(options, data, f"Said, as {data['id'][:8]}.")


def feed(options: Options) -> int:
    """Read the newest posts, or search."""
    if options.search:
        data = ask(options, "search", words=options.search, space=None if options.space == "-" else options.space)
    else:
        deep = {"deep": True} if options.deep else {}
        data = ask(options, "feed", space=options.space, limit=options.limit, **deep)
    posts = (_post_words(post, names_space=options.deep) for post in data["posts"])
    words = [*map(_page_words, data.get("pages", ())), *posts]
    return show(options, data, "\n\n".join(words) or ("Nothing found." if options.search else "Nothing here yet."))


def _page_words(page: Data) -> str:
    return f"The page of {page['space'][:8]}, {_moment(page['time'])}\n{page['title']}\n\n{page['body']}".rstrip()


def _post_words(post: Data, *, names_space: bool = False) -> str:
    text = "(taken back)" if post["retracted"] else without_links(post["text"])
    more = f"  [{post['replies']} replies]" if post["replies"] else ""
    brought = ", imported" if post["imported"] else ""
    where = f" in {post['space_name']}" if names_space else ""
    who = f"{post['name'] or post['person'][8:20]}{where}"
    return f"{who}, {_moment(post['dated'])}{brought}  {post['id'][:8]}{more}\n{text}"


def peers(options: Options) -> int:
    """List neighbours, or tell of one."""
    if options.dial:
        data = ask(options, "dial", address=options.dial)
        return show(options, data, "The node will try that address.")
    data = ask(options, "peers")
    lines = [
        f"{p['device'][8:20]}  {'Connected.' if p['connected'] else p['trouble'] or 'Away.'}" for p in data["peers"]
    ]
    return show(options, data, "\n".join(lines) or "No neighbours yet.")


def status(options: Options) -> int:
    """Say how the node is."""
    data = ask(options, "status")
    if not data["ready"]:
        return show(options, data, f"Nobody has said their name in {data['folder']} yet: commons init NAME")
    lines = [f"{data['name']}, in {data['folder']}", _neighbours(data["neighbours"])]
    lines += [f"{space['name']}: {_space_state(space)}" for space in data["spaces"]]
    return show(options, data, "\n".join(lines))


def _neighbours(number: int) -> str:
    return "1 neighbour connected" if number == 1 else f"{number} neighbours connected"


def verify(options: Options) -> int:
    """Check everything, or a published log."""
    if options.log is not None:
        from ui.commands_holons import verify_log

        return verify_log(options)
    data = ask(options, "verify", space=options.space)
    lines = [*data["faults"], f"{data['changes']} changes, digest {data['digest']}, rows {data['rows']}"]
    if not data["good"]:
        lines.append(f"Something is wrong. The way out: {data['way_out']}")
    elif data["compared"]:
        lines.append("Everything fits.")
    else:
        lines.append("The log fits. What is shown was not compared with it: there is no room on this disk for a copy.")
    show(options, data, "\n".join(lines))
    return 0 if data["good"] else 1


def rebuild(options: Options) -> int:
    """Make the read model anew."""
    data = ask(options, "rebuild", space=options.space)
    return show(
        options,
        data,
        f"Rebuilt; rows {data['rows']}, {'as before' if data['same'] else 'not as before: they were wrong'}.",
    )


def config(options: Options) -> int:
    """Show or change settings."""
    present = settings.load(options.folder)
    wishes = dict(part.partition("=")[::2] for part in options.setting)
    if any("=" not in part for part in options.setting):
        raise Refused("say KEY=VALUE")
    if wishes:
        present = settings.changed(present, wishes)
        settings.save(options.folder, present)
    data = asdict(present)
    return show(options, data, "\n".join(f"{key} = {value}" for key, value in data.items()))


def bench(options: Options) -> int:
    """Measure."""
    from ui.bench.run import bench as measure  # it imports everything

    return measure(options.only, is_quick=options.quick)


def _moment(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000).astimezone().strftime("%Y-%m-%d %H:%M")


def _day(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000).astimezone().strftime("%Y-%m-%d")


_COMMANDS: dict[str, Callable[[Options], int]] = {
    "run": run_node, "init": init, "spaces": spaces, "invite": invite, "join": join, "post": post,
    "feed": feed, "peers": peers, "status": status, "verify": verify, "rebuild": rebuild, "config": config,
    "bench": bench,
}  # fmt: skip
