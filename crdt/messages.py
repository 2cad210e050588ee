"""The messages of `/commons/sync/1`: msgpack arrays that begin with the message's number.

| message | fields | says |
|---|---|---|
| HELLO | version, nonce | who talks which version; both nonces make this session's proofs |
| SPACES | MACs | one per space, padded: who knows a space recognises its own, nobody else learns anything |
| OPEN | space, root, keys, held | here is what I hold in this space, and how far I hold your log |
| KNOCK | space, batch | I hold a ticket: these are my knocks, the last one counts; empty: I belong, and lack the keys |
| GUEST | space, inviter, word | I know you knocked; this device has to let you in; how far that is, as far as I know |
| TURNED_AWAY | space, words | your knock was not taken, and why |
| KEYS | space, sealed | the space's secrets, sealed to your device |
| ASK | space | tell me what you hold |
| ROOT | space, root | what I hold now |
| BUCKETS | space, digests | my 256 bucket digests |
| ENTRIES | space, buckets, logs, answer | of these, the heads I hold: [author, seq, id, forked]; show yours ahead |
| WANT | space, request, ranges | send me these: [author, first, last] |
| WANT_IDS | space, request, ids | send me these changes |
| BATCH | space, request, batch, done | what you wanted |
| STORED | space, request | it is on my disk: go on |
| PUSH | space, batch | new, just now |
| HELD | space, seq | your own log is on my disk up to here |
| WANT_PROOF | space, author | show me that this log is forked |
| WANT_BLOB | space, hash, offset | send me this file of a post, from there on |
| BLOB | space, hash, offset, size, data | a piece of it; size 0: it is not here |
| PEERS | space, addresses | where members of this space, this node first, may be found |
| PROOF | space, change, change | two changes that one device signed for one place in its log |
| REST | space | what you push is here before: let this link rest, law excepted |
| WAKE | space, needed | push again; needed: do not ask for rest any more |
| PAPERS | space, changes | I belong, though you have not heard of it: these changes of law let me in |
"""

from collections.abc import Callable
from typing import Any

import msgpack

from crdt.batch import MAX_BATCH_BYTES
from crdt.change import ID_BYTES, MAX_BODY_BYTES, MAX_HEADER_BYTES, MAX_SEQ
from crdt.history import BUCKETS as BUCKET_COUNT
from crdt.history import ROOT_BYTES
from identity.errors import RemoteProtocolError

SYNC_VERSION = 1
NONCE_BYTES = 16
MAC_BYTES = 16
MAX_SPACES = 1024
MAX_FRAME_BYTES = MAX_BATCH_BYTES + MAX_BODY_BYTES + 4096
MAX_ENTRIES = 8192
MAX_PEERS = 64
MAX_PAPERS = 48
MAX_GUEST_BYTES = 4096
MAX_PAPER_BYTES = 16 * 1024
MAX_BLOB_BYTES = 16 * 1024 * 1024
BLOB_PIECE_BYTES = 128 * 1024
MAX_ADDRESS_CHARS = 200
MAX_PROOF_BYTES = MAX_HEADER_BYTES + MAX_BODY_BYTES + 128

HELLO, SPACES, OPEN, KNOCK, GUEST, KEYS, ASK, ROOT, BUCKETS, ENTRIES = range(10)
WANT, WANT_IDS, BATCH, STORED, PUSH, HELD, WANT_PROOF, PROOF, PEERS, WANT_BLOB, BLOB, TURNED_AWAY = range(10, 22)
REST, WAKE, PAPERS = range(22, 25)

_pack = msgpack.Packer(use_bin_type=True, autoreset=True).pack


def encode(kind: int, *fields: Any) -> bytes:
    """Return a message as bytes."""
    packed: bytes = _pack((kind, *fields))
    return packed


def is_push(frame: bytes) -> bool:
    """Tell whether a frame is a PUSH, before it is read."""
    return frame[1:2] == bytes([PUSH])


