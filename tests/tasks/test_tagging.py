"""The label space of spans, and spans that cannot be."""

import pyarrow as pa
import pytest

from metier.data.rows import COLUMN_TYPES, Roles, Rows
from metier.errors import BadSpanError, TooFewLabelsError, UnknownLabelError
from metier.tasks.answers.spans import SPANS, check_spans
from metier.tasks.ner import NamedEntities


def rows(texts, spans):
    column = [[{"start": s, "end": e, "label": label} for s, e, label in row] for row in spans]
    table = pa.table({"text": texts, "spans": pa.array(column, COLUMN_TYPES["spans"])})
    return Rows(table, Roles(text="text", spans="spans"), origin="orders.jsonl")


def test_the_label_space_is_read_off_the_rows():
    found = rows(["Ada in Rome", "nobody"], [[[7, 11, "LOC"], [0, 3, "PER"]], []])
    task = NamedEntities.from_rows(found)
    assert task.labels == ("LOC", "PER")
    assert list(task.items(found)) == ["Ada in Rome", "nobody"]
    assert task.targets(found) == [[[0, 3, "PER"], [7, 11, "LOC"]], []]


@pytest.mark.parametrize(
    ("span", "word"),
    [
        ([3, 3, "x"], "empty"),
        ([-1, 2, "x"], "outside"),
        ([0, 5, "x"], "outside the text, which has 4 characters"),
        (["a", 2, "x"], "not a list of"),
        ([1, 2], "not a list of"),
    ],
)
def test_a_span_that_cannot_be_is_named_with_its_row(span, word):
    with pytest.raises(BadSpanError, match="row 2: ") as error:
        check_spans(["abcd", "abcd"], [[[0, 4, "x"]], [span]])
    assert word in str(error.value)
    assert "1 of 2 rows" in str(error.value)


def test_overlaps_are_refused_and_neighbours_are_not():
    assert check_spans(["abcd"], [[[2, 4, "x"], [0, 2, "x"]]]) == [[[0, 2, "x"], [2, 4, "x"]]]
    with pytest.raises(BadSpanError, match=r"row 1: \[1, 3, 'x'\] overlaps \[0, 2, 'x'\]"):
        check_spans(["abcd"], [[[0, 2, "x"], [1, 3, "x"]]])


def test_only_some_faults_are_shown_and_all_are_counted():
    with pytest.raises(BadSpanError, match="and 4 more rows"):
        check_spans(["a"] * 9, [[[0, 9, "x"]]] * 9)


def test_nothing_to_find_is_refused():
    with pytest.raises(TooFewLabelsError, match=r"orders\.jsonl"):
        NamedEntities.from_rows(rows(["a", "b"], [[], []]))


def test_labels_that_training_never_shows_are_refused():
    with pytest.raises(UnknownLabelError, match="'y'"):
        SPANS.check(["ab"], [[[0, 1, "y"]]], known=SPANS.check(["a"], [[[0, 1, "x"]]]))


def test_a_list_for_each_text():
    with pytest.raises(ValueError, match="found 1"):
        SPANS.check(["a", "b"], [[]])


def test_what_is_held_out_has_texts_with_and_without_spans():
    texts = [f"text {i}" for i in range(40)]
    spans = [[[0, 4, "x"]] if i % 2 else [] for i in range(40)]
    kept, held = SPANS.held_out(SPANS.check(texts, spans), random_state=0)
    assert len(kept) + len(held) == 40
    assert sum(map(bool, held.truth)) == len(held) / 2
    assert not set(kept.items) & set(held.items)
