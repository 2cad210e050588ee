"""Whatever comes from elsewhere, a decoder answers with what it holds or with an error of ours."""

import subprocess
import sys
from pathlib import Path

import pytest

DRIVER = Path(__file__).with_name("decoder_fuzz.py")


def fuzz(*arguments: str) -> str:
    """Run the driver; a failure shows the decoder and the seed."""
    run = subprocess.run([sys.executable, str(DRIVER), *arguments], capture_output=True, text=True, check=False)
    assert run.returncode == 0, f"{run.stdout}\n{run.stderr[-3000:]}"
    return run.stdout


def test_every_decoder_answers_bent_input_with_our_own_errors() -> None:
    said = fuzz("--here", "--inputs", "150")

    assert len(said.splitlines()) > 20


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_every_decoder_answers_a_minute_of_bent_input_with_our_own_errors() -> None:
    fuzz("--minutes", "1", "--start", "1000000000")
