"""One floor as a process of its own: rows (SQLite alone), serve and dial (a bare libp2p stream).

python -m ui.bench.floor rows FOLDER POSTS SEALED_BYTES
python -m ui.bench.floor serve FRAMES FRAME_BYTES [FOLDER]     one commit for each frame if there is a folder
python -m ui.bench.floor imports                           what a running node imports, and nothing else
python -m ui.bench.floor libraries                         what pages, keys and records need from elsewhere
python -m ui.bench.floor dial ADDRESS FRAME_BYTES [FOLDER]     each line of stdin is a turn: {"count": …, "pause_s": …}

A frame begins with when it was made, in ns of the monotonic clock, which processes of one machine share.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from node.store.floors import Commits, write_rows
from ui.bench.measures import cpu_s, memory_mb
from ui.bench.words import post_text

_CLOCK_BYTES = 8
AUTHORS = 10


def say(**event: object) -> None:
    """Print one answer."""
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def rows(folder: str, posts: str, sealed_bytes: str) -> None:
    """Write rows with SQLite alone."""
    count = int(posts)
    texts = [post_text(i % AUTHORS, i // AUTHORS) for i in range(count)]
    before = cpu_s()
    took = write_rows(Path(folder) / "rows.db", texts, AUTHORS, int(sealed_bytes))
    say(s=took, cpu_s=cpu_s() - before)


def serve(frames: str, frame_bytes: str, folder: str = "") -> None:
    """Take frames from a stream and note how long each was on its way, until it is on disk."""
    from node.net import floors

    times: list[tuple[int, int]] = []
    commits = Commits(Path(folder) / "b.db") if folder else None

    def take(frame: bytes) -> bool:
        if commits is not None:
            commits.commit(frame)
        times.append((int.from_bytes(frame[:_CLOCK_BYTES], "big"), time.monotonic_ns()))
        return len(times) == int(frames)

    floors.serve(int(frame_bytes), lambda address: say(address=address), take)
    say(times=times, cpu_s=cpu_s())


def dial(address: str, frame_bytes: str, folder: str = "") -> None:
    """Send frames in turns, each committed before it leaves."""
    from node.net import floors

    commits = Commits(Path(folder) / "a.db") if folder else None
    filler = os.urandom(int(frame_bytes) - _CLOCK_BYTES)

    def frames(count: int) -> Iterator[bytes]:
        for _ in range(count):
            frame = time.monotonic_ns().to_bytes(_CLOCK_BYTES, "big") + filler
            if commits is not None:
                commits.commit(frame)
            yield frame

    def turns() -> Iterator[floors.Turn]:
        say(connected=True)
        for line in sys.stdin:
            turn = json.loads(line)
            yield frames(turn["count"]), turn["pause_s"]
            say(sent=turn["count"])

    floors.dial(address, turns())


def imports() -> None:
    """Import what a running node has imported, and tell the memory."""
    from node.net.lean import CLIENT_OF_AIOHTTP, UNUSED_BY_LIBP2P, import_without

    import_without("aiohttp.web", CLIENT_OF_AIOHTTP)
    from ui import app

    host = import_without("node.net.host", UNUSED_BY_LIBP2P)
    say(memory_mb=memory_mb(), modules=[host.__name__, app.__name__])


def libraries() -> None:
    """Import the libraries that a node needs before its first page, and nothing of its own."""
    import aiohttp.web
    import jinja2
    import msgpack
    import nacl.bindings

    say(modules=[module.__name__ for module in (aiohttp.web, jinja2, msgpack, nacl.bindings)])


def main() -> None:
    """Run one floor."""
    floors: dict[str, Callable[..., None]] = {
        "rows": rows, "serve": serve, "dial": dial, "imports": imports, "libraries": libraries,
    }  # fmt: skip
    floors[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    main()
