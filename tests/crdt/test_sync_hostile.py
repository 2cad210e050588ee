"""Sync sessions with peers that break the protocol."""

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from two_sessions import ADA, EVE, members, opened, pair

from crdt import exchange
from crdt import messages as m
from crdt.sync import REPLY_TIMEOUT_S
from identity.errors import CommonsError, RemoteProtocolError


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\xc1",
        b"\x90",
        b"\x01",
        bytes(m.MAX_FRAME_BYTES + 1),
        b"\x91" * 100_000,
        b"\xdd\x00\x0f\x42\x40",
        m.encode(99),
        m.encode(-1),
        m.encode(True, 0),
        m.encode(m.HELLO, m.SYNC_VERSION, bytes(16)),  # a second time
        m.encode(m.SPACES, []),  # a second time
        m.encode(m.ROOT, 7, bytes(16)),
        m.encode(m.ROOT, 0, bytes(15)),
        m.encode(m.ROOT, 0),
        m.encode(m.OPEN, 0, bytes(16), bytes(8), -1),
        m.encode(m.BATCH, 0, 77, b"", True),  # what was not asked for
        m.encode(m.ENTRIES, 0, b"", [[ADA, 2**53, b"", False]], True),
        m.encode(m.ENTRIES, 0, b"", [[ADA, 1, b"", 0]], True),
        m.encode(m.WANT, 0, 1, [[ADA, 1]]),
        m.encode(m.WANT_IDS, 0, 1, [bytes(32)] * 1025),
        m.encode(m.BUCKETS, 0, bytes(8)),
        msgpack.packb({0: 1}),
    ],
)
def test_a_peer_that_breaks_the_protocol_is_dropped(frame: bytes) -> None:
    one, _ = opened()

    with pytest.raises(RemoteProtocolError):
        one.session.receive(frame)


def test_a_peer_that_does_not_say_hello_or_talks_another_version_is_dropped() -> None:
    fresh, _ = pair(*members())

    with pytest.raises(RemoteProtocolError):
        fresh.session.receive(m.encode(m.SPACES, []))
    with pytest.raises(RemoteProtocolError):
        fresh.session.receive(m.encode(m.HELLO, m.SYNC_VERSION + 1, bytes(16)))


def test_a_peer_that_names_logs_without_end_is_dropped() -> None:
    one, _ = opened()
    channel = next(iter(one.session.channels.values()))

    def name_logs() -> None:
        for start in range(0, 4 * exchange.MAX_STRANGE_LOGS, m.MAX_ENTRIES):
            logs = [[number.to_bytes(32, "big"), 1, b"", False] for number in range(start, start + m.MAX_ENTRIES)]
            one.session.receive(m.encode(m.ENTRIES, 0, b"", logs, False))

    with pytest.raises(RemoteProtocolError):
        name_logs()
    assert len(channel.peer_seqs) <= exchange.MAX_STRANGE_LOGS + m.MAX_ENTRIES + len(channel.view.history.logs)


def test_a_peer_that_wants_too_much_at_once_or_twice_is_dropped() -> None:
    one, _ = opened()
    one.session.receive(m.encode(m.WANT, 0, 1, [[ADA, 1, 5]]))

    with pytest.raises(RemoteProtocolError):
        one.session.receive(m.encode(m.WANT, 0, 1, [[ADA, 1, 5]]))
    for request in range(2, exchange.MAX_SERVING + 1):
        one.session.receive(m.encode(m.WANT, 0, request, [[ADA, 1, 5]]))
    with pytest.raises(RemoteProtocolError):
        one.session.receive(m.encode(m.WANT, 0, exchange.MAX_SERVING + 1, [[ADA, 1, 5]]))


def test_a_peer_that_does_not_answer_is_dropped_after_a_minute() -> None:
    one, _ = opened()
    one.session.tick(100.0)
    one.session.receive(m.encode(m.ENTRIES, 0, b"", [[EVE, 5, bytes(32), False]], False))
    one.session.tick(100.0 + REPLY_TIMEOUT_S)

    with pytest.raises(RemoteProtocolError):
        one.session.tick(101.0 + REPLY_TIMEOUT_S)


@given(st.lists(st.binary(max_size=60), max_size=4), st.integers(0, 17), st.data())
def test_garbage_gets_only_errors_of_our_own(frames: list[bytes], kind: int, data: st.DataObject) -> None:
    fields = data.draw(st.lists(st.integers(-1, 3) | st.binary(max_size=33) | st.booleans() | st.lists(st.none())))
    for frame in (*frames, m.encode(kind, *fields), m.encode(kind, 0, *fields)):
        one, _ = opened()
        try:
            one.session.receive(frame)
        except CommonsError:
            continue