def decode(frame: bytes) -> tuple[int, list[Any]]:
    """Read a message into its number and fields, with every field's type and size checked.

    Raises:
        RemoteProtocolError: if it is none.
    """
    if len(frame) > MAX_FRAME_BYTES:
        raise RemoteProtocolError("a message is too large")
    try:
        message = msgpack.unpackb(frame, use_list=True, max_array_len=MAX_ENTRIES)
    except (ValueError, TypeError, msgpack.exceptions.UnpackException, RecursionError) as error:
        raise RemoteProtocolError("this is not a message") from error
    if type(message) is not list or not message or type(message[0]) is not int:
        raise RemoteProtocolError("this is not a message")
    kind, *fields = message
    checks = _FIELDS.get(kind)
    if checks is None or len(checks) != len(fields):
        raise RemoteProtocolError(f"message {kind!r} is not known, or has other fields")
    if not all(check(field) for check, field in zip(checks, fields, strict=True)):
        raise RemoteProtocolError(f"message {kind} has a field of the wrong type or size")
    return kind, fields


def _number(most: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and 0 <= value <= most


def _blob(least: int, most: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is bytes and least <= len(value) <= most


def _many(item: Callable[[Any], bool], most: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is list and len(value) <= most and all(item(each) for each in value)


def _record(*items: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: (
        type(value) is list
        and len(value) == len(items)
        and all(item(each) for item, each in zip(items, value, strict=True))
    )


def _flag(value: Any) -> bool:
    return type(value) is bool


def _text(value: Any) -> bool:
    return type(value) is str and 0 < len(value) <= MAX_ADDRESS_CHARS


_space = _number(MAX_SPACES)
_request = _number(2**31)
_key = _blob(32, 32)
_seq = _number(MAX_SEQ)
_batch = _blob(0, MAX_BATCH_BYTES + MAX_BODY_BYTES)

_FIELDS: dict[int, tuple[Callable[[Any], bool], ...]] = {
    HELLO: (_number(2**16), _blob(NONCE_BYTES, NONCE_BYTES)),
    SPACES: (_many(_blob(MAC_BYTES, MAC_BYTES), MAX_SPACES),),
    OPEN: (_space, _blob(ROOT_BYTES, ROOT_BYTES), _blob(8, 8), _seq),
    KNOCK: (_space, _blob(0, 16_384)),
    GUEST: (_space, _key, _blob(0, MAX_GUEST_BYTES)),
    TURNED_AWAY: (_space, _text),
    KEYS: (_space, _blob(1, 65_536)),
    ASK: (_space,),
    ROOT: (_space, _blob(ROOT_BYTES, ROOT_BYTES)),
    BUCKETS: (_space, _blob(8 * BUCKET_COUNT, 8 * BUCKET_COUNT)),
    ENTRIES: (
        _space,
        _blob(0, BUCKET_COUNT),
        _many(_record(_key, _seq, _blob(0, ID_BYTES), _flag), MAX_ENTRIES),
        _flag,
    ),
    WANT: (_space, _request, _many(_record(_key, _seq, _seq), MAX_ENTRIES)),
    WANT_IDS: (_space, _request, _many(_blob(ID_BYTES, ID_BYTES), 1024)),
    BATCH: (_space, _request, _batch, _flag),
    STORED: (_space, _request),
    PUSH: (_space, _batch),
    REST: (_space,),
    WAKE: (_space, _flag),
    PAPERS: (_space, _many(_blob(1, MAX_PAPER_BYTES), MAX_PAPERS)),
    HELD: (_space, _seq),
    WANT_PROOF: (_space, _key),
    PEERS: (_space, _many(_text, MAX_PEERS)),
    WANT_BLOB: (_space, _key, _number(MAX_BLOB_BYTES)),
    BLOB: (_space, _key, _number(MAX_BLOB_BYTES), _number(MAX_BLOB_BYTES), _blob(0, BLOB_PIECE_BYTES)),
    PROOF: (_space, _blob(1, MAX_PROOF_BYTES), _blob(1, MAX_PROOF_BYTES)),
}
