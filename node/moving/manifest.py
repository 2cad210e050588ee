"""What an archive of a space is: a zip of plain files, a manifest that names each by its hash, and its signature.

| file | holds |
|---|---|
| `manifest.json` | `format` "commons/archive/1", `space`, `name`, `person`, `device`, `certificate`, `made` (ms), \
`digest` (of the log), `keys` ("none", "space" or "identity"), `files`: [[name, bytes, BLAKE2b-256]] |
| `manifest.sig` | Ed25519 of the device over "commons/archive/1" and the manifest, in hex |
| `changes/000001` … | the signed changes in causal order, in batches as nodes send them to each other |
| `forks/000001` … | proofs that a log was forked: [one change, the other], in msgpack |
| `media/…` | pictures and files, named by the hash of their bytes |
| `readable.jsonl` | everything readable as an export (commons/export/1), for people and other programs |
| `keys.json` | keys as chosen, in a box that a passphrase opens (Argon2id, XSalsa20-Poly1305) |

Nothing in it is compressed: what it claims to hold it has to bring.
"""

import json
from dataclasses import dataclass
from typing import Any, Literal

from crdt.change import digest
from identity.certificates import read_certificate
from identity.errors import CommonsError, Refused
from identity.keyfile import make_lock, open_box, seal_box
from identity.keys import SigningKey, from_did, to_did, verify
from node.domain.area import require

FORMAT = "commons/archive/1"
MANIFEST, SIGNATURE, READABLE, KEYS = "manifest.json", "manifest.sig", "readable.jsonl", "keys.json"
CHANGES, MEDIA, FORKS = "changes/", "media/", "forks/"
MAX_MANIFEST_BYTES = 64 * 1024 * 1024
MAX_KEYS_BYTES = 16 * 1024 * 1024
MAX_FILES = 200_000
_SIGNED = b"commons/archive/1"
_KEY_BYTES = 32

Kept = Literal["none", "space", "identity"]
DAMAGED = "This archive was changed since it was made, or it is damaged: nothing of it is taken in."


@dataclass(frozen=True, slots=True)
class File:
    """A file of an archive: its size in bytes, and the hash of its bytes."""

    name: str
    size: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Manifest:
    """Which space an archive holds, who made it when, and what is in it."""

    space: bytes
    name: str
    device: bytes
    certificate: bytes
    made_ms: int
    digest: bytes
    keys: Kept
    files: tuple[File, ...]

    @property
    def person(self) -> bytes:
        """Whose archive it is."""
        return read_certificate(self.certificate).person

    def written(self) -> bytes:
        """Return the bytes of the manifest."""
        fields = {
            "format": FORMAT, "space": self.space.hex(), "name": self.name, "person": to_did(self.person),
            "device": to_did(self.device), "certificate": self.certificate.hex(), "made": self.made_ms,
            "digest": self.digest.hex(), "keys": self.keys,
            "files": [[file.name, file.size, file.hash.hex()] for file in self.files],
        }  # fmt: skip
        return json.dumps(fields, ensure_ascii=False, indent=1).encode()


def sign(raw: bytes, key: SigningKey) -> bytes:
    """Return the file that signs a manifest."""
    return key.sign(_SIGNED + digest(raw)).hex().encode()


def read_manifest(raw: bytes, signature: bytes) -> Manifest:
    """Read a manifest, and check that its device signed it for its person.

    Raises:
        Refused: if it is none, or was altered.
    """
    try:
        fields = json.loads(raw)
        require(fields["format"] == FORMAT, "This is no archive of a space that this version of commons reads.")
        manifest = _read(fields)
        certificate = read_certificate(manifest.certificate)
        verify(bytes.fromhex(signature.decode("ascii")), _SIGNED + digest(raw), manifest.device)
    except Refused:
        raise
    except (CommonsError, ValueError, KeyError, TypeError, RecursionError, OverflowError) as error:
        raise Refused(DAMAGED) from error
    if certificate.device != manifest.device or fields.get("person") != to_did(certificate.person):
        raise Refused("This archive was signed by a device that is not its person's.")
    return manifest


def _read(fields: dict[str, Any]) -> Manifest:
    files = tuple(File(name, size, bytes.fromhex(hash_)) for name, size, hash_ in fields["files"])
    kept: Kept = {"none": "none", "space": "space", "identity": "identity"}[fields["keys"]]  # type: ignore[assignment]
    well = all(type(file.name) is str and type(file.size) is int and file.size >= 0 for file in files)
    names = {file.name for file in files}
    if not well or len(names) != len(files) or len(files) > MAX_FILES or type(fields["made"]) is not int:
        raise Refused(DAMAGED)
    manifest = Manifest(
        bytes.fromhex(fields["space"]), str(fields["name"])[:80], from_did(fields["device"]),
        bytes.fromhex(fields["certificate"]), fields["made"], bytes.fromhex(fields["digest"]), kept, files,
    )  # fmt: skip
    if len(manifest.space) != _KEY_BYTES:
        raise Refused(DAMAGED)
    return manifest


# -- keys ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, repr=False)
class Carried:
    """The keys that an archive carries: a space's secrets, the present ones last; the person's root key, if chosen."""

    discovery: bytes
    law: list[bytes]
    talk: list[bytes]
    root: bytes | None
    name: str

    def __repr__(self) -> str:
        return f"Carried({len(self.law)} law, {len(self.talk)} talk, root={'kept' if self.root else 'none'})"


def seal_keys(carried: Carried, passphrase: str) -> bytes:
    """Return the file that holds keys, sealed by a passphrase.

    Raises:
        Refused: if the passphrase is empty.
    """
    plain = {
        "discovery": carried.discovery.hex(), "law": [secret.hex() for secret in carried.law],
        "talk": [secret.hex() for secret in carried.talk], "name": carried.name,
        "root": carried.root.hex() if carried.root is not None else None,
    }  # fmt: skip
    return json.dumps(seal_box(plain, make_lock(passphrase))).encode()


def open_keys(raw: bytes, passphrase: str) -> Carried:
    """Open the keys of an archive.

    Raises:
        Refused: if the passphrase is wrong, or the keys were altered.
    """
    try:
        fields = json.loads(raw)
        _, plain = open_box(fields, passphrase)
        root = bytes.fromhex(plain["root"]) if plain["root"] is not None else None
        law, talk = ([bytes.fromhex(secret) for secret in plain[use]] for use in ("law", "talk"))
        carried = Carried(bytes.fromhex(plain["discovery"]), law, talk, root, str(plain["name"])[:60])
    except Refused:
        raise
    except (CommonsError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise Refused(DAMAGED) from error
    keys = [carried.discovery, *law, *talk, *([root] if root is not None else [])]
    if not law or not talk or any(len(key) != _KEY_BYTES for key in keys):
        raise Refused(DAMAGED)
    return carried
