"""A shared key is shared anew by itself when somebody goes; saying no; and who comes later to a space that forgets."""

import pytest
from loopback import Neighbourhood, link_to, same, until
from lost_laptop import Garden, lose
from more_devices import enter

from identity.certificates import SLOTS
from identity.errors import Refused
from identity.keys import SigningKey
from node.domain.law.membership import LeaveSpace, RevokeDevice
from node.domain.posts import WritePost
from node.ingest import deciding, recovery
from node.ingest.spaces import Space
from node.recovering import recover
from node.runtime import Node
from node.store import queries


@pytest.fixture
async def garden(start: Neighbourhood) -> Garden:
    """Amina lost her laptop."""
    return await lose(start)


async def shared_with(node: Node, space: Space, person: bytes) -> tuple[int, dict[bytes, set[bytes]]]:
    """Return how many of whom recover a person, as a node reads it, with the devices that hold each share."""
    sharing = await recovery.sharing_of(node.road, node.road.spaces[space.id], person)
    assert sharing is not None
    return sharing.needed, {part[0]: {box[0] for box in part[2]} for part in sharing.parts}


async def bola_trusts(garden: Garden, needed: int = 2) -> set[bytes]:
    """Let Bola share her key with Chidi, Dina and the newcomer; returns the checks of the shares."""
    bola, chidi, dina = garden.trusted
    people = [chidi.road.me, dina.road.me, garden.fresh.road.me]
    await recovery.share_key(bola.road, bola.me, garden.space(bola), people, needed)
    return await checks(garden)


async def checks(garden: Garden) -> set[bytes]:
    bola = garden.trusted[0]
    sharing = await recovery.sharing_of(bola.road, garden.space(bola), bola.road.me)
    assert sharing is not None
    return {part[1] for part in sharing.parts}


async def test_when_one_of_them_goes_the_key_is_shared_anew_by_itself(garden: Garden) -> None:
    bola, chidi, dina = garden.trusted
    before = await bola_trusts(garden)
    await dina.road.submit(garden.space(dina), LeaveSpace())

    async def anew() -> bool:
        return not await checks(garden) & before

    await until(anew)
    needed, held = await shared_with(bola, garden.space(bola), bola.road.me)
    assert (needed, set(held)) == (2, {chidi.road.me, garden.fresh.road.me})

    async def heard() -> bool:
        return set((await shared_with(chidi, garden.space(chidi), bola.road.me))[1]) == set(held)

    await until(heard)


async def test_when_one_of_them_ends_a_device_their_share_goes_to_those_they_use(
    garden: Garden, start: Neighbourhood
) -> None:
    bola, chidi, _ = garden.trusted
    phone = await start.nameless("Chidi's phone")
    await phone.add_to_person(await link_to(chidi, garden.space(chidi), device=True))
    await until(lambda: len(garden.space(bola).law.devices_of(chidi.road.me)) == 2)
    before = await bola_trusts(garden)
    both = (await shared_with(bola, garden.space(bola), bola.road.me))[1][chidi.road.me]
    lost = phone.road.device.public
    await deciding.submit(chidi.road, garden.space(chidi), RevokeDevice(lost, 99))

    async def anew() -> bool:
        return not await checks(garden) & before

    await until(anew)
    _, held = await shared_with(bola, garden.space(bola), bola.road.me)
    assert both == {chidi.road.device.public, lost}
    assert held[chidi.road.me] == {chidi.road.device.public}
    assert len(held) == 3


async def test_nothing_is_shared_anew_where_too_few_are_left_and_nothing_without_need(garden: Garden) -> None:
    bola, _, dina = garden.trusted
    space = garden.space(bola)
    before = await bola_trusts(garden, needed=3)
    idle = await recovery.renew_shares(bola.road, bola.me.root, space)  # type: ignore[arg-type]
    await dina.road.submit(garden.space(dina), LeaveSpace())
    await until(lambda: dina.road.me not in garden.space(bola).law.members())
    async with bola.duties.lock:
        short = await recovery.renew_shares(bola.road, bola.me.root, garden.space(bola))  # type: ignore[arg-type]

    sharing = await recovery.sharing_of(bola.road, garden.space(bola), bola.road.me)
    assert sharing is not None
    assert not idle
    assert not short
    assert recovery.is_short(garden.space(bola), sharing)
    assert await checks(garden) == before


async def test_who_was_recovered_shares_their_key_anew_with_those_they_trust(garden: Garden) -> None:
    bola, chidi, _ = garden.trusted
    asked = await garden.ask()
    for node in (bola, chidi):
        await garden.give(node, asked)
    await garden.collects(2)
    await recover(garden.fresh, garden.space(garden.fresh), garden.amina)
    await garden.trusted[2].road.submit(garden.space(garden.trusted[2]), LeaveSpace())

    async def anew() -> bool:
        _, held = await shared_with(garden.fresh, garden.space(garden.fresh), garden.amina)
        return set(held) == {bola.road.me, chidi.road.me}

    await until(anew)


