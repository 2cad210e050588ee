"""Every decoder of what comes from elsewhere: with good samples, a way to bend them, and what it may answer."""

import json
import random
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mastodon_exports
import msgpack
from authors import Author, founding_of, key_of
from document_forging import ANN, a_shared_past, page
from fuzzed_bytes import bent_bytes, bent_json, bent_msgpack, bent_text, bent_tree
from two_sessions import SPACE, filled, opened

from crdt import chunk
from crdt import messages as m
from crdt.batch import decode_batch, encode_batch
from crdt.change import LAW, decode_body, decode_change, encode_body, encode_change
from identity.certificates import certify, read_certificate
from identity.errors import CommonsError
from identity.installations import Marker, Place, Tag, read_marker, read_tag, write_marker, write_tag
from identity.keyfile import new_person, read_keys, write_keys
from identity.keys import from_did, to_did
from identity.links import issue, read_link
from identity.phrase import read_phrase, write_phrase
from identity.sealed import open_body, seal_body
from identity.tickets import Offer, read_terms
from node import config
from node.archives.reading import open_archive
from node.domain import registry
from node.domain.area import read_command, wire_fields
from node.domain.documents import EditDocument
from node.domain.law.membership import AdmitMember, CertifyDevice, EnterDevice, FoundSpace, JoinSpace, WithdrawTicket
from node.domain.posts import EditPost, ImportPost, RetractPost, WritePost
from node.ingest.hints import read_hint, write_hint
from node.ingest.spaces import Secrets, read_wrapped
from node.net.addresses import parse, peer_id
from node.store.blobs import make_blob
from ui.markup import excerpt, rendered
from ui.operations import checked, table

Dice = random.Random
SETTINGS = [b'web_port = 1\nlisten = ["/ip4/0.0.0.0/tcp/0"]\nundo_s = 1.5\n']
WORDS = ["# Hi *you* [a](https://b.example) `c`\n\n> q\n\n| a | b |\n|---|---|\n"]
SECRET, ID = bytes(range(32)), bytes(32)
KEY, ROOT = key_of("device"), key_of("root")
AREAS = registry.AREAS  # importing it made every kind known


@dataclass(frozen=True)
class Decoder:
    """What is decoded, how good input is bent, and whether good input has to pass."""

    samples: Sequence[Any]
    bend: Callable[[Dice, Sequence[Any]], Any]
    decode: Callable[[Any], object]


# -- the wire ---------------------------------------------------------------------------------------------------------


def bodies() -> list[bytes]:
    """Return a body of every kind, as msgpack."""
    media = [[ID, "image/png", "a bee", 5]]
    commands = [
        WritePost("hello", None, None, media), WritePost("reply", ID, ID, []), EditPost(ID, "better"),
        ImportPost("old", None, None, media, 1, "https://a.example/1", bytes(16)),
        RetractPost(ID, ID, ID, [ID], bytes(16), certify(ROOT, KEY.public, 0, 1)), EditDocument(ID, b"x" * 80),
        FoundSpace(1, b"c" * 90, "invite", [[ID, b"w" * 80]]), AdmitMember(ID, [[ID, b"w" * 80]]), WithdrawTicket(ID),
        JoinSpace(b"t" * 90, b"s" * 64, b"p" * 64, ID, b"c" * 90), CertifyDevice(ID, b"c" * 90, []),
        EnterDevice(b"c" * 90),
    ]  # fmt: skip
    return [msgpack.packb([command.kind, *wire_fields(command)]) for command in commands]


def read_body(packed: bytes) -> object:
    """Read a body as a node does that could open it; whatever comes of it is a command that was checked."""
    return read_command(decode_body(b"\x00" + packed))


def changes() -> list[Any]:
    """Return changes of several logs that name each other."""
    ada, ben = Author("Ada", SPACE), Author("Ben", SPACE)
    first = ada.write()
    second = ben.write(first, secret=SECRET)
    return [first, second, ada.write(second, klass=LAW), ben.write(), founding_of("Eve")]


def in_session(frames: list[bytes]) -> None:
    """Let a peer say these things on an open channel."""
    one, _ = opened()
    for frame in frames:
        one.carry_out(one.session.receive(frame))


