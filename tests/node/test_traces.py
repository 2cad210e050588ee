"""What a hostile sender brings that does not count leaves no trace: neither on the disk nor in what law remembers."""

from dataclasses import replace

import pytest
from loopback import Neighbourhood, link_to
from other_members import Member

from crdt.batch import Batch, encode_batch
from crdt.change import Change, Header, encode_body, make
from identity.certificates import certify
from identity.errors import Malformed
from identity.keys import SigningKey
from identity.links import read_link
from identity.sealed import new_secret
from identity.tickets import prove
from node.domain.area import wire_fields
from node.domain.law.membership import EnterDevice, JoinSpace, LeaveSpace, RevokeDevice, WithdrawTicket
from node.domain.posts import RetractPost, WritePost
from node.ingest.spaces import Space


def next_of(space: Space, member: Member, command: WithdrawTicket | RetractPost, before: Change | None) -> Change:
    """Sign a member's next change, which knows of nobody else's."""
    log = space.history.logs[member.device.public]
    seq, prev = (before.header.seq, before.id) if before is not None else (log.seq, log.head)
    header = Header(space.id, log.author, seq + 1, prev, (), member.node.clock_ms(), command.klass, b"", b"", 0)
    return make(header, encode_body(command.kind, wire_fields(command)), member.device, space.secret_for(command.klass))


async def phone_of(member: Member) -> Member:
    """Let a member enter with a second device."""
    node, space, key = member.node, member.space, SigningKey(bytes([9]) * 32)
    command = EnterDevice(certify(member.root, key.public, 3, node.clock_ms()))
    deps = space.history.next_deps(key.public, 32)
    header = Header(space.id, key.public, 1, b"", deps, node.clock_ms(), command.klass, b"", b"", 0)
    first = make(header, encode_body(command.kind, wire_fields(command)), key, space.secret_for(command.klass))
    await node.road.receive(space, Batch([first], {}), key.public)
    return Member(node, space, member.root, key)


async def test_law_whose_body_was_left_out_is_taken_from_nobody(start: Neighbourhood) -> None:
    amina = await start("Amina")
    garden = await amina.found("Garden")
    mallory = await Member.join(amina, garden, "Mallory")
    law = next_of(garden, mallory, WithdrawTicket(bytes(32)), None)
    eraser = next_of(garden, mallory, RetractPost(law.id, None, None, []), law)

    with pytest.raises(Malformed):
        await amina.road.receive(garden, Batch([law._replace(body=None)], {law.id: eraser}), mallory.device.public)
    outcome = await amina.road.receive(amina.road.spaces[garden.id], Batch([law], {}), mallory.device.public)

    assert [entry.change for entry in outcome.accepted] == [law]


async def test_a_malformed_batch_is_undone_without_reading_all_law_anew(start: Neighbourhood) -> None:
    amina = await start("Amina")
    garden = await amina.found("Garden")
    mallory = await Member.join(amina, garden, "Mallory")
    law = next_of(garden, mallory, WithdrawTicket(bytes(32)), None)
    post = next_of(garden, mallory, RetractPost(bytes(32), None, None, []), law)
    stripped = post._replace(body=None)
    before = len(garden.index.logs), dict(garden.index.secrets), garden.law.present().bits

    for batch in (Batch([law, stripped], {}), Batch([law, stripped], {post.id: law})):
        with pytest.raises(Malformed):
            await amina.road.receive(garden, batch, mallory.device.public)

    assert amina.road.spaces[garden.id] is garden
    assert (len(garden.index.logs), dict(garden.index.secrets), garden.law.present().bits) == before
    outcome = await amina.road.receive(garden, Batch([law, post], {}), mallory.device.public)
    assert [entry.change for entry in outcome.accepted] == [law, post]


async def test_a_malformed_batch_leaves_no_number_of_a_secret_that_the_store_does_not_know(
    start: Neighbourhood,
) -> None:
    amina = await start("Amina")
    garden = await amina.found("Garden")
    kim = await Member.join(amina, garden, "Kim")
    log, secret, body = garden.history.logs[kim.device.public], new_secret(), WritePost("hidden", None, None, [])
    header = Header(garden.id, log.author, log.seq + 1, log.head, (), amina.clock_ms(), body.klass, b"", b"", 0)
    post = make(header, encode_body(body.kind, wire_fields(body)), kim.device, secret)
    stripped = next_of(garden, kim, RetractPost(bytes(32), None, None, []), post)._replace(body=None)
    lie = Batch([post, stripped], {stripped.id: post})

    with pytest.raises(Malformed):
        await amina.road.receive(garden, lie, kim.device.public)
    undone = amina.road.spaces[garden.id] is garden
    outcome = await amina.road.receive(garden, Batch([post], {}), kim.device.public)
    await amina.close()
    again = await start.nameless("Amina")

    assert undone
    assert [entry.change for entry in outcome.accepted] == [post]
    assert again.road.spaces[garden.id].history.logs[kim.device.public].head == post.id


