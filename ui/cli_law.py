"""The command line's words about belonging and deciding. Like ui/cli.py it imports nothing heavy."""

from collections.abc import Callable

Add = Callable[..., None]
SPACE = (("--space",), {"default": "-", "help": "which space, by name or id; not needed if you are in one only"})
_PROPOSAL = (("proposal",), {"help": "its id, or how it begins; see: commons proposals"})
_PERSON = (("person",), {"help": "a name, or a did:key"})
_WHY = (("--why",), {"default": "", "metavar": "TEXT", "help": "your reasons, in Markdown: a post beside the proposal"})

EXAMPLES = {
    "found": """\
examples:
  commons found "Bakery" --template cooperative
  commons found "Bakery" --template cooperative --rule vouchers=3 --rule quorum=1/3
""",
    "propose": """\
what can be proposed, alone or together; people by name or did:key:
  commons propose --rule quorum half               a rule (commons charter lists them all)
  commons propose --role Bola treasurer 180        a role for so many days
  commons propose --role Bola steward 90 kitchen   … for a part of the space only
  commons propose --end-role Bola treasurer
  commons propose --remove Chidi --why "See the minutes of May."
  commons propose --auditors Amina,Bola,Dora --needed 2
""",
    "vote": """\
examples:
  commons vote 3f2a yes
  commons vote 3f2a abstain       your last ballot before the end counts
""",
    "recovery": """\
before you lose a laptop:
  commons recovery --trust Bola,Chidi,Dina --needed 2
after you lost it, on a new one, once somebody has invited you by any name:
  commons recovery --ask Amina           shows a code: call each of them and read it out
  commons recovery --finish Amina        once enough of them gave
who is asked, after a call in which you knew them by their voice:
  commons recovery                       lists who asks
  commons recovery --give 3f2a --code 123456
  commons recovery --decline 3f2a        it is not them
""",
    "devices": """\
examples:
  commons devices                 list your devices
  commons devices --revoke did:key:z6Mk…    end one that was lost, in all your spaces
""",
}


def add_founding(add: Add) -> None:
    """Add the command that founds a space."""
    add(
        "found",
        "Found a space, under the rules of a template or your own.",
        (("name",), {"help": "the name of the space"}),
        (("--template",), {"metavar": "NAME", "help": "the rules to begin with (circle); see: commons templates"}),
        (("--rule",), {"action": "append", "default": [], "metavar": "NAME=VALUE", "help": "a rule that differs"}),
    )


def add_law(add: Add) -> None:
    """Add the commands about the law of a space."""
    _add_reading(add)
    _add_deciding(add)
    _add_belonging(add)


def _add_reading(add: Add) -> None:
    add("templates", "List the rules that a space can be founded with, in words.")
    add("charter", "Read the rules of a space, and who audits it.", SPACE)
    add("powers", "Say who may do what in a space, and what you may.", SPACE)
    add("roles", "List who holds which role, and until when.", SPACE)


def _add_deciding(add: Add) -> None:
    more = {"action": "append", "default": []}
    add(
        "propose",
        "Propose something binding: rules, roles, removals, auditors. The members decide.",
        SPACE,
        (("--rule",), {**more, "nargs": 2, "metavar": ("NAME", "VALUE"), "help": "change a rule"}),
        (("--role",), {**more, "nargs": "+", "metavar": "WORD", "help": "PERSON ROLE DAYS [SCOPE]: give a role"}),
        (("--end-role",), {**more, "nargs": 2, "metavar": ("PERSON", "ROLE"), "help": "end a role before its time"}),
        (("--remove",), {**more, "metavar": "PERSON", "help": "remove somebody from the space"}),
        (("--readmit",), {**more, "metavar": "PERSON", "help": "let somebody who was removed come in again"}),
        (("--admit",), {**more, "metavar": "PERSON", "help": "let in who knocked, where the rules ask for a vote"}),
        (("--resume",), {**more, "metavar": "PERSON", "help": "end a pause of somebody's posting"}),
        (("--auditors",), {"metavar": "P,P,P", "help": "hand over to these auditors"}),
        (("--needed",), {"type": int, "metavar": "K", "help": "how many auditors seal together (more than half)"}),
        (("--days",), {"type": int, "help": "how long the vote lasts, if longer than the rules say"}),
        _WHY,
    )
    add(
        "proposals",
        "List proposals with how far they are, or show one.",
        SPACE,
        (("proposal",), {"nargs": "?", "help": "show this one: its id, or how it begins"}),
    )
    add("support", "Support that a proposal is voted on.", _PROPOSAL, SPACE)
    add("take-over", "Hand over to new auditors, with the others, when the old ones are gone.", _PROPOSAL, SPACE)
    add(
        "vote",
        "Vote on a proposal.",
        _PROPOSAL,
        (("choice",), {"choices": ("yes", "no", "abstain"), "help": "yes, no or abstain"}),
        SPACE,
    )
    add("remove", "Propose to remove somebody; the members decide.", _PERSON, SPACE, _WHY)


def _add_belonging(add: Add) -> None:
    add("knocks", "List who knocked and waits to be let in.", SPACE)
    add(
        "vouch",
        "Vouch for somebody who knocked.",
        (("knock",), {"help": "the knock's id, or how it begins; see: commons knocks"}),
        SPACE,
    )
    add("pause", "Ask, as a moderator, that somebody's posting is paused for some days.", _PERSON, SPACE)
    add(
        "leave",
        "Leave a space, at once; nobody has to agree.",
        SPACE,
        (("--yes",), {"action": "store_true", "help": "you mean it"}),
    )
    add(
        "devices",
        "List your devices, or end one that was lost.",
        SPACE,
        (("--revoke",), {"metavar": "DEVICE", "help": "end this device in all your spaces: what it says is void"}),
        (("--replace",), {"metavar": "DEVICE", "help": "where all places are taken: end it, and take its place"}),
    )
    add(
        "recovery",
        "Trust members with your key, so that some of them together let you in again; or help somebody.",
        SPACE,
        (("--trust",), {"metavar": "P,P,P", "help": "share your key with these members, instead of who had it before"}),
        (("--needed",), {"type": int, "metavar": "K", "help": "how many of them recover you together (2 or more)"}),
        (("--ask",), {"metavar": "PERSON", "help": "on a new device: ask for the shares of your key"}),
        (("--finish",), {"metavar": "PERSON", "help": "on a new device: become yourself again"}),
        (("--give",), {"metavar": "ASKING", "help": "hand your share on; call them first"}),
        (("--decline",), {"metavar": "ASKING", "help": "give nothing; of your own key: it is not you who asks"}),
        (("--code",), {"help": "with --give: the digits that they read out to you"}),
    )
