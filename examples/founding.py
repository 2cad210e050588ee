"""A cooperative is founded, decides, removes somebody and outlives a cheat: `python examples/founding.py [--json]`.

Nine real nodes, each with keys, folder, database and network of its own, in one process and over loopback. Only time
is played: a calendar that all laptops share turns to the day on which a vote is over.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deciding import Cooperative, Say, Stick
from laptops import somewhere

NAMES = ("Amina", "Bo", "Cem", "Dora", "Eli", "Hugo", "Fatou", "Gita", "Ines")
LEAST = 6  # a founder, a treasurer, three auditors, and one who is removed


async def found(coop: Cooperative, say: Say) -> dict[str, Any]:
    """Found it under the cooperative template, with short times."""
    amina = coop.people["Amina"]
    await amina.open()
    await amina.ask("found", name="Bakery", template="cooperative", rules={"voting_days": 1, "grace_hours": 12})
    charter = await amina.ask("charter", space="-")
    words = {rule["name"]: rule["words"] for rule in charter["rules"]}
    say("Amina founds the Bakery, a cooperative. Its rules say:")
    for name in ("admission", "vouchers", "sponsors", "voting_days", "quorum", "grave_threshold"):
        say(f"  {words[name]}")
    return {"rules": len(words), "admission": words["admission"]}


async def gather(coop: Cooperative, say: Say) -> dict[str, Any]:
    """Let everybody in: the first two one by one, the others by vouchers that gather while nobody has a network."""
    amina, bo, cem, *others = coop.people.values()
    coop.link = (await amina.ask("invite", space="-", uses=len(NAMES), days=30))["link"]
    for newcomer, vouchers in ((bo, [amina]), (cem, [amina, bo])):
        await coop.knock(newcomer)
        await coop.vouch(vouchers, 1)
        await coop.until_members(newcomer)
    say("Amina is alone, so her word lets Bo in. For Cem both vouch, as the rules say.")
    for newcomer in others:
        await coop.knock(newcomer)
    await coop.until(lambda: coop.waiting(bo) == len(others), "Bo hearing of the knocks")
    await coop.apart(amina, bo)
    await coop.vouch([amina, bo], len(others))
    inside = len(coop.members(amina))
    say(f"{len(others)} more knock. Amina vouches for them on the train, Bo at home: still {inside} members.")
    await coop.together(amina, bo)
    await coop.until_members(*others)
    await coop.until_equal()
    say(f"Their laptops meet, and at once {len(coop.members(amina))} people are members. Nobody pressed a button.")
    return {"members": len(coop.members(amina)), "while_apart": inside}


async def give_a_role(coop: Cooperative, say: Say) -> dict[str, Any]:
    """Give a role with a term, which ends by itself."""
    bo = coop.people["Bo"]
    role = ["role", "Bo", "treasurer", "", coop.calendar.now_ms() + 180 * coop.calendar.day_ms]
    proposal = await coop.decide("Amina", [role], "Somebody has to keep the books.")
    then = await bo.ask("powers", space="-")
    await coop.calendar.turn(days=181)
    later = await bo.ask("powers", space="-")
    result = await coop.result("Bo", proposal)
    say(f"They make Bo treasurer for 180 days: {result['tally']['yes']} of {result['electorate']} say yes.")
    say("Half a year on his term is over, and nobody had to end it.")
    return {"result": result["winner"], "then": coop.holds(then, bo), "later": coop.holds(later, bo)}


async def hand_over(coop: Cooperative, say: Say) -> dict[str, Any]:
    """Hand sealing over from the founder to two of three auditors."""
    proposal = await coop.decide("Amina", [["auditors", ["Cem", "Dora", "Eli"], 2]], "Not I alone should seal.")
    charter = await coop.people["Bo"].ask("charter", space="-")
    say(f"From now on {charter['needed']} of {', '.join(sorted(charter['auditor_names']))} seal what is decided.")
    return {"result": (await coop.result("Bo", proposal))["winner"], "needed": charter["needed"]}


async def remove(coop: Cooperative, say: Say) -> dict[str, Any]:
    """Remove somebody by a sealed decision; the key is rotated and they read nothing new."""
    amina, bo, hugo = (coop.people[name] for name in ("Amina", "Bo", "Hugo"))
    await hugo.post("Cheap flour! Ask me.")
    await coop.until_equal()
    before = coop.key(amina)
    proposal = await coop.decide("Dora", [["remove", "Hugo"]], "He sold our flour.", against=("Hugo",))
    del coop.people["Hugo"]
    await coop.until(lambda: all(coop.key(each) not in (None, before) for each in coop.people.values()), "a new key")
    await coop.until_equal()
    await amina.post("From today on the ovens are ours alone.")
    await coop.until_equal()
    read = {each.name: await each.texts() for each in (bo, hugo)}
    result = await coop.result("Bo", proposal)
    say(f"Hugo sold their flour. {result['tally']['yes']} vote to remove him, {result['tally']['no']} against.")
    say(f"The space has a new key. Bo reads {len(read['Bo'])} posts now; Hugo's laptop shows {len(read['Hugo'])}.")
    refused = await coop.refusal(hugo, "I am still here!")
    say(f"What Hugo writes goes nowhere: {refused}")
    return {
        "result": result["winner"], "key_rotated": coop.key(amina) != before, "hugo_reads_new": coop.is_new_to(read),
        "hugo_is_told": refused,
    }  # fmt: skip


async def partition(coop: Cooperative, say: Say) -> dict[str, Any]:
    """Split the cooperative across a deadline: what was voted on both sides comes to one result."""
    away = [coop.people["Dora"], coop.people["Eli"]]
    proposal = await coop.propose("Amina", [["rule", "invitations", 12]], "Twelve a month are enough.")
    await coop.apart(*away)
    await coop.vote(proposal, dict.fromkeys(coop.people, "yes") | {"Dora": "no"})
    await coop.calendar.turn(hours=26)
    found = {name: await each.ask("proposal", space="-", proposal=proposal) for name, each in coop.people.items()}
    say("A storm cuts Dora and Eli off, who audit. All vote where they are, and the deadline passes.")
    here, there = found["Amina"]["voted"], found["Dora"]["voted"]
    say(f"Amina's laptop knows of {here} ballots, Dora's of {there}; neither shows a result.")
    await coop.together(*away)
    await coop.until_equal()
    await coop.calendar.turn(hours=12)
    await coop.until_sealed(proposal)
    await coop.until_equal()
    results = [await coop.result(name, proposal) for name in coop.people]
    say(f"The line is back before the ballots are no longer waited for: one result on all {len(results)} laptops,")
    say(f"with the {results[0]['electorate']} ballots of both sides.")
    return {
        "open_while_apart": all(each["result"] is None for each in found.values()),
        "voted_apart": [here, there], "result": results[0]["winner"],
        "one_result": all(result == results[0] for result in results), "tally": results[0]["tally"],
    }  # fmt: skip


async def cheat(coop: Cooperative, say: Say) -> dict[str, Any]:
    """Let an auditor sign two seals that contradict each other: the result is contested, and they are named."""
    dora, amina = coop.people["Dora"], coop.people["Amina"]
    first = dict.fromkeys(coop.people, "no")
    proposal = await coop.propose("Amina", [["rule", "vouchers", 1]], "Let us grow faster.")
    await coop.vote(proposal, first)
    await coop.until_equal()
    await coop.apart(dora)
    stick = Stick(coop.people["Eli"], dora)
    await coop.vote(proposal, {name: "yes" for name in coop.people if name != "Dora"})
    await coop.calendar.turn(days=2)
    await stick.close(proposal)
    here = await coop.until_result(amina, proposal)  # sealed in turn; an hour later both would, at once
    await coop.calendar.turn(hours=1)
    await stick.support(proposal)
    there = await coop.until_result(dora, proposal)
    say(f"All say no. While Dora travels, the others think again; at home it is sealed: {here}.")
    say(f"But Eli sits on the train beside Dora, with his keys on a stick, and signs there as well: {there}.")
    await amina.post("We grow faster!")
    await dora.post("All stays as it was.")
    await coop.together(dora)
    named = await coop.until_contested(proposal)
    say(f"Dora comes home, and every laptop says the same: contested. Two results bear the name of {', '.join(named)}.")
    return {"at_home": here, "on_the_train": there, "contested": True, "named": named}


async def mend(coop: Cooperative, say: Say) -> dict[str, Any]:
    """Remove the cheat with a hand-over, which the two honest auditors seal."""
    effects = [["auditors", ["Bo", "Cem", "Dora"], 2], ["remove", "Eli"]]
    del coop.people["Eli"]  # his laptop found that its key was used twice, and signs no more
    proposal = await coop.decide("Cem", effects, "Two seals, one hand.")
    await coop.until_equal()
    charter = await coop.people["Amina"].ask("charter", space="-")
    say(f"They remove Eli, and {', '.join(sorted(charter['auditor_names']))} audit. The Bakery bakes on.")
    return {"result": (await coop.result("Bo", proposal))["winner"], "auditors": charter["auditor_names"]}


STEPS: tuple[Callable[[Cooperative, Say], Any], ...] = (
    found, gather, give_a_role, hand_over, remove, partition, cheat, mend,
)  # fmt: skip


async def tell(folder: Path, people: int, say: Say) -> dict[str, Any]:
    """Play the whole story; returns what each step gave."""
    began = time.monotonic()
    coop = Cooperative(folder, NAMES[:people])
    try:
        steps: dict[str, Any] = {}
        for step in STEPS:
            steps[step.__name__] = await step(coop, say)
        verified = [await each.ask("verify", space="-") for each in coop.people.values()]
        digests = {name: each.digest for name, each in coop.people.items()}
        seconds = time.monotonic() - began
        say(f"{len(digests)} laptops hold the same law and the same words: {next(iter(digests.values()))}")
        rows = {each["rows"] for each in verified}
        same = len(set(digests.values())) == len(rows) == 1 and all(each["good"] for each in verified)
        return {"converged": same, "people": people, "digests": digests, "steps": steps, "seconds": seconds}
    finally:
        await coop.close()


def main() -> int:
    """Tell the story; returns 0 if all laptops came to hold the same."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    people = range(LEAST, len(NAMES) + 1)
    parser.add_argument("--people", type=int, default=len(NAMES), choices=people, metavar=f"{LEAST}-{len(NAMES)}")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the story")
    options = parser.parse_args()
    with somewhere() as folder:
        say = (lambda _: None) if options.json else print
        outcome = asyncio.run(tell(folder, options.people, say))
    if options.json:
        print(json.dumps(outcome))
    return 0 if outcome["converged"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
