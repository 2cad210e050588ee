"""What is shown beyond forks is what somebody else built on, whatever a node heard of first."""

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from gardens import here, texts
from loopback import Neighbourhood, at_rest
from other_members import Member

from crdt.batch import Batch
from crdt.change import Change, Header, encode_body, encode_change, make
from identity.certificates import certify
from identity.keys import SigningKey
from identity.sealed import new_secret, seal_to
from node.domain.area import wire_fields
from node.domain.law.membership import EnterDevice, RevokeDevice
from node.domain.posts import EditPost, WritePost
from node.ingest.forks import take_proof
from node.ingest.spaces import Secrets, Space
from node.runtime import Node
from node.store import log as store_log
from node.store import queries

PHONE = SigningKey(bytes([77]) * 32)
TABLET = SigningKey(bytes([78]) * 32)


class Quarter:
    """Amina's node, and three others of whom only keys are here: what they say comes in the order a test likes."""

    def __init__(self, node: Node, space: bytes, others: Sequence[Member]) -> None:
        self.node, self.id = node, space
        self.kim, self.mo, self.nia = (other.device for other in others)
        self.kims_root = others[0].root

    @property
    def space(self) -> Space:
        return here(self.node, self.id)

    def say(
        self, key: SigningKey, command: Any, *named: Change, after: Change | None = None, secret: bytes | None = None
    ) -> Change:
        """Sign a command as the next of a log, or as the next one after a change; it names others' changes."""
        log = self.space.history.logs.get(key.public)
        seq, head = (after.header.seq, after.id) if after else (log.seq, log.head) if log else (0, b"")
        deps = tuple(change.id for change in named)
        now = self.node.clock_ms()
        header = Header(self.id, key.public, seq + 1, head, deps, now, command.klass, b"", b"", 0)
        secret = secret or self.space.secret_for(command.klass)
        return make(header, encode_body(command.kind, wire_fields(command)), key, secret)

    def post(self, key: SigningKey, text: str, *named: Change, after: Change | None = None) -> Change:
        return self.say(key, WritePost(text, None, None, []), *named, after=after)

    async def hear(self, *changes: Change) -> None:
        """Take in changes, each from a peer of its own."""
        for change in changes:
            await self.node.road.receive(self.space, Batch([change], {}), change.header.author)

    async def prove(self, one: Change, other: Change) -> None:
        await take_proof(self.node.road, self.space, encode_change(one), encode_change(other))

    async def shown(self) -> set[str]:
        return await texts(self.node, self.id)

    async def page(self) -> str:
        no = self.space.index.no
        return await self.node.database.read(lambda db: queries.page_text(db, no))


@pytest.fixture
async def quarter(start: Neighbourhood) -> Quarter:
    amina = await start("Amina")
    garden = await amina.found("Garden")
    others = [await Member.join(amina, here(amina, garden.id), name, seed) for seed, name in enumerate("KMN", 1)]
    await at_rest(amina)  # what she says by herself would build on what the others say
    return Quarter(amina, garden.id, others)


async def with_phone(quarter: Quarter, phone: SigningKey = PHONE, slot: int = 1) -> None:
    """Let Kim's phone enter, beside the laptop."""
    certificate = certify(quarter.kims_root, phone.public, slot, quarter.node.clock_ms())
    tips = tuple(quarter.space.history.tips)
    entering = quarter.say(phone, EnterDevice(certificate))
    header = entering.header._replace(deps=tips)
    command = EnterDevice(certificate)
    body = encode_body(command.kind, wire_fields(command))
    await quarter.hear(make(header, body, phone, quarter.space.secret_for(command.klass)))
    await at_rest(quarter.node)
    assert quarter.space.law.person_of(phone.public) == quarter.kims_root.public


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("answered", [False, True])
async def test_two_forked_logs_that_built_on_one_another_stand_or_fall_together(
    quarter: Quarter, order: Sequence[int], answered: bool
) -> None:
    kims, other = quarter.post(quarter.kim, "Kim's"), quarter.post(quarter.kim, "Kim's other")
    mos, second = quarter.post(quarter.mo, "Mo's", kims), quarter.post(quarter.mo, "Mo's other")
    nias = quarter.post(quarter.nia, "Nia's", *([mos] if answered else []))
    await quarter.hear(kims, mos)

    for step in order:
        await quarter.hear([other, second, nias][step])

    assert await quarter.shown() == ({"Kim's", "Mo's", "Nia's"} if answered else {"Nia's"})


async def test_what_ones_own_other_device_carries_to_another_comes_back(quarter: Quarter) -> None:
    await with_phone(quarter)
    kims, other = quarter.post(quarter.kim, "from the laptop"), quarter.post(quarter.kim, "from its copy")
    carried = quarter.post(PHONE, "from the phone", kims)
    answer = quarter.post(quarter.mo, "Mo's", carried)
    await quarter.hear(kims, carried, other)

    before = await quarter.shown()
    await quarter.hear(answer)

    assert before == {"from the phone"}
    assert await quarter.shown() == {"from the laptop", "from the phone", "Mo's"}


