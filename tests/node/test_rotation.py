"""Keys that change while some are away, or twice at once: everybody who belongs reads on, nobody else does."""

from typing import Any

from gardens import garden_of, here, say, talk
from loopback import Neighbourhood, link_to, same, until
from other_members import Member

from crdt.batch import Batch
from crdt.change import EDIT, LAW, Change, Header, encode_body, make
from identity.keys import SigningKey
from identity.sealed import name_of, new_secret, seal_to
from node.domain.area import wire_fields
from node.domain.law.keys import lacking, must_rotate, present_rotation
from node.domain.law.membership import LeaveSpace, RotateKeys, WithdrawTicket
from node.ingest.keys import renew_keys
from node.ingest.spaces import Handover, Secrets, Space
from node.ingest.writing import edit_page
from node.runtime import Node
from node.store import log as store_log
from node.store import queries


async def reads(node: Node, space: bytes, text: str) -> bool:
    no = here(node, space).index.no
    return text in {line.text for line in await node.database.read(lambda db: queries.feed(db, no, None, 100))}


async def apart(*nodes: Node) -> None:
    for node in nodes:
        await node.stop_network()


async def together(*nodes: Node) -> None:
    for node in nodes:
        await node.start_network()
    nodes[0].neighbours.learn([address for node in nodes[1:] for address in node.addresses])
    for node in nodes[1:]:
        node.neighbours.learn(nodes[0].addresses)


async def test_two_who_change_the_keys_at_once_come_to_write_with_one_and_read_both(start: Neighbourhood) -> None:
    (amina, bola, chidi), space = await garden_of(start, "Amina", "Bola", "Chidi")
    await apart(amina, bola, chidi)
    old = talk(amina, space)
    gone = await chidi.road.submit(here(chidi, space), LeaveSpace())

    for node in (amina, bola):
        await node.road.receive(here(node, space), Batch([gone], {}), chidi.road.device.public)
        await renew_keys(node.road, here(node, space))
        await until(lambda node=node: talk(node, space) != old)  # type: ignore[misc]
        await say(node, space, f"said apart by {await node.name()}")
    await together(amina, bola)

    for node in (amina, bola):
        for name in ("Amina", "Bola"):
            await until(lambda node=node, name=name: reads(node, space, f"said apart by {name}"))  # type: ignore[misc]
    await until(lambda: talk(amina, space) == talk(bola, space))
    view = here(amina, space).law.present()
    assert not must_rotate(view)
    assert lacking(view) == []


async def test_who_was_away_while_keys_changed_twice_reads_everything_on_return(start: Neighbourhood) -> None:
    (amina, bola, chidi, dana), space = await garden_of(start, "Amina", "Bola", "Chidi", "Dana")
    await apart(bola)
    await say(bola, space, "written with the old keys")
    for leaver in (chidi, dana):
        before = talk(amina, space)
        await leaver.road.submit(here(leaver, space), LeaveSpace())
        await until(lambda before=before: talk(amina, space) != before)  # type: ignore[misc]
        await say(amina, space, f"after {await leaver.name()} left")

    await bola.start_network()
    bola.neighbours.learn(amina.addresses)

    for text in ("after Chidi left", "after Dana left"):
        await until(lambda text=text: reads(bola, space, text))  # type: ignore[misc]
    await until(lambda: reads(amina, space, "written with the old keys"))
    await until(lambda: talk(amina, space) == talk(bola, space))


async def test_who_left_hears_and_reads_nothing_that_is_said_afterwards(start: Neighbourhood) -> None:
    (amina, bola, chidi), space = await garden_of(start, "Amina", "Bola", "Chidi")
    old = talk(amina, space)
    topics = set(chidi.hints.topics())
    await chidi.road.submit(here(chidi, space), LeaveSpace())
    await until(lambda: talk(amina, space) != old and same(space, amina, bola))
    held = here(chidi, space).history.size

    await say(amina, space, "among ourselves")
    await until(lambda: reads(bola, space, "among ourselves"))

    assert talk(amina, space) not in here(chidi, space).secrets.by_name.values()
    assert not topics & set(amina.hints.topics())
    assert here(chidi, space).history.size == held
    assert not await reads(chidi, space, "among ourselves")


