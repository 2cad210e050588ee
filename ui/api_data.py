"""Operations on a person's data: bring the past in, watch that, take everything out."""

from pathlib import Path

from identity.errors import Refused
from node.domain.posts import EditPost, RetractPost
from node.export import export_space
from node.importing.jobs import Job
from node.ingest import cut_off as cutting
from node.runtime import Node
from ui.api_spaces import SPACE, need_space
from ui.operations import Data, Param, operation

JOB = Param("import", "path", "the import's id")


def job_data(job: Job) -> Data:
    """Return an import as the API shows it; `total` is None while the archive is opened."""
    progress = job.progress
    return {
        "id": job.id, "name": job.wish.path.name, "path": str(job.wish.path), "space": job.wish.space.hex(),
        "state": job.state, "error": job.error or None, "done": progress.done, "total": progress.total,
        "imported": progress.imported, "already": progress.already,
        "skipped": {reason: count for reason, count in progress.skipped.items() if count},
        "media": progress.media, "media_missing": progress.media_missing, "media_refused": progress.media_refused,
    }  # fmt: skip


def whole_path(text: str) -> Path:
    """Return a path of this machine that does not depend on where the node was started.

    Raises:
        Refused: if it does.
    """
    path = Path(text)
    if "\0" in text or not path.is_absolute():
        raise Refused("Say the whole path of the file on this machine, from the root.")
    return path


@operation("POST", "/spaces/{space}/imports", SPACE,
           Param("path", "body", "the whole path of the archive on this machine"),
           Param("include_direct", "body", "also posts that were meant for a few only", "boolean",
                 required=False))  # fmt: skip
async def import_file(node: Node, given: Data) -> Data:
    """Begin to bring your past in from a Mastodon export, an ActivityStreams outbox or JSON Lines."""
    space = need_space(node, given["space"])
    wishes_direct = given.get("include_direct", False)
    path = whole_path(given["path"])
    return job_data(node.imports.begin(node.road, space, path, include_direct=wishes_direct))


@operation("GET", "/imports")
async def imports(node: Node, _given: Data) -> Data:
    """List the imports since the node was started."""
    return {"imports": [job_data(job) for job in node.imports.jobs.values()]}


@operation("GET", "/imports/{import}", JOB)
async def import_progress(node: Node, given: Data) -> Data:
    """Say how far an import is, and what became of it."""
    return job_data(node.imports.need(given["import"]))


@operation("DELETE", "/imports/{import}", JOB)
async def stop_import(node: Node, given: Data) -> Data:
    """Stop an import; what was brought stays, and it can go on later."""
    return job_data(await node.imports.stop(given["import"]))


@operation("POST", "/spaces/{space}/export", SPACE,
           Param("path", "body", "the whole path of the file to write on this machine"),
           Param("raw", "body", "also every signed change, for whoever wants to verify them", "boolean",
                 required=False))  # fmt: skip
async def export_file(node: Node, given: Data) -> Data:
    """Write everything that can be read in a space to a file of JSON Lines."""
    space = need_space(node, given["space"])
    path = whole_path(given["path"])
    counts = await export_space(node.road, space, path, raw=given.get("raw", False))
    return {
        "path": str(path), "people": counts.people, "posts": counts.posts, "changes": counts.changes,
        "media": counts.media,
    }  # fmt: skip


@operation("GET", "/spaces/{space}/cut-off", SPACE)
async def cut_off(node: Node, given: Data) -> Data:
    """List what of your own writing a copied or restored folder cut off, oldest first."""
    missing = await cutting.cut_off(node.road, need_space(node, given["space"]))
    return {"cut_off": [cut_off_data(each) for each in missing]}


def cut_off_data(each: cutting.CutOff) -> Data:
    """Return what was cut off as the API shows it; a retraction has no text."""
    command = each.command
    if isinstance(command, RetractPost):
        return {"id": each.id.hex(), "time": each.time, "what": "retraction", "text": None}
    what = "edit" if isinstance(command, EditPost) else "post"
    return {"id": each.id.hex(), "time": each.time, "what": what, "text": command.text}


@operation("POST", "/spaces/{space}/cut-off/publish", SPACE)
async def publish_again(node: Node, given: Data) -> Data:
    """Publish again what was cut off, under this device's key and with its original dates."""
    return {"published": await cutting.publish_again(node.road, need_space(node, given["space"]))}


@operation("POST", "/spaces/{space}/cut-off/leave", SPACE)
async def leave_cut_off(node: Node, given: Data) -> Data:
    """Leave what was cut off as it is: it is not offered again."""
    return {"left": await cutting.leave(node.road, need_space(node, given["space"]))}
