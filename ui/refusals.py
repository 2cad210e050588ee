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
    # profiles and consents
    _("A profile has no such field."),
    _("A field of a profile can hold %(most)s characters; this has %(count)s."),
    _("A field of your own needs a name of one line."),
    _("The name of a field can hold %(most)s characters; this has %(count)s."),
    _("A profile has at most %(most)s fields of your own."),
    _("Your name is for everybody in the space."),
    _("Say whom this is for: me, people, space or public."),
    _("Choose at least one person who may read this."),
    _("Choose among the people of this space."),
    _("These are too many people to seal this to; say it to the space."),
    _("This device was not given the keys of this space yet."),
    _("There is no such consent."),
    _("There is no such consent to ask for."),
    _("You have said so already."),
    _("For what you do yourself you need nobody's consent."),
    _("Only members of this space can be asked."),
    _("This consent was given already: there is nothing to ask."),
    _("The answer to this was no, and a request is not repeated."),
    _("You have asked already; the answer is theirs to give."),
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
    # belonging and deciding
    _("You have left this space: it can be read here, but not changed any more."),
    _("Only members do this."),
    _("The vote would be shorter than the rules say."),
    _("Ballots would be waited for less than the rules say."),
    _("This person is not a member."),
    _("An auditor is removed together with a hand-over."),
    _("An auditor is a member, with a device of their own."),
    _("A role is given to a member."),
    _("This role's term is longer than the rules say, or over."),
    _("Not enough members support this proposal yet."),
    _("This vote's time is over."),
    _("This opening names other voters than its past shows."),
    _("Only auditors and stewards confirm this."),
    _("You can vote here."),
    _("You became a member after this vote was opened."),
    _("This vote is over."),
    _("This vote is closed."),
    _("This vote is not open."),
    _("This vote is open already."),
    _("This opening does not hold."),
    _("Another opening of this vote holds."),
    _("This vote is sealed already."),
    _("This vote is not over yet."),
    _("This seal was made by a program that reads the law otherwise."),
    _("Earlier auditors' seal has to be upheld."),
    _("This seal names a closing that is not there."),
    _("Too few auditors have closed this vote."),
    _("This seal leaves out ballots, or counts others."),
    _("This supports a seal that is not there."),
    _("Only the auditors' own devices close and seal."),
    _("This auditor supports another result of this vote."),
    _("This auditor has handed over to others."),
    _("Only a change of auditors can be decided without auditors."),
    _("The auditors may still seal this vote."),
    _("Said while moderators had paused its author's posting."),
    _("This opening leaves out members."),
    _("You have handed over already."),
    _("This names a proposal that is not there."),
    _("This names a vote that is not open."),
    _("There is no such proposal here."),
    _("You support this already."),
    _("Vote yes, no or abstain."),
    _("A member has no need to knock."),
    _("A device needs no vouching."),
    _("Vouched for already."),
    _("This ticket is for something else."),
    _("This person was removed by a decision; another one lets them in again."),
    _("Not enough members have vouched yet."),
    _("The members have not decided to let this person in."),
    _("Only stewards invite here."),
    _("This member has let in as many people as the rules allow in 30 days."),
    _("A device is added by its own person, to its own person."),
    _("A device is ended by its own person."),
    _("Only moderators pause somebody's posting."),
    _("This names a knock that is not there."),
    _("This kind of law is not known under these rules."),
    _("This change is dated before an earlier one of its own log."),
    _("This space's rules need a newer version of commons."),
    _("This is the device you are using: end it from another one."),
    _("This is your only device: add another one first. To go altogether, leave the space."),
    _("You have no such device."),
    _("All %(most)s places for your devices are taken: end one that you no longer use."),
    _("This device has a place of its own already."),
    _("This device is one of its person's already."),
    _("This person has had %(most)s devices here, which is as many as there may be."),
    # one's key among people one trusts
    _("Only a device that holds your recovery key shares it."),
    _("Trust others, not yourself."),
    _("Trust 2 to 32 members, of whom at least 2 are needed."),
    _("You can trust only members of this space."),
    _("You are this person here already."),
    _("This person has not shared their key with anybody here."),
    _("Nothing of this person's key was entrusted to you."),
    _("This is not the code that their device shows. Call them, and compare."),
    _("They say on a device of theirs that it is not them who asks. Give nothing."),
    _("You have given your share already: nobody can take it back."),
    _("You have said so already."),
    _("Their key was shared with another device of yours: open it there."),
    _("The share that was entrusted to you is damaged."),
    _("%(given)s of %(needed)s shares are here."),
    _("These shares do not make up this person's key."),
    _("Nobody of this space can be reached now; try again when you are connected."),
    # devices
    _("This device was ended already."),
    _("A device is ended from another device of its person."),
    _("A device takes the place of another of its own person."),
    _("This certificate is for another place than the device's."),
    # spaces within spaces, archives, published logs
    _("Here members also belong to a parent space; this person is in none that this node knows."),
    _("Only who was in a space continues it."),
    _("This space continues no other."),
    _("The space that this one continues is not on this device."),
    _("This archive was changed since it was made, or it is damaged: nothing of it is taken in."),
    _("This is no archive of a space that this version of commons reads."),
    _("This archive was signed by a device that is not its person's."),
    _("Choose a passphrase: it seals the keys in the archive."),
    _("This device does not hold your own key; the one you began with does."),
    _("This node holds no keys of this space."),
    _("This space is here already, and this node is no member of it any more."),
    _("This archive carries no keys, so only a member of its space can read it."),
    _("The public log of this space is for its members; a decision of theirs can publish it."),
    _("This file has far too many lines."),
    _("This public log names no space."),
    _("This is not a public log of commons."),
    _("A line of this file is far too long."),
    _("Only a member founds a part of a space."),
    _("This part names other parents than the space it is founded in."),
    _("Name another space that you are a member of."),
    _("This community shares the space already."),
    _("You have left this space, so you cannot post in it."),
    _("Choose none, space or identity as the keys of an archive."),
    _("The keys in this archive are sealed: enter its passphrase."),
    _("This archive carries no identity. Say your name first, then take it in."),
    # who may do what
    _("Write posts and answers."),
    _("Invite people."),
    _("Vouch for newcomers."),
    _("Let newcomers in."),
    _("Propose something binding, and support it."),
    _("Vote."),
    _("Confirm that a vote leaves nobody out."),
    _("Seal results."),
    _("Pause somebody's posting."),
    _("Give and end roles."),
    _("Remove somebody."),
    _("Change the rules."),
    _("Leave, and take everything along."),
    _("Every member."),
    _("Stewards."),
    _("Any member's node, at once."),
    _("The node of whoever invited."),
    _("Any voucher's node, once %(num)s members have vouched."),
    _("The members, by a sealed decision."),
    _("%(num)s of %(all)s auditors together."),
    _("The auditor."),
    _("Any voucher's node, once one member has vouched."),
    _("Any moderator."),
    _("%(num)s moderators together."),
    _("Auditors and stewards."),
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
    """Return a refusal in the language of the catalogue; as it was said where the catalogue does not have it."""
    said = as_sentence(words)
    if said in SENTENCES:
        return translations.gettext(said)
    for pattern, sentence in _patterns():
        found = pattern.fullmatch(said)
        if found:
            return translations.gettext(sentence) % found.groupdict()
    return words
