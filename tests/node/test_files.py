"""Pictures of posts travel to members, are checked, and go when the post is taken back."""

import pytest
from loopback import Neighbourhood, link_to, same, until

from crdt.change import digest
from crdt.effects import DeliverBlob
from crdt.messages import BLOB_PIECE_BYTES
from identity.errors import Malformed
from node.domain.posts import WritePost
from node.ingest import files
from node.ingest.writing import retract_command
from node.runtime import Node
from node.store import blobs

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 2_000  # four pieces


async def held(node: Node, hash_: bytes) -> blobs.Blob | None:
    return await node.database.read(lambda db: blobs.get_blob(db, hash_))


async def test_a_picture_reaches_members_and_goes_with_its_post(start: Neighbourhood) -> None:
    amina, bola = await start("Amina"), await start("Bola")
    garden = await amina.found("Garden")
    await bola.join(await link_to(amina, garden))
    blob = blobs.make_blob(PICTURE)
    await amina.database.transaction(lambda db: blobs.add_blobs(db, [blob]))

    media = [[blob.hash, blob.media_type, "a pump", blob.size]]
    post = await amina.road.submit(garden, WritePost("Look", None, None, media))
    await until(lambda: held(bola, blob.hash))
    arrived = await held(bola, blob.hash)
    await amina.road.submit(garden, await retract_command(amina.road, garden, post.id))

    async def gone() -> bool:
        return await held(amina, blob.hash) is None and await held(bola, blob.hash) is None

    await until(gone)
    assert arrived is not None
    assert arrived.data == PICTURE
    assert len(PICTURE) > 3 * BLOB_PIECE_BYTES


async def test_who_lacked_a_file_is_asked_again(start: Neighbourhood, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "AGAIN_S", 0.01)
    amina, bola = await start("Amina"), await start("Bola")
    garden = await amina.found("Garden")
    await bola.join(await link_to(amina, garden))
    await until(lambda: same(garden.id, amina, bola))
    blob = blobs.make_blob(PICTURE)
    media = [[blob.hash, blob.media_type, "a pump", blob.size]]
    await amina.road.submit(garden, WritePost("Look", None, None, media))
    await until(lambda: bola.keeper.files._lacking)

    await amina.database.transaction(lambda db: blobs.add_blobs(db, [blob]))

    await until(lambda: held(bola, blob.hash))


async def test_a_file_is_handed_out_only_where_a_post_shows_it(start: Neighbourhood) -> None:
    amina = await start("Amina")
    garden, library = await amina.found("Garden"), await amina.found("Library")
    blob = blobs.make_blob(PICTURE)
    await amina.database.transaction(lambda db: blobs.add_blobs(db, [blob]))
    media = [[blob.hash, blob.media_type, "", blob.size]]
    await amina.road.submit(garden, WritePost("Look", None, None, media))

    here = await amina.keeper.files.piece(garden, blob.hash, 0)
    there = await amina.keeper.files.piece(library, blob.hash, 0)
    behind = await amina.keeper.files.piece(garden, blob.hash, blob.size)

    assert here.data == PICTURE[:BLOB_PIECE_BYTES]
    assert (there.size, there.data) == (0, b"")
    assert behind.data == b""


async def test_a_file_nobody_asked_for_is_refused(start: Neighbourhood) -> None:
    amina = await start("Amina")
    garden = await amina.found("Garden")
    piece = DeliverBlob(garden.id, digest(PICTURE), 0, len(PICTURE), PICTURE[:100])

    with pytest.raises(Malformed):
        await amina.keeper.files.take(garden, piece, bytes(32))


async def test_files_are_looked_for_after_a_post_that_shows_one_and_after_no_other(start: Neighbourhood) -> None:
    amina = await start("Amina")
    garden = await amina.found("Garden")
    garden.may_lack_files = False

    await amina.road.submit(garden, WritePost("Just words", None, None, []))
    after_words = garden.may_lack_files
    await amina.road.submit(garden, WritePost("Look", None, None, [[bytes(32), "image/png", "", 5]]))

    assert not after_words
    assert garden.may_lack_files
