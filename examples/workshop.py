"""A room of twelve laptops: one link lets everybody in, all write at once, some leave and return, all hold the same.

`python examples/workshop.py [--people 12] [--posts 5] [--json]`. Every node is real, with keys, folder, database and
network of its own; they run in one process and meet over loopback.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from laptops import Laptop, agree, somewhere, until

from ui.bench.measures import peak_mb  # laptops put the project on the path

NAMES = ("Amina", "Bo", "Cem", "Dora", "Eli", "Fatou", "Gita", "Hugo", "Ines", "Jun", "Kofi", "Lena")
Say = Callable[[str], None]


async def gather(laptops: list[Laptop], say: Say) -> float:
    """Found a space on the first laptop and let everybody else in by one link; returns the milliseconds it took."""
    founder, *guests = laptops
    await founder.open()
    await founder.ask("found", name="Workshop")
    link = (await founder.ask("invite", space="-", uses=len(guests)))["link"]
    say(f"{founder.name} founds the workshop and shows one link for {len(guests)} people on the wall.")
    for guest in guests:
        await guest.open()
    began = time.monotonic()
    await asyncio.gather(*(guest.join(link) for guest in guests))
    await until(lambda: agree(laptops), "everybody knowing everybody")
    took_ms = (time.monotonic() - began) * 1000
    say(f"All {len(guests)} were let in and know each other after {took_ms:.0f} ms.")
    return took_ms


def mesh(laptops: list[Laptop]) -> None:
    """Tell each laptop where a few others are, as zeroconf does in a room."""
    for place, laptop in enumerate(laptops):
        for step in (1, 2, 5):
            laptop.meet(laptops[(place + step) % len(laptops)])


async def talk(laptops: list[Laptop], posts: int, when: str) -> float:
    """Let all write at once; returns the milliseconds until all hold everything."""
    began = time.monotonic()

    async def write(laptop: Laptop) -> None:
        for number in range(posts):
            await laptop.post(f"{laptop.name} {when} {number + 1}")

    await asyncio.gather(*map(write, laptops))
    await until(lambda: agree(laptops), f"what was written {when}")
    return (time.monotonic() - began) * 1000


async def leave_and_return(laptops: list[Laptop], posts: int, say: Say) -> float:
    """Let a third leave, write alone on the way while the others go on, and return; gives the milliseconds to merge."""
    gone, here = laptops[1::3], [laptop for place, laptop in enumerate(laptops) if place % 3 != 1]
    for laptop in gone:
        await laptop.close()
        await laptop.open(network=False)
        for number in range(posts):
            await laptop.post(f"{laptop.name} on the train {number + 1}")
        await laptop.close()
    say(f"{', '.join(laptop.name for laptop in gone)} leave and write on the train.")
    await talk(here, posts, "after lunch")
    for laptop in gone:
        await laptop.open()
    began = time.monotonic()
    mesh(laptops)
    await until(lambda: agree(laptops), "the return")
    took_ms = (time.monotonic() - began) * 1000
    say(f"They return; {took_ms:.0f} ms later all {len(laptops)} hold the same again.")
    return took_ms


async def hold(laptops: list[Laptop], posts: int, say: Say) -> dict[str, Any]:
    """Hold the workshop; returns what happened, times in milliseconds."""
    began = time.monotonic()
    joined_ms = await gather(laptops, say)
    mesh(laptops)
    talked_ms = await talk(laptops, posts, "in the morning")
    say(f"Everybody writes {posts} posts at once; all stand on all laptops {talked_ms:.0f} ms after the first word.")
    returned_ms = await leave_and_return(laptops, posts, say)
    texts = [await laptop.texts() for laptop in laptops]
    rows = {(await laptop.ask("verify", space="-"))["rows"] for laptop in laptops}
    digests = {laptop.name: laptop.digest for laptop in laptops}
    complete = all(len(feed) == 2 * posts * len(laptops) for feed in texts)
    seconds = time.monotonic() - began
    say(f"{len(texts[0])} posts, {len(laptops)} laptops, {seconds:.1f} s, {peak_mb():.0f} MB in all.")
    return {
        "converged": complete and len(set(digests.values())) == len(rows) == 1, "people": len(laptops),
        "posts": len(texts[0]), "digests": digests, "joined_ms": joined_ms, "talked_ms": talked_ms,
        "returned_ms": returned_ms, "seconds": seconds, "memory_mb": peak_mb(),
    }  # fmt: skip


async def open_and_close(folder: Path, people: int, posts: int, say: Say) -> dict[str, Any]:
    """Hold the workshop with so many people, and close every laptop whatever happens."""
    laptops = [Laptop(folder, name) for name in NAMES[:people]]
    try:
        return await hold(laptops, posts, say)
    finally:
        await asyncio.gather(*(laptop.close() for laptop in laptops))


def main() -> int:
    """Hold the workshop; returns 0 if all laptops came to hold the same."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--people", type=int, default=len(NAMES), choices=range(2, len(NAMES) + 1), metavar="2-12")
    parser.add_argument("--posts", type=int, default=5, help="how many posts each writes each time (5)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the story")
    options = parser.parse_args()
    with somewhere() as folder:
        say = (lambda _: None) if options.json else print
        outcome = asyncio.run(open_and_close(folder, options.people, options.posts, say))
    if options.json:
        print(json.dumps(outcome))
    return 0 if outcome["converged"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
