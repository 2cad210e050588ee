"""Guests: a newcomer who waits follows how far it is, from whoever holds their knock, and is told no lies as truth."""

import contextlib
import os
from collections.abc import AsyncIterator

import pytest
from loopback import Neighbourhood, link_to, until
from test_vouching import vouched

from crdt import messages as m
from crdt.effects import Send
from crdt.exchange import Claims
from crdt.sync import Ends, Session
from identity.errors import CommonsError
from identity.keys import SigningKey
from identity.sealed import name_of
from node.domain.law.guests import Word, write_word
from node.domain.posts import WritePost
from node.ingest import deciding
from node.ingest.guests import Told, word_for
from node.ingest.spaces import Space
from node.net.links import Link
from node.net.transport import Transport
from node.runtime import Node
from node.store import queries

GROWING = {"admission": "vouch", "vouchers": 3, "voting_days": 0, "grace_hours": 0, "quorum": [0, 1]}


async def garden(start: Neighbourhood, **rules: object) -> tuple[Node, Node, Node, bytes]:
    """Return two members' nodes, and that of a newcomer who has knocked with the first's link."""
    amina, bola, chidi = [await start(name) for name in ("Amina", "Bola", "Chidi")]
    space = (await amina.found("Garden", GROWING | rules)).id
    await bola.join(await link_to(amina, amina.road.spaces[space]))
    await vouched(amina, space, 1)
    await until(lambda: bola.road.spaces[space].state == "member")
    await chidi.join(await link_to(amina, amina.road.spaces[space]))
    return amina, bola, chidi, space


def heard(node: Node, space: bytes) -> Word | None:
    """Return what the laptop that invited has told."""
    told = node.keeper.words.by_inviter.get(space)
    return told.word if told else None


async def test_a_newcomer_follows_who_vouches_until_they_are_in(start: Neighbourhood) -> None:
    amina, bola, chidi, space = await garden(start)
    news: list[bytes] = []
    chidi.keeper.told = news.append

    await until(lambda: heard(chidi, space))
    first = heard(chidi, space)
    await vouched(bola, space, 1)
    await until(lambda: (word := heard(chidi, space)) and word.vouched == 1)
    second = heard(chidi, space)
    told = len(news)
    await vouched(amina, space, 1)
    await until(lambda: chidi.road.spaces[space].state == "member")

    assert first is not None
    assert second is not None
    assert (first.vouched, first.needed, first.names) == (0, 2, ())
    assert (second.vouched, second.needed, second.names) == (1, 2, ("Bola",))
    assert dict(second.rules)["admission"] == "vouch"
    assert told >= 2


async def test_where_the_rules_keep_names_only_the_count_is_told(start: Neighbourhood) -> None:
    _, bola, chidi, space = await garden(start, vouchers_named=False)

    await vouched(bola, space, 1)
    await until(lambda: (word := heard(chidi, space)) and word.vouched == 1)

    word = heard(chidi, space)
    assert word is not None
    assert word.names == ()


async def test_who_did_not_invite_tells_no_names_and_is_believed_none(start: Neighbourhood) -> None:
    amina, bola, chidi, space = await garden(start)
    await vouched(bola, space, 1)
    device, here = chidi.road.device.public, chidi.road.spaces[space]
    await until(lambda: (word := heard(chidi, space)) and word.vouched == 1)
    inviter = amina.road.device.public
    said = await word_for(bola.road, bola.road.spaces[space], device)

    honest = chidi.keeper.words.take(here, bola.road.device.public, inviter, said)
    lie = Word(next(iter(here.law.joins)), "vouch", 3, 3, ("The mayor", "Your friend"), rules=(("quorum", [0, 1]),))
    chidi.keeper.words.take(here, SigningKey.generate().public, inviter, write_word(lie))

    mine, others = heard(chidi, space), chidi.keeper.words.by_another[space].word
    assert honest
    assert b"Bola" not in said
    assert mine is not None
    assert mine.names == ("Bola",)
    assert (others.vouched, others.names, others.rules) == (3, (), ())


async def test_a_word_about_another_knock_or_to_a_member_changes_nothing(start: Neighbourhood) -> None:
    amina, bola, chidi, space = await garden(start)
    await until(lambda: heard(chidi, space))
    before, inviter = heard(chidi, space), amina.road.device.public
    anothers = write_word(Word(b"x" * 32, "vouch", 1, 1, ("Nobody",)))
    about = write_word(Word(next(iter(chidi.road.spaces[space].law.joins)), "vouch", 1, 1))

    taken = [
        chidi.keeper.words.take(chidi.road.spaces[space], inviter, inviter, anothers),
        bola.keeper.words.take(bola.road.spaces[space], inviter, inviter, about),
    ]

    assert taken == [False, False]
    assert heard(chidi, space) == before
    assert space not in bola.keeper.words.by_inviter or heard(bola, space) != Word(b"x" * 32, "vouch", 1, 1)


