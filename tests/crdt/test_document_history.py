import time

import pytest
from document_forging import ANN, BEN, exchange, page

from identity.errors import Refused


def test_history_tells_who_changed_what_in_an_order_that_all_share() -> None:
    ann, ben = page(ANN), page(BEN)
    ann.put_fields({"title": "one"})
    exchange(ann, ben)
    ben.splice_text("notes", "two")
    ben.splice_text("body", "three")
    exchange(ann, ben)

    history = ann.history()

    assert [(edit.actor, edit.seq, set(edit.fields)) for edit in history] == [
        (ANN, 1, {"title"}),
        (BEN, 1, {"notes"}),
        (BEN, 2, {"body"}),
    ]
    assert [edit.deps for edit in history] == [(), (history[0].hash,), (history[1].hash,)]
    assert ann.heads() == [history[2].hash]


def test_every_past_version_can_be_read() -> None:
    ann, versions = page(ANN), []
    for text in ("one", "one two", "two", "", "again"):
        ann.splice_text("body", text)
        ann.put_fields({"title": text})
        versions.append((ann.heads()[0], text))

    for head, text in versions:
        assert ann.read_at(head) == {"title": text, "body": text, "notes": ""}
        assert ann.text_at("body", head) == text
    assert ann.read_at() == {"body": "", "notes": ""}


def test_a_version_of_two_heads_has_both_edits() -> None:
    ann, ben = page(ANN), page(BEN)
    ann.put_fields({"title": "t"})
    ben.put_fields({"about": "a"})
    exchange(ann, ben)
    heads = ann.heads()
    ann.put_fields({"title": "later", "about": "later"})

    assert len(heads) == 2
    assert ann.read_at(*heads) == {"title": "t", "about": "a", "body": "", "notes": ""}


def test_restoring_brings_fields_and_texts_back_and_keeps_the_history() -> None:
    ann, ben = page(ANN), page(BEN)
    ann.put_fields({"title": "Garden", "lang": "de"})
    ann.splice_text("body", "What we agreed.\n")
    exchange(ann, ben)
    version, before = ann.heads()[0], ann.read()
    ben.put_fields({"title": "Spam", "lang": None, "link": "spam"})
    ben.splice_text("body", "Spam.\n")
    ben.splice_text("notes", "Spam.\n")
    exchange(ann, ben)

    edits = ann.restore(version)
    for raw in edits:
        ben.admit(raw, ANN)

    assert ann.read() == ben.read() == before
    assert len(ben.history()) == 5 + len(edits)
    assert ann.restore(version) == []


def test_more_fields_than_one_edit_holds_are_restored_by_several() -> None:
    ann = page(ANN)
    for number in range(12):
        ann.put_fields({f"field {number}": "x" * 16_000})
    version, before = ann.heads()[0], ann.read()
    for number in range(12):
        ann.put_fields({f"field {number}": None})

    edits = ann.restore(version)

    assert len(edits) == 2
    assert ann.read() == before


def test_a_version_that_is_not_here_is_refused_in_words() -> None:
    ann = page(ANN)

    for call in (ann.read_at, ann.restore, lambda head: ann.text_at("body", head)):
        with pytest.raises(Refused):
            call(b"\x00" * 32)


def test_a_page_that_was_emptied_is_written_and_restored_in_little_time() -> None:
    # What was deleted stays in the document; the engine's own way of writing takes minutes here.
    ann, text = page(ANN), "some words here\n" * 2_000
    ann.splice_text("body", text)
    version = ann.heads()[0]
    ann.splice_text("body", "")

    before = time.process_time()
    ann.restore(version)
    spent_s = time.process_time() - before

    assert ann.text("body") == text
    assert spent_s < 3
