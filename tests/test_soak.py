"""Nothing piles up in a node that lives for long."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from loopback import SETTINGS

from node.runtime import Node

DRIVER = Path(__file__).with_name("soak.py")


def threads() -> list[str]:
    """Return the names of all threads but those of the loop's own pool, which fills once."""
    return sorted(thread.name for thread in threading.enumerate() if not thread.name.startswith("asyncio"))


async def test_a_network_that_comes_and_goes_leaves_no_thread_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMMONS_STATE_DIR", str(tmp_path / "state"))
    node = Node(tmp_path / "Amina", SETTINGS)
    await node.open()
    await node.name_yourself("Amina")
    before = threads()

    for _ in range(3):
        await node.start_network()
        await node.stop_network()

    assert threads() == before
    await node.close()


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_nothing_piles_up_in_ten_minutes() -> None:
    run = subprocess.run([sys.executable, str(DRIVER), "--minutes", "10"], capture_output=True, text=True, check=False)

    assert run.returncode == 0, f"{run.stdout[-3000:]}\n{run.stderr[-3000:]}"
