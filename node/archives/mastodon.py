"""Mastodon's export: a zip (once a tar.gz) with outbox.json, actor.json and media_attachments/, or that folder.

The outbox names each file by the path of its address, which is not always where the archive holds it: servers with
object storage put a bucket's name before it, older ones the path of their disk. What stands from
`media_attachments/` on is the same in both.
"""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

from identity.errors import Refused
from node.archives.containers import Container, check_name, load_whole, shown

OUTBOX = "outbox.json"
ACTOR = "actor.json"
_MEDIA = "media_attachments/"
_MAX_ACTOR_BYTES = 4 * 1024 * 1024
_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")


class Export:
    """Where the parts of an export lie in a container."""

    def __init__(self, container: Container) -> None:
        self.container = container
        self.outbox = _find_outbox(container)
        self._prefix = self.outbox.removesuffix(OUTBOX)
        self._by_tail = {name[name.index(_MEDIA) :]: name for name in container.names() if _MEDIA in name}

    def owner(self) -> str | None:
        """Return the id of the person whose export it is, if actor.json is there and says so."""
        return read_owner(self.container, self._prefix + ACTOR)

    def find_media(self, address: str) -> tuple[int, Callable[[int], bytes]] | None:
        """Return a file's size and how to read it; None if the archive lacks it or holds it empty."""
        return find_file(self.container, self._names_of(address))

    def _names_of(self, address: str) -> list[str]:
        path = unquote(urlsplit_path(address)).lstrip("/")
        names = [self._prefix + path]
        if _MEDIA in path:
            tail = path[path.index(_MEDIA) :]
            names += [self._prefix + tail, self._by_tail.get(tail, "")]
        return names


def find_file(container: Container, names: list[str]) -> tuple[int, Callable[[int], bytes]] | None:
    """Return size and reader of the first of some names under which a container holds more than nothing."""
    for name in names:
        try:
            plain = check_name(name, container.label)
        except Refused:
            continue
        size = container.size_of(plain)
        if size:
            return size, lambda max_bytes, found=plain: container.load(found, max_bytes)
    return None


def read_owner(container: Container, name: str) -> str | None:
    """Return the id in an actor's file, if there is one.

    Raises:
        Refused: if the file is damaged.
    """
    if container.size_of(name) is None:
        return None
    try:
        actor: Any = json.loads(load_whole(container, name, _MAX_ACTOR_BYTES))
    except (ValueError, RecursionError) as error:
        raise Refused(f"{shown(name)} in {container.label} is damaged: it is no JSON text") from error
    owner = actor.get("id") if isinstance(actor, dict) else None
    return owner if isinstance(owner, str) and owner else None


def urlsplit_path(address: str) -> str:
    """Return the path of an address, or of what is only a path already."""
    try:
        return urlsplit(address).path
    except ValueError:
        return address


def _find_outbox(container: Container) -> str:
    if container.size_of(OUTBOX) is not None:
        return OUTBOX
    found = sorted(
        (name for name in container.names() if name.endswith(f"/{OUTBOX}")), key=lambda name: name.count("/")
    )
    if not found:
        inner = next((name for name in container.names() if name.endswith(_ARCHIVES)), None)
        if inner is not None:
            raise Refused(f"{container.label} holds another archive: unpack it and choose {shown(inner)}")
        raise Refused(f"{container.label} holds no {OUTBOX}: it is no export of a Mastodon account")
    if len(found) > 1 and found[0].count("/") == found[1].count("/"):
        raise Refused(f"{container.label} holds more than one {OUTBOX}: choose one account's export")
    return found[0]
