"""A JSON document read entry by entry gives what a parser of the whole gives, and refuses in words."""

import io
import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.errors import Refused
from node.archives import jsonstream
from node.archives.jsonstream import JsonDocument

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


def read(raw: bytes) -> tuple[JsonDocument, list[object]]:
    document = JsonDocument(io.BytesIO(raw), "outbox.json")
    return document, list(document.entries())


class _Dripping(io.RawIOBase):
    """A file that gives few bytes at a time, cutting letters in two."""

    def __init__(self, raw: bytes, step: int) -> None:
        self._inner = io.BytesIO(raw)
        self._step = step

    def read(self, size: int = -1, /) -> bytes:
        return self._inner.read(min(self._step, size))


@given(st.lists(values, max_size=5), st.dictionaries(st.text("abc", max_size=3), values, max_size=3), st.integers(1, 7))
def test_entries_and_head_are_what_a_whole_parser_reads(
    entries: list[object], head: dict[str, object], step: int
) -> None:
    whole = {**head, "orderedItems": entries, "end": 1}
    for indent, as_ascii in ((None, True), (2, False)):
        raw = json.dumps(whole, indent=indent, ensure_ascii=as_ascii).encode("utf-8", "surrogatepass")
        document = JsonDocument(_Dripping(raw, step), "x")

        assert list(document.entries()) == entries
        assert document.head == {**head, "end": 1}
        assert not document.is_array


@given(st.lists(values, max_size=5), st.integers(1, 7))
def test_an_array_is_read_entry_by_entry(entries: list[object], step: int) -> None:
    document = JsonDocument(_Dripping(b"\xef\xbb\xbf " + json.dumps(entries).encode() + b"\n", step), "x")

    assert list(document.entries()) == entries
    assert document.is_array


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "it ends too early"),
        (b"{", "a name was expected"),
        (b'{"a": 1', "it ends too early"),
        (b'{"orderedItems": [1, 2', "it ends too early"),
        (b'{"orderedItems": [1 2]}', "“]” was expected"),
        (b'{"orderedItems": [{"a": }]}', "near character 25"),
        (b"{} {}", "after its end"),
        (b"[1],", "after its end"),
        (b"{1: 2}", "a name was expected"),
        (b'["\xff"]', "no UTF-8 text, near character 3"),
        (b'["\xc3', "no UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b"nonsense", "“{” was expected"),
        (b'[1, "half', "near character"),
        (b'{"a" 1}', "“:” was expected"),
    ],
)
def test_what_is_no_json_is_refused_with_its_place(raw: bytes, words: str) -> None:
    with pytest.raises(Refused, match=r"outbox\.json is not readable") as caught:
        read(raw)

    assert words in str(caught.value)


@given(st.binary(max_size=60), st.sampled_from([b"", b"[", b"{", b'{"items":[']))
def test_garbage_raises_only_our_own_error(raw: bytes, start: bytes) -> None:
    try:
        read(start + raw)
    except Refused:
        return


def test_numbers_beyond_all_measure_do_no_harm() -> None:
    _, entries = read(b"[" + b"9" * 5_000 + b", 1e999, -0, 12]")

    assert entries == [0, float("inf"), 0, 12]


def test_an_entry_that_never_ends_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonstream, "MAX_ENTRY_CHARS", 1_000_000)

    with pytest.raises(Refused):
        read(b'["' + b"x" * 3_000_000 + b'"]')
    with pytest.raises(Refused):
        read(b'["' + b"x" * 3_000_000)


def test_a_head_that_never_ends_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonstream, "MAX_HEAD_CHARS", 100_000)

    with pytest.raises(Refused):
        read(json.dumps({str(number): "x" * 1_000 for number in range(1_000)}).encode())


def test_memory_holds_an_entry_and_not_the_file() -> None:
    entry = json.dumps({"content": "x" * 2_000}).encode()
    raw = b'{"orderedItems": [' + b",".join([entry] * 20_000) + b"]}"
    stream = io.BytesIO(raw)

    tracemalloc.start()
    count = sum(1 for _ in JsonDocument(stream, "x").entries())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert count == 20_000
    assert peak < 8_000_000 < len(raw)
