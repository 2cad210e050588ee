"""The change: the one thing that is stored, signed and sent; a signed header, and a body beside it.

    signature = Ed25519("commons/change/1" ‖ header)
    id        = BLAKE2b-256(signature ‖ header)

The id covers the signature, so a log's chain of `prev` vouches for every earlier signature too. The header is a
canonical msgpack array; the body lies beside it as `msgpack [kind, fields…]`, deflated where that helps, then
sealed (identity.sealed). The fields of the body come last in the header, so what is authenticated with a sealed
body is simply the header's start.
"""

import zlib
from hashlib import blake2b
from typing import Any, NamedTuple

import msgpack

from identity.errors import Malformed
from identity.keys import SigningKey, verify
from identity.sealed import NAME_BYTES, name_of, open_body, open_disclosed, seal_body

VERSION = 1
LAW, BINDING, TALK, EDIT = 0, 1, 2, 3  # classes: what a carrier may know without reading a body

ID_BYTES = 32
MAX_HEADER_BYTES = 48 * 1024
MAX_BODY_BYTES = 256 * 1024
MAX_PLAIN_BYTES = 1024 * 1024
MAX_ITEMS = 8192  # of one array or map in a body: what a length claims is set aside before it is read
MAX_DEPS = 32
MAX_LAW_DEPS = 1024
MAX_SEQ = 2**53 - 1
PUBLIC = b""

_SIGNED = b"commons/change/1"
_BODY_HASH_FIELD_BYTES = 2 + 32
_PLAIN, _DEFLATED = 0, 1

_pack = msgpack.Packer(use_bin_type=True, autoreset=True).pack


class Header(NamedTuple):
    """What is signed. `time` is claimed, in ms since the epoch; `epoch` names the secret, empty when public."""

    space: bytes
    author: bytes
    seq: int
    prev: bytes
    deps: tuple[bytes, ...]
    time: int
    klass: int
    epoch: bytes
    body_hash: bytes
    body_size: int


class Change(NamedTuple):
    """A header with its signature, id and stored body; the body is None once it was erased."""

    id: bytes
    signature: bytes
    header: Header
    body: bytes | None


def digest(data: bytes) -> bytes:
    """Return the BLAKE2b-256 hash that ids and body hashes are."""
    return blake2b(data, digest_size=ID_BYTES).digest()


def encode_header(header: Header) -> bytes:
    """Return the canonical bytes of a header."""
    packed: bytes = _pack((VERSION, *header))
    return packed


def header_start(encoded: bytes, body_size: int) -> bytes:
    """Return the header without its two body fields: what is authenticated with a sealed body."""
    return encoded[: len(encoded) - _BODY_HASH_FIELD_BYTES - _uint_bytes(body_size)]


def _uint_bytes(value: int) -> int:
    if value < 1 << 7:
        return 1
    if value < 1 << 8:
        return 2
    return 3 if value < 1 << 16 else 5


def change_id(signature: bytes, encoded_header: bytes) -> bytes:
    """Return the id of a change from its signature and the bytes of its header."""
    return digest(signature + encoded_header)


def encode_body(kind: str, fields: tuple[Any, ...] | list[Any]) -> bytes:
    """Return the plain body: a flag byte, then `msgpack [kind, fields…]`, deflated where that is shorter.

    Raises:
        Malformed: if it is larger than a body may be.
    """
    packed: bytes = _pack([kind, *fields])
    if len(packed) > MAX_PLAIN_BYTES:
        raise Malformed(f"a body may have {MAX_PLAIN_BYTES} bytes, not {len(packed)}")
    squeezed = zlib.compress(packed, 6, -15) if len(packed) > 64 else packed
    return bytes([_DEFLATED]) + squeezed if len(squeezed) < len(packed) else bytes([_PLAIN]) + packed


def decode_body(plain: bytes) -> list[Any]:
    """Read a plain body into `[kind, fields…]`.

    Raises:
        Malformed: if it is not one, is too large, or nests too deep.
    """
    packed = _inflate(plain)
    try:
        body = msgpack.unpackb(
            packed, use_list=True, strict_map_key=False, max_array_len=MAX_ITEMS, max_map_len=MAX_ITEMS
        )
    except (ValueError, TypeError, msgpack.exceptions.UnpackException, RecursionError) as error:
        raise Malformed("a body is not msgpack") from error
    if not isinstance(body, list) or not body or not isinstance(body[0], str):
        raise Malformed("a body is not [kind, fields…]")
    return body


def _inflate(plain: bytes) -> bytes:
    if plain[:1] == b"\x00":
        return plain[1:]
    if plain[:1] != b"\x01":
        raise Malformed("a body starts with an unknown flag")
    inflater = zlib.decompressobj(-15)
    try:
        packed = inflater.decompress(plain[1:], MAX_PLAIN_BYTES)
    except zlib.error as error:
        raise Malformed("a body does not inflate") from error
    if not inflater.eof or inflater.unused_data:
        raise Malformed("a body inflates to too much, or has something behind its end")
    return packed


