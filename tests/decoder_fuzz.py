"""Bend good input for each decoder, and see that nothing but our own errors comes out, soon and in bounded memory.

`python tests/decoder_fuzz.py [NAME …] --minutes 60` takes every decoder, or those named, one CPU hour each; `--seed`
replays one. Each runs in a process of its own, under a limit on memory, so that an abort is seen. Prints one line of
JSON a decoder.
"""

import argparse
import contextlib
import json
import os
import random
import resource
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), *(str(HERE / folder) for folder in ("", "crdt", "node"))]

from fuzzed_decoders import DECODERS, Decoder  # noqa: E402 - the paths above come first

from identity.errors import CommonsError  # noqa: E402 - likewise
from node.config import SettingError  # noqa: E402 - likewise

MEMORY_BYTES = 1 << 30
PATIENCE_S = 0.5  # of CPU; what is slow is repeated once, since the machine may be busy with others


def judge(decoder: Decoder, seed: int, seen: Counter[str]) -> float:
    """Decode one bent sample; returns the seconds of CPU it took."""
    dice = random.Random(seed)
    given = decoder.bend(dice, decoder.samples)
    began = time.process_time()
    try:
        decoder.decode(given)
        seen["passed"] += 1
    except (CommonsError, SettingError) as error:
        seen[type(error).__name__] += 1
    return time.process_time() - began


def run(name: str, seeds: range, until_s: float = float("inf")) -> dict[str, object]:
    """Try seeds until so much CPU time of this process is spent.

    Raises:
        AssertionError: at an error that is not ours, or an input that takes too long.
    """
    decoder = DECODERS[name]()
    for sample in decoder.samples:
        with contextlib.suppress(CommonsError):
            decoder.decode(sample)
    seen: Counter[str] = Counter()
    slowest_s = 0.0
    seed = seeds.start
    for seed in seeds:
        try:
            spent_s = judge(decoder, seed, seen)
            if spent_s > PATIENCE_S:
                spent_s = judge(decoder, seed, Counter())
        except BaseException as error:
            raise AssertionError(f"decoder {name}, seed {seed}: {error!r}") from error
        assert spent_s <= PATIENCE_S, f"decoder {name}, seed {seed} takes {spent_s:.2f} s"
        slowest_s = max(slowest_s, spent_s)
        if time.process_time() > until_s:
            break
    return {"decoder": name, "inputs": seed - seeds.start + 1, "seen": seen, "slowest_ms": round(slowest_s * 1000, 1)}


def apart(name: str, minutes: float, start: int) -> int:
    """Run one decoder in a process of its own; returns its exit code."""
    command = [sys.executable, __file__, name, "--minutes", str(minutes), "--start", str(start), "--here"]
    return subprocess.run(command, check=False, env={**os.environ, "PYTHONPATH": str(HERE.parent)}).returncode


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description="Fuzz the decoders of everything that comes from elsewhere.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(DECODERS)}; all without")
    parser.add_argument("--minutes", type=float, default=60.0, help="CPU time for each (60)")
    parser.add_argument("--start", type=int, default=0, help="the first seed")
    parser.add_argument("--inputs", type=int, default=1 << 62, help="at most so many each (until the time is up)")
    parser.add_argument("--seed", type=int, help="replay just this one")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    names = given.names or list(DECODERS)
    if given.seed is not None or given.here:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        first, count = (given.start, given.inputs) if given.seed is None else (given.seed, 1)
        seeds = range(first, first + count)
        for name in names:
            print(json.dumps(run(name, seeds, time.process_time() + 60 * given.minutes)), flush=True)
        return 0
    return max(apart(name, given.minutes, given.start) for name in names)


if __name__ == "__main__":
    sys.exit(main())
