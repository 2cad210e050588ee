"""What a fork cut off of one's own writing: offered on the new device, published again once, or left."""

from pathlib import Path

import pytest
from forking import branch, head
from gardens import garden_of, here, texts
from loopback import SETTINGS, Neighbourhood, same, until

from crdt.batch import Batch
from crdt.change import Change
from identity.keys import SigningKey
from node.domain.posts import WritePost, unpack_media
from node.ingest import writing
from node.ingest.cut_off import CutOff, cut_off, leave, publish_again
from node.ingest.spaces import Space
from node.runtime import Node
from node.store import queries
from node.store.blobs import add_blobs, get_blob, make_blob

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


class Copied:
    """Bola's laptop whose folder was copied: here they wrote one branch, elsewhere another, and Amina has heard."""

    def __init__(self, amina: Node, bola: Node, garden: Space, folder: Path) -> None:
        self.amina = amina
        self.bola = bola
        self.space = garden.id
        self.folder = folder
        self.key: SigningKey = bola.road.device
        self.elsewhere = branch(
            bola.road.spaces[garden.id], self.key, head(bola.road.spaces[garden.id], self.key.public), "from the copy"
        )

    @property
    def here(self) -> Space:
        return self.bola.road.spaces[self.space]

    async def say(self, text: str, to: bytes | None = None) -> Change:
        """Write on Bola's own laptop."""
        return await self.bola.road.submit(self.here, await writing.post_command(self.bola.road, self.here, text, to))

    async def come_out(self) -> None:
        """Let both branches meet at Amina's, and Bola hear of it and start again, as a new device."""
        await self.amina.road.receive(self.amina.road.spaces[self.space], Batch(self.elsewhere, {}), self.key.public)
        await until(lambda: self.amina.road.spaces[self.space].law.forked)
        await self.amina.syncer.look_again(self.space)
        await until(lambda: self.here.law.forked)
        await self.bola.close()
        self.bola = Node(self.folder, SETTINGS)
        await self.bola.open()
        assert self.bola.road.device.public != self.key.public

    async def missing(self) -> list[CutOff]:
        return await cut_off(self.bola.road, self.here)

    async def shown(self) -> list[str]:
        no = self.here.index.no
        lines = await self.bola.database.read(lambda db: queries.feed(db, no, None, 100))
        return [line.text for line in lines]

    async def meet(self) -> None:
        """Let both exchange until they hold the same."""
        await self.bola.start_network_when_ready()
        self.bola.neighbours.learn(self.amina.addresses)
        await until(lambda: same(self.space, self.amina, self.bola))


@pytest.fixture
async def copied(start: Neighbourhood, tmp_path: Path) -> Copied:
    """A garden of two, whose Bola's folder was copied."""
    (amina, bola), space = await garden_of(start, "Amina", "Bola")
    garden = here(amina, space)
    return Copied(amina, bola, garden, tmp_path / "Bola")


async def test_cut_off_posts_come_back_with_their_date_and_thread_and_never_twice(copied: Copied) -> None:
    first = await copied.say("first")
    answer = await copied.say("answer to myself", first.id)
    await copied.bola.road.submit(copied.here, await writing.edit_command(copied.bola.road, first.id, "first, mended"))
    await copied.come_out()
    before = await copied.shown()

    offered = await copied.missing()
    count = await publish_again(copied.bola.road, copied.here)
    again = await publish_again(copied.bola.road, copied.here)
    await copied.meet()

    assert before == []
    assert [each.id for each in offered] == [first.id, answer.id]
    assert (count, again, await copied.missing()) == (2, 0, [])
    assert await texts(copied.amina, copied.space) == {"first, mended"}
    no = copied.amina.road.spaces[copied.space].index.no
    (line,) = await copied.amina.database.read(lambda db: queries.feed(db, no, None, 9))
    (reply,) = await copied.amina.database.read(lambda db: queries.replies(db, line.id))
    assert (line.published, line.address) == (first.header.time, f"commons:post/{first.id.hex()}")
    assert (reply.text, reply.parent, reply.person) == ("answer to myself", line.id, copied.bola.me.person)
    await copied.bola.close()


