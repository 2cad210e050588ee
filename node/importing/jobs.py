"""Imports that run in the background of a node, so that a page or the command line can watch, stop and go on."""

import asyncio
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from identity.errors import CommonsError, Refused
from node.importing.bringing import Progress, import_archive
from node.ingest.road import Road
from node.ingest.spaces import Space

logger = logging.getLogger(__name__)
MAX_REMEMBERED = 20

State = Literal["reading", "running", "stopped", "failed", "done"]


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be imported, and where to."""

    space: bytes
    path: Path
    include_direct: bool = False


@dataclass(slots=True)
class Job:
    """One import: what was wished for, how far it is, and, if it failed, why in words."""

    id: str
    wish: Wish
    state: State = "reading"
    progress: Progress = field(default_factory=Progress)
    error: str = ""
    task: asyncio.Task[None] | None = field(default=None, repr=False)

    @property
    def is_over(self) -> bool:
        """Tell whether nothing more will happen."""
        return self.state in ("stopped", "failed", "done")


class Imports:
    """The imports of one running node, one at a time; the latest are remembered while it runs."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}

    @property
    def jobs(self) -> Mapping[str, Job]:
        """Every import that is remembered, oldest first."""
        return self._jobs

    def begin(self, road: Road, space: Space, path: Path, *, include_direct: bool = False) -> Job:
        """Start an import, or go on with one that was stopped: what is here already is not brought again.

        Raises:
            Refused: while another import runs.
        """
        running = next((job for job in self._jobs.values() if not job.is_over), None)
        if running is not None:
            raise Refused(f"{running.wish.path.name} is being imported; wait until that is done, or stop it.")
        job = Job(secrets.token_hex(8), Wish(space.id, path, include_direct))
        self._jobs[job.id] = job
        for old in list(self._jobs)[:-MAX_REMEMBERED]:
            del self._jobs[old]
        job.task = asyncio.get_running_loop().create_task(_run(job, road, space), name="import")
        return job

    def need(self, id_: str) -> Job:
        """Return an import.

        Raises:
            Refused: if there is none of that id.
        """
        job = self._jobs.get(id_)
        if job is None:
            raise Refused("There is no such import; after a restart of the node, start it again: it goes on.")
        return job

    async def stop(self, id_: str) -> Job:
        """Stop an import between two batches; what was brought stays.

        Raises:
            Refused: if there is none of that id.
        """
        job = self.need(id_)
        await _end(job)
        return job

    async def close(self) -> None:
        """Stop whatever runs."""
        for job in self._jobs.values():
            await _end(job)


async def _run(job: Job, road: Road, space: Space) -> None:
    def report(progress: Progress) -> None:
        job.state, job.progress = "running", progress

    wish = job.wish
    try:
        job.progress = await import_archive(
            road, space, wish.path, include_direct=wish.include_direct, report=report
        )  # fmt: skip
        job.state = "done"
    except CommonsError as error:
        job.state, job.error = "failed", str(error)
    except asyncio.CancelledError:
        job.state = "stopped"
        raise
    except BaseException:
        job.state, job.error = "failed", "an error inside the program; its log says more"
        logger.exception("import failed")
        raise
    logger.info("import ended state=%s imported=%d already=%d", job.state, job.progress.imported, job.progress.already)


async def _end(job: Job) -> None:
    if job.task is not None and not job.task.done():
        job.task.cancel()
        await asyncio.gather(job.task, return_exceptions=True)
    if not job.is_over:
        job.state = "stopped"