async def test_who_left_and_who_never_knocked_is_told_nothing(start: Neighbourhood) -> None:
    amina, _bola, chidi, space = await garden(start)
    here = amina.road.spaces[space]

    stranger = await word_for(amina.road, here, SigningKey.generate().public)
    member = await word_for(amina.road, here, amina.road.device.public)

    assert (stranger, member) == (b"", b"")
    assert chidi.road.spaces[space].state == "waiting"


async def test_a_link_makes_a_guest_without_keys_until_any_member_counter_signs(start: Neighbourhood) -> None:
    amina, bola, chidi, space = await garden(start, vouchers=1)
    await amina.road.submit(amina.road.spaces[space], WritePost("Between us", None, None, []))
    await until(lambda: heard(chidi, space))

    held = chidi.road.spaces[space].secrets
    guest = (list(held.law), list(held.talk), list(held.by_name))
    logs = set(chidi.road.spaces[space].history.logs)
    await vouched(bola, space, 1)
    await until(lambda: chidi.road.spaces[space].state == "member")

    async def said() -> list[str]:
        no = chidi.road.spaces[space].index.no
        return [post.text for post in await chidi.database.read(lambda db: queries.feed(db, no, None, 10))]

    await until(said)
    assert guest == ([], [], [name_of(held.knock())])
    assert logs == {chidi.road.device.public}
    assert chidi.road.spaces[space].secrets.talk
    assert await said() == ["Between us"]


# -- over the wire ----------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def liar(node: Node) -> AsyncIterator[Link]:
    """Give a link of a stranger who knows a waiting node's space, and has said hello to it."""
    key = SigningKey.generate()
    transport = Transport(key.seed, _ignore, lambda *_: None)
    await transport.start(("/ip4/127.0.0.1/tcp/0",))
    try:
        link = await transport.dial(node.addresses[0])
        session = Session(Ends(key.public, link.peer, True, os.urandom(16)), node.keeper.spaces, Claims())
        for effects in (session.start(), session.receive(await link.receive())):
            for effect in effects:
                if isinstance(effect, Send):
                    await link.send(effect.frame)
        await link.receive()
        yield link
        await link.close()
    finally:
        await transport.stop()


async def _ignore(link: Link) -> None:
    with contextlib.suppress(CommonsError):
        while True:
            await link.receive()


@pytest.mark.parametrize("word", [b"", b"\xff" * 100, b"\x98" + b"\x00" * 200, os.urandom(4_096)], ids=len)
async def test_a_peer_that_tells_nonsense_is_left_and_nothing_of_it_kept(start: Neighbourhood, word: bytes) -> None:
    _, _, chidi, space = await garden(start)
    await until(lambda: heard(chidi, space))
    before = heard(chidi, space)

    async with liar(chidi) as link:
        await link.send(m.encode(m.GUEST, 0, bytes(32), word))
        await _ignore(link)  # until it is hung up on

    assert heard(chidi, space) == before
    assert space not in chidi.keeper.words.by_another


async def test_a_stranger_who_says_all_have_vouched_is_not_taken_for_who_invited(start: Neighbourhood) -> None:
    amina, _, chidi, space = await garden(start)
    await until(lambda: heard(chidi, space))
    here: Space = chidi.road.spaces[space]
    lie = write_word(Word(next(iter(here.law.joins)), "vouch", 2, 2, ("Amina", "Bola")))

    async with liar(chidi) as link:
        for _ in range(200):
            await link.send(m.encode(m.GUEST, 0, amina.road.device.public, lie))
        await until(lambda: space in chidi.keeper.words.by_another)

    mine, other = heard(chidi, space), chidi.keeper.words.by_another[space]
    assert isinstance(other, Told)
    assert mine is not None
    assert (mine.vouched, other.word.names) == (0, ())
    assert here.state == "waiting"


async def test_a_vote_is_told_with_its_end(start: Neighbourhood) -> None:
    amina, _bola, chidi, space = await garden(start)
    change = await deciding.propose(amina.road, amina.road.spaces[space], [["rule", "admission", "vote"]])
    await deciding.vote(amina.road, amina.road.spaces[space], change.id, "yes")
    await until(lambda: (word := heard(chidi, space)) and word.admission == "vote")

    await deciding.propose(amina.road, amina.road.spaces[space], [["admit", chidi.me.person]], 2)

    await until(lambda: (word := heard(chidi, space)) and word.vote == "open")
    word = heard(chidi, space)
    assert word is not None
    assert word.ends_ms > amina.road.now_ms()
