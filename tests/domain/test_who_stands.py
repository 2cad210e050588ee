"""Who stands now is known from one change of law to the next, and is always what a view of all of it would find."""

import pytest
from authors import NOW_MS
from council import DAY_MS, LATER, Council, fold_all, person, removed

from node.domain.law.fold import Law
from node.domain.law.keys import present_rotation, readers
from node.domain.law.membership import EnterDevice, HandKeys, LeaveSpace, RevokeDevice, RotateKeys
from node.domain.law.view import View

WRAP = [bytes(32), b""]


def as_found_anew(law: Law) -> None:
    """Require that what is remembered of the present is what a view that remembers nothing finds."""
    present = law.present()
    anew = View(law, present.bits, present.sealed)

    assert {device: present.grant_of(device) for device in law.grants} == {d: anew.grant_of(d) for d in law.grants}
    assert readers(present) == readers(anew)
    if (rotation := present_rotation(anew)) is not None:
        rank = rotation.depth, rotation.id
        assert readers(present, rank) == readers(anew, rank)


def eventful() -> Council:
    """Return a council in which people come, go, change laptops, are removed and come back, some of it unaware."""
    council = Council()
    council.say("B", RotateKeys([WRAP, [council.member("C").device, b""]], b""), NOW_MS - 30 * DAY_MS)
    council.join("G", by="B", time=NOW_MS - 20 * DAY_MS)
    council.join("H", by="F", time=NOW_MS - 19 * DAY_MS)
    for name in ("D", "E"):
        council.people[f"{name}2"] = type(council.member(name))(name, 1)
    council.sync("D2", "E2", "G", "H", *council.names)
    council.say("D2", EnterDevice(council.member("D2").certificate), NOW_MS - 18 * DAY_MS)
    ended = council.member("E").device
    council.say("E2", EnterDevice(council.member("E2").certificate), NOW_MS - 18 * DAY_MS)
    council.sync("D", "D2", "E", "E2", "C")
    council.say("D", RevokeDevice(council.member("D2").device, 1), NOW_MS - 17 * DAY_MS)
    council.say("E2", RevokeDevice(ended, 5), NOW_MS - 17 * DAY_MS)
    council.say("G", LeaveSpace(), NOW_MS - 16 * DAY_MS)
    council.say("C", HandKeys([[council.member("H").device, b""]]), NOW_MS - 16 * DAY_MS)
    council.sync("C", "D", "E2", "G", "H", *council.names)
    removed(council, time=NOW_MS)
    council.names.append("F")
    council.sync()
    council.pass_it([["readmit", person(council, "F")]], LATER)
    council.join("G", by="A", time=LATER + 9 * DAY_MS)
    return council


@pytest.mark.parametrize("seed", range(6))
def test_who_stands_is_always_what_a_view_that_remembers_nothing_finds(seed: int) -> None:
    folded = fold_all(eventful().all.values(), seed, as_found_anew)

    assert folded.law.present().members()


@pytest.mark.parametrize("seed", range(3))
def test_so_it_is_where_logs_are_forked(seed: int) -> None:
    council = eventful()
    first = next(one.id for one in council.all.values() if one.device == council.member("F").device and one.seq == 2)
    council.say("F", LeaveSpace(), LATER, after=first, deps=[council.founding])

    law = fold_all(council.all.values(), seed, as_found_anew).law

    assert law.branches


def test_one_more_change_of_law_asks_anew_about_nobody_but_those_it_lets_in() -> None:
    council = Council()
    _, opening = council.propose()
    council.vote(opening, **dict.fromkeys(council.names, "yes"))
    council.settle(opening)
    known: list[int] = [0]
    asked: list[int] = []

    def watch(law: Law) -> None:
        asked.append(len(law.grants) - len(law.present().stands) - (len(law.grants) - known[-1]))
        known.append(len(law.grants))
        assert len(list(law.standing())) == len(law.grants)

    fold_all(council.all.values(), watch=watch)

    assert max(asked) == 0
