"""How a node knows that its folder is a restored or copied one: a marker outside the folder, compared at each start.

Folder and marker share an id and a nonce that is drawn anew at each start. A folder from a backup carries an old nonce,
or writes less of its own logs than the marker has seen; a copied one lies elsewhere; one taken to another machine finds
no marker at all. In every such case the old device key must not sign again. What escapes the marker (the whole disk
put back) a peer notices that has seen a higher own head.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

from identity.errors import Malformed

FORMAT = "commons/installation/1"
MAX_FILE_BYTES = 1024 * 1024
ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class Place:
    """Where a folder lies, as far as the system tells; an inode or a machine of "" is not known.

    The device number of the file system is kept for the record alone: it may change at every boot.
    """

    path: str
    inode: str
    volume: str
    machine: str


@dataclass(frozen=True, slots=True)
class Tag:
    """What lies inside the folder."""

    id: str
    nonce: str


@dataclass(frozen=True, slots=True)
class Marker:
    """What lies outside the folder; `heads` maps a space's id (hex) to the highest own seq seen there."""

    id: str
    nonces: tuple[str, ...]
    device: str
    place: Place
    heads: Mapping[str, int]


def reason_to_renew(tag: Tag | None, marker: Marker | None, here: Marker) -> str | None:
    """Return why this folder must count as restored or copied, in words, or None if it is the one we left.

    `here` says how things stand now: the device key, the place and the own heads that the folder holds.
    """
    if tag is None:
        return "the folder was never registered on this machine"
    if marker is None or marker.id != tag.id:
        return "this machine does not know the folder: it was copied or restored from elsewhere"
    if here.place.machine and marker.place.machine and here.place.machine != marker.place.machine:
        return "the folder was last used on another machine"
    if marker.device != here.device:
        return "the folder holds another device key than it did when it was last used"
    if tag.nonce not in marker.nonces:
        return "the folder is an earlier copy of itself: it was restored from a backup"
    # Either alone may change honestly: a folder is moved, or its file system numbers files anew at each mount.
    if here.place.path != marker.place.path and here.place.inode != marker.place.inode:
        return "the folder is a copy of another one"
    if any(here.heads.get(space, 0) < seq for space, seq in marker.heads.items()):
        return "the folder holds less of its own writing than it once did: it was restored from a backup"
    return None


def with_heads(marker: Marker, heads: Mapping[str, int]) -> Marker:
    """Return the marker with own heads noted; a head never goes back."""
    return replace(
        marker, heads={space: max(heads.get(space, 0), marker.heads.get(space, 0)) for space in {*heads, *marker.heads}}
    )


def hash_machine(machine_id: str) -> str:
    """Return a name for the machine that tells nobody its id."""
    return blake2b(machine_id.strip().encode(), person=b"commons/machine", digest_size=16).hexdigest()


def write_tag(tag: Tag) -> bytes:
    """Return the bytes of the file inside the folder."""
    return _write({"id": tag.id, "nonce": tag.nonce})


def read_tag(raw: bytes) -> Tag:
    """Read the file inside the folder.

    Raises:
        Malformed: if it is damaged.
    """
    fields = _read(raw)
    return Tag(_text(fields, "id"), _text(fields, "nonce"))


def write_marker(marker: Marker) -> bytes:
    """Return the bytes of the file outside the folder."""
    place = marker.place
    return _write(
        {
            "id": marker.id,
            "nonces": list(marker.nonces),
            "device": marker.device,
            "place": {
                "path": place.path,
                "inode": place.inode,
                "volume": place.volume,
                "machine": place.machine,
            },
            "heads": dict(sorted(marker.heads.items())),
        }
    )


def read_marker(raw: bytes) -> Marker:
    """Read the file outside the folder.

    Raises:
        Malformed: if it is damaged.
    """
    fields = _read(raw)
    place, heads, nonces = fields.get("place"), fields.get("heads"), fields.get("nonces")
    if not isinstance(place, dict) or not isinstance(heads, dict) or not isinstance(nonces, list):
        raise Malformed("the installation's marker is damaged")
    if not all(type(seq) is int for seq in heads.values()) or not all(isinstance(one, str) for one in nonces):
        raise Malformed("the installation's marker is damaged")
    return Marker(
        id=_text(fields, "id"),
        nonces=tuple(nonces),
        device=_text(fields, "device"),
        place=Place(*(_text(place, name) for name in ("path", "inode", "volume", "machine"))),
        heads=heads,
    )


def _write(fields: dict[str, Any]) -> bytes:
    return json.dumps({"format": FORMAT, **fields}, indent=2).encode() + b"\n"


def _read(raw: bytes) -> dict[str, Any]:
    if len(raw) > MAX_FILE_BYTES:
        raise Malformed("the installation's marker is far too large")
    try:
        fields = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Malformed("the installation's marker is not readable JSON") from error
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise Malformed("the installation's marker is damaged or of a newer version")
    return fields


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise Malformed("the installation's marker is damaged")
    return value
