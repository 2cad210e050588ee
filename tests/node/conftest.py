"""What tests of whole nodes share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from loopback import Neighbourhood

from node.config import Config
from node.ingest.spaces import Space
from node.runtime import Node


@pytest.fixture
async def start_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Neighbourhood]:
    """Start real nodes that have no network, to be joined by cables, and stop them afterwards."""
    monkeypatch.setenv("COMMONS_STATE_DIR", str(tmp_path / "state"))
    neighbourhood = Neighbourhood(tmp_path, has_network=False)
    yield neighbourhood
    await neighbourhood.close()


@pytest.fixture
async def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Node]:
    """Ana's node, without a network."""
    monkeypatch.setenv("COMMONS_STATE_DIR", str(tmp_path / "state"))
    node = Node(tmp_path / "home", Config(discovery=False))
    await node.open()
    await node.name_yourself("Ana")
    yield node
    await node.close()


@pytest.fixture
async def space(node: Node) -> Space:
    """Ana's space."""
    return await node.found("Garden")
