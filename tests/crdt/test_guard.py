import gc
import time
import tracemalloc

import pytest
from document_forging import (
    ANN,
    BEN,
    EVE,
    FIRST_BODY,
    FIRST_NOTES,
    PAGE,
    actor_of,
    an_edit,
    assemble,
    dissect,
    exchange,
    first_hash,
    forge,
    letter,
    page,
    put,
    refused,
    titled,
)

from crdt import chunk
from crdt.chunk import DELETE, HEAD, MAKE_TEXT, Op
from crdt.document import Document
from identity.errors import Malformed

FIRST_HASH = "acac1ac9ccfa0be5f36c52ae7cacb1b37e48428e3255a20127ccb942724832be"


def test_a_documents_first_change_never_changes_its_bytes() -> None:
    # Every node computes it for itself: other bytes would mean another document.
    assert first_hash(Document(PAGE)).hex() == FIRST_HASH


def test_an_edit_under_another_devices_name_is_refused() -> None:
    assert "signed" in refused(titled(ANN), author=BEN)


def test_an_edit_that_speaks_for_the_document_itself_is_refused() -> None:
    raw = forge(titled(), actor=FIRST_BODY[1])

    assert "itself" in refused(raw, author=FIRST_BODY[1])


def test_an_edit_that_skips_a_number_is_refused() -> None:
    assert "number" in refused(forge(titled(), seq=2))


def test_a_second_edit_of_the_same_number_is_refused() -> None:
    document = page()
    document.admit(titled(ANN, title="one"), ANN)

    assert "number" in refused(titled(ANN, title="two"), past=document)


def test_an_edit_beside_its_devices_last_one_is_refused() -> None:
    document = page(ANN)
    document.put_fields({"title": "one"})
    beside = forge(titled(ANN, about="two"), seq=2)

    assert "last one" in refused(beside, past=document)


def test_an_edit_without_its_past_is_refused_until_that_comes() -> None:
    ann = page(ANN)
    first, second = ann.put_fields({"title": "1"}), ann.put_fields({"title": "2"})
    reader = page()

    reason, missing = refused(second, past=reader), reader.missing(second)
    reader.admit(first, ANN)

    assert "not here" in reason
    assert missing == [chunk.decode(first).hash]
    assert reader.missing(second) == []
    assert reader.admit(second, ANN).deps == (chunk.decode(first).hash,)


def test_an_edit_that_stands_on_nothing_is_refused() -> None:
    assert "not here" in refused(forge(titled(), deps=(), start_op=1))


@pytest.mark.parametrize("start_op", [1, 2, 4, 1_000_000])
def test_operations_that_are_not_counted_on_from_their_past_are_refused(start_op: int) -> None:
    assert "counted on" in refused(an_edit(put(), start_op=start_op))


@pytest.mark.parametrize(
    ("op", "word"),
    [
        (put("body"), "overwrites a text"),
        (put(""), "no name"),
        (put("n" * 65), "no name"),
        (put(value=None), "cannot be done"),
        (put(value="v" * 16_385), "at most"),
        (put(action=DELETE, value=None), "replaces"),
        (put(action=DELETE), "cannot be done"),
        (put(action=MAKE_TEXT, value=None), "cannot be done"),
        (put(insert=True), "cannot be done"),
        (put(key=HEAD), "no name"),
        (put(preds=((2, FIRST_BODY[1]),)), "replaces"),
        (letter(value="two"), "other than a character"),
        (letter(value=""), "other than a character"),
        (letter(value=None), "other than a character"),
        (letter(action=MAKE_TEXT, value=None), "other than a character"),
        (letter(preds=((1, ANN),)), "other than a character"),
        (letter(object=(3, ANN)), "do not have"),
        (letter(object=(9, EVE)), "do not have"),
        (letter(key="name"), "do not have"),
        (letter(key=(3, ANN)), "past does not have"),
        (letter(key=(4, ANN)), "past does not have"),
        (letter(key=(1, BEN)), "past does not have"),
        (letter(key=FIRST_BODY), "past does not have"),
        (letter(insert=False), "cannot be done"),
        (letter(insert=False, action=DELETE, value=None, preds=(HEAD,)), ""),
        (letter(insert=False, action=DELETE, value=None), "cannot be done"),
        (letter(insert=False, action=DELETE, value=None, key=(1, ANN), preds=((1, ANN),)), "past"),
        (letter(insert=False, action=DELETE, value=None, key=(3, ANN), preds=((3, ANN),)), "past"),
    ],
)
def test_an_operation_without_meaning_here_is_refused(op: Op, word: str) -> None:
    assert word in refused(an_edit(op))


def test_a_field_is_set_once_by_one_edit() -> None:
    assert "twice" in refused(an_edit(put(), put(value="y")))


def test_a_character_is_deleted_once_by_one_edit() -> None:
    ann = page(ANN)
    ann.splice_text("body", "ab")
    deleting = page(ANN).fold(ann.raws()).splice_text("body", "b")[0]
    twice = forge(deleting, ops=chunk.decode(deleting).ops * 2)

    assert "cannot be done" in refused(twice, past=ann)


