"""Sets of labels, what a slash means in them, and answers that never contradict the hierarchy."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.data.rows import Roles, Rows
from metier.errors import TooFewLabelsError, UnknownLabelError
from metier.tasks.answers.label_hierarchy import (
    clean,
    from_the_top,
    implied_parents,
    keep_consistent,
    parent_columns,
    raise_below,
)
from metier.tasks.answers.label_set import LABEL_SET
from metier.tasks.multi_label import MultiLabel

TREE = ("bus", "flight", "flight/date", "flight/date/return", "flight/seats", "n/a")


@pytest.fixture
def rows():
    table = pa.table(
        {
            "text": ["a flight on Monday, back on Friday", "a bus", "thanks", "a seat by the window"],
            "labels": [["flight/date/return", "flight/date"], ["bus"], [], ["flight/seats", " flight/seats "]],
        }
    )
    return Rows(table, Roles(text="text", labels="labels"))


def test_parents_are_implied_and_rows_without_labels_stay(rows):
    task = MultiLabel.from_rows(rows)
    assert task.labels == ("bus", "flight", "flight/date", "flight/date/return", "flight/seats")
    assert task.targets(rows) == [
        ["flight", "flight/date", "flight/date/return"],
        ["bus"],
        [],
        ["flight", "flight/seats"],
    ]
    assert list(task.items(rows)) == rows.table.column("text").to_pylist()
    assert task.facts()["is_hierarchical"]


def test_a_slash_alone_is_no_hierarchy():
    labels = ["n/a", "and/or", "km/h", "/", "a//b", "plain"]
    assert implied_parents(labels) == set()
    assert (parent_columns(labels) == -1).all()
    assert MultiLabel.from_labels([[label] for label in labels]).labels == tuple(sorted(labels))


def test_a_parent_is_the_nearest_label_above_even_where_one_between_is_missing():
    columns = parent_columns(("a", "a/b/c", "a/b/c/d"))
    assert columns.tolist() == [-1, 0, 1]
    assert from_the_top(columns) == [0, 1, 2]
    assert from_the_top(np.array([1, 2, -1])) == [2, 1, 0]


def test_blank_labels_are_none_and_repeats_count_once():
    assert clean([" b", "a", "b ", "", "  ", None]) == ["a", "b"]
    assert clean(None) == []


@pytest.mark.parametrize("sets", [[[], [], []], [["a"], ["a"]], [["a", "b"], ["b", "a"]]])
def test_rows_that_say_nothing_are_refused(sets):
    with pytest.raises(TooFewLabelsError, match="--role labels=COLUMN"):
        MultiLabel.from_labels(sets)


@given(
    probabilities=st.lists(
        st.lists(st.floats(0, 1), min_size=len(TREE), max_size=len(TREE)), min_size=1, max_size=5
    ),
    thresholds=st.lists(st.floats(0.01, 0.99), min_size=len(TREE), max_size=len(TREE)),
)
def test_whoever_is_answered_a_label_is_answered_its_parents(probabilities, thresholds):
    parents = parent_columns(TREE)
    given_ones = keep_consistent(np.array(probabilities), parents)
    answered = given_ones >= raise_below(np.array(thresholds), parents)
    for column, above in enumerate(parents):
        if above >= 0:
            assert (given_ones[:, column] <= given_ones[:, above]).all()
            assert answered[~answered[:, above], column].sum() == 0
    # What stands under nothing is left alone.
    np.testing.assert_array_equal(given_ones[:, parents < 0], np.array(probabilities)[:, parents < 0])


def test_fit_is_told_what_is_wrong():
    texts = ["one", "two"]
    with pytest.raises(ValueError, match="2 texts, found 1"):
        LABEL_SET.check(texts, [["a"]])
    with pytest.raises(TypeError, match="position 1, found str"):
        LABEL_SET.check(texts, [["a"], "a"])
    with pytest.raises(UnknownLabelError, match=r"'c' \(1 row\)"):
        LABEL_SET.check(texts, [["a"], ["c"]], known=LABEL_SET.check(texts, [["a"], ["b"]]))


def test_examples_are_zeros_and_ones_with_parents():
    examples = LABEL_SET.check(["x", "y", "z"], [["a/b"], [], {"a", "c"}])
    assert examples.labels.tolist() == ["a", "a/b", "c"]
    assert examples.truth.tolist() == [[True, True, False], [False, False, False], [True, False, True]]
    assert LABEL_SET.sets(examples) == [["a", "a/b"], [], ["a", "c"]]
    assert LABEL_SET.sets(examples.take(np.array([2]))) == [["a", "c"]]


def test_what_is_rare_is_on_both_sides_of_a_split():
    sets = [["common"]] * 60 + [["common", "rare"]] * 10 + [[]] * 30
    examples = LABEL_SET.check([f"text {i}" for i in range(100)], sets)
    parts = list(LABEL_SET.folds(examples, random_state=0))
    assert len(parts) == 5
    for kept, held in ((examples.take(kept), examples.take(held)) for kept, held in parts):
        assert held.truth[:, 1].sum() == 2
        assert (~held.truth.any(axis=1)).sum() == 6
        assert len(kept) + len(held) == 100
