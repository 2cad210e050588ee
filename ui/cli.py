"""The command line. Nothing heavy is imported before a command needs it, so that `commons --help` answers at once."""

import argparse
import gc
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ui.cli_holons import add_holons
from ui.cli_law import EXAMPLES, SPACE, add_founding, add_law
from ui.cli_people import add_people
from ui.version import VERSION

IMPORT_GARBAGE = 100_000  # importing makes much and drops little: looking for garbage meanwhile is a tenth of its time
SPREAD = ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]  # two processes, each file in one of them
EPILOG = """\
first steps:
  commons                       start the node and open it in the browser
  commons init Amina            say your name, here in the terminal
  commons found "Garden"        found a space, then: commons invite
  commons join commons:join/…   join one with an invite link
  commons post "Hello!"         say something
  commons charter               read the rules; commons propose --help changes them
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of every command."""
    parser = argparse.ArgumentParser(
        prog="commons", description="A community on your own laptops: posts, a map, decisions. No server, no owner.",
        epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"commons {VERSION}")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--home", type=Path, metavar="DIR", help="the node's folder (or set COMMONS_HOME)")
    shared.add_argument("--json", action="store_true", help="answer in JSON, for other programs")
    commands = parser.add_subparsers(dest="command", metavar="command")

    def add(name: str, about: str, *arguments: tuple[tuple[str, ...], dict[str, Any]]) -> None:
        command = commands.add_parser(
            name, help=about, description=about, parents=[shared], epilog=EXAMPLES.get(name),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        for flags, options in arguments:
            command.add_argument(*flags, **options)

    _add_daily(add)
    add_law(add)
    add_holons(add)
    add_people(add)
    _add_upkeep(add)
    return parser


Add = Callable[..., None]


def _add_daily(add: Add) -> None:
    add(
        "run",
        "Start the node and open it in the browser.",
        (("--no-browser",), {"action": "store_true", "help": "only serve; the address is printed"}),
        (("--port",), {"type": int, "help": "the port of the pages on this machine (8470; 0: any)"}),
        (("--listen",), {"action": "append", "help": "where neighbours may call, such as /ip4/0.0.0.0/tcp/4001"}),
        (("--no-discovery",), {"action": "store_true", "help": "do not look for neighbours on the local network"}),
    )
    add(
        "init",
        "Say your name: makes your keys in the node's folder.",
        (("name",), {"help": "what people may call you"}),
        (("--passphrase",), {"action": "store_true", "help": "ask for a passphrase that seals the key file"}),
    )
    add_founding(add)
    add("spaces", "List your spaces.")
    add(
        "invite",
        "Make an invite link for a space.",
        SPACE,
        (("--uses",), {"type": int, "default": 1, "help": "how many people it lets in (1)"}),
        (("--days",), {"type": int, "default": 7, "help": "how many days it lasts (7)"}),
        (("--withdraw",), {"metavar": "KEY", "help": "withdraw an invitation instead"}),
        (("--list",), {"action": "store_true", "help": "list the invitations you made instead"}),
    )
    add("join", "Join a space with an invite link.", (("link",), {"help": "the link, commons:join/…"}))
    add(
        "post",
        "Write a post, or answer one.",
        (("text",), {"help": "the post, in Markdown; - reads it from a pipe"}),
        SPACE,
        (("--reply-to",), {"metavar": "POST", "help": "the id of the post to answer"}),
    )
    add(
        "feed",
        "Read the newest posts.",
        SPACE,
        (("--limit",), {"type": int, "default": 20, "help": "how many (20)"}),
        (("--deep",), {"action": "store_true", "help": "also the posts of its parts, and of what it continues"}),
        (("--search",), {"metavar": "WORDS", "help": "show the posts that hold these words instead"}),
    )
    add(
        "peers",
        "List the neighbours this node knows.",
        (("--dial",), {"metavar": "ADDRESS", "help": "tell the node where a neighbour may be found instead"}),
    )


_LOG = (("--log",), {"type": Path, "metavar": "FILE", "help": "check a published log instead; needs no node"})


def _add_upkeep(add: Add) -> None:
    add(
        "import",
        "Bring your past: a Mastodon export, an ActivityStreams outbox, or JSON Lines.",
        (("file",), {"type": Path, "help": "the archive or file"}),
        SPACE,
        (("--include-direct",), {"action": "store_true", "help": "also posts that were meant for a few people only"}),
    )
    add(
        "export",
        "Write everything you can read in a space to a file of JSON Lines.",
        SPACE,
        (("file",), {"type": Path, "help": "where to write"}),
        (("--raw",), {"action": "store_true", "help": "also every signed change, for whoever wants to verify them"}),
    )
    add(
        "cut-off",
        "List your posts that were cut off because your folder was copied or restored and both wrote.",
        SPACE,
        (("--publish",), {"action": "store_true", "help": "publish them again, with their original dates"}),
        (("--leave",), {"action": "store_true", "help": "leave them: they are not offered again"}),
    )
    add("status", "Say how the node is.")
    add("verify", "Check every signature and fold anew, and print the digests.", SPACE, _LOG)
    add("rebuild", "Make everything that is shown anew from the log.", SPACE)
    add(
        "doctor",
        "Look for what is wrong with the folder, and say the way out.",
        (("--salvage",), {"action": "store_true", "help": "put a damaged database aside and keep what can be read"}),
    )
    add(
        "config",
        "Show or change settings.",
        (("setting",), {"nargs": "*", "metavar": "KEY=VALUE", "help": "what to change"}),
    )
    add(
        "restore",
        "Put keys back: from the backup file beside them, or from your recovery phrase.",
        (("--backup",), {"action": "store_true", "help": "use keys.backup"}),
        (("--phrase",), {"action": "store_true", "help": "ask for the 24 words; makes new keys for this device"}),
        (("--name",), {"help": "what people may call you, with --phrase"}),
        (("--passphrase",), {"action": "store_true", "help": "with --phrase: ask for one that seals the key file"}),
    )
    add(
        "bench",
        "Measure this node beside its floors; prints JSON.",
        (("--quick",), {"action": "store_true", "help": "fewer and smaller runs"}),
        (("--only",), {"action": "append", "metavar": "NAME", "default": [], "help": "only this one, such as live"}),
    )
    add("test", "Run all tests; more arguments go to pytest.", (("arguments",), {"nargs": "*", "help": "for pytest"}))


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 refused or failed, 2 not understood."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["test"] and not {"-h", "--help"} & set(arguments[1:2]):
        return _test(arguments[1:])
    parser = build_parser()
    options = parser.parse_args(arguments or ["run"])
    if options.command is None:
        options = parser.parse_args([*arguments, "run"])
    gc.set_threshold(IMPORT_GARBAGE)
    from ui import commands

    try:
        return commands.run(options)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 0
    except commands.EXPECTED as error:
        if options.json:
            print(json.dumps({"error": str(error), "kind": type(error).__name__}))
        else:
            print(f"commons: {error}", file=sys.stderr)
        return 1


def _test(arguments: list[str]) -> int:
    import pytest

    spread = [] if any(argument.startswith(("-n", "-p", "--pdb")) for argument in arguments) else SPREAD
    return int(pytest.main([*spread, *arguments]))


if __name__ == "__main__":
    sys.exit(main())
