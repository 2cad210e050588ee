"""Operations that look after a node: status, neighbours, the public log, verifying and rebuilding."""

from identity.keys import to_did
from node.runtime import Node
from node.store import queries
from node.upkeep import rebuild_space, verify_space
from ui.api_spaces import SPACE, need_space, space_data
from ui.operations import Data, Param, operation
from ui.troubles import plain
from ui.version import VERSION

CLASSES = ("law", "binding", "talk", "edit")


@operation("GET", "/status", needs_someone=False)
async def status(node: Node, _given: Data) -> Data:
    """Say how this node is."""
    data: Data = {"version": VERSION, "folder": str(node.folder), "ready": node.is_ready, "addresses": node.addresses}
    if node.is_ready:
        data |= {
            "name": await node.name(), "person": to_did(node.me.person), "device": to_did(node.road.device.public),
            "neighbours": len(node.neighbours.connected()),
            "spaces": [space_data(node, space) for space in node.road.spaces.values()],
        }  # fmt: skip
    return data


@operation("GET", "/peers")
async def peers(node: Node, _given: Data) -> Data:
    """List the neighbours this node knows."""
    known = sorted(node.neighbours.known.values(), key=lambda each: (not each.connected, -(each.seen_ms or 0)))
    return {
        "peers": [
            {
                "device": to_did(each.device), "connected": each.connected, "addresses": each.addresses,
                "seen": each.seen_ms, "error": each.error, "failed": each.failed_ms,
                "trouble": plain(each.error) if each.error and not each.connected else None,
            }
            for each in known
        ]
    }  # fmt: skip


@operation("POST", "/dial", Param("address", "body", "a multiaddr that ends in /p2p/…"))
async def dial(node: Node, given: Data) -> Data:
    """Tell the node where a neighbour may be found."""
    node.neighbours.learn([given["address"]])
    return {"dialling": given["address"]}


@operation("GET", "/spaces/{space}/log", SPACE,
           Param("before", "query", "the `next` of the page before", "integer", required=False),
           Param("limit", "query", "how many (100)", "integer", required=False))  # fmt: skip
async def log(node: Node, given: Data) -> Data:
    """Read the public log: every change, refused ones with their reason."""
    space = need_space(node, given["space"])
    limit = max(1, min(500, given.get("limit", 100)))
    lines = await node.database.read(lambda db: queries.changes(db, space.index.no, given.get("before"), limit))
    return {
        "changes": [
            {
                "id": line.id.hex(), "device": to_did(line.author), "name": line.name, "seq": line.seq,
                "time": line.time, "class": CLASSES[line.klass], "refused": line.reason,
                "erased": bool(line.erased),
            }
            for line in lines
        ],
        "next": lines[-1].number if len(lines) == limit else None,
    }  # fmt: skip


@operation("POST", "/spaces/{space}/verify", SPACE)
async def verify(node: Node, given: Data) -> Data:
    """Check every signature, chain and fold anew, and print the digests."""
    return await verify_space(node, need_space(node, given["space"]))


@operation("POST", "/spaces/{space}/rebuild", SPACE)
async def rebuild(node: Node, given: Data) -> Data:
    """Throw the read model away and make it anew from the log."""
    return await rebuild_space(node, need_space(node, given["space"]))
