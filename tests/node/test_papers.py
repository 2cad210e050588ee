"""Papers: two members who have never heard of each other meet, and need nobody else to get on."""

import pytest
from cables import meet
from loopback import Neighbourhood, link_to, same

from crdt.batch import Batch
from crdt.change import Header, encode_body, make
from identity.certificates import certify
from identity.errors import CommonsError
from identity.keys import SigningKey
from node.domain.law.membership import LeaveSpace
from node.domain.posts import WritePost
from node.ingest.papers import believed, own_papers
from node.ingest.spaces import Space
from node.runtime import Node


async def joined(start_apart: Neighbourhood, name: str, host: Node, space: bytes) -> Node:
    """Let somebody in by a member's ticket, meeting nobody but that member."""
    node = await start_apart(name)
    await node.join(await link_to(host, host.road.spaces[space]))
    await meet(space, node, host)
    return node


async def strangers(start_apart: Neighbourhood) -> tuple[bytes, Node, Node, Node, Node]:
    """Let Amina invite Bola and then Chidi, and Bola invite Dana: Chidi and Dana have not heard of each other."""
    amina = await start_apart("Amina")
    space = (await amina.found("Garden")).id
    bola = await joined(start_apart, "Bola", amina, space)
    chidi = await joined(start_apart, "Chidi", amina, space)
    dana = await joined(start_apart, "Dana", bola, space)
    return space, amina, bola, chidi, dana


async def test_two_members_who_know_nothing_of_each_other_come_to_the_same(start_apart: Neighbourhood) -> None:
    space, _, _, chidi, dana = await strangers(start_apart)
    for node in (chidi, dana):
        await node.road.submit(node.road.spaces[space], WritePost(f"by {await node.name()}", None, None, []))
    unknown = [
        one.road.spaces[space].in_standing(other.road.device.public) for one, other in ((chidi, dana), (dana, chidi))
    ]

    await meet(space, chidi, dana)

    assert unknown == [False, False]
    assert same(space, chidi, dana)
    assert chidi.road.spaces[space].law.person_of(dana.road.device.public) == dana.road.me


async def test_papers_lead_from_the_founding_to_who_shows_them(start_apart: Neighbourhood) -> None:
    space, _, _, chidi, dana = await strangers(start_apart)

    papers = await own_papers(dana.road, dana.road.spaces[space])

    assert len(papers) == 5
    assert believed(chidi.road.spaces[space], papers, dana.road.device.public)
    assert not believed(chidi.road.spaces[space], papers, bytes(32))


async def test_papers_that_were_cut_short_or_altered_open_no_door(start_apart: Neighbourhood) -> None:
    space, _, _, chidi, dana = await strangers(start_apart)
    papers = await own_papers(dana.road, dana.road.spaces[space])
    view, device = chidi.road.spaces[space], dana.road.device.public
    altered = papers[-1][:-1] + bytes([papers[-1][-1] ^ 1])

    assert not believed(view, papers[-1:], device)
    assert not believed(view, papers[:-1], device)
    for bad in ([*papers[:-1], altered], [b"no change"], [*papers, papers[0][:40]]):
        with pytest.raises(CommonsError):
            believed(view, bad, device)


async def test_who_is_known_to_have_gone_shows_papers_in_vain(start_apart: Neighbourhood) -> None:
    space, amina, _, chidi, _ = await strangers(start_apart)
    papers = await own_papers(chidi.road, chidi.road.spaces[space])
    await meet(space, chidi, amina)
    gone = await chidi.road.submit(chidi.road.spaces[space], LeaveSpace())
    await amina.road.receive(amina.road.spaces[space], Batch([gone], {}), chidi.road.device.public)

    view = amina.road.spaces[space]
    view.believed[chidi.road.device.public] = amina.road.device.public

    assert not believed(view, papers, chidi.road.device.public)
    assert not view.in_standing(chidi.road.device.public)


async def test_a_new_device_that_lost_all_law_is_believed_by_its_persons_certificate(
    start_apart: Neighbourhood,
) -> None:
    space, amina, bola, _, _ = await strangers(start_apart)
    road = amina.road
    road.device = SigningKey(bytes([7]) * 32)
    assert amina.me.root is not None
    road.certificate = certify(amina.me.root, road.device.public, 9, road.now_ms())
    lost = Space(road.spaces[space].index, "Garden", "member", road.spaces[space].secrets)

    papers = await own_papers(road, lost)

    assert not lost.is_open()
    assert believed(bola.road.spaces[space], papers, road.device.public)
    assert not believed(bola.road.spaces[space], papers, bytes(32))


async def test_who_has_gone_opens_no_door_to_others(start_apart: Neighbourhood) -> None:
    amina = await start_apart("Amina")
    space = (await amina.found("Garden")).id
    bola = await joined(start_apart, "Bola", amina, space)
    chidi = await joined(start_apart, "Chidi", amina, space)
    here, log = bola.road.spaces[space], bola.road.spaces[space].history.logs[bola.road.device.public]
    header = Header(space, log.author, log.seq + 1, log.head, (), bola.clock_ms(), LeaveSpace.klass, b"", b"", 0)
    left = make(header, encode_body(LeaveSpace.kind, []), bola.road.device, here.secret_for(LeaveSpace.klass))
    dana = await joined(start_apart, "Dana", bola, space)
    papers = await own_papers(dana.road, dana.road.spaces[space])
    device = dana.road.device.public

    await chidi.keeper.check_papers(space, papers, device)
    await chidi.road.reload(chidi.road.spaces[space])
    before = chidi.road.spaces[space].in_standing(device)

    await chidi.road.receive(chidi.road.spaces[space], Batch([left], {}), bola.road.device.public)

    assert before
    assert chidi.road.spaces[space].law.person_of(bola.road.device.public) is None
    assert not chidi.road.spaces[space].in_standing(device)
    assert not believed(chidi.road.spaces[space], papers, device)