def make(header: Header, plain: bytes, key: SigningKey, secret: bytes | None) -> Change:
    """Seal (unless `secret` is None) and sign a body; the header's body fields and epoch are filled in here."""
    header = header._replace(epoch=name_of(secret) if secret else PUBLIC, body_hash=bytes(32), body_size=0)
    body = plain
    if secret:
        start = header_start(encode_header(header), 0)
        body = seal_body(plain, secret, header.author, header.seq, start)
    header = header._replace(body_hash=digest(body), body_size=len(body))
    check_limits(header)
    encoded = encode_header(header)
    signature = key.sign(_SIGNED + encoded)
    return Change(change_id(signature, encoded), signature, header, body)


def open_change(change: Change, secret: bytes | None, encoded: bytes | None = None) -> list[Any]:
    """Open a change's body into `[kind, fields…]`; `secret` is None for a public one, `encoded` its header if at hand.

    Raises:
        Malformed: if it does not open with the secret, or holds no body.
    """
    header, body = change.header, change.body
    if body is None:
        raise Malformed("this body was erased")
    if secret is None:
        return decode_body(body)
    start = header_start(encoded or encode_header(header), header.body_size)
    return decode_body(open_body(body, secret, header.author, header.seq, start))


def open_alone(change: Change, key: bytes) -> list[Any]:
    """Open a sealed body with the key of this one body, as an export discloses it.

    Raises:
        Malformed: if it does not open with the key, or holds no body.
    """
    if change.body is None:
        raise Malformed("this body was erased")
    start = header_start(encode_header(change.header), change.header.body_size)
    return decode_body(open_disclosed(change.body, key, start))


def verify_change(change: Change) -> None:
    """Check a change's own signature.

    Raises:
        BadSignature: if it does not fit.
    """
    verify(change.signature, _SIGNED + encode_header(change.header), change.header.author)


def check_limits(header: Header) -> None:
    """Check what a header may hold.

    Raises:
        Malformed: if a field has a wrong size or is out of range.
    """
    founding = not header.space
    sizes = (len(header.author) == 32, len(header.body_hash) == 32, len(header.space) == (0 if founding else 32))
    first = header.seq == 1
    well = (
        all(sizes)
        and 1 <= header.seq <= MAX_SEQ
        and len(header.prev) == (0 if first else ID_BYTES)
        and 0 <= header.time < 1 << 53
        and header.klass in (LAW, BINDING, TALK, EDIT)
        and len(header.epoch) in (0, NAME_BYTES)
        and 0 <= header.body_size <= MAX_BODY_BYTES
        and (not founding or (first and header.klass == LAW and not header.deps))
    )
    if not well:
        raise Malformed("a header's field has a wrong size or is out of range")
    _check_deps(header)


def _check_deps(header: Header) -> None:
    most = MAX_LAW_DEPS if header.klass == LAW else MAX_DEPS
    if len(header.deps) > most or len(set(header.deps)) != len(header.deps) or header.prev in header.deps:
        raise Malformed("a header names too many other changes, or one twice")
    if any(len(dep) != ID_BYTES for dep in header.deps):
        raise Malformed("a header names a change by something that is not an id")


def encode_change(change: Change) -> bytes:
    """Return a change as bytes that stand alone: `msgpack [signature, header, body]`."""
    packed: bytes = _pack([change.signature, encode_header(change.header), change.body])
    return packed


def decode_change(data: bytes) -> Change:
    """Read a change that stands alone, and check its signature.

    Raises:
        Malformed, BadSignature: if anything about it is off.
    """
    change = read_change(data)
    verify_change(change)
    return change


def read_change(data: bytes) -> Change:
    """Read a change that stands alone, without looking at its signature: a later one of its log may vouch for it.

    Raises:
        Malformed: if anything else about it is off.
    """
    if len(data) > MAX_HEADER_BYTES + MAX_BODY_BYTES + 128:
        raise Malformed("a change is too large")
    try:
        signature, encoded, body = msgpack.unpackb(data, use_list=True)
        if not isinstance(encoded, bytes) or len(encoded) > MAX_HEADER_BYTES:
            raise Malformed("a header is too large, or not bytes")
        version, *fields = msgpack.unpackb(encoded, use_list=False)
        header = Header(*fields)
    except (ValueError, TypeError, msgpack.exceptions.UnpackException, RecursionError) as error:
        raise Malformed("this is not a change") from error
    if version != VERSION:
        raise Malformed(f"version {version!r} of the wire format is not known here")
    check_types(header, signature, body)
    check_limits(header)
    if encode_header(header) != encoded:
        raise Malformed("a header is not in its canonical form")
    if body is not None and (len(body) != header.body_size or digest(body) != header.body_hash):
        raise Malformed("a body is not the one its header names")
    return Change(change_id(signature, encoded), signature, header, body)


def check_types(header: Header, signature: object, body: object) -> None:
    """Check that every field of a decoded change has its type.

    Raises:
        Malformed: if one has not.
    """
    blobs = (header.space, header.author, header.prev, header.epoch, header.body_hash)
    numbers = (header.seq, header.time, header.klass, header.body_size)
    well = (
        all(type(value) is bytes for value in blobs)
        and all(type(value) is int for value in numbers)
        and type(header.deps) is tuple
        and all(type(dep) is bytes for dep in header.deps)
        and type(signature) is bytes
        and len(signature) == 64
        and (body is None or type(body) is bytes)
    )
    if not well:
        raise Malformed("a change has a field of the wrong type")