async def test_what_cannot_be_read_yet_takes_no_body_back_where_newcomers_read_the_past(start: Neighbourhood) -> None:
    amina = await start("Amina")
    garden = await amina.found("Garden")
    kim = await Member.join(amina, garden, "Kim")
    log = garden.history.logs[kim.device.public]
    secret, seq, prev, posts = new_secret(), log.seq, log.head, list[Change]()
    for text in ("one", "two"):
        body = WritePost(text, None, None, [])
        header = Header(garden.id, log.author, seq + 1, prev, (), amina.clock_ms(), body.klass, b"", b"", 0)
        posts.append(make(header, encode_body(body.kind, wire_fields(body)), kim.device, secret))
        seq, prev = posts[-1].header.seq, posts[-1].id
    stripped = Batch([posts[0]._replace(body=None), posts[1]], {posts[0].id: posts[1]})

    with pytest.raises(Malformed):
        await amina.road.receive(garden, stripped, kim.device.public)


@pytest.mark.parametrize("eraser", [0, 1, 3])
async def test_nothing_said_before_takes_a_body_back_and_no_law_also_where_it_cannot_be_read(
    start: Neighbourhood, eraser: int
) -> None:
    amina = await start("Amina")
    garden = await amina.found("Garden", {"newcomers_read_past": False})
    kim = await Member.join(amina, garden, "Kim")
    log = garden.history.logs[kim.device.public]
    secret, seq, prev, said = new_secret(), log.seq, log.head, list[Change]()
    commands = [WritePost("one", None, None, []), WritePost("two", None, None, [])]
    for body in (*commands, RetractPost(bytes(32), None, None, []), WithdrawTicket(bytes(32))):
        header = Header(garden.id, log.author, seq + 1, prev, (), amina.clock_ms(), body.klass, b"", b"", 0)
        said.append(make(header, encode_body(body.kind, wire_fields(body)), kim.device, secret))
        seq, prev = said[-1].header.seq, said[-1].id
    hidden = [said[0], said[1]._replace(body=None), *said[2:]]

    with pytest.raises(Malformed):
        await amina.road.receive(garden, Batch(hidden, {said[1].id: said[eraser]}), kim.device.public)
    outcome = await amina.road.receive(garden, Batch(hidden, {said[1].id: said[2]}), kim.device.public)

    assert len(outcome.accepted) == len(said)


async def test_who_has_left_says_nothing_more_from_any_device(start: Neighbourhood) -> None:
    amina = await start("Amina")
    garden = await amina.found("Garden")
    kim = await Member.join(amina, garden, "Kim")
    phone = await phone_of(kim)
    await phone.write("from my phone")
    log = garden.history.logs[phone.device.public]

    await kim.say(LeaveSpace())
    before = log.seq
    await phone.write("I am still here")

    assert garden.history.logs[phone.device.public].seq == before == 2


async def test_a_cut_that_a_power_cut_came_before_is_made_at_the_next_start(start: Neighbourhood) -> None:
    amina = await start("Amina")
    garden = await amina.found("Garden")
    kim = await Member.join(amina, garden, "Kim")
    last = garden.history.logs[kim.device.public].seq
    await kim.write("after what stays")
    phone = await phone_of(kim)
    await phone.say(RevokeDevice(kim.device.public, last))
    cut = amina.road.spaces[garden.id].history.logs[kim.device.public].forked
    await amina.database.writer.run(lambda db: db.executescript("UPDATE log SET forked = NULL; DELETE FROM void;"))
    await amina.close()

    again = await start.nameless("Amina")

    assert cut == last + 1
    assert again.road.spaces[garden.id].history.logs[kim.device.public].forked == cut


async def test_a_knock_that_law_refuses_is_forgotten_however_often_it_comes(start: Neighbourhood) -> None:
    amina = await start("Amina")
    garden = await amina.found("Garden")
    device, root, other = SigningKey.generate(), SigningKey.generate(), SigningKey.generate()
    invitation = read_link(await link_to(amina, garden))
    proof = prove(invitation, device.public, root.public)
    command = JoinSpace(invitation.terms, invitation.signature, proof, root.public, b"")
    wrong = replace(command, certificate=certify(root, other.public, 0, amina.clock_ms()))
    header = Header(garden.id, device.public, 1, b"", (), amina.clock_ms(), command.klass, b"", b"", 0)
    knock = make(header, encode_body(command.kind, wire_fields(wrong)), device, garden.secrets.knock())
    law, pasts = garden.law, garden.history.pasts

    def remembered() -> list[int]:
        return [len(law.refused), len(pasts.laws()), len(law.branches), len(garden.index.logs), law.present().bits]

    await amina.keeper.deliver_knock(garden.id, encode_batch([knock]), device.public)
    once = remembered()
    for _ in range(3):
        await amina.keeper.deliver_knock(garden.id, encode_batch([knock]), device.public)

    assert remembered() == once
    assert device.public not in garden.index.logs
    assert not law.branches
