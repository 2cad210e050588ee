"""Folders full of posts, made once in a run and opened in place ever after: a copy would become a new device."""

import sys
import time
from pathlib import Path

from ui.bench.parts import Workshop


def tell(words: str) -> None:
    """Say how far the benchmark is, beside its answer."""
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()


class Seeds:
    """The seeded folders of one run."""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop
        self._folders: dict[tuple[int, int], Path] = {}
        self._towns: dict[tuple[int, int], Path] = {}

    async def get(self, authors: int, posts: int) -> Path:
        """Return a folder with so many posts by so many authors."""
        key = (authors, posts)
        if key not in self._folders:
            began = time.monotonic()
            folder = self._workshop.folder / f"seed-{authors}-{posts}"
            async with self._workshop.scene():
                part = await self._workshop.node(folder=str(folder), network=False)
                await part.ask("seed", authors=authors, posts=posts)
                await part.ask("close")
            self._folders[key] = folder
            tell(f"  seeded {posts} posts by {authors} authors in {time.monotonic() - began:.1f} s")
        return self._folders[key]

    async def town(self, members: int, votes: int) -> Path:
        """Return a folder with so many members, who all voted so often."""
        key = (members, votes)
        if key not in self._towns:
            began = time.monotonic()
            folder = self._workshop.folder / f"town-{members}-{votes}"
            async with self._workshop.scene():
                part = await self._workshop.node("town", folder=str(folder), network=False)
                law = (await part.ask("populate", members=members, votes=votes))["changes"]
                await part.ask("close")
            self._towns[key] = folder
            tell(f"  seeded {law} changes of law by {members} members in {time.monotonic() - began:.1f} s")
        return self._towns[key]
