"""Nothing piles up in a node that lives for long."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from loopback import SETTINGS

from node.runtime import Node

DRIVER = Path(__file__).with_name("soak.py")


async def test_a_network_that_comes_and_goes_leaves_no_thread_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMMONS_STATE_DIR", str(tmp_path / "state"))
    node = Node(tmp_path / "Amina", SETTINGS)
    await node.open()
    await node.name_yourself("Amina")
    before = {thread.name for thread in threading.enumerate()}

    for _ in range(3):
        await node.start_network()
        await node.stop_network()

    assert {thread.name for thread in threading.enumerate()} - before == set()
    await node.close()


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_nothing_piles_up_in_ten_minutes() -> None:
    run = subprocess.run([sys.executable, str(DRIVER), "--minutes", "10"], capture_output=True, text=True, check=False)

    assert run.returncode == 0, f"{run.stdout[-3000:]}\n{run.stderr[-3000:]}"
