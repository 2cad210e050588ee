"""Pauses: what a member posts while moderators paused that has no effect, whoever's node signed it.

An honest node signs nothing then. A post that came all the same, or was written elsewhere before its author's laptop
heard of the pause, is judged by law as it stands and by the time that it claims: so every node comes to the same,
whichever came first. It stays in the log, refused with its reason, and shows in no feed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from node.domain.area import Fact
from node.domain.law.charter import DAY_MS
from node.domain.posts import EditPost, ImportPost, WritePost
from node.ingest.forks import refold
from node.ingest.spaces import Paused, Space
from node.store.pauses import forget_talk

if TYPE_CHECKING:  # the road calls these functions
    from node.ingest.road import Road

LONGEST_MS = 90 * DAY_MS  # no rules let a pause last longer
REASON = "said while moderators had paused its author's posting"
_POSTS = (WritePost, ImportPost, EditPost)


def without_paused(space: Space, facts: Sequence[Fact]) -> list[Fact]:
    """Return facts but for posts that their authors claim to have written while they were paused."""
    if not space.law.suspensions:
        return list(facts)
    return [fact for fact in facts if not is_paused(space, fact)]


def is_paused(space: Space, fact: Fact) -> bool:
    """Tell whether somebody posted while that was paused."""
    if fact.person not in space.law.suspensions or not isinstance(fact.command, _POSTS):
        return False
    return space.law.present().suspended_until(fact.person, fact.time) is not None


def pauses_of(space: Space) -> dict[bytes, Paused]:
    """Return, of everybody whose posting anybody asked to pause, what decides when it is."""
    view = space.law.present()
    charter = view.sealed.charter
    rules = (charter["suspenders"], charter["suspension_days"])
    return {
        person: Paused(
            tuple(sorted((act.time, act.person) for act in acts if view.counts(act))),
            view.sealed.resumed.get(person, 0),
            *rules,
        )
        for person, acts in space.law.suspensions.items()
    }


async def follow_pauses(road: Road, space: Space) -> None:
    """Show anew what law that has come says otherwise of somebody's posts."""
    if not space.law.suspensions:
        return
    now, before = pauses_of(space), space.paused
    if now == before:
        return
    space.paused = now
    for person in [person for person in now if now[person] != before.get(person)]:
        await _judge_again(road, space, person)


async def _judge_again(road: Road, space: Space, person: bytes) -> None:
    """Judge anew what somebody said within any pause that anybody ever asked for, whether it counts by now or not."""
    times = [act.time for act in space.law.suspensions[person]]
    span = min(times), max(times) + LONGEST_MS
    no = space.index.no
    numbers = await road.database.transaction(lambda db: forget_talk(db, no, person, span, REASON))
    if numbers:
        await refold(road, space, numbers)