def test_an_edit_inserts_once_at_one_place() -> None:
    after = letter(key=(3, ANN))

    assert "twice" in refused(an_edit(letter(), letter()))
    assert "twice" in refused(an_edit(letter(), after, after))
    assert page().admit(an_edit(letter(), after, letter(object=FIRST_NOTES)), ANN).fields == {"body", "notes"}


def test_a_flood_at_one_place_does_not_slow_down_who_writes_beside_it() -> None:
    # Ann writes much at the beginning; Ben, who has not seen it, inserts as often as he may.
    ann, ben, reader = page(ANN), page(BEN), page()
    for raw in ann.splice_text("body", "x" * 50_000):
        reader.admit(raw, ANN)
    theirs = [ben.splice_text("body", f"{number % 10}" + ben.text("body"))[0] for number in range(30)]

    began = time.process_time()
    for raw in theirs:
        reader.admit(raw, BEN)
    spent_s = time.process_time() - began

    assert spent_s / len(theirs) < 0.01
    assert len(reader.text("body")) == 50_030


def test_a_character_of_another_text_cannot_be_named() -> None:
    ann = page(ANN)
    ann.splice_text("notes", "a")
    raw = ann.fold(ann.raws()).splice_text("notes", "ab")[0]
    (op,) = chunk.decode(raw).ops

    assert "past does not have" in refused(forge(raw, ops=[op._replace(object=FIRST_BODY)]), past=ann)


def test_a_character_that_came_at_the_same_time_cannot_be_named() -> None:
    # Whoever had not got that character yet would have to refuse the edit, and two nodes would differ.
    ann, ben = page(ANN), page(BEN)
    theirs = ann.splice_text("body", "a")[0]
    raw = ben.fold([]).splice_text("body", "b")[0]
    (op,) = chunk.decode(raw).ops
    ben.admit(theirs, ANN)

    assert "past does not have" in refused(forge(raw, ops=[op._replace(key=(3, ANN))]), author=BEN, past=ben)


def test_replacing_a_value_that_came_at_the_same_time_is_refused() -> None:
    ben = page(BEN)
    raw = page(BEN).put_fields({"title": "mine"})
    ben.admit(titled(ANN), ANN)
    (op,) = chunk.decode(raw).ops

    assert "replaces" in refused(forge(raw, ops=[op._replace(preds=((3, ANN),))]), author=BEN, past=ben)


def test_an_edit_cannot_leave_standing_what_it_saw() -> None:
    ann = page(ANN)
    ann.put_fields({"title": "one"})
    raw = ann.fold(ann.raws()).put_fields({"title": "two"})
    (op,) = chunk.decode(raw).ops

    assert "replaces" in refused(forge(raw, ops=[op._replace(preds=())]), past=ann)


def test_an_edit_names_no_actor_that_it_does_not_use() -> None:
    header, body = dissect(titled())
    assert header.endswith(b"\x00\x00\x00")

    raw = assemble(header[:-1] + b"\x01" + b"\x20" + BEN, body)

    assert "canonical" in refused(raw)


def test_two_thousand_operations_pass_and_one_more_does_not() -> None:
    ops = [put(f"field {number}") for number in range(2_000)]

    edit = page().admit(an_edit(*ops), ANN)

    assert len(edit.fields) == 2_000
    assert "longer" in refused(an_edit(*ops, put("one more")))


def test_a_thousand_refusals_leave_no_memory_behind() -> None:
    document, raw = page(), an_edit(*(put(f"field {number}") for number in range(50)), put("body"))
    for _ in range(50):
        refused(raw, past=document)
    tracemalloc.start()
    before_bytes = tracemalloc.get_traced_memory()[0]

    for _ in range(1_000):
        with pytest.raises(Malformed):
            document.admit(raw, ANN)

    gc.collect()
    kept_bytes = tracemalloc.get_traced_memory()[0] - before_bytes
    tracemalloc.stop()
    assert kept_bytes < 64 * 1024


def test_the_verdict_does_not_depend_on_what_else_has_come() -> None:
    ann, ben = page(ANN), page(BEN)
    ann.put_fields({"title": "Ann's"})
    ben.put_fields({"title": "Ben's"})
    exchange(ann, ben)
    saw_both = ann.put_fields({"title": "chosen"})
    beside = ben.put_fields({"title": "other"})
    sooner, later = page().fold(ann.raws()[:-1]), page().fold(ben.raws())

    first = [sooner.admit(raw, actor_of(raw)) for raw in (saw_both, beside)]
    second = [later.admit(saw_both, ANN), later.admit(beside, BEN)]

    assert first[0] == second[0]
    assert second[1] is None
    assert sooner.conflicts("title") == later.conflicts("title")
    assert sorted(sooner.conflicts("title")) == ["chosen", "other"]
