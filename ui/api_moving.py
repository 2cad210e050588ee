"""Operations that take a space along in a signed archive, bring it back in, and publish the log of its law."""

import asyncio
from pathlib import Path

from identity.errors import Refused
from identity.keys import to_did
from node.moving.manifest import Kept
from node.moving.packing import Wish, pack
from node.moving.unpacking import Archive, free_slot, unpack
from node.publiclog import Checked, check, publish
from node.runtime import Node
from ui.api_data import whole_path
from ui.api_spaces import SPACE, need_space, space_data
from ui.operations import Data, Param, operation
from ui.public_log import write_page

_KEPT: dict[str, Kept] = {"none": "none", "space": "space", "identity": "identity"}
PATH = Param("path", "body", "the whole path of the archive on this machine")


@operation("POST", "/spaces/{space}/archive", SPACE,
           Param("path", "body", "the whole path of the file to write on this machine"),
           Param("keys", "body", "none, space (its secrets) or identity (also your own key); none", required=False),
           Param("passphrase", "body", "seals the keys in it", required=False))  # fmt: skip
async def pack_archive(node: Node, given: Data) -> Data:
    """Write everything of a space to a signed archive that another node takes in."""
    space, path = need_space(node, given["space"]), whole_path(given["path"])
    kept = _KEPT.get(given.get("keys") or "none")
    if kept is None:
        raise Refused("Choose none, space or identity as the keys of an archive.")
    wish = Wish(kept, given.get("passphrase", ""), await node.name())
    return {"path": str(path), "keys": kept, **await pack(node.road, node.me, space, path, wish)}


@operation("POST", "/archives", PATH, Param("passphrase", "body", "opens the keys in it", required=False),
           Param("lock", "body", "seals the key file of a node that is nobody's yet", required=False),
           needs_someone=False)  # fmt: skip
async def unpack_archive(node: Node, given: Data) -> Data:
    """Take an archive in; a node that is nobody's yet becomes a new device of the archive's person."""
    with await asyncio.to_thread(Archive, whole_path(given["path"])) as archive:
        passphrase = given.get("passphrase", "")
        kept = archive.manifest.keys
        if kept != "none" and not passphrase:
            raise Refused("The keys in this archive are sealed: enter its passphrase.")
        carried = await asyncio.to_thread(archive.keys, passphrase)
        if not node.is_ready:
            if carried is None or carried.root is None:
                raise Refused("This archive carries no identity. Say your name first, then take it in.")
            slot = await asyncio.to_thread(free_slot, archive, carried)
            await node.name_yourself(carried.name, given.get("lock") or None, carried.root, slot)
        found = await unpack(node.road, node.me, archive, carried)
    node.neighbours.try_again()
    return {
        **space_data(node, found.space), "new_changes": found.changes, "media": found.media, "whole": found.whole,
        "person": to_did(node.me.person),
    }  # fmt: skip


@operation("POST", "/spaces/{space}/public-log", SPACE,
           Param("path", "body", "the whole path of the file to write; a page is written beside it"))  # fmt: skip
async def publish_log(node: Node, given: Data) -> Data:
    """Write the log of a space's law for anybody to read and check, where its rules allow that."""
    space, path = need_space(node, given["space"]), whole_path(given["path"])
    counts = await publish(node.road, space, path)
    page = path.with_suffix(".html")
    await asyncio.to_thread(write_page, check(path), page)
    return {"path": str(path), "page": str(page), **counts}


def check_log(path: Path) -> tuple[Data, Checked]:
    """Check a public log; needs no node."""
    found = check(path)
    members = found.law.members() if found.law is not None else {}
    data: Data = {
        "good": not found.faults, "faults": found.faults, "space": found.space.hex(), "name": found.name,
        "made": found.made_ms, "law": found.digest, "root": found.root, "laws": found.laws, "links": found.links,
        "members": [to_did(person) for person in members], "by": found.device,
        "refused": sum(bool(reason) for _, _, reason in found.changes),
    }  # fmt: skip
    return data, found
