"""What tests of pages and of the API share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from page_reader import Place, place


@pytest.fixture
async def garden(tmp_path: Path) -> AsyncIterator[Place]:
    """A member with a space, a browser, and the space's address."""
    async with place(tmp_path / "node") as one:
        yield one