def conversations() -> list[list[bytes]]:
    """Return what peers may say to each other."""
    batch = encode_batch(filled("Ada", "Ben"))
    author = key_of("Ada").public
    said = [
        m.encode(m.OPEN, 0, bytes(16), bytes(8), 0), m.encode(m.ROOT, 0, b"x" * 16), m.encode(m.ASK, 0),
        m.encode(m.BUCKETS, 0, b"b" * 2048), m.encode(m.ENTRIES, 0, b"", [[author, 3, ID, False]], True),
        m.encode(m.ENTRIES, 0, b"\x01", [[author, 3, ID, True]], False), m.encode(m.WANT, 0, 1, [[author, 1, 3]]),
        m.encode(m.WANT_IDS, 0, 2, [ID]), m.encode(m.PUSH, 0, batch), m.encode(m.BATCH, 0, 1, batch, True),
        m.encode(m.STORED, 0, 1), m.encode(m.HELD, 0, 4), m.encode(m.KNOCK, 0, batch), m.encode(m.KEYS, 0, b"k" * 80),
        m.encode(m.PEERS, 0, ["/ip4/10.0.0.1/tcp/1"]), m.encode(m.TURNED_AWAY, 0, "no"),
        m.encode(m.GUEST, 0, ID, b"w" * 40),
        m.encode(m.WANT_BLOB, 0, ID, 0), m.encode(m.BLOB, 0, ID, 0, 5, b"bytes"), m.encode(m.WANT_PROOF, 0, author),
        m.encode(m.PROOF, 0, batch, batch),
    ]  # fmt: skip
    return [said[at:] + said[:at] for at in range(len(said))]


def bent_talk(dice: Dice, samples: Sequence[list[bytes]]) -> list[bytes]:
    """Say some of it, some of that bent."""
    said = dice.choice(samples)[: dice.randint(1, 6)]
    return [bent_msgpack(dice, [frame]) if dice.random() < 0.4 else frame for frame in said]


def chunks() -> list[bytes]:
    """Return edits of a page with everything in them."""
    return a_shared_past()


def bent_chunk(dice: Dice, samples: Sequence[bytes]) -> bytes:
    """Bend an edit's body; its checksum fits, mostly, or the rest would never be looked at."""
    raw = dice.choice(samples)
    if dice.random() < 0.1:
        return bent_bytes(dice, [raw])
    return chunk.wrap(bent_bytes(dice, [chunk.unwrap(raw)[1]]))


def read_chunk(raw: bytes) -> object:
    """Read an edit as the guard does."""
    chunk.decode_header(raw)
    page().missing(raw)
    return chunk.decode(raw)


# -- links, keys, files -----------------------------------------------------------------------------------------------


def an_offer() -> Offer:
    address = f"/ip4/192.168.0.9/tcp/4001/p2p/{peer_id(KEY.public)}"
    return Offer(ID, "Garden", "Amina", 1_790_000_000_000, bytes(32), 3, "member", (address,))


def links() -> list[str]:
    """Return invite links, spelled out and not."""
    return [issue(KEY, an_offer(), key_of("ticket"))[1]]


def read_parts_of_terms(pair: list[bytes]) -> object:
    return read_terms(*pair)


def terms() -> list[list[bytes]]:
    invitation = read_link(links()[0])
    return [[invitation.terms, invitation.signature]]


def bent_parts(dice: Dice, samples: Sequence[list[bytes]]) -> list[bytes]:
    """Bend one of several byte strings."""
    parts = list(dice.choice(samples))
    at = dice.randrange(len(parts))
    parts[at] = bent_bytes(dice, [parts[at]])
    return parts


def markers() -> list[bytes]:
    place = Place("/home/a", "1", "2", "m")
    return [write_marker(Marker("a" * 32, ("b" * 32,), ID.hex(), place, {ID.hex(): 3})), write_tag(Tag("a", "b"))]


def read_either(raw: bytes) -> object:
    """Read what lies inside a folder, and what lies outside."""
    for read in (read_tag, read_marker):
        try:
            read(raw)
        except CommonsError:
            continue
    return None


def read_settings(raw: bytes) -> object:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / config.FILE_NAME).write_bytes(raw)
        return config.load(Path(folder))


# -- archives ---------------------------------------------------------------------------------------------------------


