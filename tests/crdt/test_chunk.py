import time
import tracemalloc

import pytest
from automerge import core
from document_forging import ANN, an_edit, assemble, dissect, forge, letter, page, refused, titled, typed
from hypothesis import given
from hypothesis import strategies as st

from crdt import chunk, columns
from crdt.chunk import HEAD
from crdt.columns import write_sleb, write_uleb
from crdt.document import Document
from identity.errors import Malformed

# The one spelling


@given(st.lists(st.integers(-(2**33), 2**33) | st.none(), max_size=40))
def test_a_column_of_steps_reads_back_as_it_was_written(values: list[int | None]) -> None:
    written = columns.write_deltas([value and value % 2**31 for value in values])

    read = columns.read_deltas(written, 40)

    expected = [value and value % 2**31 for value in values]
    assert read == (expected if any(value is not None for value in expected) else [])


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_a_column_of_flags_reads_back_as_it_was_written(flags: list[bool]) -> None:
    assert columns.read_flags(columns.write_flags(flags), len(flags)) == flags


@given(st.text(max_size=30), st.text("ab", max_size=9), st.lists(st.integers(0, 10), max_size=9))
def test_what_the_engine_itself_writes_is_the_one_spelling(text: str, title: str, gone: list[int]) -> None:
    engine = page()._engine._document
    engine.set_actor(ANN)
    body = engine.get(core.ROOT, "body")[1]
    written, heads = [], engine.get_heads()

    for turn in range(2):
        with engine.transaction() as transaction:
            transaction.put(core.ROOT, "title", core.ScalarType.Str, f"{title}{turn}")
            for at in gone:
                if at < engine.length(body):
                    transaction.delete(body, min(at, transaction.length(body) - 1))
            for at, character in enumerate(text):
                transaction.insert(body, at, core.ScalarType.Str, character)
            if turn and not title:
                transaction.delete(core.ROOT, "title")
        written += [bytes(change.raw_bytes) for change in engine.get_changes(heads)]
        heads = engine.get_heads()

    for raw in written:
        read = chunk.decode(raw)
        assert chunk.encode(read.header, read.ops) == raw


# Bytes that are no edit at all


@pytest.mark.parametrize("column", [1, 2, 17, 19, 21, 66, 86, 112, 113, 115])
@pytest.mark.parametrize("run", [2_001, 2**31 - 1, 2**33, 2**53, 2**63 - 1])
@pytest.mark.parametrize("sign", [1, -1, 0])
def test_a_run_length_bomb_is_refused(column: int, run: int, sign: int) -> None:
    header, body = dissect(typed())
    body[column] = (write_sleb(run * sign) if sign else b"\x00" + write_uleb(run)) + b"\x01"

    refused(assemble(header, dict(sorted(body.items()))))


@pytest.mark.parametrize("run", [6, 2**31, 2**34, 2**62])
def test_a_bomb_of_flags_is_refused(run: int) -> None:
    header, body = dissect(typed())
    body[52] = write_uleb(run)

    refused(assemble(header, body))


@pytest.mark.parametrize(
    "columns_changed",
    [
        {52: None},
        {66: None},
        {86: None},
        {112: None},
        {87: None},
        {87: b"hell"},
        {87: b"hellox"},
        {87: b"hell\xff"},
        {86: b"\x05\x15"},
        {86: b"\x05\x18"},
        {66: b"\x05\x05"},
        {66: b"\x05\x00"},
        {112: b"\x05\x01"},
        {113: b"\x01\x00"},
        {115: b"\x01\x01"},
        {21: b"\x7f\x04body"},
        {99: b"\x00"},
        {148: b"\x05"},
        {165: b"\x7f\x01x"},
        {67: b"\x05\x01"},
        {74: b"\x05\x01"},
    ],
)
def test_columns_that_do_not_fit_each_other_are_refused(columns_changed: dict[int, bytes | None]) -> None:
    header, body = dissect(typed())

    merged = {**body, **columns_changed}
    raw = assemble(header, {column: data for column, data in sorted(merged.items()) if data is not None})

    refused(raw)


def test_columns_out_of_order_are_refused() -> None:
    header, body = dissect(typed())

    assert "canonical" in refused(assemble(header, dict(reversed(body.items()))))


def test_an_empty_column_is_refused() -> None:
    header, body = dissect(titled())

    assert "canonical" in refused(assemble(header, {1: b"", **body}))


def test_a_run_written_in_two_pieces_is_refused() -> None:
    header, body = dissect(typed("aaaa"))

    assert body[66] == b"\x04\x01"
    assert "canonical" in refused(assemble(header, {**body, 66: b"\x02\x01\x02\x01"}))