async def test_a_branch_that_is_fetched_for_its_authors_other_device_is_not_shown(quarter: Quarter) -> None:
    await with_phone(quarter)
    kims, other = quarter.post(quarter.kim, "from the laptop"), quarter.post(quarter.kim, "from its copy")
    carried = quarter.post(PHONE, "from the phone", kims)
    answer = quarter.post(quarter.mo, "Mo's", carried)
    await quarter.prove(kims, other)

    await quarter.hear(carried)  # names what is not here: it is asked for by its id
    await quarter.hear(kims, carried)
    before = await quarter.shown()
    await quarter.hear(answer)

    assert before == {"from the phone"}
    assert await quarter.shown() == {"from the laptop", "from the phone", "Mo's"}


async def test_a_page_comes_back_whole_when_another_built_on_its_edits(quarter: Quarter) -> None:
    first = quarter.post(quarter.kim, "elsewhere")
    kim = Member(quarter.node, quarter.space, quarter.kims_root, quarter.kim)
    await kim.begin_page("Kim's garden", "all of it")
    log = quarter.space.history.logs[quarter.kim.public]
    index = quarter.space.index
    last = await quarter.node.database.read(lambda db: store_log.read_place(db, index, log.number, log.seq)[0].change)
    answer = quarter.post(quarter.mo, "Mo's", last)
    await quarter.hear(first)

    before = await quarter.page()
    await quarter.hear(answer)

    assert before == ""
    assert await quarter.page() == "Kim's garden\n\nall of it"


async def test_who_edits_a_page_as_if_it_were_a_post_takes_nothing_from_it(quarter: Quarter) -> None:
    kim = Member(quarter.node, quarter.space, quarter.kims_root, quarter.kim)
    await kim.begin_page("Kim's garden", "all of it")
    log = quarter.space.history.logs[quarter.kim.public]

    await quarter.hear(quarter.say(quarter.mo, EditPost(log.head, "mine")))

    assert await quarter.page() == "Kim's garden\n\nall of it"


async def test_what_an_older_store_had_void_is_settled_when_it_is_opened(quarter: Quarter) -> None:
    kims, other = quarter.post(quarter.kim, "Kim's"), quarter.post(quarter.kim, "Kim's other")
    await quarter.hear(kims, quarter.post(quarter.mo, "Mo's", kims), other)
    (number,) = await quarter.node.database.read(lambda db: [store_log.number_of(db, kims.id)])
    await quarter.node.database.transaction(lambda db: db.execute("INSERT INTO void VALUES(?)", (number,)))
    await quarter.node.database.transaction(lambda db: db.execute("DELETE FROM post WHERE number = ?", (number,)))
    before = await quarter.shown()

    await quarter.node.road.open()

    assert before == {"Mo's"}
    assert await quarter.shown() == {"Kim's", "Mo's"}


async def test_what_a_void_change_names_is_still_named_by_who_goes_on_after_a_restart(quarter: Quarter) -> None:
    mos = quarter.post(quarter.mo, "Mo's")
    kims, other = quarter.post(quarter.kim, "Kim's", mos), quarter.post(quarter.kim, "Kim's other")
    nias = quarter.post(quarter.nia, "Nia's", kims)
    await quarter.hear(mos)
    await quarter.prove(kims, other)

    await quarter.hear(nias)  # names what is not here: it is asked for by its id
    await quarter.hear(kims)
    named = set(quarter.space.history.tips)
    await quarter.node.road.reload(quarter.space)

    assert mos.id in named
    assert set(quarter.space.history.tips) == named


async def test_what_comes_back_by_law_that_could_not_be_read_is_read_once(quarter: Quarter) -> None:
    await with_phone(quarter)
    await with_phone(quarter, TABLET, 2)
    fresh = new_secret()
    last = quarter.space.history.logs[quarter.kim.public].seq
    sealed = quarter.say(quarter.kim, WritePost("unread", None, None, []), secret=fresh)
    ends_laptop = quarter.say(PHONE, RevokeDevice(quarter.kim.public, last))
    ends_phone = quarter.say(TABLET, RevokeDevice(PHONE.public, 1), secret=fresh)
    await quarter.hear(sealed, ends_laptop, ends_phone)
    ended = quarter.space.law.person_of(quarter.kim.public)

    device = quarter.node.road.device.public
    await quarter.node.road.unlock(quarter.space, seal_to(Secrets(bytes(32), [fresh], [fresh]).wrapped(), device))

    assert ended is None
    assert quarter.space.law.person_of(quarter.kim.public) == quarter.kims_root.public
    assert await quarter.shown() == {"unread"}
