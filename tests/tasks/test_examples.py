import numpy as np
import pytest

from metier.errors import EmptyDataError, MissingLabelError, TooFewLabelsError, UnknownLabelError
from metier.tasks.examples import check_examples


def test_numbers_the_labels_in_sorted_order():
    examples = check_examples(["x", "y", "z"], ["b", "a", "b"])
    assert examples.classes.tolist() == ["a", "b"]
    assert examples.truth.tolist() == [1, 0, 1]
    assert examples.take(np.array([2, 1])).texts == ["z", "y"]


def test_validation_rows_are_numbered_as_the_training_rows():
    classes = np.array(["a", "b", "c"])
    assert check_examples(["x", "y"], ["c", "a"], classes=classes).truth.tolist() == [2, 0]
    assert check_examples(["x"], ["c"], classes=classes).truth.tolist() == [2]
    with pytest.raises(UnknownLabelError, match="1 labels that the training rows never show: 'd'"):
        check_examples(["x", "y"], ["a", "d"], classes=classes)


def test_numbers_stay_numbers_and_mixed_objects_become_text():
    assert check_examples(["x", "y"], np.array([3, 1])).classes.tolist() == [1, 3]
    assert check_examples(["x", "y"], np.array(["b", "a"], dtype=object)).classes.dtype.kind == "U"


@pytest.mark.parametrize(
    ("X", "y", "error", "words"),
    [
        (["x", "y"], ["a"], ValueError, "2 texts and 1 labels"),
        (["x", "y"], None, ValueError, "y to be passed"),
        (["x", "y"], [["a"], ["b"]], ValueError, "one dimension"),
        (["x", "y"], ["a", None], MissingLabelError, "first at position 1"),
        (["x", "y"], [1.0, float("nan")], MissingLabelError, "1 of 2 labels"),
        (["x", "y"], ["a", "a"], TooFewLabelsError, "all 2 rows have the label 'a'"),
        ([], [], EmptyDataError, "at least one text"),
        (["x", None], ["a", "b"], TypeError, "position 1, found NoneType"),
        ("xy", ["a", "b"], TypeError, "Put it in a list"),
    ],
)
def test_says_what_is_wrong(X, y, error, words):
    with pytest.raises(error, match=words):
        check_examples(X, y)