async def test_a_newcomer_after_a_change_of_keys_reads_what_was_said_before_it(start: Neighbourhood) -> None:
    (amina, bola), space = await garden_of(start, "Amina", "Bola")
    await say(amina, space, "in the first days")
    old = talk(amina, space)
    await bola.road.submit(here(bola, space), LeaveSpace())
    await until(lambda: talk(amina, space) != old)
    await say(amina, space, "later on")
    emeka = await start("Emeka")

    await emeka.join(await link_to(amina, here(amina, space)))

    for text in ("in the first days", "later on"):
        await until(lambda text=text: space in emeka.road.spaces and reads(emeka, space, text))  # type: ignore[misc]


async def test_where_the_rules_say_so_a_newcomer_reads_only_from_then_on(start: Neighbourhood) -> None:
    amina = await start("Amina")
    garden = await amina.found("Garden", {"newcomers_read_past": False})
    await say(amina, garden.id, "among the first")
    bola = await start("Bola")
    await bola.join(await link_to(amina, garden))
    await until(lambda: garden.id in bola.road.spaces and bola.road.spaces[garden.id].state == "member")
    await until(lambda: "talk" in here(bola, garden.id).secrets.present)
    await say(amina, garden.id, "for both of us")

    await until(lambda: reads(bola, garden.id, "for both of us"))
    await until(lambda: same(garden.id, amina, bola))

    assert not await reads(bola, garden.id, "among the first")
    assert await reads(amina, garden.id, "among the first")
    await say(bola, garden.id, "thank you")
    await until(lambda: reads(amina, garden.id, "thank you"))


async def test_whatever_is_written_after_somebody_left_is_sealed_with_new_keys(start: Neighbourhood) -> None:
    (amina, bola, chidi), space = await garden_of(start, "Amina", "Bola", "Chidi")
    await apart(amina, bola, chidi)
    old = talk(bola, space)
    gone = await chidi.road.submit(here(chidi, space), LeaveSpace())
    await bola.road.receive(here(bola, space), Batch([gone], {}), chidi.road.device.public)

    await edit_page(bola.road, here(bola, space), "Who stays", "Only we read this.")  # no officer, but a member

    epochs = await epochs_of(bola, space, EDIT)
    assert epochs
    assert name_of(old) not in epochs
    assert not must_rotate(here(bola, space).law.present())


async def epochs_of(node: Node, space: bytes, klass: int) -> set[bytes]:
    """Return the names of the secrets that changes of a class are sealed with."""
    index = here(node, space).index

    def read(connection: Any) -> list[store_log.Stored]:
        return store_log.read_changes(connection, index, store_log.numbers_of(connection, index.no))

    stored = await node.database.read(read)
    return {entry.change.header.epoch for entry in stored if entry.change.header.klass == klass}


def sealed_law(space: Space, device: SigningKey, secret: bytes) -> Change:
    """Return a further change of law of a device's, sealed with a secret."""
    log = space.history.logs[device.public]
    command = WithdrawTicket(bytes(32))
    header = Header(space.id, device.public, log.seq + 1, log.head, (), log.time, LAW, b"", b"", 0)
    return make(header, encode_body(command.kind, wire_fields(command)), device, secret)


async def test_law_that_cannot_be_read_has_its_effect_once_its_key_comes(
    start: Neighbourhood,
) -> None:
    (amina, bola), space = await garden_of(start, "Amina", "Bola")
    await apart(amina, bola)
    fresh, device = new_secret(), amina.road.device
    change = sealed_law(here(bola, space), device, fresh)
    sealed = seal_to(Secrets(bytes(32), [fresh], []).wrapped(), bola.road.device.public)

    before = await bola.road.receive(here(bola, space), Batch([change], {}), device.public)
    await bola.road.unlock(here(bola, space), sealed)

    assert before.lacking == {name_of(fresh)}
    assert (device.public, bytes(32)) in here(bola, space).law.withdrawals


