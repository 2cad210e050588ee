"""The part of a session that decides towards whom a space is opened: members, newcomers who knock, strangers.

A space is opened to a peer whose device is in standing. One that knocks has its knock stored; one that belongs, and of
whom this node has not heard yet, may show its *papers*: the changes of law that let it in.
"""

from collections.abc import Collection

from crdt import messages as m
from crdt.effects import (
    CheckPapers,
    DeliverKnock,
    Effect,
    LoadPapers,
    LoadWord,
    Reached,
    Send,
    TurnedAway,
    Unlock,
    Waiting,
)
from crdt.exchange import Channel, Exchange

MAX_KEYS_ASKED = 256  # of one peer: anybody may seal with secrets of their own


class Belonging(Exchange):
    """Opens spaces towards a peer, as far as each side belongs."""

    def law_changed(self, space: bytes) -> list[Effect]:
        """Look again at whether the peer belongs, and whether this node does."""
        channel = self.channels.get(space)
        if channel is None:
            return []
        if channel.opened:
            self._close_to_stranger(channel)
            return []
        return self._open(channel)

    def _close_to_stranger(self, channel: Channel) -> None:
        """Say nothing more of a space to a peer that belongs no longer."""
        channel.opened = channel.view.in_standing(self.peer) or not channel.view.is_open()

    def unlocked(self, space: bytes, *, fresh: bool = False) -> list[Effect]:
        """Tell that secrets were taken in; with fresh ones, law that could not be read may be taken now."""
        effects = self.law_changed(space)
        channel = self.channels.get(space)
        if channel is None or not fresh:
            return effects
        channel.told_root = None  # compare once more, when what is on its way is here
        if channel.wanted:
            return effects
        return effects + (self._tell_root(channel) if channel.view.is_open() else self._ask(channel))

    def ask_keys(self, space: bytes, lacking: Collection[bytes]) -> list[Effect]:
        """Say once more which secrets this node holds: what the peer sent is sealed with others, which it may have."""
        channel = self.channels.get(space)
        if channel is None or not channel.opened or channel.keys_asked.issuperset(lacking):
            return []
        if len(channel.keys_asked) < MAX_KEYS_ASKED:
            channel.keys_asked.update(lacking)
            return [Send(self._opening(channel, channel.view.history.root()))]
        return []

    def _level(self, channel: Channel) -> list[Effect]:
        """Ask for the keys of law that both hold and this node cannot read: who was asked first may lack them."""
        return super()._level(channel) + self.ask_keys(channel.space, channel.view.keys_missed())

    def _open(self, channel: Channel) -> list[Effect]:
        """Open a space towards the peer, as far as each belongs."""
        view = channel.view
        knock = view.my_knock()
        if knock is not None and not view.is_open():
            return self._knock(channel, knock)
        if not view.in_standing(self.peer):
            return self._greet_guest(channel)
        channel.opened = True
        root = view.history.root()
        channel.told_root = root
        effects: list[Effect] = []
        if channel.peer_knock is not None:
            effects.append(Send(m.encode(m.KEYS, channel.number, view.keys_for(self.peer))))
        effects.append(Send(self._opening(channel, root)))
        return effects + (self._compare(channel) if channel.peer_root is not None else [])

    def _knock(self, channel: Channel, knock: bytes) -> list[Effect]:
        if channel.knocked:
            return []
        channel.knocked = True
        return [Send(m.encode(m.KNOCK, channel.number, knock))]

    def _opening(self, channel: Channel, root: bytes) -> bytes:
        log = channel.view.history.logs.get(self.peer)
        channel.held_told = log.seq if log else 0
        return m.encode(m.OPEN, channel.number, root, channel.view.keys_digest(), channel.held_told)

    def _greet_guest(self, channel: Channel) -> list[Effect]:
        """Take in the knock of a peer who is not let in yet, once; tell them who has to answer it, and how far."""
        if channel.peer_knock and not channel.knock_delivered:
            channel.knock_delivered = True
            return [DeliverKnock(channel.space, channel.peer_knock)]
        if channel.view.inviter_of(self.peer) is None:
            return self._show_papers(channel)
        return [LoadWord(channel.space)]

    def tell_guest(self, space: bytes, word: bytes) -> list[Effect]:
        """Tell a peer who waits how far its knock is, unless it was told the same before."""
        channel = self.channels[space]
        inviter = channel.view.inviter_of(self.peer)
        if inviter is None or channel.opened or not word or word == channel.guest_told:
            return []
        channel.guest_told = word
        return [Send(m.encode(m.GUEST, channel.number, inviter, word))]

    def _show_papers(self, channel: Channel) -> list[Effect]:
        """Show a peer that neither side has heard of how this node came to belong: it may do the same."""
        if channel.papers_shown:
            return []
        channel.papers_shown = True
        return [LoadPapers(channel.space)]

    def papers(self, space: bytes, papers: list[bytes]) -> list[Effect]:
        """Hand over the changes of law by which this node belongs."""
        return [Send(m.encode(m.PAPERS, self.channels[space].number, papers))] if papers else []

    def _on_papers(self, channel: Channel, papers: list[bytes]) -> list[Effect]:
        if channel.opened or channel.papers_seen or not channel.view.is_open():
            return []
        channel.papers_seen = True
        return [CheckPapers(channel.space, papers), *self._show_papers(channel)]

    def _on_open(self, channel: Channel, root: bytes, keys: bytes, held: int) -> list[Effect]:
        channel.peer_root = root
        effects: list[Effect] = [Reached(channel.space, held)]
        if not channel.view.in_standing(self.peer) and channel.view.is_open():
            return [*effects, *self._ask(channel)]
        if not channel.opened:
            effects += self._open(channel)
        if channel.opened and keys != channel.view.keys_digest():
            effects.append(Send(m.encode(m.KEYS, channel.number, channel.view.keys_for(self.peer))))
        return effects + self._compare(channel)

    def _on_knock(self, channel: Channel, change: bytes) -> list[Effect]:
        if channel.knock_delivered:
            return []  # once is enough: nobody has to look at the same door again and again
        channel.peer_knock = change
        if not channel.view.is_open():
            return []  # it waits here until this node itself was let in
        channel.opened = False
        return self._open(channel)

    def turn_away(self, space: bytes, words: str) -> list[Effect]:
        """Tell the peer that its knock was not taken."""
        return [Send(m.encode(m.TURNED_AWAY, self.channels[space].number, words))]

    def _on_turned_away(self, channel: Channel, words: str) -> list[Effect]:
        return [TurnedAway(channel.space, words)]

    def _on_guest(self, channel: Channel, inviter: bytes, word: bytes) -> list[Effect]:
        return [Waiting(channel.space, inviter, word)]

    def _on_keys(self, channel: Channel, sealed: bytes) -> list[Effect]:
        view = channel.view
        welcome = view.in_standing(self.peer) or not view.is_open()  # a newcomer cannot tell yet who belongs
        return [Unlock(channel.space, sealed)] if welcome else []

    def _say_held(self, channel: Channel) -> list[Effect]:
        log = channel.view.history.logs.get(self.peer)
        if log is None or log.seq <= channel.held_told:
            return []
        channel.held_told = log.seq
        return [Send(m.encode(m.HELD, channel.number, log.seq))]