# -- saying no, and who comes later -----------------------------------------------------------------------------------


async def test_who_declines_is_seen_by_the_others_and_may_still_give(garden: Garden) -> None:
    bola, chidi, _ = garden.trusted
    asked = await garden.ask()
    (asking,) = await garden.askings(bola)
    await recovery.decline(bola.road, garden.space(bola), asking)

    async def heard(node: Node, who: Node) -> bool:
        return any(who.road.me in asking.declined for asking in await garden.askings(node))

    for node in (bola, chidi, garden.fresh):
        await until(lambda node=node: heard(node, bola))  # type: ignore[misc]
    with pytest.raises(Refused, match="said so already"):
        await recovery.decline(bola.road, garden.space(bola), (await garden.askings(bola))[0])
    await garden.give(bola, asked)
    await garden.collects(1)

    (now,) = await garden.askings(bola)
    assert (now.given, now.declined) == ({bola.road.me}, frozenset())
    with pytest.raises(Refused, match="given your share already"):
        await recovery.decline(bola.road, garden.space(bola), now)


async def test_where_the_person_themself_says_no_nobody_gives(garden: Garden) -> None:
    bola, chidi, dina = garden.trusted
    await recovery.share_key(bola.road, bola.me, garden.space(bola), [chidi.road.me, dina.road.me], 2)

    async def known() -> bool:
        return await recovery.sharing_of(garden.fresh.road, garden.space(garden.fresh), bola.road.me) is not None

    await until(known)
    await recovery.ask(garden.fresh.road, garden.space(garden.fresh), bola.road.me)

    async def asked(node: Node, *, denied: bool = False) -> bool:
        found = await recovery.askings(node.road, garden.space(node), bola.road.me)
        return any(asking.is_denied or not denied for asking in found)

    await until(lambda: asked(bola))
    (asking,) = await recovery.askings(bola.road, garden.space(bola), bola.road.me)
    await recovery.decline(bola.road, garden.space(bola), asking)
    await until(lambda: asked(chidi, denied=True))

    (asking,) = await recovery.askings(chidi.road, garden.space(chidi), bola.road.me)
    with pytest.raises(Refused, match="not them who asks"):
        await recovery.give(chidi.road, garden.space(chidi), asking, asking.code)


async def test_who_is_not_trusted_with_it_declines_nothing(garden: Garden) -> None:
    await garden.ask()
    (asking,) = await recovery.askings(garden.fresh.road, garden.space(garden.fresh), garden.amina)

    with pytest.raises(Refused, match="entrusted to you"):
        await recovery.decline(garden.fresh.road, garden.space(garden.fresh), asking)


async def test_who_comes_back_reads_whom_they_trusted_where_newcomers_read_nothing_of_before(
    start: Neighbourhood,
) -> None:
    bola, chidi, amina = [await start(name) for name in ("Bola", "Chidi", "Amina")]
    space = (await bola.found("Garden", {"newcomers_read_past": False})).id
    link = await link_to(bola, bola.road.spaces[space], uses=9)
    for node in (chidi, amina):
        await node.join(link)
    await until(lambda: all(len(n.road.spaces[space].law.members()) == 3 for n in (bola, chidi, amina)))
    people = [bola.road.me, chidi.road.me]
    await until(lambda: "talk" in amina.road.spaces[space].secrets.present)
    await recovery.share_key(amina.road, amina.me, amina.road.spaces[space], people, 2)
    await amina.road.submit(amina.road.spaces[space], WritePost("from before", None, None, []))
    await until(lambda: same(space, bola, amina))
    fresh = await start("Amina's new laptop")
    await fresh.join(link)

    async def reads() -> bool:
        here = fresh.road.spaces.get(space)
        return here is not None and await recovery.sharing_of(fresh.road, here, amina.me.person) is not None

    await until(reads)
    no = fresh.road.spaces[space].index.no
    assert await fresh.database.read(lambda db: queries.feed(db, no, None, 10)) == []


async def test_who_had_all_places_taken_is_recovered_in_that_of_a_device_long_unheard_of(garden: Garden) -> None:
    bola, chidi, _ = garden.trusted
    asked = await garden.ask()
    for node in (bola, chidi):
        await garden.give(node, asked)
    await garden.collects(2)
    seed = await recovery.rebuilt(garden.fresh.road, garden.space(garden.fresh), garden.amina)
    full = [await enter(garden.fresh, garden.space(garden.fresh), slot, SigningKey(seed)) for slot in range(1, SLOTS)]
    before = set(garden.space(garden.fresh).law.grants) - set(full)

    await recover(garden.fresh, garden.space(garden.fresh), garden.amina)

    law = garden.space(garden.fresh).law
    standing = {grant.device for grant in law.devices_of(garden.amina)}
    assert garden.fresh.road.device.public in standing
    assert len(standing) == SLOTS
    assert len((set(full) | before) - standing) >= 1
