"""The command line's part about profiles and consents."""

from collections.abc import Callable

from ui.cli_law import SPACE

Add = Callable[..., None]


def add_people(add: Add) -> None:
    """Add the commands about what members say of themselves, and what they let others do."""
    add(
        "profile",
        "Show a profile, or change yours; each field goes to whom it was for, or to whom you say.",
        (("field",), {"nargs": "*", "metavar": "FIELD=VALUE", "help": "what to change, such as skills=Bread"}),
        SPACE,
        (("--of",), {"metavar": "PERSON", "help": "whose profile to show, by name or did:key (yours)"}),
        (("--for",), {"dest": "audience", "help": "whom it is for: me, people, space or public"}),
        (("--to",), {"action": "append", "default": [], "metavar": "PERSON", "help": "who may read it; repeat it"}),
    )
    add(
        "consents",
        "List your consents, give or withdraw one, or ask somebody for theirs.",
        SPACE,
        (("--give",), {"metavar": "USE", "help": "mention, pin, tag, delegate, map or bridge"}),
        (("--withdraw",), {"metavar": "USE", "help": "the same, to say no"}),
        (("--ask",), {"metavar": "USE", "help": "ask the person of --person"}),
        (("--person",), {"metavar": "PERSON", "help": "towards whom, or of whom; anybody if left out"}),
    )