def archive(name: str) -> Decoder:
    """Return the decoder of an archive of some form."""
    files = mastodon_exports.export(mastodon_exports.create(mastodon_exports.note()))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        if name.endswith("json"):
            path.write_bytes(files["outbox.json"])
        elif name.endswith("jsonl"):
            path = mastodon_exports.write_lines(Path(folder), {"text": "hello", "published": "2023-05-01T10:00:00Z"})
        else:
            (mastodon_exports.as_zip if name.endswith("zip") else mastodon_exports.as_tar)(path, files)
        sample = path.read_bytes()

    def read(raw: bytes) -> object:
        with tempfile.TemporaryDirectory() as place:
            path = Path(place) / name
            path.write_bytes(raw)
            with open_archive(path) as opened:
                return list(opened.posts())

    return Decoder([sample], bent_json if name.endswith("json") else bent_bytes, read)


# -- requests ---------------------------------------------------------------------------------------------------------


def requests() -> list[list[Any]]:
    """Return every operation with parameters of the right types."""
    lists = {"array": [["rule", "vouchers", 3]], "object": {"vouchers": 3}}
    right = {"string": "x", "integer": 5, "boolean": True, **lists}
    return [[name, {param.name: right[param.kind] for param in op.params}] for name, op in table().items()]


def check_request(request: list[Any]) -> object:
    name, given = request
    return checked(table()[name], given if isinstance(given, dict) else {"?": given})


def bent_request(dice: Dice, samples: Sequence[list[Any]]) -> list[Any]:
    name, given = dice.choice(samples)
    return [name, json.loads(json.dumps(bent_tree(dice, given, in_json=True)))]


def read_words(text: str) -> object:
    return rendered(text), excerpt(text)


DECODERS: dict[str, Callable[[], Decoder]] = {
    "change": lambda: Decoder([encode_change(c) for c in changes()], bent_msgpack, decode_change),
    "batch": lambda: Decoder([encode_batch(changes()[:4])], bent_msgpack, lambda raw: decode_batch(raw, SPACE)),
    "body": lambda: Decoder(bodies(), bent_msgpack, read_body),
    "plain": lambda: Decoder([encode_body("post.write", ["long " * 80, None, None, []])], bent_bytes, decode_body),
    "sealed": lambda: Decoder(
        [seal_body(b"\x00" + bodies()[0], SECRET, ID, 1, b"start")],
        bent_bytes,
        lambda raw: open_body(raw, SECRET, ID, 1, b"start"),
    ),
    "wraps": lambda: Decoder([Secrets(ID, [SECRET], [ID]).wrapped([(ID, ID, "Other")])], bent_msgpack, read_wrapped),
    "message": lambda: Decoder([frame for said in conversations()[:1] for frame in said], bent_msgpack, m.decode),
    "session": lambda: Decoder(conversations(), bent_talk, in_session),
    "edit": lambda: Decoder(chunks(), bent_chunk, read_chunk),
    "hint": lambda: Decoder([write_hint(SECRET, [(ID, 3)])], bent_bytes, lambda raw: read_hint(SECRET, raw)),
    "certificate": lambda: Decoder([certify(ROOT, KEY.public, 0, 1)], bent_msgpack, read_certificate),
    "terms": lambda: Decoder(terms(), bent_parts, read_parts_of_terms),
    "link": lambda: Decoder(links(), bent_text, read_link),
    "phrase": lambda: Decoder([write_phrase(SECRET)], bent_text, read_phrase),
    "did": lambda: Decoder([to_did(ANN)], bent_text, from_did),
    "address": lambda: Decoder([*an_offer().addresses, "/ip6/::1/tcp/1"], bent_text, parse),
    "keys": lambda: Decoder(
        [write_keys(new_person(1, SECRET), None)], bent_json, lambda raw: read_keys(raw, None)
    ),
    "marker": lambda: Decoder(markers(), bent_json, read_either),
    "settings": lambda: Decoder(SETTINGS, bent_bytes, read_settings),
    "picture": lambda: Decoder([b"\x89PNG\r\n\x1a\n" + bytes(40), b"\xff\xd8\xff" + bytes(9)], bent_bytes, make_blob),
    "zip": lambda: archive("a.zip"),
    "tar": lambda: archive("a.tar.gz"),
    "outbox": lambda: archive("outbox.json"),
    "lines": lambda: archive("posts.jsonl"),
    "request": lambda: Decoder(requests(), bent_request, check_request),
    "words": lambda: Decoder(WORDS, bent_text, read_words),
}  # fmt: skip
