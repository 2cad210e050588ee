"""A person is recovered by those they trust, between real nodes: two of three give; fewer, and strangers, do not."""

import msgpack
import pytest
from loopback import Neighbourhood, link_to, until
from lost_laptop import Garden, lose

from identity.errors import Refused
from identity.sealed import seal_to
from node.domain.law.membership import LeaveSpace
from node.domain.posts import WritePost
from node.domain.recovery import GiveShare, ShareKey, code_of
from node.ingest import recovery
from node.recovering import recover
from node.runtime import Node


@pytest.fixture
async def garden(start: Neighbourhood) -> Garden:
    """Amina lost her laptop."""
    return await lose(start)


async def test_two_of_three_who_are_trusted_let_a_person_in_again_on_a_new_device(garden: Garden) -> None:
    bola, chidi, _ = garden.trusted
    guest = garden.fresh.me.person
    asked = await garden.ask()
    await garden.give(bola, asked)
    await garden.collects(1)
    with pytest.raises(Refused, match="1 of 2 shares"):
        await recover(garden.fresh, garden.space(garden.fresh), garden.amina)
    await garden.give(chidi, asked)
    await garden.collects(2)

    await recover(garden.fresh, garden.space(garden.fresh), garden.amina)

    assert garden.fresh.me.person == garden.amina
    assert garden.fresh.me.root is not None
    device = garden.fresh.road.device.public
    await until(lambda: all(garden.space(node).law.person_of(device) == garden.amina for node in garden.trusted))
    assert all(guest not in garden.space(node).law.members() for node in garden.trusted)
    post = await garden.fresh.road.submit(garden.space(garden.fresh), WritePost("I am back", None, None, []))
    await until(lambda: garden.space(bola).history.logs[device].head == post.id)
    assert garden.space(garden.fresh).state == "member"


async def test_nobody_gives_without_the_code_that_is_read_out(garden: Garden) -> None:
    asked = await garden.ask()

    for code in ("", "000000", "abc", code_of(bytes(32))):
        with pytest.raises(Refused, match="not the code"):
            await garden.give(garden.trusted[0], asked, code or " ")


async def test_who_holds_no_share_gives_none(garden: Garden, start: Neighbourhood) -> None:
    asked = await garden.ask()
    eve = await start("Eve")
    await eve.join(await link_to(garden.trusted[0], garden.space(garden.trusted[0])))
    await until(lambda: garden.id in eve.road.spaces and garden.space(eve).state == "member")

    async def heard() -> bool:
        return bool(await garden.askings(eve))

    await until(heard)

    with pytest.raises(Refused, match="Nothing of this person's key"):
        await garden.give(eve, asked)


async def test_wrong_replayed_and_strangers_shares_count_for_nothing(garden: Garden) -> None:
    bola, chidi, dina = garden.trusted
    asked = await garden.ask()
    device = garden.fresh.road.device.public
    await garden.give(bola, asked)
    await garden.collects(1)

    async def say(node: Node, *content: object, to: bytes = device) -> None:
        sealed = seal_to(msgpack.packb(list(content)), to)
        await node.road.submit(garden.space(node), GiveShare(garden.amina, asked, sealed))

    await say(chidi, asked, 2, bytes(32))
    await say(chidi, bytes(32), 2, bytes(32))
    await say(chidi, asked, "2", {})
    await say(chidi, asked)
    await say(dina, asked, 3, bytes(32), to=dina.road.device.public)
    await until(
        lambda: len({node.road.spaces[garden.id].history.root() for node in (garden.fresh, *garden.trusted)}) == 1
    )

    needed, shares = await recovery.collected(garden.fresh.road, garden.space(garden.fresh), garden.amina)
    assert (needed, len(shares)) == (2, 1)
    with pytest.raises(Refused, match="1 of 2 shares"):
        await recovery.rebuilt(garden.fresh.road, garden.space(garden.fresh), garden.amina)


async def test_a_share_that_was_given_to_another_device_cannot_be_used_again(
    garden: Garden, start: Neighbourhood
) -> None:
    bola, chidi, _ = garden.trusted
    asked = await garden.ask()
    await garden.give(bola, asked)
    await garden.give(chidi, asked)
    await garden.collects(2)
    eve = await start("Eve")
    await eve.join(await link_to(bola, garden.space(bola)))
    await until(lambda: garden.id in eve.road.spaces and garden.space(eve).state == "member")

    async def reads() -> bool:
        return await recovery.sharing_of(eve.road, garden.space(eve), garden.amina) is not None

    await until(reads)
    await recovery.ask(eve.road, garden.space(eve), garden.amina)

    with pytest.raises(Refused, match="0 of 2 shares"):
        await recover(eve, garden.space(eve), garden.amina)
    assert eve.me.person != garden.amina


async def test_a_sharing_by_somebody_else_in_a_persons_name_is_no_sharing(garden: Garden) -> None:
    bola, chidi, _ = garden.trusted
    forged = await recovery.sharing_of(bola.road, garden.space(bola), garden.amina)
    assert forged is not None
    await chidi.road.submit(garden.space(chidi), ShareKey(garden.amina, 3, forged.parts))
    await until(lambda: garden.space(bola).history.root() == garden.space(chidi).history.root())

    now = await recovery.sharing_of(bola.road, garden.space(bola), garden.amina)

    assert now is not None
    assert now.needed == 2


async def test_sharing_anew_leaves_out_who_went_and_old_shares_do_not_fit(garden: Garden) -> None:
    bola, chidi, dina = garden.trusted
    space = garden.space(bola)
    await recovery.share_key(bola.road, bola.me, space, [chidi.road.me, dina.road.me], 2)
    before = await recovery.sharing_of(bola.road, space, bola.road.me)
    await dina.road.submit(garden.space(dina), LeaveSpace())
    await until(lambda: dina.road.me not in garden.space(bola).law.members())

    await recovery.share_key(bola.road, bola.me, garden.space(bola), [chidi.road.me, garden.fresh.road.me], 2)
    after = await recovery.sharing_of(bola.road, garden.space(bola), bola.road.me)

    assert before is not None
    assert after is not None
    assert {part[0] for part in after.parts} == {chidi.road.me, garden.fresh.road.me}
    assert not {part[1] for part in before.parts} & {part[1] for part in after.parts}


@pytest.mark.parametrize("needed", [0, 1, 4, -1])
async def test_a_sharing_that_protects_nobody_is_refused(needed: int, garden: Garden) -> None:
    bola, chidi, dina = garden.trusted

    with pytest.raises(Refused, match="at least 2"):
        await recovery.share_key(bola.road, bola.me, garden.space(bola), [chidi.road.me, dina.road.me], needed)


async def test_only_members_are_trusted_and_not_oneself(garden: Garden) -> None:
    bola, chidi, _ = garden.trusted

    with pytest.raises(Refused, match="only members"):
        await recovery.share_key(bola.road, bola.me, garden.space(bola), [chidi.road.me, bytes(32)], 2)
    with pytest.raises(Refused, match="not yourself"):
        await recovery.share_key(bola.road, bola.me, garden.space(bola), [chidi.road.me, bola.road.me], 2)
