"""Mutate edits and see that nothing but `Malformed` comes out and that what passes means one thing to all.

Runs in a process of its own (`document_fuzz.py START COUNT`, with the repository in PYTHONPATH), so that an
abort of the engine is seen, under a limit on memory. Prints one line of JSON, and before it the seeds that passed:
after an abort the last of them is the one.
"""

import json
import random
import resource
import sys
import time
from collections import Counter
from pathlib import Path

from document_forging import ANN, BEN, EVE, a_shared_past, actor_of, assemble, dissect, page

from crdt import chunk
from crdt.columns import write_uleb
from crdt.document import Document
from identity.errors import Malformed

MEMORY_BYTES = 1 << 30
LARGE = (0, 1, 127, 128, 2_000, 2_001, 2**31 - 1, 2**31, 2**32, 2**53, 2**63, 2**64 - 1)


def flip(raw: bytes, dice: random.Random) -> bytes:
    """Change bytes anywhere in the body, and mend the checksum."""
    body = bytearray(chunk.unwrap(raw)[1])
    for _ in range(dice.randint(1, 3)):
        body[dice.randrange(len(body))] = dice.choice((0, 1, 0x7F, 0x80, 0xFF, dice.randrange(256)))
    return chunk.wrap(bytes(body))


def warp(raw: bytes, dice: random.Random) -> bytes:
    """Insert, remove or replace bytes of one column, with all lengths mended."""
    header, columns = dissect(raw)
    which = dice.choice([*columns, 1, 2, 17, 19, 21, 113, 115])
    data = bytearray(columns.get(which, b""))
    at = dice.randrange(len(data) + 1)
    number = write_uleb(dice.choice(LARGE))
    noise = bytes(dice.choice((0xFF, 0x80, 0x7F, 0, 1, dice.randrange(256))) for _ in range(dice.randint(1, 4)))
    data[at : at + dice.choice((0, 0, 1, 2))] = dice.choice((number, noise, b""))
    columns[which] = bytes(data)
    return assemble(header, dict(sorted((column, data) for column, data in columns.items() if data)))


def bend(raw: bytes, dice: random.Random) -> bytes:
    """Change what an edit means, in perfect spelling."""
    _, header, ops = chunk.decode(raw)
    known = [op.object for op in ops if op.object] + [op.key for op in ops if isinstance(op.key, tuple)]
    ids = [*known, (dice.randrange(1, 90), dice.choice((ANN, BEN, EVE, header.actor)))]
    bent = list(ops)
    for _ in range(dice.randint(1, 2)):
        at = dice.randrange(len(bent))
        op, some = bent[at], dice.choice(ids)
        change = dice.choice(
            (
                {"action": dice.choice((1, 3, 4))},
                {"object": dice.choice((None, some))},
                {"key": dice.choice((chunk.HEAD, some, some, "title", "body", "x" * 99))},
                {"insert": not op.insert},
                {"value": dice.choice((None, "", "x", "xy", "😀"))},
                {"preds": dice.choice(((), (some,), (*op.preds, some), op.preds[1:]))},
            )
        )
        bent[at] = op._replace(**change)
        bent[at:at] = dice.choice(([], [], [], [op], [bent[-1]]))
    dice.random() < 0.1 and dice.shuffle(bent)
    if dice.random() < 0.2:
        header = header._replace(
            **dice.choice(
                (
                    {"seq": dice.randrange(1, 9)},
                    {"start_op": dice.randrange(1, 99)},
                    {"deps": header.deps[1:]},
                    {"actor": EVE},
                    {"actor": EVE, "seq": 1},
                )
            )
        )
    return chunk.encode(header, bent)


def check_meaning(past: list[bytes], later: list[bytes], forged: bytes) -> None:
    """See that a change that passes means the same whenever it comes, and leaves a document one can write in."""
    author = actor_of(forged)
    dropped: set[bytes] = set()
    rest = []
    for raw in later:
        digest, header = chunk.decode_header(raw)
        if header.actor == author or dropped.intersection(header.deps):
            dropped.add(digest)
        else:
            rest.append(raw)
    early, late = page(ANN), page(ANN)
    for document, raws in ((early, [*past, forged, *rest]), (late, [*past, *rest, forged])):
        for raw in raws:
            document.admit(raw, actor_of(raw))
    alike(early, late)
    alike(early, early.fold(late.raws()))
    edits = [*early.splice_text("body", "quite another text"), early.put_fields({"title": "new"})]
    for raw in edits:
        late.admit(raw or b"", ANN)
    alike(early, late)
    version = late.history()[len(past)].hash
    early.restore(version)
    assert early.read() == late.read_at(version)


def alike(one: Document, other: Document) -> None:
    """Compare everything that can be read, and the engine's view with the guard's."""
    assert one.read() == other.read()
    assert one.heads() == other.heads()
    assert one.history() == other.history()
    assert set(one.heads()) == one._engine.heads() == other._engine.heads()
    for edit in one.history()[-3:]:
        assert one.read_at(edit.hash) == other.read_at(edit.hash)
    for name, value in one.read().items():
        assert one.conflicts(name) == other.conflicts(name)
        assert name in one.texts or one._guard.values(name)[0] == value


def run_seed(seed: int, raws: list[bytes], documents: list[Document], seen: Counter[str]) -> float:
    """Forge one edit and judge it; how long the guard took, in seconds of CPU."""
    dice = random.Random(seed)
    at = dice.randrange(len(raws))
    forged = dice.choice((flip, warp, bend, bend))(raws[at], dice)
    draft = None
    began = time.process_time()
    try:
        draft = documents[at]._guard.check(forged, actor_of(forged))
    except Malformed as refusal:
        seen[str(refusal)] += 1
    spent_s = time.process_time() - began
    if forged == raws[at]:
        seen["unchanged"] += 1
    elif draft:
        seen["passed"] += 1
        print(json.dumps({"seed": seed}), flush=True)
        check_meaning(raws[:at], raws[at:], forged)
    return spent_s


def main(start: int, count: int) -> None:
    """Run `count` seeds from `start` on."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    raws = a_shared_past()
    documents = [page().fold(raws[:at]) for at in range(len(raws))]
    seen: Counter[str] = Counter()
    slowest_s = 0.0
    for seed in range(start, start + count):
        try:
            slowest_s = max(slowest_s, run_seed(seed, raws, documents, seen))
        except BaseException:
            print(f"seed {seed} failed", file=sys.stderr)
            raise
    # Not ru_maxrss: that begins with what the parent had when it forked.
    status = Path("/proc/self/status").read_text()
    peak_bytes = int(status.split("VmHWM:")[1].split()[0]) * 1024
    print(json.dumps({"seen": seen, "slowest_s": slowest_s, "peak_bytes": peak_bytes}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