@pytest.mark.parametrize("overlong", [b"\x83\x00", b"\x83\x80\x00", b"\x83" + b"\x80" * 20 + b"\x00"])
def test_an_overlong_number_is_refused(overlong: bytes) -> None:
    raw = titled()
    header, body = dissect(raw)
    assert header.endswith(b"\x01\x03\x00\x00\x00")

    refused(assemble(header[:-4] + overlong + b"\x00\x00\x00", body))


@pytest.mark.parametrize("tail", [b"\x01\x00\x00", b"\x00\x01m\x00", b"\x00\x00\x00\x00"])
def test_a_time_a_message_or_bytes_left_over_are_refused(tail: bytes) -> None:
    header, body = dissect(titled())

    refused(assemble(header[:-3] + tail, body))


def test_a_short_actor_is_refused() -> None:
    refused(forge(titled(), actor=b"\xaa" * 16), author=b"\xaa" * 16)


@pytest.mark.parametrize("count", [1_025, 2**20, 2**34])
def test_too_many_parents_are_refused(count: int) -> None:
    _, body = dissect(titled())
    header = write_uleb(count) + bytes(32) * min(count, 2_000) + b"\x20" + ANN + b"\x01\x03\x00\x00\x00"

    assert "parents" in refused(assemble(header, body))


def test_too_many_actors_are_refused() -> None:
    header, body = dissect(titled())
    many = b"".join(b"\x20" + number.to_bytes(32, "big") for number in range(1_025))

    assert "actors" in refused(assemble(header[:-1] + write_uleb(1_025) + many, body))


def test_an_edit_above_the_largest_size_is_refused_unread() -> None:
    assert "at most" in refused(bytes(chunk.MAX_CHUNK_BYTES + 1))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: b"",
        lambda raw: raw[:8],
        lambda raw: raw[:-1],
        lambda raw: raw + b"\x00",
        lambda raw: raw + raw,
        lambda raw: b"\x85\x6f\x4a\x84" + raw[4:],
        lambda raw: raw[:4] + bytes(4) + raw[8:],
        lambda raw: raw[:8] + b"\x00" + raw[9:],
        lambda raw: raw[:8] + b"\x02" + raw[9:],
        lambda _: chunk.wrap(b""),
        lambda _: chunk.wrap(bytes(1000)),
    ],
)
def test_bytes_that_are_not_one_change_are_refused(spoil) -> None:
    refused(spoil(titled()))


@given(st.binary(max_size=300), st.booleans())
def test_garbage_raises_nothing_but_malformed(noise: bytes, wrapped: bool) -> None:
    raw = chunk.wrap(noise) if wrapped else noise

    with pytest.raises(Malformed):
        page().admit(raw, ANN)


def worst_cases() -> list[bytes]:
    """Return the most costly garbage we can think of, each as large as may be."""
    header, body = dissect(typed())
    room = chunk.MAX_CHUNK_BYTES - 2_000
    ones = b"\x01\x01" * (room // 2)
    names = b"".join(b"\x7f\x7c" + b"n" * 124 for _ in range(2_000))
    return [
        *(assemble(header, dict(sorted({**body, column: ones}.items()))) for column in (1, 19, 66, 112, 113)),
        assemble(header, {**body, 52: bytes(room)}),
        assemble(header, dict(sorted({**body, 21: names}.items()))),
        assemble(header, {**body, 87: b"x" * room}),
        chunk.wrap(write_uleb(1_024) + bytes(room)),
        chunk.wrap(b"\x00" + b"\x20" + ANN + b"\x01\x03\x00\x00" + write_uleb(1_024) + (b"\x20" + ANN) * 1_024),
        chunk.wrap(b"\xff" * room),
        an_edit(*(letter("😀", key=(2 + at, ANN) if at else HEAD) for at in range(1_999)), letter("xy")),
    ]


def test_the_most_costly_garbage_is_refused_in_little_time_and_memory() -> None:
    document = page()
    for raw in worst_cases():
        assert len(raw) <= chunk.MAX_CHUNK_BYTES
        tracemalloc.start()
        with pytest.raises(Malformed):
            document.admit(raw, ANN)
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak_bytes < 4 * 1024 * 1024

        assert min(cpu_s(document, raw) for _ in range(3)) < 0.05


def cpu_s(document: Document, raw: bytes) -> float:
    before = time.process_time()
    with pytest.raises(Malformed):
        document.admit(raw, ANN)
    return time.process_time() - before
