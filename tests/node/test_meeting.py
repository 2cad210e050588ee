"""Links between real nodes over loopback: who is level with whom, whose link counts, who passes on what."""

from loopback import Neighbourhood, link_to, until


async def test_every_newcomer_learns_that_both_hold_the_same(start: Neighbourhood) -> None:
    amina = await start("Amina")
    garden = await amina.found("Garden")
    link = await link_to(amina, garden, uses=6)

    guests = [await start(f"guest {number}") for number in range(6)]
    for guest in guests:  # each tells who they are the moment they are let in: that hides that both were level
        await guest.join(link)
        await until(lambda guest=guest: guest.keeper.in_sync_spaces)

    assert [guest.keeper.in_sync_spaces for guest in guests] == [{garden.id}] * 6
