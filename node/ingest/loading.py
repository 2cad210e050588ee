"""Reading a space from the store as a running node holds it: heads, law and secrets. Runs in the database's thread."""

from typing import Any

from crdt.batch import encode_batch
from identity.sealed import name_of
from node.domain.law.fold import MAX_KNOCKS
from node.domain.law.keys import rotations
from node.ingest.spaces import Secrets, Space, adopt_wraps
from node.store import log as store_log
from node.store.forks import read_forks
from node.store.readmodel import dangling_subjects
from node.store.spaces import SpaceRow, read_secrets, read_spaces
from node.store.vault import Vault


def read_space(connection: Any, vault: Vault, row: SpaceRow, device: bytes) -> Space:
    """Return a space as it lies in the store, with its law folded anew."""
    law, talk = read_secrets(connection, vault, row.no)
    index = store_log.SpaceIndex(row.no, row.id)
    history = store_log.load_history(connection, index)
    space = Space(index, row.name, row.state, Secrets(row.discovery, law, talk), history)
    space.law.forked = {fork.author: fork.seq for fork in read_forks(connection, row.no)}
    _judge_all(connection, vault, space)
    space.saved_pasts = len(history.pasts.sets)
    space.dangling = dangling_subjects(connection, row.no)
    if row.state == "left" and space.law.person_of(device) is not None:
        space.state = "member"  # it left by another name, and entered as who it is
    if row.state == "waiting":
        space.knock = read_knocks(connection, index, device)
    return space


def read_again(connection: Any, vault: Vault, space: Space, device: bytes) -> Space:
    """Return a space that was read before as it lies in the store now."""
    row = next(row for row in read_spaces(connection, vault) if row.id == space.id)
    fresh = read_space(connection, vault, row, device)
    fresh.believed = space.believed
    fresh.secrets.heard = {n: teller for n, teller in space.secrets.heard.items() if n in fresh.secrets.heard}
    return fresh


def write_reasons(connection: Any, space: Space) -> None:
    """Write what law that was judged anew refuses: what it rests on may have lain sealed when it was judged first."""
    refused = space.law.refused
    known = store_log.read_changes(connection, space.index, store_log.refused_law(connection, space.index.no))
    judged = {entry.number for entry in known if space.open(entry.change).command is not None}
    store_log.write_refusals(connection, [(number, refused.get(number)) for number in sorted(judged | refused.keys())])


def _judge_all(connection: Any, vault: Vault, space: Space) -> None:
    given: set[bytes] = set()
    for entry in store_log.read_law(connection, space.index):
        opened = space.open(entry.change)
        if opened.locked:
            space.unread_law.add(entry.change.header.epoch)
        change = space.law_change(entry, opened.command)
        if opened.command is not None and space.law.judge(change):
            given |= adopt_wraps(space.law, space.secrets, vault, change)
    space.secrets.adopt_among(rotations(space.law.present()))
    if given:  # else it was not law that brought them: an archive did
        secrets = space.secrets
        names = (name_of(secret) for secret in (*secrets.law, *secrets.talk))
        heard = [name for name in names if name not in given]
        secrets.heard = dict.fromkeys(
            (n for n in heard if not store_log.is_sealed_with(connection, space.index, n)), b""
        )


def read_knocks(connection: Any, index: store_log.SpaceIndex, device: bytes) -> bytes:
    """Return the first that a device said in a space that has not let it in; empty if it said nothing."""
    places = [(index.logs.get(device, 0), 1, MAX_KNOCKS)]
    mine = store_log.read_changes(connection, index, store_log.numbers_in(connection, places))
    return encode_batch([entry.change for entry in mine]) if mine else b""
