"""Carrying out what a session decides at the door of a space: knocks, papers, keys."""

from typing import Any

from crdt import effects as e
from crdt.sync import Session
from node.net.ports import Keeper


async def at_the_door(keeper: Keeper[Any], session: Session, effect: e.Door) -> list[e.Effect]:
    """Store a knock, tell how far it is, show or look at papers, take in keys; returns what the session says to it."""
    space = effect.space
    match effect:
        case e.DeliverKnock():
            refusal = await keeper.deliver_knock(space, effect.change, session.peer)
            return session.turn_away(space, refusal) if refusal else session.law_changed(space)
        case e.LoadPapers():
            return session.papers(space, await keeper.papers(space))
        case e.CheckPapers():
            await keeper.check_papers(space, effect.papers, session.peer)
            return session.law_changed(space)
        case e.LoadWord():
            return session.tell_guest(space, await keeper.word(space, session.peer))
        case e.Unlock():
            fresh = await keeper.unlock(space, effect.sealed, session.peer)
            return session.unlocked(space, fresh=fresh)
