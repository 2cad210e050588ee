import time

import pytest
from document_forging import ANN, BEN, EVE, PAGE, TEXTS, a_shared_past, actor_of, assemble, dissect, exchange, page
from hypothesis import given
from hypothesis import strategies as st

from crdt import chunk
from crdt.document import Document
from identity.errors import LocalProtocolError, Malformed, Refused

PAST = a_shared_past()


def admissible(arrivals: list[bytes]) -> Document:
    """Admit edits in any order, holding back each until what it builds on is here."""
    document, waiting = page(), list(arrivals)
    while waiting:
        held = [raw for raw in waiting if document.missing(raw)]
        for raw in waiting:
            if raw not in held:
                document.admit(raw, actor_of(raw))
        assert len(held) < len(waiting)
        waiting = held
    return document


# Merging


@given(st.permutations(PAST), st.lists(st.sampled_from(PAST), max_size=10))
def test_any_order_and_any_repetition_give_one_document(arrivals: list[bytes], again: list[bytes]) -> None:
    expected = page().fold(PAST)

    document = admissible([*arrivals, *again])

    assert document.read() == expected.read()
    assert document.heads() == expected.heads() == sorted(document._engine.heads())
    assert document.history() == expected.history()
    assert document.conflicts("title") == expected.conflicts("title")


STEPS = st.lists(
    st.one_of(
        st.tuples(st.integers(0, 2), st.sampled_from(["title", "lang"]), st.text("ab😀", max_size=4) | st.none()),
        st.tuples(st.integers(0, 2), st.sampled_from(TEXTS), st.text("abc \nü", max_size=20)),
        st.tuples(st.integers(0, 2), st.just("meet"), st.integers(0, 2)),
    ),
    max_size=25,
)


@given(STEPS)
def test_people_who_meet_now_and_then_end_with_one_document(steps: list[tuple]) -> None:
    people = [page(actor) for actor in (ANN, BEN, EVE)]
    for who, what, value in steps:
        if what == "meet":
            exchange(people[who], people[value])
        elif what in TEXTS:
            people[who].splice_text(what, value)
            assert people[who].text(what) == value
        else:
            people[who].put_fields({what: value})
            assert people[who].read().get(what) == value

    exchange(*people)

    first = people[0]
    assert all(person.read() == first.read() for person in people)
    assert all(person.heads() == first.heads() for person in people)
    assert all(person.history() == first.history() for person in people)
    assert first.fold(people[2].raws()).read() == first.read()


def test_two_people_edit_one_page_offline_and_both_edits_survive() -> None:
    ann, ben = page(ANN), page(BEN)
    ann.splice_text("body", "Garden\n\nWe meet on Monday.\n\nBring a spade.\n")
    exchange(ann, ben)

    ann.splice_text("body", ann.text("body").replace("Monday", "Tuesday at nine"))
    ben.splice_text("body", ben.text("body").replace("a spade", "a spade and gloves") + "\nTea is there.\n")
    exchange(ann, ben)

    expected = "Garden\n\nWe meet on Tuesday at nine.\n\nBring a spade and gloves.\n\nTea is there.\n"
    assert ann.text("body") == ben.text("body") == expected


def test_two_people_who_write_the_first_words_at_once_lose_none() -> None:
    ann, ben = page(ANN), page(BEN)

    ann.splice_text("body", "From Ann.\n")
    ben.splice_text("body", "From Ben.\n")
    exchange(ann, ben)

    assert ann.text("body") == ben.text("body")
    assert sorted(ann.text("body").splitlines()) == ["From Ann.", "From Ben."]


def test_a_field_that_two_people_set_at_once_shows_both_until_someone_chooses() -> None:
    ann, ben = page(ANN), page(BEN)
    ann.put_fields({"title": "Ann's", "lang": "de"})
    ben.put_fields({"title": "Ben's", "lang": "de"})
    exchange(ann, ben)
    disputed = ann.conflicts("title")

    chosen = ann.read()["title"]
    choice = ben.put_fields({"title": chosen})
    ann.admit(choice, BEN)

    assert disputed == [chosen, *({"Ann's", "Ben's"} - {chosen})]
    assert ann.conflicts("lang") == []
    assert ann.conflicts("title") == ben.conflicts("title") == []
    assert ann.read()["title"] == chosen


def test_a_field_cleared_by_one_and_set_by_another_keeps_what_was_set() -> None:
    ann, ben = page(ANN), page(BEN)
    ann.put_fields({"title": "old"})
    exchange(ann, ben)

    ann.put_fields({"title": None})
    ben.put_fields({"title": "new"})
    exchange(ann, ben)

    assert ann.read() == ben.read() == {"title": "new", "body": "", "notes": ""}


def test_either_branch_of_a_fork_folds_again() -> None:
    ann = page(ANN)
    trunk = [ann.put_fields({"title": "trunk"})]
    left = page(ANN).fold(trunk).put_fields({"title": "left"})
    right = page(ANN).fold(trunk).put_fields({"title": "right"})
    ben = page(BEN).fold([*trunk, left])
    on_left = ben.put_fields({"about": "on the left"})

    document = page().fold([*trunk, left, on_left])
    again = document.fold([*trunk, right])

    with pytest.raises(Malformed):
        document.admit(right, ANN)
    assert document.read()["title"] == "left"
    assert again.read() == {"title": "right", "body": "", "notes": ""}
    assert again.missing(on_left) == [chunk.decode(left).hash]


# Writing


