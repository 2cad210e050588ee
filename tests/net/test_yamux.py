"""The Yamux machine: two of them joined by a wire of bytes, and one against a hostile peer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.errors import CommonsError, NetworkError, RemoteProtocolError
from node.net.yamux import (
    ACK,
    DATA,
    FIN,
    FIRST_WINDOW,
    GO_AWAY,
    HEADER,
    MAX_CONTROL_FRAMES,
    PING,
    RST,
    SYN,
    WINDOW,
    Channel,
    Mux,
)


class Side:
    """A machine with what it received, by stream; it uses what it gets at once unless `holds`."""

    def __init__(self, *, initiator: bool, max_inbound: int = 16) -> None:
        self.mux = Mux(initiator=initiator, max_inbound=max_inbound, on_open=self.listen)
        self.got: dict[int, bytearray] = {}
        self.ends: dict[int, Exception | None] = {}
        self.opened: list[Channel] = []
        self.holds = False

    def listen(self, channel: Channel) -> None:
        if channel.inbound:
            self.opened.append(channel)
        self.got[channel.number] = bytearray()

        def on_data(data: bytes) -> None:
            self.got[channel.number] += data
            if not self.holds:
                channel.credit(len(data))

        channel.on_data = on_data
        channel.on_end = lambda error: self.ends.update({channel.number: error})

    def open(self) -> Channel:
        channel = self.mux.open()
        self.listen(channel)
        return channel


def pair() -> tuple[Side, Side]:
    return Side(initiator=True), Side(initiator=False)


def run(one: Side, other: Side, chunk: int = 65_519, cut: int = 1 << 20) -> None:
    """Carry bytes both ways, in pieces of `cut`, until both are quiet."""
    moved = True
    while moved:
        moved = False
        for source, sink in ((one, other), (other, one)):
            data = source.mux.next_chunk(chunk)
            for at in range(0, len(data), cut):
                sink.mux.feed(data[at : at + cut])
            moved = moved or bool(data)


WRITES = st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=4000)), max_size=30)


@given(WRITES, WRITES, st.integers(30, 5000), st.integers(1, 700))
def test_every_byte_arrives_in_order_however_the_wire_cuts_it(
    ours: list[tuple[int, bytes]], theirs: list[tuple[int, bytes]], chunk: int, cut: int
) -> None:
    here, there = pair()
    streams = {side: [side.open() for _ in range(4)] for side in (here, there)}
    for side, writes in ((here, ours), (there, theirs)):
        for number, data in writes:
            streams[side][number].write(data)

    run(here, there, chunk, cut)

    for side, other, writes in ((here, there, ours), (there, here, theirs)):
        for index, channel in enumerate(streams[side]):
            assert other.got[channel.number] == b"".join(data for number, data in writes if number == index)
            assert channel.queued == 0


def test_more_than_a_window_flows_while_the_reader_uses_it() -> None:
    here, there = pair()
    channel = here.open()
    data = bytes(range(256)) * 8192
    channel.write(data)

    run(here, there)

    assert there.got[channel.number] == data


def test_a_reader_that_uses_nothing_gets_one_window_and_no_more() -> None:
    here, there = pair()
    there.holds = True
    channel = here.open()
    channel.write(bytes(3 * FIRST_WINDOW))

    run(here, there)

    assert len(there.got[channel.number]) == FIRST_WINDOW
    assert channel.queued == 2 * FIRST_WINDOW

    there.opened[0].credit(FIRST_WINDOW)
    run(here, there)
    assert len(there.got[channel.number]) == 2 * FIRST_WINDOW


def test_a_widened_window_lets_more_be_under_way() -> None:
    here, there = pair()
    there.holds = True
    channel = here.open()
    run(here, there)
    there.opened[0].widen(4 * FIRST_WINDOW)
    channel.write(bytes(9 * FIRST_WINDOW))

    run(here, there)

    assert len(there.got[channel.number]) == 4 * FIRST_WINDOW


def test_an_end_is_told_after_the_last_byte_and_leaves_nothing() -> None:
    here, there = pair()
    channel = here.open()
    channel.write(b"last words")
    channel.finish()
    run(here, there)
    assert (bytes(there.got[1]), there.ends) == (b"last words", {1: None})

    there.opened[0].write(b"answer")
    there.opened[0].finish()
    run(here, there)

    assert (bytes(here.got[1]), here.ends, here.mux.channels, there.mux.channels) == (b"answer", {1: None}, {}, {})


def test_a_reset_ends_both_sides_at_once() -> None:
    here, there = pair()
    channel = here.open()
    channel.write(bytes(FIRST_WINDOW * 2))
    run(here, there)
    there.opened[0].reset()
    run(here, there)

    assert isinstance(here.ends[1], NetworkError)
    assert (here.mux.channels, there.mux.channels, channel.queued) == ({}, {}, 0)


def test_streams_beyond_the_limit_are_reset_and_ended_ones_make_room() -> None:
    here, there = Side(initiator=True), Side(initiator=False, max_inbound=3)
    channels = [here.open() for _ in range(5)]
    run(here, there)

    assert [channel.number in here.ends for channel in channels] == [False, False, False, True, True]
    channels[0].reset()
    late = here.open()
    run(here, there)
    assert late.number not in here.ends


def test_streams_take_turns() -> None:
    here, _ = pair()
    for channel in [here.open() for _ in range(3)]:
        channel.write(bytes(100_000))
    while here.mux._controls:
        here.mux.next_chunk(HEADER.size)

    first = [HEADER.unpack_from(here.mux.next_chunk(1000))[3] for _ in range(6)]

    assert first == [1, 3, 5, 1, 3, 5]


def test_a_ping_is_answered() -> None:
    here, there = pair()
    here.mux.ping(7)

    run(here, there)

    assert (here.mux.pongs, there.mux.pongs) == (1, 0)


def test_a_closed_machine_ends_its_streams_and_opens_none() -> None:
    here, _ = pair()
    here.open()

    here.mux.close(None)

    assert isinstance(here.ends[1], NetworkError)
    with pytest.raises(NetworkError):
        here.mux.open()
    assert here.mux.next_chunk(1000) == b""


def frame(kind: int, flags: int, number: int, value: int, version: int = 0) -> bytes:
    return HEADER.pack(version, kind, flags, number, value)


@pytest.mark.parametrize(
    "data",
    [
        frame(DATA, SYN, 1, 0, version=1),
        frame(4, 0, 1, 0),
        frame(DATA, 16, 1, 0),
        frame(DATA, SYN, 2, 0),
        frame(DATA, SYN, 0, 5),
        frame(WINDOW, SYN, 1, 0) * 2,
        frame(DATA, SYN, 1, FIRST_WINDOW + 1),
        frame(DATA, SYN, 1, FIRST_WINDOW) + bytes(FIRST_WINDOW) + frame(DATA, 0, 1, 1),
        frame(DATA, SYN | FIN, 1, 1) + b"x" + frame(DATA, 0, 1, 1),
        frame(WINDOW, SYN, 1, 0xFFFFFFFF),
        frame(DATA, 0, 9, 0xFFFFFFFF),
        frame(PING, SYN, 0, 1) * (MAX_CONTROL_FRAMES + 1),
        frame(WINDOW, SYN, 1, 0) + b"".join(frame(WINDOW, SYN, 3 + 2 * i, 0) for i in range(MAX_CONTROL_FRAMES)),
    ],
)
def test_a_peer_that_breaks_the_protocol_is_refused(data: bytes) -> None:
    side = Side(initiator=False)
    side.holds = True

    with pytest.raises(RemoteProtocolError):
        side.mux.feed(data)


def test_a_goodbye_ends_the_connection() -> None:
    with pytest.raises(NetworkError):
        Side(initiator=False).mux.feed(frame(GO_AWAY, 0, 0, 0))


def test_data_for_a_stream_that_has_ended_is_passed_over() -> None:
    side = Side(initiator=False)

    side.mux.feed(frame(DATA, 0, 9, 5) + b"12345" + frame(WINDOW, RST, 9, 0) + frame(DATA, SYN, 1, 2) + b"ok")

    assert side.got == {1: bytearray(b"ok")}


FRAMES = st.tuples(
    st.sampled_from([DATA, WINDOW, PING, DATA]),
    st.sampled_from([0, SYN, ACK, FIN, RST, SYN | FIN]),
    st.integers(0, 9),
    st.integers(0, 40),
).map(lambda parts: frame(*parts) + (bytes(parts[3]) if parts[0] == DATA else b""))


@given(st.lists(FRAMES, max_size=30).map(b"".join) | st.binary(max_size=200), st.integers(1, 50))
def test_garbage_raises_only_our_own_errors_and_keeps_the_count(data: bytes, cut: int) -> None:
    side = Side(initiator=False, max_inbound=2)
    side.holds = True
    try:
        for at in range(0, len(data), cut):
            side.mux.feed(data[at : at + cut])
    except CommonsError:
        pass

    assert side.mux.inbound == sum(channel.inbound for channel in side.mux.channels.values()) <= 2
