"""Refusals in the reader's language: the node says them in English, and here stand those that a member may meet.

A sentence with placeholders stands for all that differ only there. What is not listed is shown as it was said.
"""

import gettext
import re
from functools import lru_cache


def _(words: str) -> str:
    """Mark words for the catalogues."""
    return words


SENTENCES = (
    # keys and words
    _("Word %(place)s, “%(word)s”, is not in the list of recovery words; did you mean “%(near)s”?"),
    _("Word %(place)s, “%(word)s”, is not in the list of recovery words."),
    _("This is too long for a recovery phrase; it has %(words)s words."),
    _("A recovery phrase has %(words)s words; here are %(count)s."),
    _("Every word is in the list, but together they do not fit: a word may be wrong or out of place."),
    _("A name has 1 to 60 characters."),
    _("A name is one line."),
    _("A name can hold %(most)s characters; this has %(count)s."),
    _("Please say what people may call you."),
    _("These keys are locked: enter the passphrase."),
    _("This is not the passphrase."),
    _("A passphrase cannot be empty."),
    _("This passphrase holds letters that cannot be written down."),
    _("There is too little free memory to check a passphrase; close something and try."),
    _("Somebody has said their name here already."),
    _("A person has at most %(most)s devices."),
    _("Only a device that holds your recovery key adds others."),
    _("This device's key was used in two places at once. Start commons again: it becomes a new device."),
    # invitations
    _("There is no invite in this text: it would begin with %(start)s."),
    _("This is too long for an invite."),
    _("This invite was altered or only partly copied; ask for it again."),
    _("This invite was made by a newer version of the program, or altered; update and try again."),
    _("This invite expired on %(day)s; ask for a new one."),
    _("A name in this invite is too long or holds letters that cannot be shown."),
    _("An address in this invite cannot be used."),
    _("This invitation was withdrawn."),
    _("This invitation was withdrawn already."),
    _("This invitation was used up."),
    _("This invitation has expired."),
    _("An invitation is for 1 to %(most)s people."),
    _("An invitation lasts 1 to 365 days."),
    _("You are a member of this space already."),
    _("This link adds a device to its maker; it invites nobody else."),
    _("This link invites a person, not a device: join with it instead."),
    _("This device has to be added by your other device first."),
    _("You have knocked here too often from this device."),
    _("Only members invite; this space has not let you in yet."),
    # spaces, posts and pages
    _("A space needs a name."),
    _("A post needs some words."),
    _("A post can hold %(most)s characters; this has %(count)s."),
    _("A title can hold 200 characters."),
    _("You can write here once you have been let in."),
    _("You can write here once this device has been let in."),
    _("This post was taken back; nothing can be answered any more."),
    _("Only its author can edit a post."),
    _("Only its author can take a post back."),
    _("This post was taken back."),
    _("This post was taken back already."),
    _("The text is the same as before."),
    _("This post is not on this device."),
    # addresses
    _("This address is too long."),
    _("An address reads /ip4/HOST/tcp/PORT/p2p/PEER."),
    _("After the port an address names only the peer: /p2p/PEER."),
    _("This is not an IP address."),
    _("This is not the name of a host."),
    _("An address starts with /ip4, /ip6 or /dns."),
    _("This is not an %(family)s address."),
    _("A port is a number up to 65535."),
    _("This peer id is too long."),
    _("This peer id has a letter that base58 does not know."),
    _("This is not the peer id of an Ed25519 key."),
    # files
    _("Say the whole path of the file on this machine, from the root."),
    _("%(file)s is being imported; wait until that is done, or stop it."),
    _("There is no such import; after a restart of the node, start it again: it goes on."),
    _("%(file)s cannot be opened: %(why)s."),
    _("%(file)s cannot be read: %(why)s."),
    _("%(file)s cannot be written: %(why)s."),
    _("%(file)s is no file."),
    _("%(file)s is no archive that can be read: a Mastodon export, an outbox or JSON Lines."),
    _("%(file)s is damaged or incomplete: download it again."),
    _("%(file)s is encrypted: unpack it with its password, then choose the folder."),
    _("There is no folder %(file)s."),
    _("%(file)s is not a plain file; choose another name."),
    _("There is another file called %(file)s; it is not overwritten."),
    # the disk
    _("The disk is full: nothing new can be kept until there is room; what is here is safe."),
    _("This folder cannot be written; check who owns it."),
    _("The database file is damaged; run `commons doctor`: neighbours still hold the changes."),
    # the public log
    _("A knock comes before anything else in a log."),
    _("This ticket is for another space."),
    _("This admission answers a knock that is not there."),
    _("This admission answers a knock it has not seen."),
    _("Only the device that issued a ticket admits by it."),
    _("The inviter is not a member."),
    _("This knock was answered already."),
    _("Only a member withdraws a ticket."),
    _("A device enters with the first change of its log."),
    _("This device's person is not a member."),
    _("This person's slot is taken."),
)


@lru_cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Return each sentence with places, as what it looks like once they are filled."""
    made = []
    for words in SENTENCES:
        if "%(" in words:
            parts = re.split(r"%\((\w+)\)s", words)
            pattern = "".join(f"(?P<{part}>.+)" if at % 2 else re.escape(part) for at, part in enumerate(parts))
            made.append((re.compile(pattern, re.DOTALL), words))
    return tuple(made)


def as_sentence(words: str) -> str:
    """Return words with a capital letter and an end, as a sentence has them."""
    words = words.strip()
    return words and words[0].upper() + words[1:] + ("" if words[-1] in ".!?…" else ".")


def told(words: str, translations: gettext.NullTranslations) -> str:
    """Return a refusal in the language of the catalogue; in English where the catalogue does not have it."""
    said = as_sentence(words)
    if said in SENTENCES:
        return translations.gettext(said)
    for pattern, sentence in _patterns():
        found = pattern.fullmatch(said)
        if found:
            return translations.gettext(sentence) % found.groupdict()
    return said