def test_a_profile_is_fields_alone() -> None:
    profile = Document(b"profile of ann", texts=(), actor=ANN)

    raw = profile.put_fields({"name": "Ann", "about": "", "pronouns": None})
    other = Document(b"profile of ann", texts=())
    edit = other.admit(raw, ANN)

    assert other.read() == {"name": "Ann", "about": ""}
    assert (edit.deps, edit.seq, edit.fields) == ((), 1, frozenset({"name", "about"}))
    assert other.read_at(edit.hash) == other.read()
    assert other.read_at() == {}


def test_setting_what_stands_already_makes_no_edit() -> None:
    ann = page(ANN)
    ann.put_fields({"title": "Garden"})
    ann.splice_text("body", "text")

    assert ann.put_fields({"title": "Garden", "about": None}) is None
    assert ann.put_fields({}) is None
    assert ann.splice_text("body", "text") == []


def test_only_the_fields_that_differ_are_in_an_edit() -> None:
    ann = page(ANN)
    ann.put_fields({"title": "Garden", "lang": "de"})

    raw = ann.put_fields({"title": "Garden", "lang": "en"})

    assert [op.key for op in chunk.decode(raw).ops] == ["lang"]


def test_a_long_paste_becomes_several_edits() -> None:
    ann, text = page(ANN), "Grüße, 水 and 😀.\n" * 300

    edits = ann.splice_text("body", text)
    rewritten = ann.splice_text("body", "".join(reversed(text)))
    reader = page().fold([*edits, *rewritten])

    assert len(edits) == 3
    assert max(len(chunk.decode(raw).ops) for raw in edits + rewritten) <= chunk.MAX_OPS
    assert ann.text("body") == reader.text("body") == "".join(reversed(text))


def test_line_ends_of_a_web_form_become_lf() -> None:
    ann = page(ANN)
    ann.splice_text("body", "one\ntwo\n")

    assert ann.splice_text("body", "one\r\ntwo\r\n") == []


@pytest.mark.parametrize(
    "fields",
    [
        {"": "x"},
        {"n" * 65: "x"},
        {"body": "x"},
        {"title": "x" * 16_385},
        {"title": "\ud800"},
        {"\ud800": "x"},
        {f"field {number}": "x" * 16_000 for number in range(9)},
        {f"field {number}": "x" for number in range(501)},
    ],
)
def test_a_field_that_no_node_would_take_is_refused_before_it_is_made(fields: dict[str, str]) -> None:
    ann = page(ANN)

    with pytest.raises(Refused):
        ann.put_fields(fields)

    assert ann.history() == []


def test_the_largest_fields_that_are_taken_fit_one_edit() -> None:
    ann = page(ANN)

    raw = ann.put_fields({f"field {number}": "x" * 16_384 for number in range(8)})

    assert len(raw) < chunk.MAX_CHUNK_BYTES
    assert page().admit(raw, ANN).seq == 1


@pytest.mark.parametrize("text", ["x" * 200_001, "\udfff"])
def test_a_text_that_no_node_would_take_is_refused_before_it_is_made(text: str) -> None:
    ann = page(ANN)

    with pytest.raises(Refused):
        ann.splice_text("body", text)

    assert ann.history() == []


def test_a_text_that_the_document_does_not_have_is_refused() -> None:
    with pytest.raises(Refused):
        page(ANN).splice_text("title", "x")


def test_a_reader_never_commits() -> None:
    with pytest.raises(LocalProtocolError):
        page().put_fields({"title": "x"})


# When the engine fails


def test_a_panic_of_the_engine_is_the_senders_fault_and_harms_nothing() -> None:
    ann = page(ANN)
    ann.put_fields({"title": "Garden"})
    before = ann.read()
    # What the guard keeps out: an index of an actor who is not in the edit's table makes this engine panic.
    header, columns = dissect(page(EVE).splice_text("body", "hello")[0])
    hostile = assemble(header, {**columns, 1: b"\x05\x09"})

    with pytest.raises(Malformed):
        ann._engine.apply(hostile, chunk.unwrap(hostile)[0])

    assert ann.read() == before
    assert ann.splice_text("body", "alive") != []
    assert ann.read() == {**before, "body": "alive"}


def test_an_edit_that_the_engine_holds_back_is_not_kept_by_it() -> None:
    ann, ben = page(ANN), page(BEN)
    first, second = ann.put_fields({"title": "1"}), ann.put_fields({"title": "2"})

    with pytest.raises(Malformed):
        ben._engine.apply(second, chunk.decode(second).hash)
    ben.admit(first, ANN)

    assert ben.read()["title"] == "1"


def test_a_bad_edit_in_a_fold_leaves_the_document_it_came_from_alone() -> None:
    ann = page(ANN)
    raw = ann.put_fields({"title": "1"})

    with pytest.raises(Malformed):
        ann.fold([raw, raw[:-1] + b"!"])

    assert ann.fold([raw, raw]).read() == ann.read()


# Speed


def test_a_document_of_two_thousand_edits_takes_the_next_one_as_fast_as_a_new_one_does() -> None:
    ann, ben = page(ANN), page(BEN)
    for number in range(1_000):
        for raw in ann.splice_text("body", f"{number % 10}" + ann.text("body")[-300:]):
            ben.admit(raw, ANN)
        ann.admit(ben.put_fields({"title": str(number % 7)}), BEN)
    assert len(ben.history()) == 2_000

    spent_s = []
    for number in range(20):
        (raw,) = ann.splice_text("body", ann.text("body") + str(number))
        before = time.process_time()
        ben.admit(raw, ANN)
        spent_s.append(time.process_time() - before)

    assert sorted(spent_s)[10] < 0.003
    assert ben.read() == ann.read()
    assert Document(PAGE, TEXTS).fold(ben.raws()).heads() == ben.heads()