async def test_the_branch_that_others_answered_stays_and_only_the_other_is_offered(copied: Copied) -> None:
    kept = await copied.say("answered")
    await until(lambda: same(copied.space, copied.amina, copied.bola))
    amina = copied.amina.road
    await amina.submit(
        amina.spaces[copied.space], await writing.post_command(amina, amina.spaces[copied.space], "yes", kept.id)
    )
    await until(lambda: same(copied.space, copied.amina, copied.bola))
    lost = await copied.say("nobody answered")
    await copied.come_out()

    offered = await copied.missing()
    await publish_again(copied.bola.road, copied.here)

    assert [each.id for each in offered] == [lost.id]
    assert sorted(await copied.shown()) == ["answered", "nobody answered"]
    await copied.bola.close()


async def test_what_is_left_is_never_offered_again(copied: Copied) -> None:
    await copied.say("let it go")
    await copied.come_out()

    count = await leave(copied.bola.road, copied.here)

    assert (count, await copied.missing(), await publish_again(copied.bola.road, copied.here)) == (1, [], 0)
    assert await copied.shown() == []
    await copied.bola.close()


async def test_what_was_taken_back_before_or_after_does_not_come_again(copied: Copied) -> None:
    before = await copied.say("taken back before")
    road = copied.bola.road
    await road.submit(copied.here, await writing.retract_command(road, copied.here, before.id))
    await copied.say("taken back after")
    await copied.come_out()
    road = copied.bola.road

    offered = await copied.missing()
    await publish_again(road, copied.here)
    no = copied.here.index.no
    (line,) = await road.database.read(lambda db: queries.feed(db, no, None, 9))
    await road.submit(copied.here, await writing.retract_command(road, copied.here, line.id))

    assert [each.command.text for each in offered] == ["taken back after"]  # type: ignore[union-attr]
    assert await copied.missing() == []
    await copied.bola.close()


async def test_edits_and_retractions_of_older_posts_are_said_again(copied: Copied) -> None:
    kept, gone = await copied.say("kept"), await copied.say("gone")
    await until(lambda: same(copied.space, copied.amina, copied.bola))
    copied.elsewhere = branch(copied.here, copied.key, head(copied.here, copied.key.public), "from the copy")
    road = copied.bola.road
    await road.submit(copied.here, await writing.edit_command(road, kept.id, "kept, mended"))
    await road.submit(copied.here, await writing.retract_command(road, copied.here, gone.id))
    await copied.come_out()

    count = await publish_again(copied.bola.road, copied.here)
    await copied.meet()

    assert count == 2
    assert await copied.missing() == []
    assert await texts(copied.amina, copied.space) == {"kept, mended", ""}
    await copied.bola.close()


async def test_nothing_is_offered_where_nothing_was_forked(start: Neighbourhood) -> None:
    (amina,), space = await garden_of(start, "Amina")
    garden = here(amina, space)
    await amina.road.submit(garden, WritePost("here", None, None, []))

    assert await cut_off(amina.road, amina.road.spaces[garden.id]) == []
    assert await publish_again(amina.road, amina.road.spaces[garden.id]) == 0


async def test_what_another_person_lost_is_not_ours_to_say(copied: Copied) -> None:
    await copied.say("of Bola")
    await copied.come_out()

    assert await cut_off(copied.amina.road, copied.amina.road.spaces[copied.space]) == []
    await copied.bola.close()


async def test_pictures_stay_through_an_edit_and_through_a_fork_of_ones_own_log(copied: Copied) -> None:
    blob = make_blob(PNG)
    await copied.bola.database.transaction(lambda db: add_blobs(db, [blob]))
    media = [[blob.hash, blob.media_type, "a pump", blob.size]]
    first = await copied.bola.road.submit(copied.here, WritePost("look", None, None, media))
    await copied.bola.road.submit(copied.here, await writing.edit_command(copied.bola.road, first.id, "look here"))
    after_edit = await copied.bola.database.read(lambda db: get_blob(db, blob.hash))
    await copied.come_out()

    await publish_again(copied.bola.road, copied.here)
    no = copied.here.index.no
    (line,) = await copied.bola.database.read(lambda db: queries.feed(db, no, None, 9))

    assert after_edit == blob
    assert await copied.bola.database.read(lambda db: get_blob(db, blob.hash)) == blob
    assert [one.hash for one in unpack_media(line.media)] == [blob.hash]
    await copied.bola.close()
