"""The command line's words about spaces within spaces and about taking a space along. It imports nothing heavy."""

from pathlib import Path

from ui.cli_law import SPACE, Add

_FILE = (("file",), {"type": Path, "help": "where to write"})


def add_holons(add: Add) -> None:
    """Add the commands about how spaces lie within each other."""
    add("tree", "Show how your spaces lie within each other, and how many people are in both of two.")
    add(
        "part",
        "Found a space that is part of another.",
        (("name",), {"help": "the name of the part"}),
        SPACE,
        (("--template",), {"metavar": "NAME", "help": "the rules to begin with (circle); see: commons templates"}),
    )
    add(
        "share",
        "Propose that another community of yours shares a space.",
        (("community",), {"help": "a space of yours whose people shall come in too, by name or id"}),
        SPACE,
    )
    add("communities", "Say by which community everybody in a shared space came.", SPACE)
    add(
        "continue",
        "Found a space that continues another one, with its rules and its history.",
        (("name",), {"help": "the name of the new space"}),
        SPACE,
        (("--invite",), {"action": "store_true", "help": "also invite the people of the old one by a post there"}),
    )
    add("carry-over", "Say your own posts of the continued space again in this one, with their dates.", SPACE)
    add(
        "archive",
        "Write everything of a space to a signed archive that another node takes in.",
        _FILE,
        SPACE,
        (
            ("--keys",),
            {
                "choices": ["none", "space", "identity"],
                "default": "none",
                "help": "what it carries, sealed by a passphrase: nothing, the space's secrets, also your own key",
            },
        ),
    )
    add(
        "unpack",
        "Take an archive in; a folder that is nobody's yet becomes a new device of its person.",
        (("file",), {"type": Path, "help": "the archive"}),
    )
    add("publish-log", "Write the log of a space's law for anybody to check, if its rules allow that.", _FILE, SPACE)