async def test_keys_heard_of_a_neighbour_are_handed_on_only_once_their_law_is_here(start: Neighbourhood) -> None:
    (amina, bola), space = await garden_of(start, "Amina", "Bola")
    await apart(amina, bola)
    fresh, peer = new_secret(), amina.road.device.public
    sealed = seal_to(Secrets(bytes(32), [fresh], []).wrapped(), bola.road.device.public)
    secrets = here(bola, space).secrets

    await bola.road.unlock(here(bola, space), sealed, peer)
    before = fresh in secrets.handed("law")
    secrets.note_law_of(peer)
    after = fresh in secrets.handed("law")

    assert (before, after, name_of(fresh) in secrets.by_name) == (False, True, True)


async def test_keys_with_which_something_here_is_sealed_are_handed_on_at_once_and_by_whoever_started_again(
    start: Neighbourhood,
) -> None:
    (amina, bola), space = await garden_of(start, "Amina", "Bola")
    await apart(amina, bola)
    fresh, device = new_secret(), amina.road.device
    law = sealed_law(here(bola, space), device, fresh)
    sealed = seal_to(Secrets(bytes(32), [fresh], []).wrapped(), bola.road.device.public)

    await bola.road.receive(here(bola, space), Batch([law], {}), device.public)
    missed = here(bola, space).keys_missed()
    await bola.road.unlock(here(bola, space), sealed, device.public)
    at_once = fresh in here(bola, space).secrets.handed("law")
    await bola.road.reload(here(bola, space))

    assert missed == {name_of(fresh)}
    assert at_once
    assert fresh in here(bola, space).secrets.handed("law")
    assert here(bola, space).keys_missed() == set()


def test_who_is_handed_keys_writes_with_those_of_the_latest_rotation_that_stands() -> None:
    older, newer = new_secret(), new_secret()
    secrets = Secrets(bytes(32))
    secrets.adopt_from(Handover((1, b"a"), trusted=True), [older], [older])
    secrets.adopt_from(Handover((2, b"b"), trusted=False), [newer], [newer])

    secrets.adopt_from(Handover((1, b"a"), trusted=True), [older], [older])
    late = secrets.present["talk"]
    secrets.adopt_among({(1, b"a")})  # the later one lies on the void part of a forked log
    void = secrets.present["talk"]
    secrets.adopt_among({(1, b"a"), (2, b"b")})  # and others built on it after all

    assert (late, void, secrets.present["talk"]) == (newer, older, newer)


def test_what_a_member_hands_over_first_gives_way_to_what_began_the_keys() -> None:
    true, planted = new_secret(), new_secret()
    secrets = Secrets(bytes(32))

    secrets.adopt_from(Handover((1, b"a"), trusted=False), [planted], [planted])
    secrets.adopt_from(Handover((1, b"a"), trusted=True), [true], [true])
    secrets.adopt_from(Handover((1, b"a"), trusted=False), [planted], [planted])

    assert secrets.present == {"law": true, "talk": true}


async def test_who_was_not_given_the_present_keys_hands_on_no_older_ones_but_begins_new_ones(
    start: Neighbourhood,
) -> None:
    amina = await start("Amina")
    garden = await amina.found("Garden")
    kim = await Member.join(amina, garden, "Kim")
    kims = Secrets(garden.secrets.discovery, [new_secret()], [new_secret()])
    before = garden.secrets.present["talk"]

    await kim.say(RotateKeys(kims.sealed_to([kim.device.public]), b""))
    await until(lambda: not lacking(here(amina, garden.id).law.present()))

    there = here(amina, garden.id)
    rotation = present_rotation(there.law.present())
    assert rotation is not None
    assert rotation.readers == {amina.road.device.public, kim.device.public}
    assert there.secrets.rank == (rotation.depth, rotation.id)
    assert there.secrets.present["talk"] not in (before, kims.talk[0])
