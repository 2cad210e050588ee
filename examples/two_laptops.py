"""Two laptops write while they are apart, meet, and hold the same: `python examples/two_laptops.py [--json]`.

Both nodes are real: each has its own keys, folder, database and network, and they meet over loopback.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from laptops import Laptop, agree, somewhere, until

POSTS_APART = 5
Say = Callable[[str], None]


async def meet_first(amina: Laptop, bo: Laptop, say: Say) -> dict[str, float]:
    """Found a space, invite, join, exchange a first word."""
    say("Amina opens her laptop, says her name and founds the Garden.")
    await amina.open()
    await amina.ask("found", name="Garden")
    invitation = await amina.ask("invite", space="-")
    say(f"She sends Bo an invite link of {len(invitation['link'])} letters.")
    await bo.open()
    began = time.monotonic()
    await bo.join(invitation["link"])
    joined_ms = (time.monotonic() - began) * 1000
    say(f"Bo pastes it and is let in {joined_ms:.0f} ms later; nobody had to press a button.")
    await until(lambda: agree([amina, bo]), "the first exchange")
    await amina.ask("edit_page", space="-", title="The garden", body="Water is free.\n\nAsk Bo for seeds.\n")
    await amina.post("Welcome to the garden!")
    first_ms = await until(lambda: agree([amina, bo]), "the first post")
    say(f"Amina's first post stands on Bo's laptop {first_ms:.0f} ms after it was signed.")
    return {"joined_ms": joined_ms, "first_post_ms": first_ms}


async def write_apart(amina: Laptop, bo: Laptop, say: Say) -> None:
    """Close both laptops, and write on each without any network."""
    await bo.close()
    await amina.close()
    say("Both go home. For a week there is no network at all.")
    await amina.open(network=False)
    await bo.open(network=False)
    for number in range(POSTS_APART):
        await amina.post(f"Amina's day {number + 1}")
        await bo.post(f"Bo's day {number + 1}")
    await amina.ask("edit_page", space="-", title="The garden", body="Clean water is free.\n\nAsk Bo for seeds.\n")
    await bo.ask("edit_page", space="-", title="The garden", body="Water is free.\n\nAsk Bo or Cem for seeds.\n")
    say(f"Each writes {POSTS_APART} posts, and each changes another line of the same page.")
    say(f"  Amina holds {amina.digest}")
    say(f"  Bo holds    {bo.digest}")
    await amina.close()
    await bo.close()


async def meet_again(amina: Laptop, bo: Laptop, say: Say) -> dict[str, Any]:
    """Open both on one network and wait until they hold the same."""
    await amina.open()
    await bo.open()
    bo.meet(amina)
    merged_ms = await until(lambda: agree([amina, bo]), "the merge")
    pages = [(await laptop.ask("page", space="-"))["body"] for laptop in (amina, bo)]
    texts = [await laptop.texts() for laptop in (amina, bo)]
    rows = [(await laptop.ask("verify", space="-"))["rows"] for laptop in (amina, bo)]
    say(f"They meet again. {merged_ms:.0f} ms later both hold the same {len(texts[0])} posts:")
    say(f"  Amina holds {amina.digest}")
    say(f"  Bo holds    {bo.digest}")
    say(f"and the page holds both changes: {' '.join(pages[0].split())}")
    complete = len(texts[0]) == 2 * POSTS_APART + 1 and "Clean water" in pages[0] and "or Cem" in pages[0]
    return {
        "merged_ms": merged_ms,
        "posts": len(texts[0]),
        "digests": {laptop.name: laptop.digest for laptop in (amina, bo)},
        "page": pages[0],
        "converged": complete and texts[0] == texts[1] and pages[0] == pages[1] and rows[0] == rows[1],
    }


async def tell(folder: Path, say: Say) -> dict[str, Any]:
    """Play the whole story; returns what happened, times in milliseconds."""
    amina, bo = Laptop(folder, "Amina"), Laptop(folder, "Bo")
    try:
        times = await meet_first(amina, bo, say)
        await write_apart(amina, bo, say)
        return {**await meet_again(amina, bo, say), **times}
    finally:
        await amina.close()
        await bo.close()


def main() -> int:
    """Tell the story; returns 0 if both laptops came to hold the same."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the story")
    options = parser.parse_args()
    with somewhere() as folder:
        outcome = asyncio.run(tell(folder, (lambda _: None) if options.json else print))
    if options.json:
        print(json.dumps(outcome))
    return 0 if outcome["converged"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
